"""The rows that were refused, by the rule they broke; beside published tables nothing keeps those of a night that ended early."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.night import Night
from tasks.report.story import Story
from tasks.warehouse import open_warehouse

EXAMPLES = 3
LONGEST_ROW = 240
OURS = {"delivery", "row_number"}
"""What the working store adds to a delivered row."""


@dataclass(frozen=True)
class Example:
    """One refused row, as delivered."""

    source_file: str
    row_number: int
    raw_row: str


@dataclass(frozen=True)
class BrokenRule:
    """One rule, how many rows of a source broke it, and the first of them."""

    source: str
    rule: str
    rows: int
    examples: tuple[Example, ...]


def broken_rules(night: Night, story: Story) -> tuple[BrokenRule, ...]:
    """Count the rows refused tonight by source and rule, the rule that refused most first."""
    refused = _refused(night, story)
    if refused is None:
        return ()
    counted = refused.group_by(["source", "rule"]).aggregate([([], "count_all")]).to_pylist()
    counted.sort(key=lambda row: (-row["count_all"], row["source"], row["rule"]))
    return tuple(
        BrokenRule(row["source"], row["rule"], row["count_all"], _examples(refused, row["source"], row["rule"])) for row in counted
    )


def _refused(night: Night, story: Story) -> pa.Table | None:
    """Read the refused rows from the staged table, or from the working store where the night ended before there was one."""
    staged = night.staged_table("rejects")
    if staged.is_file():
        return pq.read_table(staged)
    if story.staged is None:
        return None
    with open_warehouse(night) as warehouse:
        return warehouse.table("staging.rejects") if warehouse.stamped("staging.rejects") else None


def _examples(refused: pa.Table, source: str, rule: str) -> tuple[Example, ...]:
    alike = pc.and_(pc.equal(refused["source"], source), pc.equal(refused["rule"], rule))
    first = refused.filter(alike).slice(0, EXAMPLES).to_pylist()
    return tuple(Example(row["source_file"], row["row_number"], _as_delivered(row["raw_row"])) for row in first)


def _as_delivered(text: str) -> str:
    """Leave out what a reader is told beside the row, and columns the delivery does not have; what is no such object stays as it is."""
    try:
        cells = json.loads(text)
    except ValueError:
        return _cut(text)
    if not isinstance(cells, dict) or not cells.keys() >= OURS:
        return _cut(text)
    return _cut(json.dumps({name: cell for name, cell in cells.items() if name not in OURS and cell is not None}, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_ROW else f"{text[:LONGEST_ROW]} ..."
