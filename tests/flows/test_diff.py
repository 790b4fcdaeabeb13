"""Claims about `nightly diff`: what a person reads and what a program reads."""

from __future__ import annotations

from datetime import date

import pytest

from flows.cli import app
from flows.columns import WIDTH
from tasks.diff import Differences, diff
from tasks.refusals import UsageError
from tests.published_nights import accept, everything, list_of, publish_by_hand

SUNDAY, MONDAY = date(2026, 1, 4), date(2026, 1, 5)


@pytest.fixture
def shop(workspace):
    """Return a workspace with two nights, of which the second was set otherwise."""
    first = accept(workspace, "items", "catalogue", SUNDAY, [{"item_id": str(item), "title": f"Item {item} " * 9} for item in (10, 11, 12)])
    more = accept(workspace, "interactions", "monday\x1b[2J.csv", MONDAY, [])
    facts = {"settings": {"score": {"k": 2}, "policies": {"caps": []}}, "versions": {"numpy": "2.4"}, "inputs": first}
    publish_by_hand(workspace, SUNDAY, everything(recommendations=list_of(1, 10, 11) + list_of(2, 10, 11)), **facts)
    facts |= {
        "settings": {"score": {"k": 2}, "policies": {"caps": [{"name": "genres", "most": 3}]}},
        "inputs": first | more,
        "code": "other",
    }
    changes = [
        {"user_id": 1, "item_id": 10, "change": "left", "rank_before": 1, "cause": "seen", "detail": ""},
        {"user_id": 1, "item_id": 12, "change": "entered", "rank": 2, "cause": "new_event", "detail": ""},
    ]
    lists = everything(recommendations=list_of(1, 11, 12) + list_of(2, 10, 11), changes=changes)
    publish_by_hand(workspace, MONDAY, lists, champion=f"night-{SUNDAY}", **facts)
    return workspace


@pytest.fixture
def told(shop, capsys):
    """Return what a command line about the two nights prints, as lines."""

    def ask(*words: str) -> list[str]:
        capsys.readouterr()
        line = ["diff", str(SUNDAY), str(MONDAY), *words, "--workspace", str(shop.root)]
        assert app(line, exit_on_error=False, result_action="return_value") == 0
        return capsys.readouterr().out.splitlines()

    return ask


def test_a_page_counts_says_why_and_what_was_made_otherwise(told):
    lines = told()
    for line in (
        "  lists     1 with other items, 0 with the same in another order, 1 unchanged",
        "  places    1 entered, 1 left, 1 moved",
        "  overlap   75.0% of a list stands in the other, a mean over users",
        "entered  new_event             1      1",
        '  setting policies.caps: [] -> [{"most": 3, "name": "genres"}]',
        "  the code of nightly-recs",
        "  1 more delivered: interactions/monday\\x1b[2J.csv",
    ):
        assert line in lines, line


def test_both_lists_of_a_user_stand_side_by_side(told):
    """Behind a new place stands the old one, or a plus; behind an item that left, a minus."""
    lines = [line.split() for line in told("--user", "1")]
    (first,) = [line for line in lines if line[:2] == ["1", "10"]]
    assert ("-" in first, first[-1]) == (True, "2")
    (second,) = [line for line in lines if line[:2] == ["2", "11"]]
    assert second[-2:] == ["+", "new_event"]
    assert any(" ".join(line) == "10 left (it was in place 1): seen" for line in lines)


@pytest.mark.parametrize("words", [(), ("--user", "1"), ("--limit", "1")])
def test_every_line_fits_on_a_page_and_moves_no_cursor(told, words):
    for line in told(*words):
        assert line.isprintable()
        assert len(line) <= WIDTH


@pytest.mark.parametrize("user", [None, "1"])
def test_json_holds_everything_that_is_told(shop, told, user):
    (line,) = told("--json", *(["--user", user] if user else []))
    assert Differences.model_validate_json(line) == diff(shop, SUNDAY, MONDAY, user)


def test_a_date_that_is_not_published_is_refused_with_those_that_are(shop):
    words = ["diff", "2026-01-03", str(MONDAY), "--workspace", str(shop.root)]
    with pytest.raises(UsageError, match="only 2026-01-04, 2026-01-05"):
        app(words, exit_on_error=False, result_action="return_value")
