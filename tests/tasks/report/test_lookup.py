"""Claims about the look-up, the changes and the exposure of a page, on a night whose lists were published by hand."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from tasks.report import Story
from tasks.report.account import account_of
from tasks.report.changes import changes
from tasks.report.coverage import coverage
from tasks.report.lookup import people
from tasks.report.page import render
from tasks.report.sample import Chosen
from tasks.report.telling import Telling
from tasks.storage import remove
from tests.published_nights import accept, everything, list_of, publish_by_hand
from tests.tasks.report.stories import COMMAND, TRAPS, Page, listed, taken_in

TEXTS = {"user_id": "text", "item_id": "text"}
SUNDAY, MONDAY = date(2026, 1, 4), date(2026, 1, 5)
TITLES = dict(zip(("a", "b", "c", "d", "e", "f"), TRAPS, strict=True))
MET = "2026-01-02T10:00:00Z"


@pytest.fixture
def telling(night: Any) -> Telling:
    """Return a night on which two users with hostile names can be looked up, whose every item has a hostile title."""
    at = night(champion=f"night-{SUNDAY}")
    workspace, user = at.workspace, TRAPS[0]
    titles = [{"item_id": item, "title": title} for item, title in TITLES.items()]
    inputs = accept(workspace, "items", "items.csv", SUNDAY, titles)
    events = [{"user_id": user, "item_id": item, "occurred_at": MET, "event_type": "view", "value": "2"} for item in ("d", "f")]
    events += [{"user_id": "unlisted", "item_id": "a", "occurred_at": MET}]
    inputs |= accept(workspace, "interactions", "events.csv", SUNDAY, events)
    before = [{"item_id": item, "segment": "__all__", "n_lists": n, "share": n / 2} for item, n in (("a", 1), ("b", 2))]
    publish_by_hand(workspace, SUNDAY, everything(exposure=before, popular_items=[]), TEXTS)
    parts = {"collaborative": 2.0, "sequential": None, "content": -0.5, "knowledge": 0.25, "policy": 0.25, "because_item_id": "d"}
    gone = {"change": "left", "rank_before": 2, "rank": None, "cause": "seen", "detail": ""}
    tables = everything(
        recommendations=[*list_of(user, "a", "b", **parts), *list_of("v2", "c", **parts)],
        why_not=[
            {"user_id": user, "candidate_rank": rank, "item_id": item, "score": 1.0, "cause": cause, "rule": rule}
            for rank, (item, cause, rule) in enumerate((("d", "seen", "seen"), ("e", "capped", "caps.genres"), ("c", "rank", "")), start=1)
        ],
        changes=[
            {"user_id": user, "item_id": "b", "change": "entered", "rank_before": None, "rank": 2, "cause": "models", "detail": ""},
            {"user_id": user, "item_id": "f", **gone},
        ],
        exposure=[
            {"item_id": item, "segment": "__all__", "n_lists": n, "n_first": 1, "share": n / 2}
            for item, n in (("a", 2), ("b", 1), ("c", 1), ("d", 0))
        ],
        popular_items=[],
    )
    publish_by_hand(workspace, MONDAY, tables, TEXTS, champion=f"night-{SUNDAY}", inputs=inputs)
    delivered = taken_in()["delivered"]
    account = account_of(at, Story(ending="published", reason="", command=COMMAND, delivered=delivered, **listed()))
    chosen = (
        Chosen(user_id=user, segment="1-4 likes", n_entered=1),
        Chosen(user_id="v2", segment=TRAPS[2]),
        Chosen(user_id="x", segment=""),
    )
    return Telling(workspace, account.model_copy(update={"sample": chosen}))


def test_a_user_is_told_whole(telling):
    """History with titles, list with its parts, what speaks for it, what nearly made it, and what left; who has no list is left out."""
    first, second = people(telling)
    assert (first.user_id, first.segment, first.n_events) == (TRAPS[0], "1-4 likes", 2)
    assert [(did.item_id, did.title, did.event_type, did.value) for did in first.history] == [
        ("d", TITLES["d"], "view", 2.0),
        ("f", TITLES["f"], "view", 2.0),
    ]
    assert [(one.place.item_id, one.place.title, one.moved) for one in first.listed] == [("a", TITLES["a"], ""), ("b", TITLES["b"], "new")]
    assert first.listed[0].place.because_title == TITLES["d"]
    assert first.listed[0].says == "collaborative +2.00, content -0.50, knowledge +0.25, policy +0.25"
    assert [(one.item_id, one.cause, one.rule) for one in first.nearly] == [
        ("e", "capped", "caps.genres"),
        ("c", "rank", ""),
        ("d", "seen", "seen"),
    ]
    assert first.n_met == 1
    assert [(one.item_id, one.rank_before, one.why) for one in first.left] == [("f", 2, "the user has met it")]
    assert (second.user_id, second.history, second.nearly) == ("v2", [], [])


def test_what_takes_from_a_score_lies_left_of_zero(telling):
    """Bars of one user share a scale: what adds begins at zero, what takes ends there, and their lengths are as their parts."""
    bar = people(telling)[0].listed[0]
    placed = {piece.name: (piece.start, piece.start + piece.width) for piece in bar.pieces}
    assert placed["content"][1] == pytest.approx(bar.zero, abs=0.2)
    assert placed["collaborative"][0] == bar.zero
    widths = {name: end - start for name, (start, end) in placed.items()}
    assert widths["collaborative"] == pytest.approx(4 * widths["content"], abs=0.5)


@pytest.mark.fault("B14")
def test_hostile_titles_ids_and_segments_stay_text(telling):
    """In the look-up, in examples of changes and among items shown most they are read as written, and become no tag or attribute."""
    page = Page(render(telling))
    assert {"changes", "coverage", "look-up"} <= page.ids()
    for trap in TRAPS:
        shown = trap.encode("unicode_escape").decode() if "\u202e" in trap else trap
        assert page.text.count(" ".join(shown.split())) >= 1, trap
    assert not page.of("img")
    assert len(page.of("script")) == len(page.of("style")) == page.html.count("<script") == page.html.count("</style>") == 1
    assert not [name for _, attributes in page.tags for name, _ in attributes if name.startswith("on")]
    assert "\u202e" not in page.html
    assert "1337" not in page.text  # a template within a title would have worked out 7 * 191


def test_everything_can_be_read_without_the_script(telling):
    """Users stand in elements that open by themselves; only the search box waits for the script."""
    page = Page(render(telling))
    hidden = [(tag, dict(attributes).get("class")) for tag, attributes in page.tags if "hidden" in dict(attributes)]
    assert hidden == [("p", "find")]
    assert len([one for one in page.of("details") if one.get("class") == "person"]) == 2


def test_changes_are_told_with_examples_and_causes(telling):
    told = changes(telling)
    assert told is not None
    assert told.since == str(SUNDAY)
    assert {(kind.change, kind.cause, kind.n_places, kind.n_users) for kind in told.kinds} == {
        ("entered", "the models see it otherwise", 1, 1),
        ("left", "the user has met it", 1, 1),
    }
    (entered,) = [kind for kind in told.kinds if kind.change == "entered"]
    assert [(one.user_id, one.title, one.rank) for one in entered.examples] == [(TRAPS[0], TITLES["b"], 2)]
    assert [(mover.item_id, mover.before, mover.after) for mover in told.risen] == [("a", 1, 2), ("c", 0, 1)]
    assert [(mover.item_id, mover.before, mover.after) for mover in told.fallen] == [("b", 2, 1)]


def test_exposure_is_measured_over_all_that_may_be_shown(telling):
    """Four items with 0, 1, 1 and 2 lists: Gini 3/8, one shown to nobody, and half of all places with the tenth shown most."""
    told = coverage(telling)
    assert told is not None
    assert told.exposure is not None
    assert (told.exposure.gini, told.exposure.n_never, told.exposure.top_tenth) == (pytest.approx(3 / 8), 1, pytest.approx(1 / 2))
    assert [(one.item_id, one.n_lists) for one in told.exposure.most_shown] == [("a", 2), ("b", 1), ("c", 1)]


def test_a_page_outlives_the_deliveries(telling):
    """Where rows under raw/ are gone, lists are told without titles and history, and the page still stands."""
    remove(telling.workspace.raw / "interactions")
    for path in (telling.workspace.raw / "items").glob("*.parquet"):
        path.unlink()
    page = Page(render(telling))
    assert "look-up" in page.ids()
    assert not re.search("What the user did last", page.text)
