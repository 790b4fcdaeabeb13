"""Claims about `nightly explain`: what a person reads, what a program reads, and how it ends."""

from __future__ import annotations

import json
from datetime import date

import pytest

from flows.cli import app
from flows.columns import WIDTH
from tasks.explain import explain
from tasks.refusals import StorageError, UsageError
from tests.published_nights import accept, everything, list_of, publish_by_hand

MONDAY = date(2026, 1, 5)
HOSTILE = "Red\x1b[2J\nBook"


@pytest.fixture
def shop(workspace):
    """Return a workspace with one night, some long names and a hostile one."""
    titles = {10: HOSTILE, 11: "A very long title indeed " * 5, 12: "木" * 40, 20: "Twenty", 21: "Twenty-one"}
    inputs = accept(workspace, "items", "catalogue", MONDAY, [{"item_id": str(item), "title": title} for item, title in titles.items()])
    did = {"user_id": "7", "item_id": "21", "occurred_at": "2026-01-03T10:00:00Z", "event_type": "view"}
    inputs |= accept(workspace, "interactions", "monday", MONDAY, [did])
    tables = everything(
        recommendations=list_of(7, 10, 11, 12, because_item_id=21, variant="b" * 10),
        why_not=[
            {"user_id": 7, "item_id": 20, "candidate_rank": 4, "score": 6.5, "cause": "rank", "rule": ""},
            {"user_id": 7, "item_id": 21, "candidate_rank": 5, "score": 5.5, "cause": "seen", "rule": "seen"},
        ],
        changes=[{"user_id": 7, "item_id": 10, "change": "moved", "rank_before": 3, "rank": 1, "cause": "policy", "detail": "boosts.own"}],
    )
    publish_by_hand(workspace, MONDAY, tables, inputs=inputs, settings={"score": {"k": 3}})
    return workspace


@pytest.fixture
def told(shop, capsys):
    """Return what a command line about the workspace prints, as lines."""

    def ask(*words: str) -> list[str]:
        capsys.readouterr()
        code = app(["explain", *words, "--workspace", str(shop.root)], exit_on_error=False, result_action="return_value")
        assert code == 0
        return capsys.readouterr().out.splitlines()

    return ask


def test_a_page_has_the_list_what_is_left_out_what_changed_and_the_past(told):
    lines = told("7")
    assert lines[0] == "user 7, night of 2026-01-05: 3 recommendations, served by blend, variant bbbbbbbbbb"
    for line in (
        "every score is the sum of its parts (largest difference 0.0e+00)",
        "candidates that are left out, of the best 9: 1 rank, 1 seen",
        " 5  21    Twenty-one  5.500  seen   seen",
        "changed since the night before: 1 moved",
        "what the user did before 2026-01-06 00:00 UTC: 1 interaction",
        "2026-01-03 10:00:00  view         21    Twenty-one",
    ):
        assert line in [shown.rstrip() for shown in lines], line


@pytest.mark.parametrize(
    "words", [("7",), ("7", "--item", "10"), ("7", "--item", "11"), ("7", "--item", "20"), ("7", "--date", "2026-01-05")]
)
def test_every_line_fits_on_a_page_and_moves_no_cursor(told, words):
    """Whatever titles were delivered; letters that take two places are counted twice."""
    for line in told(*words):
        assert line.isprintable()
        assert len(line) + line.count("木") <= WIDTH


def test_an_item_is_told_alone(told):
    lines = told("7", "--item", "20")
    assert lines[0] == "user 7, item 20 (Twenty), night of 2026-01-05: left out"
    assert "what would have to change" in lines
    assert not [line for line in lines if line.startswith("rank")]


def test_json_holds_everything_that_is_told(shop, told):
    (line,) = told("7", "--item", "10", "--json")
    found = json.loads(line)
    assert found == explain(shop, "7", "10").model_dump(mode="json")
    assert found["history"][0]["occurred_at"] == "2026-01-03T10:00:00Z"
    assert (found["sums_hold"], found["item"]["standing"]) == (True, "recommended")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_stranger_is_told_what_strangers_get_and_then_refused(told, capsys, as_json):
    with pytest.raises(UsageError, match=r"user 8: expected a user of the night of 2026-01-05, such as 7; .*explain --workspace .* 7 "):
        told("8", *(["--json"] if as_json else []))
    shown = capsys.readouterr().out
    assert HOSTILE not in shown
    assert json.loads(shown)["popular"][0]["item_id"] == 10 if as_json else "popular with everybody" in shown


def test_a_score_that_is_not_the_sum_of_its_parts_is_loud(shop, told, capsys):
    """The page is shown, says so, and the command fails."""
    publish_by_hand(shop, MONDAY, everything(recommendations=list_of(7, 10, policy=0.25)))
    with pytest.raises(StorageError, match=r"one that is 0\.25 away"):
        told("7")
    assert "SCORES ARE NOT THE SUM OF THEIR PARTS (largest difference 2.5e-01)" in capsys.readouterr().out


def test_a_date_that_is_not_published_is_refused_with_those_that_are(told):
    with pytest.raises(UsageError, match="only 2026-01-05"):
        told("7", "--date", "2026-01-04")
