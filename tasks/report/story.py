"""What there is to tell of a night: the receipts it left, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from tasks.blend import Blended
from tasks.check import Checked
from tasks.derive import Derived
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.ingest import Delivered
from tasks.night import Receipt
from tasks.policies.declare import Declared
from tasks.prepare import Prepared
from tasks.publish import Published
from tasks.refit import Refitted
from tasks.score import Scored
from tasks.stage import Staged
from tasks.train import Trained
from tasks.validate import Validated

RECEIPTS = {
    "ingest": "delivered",
    "stage": "staged",
    "validate": "validated",
    "prepare": "prepared",
    "declare": "declared",
    "train": "trained",
    "blend": "blended",
    "evaluate": "evaluated",
    "gate": "gated",
    "refit": "refitted",
    "adopt": "refitted",
    "score": "scored",
    "derive": "derived",
    "check": "checked",
    "publish": "published",
}
"""Step -> what its receipt is called here; a republished night adopts the set of models that others refit."""


class Story(BaseModel, frozen=True, extra="forbid"):
    """How a night ended and why, the command that runs it again, what to do first, and every receipt left on the way there."""

    ending: str
    reason: str
    command: str
    next_step: str = ""
    delivered: Delivered | None = None
    staged: Staged | None = None
    validated: Validated | None = None
    prepared: Prepared | None = None
    declared: Declared | None = None
    trained: Trained | None = None
    blended: Blended | None = None
    evaluated: Evaluated | None = None
    gated: Gated | None = None
    refitted: Refitted | None = None
    scored: Scored | None = None
    derived: Derived | None = None
    checked: Checked | None = None
    published: Published | None = None

    @classmethod
    def of(cls, receipts: Mapping[str, Receipt], *, ending: str, reason: str, command: str, next_step: str = "") -> Story:
        """Gather a story from receipts by the name of their step; steps the page does not tell of are passed over."""
        known: dict[str, Any] = {RECEIPTS[step]: receipt for step, receipt in receipts.items() if step in RECEIPTS}
        return cls(ending=ending, reason=reason, command=command, next_step=next_step, **known)

    @property
    def went_well(self) -> bool:
        """Tell whether nobody needs to act: something was published, or there was nothing to do."""
        return self.ending in ("published", "unchanged", "skipped")
