"""Claims about `tasks.policies.fatigue`: what a user was shown night after night, and has not taken up, is left out."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from models.holdout import HoldoutConfig
from tasks.ingest import ingest
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.pointer import point
from tasks.policies.fatigue import FatigueConfig, lists_shown, tired_of
from tasks.policies.seen import SeenConfig
from tasks.prepare import FeatureConfig, Prepared, SegmentConfig, prepare, training_set
from tasks.prepare.training_set import TrainingSet
from tasks.stage import EventsConfig, stage
from tasks.storage import file_hash, write_json
from tasks.warehouse import WarehouseConfig, open_warehouse

HEADER = "user_id,item_id,occurred_at,event_type\n"
OLD = "".join(f"{user},{item},2025-12-01T10:00:00Z,view\n" for user, item in [(1, 91), (2, 92), (3, 10), (3, 11), (3, 12)])
"""What makes users and items known, long ago, and nothing else: user 3 is shown nothing."""

Lists = dict[int, list[int]]


@pytest.fixture
def publish(workspace):
    """Return what publishes lists, user -> items, of a day of January the next morning, and moves the pointer there."""

    def write(day: int, lists: Lists, *, ids: pa.DataType | None = None) -> None:
        rows = [(user, rank, item) for user, items in sorted(lists.items()) for rank, item in enumerate(items, 1)]
        user, rank, item = zip(*rows, strict=True)
        path = workspace.table("recommendations", date(2026, 1, day))
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = ids or pa.int64()
        columns = [pa.array(user, pa.int64()).cast(kind), pa.array(rank, pa.int16()), pa.array(item, pa.int64()).cast(kind)]
        pq.write_table(pa.table(columns, names=["user_id", "rank", "item_id"]), path)
        facts = {"run_id": f"run-{day}", "run_date": f"2026-01-{day:02}", "published_at": f"2026-01-{day + 1:02}T03:00:00Z"}
        tables = {"recommendations": {"path": workspace.relative(path), "sha256": file_hash(path), "rows": len(rows)}}
        manifest = {**facts, "data_through": None, "model_version": "m", "tables": tables}
        write_json(workspace.manifest_file(facts["run_id"]), manifest)
        point(workspace, manifest, facts["published_at"])

    return write


@pytest.fixture
def tonight(night, deliver):
    """Return what stages and prepares a night of January, after a delivery of further rows, with a rule on fatigue."""

    def make(
        day: int, rows: str = "", *, impressions: tuple[str, ...] = (), seen: SeenConfig | None = None, **rule: int
    ) -> tuple[Prepared, TrainingSet]:
        deliver("day.csv", HEADER + OLD + rows)
        at, events = night(date(2026, 1, day)), EventsConfig(impressions=impressions)
        delivered = ingest(at, SourceConfig(), VolumeConfig(), allow_volume=True)
        staged = stage(at, delivered, SourceConfig(), events, WarehouseConfig())
        rest = (HoldoutConfig(), SegmentConfig(), FeatureConfig(), WarehouseConfig(), None, seen)
        return prepare(at, delivered, staged, events, *rest, FatigueConfig(**rule)), training_set(at)

    return make


def tired(known: TrainingSet) -> set[tuple[int, int]]:
    """Return the pairs that were shown too often, by their ids."""
    assert known.tired_of is not None
    users, items = known.users["user_id"].to_pylist(), known.items["item_id"].to_pylist()
    return {(users[user], items[item]) for user, item in zip(*known.tired_of.nonzero(), strict=True)}


def test_what_stood_in_enough_of_the_last_lists_is_left_out(publish, tonight):
    """10 stood in three of four lists of user 1 and in one of user 2; 11 in two; the list of the 1st is too long ago."""
    publish(1, {1: [11, 12], 2: [10]})
    publish(2, {1: [10, 11], 2: [10]})
    publish(3, {1: [10], 2: [11]})
    publish(4, {1: [11, 10], 2: [12]})
    publish(5, {1: [12], 2: [12]})
    assert tired(tonight(6, nights=3, within=4)[1]) == {(1, 10)}
    assert tired(tonight(6, nights=3, within=5)[1]) == {(1, 10), (1, 11)}
    assert tired(tonight(6, nights=2, within=2)[1]) == {(2, 12)}


def test_what_was_taken_up_since_tires_nobody(publish, tonight):
    """User 1 bought 10 long ago and may buy it again; user 2 bought it in the days in which it was shown."""
    for day in (2, 3, 4):
        publish(day, {1: [10], 2: [10]})
    bought = "1,10,2026-01-02T23:59:59Z,purchase\n2,10,2026-01-03T00:00:00Z,purchase\n"
    known = tonight(5, bought, seen=SeenConfig(default="never"), nights=3, within=3)[1]
    assert tired(known) == {(1, 10)}
    assert known.open_again.nnz == 5 + 2


def test_later_dates_unknown_users_and_items_that_are_gone_do_not_count(publish, tonight):
    """A date made again is not told of those after it; nobody is tired of what tonight does not know."""
    for day in (2, 3, 6):
        publish(day, {1: [10, 77], 55: [10]})
    assert tired(tonight(4, nights=2, within=3)[1]) == {(1, 10)}
    assert tired(tonight(4, nights=3, within=3)[1]) == set()


def test_a_damaged_night_and_one_with_other_ids_are_passed_over_and_named(publish, tonight, workspace, caplog):
    publish(1, {1: [10]}, ids=pa.string())
    for day in (2, 3, 4):
        publish(day, {1: [10]})
    workspace.table("recommendations", date(2026, 1, 3)).write_bytes(b"torn")
    workspace.table("recommendations", date(2026, 1, 4)).unlink()
    assert tired(tonight(5, nights=1, within=4)[1]) == {(1, 10)}
    assert tired(tonight(5, nights=2, within=4)[1]) == set()
    said = [record.message for record in caplog.records if "do not count" in record.message]
    assert [line.split("lists of ")[1][:10] for line in said[:3]] == ["2026-01-03", "2026-01-04", "2026-01-01"]
    assert "no file" in said[1]


def test_what_was_rolled_back_was_not_shown(publish, workspace):
    """The lists that decide are named, oldest first: they belong to the identity of the night."""
    for day in (2, 3, 4):
        publish(day, {1: [10]})
    point(workspace, workspace.manifest("run-2"), "2026-01-05T09:00:00Z")
    publish(5, {1: [10]})

    def named(rule: FatigueConfig, impressions: tuple[str, ...] = ()) -> list[str]:
        return [one.run_id for one in lists_shown(workspace, date(2026, 1, 6), rule, impressions)]

    assert named(FatigueConfig(nights=1)) == ["run-2", "run-5"]
    assert named(FatigueConfig(nights=1, within=1)) == ["run-5"]
    assert named(FatigueConfig(nights=1), ("shown",)) == []
    assert named(FatigueConfig()) == []


def test_a_date_made_again_is_another_input(publish, workspace):
    """Its run_id says so, although the champion of tonight is the same."""
    publish(2, {1: [10]})
    publish(3, {1: [10]})
    before = lists_shown(workspace, date(2026, 1, 4), FatigueConfig(nights=1))
    again = workspace.manifest("run-2") | {"run_id": "run-2-again"}
    workspace.manifest_file("run-2").unlink()
    write_json(workspace.manifest_file("run-2-again"), again)
    assert [one.run_id for one in before] == ["run-2", "run-3"]
    assert [one.run_id for one in lists_shown(workspace, date(2026, 1, 4), FatigueConfig(nights=1))] == ["run-2-again", "run-3"]


def test_delivered_impressions_count_in_place_of_lists(publish, tonight):
    """Days with an impression count, and only the last ones; what was taken up on them tires nobody.

    User 1 was shown 10 on two days, 11 twice on one, 12 on one and on another too long ago; user 2 took 10 up. Nobody met what they saw.
    """
    publish(4, {1: [92]})
    shown = [(1, 10, "04T10"), (1, 10, "05T10"), (1, 11, "05T10"), (1, 11, "05T11"), (1, 12, "03T23"), (1, 12, "04T00")]
    rows = "".join(f"{user},{item},2026-01-{moment}:00:00Z,shown\n" for user, item, moment in [*shown, (2, 10, "04T10"), (2, 10, "05T10")])
    prepared, known = tonight(5, rows + "2,10,2026-01-05T12:00:00Z,view\n", impressions=("shown",), nights=2, within=2)
    assert tired(known) == {(1, 10)}
    assert prepared.n_events == 5 + 1


def test_fatigue_that_is_off_leaves_the_training_set_as_it_was(publish, tonight):
    publish(4, {1: [10]})
    off, known = tonight(5)
    assert known.tired_of is None
    assert not any("tired" in name for name in off.files)


def test_what_is_counted_is_what_an_oracle_counts_and_threads_change_nothing(publish, tonight, night):
    """Lists drawn at random, counted one at a time; the pairs come in one order however many threads look for them."""
    draw = random.Random(5)
    lists = {day: {user: draw.sample(range(10, 22), 6) for user in range(1, 30)} for day in range(2, 9)}
    for day, of_day in lists.items():
        publish(day, of_day)
    everybody = "".join(f"{user},{10 + user % 12},2025-12-02T10:00:00Z,view\n" for user in range(1, 30))
    known = tonight(9, everybody, nights=4, within=6)[1]
    pairs = [(user, item) for user in range(1, 30) for item in range(10, 22)]
    assert tired(known) == {(user, item) for user, item in pairs if sum(item in lists[day][user] for day in range(3, 9)) >= 4}
    found = []
    for threads in (1, 4):
        with open_warehouse(night(date(2026, 1, 9)), WarehouseConfig(threads=threads)) as warehouse:
            ids = warehouse.table("training.users"), warehouse.table("training.items")
            found.append(tired_of(night(date(2026, 1, 9)), warehouse, *ids, FatigueConfig(nights=4, within=6)))
    for matrix in found:
        np.testing.assert_array_equal(matrix.indices, known.tired_of.indices)
        np.testing.assert_array_equal(matrix.indptr, known.tired_of.indptr)


def test_a_rule_that_can_never_apply_is_refused():
    with pytest.raises(ValidationError, match="never happen"):
        FatigueConfig(nights=8)
