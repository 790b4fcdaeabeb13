"""What was judged before may stand, and nothing can be told of it from what is judged anew."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.compute import ComputeConfig
from tasks.ingest.contract import raw_schema
from tasks.interactions import Basis, judge_interactions
from tasks.night import Night
from tasks.prepare.events import build_training
from tasks.stage import EventsConfig
from tasks.warehouse import Warehouse, open_warehouse
from tasks.workspace import Workspace

MONDAY = date(2026, 1, 5)
RULES = {"source_zone": None, "has_times": True, "earliest": datetime(1990, 1, 1), "event_types": [], "max_value": 1e6}  # noqa: DTZ001
COUNTED = {"max_events_per_user_day": 2, "impressions": ["shown"]}
"""Events of a user and a day that are learned from, and those that are no interactions."""

Event = tuple[str, ...]
"""user_id, item_id, occurred_at, value, event_id and, where it has one, the type."""


@dataclass(frozen=True)
class Given:
    """One delivery: its name, the night that takes it in, and its rows."""

    name: str
    first_night: date
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Evening:
    """What one night is asked to judge: deliveries in their order, its date, when it runs, and which of them are new."""

    run_date: date
    started_at: datetime
    deliveries: tuple[Given, ...]
    new: tuple[str, ...]
    rules: str = "as before"
    is_prepared: bool = True
    """Whether the night comes as far as to bring the training set up to date."""


def warehouse_of(folder: Path) -> Warehouse:
    """Return what opens the warehouse of an empty workspace."""
    workspace = Workspace(folder)
    workspace.create("")
    return open_warehouse(Night(workspace, MONDAY, "run", "attempt", datetime(2026, 1, 6, 3), None, 0, ComputeConfig()))  # noqa: DTZ001


def fill(warehouse: Warehouse, evening: Evening) -> None:
    """Make raw.* and staging.nights hold what the night was given, as ingest and stage do."""
    names = ("user_id", "item_id", "occurred_at", "value", "event_id", "event_type")
    rows = [
        {"delivery": given.name, "row_number": number, **{name: cell or None for name, cell in zip(names, event, strict=False)}}
        for given in evening.deliveries
        for number, event in enumerate(given.events, 1)
    ]
    schema = pa.schema([pa.field("delivery", pa.string()), *raw_schema("interactions")])
    warehouse.replace("raw.interactions", pa.Table.from_pylist(rows, schema=schema))
    order = [given.name for given in evening.deliveries]
    table = {"delivery": order, "sequence": list(range(len(order))), "is_new": [name in evening.new for name in order]}
    warehouse.replace("raw.deliveries", pa.table(table))
    for name in ("user_key", "item_key"):
        warehouse.execute(f"drop type if exists {name}")
        warehouse.execute(f"create type {name} as varchar")
    warehouse.execute("create or replace table staging.users (user_id user_key, lat double, lon double, attributes varchar)")
    item_columns = "title varchar, lat double, lon double, attributes varchar, available_from timestamp, available_until timestamp"
    warehouse.execute(f"create or replace table staging.items (item_id item_key, {item_columns})")
    warehouse.build("staging.nights", deliveries=order, nights=[given.first_night for given in evening.deliveries])


def judged(warehouse: Warehouse, evening: Evening) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]], int]:
    """Judge, and return both relations as sorted rows without the build they changed in, and that build."""
    fill(warehouse, evening)
    horizon = datetime.combine(evening.run_date, datetime.min.time()) + timedelta(days=1)
    basis = Basis(
        rules=evening.rules, known_until=horizon, deliveries=tuple((given.name, given.first_night) for given in evening.deliveries)
    )
    judge_interactions(warehouse, basis, evening.new, evening.started_at, RULES, COUNTED)
    build = Basis.model_validate_json(warehouse.table("staging.basis")["content"][0].as_py()).build
    tables = [warehouse.table(f"staging.{name}").drop_columns(["changed_in"]) for name in ("judged_interactions", "interactions")]
    first, second = (sorted(map(tuple, (row.values() for row in table.to_pylist())), key=repr) for table in tables)
    return first, second, build


def trained_on(warehouse: Warehouse, evening: Evening) -> list[list[dict[str, object]]]:
    """Bring the training set up to date and return its relations, in their order."""
    build_training(warehouse, evening.started_at, EventsConfig(positive_from=1))
    return [warehouse.table(f"training.{name}").to_pylist() for name in ("users", "items", "events")]


moments = st.sampled_from(
    [
        *(f"2026-01-{moment}:00:00Z" for moment in ("04T10", "05T10", "05T11", "05T12", "06T02", "06T10", "07T02", "08T10")),
        "2099-01-01T00:00:00Z",
        "soon",
    ]
)
events = st.tuples(
    st.sampled_from(["1", "2", ""]),
    st.sampled_from(["a", "b", "c"]),
    moments,
    st.sampled_from(["", "1"]),
    st.sampled_from(["", "", "x", "y"]),
    st.sampled_from(["", "", "shown"]),
)


@st.composite
def evenings(draw: st.DrawFn) -> list[Evening]:
    """Draw nights as operators bring them about: accepted, refused and run again, dates made again, clocks set back, settings changed."""
    accepted: list[Given] = []
    nights, day, rules = [], MONDAY, "as before"
    for place in range(draw(st.integers(2, 5))):
        day = max(MONDAY, day + timedelta(days=draw(st.sampled_from([1, 1, 1, 1, 0, -1]))))
        rules = draw(st.sampled_from([rules] * 9 + [f"changed before night {place}"]))
        started_at = datetime.combine(day, datetime.min.time()) + timedelta(hours=27, days=draw(st.sampled_from([0, 0, 0, 1, 1, -2])))
        new = [
            Given(f"{name}{place}", day, tuple(draw(st.lists(events, min_size=1, max_size=6))))
            for name in draw(st.sampled_from(["", "m", "m", "za"]))
        ]
        prepared = draw(st.sampled_from([True, True, False]))
        nights.append(Evening(day, started_at, (*accepted, *new), tuple(given.name for given in new), rules, prepared))
        if draw(st.sampled_from([True, True, True, False])):
            accepted = sorted([*accepted, *new], key=lambda given: (given.first_night, given.name))
        elif new and draw(st.booleans()):
            # Refused, and read otherwise the second time, as after a change of [source.columns].
            again = Given(new[0].name, day, tuple(draw(st.lists(events, min_size=1, max_size=6))))
            nights.append(Evening(day, started_at, (*accepted, again), (again.name,), rules, draw(st.booleans())))
            accepted = sorted([*accepted, again], key=lambda given: (given.first_night, given.name))
    return nights


@settings(max_examples=8, deadline=None, derandomize=True)
@given(life=evenings())
def test_a_warehouse_that_lived_through_all_nights_holds_what_a_new_one_would(life):
    """Copies, corrections, late events, refused deliveries, dates made again, clocks set back: row for row the same as from the start."""
    live_through(life)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(life=evenings())
def test_so_it_does_after_many_lives(life):
    """The same for lives drawn anew each time."""
    live_through(life)


def live_through(life):
    """Hold one warehouse that lives through all nights of a life against one that judges everything anew in each of them."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        lived, renewed = (stack.enter_context(warehouse_of(Path(folder) / name)) for name in ("lived", "renewed"))
        for evening in life:
            renewed.execute("drop table if exists staging.basis")
            assert judged(lived, evening)[:2] == judged(renewed, evening)[:2]
            assert not lived.table("staging.interactions")["event_type"].to_pylist().count("shown")
            if evening.is_prepared:
                assert trained_on(lived, evening) == trained_on(renewed, evening)


FIRST = Given("monday", MONDAY, (("1", "a", "2026-01-05T10:00:00Z", "", ""), ("2", "a", "2026-01-06T10:00:00Z", "", "")))
SECOND = Given(
    "tuesday", MONDAY + timedelta(days=1), (("1", "a", "2026-01-05T10:00:00Z", "", ""), ("1", "b", "2026-01-06T10:00:00Z", "", ""))
)
MONDAY_NIGHT = Evening(MONDAY, datetime(2026, 1, 6, 12), (FIRST,), ("monday",))  # noqa: DTZ001
TUESDAY_NIGHT = Evening(SECOND.first_night, datetime(2026, 1, 7, 3), (FIRST, SECOND), ("tuesday",))  # noqa: DTZ001


@pytest.fixture
def warehouse(tmp_path):
    """Return the warehouse of an empty workspace."""
    with warehouse_of(tmp_path / "shop") as opened:
        yield opened


def test_a_night_that_follows_judges_only_what_is_new(warehouse):
    """What Monday judged stands; Tuesday's copy is a duplicate of it, and what waited counts."""
    assert judged(warehouse, MONDAY_NIGHT)[2] == 1
    rows, counted, build = judged(warehouse, TUESDAY_NIGHT)
    assert build == 2
    assert [row[9] for row in rows] == ["accepted", "accepted", "duplicate", "accepted"]
    changed = warehouse.table("staging.judged_interactions").to_pylist()
    assert {(row["delivery"], row["row_number"]) for row in changed if row["changed_in"] == 2} == {
        ("monday", 2),
        ("tuesday", 1),
        ("tuesday", 2),
    }
    assert len(counted) == 3


def test_only_what_changed_is_brought_together_anew(warehouse):
    """Tuesday's users and items get other numbers than Monday's, and of the events only those of two pairs are read again."""
    judged(warehouse, MONDAY_NIGHT)
    trained_on(warehouse, MONDAY_NIGHT)
    judged(warehouse, TUESDAY_NIGHT)
    _, _, events_of_tuesday = trained_on(warehouse, TUESDAY_NIGHT)
    assert [(row["user_index"], row["item_index"]) for row in events_of_tuesday] == [(0, 0), (0, 1), (1, 0)]
    read = warehouse.table("training.changed_interactions").select(["user_id", "item_id"]).to_pylist()
    assert sorted((row["user_id"], row["item_id"]) for row in read) == [("1", "b"), ("2", "a")]


@pytest.mark.parametrize(
    "tonight",
    [
        Evening(MONDAY - timedelta(days=1), datetime(2026, 1, 7, 3), (FIRST, SECOND), ("tuesday",)),  # noqa: DTZ001
        Evening(SECOND.first_night, datetime(2026, 1, 7, 3), (SECOND, FIRST), ("tuesday",)),  # noqa: DTZ001
        Evening(SECOND.first_night, datetime(2026, 1, 7, 3), (SECOND,), ("tuesday",)),  # noqa: DTZ001
        Evening(SECOND.first_night, datetime(2026, 1, 7, 3), (FIRST, SECOND), ("monday", "tuesday")),  # noqa: DTZ001
        Evening(SECOND.first_night, datetime(2026, 1, 7, 3), (FIRST, SECOND), ("tuesday",), "changed"),  # noqa: DTZ001
        Evening(SECOND.first_night, datetime(2026, 1, 4, 3), (FIRST, SECOND), ("tuesday",)),  # noqa: DTZ001
    ],
    ids=["earlier date", "other order", "one is gone", "not accepted yet", "other rules", "clock set back"],
)
def test_everything_is_judged_anew_where_what_was_judged_does_not_stand(warehouse, tonight):
    judged(warehouse, MONDAY_NIGHT)
    assert judged(warehouse, tonight)[2] == 1


def test_a_night_killed_while_it_judged_leaves_nothing_to_build_on(warehouse, monkeypatch):
    """The basis is forgotten before the first change, so half of a change is never taken for the whole."""
    judged(warehouse, MONDAY_NIGHT)
    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "build", _killed)
        patched.setattr(Warehouse, "extend", _killed)
        with pytest.raises(KeyboardInterrupt):
            judge_interactions(warehouse, _basis(TUESDAY_NIGHT), ["tuesday"], TUESDAY_NIGHT.started_at, RULES, COUNTED)
    assert judged(warehouse, TUESDAY_NIGHT)[2] == 1


def _basis(evening: Evening) -> Basis:
    horizon = datetime.combine(evening.run_date, datetime.min.time()) + timedelta(days=1)
    return Basis(
        rules=evening.rules, known_until=horizon, deliveries=tuple((given.name, given.first_night) for given in evening.deliveries)
    )


def _killed(*_arguments: object, **_parameters: object) -> int:
    raise KeyboardInterrupt
