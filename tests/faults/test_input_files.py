"""Damaged, drifted, repeated, unfinished and hostile files: what arrives is never believed, and never lost without a word."""

from __future__ import annotations

import gzip
import io
import json
import logging
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.deliveries import Delivery
from tasks.ingest import ingest
from tasks.ingest.contract import match_columns
from tasks.ingest.delivery import SourceConfig, delivered_again, waiting
from tasks.ingest.readers import read_batches
from tasks.ingest.volume import VolumeConfig
from tasks.prepare.events import NO_FLAGS
from tasks.refusals import InputRefusedError
from tasks.shop import write_delivery
from tasks.storage import file_hash
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP
from tests.faults.damage import DAMAGE, GOOD, ROWS

MONDAY = date(2026, 1, 5)
CSV = "user_id,item_id,occurred_at,event_type,value,event_id\n"
EVENTS = [f"{row % 7},{row % 5},2026-01-05T{row % 24:02}:{row % 60:02}:00Z,view,{row % 3},e{row}" for row in range(60)]
FACTS = "user_id, item_id, occurred_at, event_type, value"


@pytest.fixture
def judged(night, stage_inbox):
    """Return what counts of the inbox after the first two steps, and the volumes, having checked that no row went missing."""

    def rows(at=None, columns=FACTS, **source):
        delivered, staged = stage_inbox(at, source)
        for volume in staged.volumes:
            assert volume.counted + volume.waiting == delivered.rows[volume.delivery]
        with open_warehouse(at or night()) as warehouse:
            table = warehouse.table("staging.interactions").select(columns.split(", "))
        return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr), staged.volumes

    return rows


@pytest.fixture
def accepted(judged):
    """Return the rows that count of the inbox."""
    return lambda at=None, columns=FACTS, **source: judged(at, columns, **source)[0]


@pytest.fixture
def read(tmp_path):
    """Return the ids that one file brings, in its order."""

    def ids(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        delivery = Delivery(source="interactions", sha256="0", name=name, first_night=MONDAY, path=str(path))
        rows = [row for batch in read_batches(delivery, SourceConfig()) for row in batch.to_pylist()]
        return [(row["user_id"], row["item_id"]) for row in rows]

    return ids


@pytest.fixture
def refused(night):
    """Return why the inbox is refused, having checked that nothing of it was left behind."""

    def refusal(at=None, **source):
        at = at or night()
        with pytest.raises(InputRefusedError) as caught:
            ingest(at, SourceConfig(**source), VolumeConfig(), allow_volume=True)
        assert not list(at.staging.rglob("*.parquet"))
        return caught.value

    return refusal


@pytest.mark.fault("B1")
@pytest.mark.parametrize("name", GOOD)
def test_a_damaged_file_loads_the_same_rows_or_says_what_is_wrong(night, deliver, stage_inbox, name):
    """It is refused by name and leaves nothing, its damaged rows are told of, or the damage was none; each row read is counted once."""
    _, dot, kind = name.partition(".")
    deliver("ratings.csv", "user_id,item_id,occurred_at\n1,1,2026-01-05T01:00:00Z\n")
    damaged = {f"{damage}{dot}{kind}": change(GOOD[name]) for damage, change in DAMAGE.items() if change(GOOD[name]) != GOOD[name]}
    for called, content in damaged.items():
        deliver(called, content)
    delivered, staged = stage_inbox(source={"on_bad_file": "set_aside"})
    reasons = {file.name: file.reason for file in delivered.set_aside}
    assert all(called in reason and "Next:" in reason for called, reason in reasons.items())
    assert len(list(night().staging.rglob("*.parquet"))) == len(staged.volumes)
    volumes = {volume.name: volume for volume in staged.volumes}
    assert set(volumes) - {"ratings.csv"} == set(damaged) - set(reasons)
    for volume in staged.volumes:
        assert volume.counted + volume.waiting == delivered.rows[volume.delivery] > 0
    assert {f"no byte.{kind}", f"other magic.{kind}", f"half of it.{kind}"} & set(reasons)


@pytest.mark.fault("B1")
@pytest.mark.parametrize("name", ["day.csv", "day.tsv"])
def test_a_byte_order_mark_and_bare_carriage_returns_are_no_damage(read, name):
    """They are how some producers write text."""
    whole = [(str(user), str(item)) for user, item in ROWS]
    for damage in ("a byte order mark", "carriage returns alone"):
        assert read(name, DAMAGE[damage](GOOD[name])) == whole


@pytest.mark.fault("B1")
def test_a_flipped_bit_of_a_checksummed_parquet_never_changes_a_row(read):
    """The producer's page checksums are looked at: damage is refused, or lies where nothing is read from."""
    whole, n_refused = read("day.parquet", GOOD["day.parquet"]), 0
    for seed in range(60):
        chance = random.Random(seed)
        damaged = bytearray(GOOD["day.parquet"])
        damaged[chance.randrange(4, pages_end())] ^= 1 << chance.randrange(8)
        try:
            assert read("day.parquet", bytes(damaged)) == whole
        except InputRefusedError:
            n_refused += 1
    assert n_refused > 40


def pages_end() -> int:
    """Return where the last data page of the good Parquet file ends; behind it lies the footer, which has no checksum."""
    metadata = pq.read_metadata(io.BytesIO(GOOD["day.parquet"]))
    chunks = [metadata.row_group(0).column(place) for place in range(3)]
    return max((chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size for chunk in chunks)


@pytest.mark.fault("B1")
def test_a_file_under_another_formats_name_is_refused(deliver, refused):
    """A suffix promises a format."""
    for name, content in (("day.csv.gz", GOOD["day.csv"]), ("day.parquet", GOOD["day.csv"]), ("day.jsonl", GOOD["day.parquet"])):
        path = deliver(name, content)
        assert name in refused().where
        path.unlink()


def parquet(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


@pytest.mark.fault("B1")
@pytest.mark.parametrize(
    ("name", "content", "limits", "found"),
    [
        ("rows.csv", "user_id,item_id\n" + "1,2\n" * 11, {"max_rows": 10}, "more"),
        ("rows.parquet", parquet(pa.table({"user_id": [1] * 11, "item_id": [2] * 11})), {"max_rows": 10}, "11"),
        ("wide.csv", ",".join(f"c{n}" for n in range(1001)) + "\n", {}, "1,001"),
        ("wide.jsonl", "".join(f'{{"user_id": 1, "item_id": 2, "c{n}": 1}}\n' for n in range(1001)), {}, "1,003"),
        ("name.csv", f"user_id,item_id,{'n' * 201}\n1,2,3\n", {}, "a longer one"),
        ("blank.csv.gz", gzip.compress(b"user_id,item_id\n1,2\n" + b"\n" * (65 << 20), mtime=0), {}, "grows far more"),
        ("line.jsonl.gz", gzip.compress(b" " * (17 << 20), mtime=0), {}, "a line of more than"),
        ("broken.csv", "user_id,item_id\n" + "1,2,3\n" * 11, {"max_malformed_rows": 10}, "Expected 2 columns"),
        ("broken.jsonl", "{\n" * 11, {"max_malformed_rows": 10}, "more than 10 lines"),
        ("lists.parquet", parquet(pa.table({"user_id": [1], "item_id": [2], "x": [[0] * (1 << 24) + [0]]})), {}, "16,777,217"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_a_file_beyond_the_limits_is_refused(deliver, refused, name, content, limits, found):
    """Rows, columns, names, lines and unpacked bytes are counted while they come."""
    deliver(name, content)
    refusal = refused(limits=limits, ignore={"interactions": ["x"]})
    assert found in refusal.found
    assert name in refusal.where


@pytest.mark.fault("B1", "B14")
def test_a_parquet_bomb_is_spelled_out_no_further_than_the_limits(deliver, stage_inbox):
    """One text of a megabyte that two thousand rows name stands for two gigabytes, in a file of kilobytes."""
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * (1 << 20)]))
    content = parquet(pa.table({"user_id": range(2000), "item_id": range(2000), "event_type": bomb}))
    assert len(content) < 1 << 20
    deliver("bomb.parquet", content)
    held = pa.total_allocated_bytes()

    with pytest.raises(InputRefusedError, match="times its size"):
        stage_inbox(source={"limits": {"max_text_bytes": 1 << 20}})
    assert pa.total_allocated_bytes() - held < 1 << 26
    _, staged = stage_inbox(source={"limits": {"max_text_bytes": 1 << 10}})
    assert (staged.volumes[0].accepted, staged.volumes[0].rejected) == (0, 2000)


@pytest.mark.fault("B2")
def test_a_changed_header_is_shown_as_a_difference(deliver, refused):
    """What is missing, what is new, and what only seems to bear another name."""
    deliver("day.csv", "user_id,itemid,till\n1,2,3\n")
    refusal = refused()
    assert refusal.found == "the columns user_id, itemid, till; missing: item_id; new: itemid, till; renamed, it seems: item_id to itemid"
    assert 'item_id = "itemid"' in refusal.next_step


@pytest.mark.fault("B2")
@pytest.mark.parametrize(("policy", "kept"), [("discard_row", None), ("evolve", '{"till": "x"}')])
def test_new_columns_are_dropped_or_kept_when_the_settings_say_so(night, deliver, accepted, refused, policy, kept):
    """Frozen is the default; a column let in changes nothing of what is learned from."""
    deliver("day.csv", "user_id,item_id,till\n1,2,x\n3\n")
    assert "till" in refused().found
    assert [row[:2] for row in accepted(on_schema_change=policy)] == [(1, 2)]
    with open_warehouse(night()) as warehouse:
        rows = warehouse.table("raw.interactions").to_pylist()
    assert [row["attributes"] for row in rows if row["malformed"] is None] == [kept]
    assert [row["malformed"] for row in rows if row["malformed"]] == ["3"]


@pytest.mark.fault("B2")
def test_evolving_takes_in_additions_alone(deliver, refused):
    """A column that was renamed is one lost and one new: nobody would notice that its values are gone."""
    deliver("day.csv", "user_id,item_id,event_typ\n1,2,view\n")
    assert "event_type to event_typ" in refused(on_schema_change="evolve").found
    deliver("day.csv", "user_id,sku\n1,2\n")
    assert "missing: item_id" in refused(on_schema_change="evolve").found


@pytest.mark.fault("B2")
def test_a_retyped_column_sets_its_rows_aside(deliver, stage_inbox):
    """Times that became prose, values that became words and event types that are not listed are rejected row by row."""
    deliver("day.csv", CSV + "1,2,yesterday,view,1,a\n1,2,2026-01-05T10:00:00Z,view,much,b\n1,2,2026-01-05T10:00:00Z,hover,1,c\n")
    _, staged = stage_inbox(weights={"view": 1.0})
    assert (staged.volumes[0].accepted, staged.volumes[0].rejected) == (0, 3)


@pytest.mark.fault("B2")
@settings(max_examples=60)
@given(
    order=st.permutations(["user_id", "item_id", "occurred_at", "event_type", "value", "event_id"]),
    n_lost=st.integers(0, 6),
    new=st.lists(st.text(max_size=12), unique=True, max_size=4),
    policy=st.sampled_from(["freeze", "discard_row", "evolve"]),
)
def test_columns_are_found_by_name_whatever_was_done_to_the_header(order, n_lost, new, policy):
    """Any order, any loss and any addition: a column of ours is matched to itself, or the header is refused."""
    header = order[n_lost:] + [name for name in new if name not in order]
    try:
        columns = match_columns("day.csv", "interactions", header, SourceConfig(on_schema_change=policy))
    except InputRefusedError:
        assert {"user_id", "item_id"} - set(header) or (new and policy != "discard_row")
        return
    assert columns.ours == {name: name for name in order[n_lost:]}
    assert {"user_id", "item_id"} <= set(header)
    assert policy == "evolve" or not columns.attributes


@pytest.mark.fault("B2")
@given(order=st.permutations(range(6)))
def test_the_header_matches_the_same_columns_in_any_order(order):
    """Nothing depends on where a column stands."""
    names = CSV.strip().split(",")
    shuffled = match_columns("day.csv", "interactions", [names[place] for place in order], SourceConfig())
    assert shuffled == match_columns("day.csv", "interactions", names, SourceConfig())


@pytest.mark.fault("B2")
def test_a_reordered_file_loads_the_same_rows(deliver, accepted):
    """Swapping columns, ids among them, changes no row."""
    deliver("day.csv", CSV + "\n".join(EVENTS) + "\n")
    before = accepted()
    places = random.Random(5).sample(range(6), 6)
    lines = [CSV.strip(), *EVENTS]
    deliver("day.csv", "".join(",".join(line.split(",")[place] for place in places) + "\n" for line in lines))
    assert accepted() == before
    assert len(before) == 60


@pytest.mark.fault("B3")
def test_shuffled_duplicates_change_nothing(deliver, judged):
    """Each event again, half of them a third time, in any order: the same interactions, and every copy is counted."""
    deliver("day.csv", CSV + "\n".join(EVENTS) + "\n")
    once, _ = judged()
    lines = EVENTS + EVENTS + EVENTS[:30]
    random.Random(3).shuffle(lines)
    deliver("day.csv", CSV + "\n".join(lines) + "\n")
    again, (volume,) = judged()
    assert again == once
    assert (volume.accepted, volume.duplicates) == (60, 90)


@pytest.mark.fault("B3")
def test_one_event_id_with_two_contents_keeps_the_first_and_tells_of_the_other(deliver, judged):
    """The first row of the file is believed, however often it is read."""
    deliver("day.csv", CSV + "1,2,2026-01-05T10:00:00Z,view,1,e\n1,3,2026-01-05T10:00:00Z,view,1,e\n")
    rows, (volume,) = judged()
    assert [row[:2] for row in rows] == [(1, 2)]
    assert (volume.rejected, volume.duplicates) == (1, 0)


@pytest.mark.fault("B4")
def test_a_day_delivered_again_in_other_clothes_counts_once(deliver, accepted):
    """Equal bytes are one delivery whatever their name; other bytes of equal rows are duplicates."""
    day = CSV + "\n".join(EVENTS) + "\n"
    deliver("first.csv", day)
    once = accepted()
    objects = (dict(zip(CSV.strip().split(","), line.split(","), strict=True)) for line in EVENTS)
    deliver("first (copy).csv", day)
    deliver("packed.csv.gz", gzip.compress(day.encode(), mtime=0))
    deliver("line_ends.csv", day.replace("\n", "\r\n"))
    deliver("tabs.tsv", day.replace(",", "\t"))
    deliver("json.jsonl", "".join(json.dumps(row) + "\n" for row in objects))
    assert accepted() == once
    assert len(once) == len(EVENTS)


STRANGE = {
    "tab": ("1\t2", 1),
    "escape": ("1\x1b[31m", 1),
    "nul": ("1\x002", 1),
    "next line": ("8\u00858", 1),
    "long": ("i" * 10_000, 1),
    "beyond 64 bits": ("9223372036854775808", 2),
    "zeros": ("007", 2),
    "accent": ("na\u00efve", 2),
}


@pytest.mark.fault("B11")
@pytest.mark.parametrize(("fault", "n_kept"), STRANGE.values(), ids=STRANGE)
def test_strange_ids_are_text_or_set_aside_with_their_row(deliver, accepted, fault, n_kept):
    """An id is kept to the letter; one with a control character, or longer than any id is, is told of and not believed."""
    deliver("day.csv", f"user_id,item_id\n7,a\n{fault},a\n")
    rows = accepted(columns="user_id, item_id")
    assert len(rows) == n_kept
    assert ("7", "a") in rows or (7, "a") in rows


@pytest.mark.fault("B11")
def test_an_id_that_changes_its_type_is_another_id(deliver, accepted, workspace):
    """Once integers, 007 is not 7 and is set aside."""
    (workspace.raw / "id_types.json").parent.mkdir(exist_ok=True)
    (workspace.raw / "id_types.json").write_text('{"user_id": "integer", "item_id": "integer"}')
    deliver("day.csv", "user_id,item_id\n7,1\n007,2\n")
    assert accepted(columns="user_id, item_id") == [(7, 1)]


@pytest.mark.fault("B11")
@given(catalogue=st.sets(st.integers(0, 9), min_size=1), seen=st.sets(st.integers(0, 9), min_size=1))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_items_outside_the_catalogue_are_known_from_the_past_alone(night, deliver, stage_inbox, catalogue, seen):
    """Once items are delivered, they and no others may be recommended; an item that is gone still says what its buyers like."""
    deliver("day.csv", "user_id,item_id\n" + "".join(f"1,{item}\n" for item in sorted(seen)))
    deliver("items.csv", "item_id\n" + "".join(f"{item}\n" for item in sorted(catalogue)), source="items")
    stage_inbox()
    with open_warehouse(night()) as warehouse:
        warehouse.build("training.items", known_until=night().known_until, **NO_FLAGS)
        items = warehouse.table("training.items").to_pylist()
    assert {row["item_id"] for row in items if row["is_known"] and row["is_available"]} == catalogue
    assert {row["item_id"] for row in items} == catalogue | seen


QUICK = """
[train]
models = ["popularity", "ease"]

[blend]
resamples = 2
"""


@pytest.mark.slow
@pytest.mark.fault("B3", "B11")
def test_a_night_of_shuffled_duplicates_publishes_the_same_lists(tmp_path, shop, run):
    """Every interaction twice and in another order, and the lists are the same to the last score; none holds what left the catalogue."""
    published, gone = [], set()
    for copies in (1, 2):
        workspace = Workspace(tmp_path / f"shop{copies}")
        workspace.create(QUICK)
        write_delivery(shop, FIRST, workspace.root / "inbox")
        gone = drop_items(workspace)
        if copies == 2:
            repeat_rows(workspace)
        assert run(workspace, FIRST).ending == "published"
        published.append([pq.read_table(workspace.table(name, FIRST)) for name in ("recommendations", "similar_items", "popular_items")])
    for once, twice in zip(*published, strict=True):
        shared = [name for name in once.column_names if name not in ("run_id", "model_version")]
        assert once.select(shared).equals(twice.select(shared))
    recommended = set(published[0][0]["item_id"].to_pylist())
    assert gone
    assert recommended
    assert not recommended & gone


def drop_items(workspace):
    """Take every twentieth item out of the delivered catalogue; returns what is missing now."""
    (path,) = workspace.inbox("items").iterdir()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for place, line in enumerate(lines) if place % 20))
    return {json.loads(line)["item_id"] for line in lines[::20]}


def repeat_rows(workspace):
    """Deliver every interaction twice, in another order."""
    (path,) = workspace.inbox("interactions").iterdir()
    rows = pq.read_table(path) if path.suffix == ".parquet" else pa.csv.read_csv(path, convert_options=AS_TEXT)
    order = [*range(rows.num_rows), *range(rows.num_rows)]
    random.Random(7).shuffle(order)
    path.unlink()
    pq.write_table(rows.take(order), workspace.inbox("interactions") / "twice.parquet")


AS_TEXT = pyarrow.csv.ConvertOptions(column_types={"occurred_at": pa.string()})
FIRST = SMALL_SHOP.delivery_dates[0]
HOSTILE = ["<script>alert(1)</script>", "=HYPERLINK(\"x\")", "\u202eevil", "a\x1b[2Jb", "two\nlines", "\x00nul", "{{ 7 * 7 }}"]  # fmt: skip


@pytest.mark.fault("B14")
def test_hostile_titles_are_kept_to_the_letter_and_a_huge_one_is_set_aside(night, deliver, stage_inbox):
    """Text is data: it is escaped where it is shown, not where it is kept."""
    deliver("day.csv", "user_id,item_id\n1,1\n")
    items = [{"item_id": number, "title": title} for number, title in enumerate([*HOSTILE, "x" * (1 << 20)])]
    deliver("items.jsonl", "".join(json.dumps(item) + "\n" for item in items), source="items")
    stage_inbox()
    with open_warehouse(night()) as warehouse:
        titles = {row["item_id"]: row["title"] for row in warehouse.table("staging.items").to_pylist()}
        rejects = [row for row in warehouse.table("staging.rejects").to_pylist() if row["source"] == "items"]
    assert titles == dict(enumerate(HOSTILE))
    assert [(row["row_number"], row["rule"]) for row in rejects] == [(len(HOSTILE) + 1, "malformed_row")]
    assert rejects[0]["raw_row"].startswith("title of 1,048,576 bytes")
    assert len(rejects[0]["raw_row"]) < 500


@pytest.mark.fault("B14")
def test_a_message_shows_control_characters_and_sends_none(deliver, refused):
    """A file name or a column may hold what moves a terminal's cursor or forges a line of the log."""
    deliver("day\x1b[2J\n.csv", "user_id,item_id,\x1b[31mred\u202e\n1,2,3\n")
    message = str(refused())
    assert message.isprintable()
    assert "\\x1b[31mred\\u202e" in message


def with_quote(lines, column, opened=20, closed=None):
    """Return lines in which a quote opens before a column of one row and, if it ever does, closes behind that column rows later."""
    changed = [line.split(",") for line in lines]
    changed[opened][column] = '"' + changed[opened][column]
    if closed:
        changed[closed][column] += '"'
    return "".join(",".join(fields) + "\n" for fields in changed)


@pytest.mark.fault("B1")
@pytest.mark.parametrize("closed", [None, 21, 50])
@pytest.mark.parametrize("column", range(6))
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_quote_that_takes_in_rows_refuses_the_file(deliver, refused, column, closed, ends):
    """Whichever column it opens in and wherever it closes, the rows between would be one row or none: the row it opened in is named."""
    deliver("day.csv", (CSV + with_quote(EVENTS, column, closed=closed)).replace("\n", ends))
    refusal = refused()
    assert "a quote opened in row 21" in refusal.found
    assert "set_aside" in refusal.next_step


ITEMS = [f"i{item},title {item},red" for item in range(60)]


@pytest.mark.fault("B1")
@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("closed", [None, 21, 50])
def test_a_quote_that_takes_in_rows_of_a_catalogue_refuses_the_file(deliver, refused, column, closed):
    """Titles and attributes may have lines, but no lines that are items."""
    deliver("items.csv", "item_id,title,colour\n" + with_quote(ITEMS, column, closed=closed), source="items")
    assert refused().where.endswith("items.csv")


@pytest.mark.fault("B1")
@pytest.mark.parametrize(
    "text", ["two\nlines", "soft, warm\nred, long", "a\nb, c\nd, e\n\n", "\n", "Sizes:\nS,M\nL,XL\n", "one\r\ntwo, three"]
)
def test_a_title_of_several_lines_is_a_title(night, deliver, stage_inbox, text):
    """Its lines have neither the columns nor the ids of items, whatever commas they hold."""
    deliver("day.csv", CSV + EVENTS[0] + "\n")
    deliver("items.csv", f'item_id,title\ni0,"{text}"\n' + "".join(f"i{item},title\n" for item in range(1, 60)), source="items")
    stage_inbox()
    with open_warehouse(night()) as warehouse:
        titles = {row["item_id"]: row["title"] for row in warehouse.table("staging.items").to_pylist()}
    assert titles["i0"] == (text.strip() or None)
    assert len(titles) == 60


@pytest.mark.fault("B1")
@pytest.mark.parametrize("kind", ["day.csv", "day.jsonl"])
@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_packed_text_cut_in_its_last_line_is_refused(deliver, refused, accepted, kind, packed):
    """What was cut short before it was packed is packed soundly."""
    cut = GOOD[kind][:-2] if kind == "day.csv" else GOOD[kind][:-1]
    content = gzip.compress(cut, mtime=0) if packed == "gz" else pa.compress(cut, "zstd", asbytes=True)
    deliver(f"{kind}.{packed}", content)
    assert refused().found == "none: the file may be cut short"
    assert accepted(columns="user_id, item_id", require_final_newline=False)


def at_age(path, seconds):
    """Return the instant at which a file will have rested for some seconds."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None) + timedelta(seconds=seconds)


@pytest.mark.fault("B15")
def test_a_file_with_an_unfinished_name_waits(deliver, accepted, caplog):
    """What a producer will rename when it is done is left alone."""
    deliver("good.csv", "user_id,item_id\n1,2\n")
    left = [deliver(name, "user_id,item_id\n3,4\n") for name in ("day.csv.partial", "day.csv.tmp", "day.csv.part", ".day.csv", "_SUCCESS")]
    caplog.set_level(logging.WARNING, "nightly")
    assert accepted(columns="user_id, item_id") == [(1, 2)]
    assert all(path.exists() for path in left)
    assert all(f"{path.name} is still being written" in caplog.text for path in left[:3])


@pytest.mark.fault("B15")
def test_a_young_file_waits_until_it_has_settled(deliver, workspace):
    """Its age is counted to the beginning of the run; a clock that is wrong keeps no file waiting."""
    path = deliver("day.csv", "user_id,item_id\n3,4\n")
    config = SourceConfig(settle_seconds=60)
    found = {age: len(waiting(workspace, config, MONDAY, at_age(path, age))) for age in (0, 59, 60, -5)}
    assert found == {0: 0, 59: 0, 60: 1, -5: 1}


@pytest.mark.fault("B15")
def test_a_night_of_unfinished_files_alone_says_so(night, deliver, refused):
    """Nobody looks for a delivery that lies in plain sight."""
    deliver("day.csv.partial", "user_id,item_id\n3,4\n")
    assert refused().found == "no delivery; day.csv.partial is still being written: its name ends in .partial"


@pytest.mark.fault("B15")
def test_a_sidecar_is_believed_over_the_file(deliver, accepted, refused, workspace):
    """A file is held to the hash beside it, and with it leaves the inbox."""
    path = deliver("day.csv", "user_id,item_id\n1,2\n3,4\n")
    side = deliver("day.csv.sha256", f"{'0' * 64}  day.csv\n")
    assert "day.csv.sha256" in refused().expected
    side.write_text(f"{file_hash(path)}  day.csv\n")
    assert accepted(columns="user_id, item_id") == [(1, 2), (3, 4)]
    (workspace.raw / "interactions").mkdir(parents=True, exist_ok=True)
    (workspace.raw / "interactions" / f"{file_hash(path)}.json").write_text('{"name": "day.csv", "first_night": "2026-01-05"}')
    assert {found.name for found in delivered_again(workspace)} == {"day.csv", "day.csv.sha256"}


@pytest.mark.fault("B15")
def test_a_file_waits_for_the_sidecar_that_the_settings_require(deliver, accepted, refused):
    """The hash is written last."""
    path = deliver("day.csv", "user_id,item_id\n1,2\n")
    assert "day.csv.sha256 is not there yet" in refused(require_sidecar=True).found
    deliver("day.csv.sha256", file_hash(path))
    assert accepted(columns="user_id, item_id", require_sidecar=True) == [(1, 2)]


WRITER = """
import sys
with open(sys.argv[1], "a", buffering=1) as stream:
    for line in sys.stdin:
        stream.write(line)
        print("written", flush=True)
"""


@pytest.mark.fault("B15")
@pytest.mark.parametrize("on_bad_file", ["stop", "set_aside"])
def test_a_file_that_grows_while_it_is_read_is_refused_and_stays(deliver, refused, accepted, monkeypatch, on_bad_file):
    """A real producer appends between the look at the file and its reading, then ends its work."""
    path = deliver("day.csv", "user_id,item_id\n1,2\n")
    written = []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as producer:
        from tasks import ingest as step

        real = step.read_batches

        def meanwhile(delivery, config):
            if not written:
                producer.stdin.write("3,4\n")
                producer.stdin.flush()
                written.append(producer.stdout.readline())
            yield from real(delivery, config)

        monkeypatch.setattr(step, "read_batches", meanwhile)
        refusal = refused(on_bad_file=on_bad_file)
        producer.stdin.close()
    assert written == ["written\n"]
    assert "still being written" in refusal.found
    assert path.read_text() == "user_id,item_id\n1,2\n3,4\n"
    assert accepted(columns="user_id, item_id") == [(1, 2), (3, 4)]


@pytest.mark.fault("B15")
def test_a_file_that_is_taken_away_is_not_met(deliver, workspace, monkeypatch):
    """Between the listing of a folder and the look at a file, its producer may give it its name."""
    path = deliver("day.csv", "user_id,item_id\n1,2\n")
    taken = []

    def vanish(found):
        taken.append(found)
        found.unlink()
        return file_hash(found)

    monkeypatch.setattr("tasks.ingest.delivery.file_hash", vanish)
    assert waiting(workspace, SourceConfig(), MONDAY) == []
    assert taken == [path]


@pytest.mark.fault("B1")
@pytest.mark.parametrize("name", GOOD)
def test_an_ordinary_file_passes_the_limits_whole(read, name):
    """The defaults take nothing from a day's rows, whatever their format."""
    assert len(read(name, GOOD[name])) == len(ROWS)
