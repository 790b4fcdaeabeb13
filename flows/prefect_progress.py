"""How far a run is, as a progress artifact on its page: one bar, moved after each step by what that step usually takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.prefect_outage import tell_prefect
from tasks.course import last_costs
from tasks.night import Night

TAKE_IN = ("ingest", "stage", "validate", "keep")
LEARN = (*TAKE_IN, "prepare", "train", "blend", "evaluate", "gate", "refit")
NIGHT = (*LEARN, "score", "derive", "check", "publish")
RETRAIN = (*LEARN, "keep_models")
REPUBLISH = (*TAKE_IN, "prepare", "adopt", "score", "derive", "check", "publish")
"""Flow -> its steps, in order. A step that is not named here, as one that only some settings ask for, does not move the bar."""


@dataclass
class Progress:
    """The bar of one run over one or several nights; one that Prefect did not take once is given up, the night goes on."""

    key: str
    steps: tuple[str, ...]
    first: date | None = None
    last: date | None = None
    weights: dict[str, float] = field(default_factory=dict)
    bar: UUID | None = None
    is_given_up: bool = False

    def done(self, step: str, night: Night) -> None:
        """Move the bar to the end of a step."""
        if self.is_given_up or step not in self.steps:
            return
        if self.bar is None:
            self.weights = _usual_seconds(night, self.steps)
        share, said = self._share(step, night), f"{night.run_date}: {step} is done, {self.steps.index(step) + 1} of {len(self.steps)} steps"
        self.bar = tell_prefect("progress is not shown in Prefect", lambda: self._move(100 * share, said))
        self.is_given_up = self.bar is None

    def _share(self, step: str, night: Night) -> float:
        done = sum(self.weights[name] for name in self.steps[: self.steps.index(step) + 1]) / sum(self.weights.values())
        if self.first is None or self.last is None:
            return done
        return ((night.run_date - self.first).days + done) / ((self.last - self.first).days + 1)

    def _move(self, percent: float, said: str) -> UUID:
        if self.bar is None:
            created: UUID = create_progress_artifact(progress=percent, key=self.key, description=said)
            return created
        update_progress_artifact(artifact_id=self.bar, progress=percent, description=said)
        return self.bar


def _usual_seconds(night: Night, steps: tuple[str, ...]) -> dict[str, float]:
    """Return what each step took the last time; all count alike where one of them is not known."""
    before = last_costs(night.workspace, night.run_date)
    known = {cost.step: max(cost.seconds, 0.01) for cost in before.steps} if before else {}
    return {step: known[step] for step in steps} if known.keys() >= set(steps) else dict.fromkeys(steps, 1.0)
