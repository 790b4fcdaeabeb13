"""Derive: stage the tables that are made from tonight's staged tables and from what was published before."""

from __future__ import annotations

import logging

from models.evidence import GateConfig
from tasks.derive.changes import write_changes
from tasks.derive.drift import write_drift
from tasks.derive.exposure import write_exposure
from tasks.derive.wide import write_wide
from tasks.night import Night, Receipt
from tasks.policies.seen import SeenConfig
from tasks.prepare import Prepared, training_set
from tasks.score import ScoreConfig, Scored
from tasks.warehouse import WarehouseConfig, open_warehouse

__all__ = ["Derived", "derive"]
log = logging.getLogger("nightly")

STAGED = ("changes", "exposure", "recommendations_wide", "drift")


class Derived(Receipt, frozen=True):
    """The staged tables, and what they tell an operator."""

    changes: dict[str, int]
    """Cause -> rows of the table of changes."""

    unusual: tuple[str, ...]
    """What lies outside what the trailing nights make usual, a sentence each."""


def derive(
    night: Night,
    _prepared: Prepared,
    scored: Scored,
    config: ScoreConfig,
    gate: GateConfig,
    limits: WarehouseConfig,
    id_types: dict[str, str],
    seen: SeenConfig,
) -> Derived:
    """Stage changes, exposure, recommendations_wide and drift; what lies outside what is usual is warned of and holds no night."""
    known = training_set(night)
    with open_warehouse(night, limits) as warehouse:
        changes = write_changes(night, warehouse, scored.k, id_types, seen)
        write_exposure(night, warehouse, known, id_types)
        unusual = write_drift(night, warehouse, gate)
    write_wide(night, id_types, wide=config.wide)
    for sentence in unusual:
        log.warning("derive: %s", sentence)
    log.info("derive: %d places in lists have changed since those served before", sum(changes.values()))
    return Derived(files=night.hashed(*map(night.staged_table, STAGED)), changes=changes, unusual=unusual)
