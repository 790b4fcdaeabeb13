"""Claims about `tasks.delayed`: which earlier nights are judged, and by what their users went on to like."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from models.bootstrap import BootstrapConfig
from models.holdout import DAY, Events
from models.scorer import Described
from tasks import delayed
from tasks.delayed import judge_earlier, newly_liked
from tasks.measured import Ruler
from tasks.prepare.training_set import SegmentConfig, TrainingSet
from tasks.storage import file_hash, write_json

FIRST = date(2026, 1, 1)
USERS, ITEMS = ["ann", "bob", "cem", "dia"], [10, 20, 30, 40]
RULER = Ruler(0, BootstrapConfig(resamples=100))


def known(*happened: tuple[int, int, float, bool]) -> TrainingSet:
    """Know of events: user, item, days after the beginning of January, and whether it is a like."""
    rows = sorted(happened)
    user, item = (np.array([row[column] for row in rows], np.int32) for column in (0, 1))
    begin = np.datetime64(FIRST, "us").astype(np.int64)
    times = (begin + np.array([row[2] for row in rows]) * DAY).astype(np.int64)
    events, weight = Events(user, item, times, np.array([row[3] for row in rows])), np.ones(len(rows), np.float32)
    nothing = [Described.by(sp.csr_matrix((4, 0), dtype=np.float32))] * 2
    everything = np.ones(len(rows), np.bool_)
    items = pa.table({"item_id": ITEMS, "is_known": [True] * 4, "is_available": [True] * 4})
    return TrainingSet(pa.table({"user_id": USERS}), items, events, weight, weight, everything, ~everything, *nothing, SegmentConfig())


def publish(night, day: int, through: float | None, lists: dict[str, list[int]], variant: dict[str, str] | None = None):
    """Publish lists on a day of January, knowing of events up to so many days after its beginning."""
    rows = [(user, rank, item) for user, items in lists.items() for rank, item in enumerate(items, start=1)]
    columns = dict(zip(("user_id", "rank", "item_id"), map(list, zip(*rows, strict=True)), strict=True))
    table = pa.table({**columns, "rank": pa.array(columns["rank"], pa.int16())})
    if variant is not None:
        table = table.append_column("variant", pa.array([variant.get(user) for user, _, _ in rows], pa.string()))
    run_date = FIRST + timedelta(days=day - 1)
    path = night.workspace.table("recommendations", run_date)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    moment = None if through is None else f"{np.datetime64(FIRST, 's') + np.timedelta64(round(through * 86400), 's')}Z"
    tables = {"recommendations": {"path": night.workspace.relative(path), "sha256": file_hash(path)}}
    told = {"published_at": f"{run_date}T23:30:00Z", "model_version": "m", "data_through": moment, "tables": tables}
    write_json(night.workspace.manifest_file(f"run-{day}"), {"run_id": f"run-{day}", "run_date": str(run_date), **told})
    return path


def judged(night, world: TrainingSet, days: int = 7, at_most: int = 100, k: int = 2):
    """Return what is said of earlier nights: (day, segment) -> metric -> value, and how many users."""
    rows = judge_earlier(night, world, world.training_data("everything"), RULER, (k,), days, at_most)
    assert {(row["ranking"], row["k"]) for row in rows} <= {(f"published {row['of_date']}", k) for row in rows}
    found: dict[tuple[int, str], dict[str, object]] = {}
    for row in rows:
        place = found.setdefault((row["of_date"].day, str(row["segment"])), {"n_users": row["n_users"]})
        place[str(row["metric"])] = row["value"]
    return found


def test_lists_are_judged_by_what_their_users_liked_next(night):
    """By hand, for lists of day 2: ann is shown what she liked next, second; bob something else; dia was served nothing.

    What cem liked he had met before, and had been shown: he is not judged. Of a list, an item that is gone since still holds its place.
    """
    at = night(FIRST + timedelta(days=3), champion="run-2")
    world = known(
        (0, 1, 2.5, True),
        (0, 3, 1.0, True),
        (1, 0, 2.5, True),
        (1, 2, 2.6, False),
        (2, 0, 1.0, False),
        (2, 0, 2.5, True),
        (3, 2, 2.5, True),
        (3, 1, 3.0, False),
    )
    publish(at, 2, 2.0, {"ann": [99, 20], "bob": [30, 40], "cem": [10], "gone": [10]})
    assert judged(at, world)[2, "__all__"] == {
        "n_users": 2,
        "hit_rate": 0.5,
        "precision": 0.25,
        "recall": 0.5,
        "ndcg": pytest.approx(0.5 / np.log2(3)),
        "map": 0.25,
        "mrr": 0.25,
    }
    assert set(judged(at, world)) == {(2, "__all__"), (2, "1-4 likes")}


def test_only_the_days_that_follow_count(night):
    """What happened on the second day after is not asked of lists that are judged by one; nor what they knew already."""
    at = night(FIRST + timedelta(days=5), champion="run-2")
    world = known((0, 0, 2.0, True), (0, 1, 3.0, True), (0, 2, 3.1, True), (0, 3, 4.2, False))
    publish(at, 2, 2.0, {"ann": [10, 20, 30]})
    assert judged(at, world, days=1, k=3)[2, "__all__"]["recall"] == 1.0
    assert judged(at, world, days=1, k=3)[2, "__all__"]["precision"] == pytest.approx(1 / 3)
    assert judged(at, world, days=2, k=3)[2, "__all__"]["precision"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("newest", "before", "days", "expected"),
    [
        (3.4, 3.0, 7, {2}),
        (3.6, 3.0, 7, {2, 3}),
        (9.9, 8.9, 7, {2, 3}),
        (9.9, 9.1, 7, {3}),
        (9.9, 9.1, 1, set()),
        (30.0, 3.0, 7, {2, 3}),
    ],
)
def test_a_night_is_judged_from_the_first_day_on_until_all_its_days_are_known(night, newest, before, days, expected):
    """Nights 2 and 3 knew all until then; the night to beat knew the events up to `before`. After a gap they are judged once more."""
    at = night(FIRST + timedelta(days=40), champion="run-20")
    world = known((0, 0, 3.3, True), (0, 3, newest, False), (0, 1, 3.35, True))
    for day in (2, 3):
        publish(at, day, float(day), {"ann": [10]})
    publish(at, 20, before, {"bob": [10]})
    assert {day for day, _ in judged(at, world, days)} == expected


def test_variants_are_judged_apart(night):
    at = night(FIRST + timedelta(days=3), champion="run-2")
    world = known(*((user, 1, 3.0, True) for user in range(4)))
    publish(at, 2, 2.0, {"ann": [20], "bob": [30], "cem": [20], "dia": [20]}, {"ann": "old", "bob": "new", "cem": "new"})
    found = {segment: (row["n_users"], row["hit_rate"]) for (_, segment), row in judged(at, world).items()}
    assert found == {"__all__": (4, 0.75), "1-4 likes": (4, 0.75), "variant: new": (2, 0.5), "variant: old": (1, 1.0)}


def test_no_more_users_are_judged_than_allowed(night):
    at = night(FIRST + timedelta(days=3), champion="run-2")
    world = known(*((user, 1, 3.0, True) for user in range(4)))
    publish(at, 2, 2.0, {user: [20] for user in USERS})
    assert judged(at, world, at_most=3)[2, "__all__"]["n_users"] == 3


def test_what_cannot_be_judged_is_passed_over(night, monkeypatch):
    """Lists without times, damaged ones, ids of another type, nobody to judge by, dates to come, and nights that were withdrawn."""
    at = night(FIRST + timedelta(days=9), champion="run-2")
    world = known((0, 1, 3.0, True), (1, 1, 0.5, True))
    publish(at, 2, 2.0, {"ann": [20]})
    publish(at, 3, None, {"ann": [20]})
    damaged = publish(at, 4, 2.0, {"ann": [20]})
    damaged.write_bytes(damaged.read_bytes()[:-8])
    publish(at, 5, 2.0, {1: [20]})
    publish(at, 6, 2.0, {"bob": [20]})
    publish(at, 11, 2.0, {"ann": [20]})
    assert {day for day, _ in judged(at, world)} == {2}
    monkeypatch.setattr(delayed, "earlier_nights", lambda _: [])
    assert judged(at, world) == {}


def test_without_times_there_is_nothing_to_say(night):
    at = night(FIRST + timedelta(days=3), champion="run-2")
    world = known((0, 1, 3.0, True))
    timeless = Events(world.events.user, world.events.item, None, world.events.positive)
    publish(at, 2, 2.0, {"ann": [20]})
    without = TrainingSet(**{**vars(world), "events": timeless})
    assert judged(at, without) == {}


def test_what_is_newly_liked_is_found_as_by_walking_through_the_events():
    """Against a walk: a pair counts if it was liked in time and every event of it came after the lists were made."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        rows = {(int(u), int(i), int(t)): bool(p) for u, i, t, p in zip(*rng.integers(0, 4, (3, 25)), rng.random(25) < 0.5, strict=True)}
        world = known(*((user, item, float(day), liked) for (user, item, day), liked in rows.items()))
        begin = int(np.datetime64(FIRST, "us").astype(np.int64))
        found = newly_liked(world, world.events.occurred_at, begin + DAY, begin + 2 * DAY).toarray() > 0
        for user in range(4):
            for item in range(4):
                of_pair = {day: liked for (u, i, day), liked in rows.items() if (u, i) == (user, item)}
                assert found[user, item] == (of_pair.get(2, False) and min(of_pair) > 1)
