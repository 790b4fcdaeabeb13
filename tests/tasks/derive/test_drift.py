"""Claims about `tasks.derive.drift`: what is measured of a night, and when it is called unusual."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.evidence import GateConfig
from tasks.derive.drift import write_drift
from tasks.storage import file_hash, write_json
from tests.tasks.derive.conftest import filled, happened, recommendations

MONDAY, TUESDAY = "2026-01-05", "2026-01-06"
COUNTED = ("new_user_share", "new_item_share", "events", "users", "items", "mean_value", "event_type_share")


@pytest.fixture
def drift(world):
    """Return a writer of the table, which reads it too; there is a list, and a delivery of interactions of ten rows."""
    world.stage("recommendations", recommendations({1: [1]}))
    delivered(world, accepted=7, rejected=2, duplicates=1)

    def write():
        sentences = write_drift(world.night, world.warehouse, GateConfig())
        return {(row["measure"], row["subject"]): row for row in pq.read_table(world.night.staged_table("drift")).to_pylist()}, sentences

    return write


def delivered(world, accepted: int, rejected: int, duplicates: int):
    """Say what became of the rows of tonight's delivery; there was one before it."""
    columns = "delivery, accepted, rejected, duplicates, waiting"
    world.know("staging.volumes", columns, "('before', 0, 90, 0, 0)", f"('tonight', {accepted}, {rejected}, {duplicates}, 5)")
    nights = "('before', date '2026-01-04')", f"('tonight', date '{world.night.run_date}')"
    world.know("staging.nights", "delivery, first_night", *nights)


def values(rows, *measures: str):
    return {key: row["value"] for key, row in rows.items() if key[0] in measures}


DAYS = (
    f"(1, 1, '{MONDAY} 09:00', 'view', 1.5)",
    f"(2, 1, '{MONDAY} 19:00', 'view', 2)",
    f"(2, 2, '{MONDAY} 19:30', 'view', 0.1)",
    f"(2, 3, '{MONDAY} 19:30', 'buy', null)",
    "(1, 9, '2026-01-04 19:30', 'gone', 50)",
    "(3, 2, '2026-01-04 19:30', 'gone', 50)",
)


def test_the_newest_day_is_measured(world, drift):
    """By hand: four events, three of user 2, whom nobody knew before, and three of the items 1 and 3, which nobody had met."""
    happened(world, *DAYS)
    found = values(drift()[0], *COUNTED)
    assert found.pop(("mean_value", "")) == pytest.approx(1.2)
    assert found == {
        ("event_type_share", "buy"): 0.25,
        ("event_type_share", "view"): 0.75,
        ("events", ""): 4,
        ("items", ""): 3,
        ("users", ""): 2,
        ("new_user_share", ""): 0.75,
        ("new_item_share", ""): 0.75,
    }


@pytest.mark.parametrize(("newest", "n_events"), [("02:00", 4), ("17:59", 4), ("18:00", 1)])
def test_a_day_that_has_only_begun_is_not_measured_yet(world, drift, newest, n_events):
    """A night in the small hours sees little of it; the day before is whole."""
    happened(world, *DAYS, f"(1, 1, '{TUESDAY} {newest}', 'view', null)")
    assert drift()[0]["events", ""]["value"] == n_events


def test_without_times_everything_is_measured_and_nobody_is_new(world, drift):
    happened(world, "(1, 1, null, null, 3)", "(2, 1, null, null, null)")
    rows = drift()[0]
    assert values(rows, *COUNTED) == {("events", ""): 2, ("items", ""): 1, ("users", ""): 2, ("mean_value", ""): 3}


def test_the_share_of_refused_rows_is_that_of_the_new_deliveries(world, drift):
    """Rows that wait for a later night are not judged yet; without a new delivery there is no share."""
    happened(world, *DAYS)
    assert values(drift()[0], "reject_share") == {("reject_share", ""): 0.2}
    delivered(world, 0, 0, 0)
    assert values(drift()[0], "reject_share") == {}


def test_percentiles_are_scores_that_were_given_whatever_the_order(world, drift):
    """Against sorting: the smallest score that at least so many do not exceed."""
    happened(world, *DAYS)
    rng = np.random.default_rng(0)
    lists = {user: list(range(1, 8)) for user in range(1, 40)}
    score = {(user, item): float(rng.normal()) for user, items in lists.items() for item in items}
    table = recommendations(lists, score=score)
    rungs = ["blend" if user % 3 else "history" for user in table["user_id"].to_pylist()]
    table = table.set_column(table.schema.get_field_index("served_by"), "served_by", [rungs])
    world.stage("recommendations", table)
    measures = {"score_p10": 0.1, "score_p50": 0.5, "score_p90": 0.9, "first_score_p50": 0.5}
    found = values(drift()[0], *measures)
    rows = table.to_pylist()
    for subject in ("", "blend", "history"):
        for measure, share in measures.items():
            of = sorted(
                row["score"]
                for row in rows
                if row["served_by"] in (subject or row["served_by"]) and (row["rank"] == 1 or not measure.startswith("first"))
            )
            assert found.pop((measure, subject)) == of[int(np.ceil(share * len(of))) - 1]
    assert found == {}


def publish(world, days_ago: int, **measured: float):
    """Publish an earlier night that measured these values."""
    day = world.night.run_date - timedelta(days=days_ago)
    path = world.night.workspace.table("drift", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(filled("drift", [{"measure": measure, "subject": "", "value": value} for measure, value in measured.items()]), path)
    tables = {"drift": {"path": world.night.workspace.relative(path), "sha256": file_hash(path)}}
    told = {"published_at": f"{day}T23:00:00Z", "data_through": None, "model_version": "m", "tables": tables}
    run_id = f"run-{days_ago}"
    write_json(world.night.workspace.manifest_file(run_id), {"run_id": run_id, "run_date": str(day), **told})
    return path


def test_what_lies_outside_the_band_of_the_trailing_nights_is_unusual(world, drift):
    """Twelve events at most were usual: four are few, and are named in a sentence; of what has no nights behind it nothing is said."""
    happened(world, *DAYS)
    for days_ago, events in enumerate((10, 11, 12, 11, 10), start=1):
        publish(world, days_ago, events=events, new_user_share=0)
    rows, sentences = drift()
    row = rows["events", ""]
    assert (row["usual"], row["is_unusual"], row["n_nights"]) == (11.0, True, 5)
    assert row["low"] < 10
    assert row["high"] > 12
    assert {key for key, found in rows.items() if found["is_unusual"]} == {("events", ""), ("new_user_share", "")}
    assert len(sentences) == 2
    assert sentences[0].startswith("events is 4; usual is 11 (6.5")
    assert sentences[0].endswith(", 5 nights)")
    assert [rows["users", ""][name] for name in ("usual", "low", "high", "is_unusual", "n_nights")] == [None, None, None, False, 0]


def test_a_few_nights_make_nothing_unusual(world, drift):
    """Four do not; nor do damaged ones, those of later dates, and those that are older than the last twenty-eight."""
    happened(world, *DAYS)
    for days_ago in range(1, 5):
        publish(world, days_ago, events=100)
    damaged = publish(world, 5, events=100)
    damaged.write_bytes(damaged.read_bytes()[:-8])
    publish(world, -1, events=100)
    rows, sentences = drift()
    assert (rows["events", ""]["n_nights"], sentences) == (4, ())
    for days_ago in range(5, 50):
        publish(world, days_ago, events=4)
    assert (drift()[0]["events", ""]["n_nights"], drift()[0]["events", ""]["usual"]) == (28, 4.0)


def test_a_single_refused_row_among_many_is_no_alarm(world, drift):
    """Where nothing was ever refused the band has no width of its own, and a hundredth is let pass."""
    happened(world, *(f"({user}, 1, '{MONDAY} 20:00', null, null)" for user in range(1, 3)), "(1, 1, '2026-01-01', null, null)")
    for days_ago in range(1, 7):
        publish(world, days_ago, reject_share=0)
    delivered(world, accepted=199, rejected=1, duplicates=0)
    assert drift()[1] == ()
    delivered(world, accepted=96, rejected=4, duplicates=0)
    assert [sentence.split(" is ")[0] for sentence in drift()[1]] == ["reject share"]
