"""Churn: how much of the lists served before stands in tonight's staged lists."""

from __future__ import annotations

import logging

import pyarrow.parquet as pq

from models.churn import judge_overlap
from models.evidence import Check, GateConfig, not_judged
from models.gate_rules import TRAILING_NIGHTS
from tasks.champion import served_table
from tasks.gate import Gated
from tasks.night import Night
from tasks.refusals import NightHeldError
from tasks.trail import earlier_qualities
from tasks.warehouse import Warehouse

log = logging.getLogger("nightly")

IDS = ("user_id", "item_id")


def churn(night: Night, warehouse: Warehouse, k: int, config: GateConfig, gated: Gated | None) -> Check:
    """Measure how much of the lists served before is shown again, a mean over users, and judge it.

    Where models were asked for by hand, tonight (there is no gate) or before (there is no quality), and where other models speak than
    before, the lists have to change: it is then measured, and only warned of. Raises NightHeldError where the lists change so much that
    they must not be served unasked.
    """
    manifest, (served, why_not) = night.champion_manifest(), served_table(night)
    if manifest is None or served is None:
        return not_judged("overlap", f"not compared with what was served before: {why_not}")
    staged = night.staged_table("recommendations")
    if [pq.read_schema(served).field(name).type for name in IDS] != [pq.read_schema(staged).field(name).type for name in IDS]:
        return not_judged("overlap", "ids are of another type than in the lists served before")
    rows = warehouse.arrow("checks.kept_places", served=str(served), recommendations=str(staged), k=k).to_pylist()
    n_users = sum(row["n_users"] for row in rows)
    if not n_users:
        return not_judged("overlap", "nobody has both a list tonight and one served before that may still be shown")
    overlap = sum(row["n_users"] * row["kept"] / row["places"] for row in rows) / n_users
    found = judge_overlap(overlap, _trailing(night), config)
    before = manifest["quality"]
    expected_change = gated is None or before is None or gated.speaker != before.get("speaker")
    if not found.check.passed and not expected_change:
        raise NightHeldError(
            "tonight's lists",
            f"at least {found.check.limit:.1%} of what was served and may still be shown",
            f"{overlap:.1%}",
            "look at what changed; NIGHTLY__GATE__MIN_OVERLAP=0 nightly run lets it pass",
        )
    if found.warn:
        log.warning("check: %s", found.check.sentence)
    if expected_change:
        return Check(
            "overlap", passed=True, value=overlap, limit=None, sentence=f"{overlap:.1%} is shown again; other models speak tonight"
        )
    return found.check


def _trailing(night: Night) -> tuple[float, ...]:
    """Return the overlap of the nights published lately, oldest first."""
    measured = [quality["overlap"] for quality in earlier_qualities(night) if quality.get("overlap") is not None]
    return tuple(measured[-TRAILING_NIGHTS:])
