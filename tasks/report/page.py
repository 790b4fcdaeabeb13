"""The page itself: one file that asks nothing of the network and runs nothing, whatever a delivery says."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tasks.night import Night
from tasks.refusals import spelled_out
from tasks.report import deliveries, drawing, quality, record
from tasks.report.story import Story

HEADLINES = {
    "published": "Published",
    "unchanged": "Unchanged",
    "skipped": "Skipped",
    "kept_last_good": "Kept the last good tables",
    "failed": "Failed",
}


def render(night: Night, story: Story, docs: str | None) -> str:
    """Return the page of a night; `docs` is where its Data Docs lie, relative to the page."""
    pages = _environment()
    # Made by us alone, and part of the policy by its hash: no other style, and no script at all, is honoured.
    style = Markup(pages.get_template("style.html.jinja").render())  # noqa: S704 - a file of this package, without parameters
    return pages.get_template("page.html.jinja").render(
        night=night,
        story=story,
        docs=docs,
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        headline=HEADLINES.get(story.ending, story.ending),
        drawing=drawing,
        facts=record.facts(night, story),
        deliveries=deliveries.deliveries(story),
        broken_rules=deliveries.broken_rules(night, story),
        trainings=quality.trainings(story),
        ladder=quality.ladder(story),
        weights=quality.weights(night, story),
        grids=quality.metric_grids(night, story),
        coverage=quality.coverage(night, story),
        steps=record.timed_steps(night),
        files=record.served_files(night, story),
        versions=record.versions(night),
    )


def _environment() -> Environment:
    pages = Environment(
        loader=PackageLoader("tasks.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    pages.filters |= {"amount": _amount, "measured": _measured, "size": _size, "words": _words}
    return pages


def _visible(value: object) -> object:
    """Spell out characters that could hide or reorder text, such as the right-to-left override; markup of ours passes."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "\n".join(spelled_out(line) for line in value.split("\n"))


def _amount(value: float | None) -> str:
    """Write a count, with a dash where there is none."""
    return "-" if value is None else f"{value:,.0f}"


def _measured(value: float | None, form: str = ".4f") -> str:
    """Write a measurement, with a dash where there is none."""
    return "-" if value is None else f"{value:{form}}"


def _size(n_bytes: float) -> str:
    """Write a number of bytes in the unit that leaves it short."""
    units = iter(("B", "KiB", "MiB", "GiB"))
    unit = next(units)
    while n_bytes >= 1024 and unit != "GiB":
        n_bytes, unit = n_bytes / 1024, next(units)
    return f"{n_bytes:.3g} {unit}" if n_bytes < 1000 else f"{n_bytes:.0f} {unit}"


def _words(name: str) -> str:
    """Write a name of the code as words."""
    return name.replace("_", " ")
