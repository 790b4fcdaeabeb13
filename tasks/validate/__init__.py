"""Validate: learn only from input that adds up, stands in the right columns and looks like a shop; otherwise refuse the night."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from tasks.ingest import Delivered
from tasks.night import Night, Receipt
from tasks.refusals import InputRefusedError
from tasks.stage import Staged
from tasks.validate.alarms import alarms, require_quiet
from tasks.validate.deliveries import Fault, most_at_fault, most_repeated, require_ids_in_place, require_reconciled, require_times_as_before
from tasks.validate.expectations import Outcome, run_suites
from tasks.validate.suites import ValidateConfig, profile_suite, sample_suite
from tasks.warehouse import WarehouseConfig, open_warehouse

__all__ = ["SuiteResult", "ValidateConfig", "Validated", "validate"]
log = logging.getLogger("nightly")


class SuiteResult(BaseModel, frozen=True, extra="forbid"):
    """How one suite ended."""

    name: str
    success: bool
    n_expectations: int


class Validated(Receipt, frozen=True):
    """The night's input in numbers, and the proof that it was looked at."""

    metrics: dict[str, int | float | str | None]
    """The one row of sql/checks/profile.sql."""

    suites: tuple[SuiteResult, ...]
    data_docs: str
    """Folder with the Data Docs, relative to the workspace; it moves to the report, so it is no part of `files`."""

    warnings: tuple[str, ...] = ()
    """What does not look like people although it stops nothing, a sentence each."""


def validate(night: Night, delivered: Delivered, staged: Staged, config: ValidateConfig, limits: WarehouseConfig) -> Validated:
    """Refuse the night unless its input adds up and every expectation holds; Data Docs stay for both endings.

    Raises InputRefusedError that names the delivery most at fault and what to do about it.
    """
    docs = night.staging / "data_docs"
    profile = profile_suite(config)
    sample = sample_suite(config, has_times=delivered.has_times, known_until=night.known_until)
    with open_warehouse(night, limits) as warehouse:
        require_reconciled(warehouse)
        require_ids_in_place(warehouse, config)
        require_times_as_before(warehouse)
        tables = [(suite, warehouse.arrow(suite.relation, **suite.parameters)) for suite in (profile, sample)]
        rejection = most_at_fault(warehouse)
        raised = alarms(warehouse, staged, night.run_date, config)
    outcomes = run_suites(tables, docs, night.run_id, night.started_at)
    # The report moves them beside its page, where whoever reads the refusal finds them.
    kept = night.workspace.report(night.run_date) / docs.name / "index.html"
    _require_success(outcomes, staged, rejection, night.workspace.relative(kept))
    require_quiet(raised)
    for alarm in raised:
        log.warning("validate: %s", alarm.sentence)
    log.info("validate: %d expectations hold", sum(len(outcome.findings) for outcome in outcomes))
    return Validated(
        metrics={name: _plain(value) for name, value in tables[0][1].to_pylist()[0].items()},
        suites=tuple(SuiteResult(name=o.suite.name, success=o.success, n_expectations=len(o.findings)) for o in outcomes),
        data_docs=night.workspace.relative(docs),
        warnings=tuple(alarm.sentence for alarm in raised),
    )


def _require_success(outcomes: list[Outcome], staged: Staged, rejection: Fault | None, docs: str) -> None:
    """Raise InputRefusedError for the first expectation that does not hold, naming the delivery at fault where one is."""
    failures = [(outcome.suite, finding) for outcome in outcomes for finding in outcome.failures]
    if not failures:
        return
    suite, first = failures[0]
    where, found, next_step = suite.subject, first.found, first.expected.next_step
    if first.expected.arguments.get("column") == "worst_rejected_share" and rejection:
        where, found, next_step = rejection.where, rejection.found, rejection.next_step
    if first.expected.arguments.get("column") == "worst_duplicate_share":
        where = most_repeated(staged)
    others = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    raise InputRefusedError(where, first.expected.sentence, f"{found}{others} (all findings: {docs})", next_step)


def _plain(value: Any) -> int | float | str | None:
    return value.isoformat() + "Z" if isinstance(value, datetime) else value
