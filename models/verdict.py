"""Decide whether tonight's models may replace the served ones, and say why in one sentence.

The numbers are measured elsewhere; here they are only weighed. What is measured and bad holds the night, so that the last good table
stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from models import gate_rules as rules
from models.evidence import Check, Evidence, GateConfig, Slice

__all__ = ["Check", "Evidence", "GateConfig", "Slice", "Verdict", "decide"]


@dataclass(frozen=True)
class Verdict:
    """Whether to publish, the reason in one sentence, and every rule it rests on."""

    publish: bool
    reason: str
    checks: tuple[Check, ...]


def decide(evidence: Evidence, config: GateConfig) -> Verdict:
    """Weigh the evidence of one night: publish if every rule passes."""
    enough = rules.enough_users(evidence.ndcg, config)
    if not enough.passed:
        return Verdict(publish=False, reason=enough.sentence, checks=(enough,))
    mixed, champion = rules.mixed_users(evidence.judged), rules.against_champion(evidence, config)
    checks = (
        enough,
        mixed,
        rules.against_popularity(evidence),
        champion,
        *rules.slices(evidence, config),
        rules.against_reference(evidence, config),
        rules.trailing_band(evidence, config),
        rules.best_night(evidence, config),
        *rules.no_collapse(evidence, config),
    )
    failed = [check.sentence for check in checks if not check.passed]
    if failed:
        return Verdict(publish=False, reason="; ".join(failed), checks=checks)
    reason = f"{champion.sentence}; NDCG@{evidence.k} {rules.with_ends(evidence.ndcg, '.4f')}"
    one_sided = f"; {mixed.sentence}" if (mixed.value or 0) >= rules.ONE_SIDED and len(evidence.judged) > 1 else ""
    return Verdict(publish=True, reason=reason + one_sided, checks=checks)
