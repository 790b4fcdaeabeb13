"""The page of origins tells of everything the documents describe, and names only what is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "origins.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
FACTS = {row[0]: row for row in ROWS if re.fullmatch(r"00\d-\d\d[a-c]?", row[0])}
NAMED = sorted({name for row in ROWS for cell in row for name in re.findall(r"`((?:tests|models|tasks|flows|sql)/[^`]+)`", cell)})

DESCRIBED = {
    "000": "01 05 08 11 12 14 15 16",
    "001": "01 04 05 06 07 08 09",
    "002": "07 08 09 11 12 14 15 16 17 18 19 20 21",
    "003": "03 04 05 11 12 13 14 15 16 18 21 22 23 24 25 26",
    "004": "01 06 07 08 09 12 13",
}
"""Document -> every system, component, parameter, variant, loss, metric, plot and idea it describes."""


@cache
def defined_tests(file: str) -> set[str]:
    """Name the tests a file defines itself; those it imports to run again count where they are defined."""
    names = (node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef))
    return {name for name in names if name.startswith("test_")}


def only_tests(cell: str) -> bool:
    """Tell whether a cell names tests, at least one, each by its own name: a whole file proves everything and nothing."""
    return all(re.fullmatch(r"`tests/[^`]+\.py::test_\w+`", name) for name in cell.split("<br>"))


def test_everything_the_documents_describe_has_a_row():
    assert {f"{document}-{fact}" for document, facts in DESCRIBED.items() for fact in facts.split(" ")} <= set(FACTS)


def test_no_row_stands_twice():
    numbers = [row[0] for row in ROWS if row[0] in FACTS]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_every_row_says_what_became_of_it_in_which_file_and_by_which_test(fact):
    _, kind, became, files, tests = fact
    assert kind
    assert became
    assert re.search(r"`(?:models|tasks)/[^`]+\.py`", files)
    assert only_tests(tests)


@pytest.mark.parametrize("row", [row for row in ROWS if row[0] not in FACTS and len(row) == 2], ids=lambda row: row[0])
def test_every_error_names_a_test(row):
    assert row[1] == "tests" or set(row[1]) == {"-"} or only_tests(row[1])


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_exists(name):
    file, _, test = name.partition("::")
    assert (ROOT / file).is_file()
    assert not test or test in defined_tests(file)
