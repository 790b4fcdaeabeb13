"""How a night's end is shown in Prefect: one state, one summary, and the tables behind it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed, Failed, State

from flows.attempt import Ending
from flows.prefect_api import api_is_alive
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.night import Receipt
from tasks.refusals import LockHeldError, NightError

log = logging.getLogger("nightly")


def state_of(endings: Sequence[Ending]) -> State[Any]:
    """Return the state a flow run ends in: that of the worst of its nights, every word of it readable in Prefect's list of runs."""
    worst = max(endings, key=lambda ending: (ending.ending == "failed", ending.exit_code != 0))
    message = _sentence(worst) if len(endings) == 1 else f"{_counted(endings)}. {_sentence(worst)}"
    if worst.exit_code == 0:
        return Completed(message=message)
    return Failed(name="KeptLastGood" if worst.ending == "kept_last_good" else "Failed", message=message)


def refused_state(refusal: NightError) -> State[Any]:
    """Return the state of a run that ended before it touched anything.

    A held lock is no failure of the night, another run is at it: the run ends cancelled, as Prefect's own concurrency limit would have it.
    """
    if isinstance(refusal, LockHeldError):
        return Cancelled(name="LockHeld", message=str(refusal))
    return Failed(message=str(refusal))


def show(endings: Sequence[Ending], receipts: Mapping[str, Receipt]) -> None:
    """Show a summary and its tables on the flow run's page; Prefect unable to take them is a warning, never the end of a night."""
    address = PREFECT_API_URL.value()
    # Prefect's client would try again for a minute, for each of them.
    if address and not api_is_alive(address):
        log.warning("not shown in Prefect: no API answers at %s", address)
        return
    try:
        _create_artifacts(endings, receipts)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here must not undo a publication
        log.warning("not shown in Prefect: %s", error)


def _create_artifacts(endings: Sequence[Ending], receipts: Mapping[str, Receipt]) -> None:
    if len(endings) > 1:
        create_markdown_artifact(_backfill_summary(endings), key="backfill-summary", description=_counted(endings))
        return
    ending = endings[0]
    create_markdown_artifact(_summary(ending), key="night-summary", description=_sentence(ending))
    evaluated, gated = receipts.get("evaluate"), receipts.get("gate")
    if isinstance(evaluated, Evaluated):
        description = f"NDCG@{evaluated.k} of tonight's blend and of simpler rankings, {ending.run_date}"
        create_table_artifact(_ladder_rows(evaluated), key="night-ladder", description=description)
    if isinstance(gated, Gated):
        create_table_artifact(_gate_rows(gated), key="night-gate", description=f"{gated.verdict}, {ending.run_date}: {gated.reason}")


def _sentence(ending: Ending) -> str:
    said = f"{ending.ending}: {ending.reason}" if ending.reason else ending.ending
    return f"{said}. Next: {ending.next_step}" if ending.next_step else said


def _counted(endings: Sequence[Ending]) -> str:
    words = [ending.ending for ending in endings]
    return f"{len(words)} nights: " + ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def _summary(ending: Ending) -> str:
    facts = {"run": ending.run_id, "models": ending.model_version, "seconds": f"{ending.seconds:.1f}", "report": ending.report}
    parts = [f"# {ending.ending} · {ending.run_date}", ending.reason]
    parts += [f"**Next:** `{ending.next_step}`"] if ending.next_step else []
    parts += [_table(("table", "rows"), [(name, f"{rows:,}") for name, rows in ending.rows.items()])] if ending.rows else []
    if ending.ndcg:
        ranked = [(name, f"{value:.4f}") for name, value in ending.ndcg.items() if value is not None]
        parts.append(_table(("ranking", f"NDCG@{ending.k}"), ranked))
    parts.append("\n".join(f"- {name}: `{fact}`" for name, fact in facts.items() if fact))
    return "\n\n".join(part for part in parts if part)


def _backfill_summary(endings: Sequence[Ending]) -> str:
    rows = [(str(ending.run_date), ending.ending, f"{ending.seconds:.1f}", ending.reason, ending.next_step) for ending in endings]
    return f"# {_counted(endings)}\n\n" + _table(("date", "ending", "seconds", "reason", "next"), rows)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _ladder_rows(evaluated: Evaluated) -> list[dict[str, Any]]:
    rows = []
    for rung in evaluated.ladder:
        row = {"ranking": rung.ranking, f"NDCG@{evaluated.k}": rung.ndcg.value, "low": rung.ndcg.low, "high": rung.ndcg.high}
        difference = rung.blend_minus.difference.value if rung.blend_minus else None
        rows.append({**row, f"recall@{evaluated.k}": rung.recall.value, "blend minus it": difference, "users": rung.ndcg.n})
    return rows


def _gate_rows(gated: Gated) -> list[dict[str, Any]]:
    return [
        {"rule": check.name, "passed": check.passed, "value": check.value, "limit": check.limit, "why": check.sentence}
        for check in gated.checks
    ]
