"""Churn: how much of the lists served before stands in tonight's staged lists."""

from __future__ import annotations

import logging

import pyarrow.parquet as pq

from models.churn import judge_overlap
from models.evidence import Check, GateConfig, not_judged
from models.gate_rules import TRAILING_NIGHTS
from tasks.champion import same_settings, served_table
from tasks.gate import Gated
from tasks.night import Night
from tasks.published_table import same_ids
from tasks.refusals import NightHeldError
from tasks.trail import earlier_qualities
from tasks.warehouse import Warehouse

log = logging.getLogger("nightly")


def churn(night: Night, warehouse: Warehouse, k: int, config: GateConfig, gated: Gated | None) -> Check:
    """Measure how much of the lists served before is shown again, a mean over users, and judge it.

    Where models were asked for by hand, tonight (there is no gate) or before (there is no quality), where other models speak or other
    policies hold than before, and where users tire of items, the lists have to change: it is then measured, and only warned of. Raises
    NightHeldError where the lists change so much that they must not be served unasked.
    """
    manifest, (served, why_not) = night.champion_manifest(), served_table(night)
    if manifest is None or served is None:
        return not_judged("overlap", f"not compared with what was served before: {why_not}")
    staged = night.staged_table("recommendations")
    if not same_ids(served, pq.read_schema(staged)):
        return not_judged("overlap", "ids are of another type than in the lists served before")
    rows = warehouse.arrow("checks.kept_places", served=str(served), recommendations=str(staged), k=k).to_pylist()
    n_users = sum(row["n_users"] for row in rows)
    if not n_users:
        return not_judged("overlap", "nobody has both a list tonight and one served before that may still be shown")
    overlap = sum(row["n_users"] * row["kept"] / row["places"] for row in rows) / n_users
    found = judge_overlap(overlap, _trailing(night), config)
    before = manifest["quality"]
    other_speaker = gated is None or before is None or gated.speaker != before.get("speaker")
    why = "other models speak tonight" if other_speaker else _decided(night)
    if not found.check.passed and not why:
        raise NightHeldError(
            "tonight's lists",
            f"at least {found.check.limit:.1%} of what was served and may still be shown",
            f"{overlap:.1%}",
            "look at what changed; NIGHTLY__GATE__MIN_OVERLAP=0 nightly run lets it pass",
        )
    if found.warn:
        log.warning("check: %s", found.check.sentence)
    if why:
        return Check("overlap", passed=True, value=overlap, limit=None, sentence=f"{overlap:.1%} is shown again; {why}")
    return found.check


def _decided(night: Night) -> str:
    """Say what people have decided that changes lists: other policies than the served night's, or that users tire; nothing otherwise."""
    if not same_settings(night, "policies", "experiment"):
        return "other policies are in force tonight"
    fatigue = night.origin.get("settings", {}).get("policies", {}).get("fatigue", {})
    return "what was shown too often is left out" if fatigue.get("nights") else ""


def _trailing(night: Night) -> tuple[float, ...]:
    """Return the overlap of the nights published lately, oldest first."""
    measured = [quality["overlap"] for quality in earlier_qualities(night) if quality.get("overlap") is not None]
    return tuple(measured[-TRAILING_NIGHTS:])
