from __future__ import annotations

import gzip
import json
import shutil
from datetime import date, timedelta

import pytest

from tasks.ingest import ingest, keep
from tasks.ingest.delivery import SourceConfig, waiting
from tasks.ingest.volume import VolumeConfig
from tasks.night import Receipt
from tasks.refusals import InputRefusedError
from tasks.stage import EventsConfig, stage
from tasks.warehouse import WarehouseConfig, open_warehouse

MONDAY = date(2026, 1, 5)
CSV = "user_id,item_id\n1,2\n3,4\n"


@pytest.fixture
def load(night):
    """Return a run of the first step; what it read is staged and kept, as in a published night, unless told."""

    def run(at=None, allow_volume=False, kept=True, volume=None, **settings):
        at = at or night()
        source = SourceConfig(**settings)
        delivered = ingest(at, source, volume or VolumeConfig(), allow_volume)
        if kept:
            stage(at, delivered, source, EventsConfig(), WarehouseConfig())
            keep(at, delivered, Receipt())
        return delivered

    return run


def raw_rows(night, relation="raw.interactions"):
    """Return the rows of a raw relation."""
    with open_warehouse(night) as warehouse:
        return sorted(warehouse.table(relation).to_pylist(), key=str)


def test_an_empty_inbox_is_refused_with_where_to_put_a_file(load, workspace):
    """A new workspace says what it is waiting for."""
    with pytest.raises(InputRefusedError) as refused:
        load()
    assert refused.value.where == str(workspace.inbox("interactions"))
    assert "CSV, Parquet or JSONL" in refused.value.next_step


def test_a_missing_inbox_is_an_empty_one(load, workspace):
    """Whoever removed the whole inbox is told the same."""
    shutil.rmtree(workspace.root / "inbox")
    with pytest.raises(InputRefusedError) as refused:
        load()
    assert refused.value.where == str(workspace.inbox("interactions"))


def test_a_catalogue_alone_is_refused(load, deliver):
    """Items without a single interaction are nothing to learn from."""
    deliver("items.csv", "item_id\n1\n", source="items")
    with pytest.raises(InputRefusedError, match="first delivery of interactions"):
        load()


def test_a_night_without_a_new_delivery_works_with_the_old_ones(load, night, deliver):
    """An empty inbox is fine once something was accepted."""
    deliver("day.csv", CSV)
    load()
    again = load(night(MONDAY + timedelta(days=1)))
    assert [delivery.path for delivery in again.deliveries] == [None]
    assert again.relations["raw.interactions"] == 2


@pytest.mark.parametrize(("name", "content"), [("header.csv", "user_id,item_id\n"), ("blank.jsonl", "\n\n")])
def test_a_file_without_rows_is_refused(load, deliver, name, content):
    """A header alone is what a failed export looks like."""
    path = deliver(name, content)
    with pytest.raises(InputRefusedError, match="delivered empty") as refused:
        load()
    assert refused.value.where == str(path)
    assert path.exists()


def test_the_same_content_under_another_name_is_loaded_once(load, night, deliver, workspace):
    """A delivery is its bytes: names, dates and retries do not make it another one."""
    deliver("day.csv", CSV)
    deliver("day (copy).csv", CSV)
    assert load().relations["raw.interactions"] == 2
    deliver("day_again.csv", CSV)
    assert load(night(MONDAY + timedelta(days=1))).relations["raw.interactions"] == 2
    assert not list(workspace.inbox("interactions").iterdir())


RED, BLUE = "item_id,colour\n2,red\n", "item_id,colour\n2,blue\n"


def colour(night):
    """Return what the staged catalogue says of item 2."""
    with open_warehouse(night) as warehouse:
        (item,) = warehouse.table("staging.items").to_pylist()
    return json.loads(item["attributes"])["colour"]


@pytest.mark.fault("B4")
def test_a_catalogue_that_goes_back_to_what_it_was_is_taken_in_again(load, night, deliver, workspace):
    """Red, then blue, then the very bytes of red, day by day: each night has its own, and each file leaves the inbox once it counts."""
    deliver("day.csv", CSV)
    colours = []
    for number, content in enumerate([RED, BLUE, RED, RED, BLUE, RED]):
        at = night(MONDAY + timedelta(days=number))
        path = deliver("items.csv", content, source="items")
        load(at)
        assert not path.exists()
        colours.append(colour(at))
    assert colours == ["red", "blue", "red", "red", "blue", "red"]
    # Red twice in a row is one delivery.
    assert len(list((workspace.raw / "items").glob("*.json"))) == 5


@pytest.mark.fault("B4")
def test_a_night_that_took_a_catalogue_in_again_is_the_same_night_when_run_again(load, night, deliver, workspace):
    """The file that came back is a delivery of its own before it is kept and after, and nothing waits any more."""
    deliver("day.csv", CSV)
    for number, content in enumerate([RED, BLUE]):
        deliver("items.csv", content, source="items")
        load(night(MONDAY + timedelta(days=number)))
    wednesday = MONDAY + timedelta(days=2)
    deliver("items.csv", RED, source="items")
    deliver("items (copy).csv", RED, source="items")
    (back,) = waiting(workspace, SourceConfig(), wednesday)
    load(night(wednesday))
    assert not list(workspace.inbox("items").iterdir())
    deliver("items.csv", RED, source="items")
    assert not waiting(workspace, SourceConfig(), wednesday)
    again = load(night(wednesday))
    assert back.sha256 in {delivery.sha256 for delivery in again.deliveries if delivery.path is None}
    assert colour(night(wednesday)) == "red"
    assert not list(workspace.inbox("items").iterdir())


@pytest.mark.fault("B4")
def test_old_catalogues_in_a_folder_that_is_only_read_are_not_taken_in_again(load, night, deliver, tmp_path):
    """Files outside the inbox stay where they are: each would follow the other for ever."""
    deliver("day.csv", CSV)
    (tmp_path / "1.csv").write_text(RED)
    files = {"items": [str(tmp_path / "*.csv")]}
    load(night(), files=files)
    (tmp_path / "2.csv").write_text(BLUE)
    for number in (1, 2):
        delivered = load(night(MONDAY + timedelta(days=number)), files=files)
        assert len([delivery for delivery in delivered.deliveries if delivery.source == "items"]) == 2
    assert colour(night()) == "blue"


@pytest.mark.parametrize("seed", range(4))
def test_of_the_catalogues_of_one_night_the_one_with_the_last_name_wins(load, night, deliver, workspace, seed):
    """Names hold dates, hashes hold nothing; kept or rebuilt, the order is the same."""
    deliver("day.csv", CSV)
    for day in (3, 1, 2):
        deliver(f"items-2026-01-0{day}.csv", f"item_id,colour\n2,colour of {day} {seed}\n", source="items")
    load()
    assert colour(night()) == f"colour of 3 {seed}"
    workspace.warehouse.unlink()
    load()
    assert colour(night()) == f"colour of 3 {seed}"


def test_the_same_content_as_two_sources_is_refused(load, deliver):
    """A file of interactions dropped among the users would describe users by their purchases."""
    deliver("day.csv", CSV)
    deliver("users.csv", CSV, source="users")
    with pytest.raises(InputRefusedError, match=r"users\.csv: expected users; found the very content delivered as interactions"):
        load()


def test_a_changed_header_order_loads_the_same_rows(load, night, deliver):
    """Columns are matched by name."""
    deliver("one.csv", CSV)
    deliver("two.csv", "item_id,user_id\n2,1\n4,3\n")
    load()
    rows = [(row["row_number"], row["user_id"], row["item_id"]) for row in raw_rows(night())]
    assert sorted(rows) == [(1, "1", "2"), (1, "1", "2"), (2, "3", "4"), (2, "3", "4")]


def test_a_bad_file_stops_the_night_and_stays(load, deliver):
    """By default nobody decides for the operator."""
    deliver("good.csv", CSV)
    bad = deliver("bad.csv.gz", gzip.compress(b"user_id,item_id\n" + b"1,2\n" * 1000)[:-20])
    with pytest.raises(InputRefusedError, match=r"bad\.csv\.gz.*--on-bad-file set_aside"):
        load()
    assert bad.exists()


def test_a_bad_file_is_set_aside_when_the_settings_say_so(load, deliver, workspace):
    """The night goes on without it and says why."""
    deliver("good.csv", CSV)
    bad = deliver("bad.csv", "user_id,sku\n1,2\n")
    delivered = load(on_bad_file="set_aside")
    assert [(file.source, file.name) for file in delivered.set_aside] == [("interactions", "bad.csv")]
    assert "item_id" in delivered.set_aside[0].reason
    assert not bad.exists()
    assert [path.name.partition("-")[2] for path in workspace.set_aside.iterdir()] == ["bad.csv"]
    assert delivered.relations["raw.interactions"] == 2


def test_files_outside_the_inbox_are_never_moved(load, tmp_path):
    """[source] files may point at another team's folder."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(CSV)
    bad.write_text("nonsense\n1\n")
    delivered = load(files={"interactions": [str(tmp_path / "*.csv")]}, on_bad_file="set_aside")
    assert [file.name for file in delivered.set_aside] == ["bad.csv"]
    assert good.exists()
    assert bad.exists()


def test_a_pattern_that_matches_nothing_is_refused(load, deliver):
    """A moved folder must not look like a night without deliveries."""
    deliver("day.csv", CSV)
    with pytest.raises(InputRefusedError, match=r"\[source\] files\.interactions: expected files matching exports/\*\.csv; found none"):
        load(files={"interactions": ["exports/*.csv"]})


@pytest.mark.parametrize("rows", [3, 10_000])
def test_a_delivery_outside_the_band_is_refused_unless_allowed(load, night, deliver, rows):
    """Seven nights of a hundred rows, then three percent or a hundredfold of it."""
    for back in range(7, 0, -1):
        deliver("day.csv", "user_id,item_id\n" + f"{back},2\n" * 100)
        load(night(MONDAY - timedelta(days=back)))
    path = deliver("odd.csv", "user_id,item_id\n" + "1,2\n" * rows)
    with pytest.raises(InputRefusedError, match="--allow-volume") as refused:
        load()
    assert (refused.value.where, refused.value.found) == (str(path), f"{rows:,} rows")
    assert refused.value.expected == "between 20 and 500 rows (usual: 100)"
    assert load(allow_volume=True).relations["raw.interactions"] == 700 + rows


def test_a_deleted_warehouse_is_rebuilt_with_the_same_rows(load, night, deliver, workspace):
    """The working store is a cache of raw/."""
    deliver("day.csv", CSV)
    deliver("items.csv", "item_id,title\n2,Two\n", source="items")
    load()
    deliver("next.jsonl", '{"user_id": 5, "item_id": 6}\n{"user_id"\n')
    tuesday = night(MONDAY + timedelta(days=1))
    load(tuesday)
    before = {name: raw_rows(tuesday, f"raw.{name}") for name in ("interactions", "items", "users")}
    workspace.warehouse.unlink()
    load(tuesday)
    assert {name: raw_rows(tuesday, f"raw.{name}") for name in before} == before


def test_a_refused_delivery_leaves_no_rows_for_the_next_night(load, night, deliver):
    """What was read but not kept, then corrected, counts once."""
    path = deliver("day.csv", CSV)
    load(kept=False)
    path.write_text("user_id,item_id\n9,9\n")
    load()
    assert [row["user_id"] for row in raw_rows(night())] == ["9"]


@pytest.mark.fault("B11")
def test_a_refused_delivery_is_read_again_under_other_settings(load, night, deliver):
    """Columns that changed places are what a refusal tells to map: the rows loaded under the old mapping must not stand."""
    deliver("day.csv", CSV)
    load(kept=False)
    as_first_read = raw_rows(night())
    load(columns={"interactions": {"user_id": "item_id", "item_id": "user_id"}})
    assert [row["user_id"] for row in raw_rows(night())] == [row["item_id"] for row in as_first_read]


@pytest.mark.parametrize(
    ("ids", "expected"), [(["1", "2"], "integer"), (["007", "2"], "text"), (["+7"], "text"), (["u1", "2"], "text"), (["-0"], "text"),
                          (["-5", "0"], "integer"), (["9223372036854775808"], "text")],
)  # fmt: skip
def test_ids_are_integers_only_if_every_one_is_a_plain_whole_number(load, deliver, ids, expected):
    """007 and 7 are two users."""
    deliver("day.csv", "user_id,item_id\n" + "".join(f"{user},1\n" for user in ids))
    assert load().id_types == {"user_id": expected, "item_id": "integer"}


def test_the_type_of_ids_is_fixed_by_the_first_load(load, night, deliver):
    """One guest in a later delivery does not turn every user into text."""
    deliver("monday.csv", CSV)
    load()
    deliver("tuesday.csv", "user_id,item_id\nguest,2\n")
    assert load(night(MONDAY + timedelta(days=1))).id_types["user_id"] == "integer"


def test_a_setting_that_contradicts_the_fixed_type_is_refused(load, night, deliver):
    """Changing the type of ids would orphan every published table."""
    deliver("monday.csv", CSV)
    load()
    with pytest.raises(InputRefusedError, match=r"\[source\] user_id_type: expected integer, fixed by the first load; found text"):
        load(night(MONDAY + timedelta(days=1)), user_id_type="text")
