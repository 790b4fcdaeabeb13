from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.compute import ComputeConfig
from tasks.ingest import ingest, keep
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.night import Night, Receipt
from tasks.stage import EventsConfig, Staged, stage
from tasks.warehouse import WarehouseConfig, open_warehouse
from tasks.workspace import Workspace

MONDAY = date(2026, 1, 5)
TIMED = "user_id,item_id,occurred_at,event_type,value,event_id\n"


def rows(night, relation, *columns):
    """Return some columns of a relation in the order of the delivered rows."""
    with open_warehouse(night) as warehouse:
        found = warehouse.table(relation).to_pylist()
    return [tuple(row[column] for column in columns) for row in sorted(found, key=lambda row: (row["delivery"], row["row_number"]))]


def verdicts(night, source="interactions"):
    """Return verdict and rule of every delivered row."""
    return rows(night, f"staging.judged_{source}", "verdict", "rule")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (",2,2026-01-05T10:00:00Z,click,,", "user_id_missing"),
        ("1,,2026-01-05T10:00:00Z,click,,", "item_id_missing"),
        ("007,2,2026-01-05T10:00:00Z,click,,", "user_id_wrong_type"),
        ("1,two,2026-01-05T10:00:00Z,click,,", "item_id_wrong_type"),
        ("1,2,,click,,", "occurred_at_missing"),
        ("1,2,2026-01-05T10:00:00,click,,", "occurred_at_without_zone"),
        ("1,2,2026-01-05,click,,", "occurred_at_without_zone"),
        ("1,2,last tuesday,click,,", "occurred_at_unreadable"),
        ("1,2,2026-02-30T10:00:00Z,click,,", "occurred_at_unreadable"),
        ("1,2,1767607200000,click,,", "occurred_at_unreadable"),
        ("1,2,2026-01-06T03:11:00Z,click,,", "occurred_at_in_future"),
        ("1,2,1989-12-31T23:59:59Z,click,,", "occurred_at_too_early"),
        ("1,2,2026-01-05T10:00:00Z,wiggle,,", "event_type_unknown"),
        ("1,2,2026-01-05T10:00:00Z,,,", "event_type_unknown"),
        ("1,2,2026-01-05T10:00:00Z,click,many,", "value_unreadable"),
        ('1,2,2026-01-05T10:00:00Z,click,"1,5",', "value_unreadable"),
        ("1,2,2026-01-05T10:00:00Z,click,NaN,", "value_not_finite"),
        ("1,2,2026-01-05T10:00:00Z,click,inf,", "value_not_finite"),
        ("1,2,2026-01-05T10:00:00Z,click,-Infinity,", "value_not_finite"),
        ("1,2,2026-01-05T10:00:00Z,click,-1,", "value_out_of_range"),
        ("1,2,2026-01-05T10:00:00Z,click,1000001,", "value_out_of_range"),
        ("1,2,2026-01-05T10:00:00Z", "malformed_row"),
    ],
)
def test_a_row_that_breaks_a_rule_is_set_aside_with_its_name(night, deliver, stage_inbox, row, rule):
    """One bad row costs that row; the reject table leads back to file and line."""
    deliver("day.csv", TIMED + "1,2,2026-01-05T10:00:00Z,click,4.5,\n" + row + "\n")
    stage_inbox(source={"user_id_type": "integer", "item_id_type": "integer"}, weights={"click": 1.0})
    assert verdicts(night()) == [("accepted", None), ("rejected", rule)]
    assert rows(night(), "staging.rejects", "source_file", "row_number", "rule") == [("day.csv", 2, rule)]


@pytest.mark.parametrize(
    "delivered",
    [
        "1767607200",
        "2026-01-05T10:00:00Z",
        "2026-01-05 10:00:00 UTC",
        "2026-01-05T11:00:00+01:00",
        "2026-01-05T11:00:00+0100",
        "2026-01-05T05:00-05",
    ],
)
def test_one_instant_reads_the_same_however_it_is_written(night, deliver, stage_inbox, delivered):
    """Epoch seconds and any zone lead to the same UTC time."""
    deliver("day.csv", TIMED + f"1,2,{delivered},click,,\n")
    stage_inbox()
    assert rows(night(), "staging.interactions", "occurred_at") == [(datetime(2026, 1, 5, 10),)]  # noqa: DTZ001  # UTC by contract


def test_a_time_without_zone_reads_in_the_zone_of_the_source(night, deliver, stage_inbox):
    """Zurich is an hour ahead in winter and two in summer."""
    deliver("day.csv", TIMED + "1,2,2026-01-05T11:00:00,click,,\n1,3,2025-07-05 12:00:00,click,,\n")
    stage_inbox(source={"timezone": "Europe/Zurich"})
    assert [moment.hour for (moment,) in rows(night(), "staging.interactions", "occurred_at")] == [10, 10]


def test_without_any_time_none_is_missed(night, deliver, stage_inbox):
    """Interactions without times are welcome as long as none has one."""
    deliver("day.csv", "user_id,item_id\n1,2\n1,3\n")
    delivered, _ = stage_inbox()
    assert not delivered.has_times
    assert verdicts(night()) == [("accepted", None)] * 2


def test_an_event_after_the_horizon_waits_for_its_night(night, deliver, stage_inbox):
    """The night after counts what this one must not see."""
    deliver("day.csv", TIMED + "1,2,2026-01-05T23:59:59Z,click,,\n1,3,2026-01-06T00:00:00Z,click,,\n")
    _, staged = stage_inbox()
    assert (staged.volumes[0].accepted, staged.volumes[0].waiting) == (1, 1)
    _, staged = stage_inbox(night(MONDAY + timedelta(days=1)))
    assert (staged.volumes[0].accepted, staged.volumes[0].waiting) == (2, 0)


def test_impressions_are_accepted_and_are_no_interactions(night, deliver):
    """They are welcome beside the types that weigh something, fill nobody's day, and make no item met; all other types stay unknown."""
    shown = "".join(f"1,{item},2026-01-05T09:00:0{item}Z,impression,,\n" for item in range(5))
    clicks = "1,7,2026-01-05T10:00:00Z,click,,\n1,8,2026-01-05T11:00:00Z,click,,\n1,9,2026-01-05T12:00:00Z,wiggle,,\n"
    deliver("day.csv", TIMED + shown + clicks)
    at, events = night(), EventsConfig(weights={"click": 1.0}, impressions=("impression",), max_events_per_user_day=2)
    delivered = ingest(at, SourceConfig(), VolumeConfig(), allow_volume=True)
    staged = stage(at, delivered, SourceConfig(), events, WarehouseConfig())
    assert (staged.volumes[0].accepted, staged.volumes[0].rejected, staged.volumes[0].capped) == (7, 1, 0)
    assert rows(at, "staging.interactions", "item_id", "is_capped") == [(7, False), (8, False)]


def test_an_event_type_is_learned_from_or_an_impression():
    with pytest.raises(ValidationError, match="click"):
        EventsConfig(weights={"click": 1.0}, impressions=("click",))
    assert EventsConfig(impressions=("shown",)).types == []


def test_the_copy_of_a_row_is_a_duplicate(night, deliver, stage_inbox):
    """Without event ids a copy is a row that is the same in all it says."""
    row = "1,2,2026-01-05T10:00:00Z,click,,\n"
    deliver("day.csv", TIMED + row + row + row.replace("click", "buy"))
    stage_inbox()
    assert [verdict for verdict, _ in verdicts(night())] == ["accepted", "duplicate", "accepted"]


def test_events_are_told_apart_by_event_id(night, deliver, stage_inbox):
    """Two purchases at one instant are two; one event told twice is one; one id for two events is a conflict."""
    first = "1,2,2026-01-05T10:00:00Z,buy,1,a\n"
    deliver("day.csv", TIMED + first + first.replace(",a", ",b") + first + first.replace("1,a", "2,a"))
    stage_inbox()
    assert verdicts(night()) == [("accepted", None), ("accepted", None), ("duplicate", None), ("rejected", "event_id_conflict")]


def test_a_row_delivered_again_in_another_file_is_a_duplicate_there(night, deliver, stage_inbox):
    """Overlapping exports are fine: the delivery accepted first keeps the row."""
    deliver("monday.csv", TIMED + "1,2,2026-01-05T10:00:00Z,click,,\n")
    at = night()
    delivered, _ = stage_inbox(at)
    keep(at, delivered, Receipt())
    deliver("tuesday.csv", TIMED + "1,2,2026-01-05T10:00:00Z,click,,\n1,3,2026-01-06T10:00:00Z,click,,\n")
    _, staged = stage_inbox(night(MONDAY + timedelta(days=1)))
    assert [(volume.name, volume.accepted, volume.duplicates) for volume in staged.volumes] == [("monday.csv", 1, 0), ("tuesday.csv", 1, 1)]


def test_the_newest_delivery_of_an_item_wins(night, deliver, stage_inbox):
    """Catalogues are upserted by key; the superseded row counts as a duplicate."""
    deliver("day.csv", "user_id,item_id\n1,2\n")
    deliver("monday.csv", "item_id,title\n2,Old\n3,Kept\n", source="items")
    at = night()
    delivered, _ = stage_inbox(at)
    keep(at, delivered, Receipt())
    deliver("tuesday.csv", "item_id,title\n2,New\n", source="items")
    tuesday = night(MONDAY + timedelta(days=1))
    stage_inbox(tuesday)
    with open_warehouse(tuesday) as warehouse:
        assert dict(zip(*warehouse.table("staging.items").select(["item_id", "title"]).to_pydict().values(), strict=True)) == {
            2: "New",
            3: "Kept",
        }


def test_two_different_rows_for_one_item_contradict_each_other(night, deliver, stage_inbox):
    """Within one file the first is kept, an exact copy is harmless, another description is rejected."""
    deliver("day.csv", "user_id,item_id\n1,2\n")
    deliver("items.csv", "item_id,title\n2,One\n2,One\n2,Other\n", source="items")
    stage_inbox()
    assert verdicts(night(), "items") == [("accepted", None), ("duplicate", None), ("rejected", "item_id_conflict")]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (",t,,,", "item_id_missing"),
        ("x,t,,,", "item_id_wrong_type"),
        ("3,t,soon,,", "available_from_unreadable"),
        ("3,t,2026-01-05,,", "available_from_without_zone"),
        ("3,t,,91,", "lat_out_of_range"),
        ("3,t,,nan,", "lat_out_of_range"),
        ("3,t,,,east", "lon_out_of_range"),
    ],
)
def test_an_item_that_breaks_a_rule_is_set_aside(night, deliver, stage_inbox, row, rule):
    """The catalogue is judged like interactions."""
    deliver("day.csv", "user_id,item_id\n1,2\n")
    deliver("items.csv", f"item_id,title,available_from,lat,lon\n2,t,,,\n{row}\n", source="items")
    stage_inbox(source={"item_id_type": "integer"})
    assert verdicts(night(), "items") == [("accepted", None), ("rejected", rule)]


def test_a_deleted_warehouse_gives_the_same_relations(night, deliver, stage_inbox, workspace):
    """Everything under staging can be rebuilt from raw/ and the inbox."""
    deliver("day.csv", TIMED + "1,2,2026-01-05T10:00:00Z,click,,\n,2,2026-01-05T10:00:00Z,click,,\n")
    _, before = stage_inbox()
    judged = verdicts(night())
    workspace.warehouse.unlink()
    _, after = stage_inbox()
    assert after == before
    assert verdicts(night()) == judged


cells = st.tuples(
    st.sampled_from(["1", "2", "", "007", "x"]),
    st.sampled_from(["1", "2", "", "i"]),
    st.sampled_from(["2026-01-05T10:00:00Z", "2026-01-06T01:00:00Z", "2026-01-05T10:00:00", "", "2999-01-01T00:00:00Z", "soon"]),
    st.sampled_from(["click", "wiggle", ""]),
    st.sampled_from(["1", "", "NaN", "inf", "-1", "much"]),
    st.sampled_from(["", "", "a", "b"]),
)
lines = cells.map(",".join) | st.sampled_from(["1,2", "1,2,3,4,5,6,7,8", '"a ""quoted"" word",2,,,,'])
dirty_files = st.lists(st.lists(lines, min_size=1, max_size=20), min_size=1, max_size=3)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(files=dirty_files)
def test_every_row_read_is_accepted_rejected_a_duplicate_or_waits(files):
    """Whatever is delivered, no row is lost and none is counted twice."""
    staged, read = _stage(files)
    assert {volume.delivery: volume.counted + volume.waiting for volume in staged.volumes} == read
    assert staged.relations["staging.interactions"] == sum(volume.accepted for volume in staged.volumes)
    assert staged.relations["staging.rejects"] == sum(volume.rejected for volume in staged.volumes)


def _stage(files: list[list[str]]) -> tuple[Staged, dict[str, int]]:
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "shop")
        workspace.create("")
        for place, content in enumerate(files):
            (workspace.inbox("interactions") / f"{place}.csv").write_text(TIMED + "\n".join(content) + "\n")
        at = Night(workspace, MONDAY, "run", "attempt", datetime(2026, 1, 6, 3), None, 0, ComputeConfig())  # noqa: DTZ001  # UTC by contract
        delivered = ingest(at, SourceConfig(), VolumeConfig(), allow_volume=True)
        staged = stage(at, delivered, SourceConfig(), EventsConfig(weights={"click": 1.0}), WarehouseConfig())
        assert delivered.rows == {volume.delivery: sum(_lines(files, volume.name)) for volume in staged.volumes}
        return staged, delivered.rows


def _lines(files: list[list[str]], name: str) -> list[int]:
    return [1 for _ in files[int(name.removesuffix(".csv"))]]
