"""How earlier nights went, step by step, and how large they were: what `runs.jsonl` tells the next night to expect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pydantic import BaseModel, ValidationError

from models.sizes import Sizes
from tasks.workspace import Workspace


class StepCost(BaseModel, frozen=True, extra="ignore"):
    """What one step cost: `peak_bytes` is the most its process had held by its end, `rows` and `bytes` are what it wrote."""

    step: str
    seconds: float
    peak_bytes: int
    rows: int
    bytes: int


class Course(BaseModel, frozen=True, extra="ignore"):
    """One attempt as its line in runs.jsonl has it; without `sizes` it did not come as far as counting them."""

    run_date: date
    ending: str
    peak_bytes: int
    steps: tuple[StepCost, ...]
    sizes: Sizes | None


def last_sizes(workspace: Workspace, until: date) -> Course | None:
    """Return the newest attempt, up to a date, that came to know how much there is; its `sizes` are there."""
    return next((course for course in _newest_first(workspace, until) if course.sizes), None)


def last_costs(workspace: Workspace, until: date) -> Course | None:
    """Return the newest published night up to a date; where none is recorded with its steps, the newest attempt that took any."""
    courses = [course for course in _newest_first(workspace, until) if course.steps]
    return next((course for course in courses if course.ending == "published"), courses[0] if courses else None)


def _newest_first(workspace: Workspace, until: date) -> Iterator[Course]:
    """Yield the attempts that can be read; lines of an older version, which tell of no steps, are passed over."""
    for entry in reversed(workspace.attempts()):
        try:
            course = Course.model_validate(entry)
        except ValidationError:
            continue
        if course.run_date <= until:
            yield course
