"""Which delivery is at fault: rows that went missing, ids in the wrong column, the first times, and the rule that refused most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tasks.refusals import InputRefusedError
from tasks.stage import Staged
from tasks.validate.suites import ValidateConfig
from tasks.warehouse import Warehouse

_ZONE = 'set [source] timezone, such as timezone = "Europe/Zurich", or deliver times with a zone'
_UNREADABLE_TIME = "deliver times as 2026-01-31T18:00:00Z or as whole seconds (not milliseconds) since 1970"
_CLOCK_CHANGE = "deliver times with a zone: clocks in [source] timezone were changed, so a time without one means two instants or none"
_ID_TYPE = "deliver {id} as before: integer ids once loaded stay integers, and text ids need a new workspace"
HINTS = {
    "malformed_row": "check the quotes, the delimiter and the line ends of the file",
    "user_id_missing": "ask the producer why user_id is empty; if another column holds it: [source.columns.{source}] user_id",
    "item_id_missing": "ask the producer why item_id is empty; if another column holds it: [source.columns.{source}] item_id",
    "user_id_wrong_type": _ID_TYPE.format(id="user_id"),
    "item_id_wrong_type": _ID_TYPE.format(id="item_id"),
    "user_id_conflict": "deliver each user once in a file",
    "item_id_conflict": "deliver each item once in a file",
    "event_id_conflict": "give each event an event_id of its own, or drop the column: [source.ignore] interactions",
    "event_type_unknown": (
        "list the event types in [events.weights] or, where they only say that an item was shown, in [events] impressions; "
        "or ask the producer what they mean"
    ),
    "occurred_at_missing": "deliver a time with every interaction: once one has a time, all need one",
    "occurred_at_without_zone": _ZONE,
    "occurred_at_unreadable": _UNREADABLE_TIME,
    "occurred_at_missing_hour": _CLOCK_CHANGE,
    "occurred_at_ambiguous": _CLOCK_CHANGE,
    "occurred_at_in_future": "check the producer's clock, this machine's clock and [source] timezone",
    "occurred_at_too_early": "check the producer's clock, or move [source] earliest",
    "value_unreadable": "deliver value as a number with a decimal point",
    "value_not_finite": "deliver value as a finite number, or leave it empty",
    "value_out_of_range": "deliver values from 0 up, or raise [source] max_value",
    "lat_out_of_range": "deliver lat in degrees between -90 and 90; lat and lon may have changed places",
    "lon_out_of_range": "deliver lon in degrees between -180 and 180",
    "available_from_without_zone": _ZONE,
    "available_from_unreadable": _UNREADABLE_TIME,
    "available_from_missing_hour": _CLOCK_CHANGE,
    "available_from_ambiguous": _CLOCK_CHANGE,
    "available_until_without_zone": _ZONE,
    "available_until_unreadable": _UNREADABLE_TIME,
    "available_until_missing_hour": _CLOCK_CHANGE,
    "available_until_ambiguous": _CLOCK_CHANGE,
}
"""Rule under sql/staging -> what to do about a delivery that breaks it."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one delivery, and what to do about it."""

    where: str
    found: str
    next_step: str


def require_reconciled(warehouse: Warehouse) -> None:
    """Raise InputRefusedError unless every row read from a delivery was accepted, rejected, a duplicate, or waits."""
    for row in warehouse.rows("checks.unreconciled"):
        expected = f"{row['rows_read']:,} rows, as read from the file"
        hint = "remove warehouse.duckdb and run again: it is rebuilt from raw/ and the inbox; if it stays so, report it as a bug"
        raise InputRefusedError(_named(row), expected, f"{row['rows_judged']:,} in staging.volumes", hint)


def require_ids_in_place(warehouse: Warehouse, config: ValidateConfig) -> None:
    """Raise InputRefusedError for a new delivery whose user_id and item_id look swapped."""
    for row in warehouse.rows("checks.swapped_ids", min_rows=config.swapped_from_rows, margin=config.swapped_margin):
        found = f"{row['known_as_delivered']:.0%} known as delivered, {row['known_swapped']:.0%} with user_id and item_id swapped"
        hint = (
            "swap the columns in the file or map them in [source.columns.interactions]; "
            "if the ids are right: [validation] swapped_margin = 1"
        )
        raise InputRefusedError(f"interactions/{row['name']}", "known users in user_id and known items in item_id", found, hint)


def require_times_as_before(warehouse: Warehouse) -> None:
    """Raise InputRefusedError for a new delivery whose times would turn all that earlier ones brought into rows without one."""
    for row in warehouse.rows("checks.first_times"):
        expected = f"interactions without times, as the {row['earlier_rows']:,} delivered before: with times all of those would be rejected"
        hint = (
            "to go on without times: [source.ignore] interactions, with the name of that column in the file; to go on with them: start a "
            "new workspace (nightly init) with the history delivered again, each row with its time"
        )
        raise InputRefusedError(f"interactions/{row['name']}", expected, f"{row['rows_with_time']:,} rows with a time", hint)


def most_at_fault(warehouse: Warehouse) -> Fault | None:
    """Return the rule that refused the largest share of a new delivery, None where no row was refused."""
    rejections = warehouse.rows("checks.rejections")
    if not rejections:
        return None
    worst = rejections[0]
    types = f" ({', '.join(worst['event_types'])})" if worst["event_types"] else ""
    found = f"{worst['n_rows']:,} of {worst['delivered_rows']:,} rows rejected by {worst['rule']}{types}"
    hint = HINTS.get(worst["rule"], "read the rows and their rules in staging.rejects").format(source=worst["source"])
    return Fault(_named(worst), found, hint)


def most_repeated(staged: Staged) -> str:
    """Name the new delivery with the largest share of duplicates."""
    new = [volume for volume in staged.volumes if volume.is_new and volume.counted]
    worst = max(new, key=lambda volume: volume.duplicates / volume.counted)
    return f"{worst.source}/{worst.name}"


def _named(row: dict[str, Any]) -> str:
    return f"{row['source']}/{row['name']}"
