from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.deliveries import Delivery
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.readers import read_batches
from tasks.refusals import InputRefusedError

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a reader of one delivered file, as dictionaries of what is not null."""

    def rows(name: str, content: str | bytes | pa.Table, source: str = "interactions", **settings: Any) -> list[dict[str, Any]]:
        path = tmp_path / name
        if isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        delivery = Delivery(source=source, sha256="0", name=name, first_night=date(2026, 1, 5), path=str(path))
        batches = list(read_batches(delivery, SourceConfig(**settings)))
        found = [row for batch in batches for row in batch.to_pylist()]
        return [{name: value for name, value in row.items() if value is not None} for row in found]

    return rows


@pytest.fixture
def refusal(read: Read, tmp_path: Path) -> Callable[..., InputRefusedError]:
    """Return the refusal of a file, having checked that it names the file and a next step."""

    def refused(name: str, content: str | bytes | pa.Table, source: str = "interactions", **settings: Any) -> InputRefusedError:
        with pytest.raises(InputRefusedError) as caught:
            read(name, content, source, **settings)
        assert caught.value.where == str(tmp_path / name)
        assert caught.value.next_step
        return caught.value

    return refused


PLAIN = [{"row_number": 1, "user_id": "1", "item_id": "2"}, {"row_number": 2, "user_id": "3", "item_id": "4"}]
CSV = "user_id,item_id\n1,2\n3,4\n"
JSONL = '{"user_id": 1, "item_id": 2}\n{"user_id": "3", "item_id": 4}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("day.csv", CSV),
        ("DAY.CSV", CSV),
        ("bom.csv", "\ufeff" + CSV),
        ("crlf.csv", CSV.replace("\n", "\r\n")),
        ("reordered.csv", "item_id,user_id\n2,1\n4,3\n"),
        ("semicolons.csv", CSV.replace(",", ";")),
        ("pipes.csv", CSV.replace(",", "|")),
        ("tabs.tsv", CSV.replace(",", "\t")),
        ("quoted.csv", '"user_id","item_id"\n"1","2"\n"3","4"\n'),
        ("spaces.csv", "user_id,item_id\n 1,2 \n3, 4\n"),
        ("day.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("day.csv.zst", pa.compress(CSV.encode(), "zstd", asbytes=True)),
        ("day.jsonl", JSONL),
        ("bom.jsonl", "\ufeff" + JSONL),
        ("crlf.jsonl", JSONL.replace("\n", "\r\n")),
        ("day.ndjson.gz", gzip.compress(JSONL.encode(), mtime=0)),
        ("day.jsonl.zst", pa.compress(JSONL.encode(), "zstd", asbytes=True)),
        ("day.parquet", pa.table({"item_id": [2, 4], "user_id": ["1", "3"]})),
        ("dictionary.parquet", pa.table({"user_id": pa.array(["1", "3"]).dictionary_encode(), "item_id": pa.array([2, 4], pa.int8())})),
    ],
)
def test_every_format_reads_as_the_same_text(read, name, content):
    """Columns are found by name, and neither format, compression, line ends, quotes nor a byte order mark change a value."""
    assert read(name, content) == PLAIN


def test_values_stay_the_text_they_were(read):
    """Nothing is guessed: 007, 1.10, 1e3, NA and true are not turned into something else."""
    content = "user_id,item_id,event_type\n007,1.10,NA\n1e3,+7,true\n"
    assert [(row["user_id"], row["item_id"], row["event_type"]) for row in read("day.csv", content)] == [
        ("007", "1.10", "NA"),
        ("1e3", "+7", "true"),
    ]
    assert [row["item_id"] for row in read("day.jsonl", '{"user_id": 1, "item_id": 1.10}\n{"user_id": 1, "item_id": "007"}\n')] == [
        "1.10",
        "007",
    ]


def test_quoted_newlines_and_delimiters_stay_within_their_value(read):
    """A title of two lines is one value of one row."""
    rows = read("items.csv", 'item_id,title\n1,"two\nlines, and a ""quote"""\n2,plain\n', source="items")
    assert [(row["row_number"], row["title"]) for row in rows] == [(1, 'two\nlines, and a "quote"'), (2, "plain")]


def test_rows_with_too_few_or_too_many_values_travel_as_malformed(read):
    """No row is dropped: one that cannot be told into columns keeps its number and its text."""
    rows = read("day.csv", "user_id,item_id\n1,2\n5\n6,7,8\n3,4\n")
    assert sorted(rows, key=lambda row: row["row_number"]) == [
        PLAIN[0],
        {"row_number": 2, "malformed": "5"},
        {"row_number": 3, "malformed": "6,7,8"},
        {**PLAIN[1], "row_number": 4},
    ]


def test_broken_lines_of_json_travel_as_malformed(read):
    """A line cut off, a bare list and a bare number are rows of their own; an empty line is none."""
    rows = read("day.jsonl", '{"user_id": 1, "item_id": 2}\n{"user_id": 1, "it\n[1, 2]\n\n7\n{"user_id": "3", "item_id": 4}\n')
    assert [row["row_number"] for row in rows if "malformed" not in row] == [1, 6]
    assert {row["row_number"]: row["malformed"] for row in rows if "malformed" in row} == {2: '{"user_id": 1, "it', 3: "[1, 2]", 5: "7"}


def test_nan_and_infinity_arrive_as_text(read):
    """JSON's NaN and Parquet's infinity reach the rules that reject them by name."""
    assert read("day.jsonl", '{"user_id": 1, "item_id": 2, "value": NaN}\n')[0]["value"] == "NaN"
    table = pa.table({"user_id": [1], "item_id": [2], "value": [float("inf")]})
    assert read("day.parquet", table)[0]["value"] == "inf"


def test_times_of_parquet_keep_their_zone(read):
    """A typed time with a zone reads as one with a zone, a naive one as one without."""
    moment = datetime(2026, 1, 5, 10, tzinfo=UTC)
    ids = {"user_id": [1], "item_id": [2]}
    zoned = read("zoned.parquet", pa.table({**ids, "occurred_at": pa.array([moment], pa.timestamp("us", "UTC"))}))
    naive = read("naive.parquet", pa.table({**ids, "occurred_at": pa.array([moment], pa.timestamp("us"))}))
    assert zoned[0]["occurred_at"] == naive[0]["occurred_at"] + "Z"


def test_further_columns_of_items_become_attributes(read):
    """Whatever describes an item is kept, in one JSON object with sorted names."""
    rows = read("items.csv", "item_id,price,genre\n1,9.50,jazz\n2,,rock\n", source="items")
    assert [row["attributes"] for row in rows] == ['{"genre": "jazz", "price": "9.50"}', '{"genre": "rock"}']


def test_renamed_columns_are_found(read):
    """[source.columns] leads from our name to theirs."""
    settings = {"columns": {"interactions": {"user_id": "customer", "item_id": "sku"}}}
    assert read("day.csv", "sku,customer\n2,1\n4,3\n", **settings) == PLAIN


def test_ignored_columns_are_kept_but_unused(read):
    """[source.ignore] lets a delivery bring more than the contract."""
    (row,) = read("day.csv", "user_id,item_id,session\n1,2,x\n", ignore={"interactions": ["session"]})
    assert row["attributes"] == '{"session": "x"}'


def test_columns_that_are_ignored_already_stay_in_the_line_to_paste(refusal):
    """Pasted over the old one, the line must not bring back what was settled before."""
    refused = refusal("day.csv", "user_id,item_id,till,price\n1,2,x,3\n", ignore={"interactions": ["till"]})
    assert "[source.ignore] interactions = ['till', 'price']" in refused.next_step


@pytest.mark.parametrize(
    ("content", "expected", "found", "hint"),
    [
        ("user_id,sku\n1,2\n", "the column item_id", "user_id, sku", "[source.columns.interactions] item_id"),
        ("day,customer,sku\n1,2,3\n", "the columns user_id, item_id", "day, customer, sku", 'user_id = "customer"'),
        ("user_id,item_id,session\n1,2,x\n", "only the columns", "also session", "[source.ignore] interactions = ['session']"),
        ("user_id,item_id,user_id\n1,2,3\n", "each column once", "user_id more than once", "deliver again"),
        (",user_id,item_id\n0,1,2\n", "only the columns", "also (no name)", "[source.ignore]"),
    ],
)
def test_a_header_that_breaks_the_contract_is_refused(refusal, content, expected, found, hint):
    """Missing, unknown, double and nameless columns are named, with the setting that maps or ignores them."""
    refused = refusal("day.csv", content)
    assert expected in refused.expected
    assert found in refused.found
    assert hint in refused.next_step


PARQUET = pa.BufferOutputStream()
pq.write_table(pa.table({"user_id": list(range(1000)), "item_id": list(range(1000))}), PARQUET)
MANY = ("user_id,item_id\n" + "".join(f"{row * 7919 % 100_003},{row}\n" for row in range(20_000))).encode()


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("empty.csv", b"", "0 bytes"),
        ("empty.parquet", b"", "0 bytes"),
        ("blank.csv", b"\n", ""),
        ("cut.csv", b"user_id,item_id\n1,2\n3,4", "may be cut short"),
        ("cut.jsonl", JSONL.encode()[:-5], "may be cut short"),
        ("cut.parquet", PARQUET.getvalue().to_pybytes()[:-100], ""),
        ("cut.csv.gz", gzip.compress(MANY, mtime=0)[:-1000], "Truncated"),
        ("cut.csv.zst", pa.compress(MANY, "zstd", asbytes=True)[:-1000], "Truncated"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), ""),
        ("plain.csv.gz", CSV.encode(), ""),
        ("open_quote.csv", b'user_id,item_id\n1,2\n3,"4\n5,6\n', "never closed"),
        ("latin.csv", "user_id,item_id\nJosé,2\n".encode("latin-1"), "UTF8"),
        ("latin.jsonl", '{"user_id": "José", "item_id": 2}\n'.encode("latin-1"), "utf-8"),
        ("latin_header.csv", "user_id,item_id,prénom\n1,2,3\n".encode("latin-1"), "utf-8"),
        ("day.xlsx", b"PK", "day.xlsx"),
        ("day", CSV.encode(), "day"),
        ("day.parquet.gz", b"PAR1", "day.parquet.gz"),
        ("text.parquet", CSV.encode() * 10, ""),
    ],
)  # fmt: skip
def test_an_unreadable_file_is_refused_with_the_command_that_sets_it_aside(refusal, name, content, found):
    """Empty, cut short, misnamed or in another encoding: the file is named, and so is a way on."""
    refused = refusal(name, content)
    assert found in refused.found
    assert "set_aside" in refused.next_step or "require_final_newline" in refused.next_step


def test_files_without_a_final_newline_pass_once_the_settings_say_so(read):
    """Some producers never end the last line."""
    assert read("day.csv", CSV.rstrip("\n"), require_final_newline=False) == PLAIN


@pytest.mark.parametrize("kind", [pa.float64(), pa.list_(pa.int64())])
def test_ids_that_are_no_whole_numbers_are_refused(refusal, kind):
    """Pandas turns ids with a gap into floats: 7 would become the new user 7.0."""
    value = [7.0] if kind == pa.float64() else [[7]]
    refused = refusal("day.parquet", pa.table({"user_id": pa.array(value, kind), "item_id": [1]}))
    assert "user_id" in refused.expected
    assert "Int64" in refused.next_step


def test_a_mapped_column_may_be_missing_from_later_lines_of_json(read):
    """Lines leave out what they do not know; the first lines decide which columns the file has."""
    lines = '{"u": 1, "item_id": 2, "kind": "buy"}\n' + '{"u": 1, "item_id": 3}\n' * 50_001
    settings = {"columns": {"interactions": {"user_id": "u", "event_type": "kind"}}}
    assert len(read("day.jsonl", lines, **settings)) == 50_002


def test_row_numbers_count_through_batches(read):
    """Row numbers lead back to the delivered file, also behind the first block of sixteen megabytes and behind broken rows."""
    padding = "x" * 1000
    lines = [f"{row},{row},{padding}" if row % 5000 else f"{row},{row}" for row in range(1, 20_001)]
    rows = read("day.csv", "user_id,item_id,event_type\n" + "\n".join(lines) + "\n")
    assert all(row["user_id"] == str(row["row_number"]) for row in rows if "malformed" not in row)
    assert sorted(row["row_number"] for row in rows) == list(range(1, 20_001))
