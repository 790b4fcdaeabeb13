"""Bytes that nobody meant: whatever arrives, only our own error comes out of the readers, and nothing is left behind."""

from __future__ import annotations

import json
import tempfile
from datetime import date, datetime, time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.compute import ComputeConfig
from tasks.deliveries import Delivery
from tasks.ingest import ingest
from tasks.ingest.contract import raw_schema
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.readers import read_batches
from tasks.ingest.volume import VolumeConfig
from tasks.night import Night
from tasks.refusals import InputRefusedError
from tasks.workspace import Workspace
from tests.faults.damage import GOOD

MONDAY = date(2026, 1, 5)
NAMES = sorted([*GOOD, "day.csv.zst"])
LENIENT = SourceConfig(require_final_newline=False, on_schema_change="evolve")

edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.binary(max_size=8)), max_size=6)


def edited(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Return a content with bytes overwritten, put in, or cut off behind a place, one after the other."""
    for place, kind, what in changes:
        at = int(place * len(content))
        behind = {0: content[at + len(what) :], 1: content[at:], 2: b""}[kind]
        content = content[:at] + what + behind
    return content


def reads_or_refuses(name: str, content: bytes, source: str = "items") -> None:
    """Read a file; only our own error may come out, and rows have distinct numbers and the columns of raw/."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        delivery = Delivery(source=source, sha256="0", name=name, first_night=MONDAY, path=str(path))
        numbers: list[int] = []
        try:
            for batch in read_batches(delivery, LENIENT):
                assert batch.schema == raw_schema(source)
                batch.validate(full=True)
                numbers += batch.column("row_number").to_pylist()
        except InputRefusedError as refusal:
            assert refusal.where == str(path)  # noqa: PT017 - both ways to end are right
        assert len(set(numbers)) == len(numbers)


def ingested_or_refused(name: str, content: bytes) -> None:
    """Carry out the first step over one file; a file that was refused leaves no rows behind."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "shop")
        workspace.create("")
        night = Night(workspace, MONDAY, "night", "attempt", datetime.combine(date(2026, 1, 6), time(3)), None, 0, ComputeConfig())
        (workspace.inbox("interactions") / name).write_bytes(content)
        try:
            delivered = ingest(night, LENIENT, VolumeConfig(), allow_volume=False)
        except InputRefusedError:
            assert not list(night.staging.rglob("*.parquet"))
            return
        assert delivered.relations["raw.interactions"] == sum(delivered.rows.values())


@pytest.mark.fault("B1")
@example("day.jsonl", b'{"item_id": "\\ud800"}\n')
@example("day.csv", b"item_id\n\xc2")
@example("day.csv", b'"item_id"x\n1\n')
@example("day.parquet", b"PAR1PAR1")
@example("day.jsonl", b"[" * 100_000)
@example("day.csv", b'item_id,"a\n')
@settings(max_examples=60)
@given(name=st.sampled_from(NAMES), content=st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(name, content):
    reads_or_refuses(name, content)


@pytest.mark.fault("B1")
@settings(max_examples=100)
@given(name=st.sampled_from(sorted(GOOD)), changes=edits)
def test_edited_deliveries_are_read_or_refused(name, changes):
    reads_or_refuses(name, edited(GOOD[name], changes), "interactions")


@pytest.mark.fault("B1")
@settings(max_examples=12)
@given(name=st.sampled_from(sorted(GOOD)), changes=edits)
def test_the_first_step_takes_edited_deliveries_or_refuses_them(name, changes):
    ingested_or_refused(name, edited(GOOD[name], changes))


texts = st.text(st.characters(exclude_categories=[]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts, lambda part: st.lists(part, max_size=3), max_leaves=6
)
rows = st.dictionaries(st.sampled_from(["item_id", "title", "lat", "available_from"]) | texts, values, max_size=6)


@pytest.mark.fault("B1", "B14")
@settings(max_examples=100)
@given(lines=st.lists(rows, max_size=5))
def test_lines_of_any_json_are_read_or_refused(lines):
    """Any names and any values, half surrogate pairs among them."""
    reads_or_refuses("day.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())


@pytest.mark.slow
@pytest.mark.fault("B1")
@settings(max_examples=2000)
@given(name=st.sampled_from(NAMES), content=st.binary(max_size=2000))
def test_many_random_bytes_are_read_or_refused(name, content):
    reads_or_refuses(name, content)


@pytest.mark.slow
@pytest.mark.fault("B1")
@settings(max_examples=4000)
@given(name=st.sampled_from(sorted(GOOD)), changes=edits)
def test_many_edited_deliveries_are_read_or_refused(name, changes):
    reads_or_refuses(name, edited(GOOD[name], changes), "interactions")


@pytest.mark.slow
@pytest.mark.fault("B1")
@settings(max_examples=100)
@given(name=st.sampled_from(sorted(GOOD)), changes=edits)
def test_the_first_step_takes_many_edited_deliveries_or_refuses_them(name, changes):
    ingested_or_refused(name, edited(GOOD[name], changes))
