"""The page of faults is what the tests say: no row without a test or a reason, no mark without a row."""

from __future__ import annotations

from pathlib import Path

from tests.fault_matrix import ROWS, held, page


def test_every_row_is_held_by_a_test_or_says_why_not():
    rows = {row for test in held() for row in test.rows}
    assert [row.id for row in ROWS if row.id not in rows and not row.missing] == []


def test_a_row_that_is_held_gives_no_reason_why_not():
    rows = {row for test in held() for row in test.rows}
    assert [row.id for row in ROWS if row.id in rows and row.missing] == []


def test_every_mark_names_a_row():
    known = {row.id for row in ROWS}
    assert [(test.file, test.name, row) for test in held() for row in test.rows if row not in known] == []


def test_the_page_is_up_to_date():
    """Write it again with: .venv/bin/python -m tests.fault_matrix > docs/faults.md."""
    assert (Path(__file__).parent.parent / "docs" / "faults.md").read_text() == page()
