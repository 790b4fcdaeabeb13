"""What a run leaves on its page in Prefect: one summary, the tables behind it, a link to the report, and its tags.

Each flow has keys of its own, so that Prefect's history of a key is the history of that flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows.attempt import Ending
from flows.prefect_endings import counted, sentence, tags_of
from flows.prefect_outage import tell_prefect
from flows.prefect_summary import as_text, backfill_summary, night_summary
from flows.report_address import report_address
from flows.settings import load_settings
from tasks.course import Course, StepCost
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.night import Receipt
from tasks.workspace import Workspace


def key(what: str) -> str:
    """Return the key of one of the artifacts of the flow that runs, such as nightly-summary."""
    return f"{flow_run.flow_name}-{what}"


def show(root: Path, endings: Sequence[Ending], receipts: Mapping[str, Receipt]) -> None:
    """Show how a run's nights ended on its page; Prefect unable to take it is a warning, never the end of a night."""

    def tell() -> None:
        _tag(tags_of(endings))
        if len(endings) > 1:
            create_markdown_artifact(backfill_summary(endings), key=key("summary"), description=counted(endings))
        else:
            _show_night(root, endings[0], receipts)

    tell_prefect("not shown in Prefect", tell)


def show_rolled_back(text: str, tags: set[str]) -> None:
    """Show on a run's page which date is served now."""

    def tell() -> None:
        _tag(tags)
        create_markdown_artifact(f"# {text}", key=key("summary"), description=text)

    tell_prefect("not shown in Prefect", tell)


def _tag(tags: set[str]) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, tags=sorted({*flow_run.tags, *tags}))


def _show_night(root: Path, ending: Ending, receipts: Mapping[str, Receipt]) -> None:
    steps, day = _course(root, ending, receipts), ending.run_date
    create_markdown_artifact(night_summary(ending, receipts, steps), key=key("summary"), description=as_text(sentence(ending)))
    if ending.report:
        address = report_address(Path(ending.report), load_settings(root).report)
        create_link_artifact(link=address, link_text=f"Report of {day}", key=key("report"), description=f"The report of {day}")
    evaluated, gated = receipts.get("evaluate"), receipts.get("gate")
    if isinstance(evaluated, Evaluated):
        description = f"NDCG@{evaluated.k} of tonight's blend and of simpler rankings, {day}"
        create_table_artifact(_ladder_rows(evaluated), key=key("ladder"), description=description)
    if isinstance(gated, Gated):
        create_table_artifact(_gate_rows(gated), key=key("gate"), description=f"{gated.verdict}, {day}: {as_text(gated.reason)}")
    if steps:
        create_table_artifact([cost.model_dump() for cost in steps], key=key("steps"), description=f"What each step cost, {day}")


def _course(root: Path, ending: Ending, receipts: Mapping[str, Receipt]) -> tuple[StepCost, ...]:
    """Read what this run's steps cost from its line in runs.jsonl, the last one; a run without steps has a line without them."""
    attempts = Workspace(root).attempts()
    if not receipts or not attempts or attempts[-1]["run_id"] != ending.run_id:
        return ()
    return Course.model_validate({"steps": (), "sizes": None} | attempts[-1]).steps


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
