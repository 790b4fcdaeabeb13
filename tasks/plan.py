"""A plan: what tonight would take in, train and cost, from what waits and from how earlier nights went; nothing is written or locked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from models.sizes import Sizes
from tasks.course import Course, StepCost, last_costs, last_sizes
from tasks.deliveries import accepted, raw_note
from tasks.ingest.about_rows import about_rows
from tasks.ingest.delivery import SourceConfig, waiting
from tasks.memory import GB, Offered
from tasks.needs import Need, Plans, excess, needs, taking_in
from tasks.train import models_for
from tasks.workspace import Source, Workspace, read_json

GROWING = frozenset({"ingest", "stage", "validate", "keep", "prepare", "train", "refit"})
"""Steps whose cost goes with the events; that of the others goes with users and items, which a night hardly changes."""


@dataclass(frozen=True)
class Waiting:
    """A delivery that no night has accepted; `rows` are exact for Parquet, else estimated, and None where the file is unreadable."""

    source: Source
    name: str
    bytes: int
    rows: int | None
    outside: bool = False
    """Whether it lies elsewhere than in the inbox, where it stays."""


@dataclass(frozen=True)
class PlannedStep:
    """What is expected of one step; None where nothing tells."""

    step: str
    rows: int | None
    bytes: int | None
    seconds: float | None
    memory_bytes: int | None


@dataclass(frozen=True)
class Plan:
    """What a night would be like; `based_on` is the date of the night whose costs are scaled, `events` what would be learned from."""

    run_date: date
    waiting: tuple[Waiting, ...]
    events: int
    sizes: Sizes | None
    models: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    based_on: date | None
    last_peak_bytes: int | None
    memory: Offered
    too_large: Need | None

    @property
    def seconds(self) -> float | None:
        """Return what all steps that are known take."""
        known = [step.seconds for step in self.steps if step.seconds is not None]
        return sum(known) if known else None

    @property
    def peak_bytes(self) -> int | None:
        """Return what the largest step takes; None while sizes are unknown, since those to come may be the largest."""
        return max((step.memory_bytes or 0 for step in self.steps), default=0) if self.sizes else None

    @property
    def verdict(self) -> str:
        """Say in a sentence whether the night fits."""
        offers = f"{self.memory.bytes / GB:.1f} GB offered by {self.memory.by}"
        if self.too_large:
            need = self.too_large
            return f"does not fit: {need.step} takes about {need.bytes / GB:.1f} GB, most of it for {need.mostly}, of {offers}"
        if self.peak_bytes is None:
            return f"not known yet: nobody has counted users and items; the night says so before it trains, with {offers}"
        held = self.last_peak_bytes or 0
        if max(held, self.peak_bytes) > self.memory.bytes:
            return f"may not fit: about {self.peak_bytes / GB:.1f} GB by the sizes, {held / GB:,.1f} GB held by the last night, of {offers}"
        return f"fits: about {self.peak_bytes / GB:.1f} GB at most, of {offers}"


def plan(workspace: Workspace, run_date: date, at: datetime, source: SourceConfig, plans: Plans, memory: Offered) -> Plan:
    """Look at what waits and at earlier nights, and say what a night of a date would be like.

    Raises what the night itself would: InputRefusedError for deliveries that contradict each other, StorageError for a damaged note.
    """
    found = tuple(_waiting(workspace, source, run_date, at))
    counted, costs = last_sizes(workspace, run_date), last_costs(workspace, run_date)
    news = sum(file.rows or 0 for file in found if file.source == "interactions")
    sizes = _tonight(counted, news + _accepted_rows(workspace, counted.run_date if counted else None))
    events = sizes.n_events if sizes else news + _accepted_rows(workspace, None)
    expected = needs(sizes, plans, memory) if sizes else taking_in(events, plans, memory)
    growth = sizes.n_events / max(1, costs.sizes.n_events) if sizes and costs and costs.sizes else 1.0
    return Plan(
        run_date=run_date,
        waiting=found,
        events=events,
        sizes=sizes,
        models=tuple(scorer.name for scorer in models_for(plans.train, sizes)) if sizes else (),
        steps=tuple(_steps(expected, costs, growth)),
        based_on=costs.run_date if costs else None,
        last_peak_bytes=costs.peak_bytes if costs else None,
        memory=memory,
        too_large=excess(expected, memory),
    )


def only(made: Plan, steps: Collection[str], *, is_refused: bool) -> Plan:
    """Return the plan of a shorter flow; `is_refused` tells whether it, too, ends before it begins where memory is too small."""
    kept = tuple(step for step in made.steps if step.step in steps)
    trains = made.models if "train" in steps else ()
    return replace(made, steps=kept, models=trains, last_peak_bytes=None, too_large=made.too_large if is_refused else None)


def _waiting(workspace: Workspace, source: SourceConfig, run_date: date, at: datetime) -> list[Waiting]:
    found = []
    for delivery in waiting(workspace, source, run_date, at):
        path = Path(delivery.path or "")
        try:
            rows = about_rows(path)
        except (OSError, pa.ArrowException):
            rows = None
        outside = not path.is_relative_to(workspace.inbox(delivery.source))
        found.append(Waiting(delivery.source, delivery.name, path.stat().st_size, rows, outside))
    return found


def _accepted_rows(workspace: Workspace, since: date | None) -> int:
    """Count the rows of interactions that were accepted after the night of a date; of all without one."""
    notes = [
        read_json(raw_note(workspace, delivery.source, delivery.sha256)) or {}
        for delivery in accepted(workspace)
        if delivery.source == "interactions" and (since is None or delivery.first_night > since)
    ]
    return sum(int(note.get("rows", 0)) for note in notes)


def _tonight(counted: Course | None, more: int) -> Sizes | None:
    return counted.sizes.grown(more) if counted and counted.sizes else None


def _steps(expected: list[Need], costs: Course | None, growth: float) -> list[PlannedStep]:
    """Bring together what steps need, by the sizes, and what they cost before, scaled where it goes with the events."""
    memory = {need.step: need.bytes for need in expected}
    before = {cost.step: cost for cost in costs.steps} if costs else {}
    return [_step(name, before.get(name), memory.get(name), growth if name in GROWING else 1.0) for name in {**memory, **before}]


def _step(name: str, cost: StepCost | None, memory_bytes: int | None, growth: float) -> PlannedStep:
    if cost is None:
        return PlannedStep(name, None, None, None, memory_bytes)
    return PlannedStep(name, round(cost.rows * growth), round(cost.bytes * growth), round(cost.seconds * growth, 1), memory_bytes)
