from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

import sql
from tasks.warehouse import open_warehouse

FILES = sorted(Path(sql.__file__).parent.rglob("*.sql"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_file_says_its_grain_and_is_one_statement(path):
    """Parameters work in single statements only, and a reader wants to know what one row is before anything else."""
    text = path.read_text()
    assert text.startswith("-- ")
    assert ";" not in "".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    assert sql.read(f"{path.parent.name}.{path.stem}") == text


def test_a_name_without_a_file_is_an_error():
    """A relation misspelt must not read as an empty one."""
    with pytest.raises(FileNotFoundError):
        sql.read("staging.nothing")


def test_a_quoted_identifier_cannot_end_early():
    """Names from outside pass through one door."""
    assert sql.quoted('a"; drop table x; --') == '"a""; drop table x; --"'


@pytest.mark.parametrize(
    ("delivered", "zone", "hour", "fault"),
    [
        (None, None, None, None),
        ("1767607200", None, 10, None),
        ("2026-01-05T10:00:00.123456789Z", None, 10, None),
        ("2026-01-05T10:00", None, None, "without_zone"),
        ("2026-01-05T11:00", "Europe/Zurich", 10, None),
        ("2026-01-05T11:00:00+00", "Europe/Zurich", 11, None),
        ("2026-01-05", "Europe/Zurich", 23, None),
        ("05.01.2026", "Europe/Zurich", None, "unreadable"),
        ("2026-01-05T25:00:00Z", None, None, "unreadable"),
    ],
)
def test_a_delivered_time_is_read_or_its_fault_is_named(night, delivered, zone, hour, fault):
    """A time means one instant or none: what may mean any of 24 hours is refused."""
    with open_warehouse(night()) as warehouse:
        reading = "select $text::varchar as text, local_time($text::varchar) as local_at"
        reading = f"select *, instant(text, local_at, $zone::varchar) as instant_at from ({reading})"  # noqa: S608 - ours
        query = "select instant_at at time zone 'UTC' as moment, time_fault(text, local_at, instant_at, $zone::varchar) as fault"
        warehouse.execute(f"create table raw.probe as {query} from ({reading})", {"text": delivered, "zone": zone})
        (row,) = warehouse.table("raw.probe").to_pylist()
    assert row["fault"] == fault
    assert (row["moment"].hour if isinstance(row["moment"], datetime) else None) == hour
