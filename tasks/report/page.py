"""The page itself: one file that asks nothing of the network, whatever a delivery says; its one script only filters what it shows."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tasks.memory import spelled_bytes
from tasks.refusals import spelled_out
from tasks.report import (
    calibration,
    changes,
    coverage,
    deliveries,
    drawing,
    earlier,
    lookup,
    quality,
    record,
    training,
    verdict,
    volumes,
    weights,
)
from tasks.report.plot import HEIGHT, LEFT, RIGHT, WIDTH
from tasks.report.telling import Telling

log = logging.getLogger("nightly")

View = Callable[[Telling], Any]
"""Gathers what a section shows; what is empty has no section."""


@dataclass(frozen=True)
class Section:
    """One section of the page: its anchor, which also names its template, its title, and what it shows."""

    name: str
    title: str
    view: View


def _receipt(name: str) -> View:
    return lambda telling: getattr(telling.story, name)


PARTS: dict[str, tuple[Section, ...]] = {
    "Verdict": (
        Section("gate", "Why", verdict.gate),
        Section("warnings", "Warnings", verdict.warnings),
    ),
    "What came in": (
        Section("volumes", "Tonight beside other nights", volumes.volumes),
        Section("deliveries", "Deliveries", deliveries.deliveries),
        Section("left-out", "Files that wait or were set aside", deliveries.left_out),
        Section("rejects", "Rejected rows", lambda telling: telling.account.refused),
        Section("validation", "Validation", lambda telling: telling.story.validated or telling.docs),
        Section("policies", "Policies in force", _receipt("declared")),
    ),
    "How good it is": (
        Section("split", "What was learned from", _receipt("prepared")),
        Section("training", "Training", training.trainings),
        Section("weights", "Blend weights", weights.weights),
        Section("ladder", "Ladder of baselines", quality.ladder),
        Section("metrics", "Metrics by segment", quality.metric_grids),
        Section("calibration", "Calibration", calibration.reliability),
        Section("outcomes", "How earlier nights turned out", earlier.outcomes),
    ),
    "What people get": (
        Section("coverage", "Coverage and exposure", coverage.coverage),
        Section("costs", "What policies cost", quality.policy_costs),
        Section("experiment", "Experiment", quality.experiment),
        Section("changes", "Changes since the night before", changes.changes),
        Section("look-up", "Look up a user", lookup.people),
    ),
    "For the record": (
        Section("promises", "Promises", _receipt("checked")),
        Section("steps", "Time and memory", record.timed_steps),
        Section("files", "Files", record.served_files),
        Section("versions", "Versions", record.versions),
        Section("again", "Run it again", lambda telling: telling.story.command),
    ),
}
"""Part of the page -> its sections, in the order of reading."""


@dataclass(frozen=True)
class Written:
    """A section that has something to say, as HTML."""

    name: str
    title: str
    html: Markup


def render(telling: Telling) -> str:
    """Return the page of a night; equal accounts and files give equal pages."""
    pages = environment()
    known = {"telling": telling, "account": telling.account, "story": telling.story}
    parts = {part: [_written(pages, section, telling, known) for section in sections] for part, sections in PARTS.items()}
    return pages.get_template("page.html.jinja").render(
        **known,
        parts={part: [one for one in written if one] for part, written in parts.items()},
        **style_and_script("style.css.jinja", "script.js.jinja"),
        headline=verdict.headline(telling.story.ending),
        next_step=verdict.next_step(telling),
        facts=verdict.facts(telling),
        figures=verdict.figures(telling),
    )


def _written(pages: Environment, section: Section, telling: Telling, known: dict[str, Any]) -> Written | None:
    try:
        shown = section.view(telling)
        if not shown:
            return None
        html = pages.get_template(f"sections/{section.name}.html.jinja").render(shown=shown, **known).strip()
    except Exception as error:  # noqa: BLE001 - a damaged table of an earlier night must not cost tonight's whole page
        log.warning("report: %s cannot be told: %s", section.title, error)
        html = Markup('<p class="quiet">This part cannot be told: {}</p>').format(error)
    return Written(section.name, section.title, Markup(html)) if html else None  # noqa: S704 - rendered with escaping


def style_and_script(style: str, script: str) -> dict[str, str]:
    """Return the one style and the one script of a page, each with the hash by which the page's policy honours it and no other."""
    pages, found = environment(), dict[str, str]()
    for what, name in (("style", style), ("script", script)):
        found[what] = Markup(pages.get_template(name).render().strip())  # noqa: S704 - a file of this package, without parameters
        found[f"{what}_hash"] = b64encode(sha256(found[what].encode()).digest()).decode()
    return found


@cache
def environment() -> Environment:
    """Return what pages are rendered with: what is not ours is escaped, and no character hides or turns others."""
    pages = Environment(
        loader=PackageLoader("tasks.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    pages.filters |= {"amount": _amount, "measured": _measured, "size": spelled_bytes, "words": _words}
    pages.globals |= {"bar_width": drawing.BAR_WIDTH, "colours": lookup.COLOURS, "lookup_width": lookup.BAR_WIDTH}
    pages.globals |= {"plot_size": (WIDTH, HEIGHT, LEFT, RIGHT), "spark_size": (volumes.SPARK_WIDTH, volumes.SPARK_HEIGHT)}
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


def _words(name: str) -> str:
    """Write a name of the code as words."""
    return name.replace("_", " ")
