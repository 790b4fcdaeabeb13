"""What one glance at a run should tell, as Markdown: verdict, why and what to do first, then the figures behind them.

Nothing of Prefect's is needed to write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from flows.attempt import Ending
from flows.prefect_endings import counted
from tasks.check import Checked
from tasks.course import StepCost
from tasks.derive import Derived
from tasks.evaluate import Evaluated
from tasks.night import Receipt
from tasks.rankings import BLEND
from tasks.score import Scored
from tasks.stage import Staged
from tasks.train import POPULARITY

VERDICTS = {
    "published": "Published",
    "unchanged": "Nothing to change",
    "skipped": "Skipped, nothing new",
    "kept_last_good": "Kept the last good tables",
    "failed": "Failed",
}
SHOWN_DELIVERIES = 20


def night_summary(ending: Ending, receipts: Mapping[str, Receipt], steps: Sequence[StepCost] = ()) -> str:
    """Write the summary of one night from its ending, the receipts of its steps and what each of these cost."""
    parts = [f"# {VERDICTS.get(ending.ending, ending.ending)} · {ending.run_date}", as_text(ending.reason)]
    parts.append(
        f"**Next:** {_code(ending.next_step)}" if ending.next_step else "**Next:** nothing to do." if ending.exit_code == 0 else ""
    )
    sections = {
        "Quality": _quality(receipts.get("evaluate")),
        "What changed": _changes(receipts.get("derive"), receipts.get("check")),
        "What came in": _deliveries(receipts.get("stage")),
        "What is served": _served(ending, receipts.get("score")),
        "Seconds": _seconds(ending, steps),
        "Where to look": "\n".join(_places(ending)),
    }
    parts += [f"## {title}\n\n{text}" for title, text in sections.items() if text]
    return "\n\n".join(part for part in parts if part)


def backfill_summary(endings: Sequence[Ending]) -> str:
    """Write the summary of a range of nights, a line for each."""
    rows = [(str(ending.run_date), ending.ending, f"{ending.seconds:.1f}", ending.reason, ending.next_step) for ending in endings]
    return f"# {counted(endings)}\n\n" + _table(("date", "ending", "seconds", "reason", "next"), rows)


def _quality(evaluated: Receipt | None) -> str:
    """Put tonight's blend beside popularity, which costs nothing and is what any model has to beat, and then the other rankings."""
    if not isinstance(evaluated, Evaluated):
        return ""
    value = {rung.ranking: rung.ndcg.value for rung in evaluated.ladder}
    blend, popularity = value.get(BLEND), value.get(POPULARITY)
    said = f"NDCG@{evaluated.k} of tonight's blend **{_figure(blend)}**, of popularity {_figure(popularity)}"
    said += f": {blend / popularity:.1f} times as much." if blend and popularity else "."
    if evaluated.speaker:
        said += f" The blend loses to {evaluated.speaker}, which is served alone."
    rows = [
        (rung.ranking, _figure(rung.ndcg.value), f"{_figure(rung.ndcg.low)} to {_figure(rung.ndcg.high)}", f"{rung.ndcg.n:,}")
        for rung in sorted(evaluated.ladder, key=lambda rung: (rung.ranking not in (BLEND, POPULARITY), rung.ranking != BLEND))
    ]
    missing = "".join(f"\n- {name} is missing tonight: {as_text(why)}" for name, why in evaluated.missing.items())
    return f"{said}\n\n{_table(('ranking', f'NDCG@{evaluated.k}', 'interval', 'users'), rows)}" + (f"\n{missing}" if missing else "")


def _changes(derived: Receipt | None, checked: Receipt | None) -> str:
    lines = []
    if isinstance(checked, Checked) and checked.overlap is not None:
        lines.append(f"- {checked.overlap:.0%} of what was shown before is shown again")
    if isinstance(derived, Derived):
        lines += [f"- {cause.replace('_', ' ')}: {rows:,} rows of `changes`" for cause, rows in derived.changes.items() if rows]
        lines += [f"- **unusual:** {as_text(fact)}" for fact in derived.unusual]
    return "\n".join(lines)


def _deliveries(staged: Receipt | None) -> str:
    """Tell what became of tonight's files; an empty table would only say that nothing came."""
    if not isinstance(staged, Staged):
        return ""
    new = [volume for volume in staged.volumes if volume.is_new]
    rejected = sum(volume.rejected for volume in new)
    said = f"{len(new)} new files, {rejected:,} rows rejected" + (": see the table `rejects`." if rejected else ".")
    rows = [
        (f"{volume.source}/{volume.name}", *(f"{n:,}" for n in (volume.accepted, volume.rejected, volume.duplicates, volume.waiting)))
        for volume in sorted(new, key=lambda volume: -volume.rejected)[:SHOWN_DELIVERIES]
    ]
    heading = ("file", "accepted", "rejected", "duplicates", "for a later night")
    warnings = [f"- {as_text(warning)}" for warning in staged.warnings]
    return "\n\n".join(part for part in (said, _table(heading, rows) if rows else "", "\n".join(warnings)) if part)


def _served(ending: Ending, scored: Receipt | None) -> str:
    if not ending.rows:
        return ""
    table = _table(("table", "rows"), [(name, f"{n:,}") for name, n in ending.rows.items()])
    if not isinstance(scored, Scored):
        return table
    return f"Lists for {scored.users:,} users, up to {scored.k} items each; {scored.short_lists:,} shorter ones.\n\n{table}"


def _seconds(ending: Ending, steps: Sequence[StepCost]) -> str:
    rows = [(cost.step, f"{cost.seconds:.1f}", f"{cost.peak_bytes / 1e9:.1f} GB") for cost in steps]
    return _table(("step", "seconds", "memory by its end"), [*rows, ("all", f"{ending.seconds:.1f}", "")]) if rows else ""


def _places(ending: Ending) -> Iterator[str]:
    facts = {"run": ending.run_id, "models": ending.model_version, "report": ending.report, "seconds": f"{ending.seconds:.1f}"}
    yield from (f"- {name}: {_code(fact)}" for name, fact in facts.items() if fact)


def as_text(text: str) -> str:
    """Write what may quote a delivery so that Markdown takes it for text: no HTML, no link, no picture that would be fetched."""
    return escape(re.sub(r"([\\`*\[\]|])", r"\\\1", text), quote=False)


def _code(text: str) -> str:
    """Write a text as code, whatever backticks it has itself."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; a cell may quote a delivery, and must not end its column."""
    lines = [heading, ["---"] * len(heading), *([as_text(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
