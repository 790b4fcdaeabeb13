"""The verdict: how the night ended, the figures by which a reader knows it, and the rules it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.evidence import Check
from tasks.report.drawing import Figure
from tasks.report.telling import Telling
from tasks.train import POPULARITY

HEADLINES = {
    "published": "Published",
    "unchanged": "Unchanged",
    "skipped": "Skipped",
    "kept_last_good": "Kept the last good tables",
    "failed": "Failed",
}


@dataclass(frozen=True)
class Gate:
    """The gate's rules: those that failed, those that hold and those that could not be judged."""

    verdict: str
    failed: list[Check]
    passed: list[Check]
    not_judged: list[Check]

    @property
    def checks(self) -> list[Check]:
        return [*self.failed, *self.passed, *self.not_judged]


def headline(ending: str) -> str:
    """Say an ending in words."""
    return HEADLINES.get(ending, ending)


def next_step(telling: Telling) -> str:
    """Return what to do first; whoever reads it has the report open already."""
    story = telling.story
    return story.next_step.replace("read the report", "read on") or ("nothing needs to be done." if story.went_well else "")


def facts(telling: Telling) -> dict[str, str]:
    """Return what identifies the night and what is served after it, in the order of reading."""
    account, story = telling.account, telling.story
    known = {
        "Date": str(account.run_date),
        "Started": f"{account.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "Newest event seen": story.prepared.data_through if story.prepared else None,
        "Served after it": account.served,
        "Night to beat": account.champion,
        "Models": story.refitted.model_version if story.refitted else None,
        "Run": account.run_id,
        "Attempt": account.attempt_id,
    }
    return {name: value for name, value in known.items() if value}


def figures(telling: Telling) -> list[Figure]:
    """Return the few numbers that say how the night was; what it did not come to is missing."""
    return [*_of_quality(telling), *_of_lists(telling), *_of_the_run(telling)]


def _of_quality(telling: Telling) -> Iterator[Figure]:
    evaluated = telling.story.evaluated
    if evaluated is None or evaluated.evidence.ndcg.value is None:
        return
    popular = next((rung.ndcg.value for rung in evaluated.ladder if rung.ranking == POPULARITY), None)
    beside = "" if popular is None else f"popularity alone {popular:.3f}"
    yield Figure(f"NDCG@{evaluated.k}", f"{evaluated.evidence.ndcg.value:.3f}", beside)


def _of_lists(telling: Telling) -> Iterator[Figure]:
    counts = {fact["fact"]: fact["value"] for fact in telling.rows("coverage", ("subject", "=", ""))}
    if "users_served" in counts:
        yield Figure("users with a list", f"{counts['users_served']:,.0f}", f"of {counts.get('users_known', counts['users_served']):,.0f}")
    if "items_shown" in counts:
        among = counts.get("items_recommendable")
        yield Figure("items shown", f"{counts['items_shown']:,.0f}", f"of {among:,.0f} that may be" if among else "")
    checked = telling.story.checked
    if checked and checked.overlap is not None:
        yield Figure("of the last lists kept", f"{checked.overlap:.0%}", "of what may still be shown")


def _of_the_run(telling: Telling) -> Iterator[Figure]:
    if telling.story.staged:
        new = [volume for volume in telling.story.staged.volumes if volume.is_new]
        refused = sum(volume.rejected for volume in new)
        yield Figure("new rows", f"{sum(volume.counted + volume.waiting for volume in new):,}", f"{refused:,} refused")
    if telling.account.steps:
        seconds = sum(step.seconds for step in telling.account.steps)
        peak = max(step.peak_bytes for step in telling.account.steps)
        yield Figure("time at work", _duration(seconds), f"{peak / 1e9:.1f} GB of memory")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def gate(telling: Telling) -> Gate | None:
    """Return the gate's rules; None where it was not asked."""
    gated = telling.story.gated
    if gated is None:
        return None
    passed = [check for check in gated.checks if check.passed]
    return Gate(
        gated.verdict,
        [check for check in gated.checks if not check.passed],
        [check for check in passed if check.value is not None],
        [check for check in passed if check.value is None],
    )


def warnings(telling: Telling) -> dict[str, tuple[str, ...]]:
    """Return what an operator should know although it stopped nothing, by what it is about."""
    story = telling.story
    about = {
        "Input": (story.staged.warnings if story.staged else ()) + (story.validated.warnings if story.validated else ()),
        "Models": tuple(f"{name} is missing tonight: {why}" for name, why in (story.evaluated.missing if story.evaluated else {}).items()),
        "Policies": story.declared.findings if story.declared else (),
        "Unusual tonight": story.derived.unusual if story.derived else (),
    }
    return {name: told for name, told in about.items() if told}
