"""Gate: may tonight's models replace the served ones?"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date

from models.evidence import Check, GateConfig, not_judged
from models.verdict import decide
from tasks.evaluate import Evaluated
from tasks.night import Night, Receipt
from tasks.trail import LAST_RESORT
from tasks.train import POPULARITY

log = logging.getLogger("nightly")


class Gated(Receipt, frozen=True):
    """The verdict, its reason in one sentence, and every rule it rests on."""

    publish: bool
    reason: str
    speaker: str | None
    """The model that is served alone: because the blend lost to it, or as the `last_resort`."""
    checks: tuple[Check, ...]
    ndcg: float | None = None
    """NDCG of what may be published, at the length the gate judges by."""
    last_resort: bool = False
    """Whether tonight's models were refused, but the last good table is so old that popularity is served instead."""

    @property
    def verdict(self) -> str:
        return "PUBLISH" if self.publish else "HOLD"


def gate(night: Night, evaluated: Evaluated, config: GateConfig) -> Gated:
    """Decide between PUBLISH and HOLD from the evidence; where the last good table is too old, popularity is published on HOLD."""
    verdict = decide(evaluated.evidence, config)
    age = _age_of_last_good(night, config)
    last_resort = not verdict.publish and not age.passed
    speaker = POPULARITY if last_resort else evaluated.speaker
    said = [f"degraded, without {', '.join(f'{name} ({why})' for name, why in evaluated.missing.items())}"] if evaluated.missing else []
    if last_resort:
        said.append(f"{age.sentence}, {LAST_RESORT}")
    elif speaker:
        said.append(f"the blend loses to {speaker}, which is served alone")
    result = Gated(
        publish=verdict.publish or last_resort,
        reason="; ".join((*said, verdict.reason)),
        speaker=speaker,
        checks=(*verdict.checks, age if last_resort else replace(age, passed=True)),
        ndcg=_popularitys(evaluated) if last_resort else evaluated.evidence.ndcg.value,
        last_resort=last_resort,
    )
    log.info("gate: %s: %s", result.verdict, result.reason)
    return result


def _age_of_last_good(night: Night, config: GateConfig) -> Check:
    """Say how old the last published table is; one that is too old fails, which makes a refused night serve popularity."""
    served = night.champion_manifest()
    if served is None or config.popularity_after_days is None:
        return not_judged("last_good", "nothing is served yet" if served is None else "no age of the last good table is too old")
    days, limit = (night.run_date - date.fromisoformat(served["run_date"])).days, config.popularity_after_days
    sentence = f"the last good table, of {served['run_date']}, is {days} days old, too old from {limit} on"
    return Check("last_good", days < limit, days, limit, sentence)


def _popularitys(evaluated: Evaluated) -> float | None:
    return next((rung.ndcg.value for rung in evaluated.ladder if rung.ranking == POPULARITY), None)
