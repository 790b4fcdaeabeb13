"""What the input says: rows B5 to B13 of the fault matrix, each with a fault that is proven to have happened."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import sql
from models.collaborative.ease import Ease, EaseConfig
from models.compute import ComputeConfig
from models.divergence import DivergedError, finite
from models.holdout import HoldoutConfig
from models.knowledge.popularity import Popularity, PopularityConfig
from tasks import train as training
from tasks.check import _check_contract
from tasks.deliveries import Delivery
from tasks.ingest import Delivered, ingest, keep
from tasks.ingest.contract import raw_schema
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.night import Night, Receipt, plain, step_records
from tasks.prepare import FeatureConfig, SegmentConfig, prepare, training_set
from tasks.prepare.events import build_training
from tasks.refusals import InputRefusedError, NightHeldError
from tasks.shop import write_delivery
from tasks.stage import EventsConfig, Staged, stage
from tasks.storage import file_hash
from tasks.tables import TABLES
from tasks.tables.writing import write_table as write
from tasks.validate import ValidateConfig
from tasks.validate.alarms import Alarm, alarms, require_quiet
from tasks.validate.expectations import run_suites
from tasks.validate.suites import profile_suite, sample_suite
from tasks.warehouse import MACROS, WarehouseConfig, open_warehouse
from tasks.workspace import Workspace

MONDAY = date(2026, 1, 5)
TIMED = "user_id,item_id,occurred_at,event_type,value,event_id\n"
Event = dict[str, str]


def midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())


def at_night(root: Path, day: date, started_at: datetime | None = None) -> Night:
    """Return a night of a workspace, run at three the next morning unless told."""
    workspace = Workspace(root / "shop")
    if not workspace.root.exists():
        workspace.create("")
    return Night(workspace, day, f"night-{day}", "attempt", started_at or midnight(day) + timedelta(hours=27), None, 0, ComputeConfig())


def loaded(night: Night, deliveries: list[tuple[date, list[Event]]], id_type: str = "text") -> Delivered:
    """Fill raw.* as ingest would, without files: what nights took in, those of the night itself being new."""
    known, rows = [], []
    for place, (first_night, events) in enumerate(deliveries):
        name = sha256(f"{place}{json.dumps(events)}".encode()).hexdigest()
        path = "inbox" if first_night == night.run_date else None
        known.append(Delivery(source="interactions", sha256=name, name=f"{place}.csv", first_night=first_night, path=path))
        rows += [{"delivery": name, "row_number": number, **event} for number, event in enumerate(events, 1)]
    types = dict.fromkeys(("user_key", "item_key"), "varchar" if id_type == "text" else "bigint")
    with open_warehouse(night) as warehouse:
        for source in ("interactions", "items", "users"):
            schema = pa.schema([pa.field("delivery", pa.string()), *raw_schema(source)])
            warehouse.replace(f"raw.{source}", pa.Table.from_pylist(rows if source == "interactions" else [], schema=schema))
        counts = [len(events) for _, events in deliveries]
        columns = {"delivery": [d.sha256 for d in known], "source": ["interactions"] * len(known), "name": [d.name for d in known]}
        columns |= {"rows": counts, "sequence": list(range(len(known))), "reported": [False] * len(known)}
        warehouse.replace("raw.deliveries", pa.table(columns | {"is_new": [d.path is not None for d in known]}))
        for name, kind in types.items():
            warehouse.execute(f"drop type if exists {name}")
            warehouse.execute(f"create type {name} as {kind}")
    has_times = any("occurred_at" in row for row in rows)
    counted = {delivery.sha256: count for delivery, count in zip(known, counts, strict=True)}
    return Delivered(
        deliveries=tuple(known), rows=counted, id_types={"user_id": "text", "item_id": "text"}, has_times=has_times, set_aside=()
    )


def staged(night: Night, deliveries: list[tuple[date, list[Event]]], events: EventsConfig | None = None, **source: object) -> Staged:
    """Stage what nights took in."""
    return stage(night, loaded(night, deliveries), SourceConfig(**source), events or EventsConfig(), WarehouseConfig())


def event(user: object, item: object, at: datetime | str | None = None, **further: str) -> Event:
    moment = {} if at is None else {"occurred_at": at if isinstance(at, str) else f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return {"user_id": str(user), "item_id": str(item), **moment, **further}


def judged(night: Night) -> list[tuple[str, str | None]]:
    """Return verdict and rule of every row, in the order delivered."""
    with open_warehouse(night) as warehouse:
        found = warehouse.table("staging.judged_interactions").to_pylist()
    return [(row["verdict"], row["rule"]) for row in sorted(found, key=lambda row: row["row_number"])]


def learned(night: Night, events: EventsConfig | None = None) -> list[dict[str, object]]:
    """Return what training reads of staging: ids, times, weights, values and likes."""
    config = events or EventsConfig()
    with open_warehouse(night) as warehouse:
        build_training(warehouse, night.known_until, config)
        users = warehouse.table("training.users")["user_id"].to_pylist()
        items = warehouse.table("training.items")["item_id"].to_pylist()
        rows = warehouse.table("training.events").to_pylist()
    return [{"user": users[row.pop("user_index")], "item": items[row.pop("item_index")], **row} for row in rows]


# B5, late events


def late_by_definition(deliveries: list[tuple[date, list[tuple[str, str, datetime]]]]) -> list[int]:
    """Count, for each delivery, the events more than a day older than the newest that earlier nights had brought."""
    counts = []
    for night, events in deliveries:
        known = [at for other, earlier in deliveries if other < night for _, _, at in earlier]
        counts.append(sum(bool(known) and at < max(known) - timedelta(days=1) for _, _, at in events))
    return counts


hours = st.integers(0, 4 * 24 - 1)
happened = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), hours), min_size=6, max_size=24, unique=True)


@pytest.mark.fault("B5")
@settings(max_examples=6)
@given(events=happened, delays=st.lists(st.integers(0, 4), min_size=24, max_size=24))
@example(events=[("a", "x", 0), ("a", "y", 90), ("b", "x", 1), ("b", "y", 2), ("c", "z", 3), ("c", "x", 95)], delays=[4, 0, 4, 0, 0, 0] * 4)
def test_what_is_learned_does_not_depend_on_how_late_events_arrive(events, delays):
    """Delivered on their day or days later, the same events are learned from; late ones are counted, each with its own time."""
    start, last = midnight(MONDAY), MONDAY + timedelta(days=8)
    truth = [(user, item, start + timedelta(hours=hour)) for user, item, hour in events]
    late: dict[date, list[tuple[str, str, datetime]]] = {}
    for (user, item, at), delay in zip(truth, delays, strict=False):
        late.setdefault(at.date() + timedelta(days=delay), []).append((user, item, at))
    arrivals = sorted(late.items())
    with TemporaryDirectory() as folder:
        night = at_night(Path(folder), last)
        found = staged(night, [(day, [event(*row) for row in rows]) for day, rows in arrivals])
        counted = [volume.late for volume in found.volumes]
        afterwards = learned(night)
        staged(night, [(last, [event(*row) for row in truth])])
        assert afterwards == learned(night)
    assert counted == late_by_definition(arrivals)
    assert all(volume.rejected == volume.duplicates == 0 for volume in found.volumes)


@pytest.mark.fault("B5")
def test_late_events_are_told_of_and_those_of_the_first_night_are_not_late(tmp_path):
    """A month of history in two files is no late delivery; last week's events that come tonight are."""
    history = [[event("a", item, midnight(MONDAY - timedelta(days=day)))] for item, day in (("x", 30), ("y", 1))]
    tonight = [event("a", "z", midnight(MONDAY - timedelta(days=7))), event("a", "w", midnight(MONDAY))]
    first = MONDAY - timedelta(days=1)
    found = staged(at_night(tmp_path, MONDAY), [(first, history[0]), (first, history[1]), (MONDAY, tonight)])
    assert [volume.late for volume in found.volumes] == [0, 0, 1]
    assert [warning for warning in found.warnings if "1 of 2 events are late" in warning]


# B6, odd times


@cache
def with_macros() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for name, parameters in MACROS.items():
        connection.execute(f"create temp macro {name}({parameters}) as {sql.read(f'macros.{name}')}")
    return connection


def read_times(texts: list[str], zone: str | None) -> list[tuple[datetime | None, str | None]]:
    """Return the UTC time and the fault that the macros see in delivered texts."""
    query = """
        with texts as (select unnest($texts) as t),
        locals as (select t, local_time(t) as l from texts),
        instants as (select t, l, instant(t, l, $zone::varchar) as i from locals)
        select i at time zone 'UTC', time_fault(t, l, i, $zone::varchar) from instants
    """
    return with_macros().execute(query, {"texts": texts, "zone": zone}).fetchall()


ZONES = ("Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca", "Pacific/Apia", "UTC")


def meant(local: datetime, zone: str) -> tuple[datetime | None, str | None]:
    """Return what a local time means by Python's own tables: its one instant, or why there is not one."""
    readings = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    true = [instant for instant in readings if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local]
    if len(true) == 1:
        return true[0].replace(tzinfo=None), None
    return None, "ambiguous" if true else "missing_hour"


def clock_changes(zone: str, year: int) -> list[datetime]:
    """Return the local times, to the quarter of an hour, at which the offset of a zone changes within a year."""
    steps = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * step) for step in range(365 * 96)]
    offsets = [moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in steps[::96]]
    days = [place for place in range(1, len(offsets)) if offsets[place] != offsets[place - 1]]
    return [(steps[(day - 1) * 96] + offsets[day - 1]).replace(tzinfo=None) for day in days]


@pytest.mark.fault("B6")
@pytest.mark.parametrize("zone", ZONES)
def test_around_every_change_of_clocks_a_local_time_means_what_python_says_or_is_refused(zone):
    """Skipped and repeated hours are rejected with their own rule; every other quarter of an hour is the right instant."""
    changes = [change for year in (1996, 2007, 2011, 2021) for change in clock_changes(zone, year)]
    moments = sorted(
        {change + timedelta(minutes=15 * step) for change in changes for step in range(-4, 4 * 30)} | {midnight(date(2024, 2, 29))}
    )
    found = read_times([f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in moments], zone)
    expected = [meant(moment, zone) for moment in moments]
    assert [fault for _, fault in found] == [fault for _, fault in expected]
    assert [time for time, fault in found if fault is None] == [time for time, fault in expected if fault is None]
    faults = {fault for _, fault in found} - {None}
    assert faults == (set() if zone == "UTC" else {"missing_hour", "ambiguous"})


@pytest.mark.fault("B6")
@settings(max_examples=40)
@given(
    locals_=st.lists(st.datetimes(midnight(date(1990, 1, 1)), midnight(date(2025, 1, 1))), min_size=1, max_size=50),
    zone=st.sampled_from(ZONES),
)
def test_any_local_time_means_what_python_says(locals_, zone):
    """Independent tables, the same answer, to the microsecond."""
    found = read_times([f"{moment:%Y-%m-%d %H:%M:%S.%f}" for moment in locals_], zone)
    assert [time if fault is None else fault for time, fault in found] == [
        time or fault for time, fault in (meant(m, zone) for m in locals_)
    ]


@pytest.mark.fault("B6")
@settings(max_examples=40)
@given(
    moment=st.datetimes(midnight(date(1900, 1, 1)), midnight(date(2200, 1, 1))).map(lambda at: at.replace(microsecond=0)),
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
    zone=st.sampled_from([None, *ZONES]),
)
def test_a_time_with_a_zone_means_one_instant_whatever_the_zone_of_the_source(moment, minutes, zone):
    shifted = (moment.replace(tzinfo=UTC)).astimezone(timezone(timedelta(minutes=minutes)))
    texts = [shifted.isoformat(), shifted.isoformat(" "), f"{shifted:%Y-%m-%dT%H:%M:%S%z}", f"{moment:%Y-%m-%dT%H:%M:%SZ}"]
    seconds = int(moment.replace(tzinfo=UTC).timestamp())
    texts += [str(seconds)] if seconds >= 0 else []
    assert read_times(texts, zone) == [(moment, None)] * len(texts)


@pytest.mark.fault("B6")
@pytest.mark.parametrize(
    ("text", "verdict", "rule"),
    [
        ("0", "rejected", "occurred_at_too_early"),
        ("1970-01-01T00:00:00Z", "rejected", "occurred_at_too_early"),
        ("9999-12-31T23:59:59Z", "rejected", "occurred_at_in_future"),
        ("9999-12-31 23:59:59", "rejected", "occurred_at_in_future"),
        ("99999999999", "rejected", "occurred_at_in_future"),
        ("1767607200", "accepted", None),
        ("1767607200000", "rejected", "occurred_at_unreadable"),
        ("-1767607200", "rejected", "occurred_at_unreadable"),
        ("infinity", "rejected", "occurred_at_unreadable"),
        ("-infinity", "rejected", "occurred_at_unreadable"),
        ("2026-01-05T11:00:00+25:00", "rejected", "occurred_at_unreadable"),
        ("2026-01-05T11:00:00 PST", "rejected", "occurred_at_unreadable"),
        ("2024-02-29T12:00:00", "accepted", None),
        ("2023-02-29T12:00:00", "rejected", "occurred_at_unreadable"),
        ("2025-03-30 02:30:00", "rejected", "occurred_at_missing_hour"),
        ("2025-10-26 02:30:00", "rejected", "occurred_at_ambiguous"),
        ("2025-10-26T02:30:00+02:00", "accepted", None),
        ("2025-10-26", "accepted", None),
        ("2026-01-06T03:09:00Z", "waiting", None),
        ("2026-01-06T03:11:00Z", "rejected", "occurred_at_in_future"),
    ],
)
def test_an_odd_time_is_accepted_or_rejected_by_name(text, verdict, rule):
    assert _odd_times()[text] == (verdict, rule)


@cache
def _odd_times() -> dict[str, tuple[str, str | None]]:
    """Stage all odd times in one go, once."""
    marks = test_an_odd_time_is_accepted_or_rejected_by_name.pytestmark
    texts = [case[0] for mark in marks if mark.name == "parametrize" for case in mark.args[1]]
    with TemporaryDirectory() as folder:
        night = at_night(Path(folder), MONDAY)
        staged(night, [(MONDAY, [event(f"u{place}", "x", text) for place, text in enumerate(texts)])], timezone="Europe/Zurich")
        return dict(zip(texts, judged(night), strict=True))


@pytest.mark.fault("B6")
@pytest.mark.parametrize(("minutes", "verdict"), [(0, "rejected"), (59, "rejected"), (60, "waiting")])
def test_how_far_a_producers_clock_may_be_ahead_is_a_setting(tmp_path, minutes, verdict):
    """An event an hour after the machine's clock."""
    night = at_night(tmp_path, MONDAY)
    staged(night, [(MONDAY, [event("a", "x", night.started_at + timedelta(hours=1))])], clock_tolerance_minutes=minutes)
    assert judged(night)[0][0] == verdict


# B7: the machine's clock


@pytest.mark.fault("B7")
def test_a_clock_that_fell_back_is_told_of_and_takes_no_event_away(tmp_path):
    """A month behind, the machine would find everything of that month in the future; what was taken in stays believed."""
    earlier = [
        (MONDAY - timedelta(days=1), [event("a", "x", midnight(MONDAY) - timedelta(hours=5)), event("a", "y", "2999-01-01T00:00:00Z")])
    ]
    tonight = [(MONDAY, [event("a", "z", midnight(MONDAY) - timedelta(days=40)), event("b", "x", midnight(MONDAY))])]
    right, wrong = at_night(tmp_path, MONDAY), at_night(tmp_path, MONDAY, midnight(MONDAY) - timedelta(days=30))
    assert not [warning for warning in staged(right, earlier + tonight).warnings if "clock" in warning]
    found = staged(wrong, earlier + tonight)
    assert [(volume.accepted, volume.rejected) for volume in found.volumes] == [(1, 1), (1, 1)]
    (warning,) = (warning for warning in found.warnings if "clock" in warning)
    assert "2025-12-06 00:00 UTC, before the newest event known (2026-01-04 19:00 UTC)" in warning


@pytest.mark.fault("B7")
def test_without_times_the_date_of_an_earlier_night_shows_a_clock_that_fell_back(tmp_path):
    wrong = at_night(tmp_path, MONDAY, midnight(MONDAY) - timedelta(days=30))
    found = staged(wrong, [(MONDAY - timedelta(days=1), [event("a", "x")]), (MONDAY, [event("a", "y")])])
    assert any("before the night of 2026-01-04" in warning for warning in found.warnings)


@pytest.mark.fault("B7")
def test_a_clock_that_jumps_back_during_a_step_leaves_its_duration_right(tmp_path, monkeypatch):
    """Durations come from the clock that never jumps; the wall clock loses a day while the step works."""
    wall, steps = time.time(), iter(range(100))
    jumps = []

    def falling() -> float:
        jumps.append(wall - 86_400 * next(steps))
        return jumps[-1]

    monkeypatch.setattr(time, "time", falling)

    def listen(night: Night) -> Receipt:
        time.time()
        time.time()
        return Receipt()

    night = at_night(tmp_path, MONDAY)
    plain(listen, night)
    assert jumps[-1] < jumps[0]
    (record,) = step_records(night)
    assert 0 <= record.seconds < 60
    assert night.elapsed >= timedelta(0)


# B8: nothing came


@pytest.mark.fault("B8")
def test_no_delivery_and_an_empty_one_are_told_apart(night, deliver):
    """The producer who sent nothing and the producer who sent a file without rows get different messages."""
    with pytest.raises(InputRefusedError) as nothing:
        ingest(night(), SourceConfig(), VolumeConfig(), allow_volume=False)
    deliver("empty.csv", TIMED)
    with pytest.raises(InputRefusedError) as empty:
        ingest(night(), SourceConfig(), VolumeConfig(), allow_volume=False)
    assert "no delivery" in str(nothing.value)
    assert "delivered empty" not in str(nothing.value)
    assert "delivered empty" in str(empty.value)
    assert "empty.csv" in empty.value.where


@pytest.mark.fault("B8")
def test_a_night_without_a_new_delivery_says_so(tmp_path):
    old = [(MONDAY - timedelta(days=1), [event("a", "x", midnight(MONDAY) - timedelta(hours=5))])]
    assert any("no delivery of interactions tonight" in warning for warning in staged(at_night(tmp_path, MONDAY), old).warnings)
    assert not staged(at_night(tmp_path, MONDAY), [*old, (MONDAY, [event("a", "y", midnight(MONDAY))])]).warnings


@pytest.mark.fault("B8")
def test_of_nothing_every_expectation_but_the_row_count_holds(tmp_path):
    """That is why each suite counts rows: without the count an empty night would be perfect."""
    suites = [profile_suite(ValidateConfig()), sample_suite(ValidateConfig(), has_times=True, known_until=midnight(MONDAY))]
    assert all(any(expected.kind.startswith("ExpectTableRowCount") for expected in suite.expected) for suite in suites)
    columns = {"delivery": pa.string(), "row_number": pa.int64(), "user_id": pa.string(), "item_id": pa.string()}
    columns |= {"occurred_at": pa.timestamp("us"), "event_type": pa.string(), "value": pa.float64()}
    nothing = pa.table({name: pa.array([], kind) for name, kind in columns.items()})
    (outcome,) = run_suites([(suites[1], nothing)], tmp_path / "docs", "night", midnight(MONDAY))
    assert [failure.expected.kind for failure in outcome.failures] == ["ExpectTableRowCountToBeBetween"]


# B9, B10: too much, too little


@pytest.mark.fault("B9", "B10")
@pytest.mark.parametrize("rows", [3, 10_000])
def test_a_delivery_outside_the_band_is_refused_with_the_flag_that_lets_it_pass(night, deliver, rows):
    """Seven deliveries of a hundred rows, then one of a hundredfold or of 3 %: refused before anything is staged or trained."""
    for number in range(7):
        deliver(f"{number}.csv", "user_id,item_id\n" + "".join(f"{number},{item}\n" for item in range(100)))
    at = night()
    delivered = ingest(at, SourceConfig(), VolumeConfig(), allow_volume=False)
    stage(at, delivered, SourceConfig(), EventsConfig(), WarehouseConfig())
    keep(at, delivered, Receipt())
    deliver("odd.csv", "user_id,item_id\n" + "".join(f"9,{item}\n" for item in range(rows)))
    tuesday = night(MONDAY + timedelta(days=1))
    with pytest.raises(InputRefusedError, match="--allow-volume") as refused:
        ingest(tuesday, SourceConfig(), VolumeConfig(), allow_volume=False)
    assert refused.value.exit_code == 3
    assert f"{rows:,} rows" in refused.value.found
    assert not list(tuesday.staging.glob("*.json"))
    assert sum(ingest(tuesday, SourceConfig(), VolumeConfig(), allow_volume=True).rows.values()) == 700 + rows


# B12: numbers that are none

numbers = st.one_of(
    st.floats().map(repr),
    st.floats(0, 2e6).map(repr),
    st.sampled_from(
        ["NaN", "-nan", "inf", "-Infinity", "1e400", "-1e400", "1e308", "-0", "1000000", "1000000.1", "0", "", "many", "0x10", "1,5"]
    ),
)


def believable(text: str) -> bool:
    try:
        return text == "" or (math.isfinite(float(text)) and 0 <= float(text) <= 1e6)
    except ValueError:
        return False


@pytest.mark.fault("B12")
@settings(max_examples=5)
@given(texts=st.lists(numbers, min_size=1, max_size=40))
@example(texts=["NaN", "-nan", "inf", "-Infinity", "1e400", "1e308", "-1", "-0", "5"])
def test_a_value_counts_when_it_is_finite_and_within_range_and_is_rejected_by_name_otherwise(texts):
    with TemporaryDirectory() as folder:
        night = at_night(Path(folder), MONDAY)
        staged(night, [(MONDAY, [event(f"u{place}", "x") | ({"value": text} if text else {}) for place, text in enumerate(texts)])])
        verdicts = judged(night)
    assert [verdict == "accepted" for verdict, _ in verdicts] == [believable(text) for text in texts]
    assert {rule for verdict, rule in verdicts if verdict == "rejected"} <= {"value_unreadable", "value_not_finite", "value_out_of_range"}


@pytest.mark.fault("B12")
@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, -1.0, 1e300])
def test_a_weight_that_is_no_number_is_no_setting(weight):
    with pytest.raises(ValidationError):
        EventsConfig(weights={"click": weight})


@pytest.mark.fault("B12")
@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_night_with_the_model_and_the_step(tmp_path, monkeypatch, loss):
    class Diverging:
        name, family = "popularity", "knowledge"

        def fit(self, *_: object) -> None:
            finite(loss, self.name, 3)

    monkeypatch.setattr(training, "chosen_models", lambda *_: [Diverging()])
    with pytest.raises(DivergedError):
        finite(loss, "any", 0)
    prepared = type("Prepared", (), {"n_recommendable": 1})
    with pytest.raises(NightHeldError, match=rf"model popularity.*the loss became {loss} at step 3"):
        training.fit_models(at_night(tmp_path, MONDAY), None, prepared, training.TrainConfig(), tmp_path / "models")


@pytest.mark.fault("B12")
@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_never_published(tmp_path, score):
    """The promise is checked on the file itself, whatever wrote it."""
    night, table = at_night(tmp_path, MONDAY), TABLES["popular_items"]
    ids = {"user_id": "text", "item_id": "text"}
    rows = pa.table({"segment": ["__all__"], "rank": [1], "item_id": ["x"], "score": [1.0]})
    path = night.staged_table(table.name)
    write(path, rows, table.schema(ids))
    _check_contract(night, table, ids)
    write(path, rows.set_column(3, "score", pa.array([score])), table.schema(ids))
    with pytest.raises(NightHeldError, match="finite values in score; found NaN or infinity"):
        _check_contract(night, table, ids)


# B13, floods of clicks


def capped_by_definition(events: list[Event], most: int) -> Counter[str]:
    """Count, for each user, the events of a day beyond the earliest `most`."""
    days = Counter((row["user_id"], row["occurred_at"][:10]) for row in events)
    counted: Counter[str] = Counter()
    for (user, _), count in days.items():
        counted[user] += max(0, count - most)
    return +counted


minutes = st.integers(0, 2 * 24 * 60 - 1)
clicks = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("vwxyz"), minutes), min_size=1, max_size=30, unique=True)


@pytest.mark.fault("B13")
@settings(max_examples=6)
@given(rows=clicks, most=st.integers(1, 6), shuffle=st.randoms(use_true_random=False))
@example(rows=[("a", item, minute) for minute in range(5) for item in "vw"], most=3, shuffle=random.Random(0))
def test_what_goes_beyond_a_users_day_is_seen_and_not_learned_from(rows, most, shuffle):
    """Nothing is lost: read = accepted + the rest as ever, capped events are counted, and the earliest of a day are those that count."""
    events = [event(user, item, midnight(MONDAY - timedelta(days=2)) + timedelta(minutes=minute)) for user, item, minute in rows]
    config = EventsConfig(max_events_per_user_day=most)
    with TemporaryDirectory() as folder:
        night = at_night(Path(folder), MONDAY)
        found = staged(night, [(MONDAY, events)], config)
        first = learned(night, config)
        shuffle.shuffle(events)
        staged(night, [(MONDAY, events)], config)
        assert learned(night, config) == first
    expected = capped_by_definition(events, most)
    (volume,) = found.volumes
    assert (volume.accepted, volume.capped) == (len(rows), sum(expected.values()))
    assert {(row["user"], row["item"]) for row in first} == {(user, item) for user, item, _ in rows}
    ordered = sorted(rows, key=lambda row: (row[2], row[1]))
    liked = {pair for user in "ab" for day in (0, 1) for pair in [r[:2] for r in ordered if r[0] == user and r[2] // 1440 == day][:most]}
    assert {(row["user"], row["item"]) for row in first if row["positive"]} == liked
    told = {sha256((user + volume.delivery).encode()).hexdigest()[:12]: count for user, count in expected.items()}
    assert {user.user_hash: user.events for user in found.capped_users} == told


@pytest.mark.fault("B13")
def test_the_demo_shop_is_the_same_with_and_without_caps(tmp_path, shop):
    """What honest people do is far from the cap: training reads the same bits."""
    rows = shop.deliver(shop.config.delivery_dates[0]).interactions.to_pylist()
    events = [{name: str(value) for name, value in row.items() if value is not None} for row in rows]
    assert events
    night = at_night(tmp_path, MONDAY)
    found = [
        learned(night, config)
        for config in (EventsConfig(), EventsConfig(max_events_per_user_day=10**9))
        if staged(night, [(MONDAY, events)], config)
    ]
    assert found[0] == found[1]


@pytest.mark.fault("B13")
def test_a_thousand_repeats_are_one_vote(tmp_path):
    """Weights are never added up over events: a user has one vote on an item, of the weight of the strongest event."""
    config = EventsConfig(weights={"view": 1.0, "buy": 3.0})
    often = [event("bot", "x", midnight(MONDAY) + timedelta(seconds=second), event_type="view") for second in range(1000)]
    once = [event("a", "x", midnight(MONDAY), event_type="buy"), event("a", "x", midnight(MONDAY) + timedelta(hours=1), event_type="view")]
    votes = _data(at_night(tmp_path, MONDAY), [(MONDAY, often + once)], config).interactions
    assert (len(votes), sorted(votes.weight.tolist())) == (2, [1.0, 3.0])


def _data(night, deliveries, config):
    delivered = loaded(night, deliveries)
    stage(night, delivered, SourceConfig(), config, WarehouseConfig())
    prepare(night, delivered, Receipt(), config, HoldoutConfig(), SegmentConfig(), FeatureConfig(), WarehouseConfig())
    return training_set(night).training_data("everything")


def honest(n_users: int = 300, n_items: int = 60, per_user: int = 12) -> list[Event]:
    """Return a small market: Zipf's law over items, each user a dozen clicks over ten days."""
    rng = np.random.default_rng(5)
    shares = 1 / np.arange(1, n_items + 1) ** 0.8
    events = []
    for user in range(n_users):
        for item in rng.choice(n_items, per_user, replace=False, p=shares / shares.sum()):
            at = midnight(MONDAY) - timedelta(minutes=int(rng.integers(10 * 24 * 60)))
            events.append(event(f"u{user:03}", f"i{item:02}", at))
    return events


TARGET = "i30"


def attack() -> list[Event]:
    """Return what one attacker in a hundred users does: two new accounts that click the target all day, and a program that clicks all."""
    at = midnight(MONDAY) - timedelta(hours=20)
    ring = [event(f"bot{bot}", item, at + timedelta(seconds=n)) for bot in range(2) for n, item in enumerate([TARGET, "i00", "i01"] * 60)]
    order = [TARGET, *(f"i{item:02}" for item in range(60) if f"i{item:02}" != TARGET)]
    program = [event("bot9", item, at + timedelta(seconds=60 * lap + n)) for lap in range(40) for n, item in enumerate(order)]
    return ring + program


def exposure(night: Night, deliveries: list[tuple[date, list[Event]]], config: EventsConfig, k: int = 10) -> dict[str, float]:
    """Return, for each model, the share of the honest users whose first k new items hold the target."""
    data = _data(night, deliveries, config)
    known = training_set(night)
    users, target = known.users["user_id"].to_pylist(), known.items["item_id"].to_pylist().index(TARGET)
    people = np.flatnonzero([name.startswith("u") for name in users])
    seen = data.interactions.seen().toarray()[people].astype(bool)
    shares = {}
    for scorer in (Popularity(PopularityConfig()), Ease(EaseConfig())):
        scorer.fit(data, 0)
        scores = np.where(seen, -np.inf, scorer.score(data.block(people, data.interactions.histories())))
        top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        shares[scorer.name] = float((top == target).any(axis=1).mean())
    return shares


@pytest.mark.fault("B13")
def test_one_attacker_in_a_hundred_hardly_moves_what_honest_people_are_shown(tmp_path):
    """A click ring and a program of 2,400 events a day: the target is shown to at most twice as many people, and 2 % more."""
    config, clean, flood = EventsConfig(max_events_per_user_day=100), honest(), attack()
    assert sum(row["item_id"] == TARGET for row in flood) > sum(row["item_id"] == TARGET for row in clean), "the attack happened"
    before = exposure(at_night(tmp_path, MONDAY), [(MONDAY, clean)], config)
    after = exposure(at_night(tmp_path, MONDAY), [(MONDAY, clean + flood)], config)
    for model, share in after.items():
        assert share <= 2 * before[model] + 0.02, (model, before, after)


def a_fortnight(share_of_new: list[float], per_night: int = 200) -> list[tuple[date, list[Event]]]:
    """Return deliveries of consecutive nights, the first all new; of each later one, this share is of new users."""
    rng, nights, people = random.Random(3), [], [f"u{user}" for user in range(100)]
    for number, share in enumerate([1.0, *share_of_new]):
        day = MONDAY - timedelta(days=len(share_of_new) - number)
        n_new = per_night if number == 0 else round(per_night * share)
        names = people * 2 if number == 0 else [f"n{number}-{user}" for user in range(n_new)] + rng.choices(people, k=per_night - n_new)
        at = midnight(day)
        nights.append((day, [event(name, f"i{rng.randrange(40)}", at + timedelta(minutes=place)) for place, name in enumerate(names)]))
    return nights


def raised(root: Path, nights: list[tuple[date, list[Event]]], **config: object) -> tuple[Alarm, ...]:
    night = at_night(root, MONDAY)
    found = staged(night, nights)
    with open_warehouse(night) as warehouse:
        return alarms(warehouse, found, MONDAY, ValidateConfig(**config))


STEADY = [0.10, 0.14, 0.08, 0.12, 0.11, 0.09, 0.13, 0.10]


@pytest.mark.fault("B13")
@pytest.mark.parametrize(("share", "warns", "refuses"), [(0.15, False, False), (0.3, False, False), (0.6, True, False), (0.95, True, True)])
def test_a_flood_of_new_accounts_warns_and_a_larger_one_is_refused(tmp_path, share, warns, refuses):
    """Against earlier nights' median of a tenth: up to three tenths pass, more warns, more than nine tenths end the night."""
    found = [alarm for alarm in raised(tmp_path, a_fortnight([*STEADY, share])) if alarm.where == "interactions"]
    assert (bool(found), any(alarm.refuses for alarm in found)) == (warns, refuses)
    if refuses:
        with pytest.raises(InputRefusedError, match=r"95% of tonight's events by users never seen before.*max_new_account_share"):
            require_quiet(found)


@pytest.mark.fault("B13")
@pytest.mark.parametrize("nights", [[0.95] * 9, [*STEADY[:3], 0.95]])
def test_guests_every_night_and_a_young_shop_raise_no_alarm_of_new_accounts(tmp_path, nights):
    """A shop whose visitors are always new, and one too young to know what is usual."""
    assert not [alarm for alarm in raised(tmp_path, a_fortnight(nights)) if alarm.where == "interactions"]


@pytest.mark.fault("B13")
@pytest.mark.parametrize(
    ("accounts", "policy", "outcome"), [("new", "warn", (1, False)), ("new", "refuse", (1, True)), ("known", "refuse", (0, False))]
)
def test_an_item_that_new_accounts_alone_lift_is_told_of(tmp_path, accounts, policy, outcome):
    """Fifty clicks on an item that had a few a night: from made-up accounts they raise the alarm, from known people they are a success."""
    nights = a_fortnight([*STEADY, 0.1])
    push = [
        event(f"bot{n}" if accounts == "new" else f"u{n}", "pushed", midnight(MONDAY) + timedelta(hours=5, seconds=n)) for n in range(50)
    ]
    nights[-1] = (MONDAY, nights[-1][1] + push)
    found = [alarm for alarm in raised(tmp_path, nights, on_popularity_jump=policy) if alarm.where == "item pushed"]
    assert (len(found), any(alarm.refuses for alarm in found)) == outcome


@pytest.mark.slow
@pytest.mark.fault("B5")
def test_a_late_delivery_leaves_published_dates_alone_and_the_next_night_learns_from_it(workspace, shop, run):
    """Whole nights: Monday's events that come on Tuesday are in Tuesday's tables, and Monday's files are what they were."""
    models = '[train]\nmodels = ["popularity", "ease"]\n[blend]\nresamples = 2\n[gate]\nmin_new_users = 30\n'
    workspace.settings_file.write_text(models)
    first, second = shop.config.delivery_dates[:2]
    write_delivery(shop, first, workspace.root / "inbox")
    assert run(workspace, first).ending == "published"
    before = {path: file_hash(path) for path in workspace.tables.rglob(f"run_date={first}/*.parquet")}
    assert before
    write_delivery(shop, second, workspace.root / "inbox")
    item = shop.planted.item_ids[0]
    at = midnight(first) - timedelta(days=3)
    rows = "".join(f"9{number:05},{item},{at:%Y-%m-%dT%H:%M:%SZ}\n" for number in range(30))
    (workspace.inbox("interactions") / "late.csv").write_text("user_id,item_id,occurred_at\n" + rows)
    ending = run(workspace, second)
    assert ending.ending == "published", ending.reason
    assert {path: file_hash(path) for path in before} == before
    served = pq.read_table(workspace.table("recommendations", second), columns=["user_id"])["user_id"].to_pylist()
    assert {900_000 + number for number in range(30)} <= {int(user) for user in served}
    assert "late.csv: 30 of 30 events are late" in (workspace.report(second) / "index.html").read_text()


CHILD = """
import sys
from datetime import date, datetime
from pathlib import Path
from models.compute import ComputeConfig
from models.holdout import HoldoutConfig
from tasks.ingest import ingest
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.night import Night, Receipt, peak_bytes
from tasks.prepare import FeatureConfig, SegmentConfig, prepare
from tasks.shop import write_delivery
from tasks.stage import EventsConfig, stage
from tasks.warehouse import WarehouseConfig
from tasks.workspace import Workspace
night = Night(Workspace(Path(sys.argv[1])), date(2026, 1, 5), "run", "a", datetime(2026, 1, 6, 3), None, 0, ComputeConfig())
limits = WarehouseConfig(memory="256MB")
delivered = ingest(night, SourceConfig(), VolumeConfig(), allow_volume=True)
staged = stage(night, delivered, SourceConfig(), EventsConfig(), limits)
prepared = prepare(night, delivered, Receipt(), EventsConfig(), HoldoutConfig(), SegmentConfig(), FeatureConfig(), limits)
print(prepared.n_events, staged.volumes[-1].accepted, peak_bytes())
"""


@pytest.mark.slow
@pytest.mark.fault("B9")
def test_a_hundredfold_day_that_is_let_in_stays_within_memory(workspace):
    """A million rows with SQL held to 256 MB, which is less than they take: DuckDB spills and the process stays under 1 GiB."""
    rng, n_rows = np.random.default_rng(1), 1_000_000
    seconds = rng.integers(1_767_000_000, 1_767_600_000, n_rows)
    columns = {"user_id": rng.integers(0, 50_000, n_rows), "item_id": rng.integers(0, 3000, n_rows), "occurred_at": seconds}
    pq.write_table(pa.table(columns), workspace.inbox("interactions") / "sale.parquet")
    child = subprocess.run([sys.executable, "-c", CHILD, str(workspace.root)], capture_output=True, text=True, check=False, timeout=280)
    assert child.returncode == 0, child.stderr
    n_events, accepted, peak = map(int, child.stdout.split())
    assert n_events > 0.99 * n_rows
    assert accepted > 0.99 * n_rows
    assert peak < 2**30
