"""Gate: may tonight's models replace the served ones?"""

from __future__ import annotations

import logging

from models.verdict import Check, GateConfig, decide
from tasks.evaluate import Evaluated
from tasks.night import Night, Receipt

log = logging.getLogger("nightly")


class Gated(Receipt, frozen=True):
    """The verdict, its reason in one sentence, and every rule it rests on."""

    publish: bool
    reason: str
    speaker: str | None
    """The model that is served alone, because the blend lost to it."""
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        return "PUBLISH" if self.publish else "HOLD"


def gate(_night: Night, evaluated: Evaluated, config: GateConfig) -> Gated:
    """Decide between PUBLISH and HOLD from the evidence."""
    verdict = decide(evaluated.evidence, config)
    reason = f"the blend loses to {evaluated.speaker}, which is served alone; {verdict.reason}" if evaluated.speaker else verdict.reason
    result = Gated(publish=verdict.publish, reason=reason, speaker=evaluated.speaker, checks=verdict.checks)
    log.info("gate: %s: %s", result.verdict, result.reason)
    return result
