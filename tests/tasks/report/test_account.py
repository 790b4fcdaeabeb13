"""Claims about the account of a night: kept beside its page, it comes back as it was, and the page can be told from it again."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tasks.refusals import StorageError, UsageError
from tasks.report import Story, render_again, report
from tasks.report.account import FILE, account_of, read_account, write_account
from tasks.report.sample import Chosen
from tasks.storage import remove, write_json
from tests.tasks.report.stories import COMMAND, HOSTILE, Page, judged, measured_tables, served, stage_tables, taken_in


def story_of(night: Any, **told: Any) -> Story:
    return Story(ending="published", reason=f"no worse than {HOSTILE}", command=COMMAND, **told)


def test_an_account_comes_back_as_it_was(night):
    """Every receipt, interval, infinity and date, to the last bit and in the same order: what is written is what is read."""
    at = night()
    stage_tables(at, "\u202e \ud7ff \x00 \N{SNOWMAN}")
    write_json(at.staging / "train.json", {"step": "train", "seconds": 0.1, "peak_bytes": 3, "attempt_id": "another", "rows": 7})
    held = story_of(at, **taken_in(), **judged(publish=False))
    account = account_of(at, held).model_copy(update={"sample": (Chosen(user_id="007", segment="0 likes"), Chosen(user_id=7, segment="?"))})
    write_account(at.workspace, account)
    read = read_account(at.workspace, at.run_date)
    assert read == account
    assert json.dumps(read.model_dump(mode="json")) == json.dumps(account.model_dump(mode="json"))
    assert len(read.metrics) > 50
    assert [(rule.rows, len(rule.examples)) for rule in read.refused] == [(34, 3)]


@pytest.mark.parametrize("ending", ["published", "kept_last_good", "failed"])
def test_a_page_told_again_is_the_same(night, ending):
    """With the staging area swept, a published night, one that was held and one that failed are told in the same bytes."""
    at = night()
    tables = measured_tables(at, HOSTILE)
    receipts = taken_in() | (judged(publish=ending == "published") if ending != "failed" else {})
    if ending == "published":
        receipts |= served(at, tables)
    stage_tables(at, HOSTILE)
    report(at, Story(ending=ending, reason="because", command=COMMAND, **receipts))
    page = at.workspace.report(at.run_date) / "index.html"
    before = page.read_bytes()
    remove(at.staging)
    assert render_again(at.workspace, at.run_date) == page
    assert page.read_bytes() == before


def test_what_the_night_served_then_is_told_again(night):
    """A later publication changes what is served, not what is said of an earlier night."""
    at = night()
    served(at, {})
    report(at, story_of(at))
    served(night(date(2026, 1, 6)), {})
    assert "the tables of 2026-01-05" in Page(render_again(at.workspace, at.run_date).read_text()).text


def test_a_date_without_a_night_is_refused_and_others_are_named(night):
    at = night()
    report(at, story_of(at))
    with pytest.raises(UsageError, match=r"2025-12-31: expected a date with a night; found only 2026-01-05.*such as 2026-01-05"):
        render_again(at.workspace, date(2025, 12, 31))


def test_a_workspace_without_nights_says_how_to_run_one(workspace):
    with pytest.raises(UsageError, match=r"none that left an account. Next: nightly run --workspace"):
        render_again(workspace, date(2026, 1, 5))


def test_a_page_of_an_earlier_version_stays_as_it_is(night):
    """Without its account it cannot be told again; the message says how to make it anew, and touches nothing."""
    at = night()
    report(at, story_of(at))
    folder = at.workspace.report(at.run_date)
    (folder / FILE).unlink()
    page = (folder / "index.html").read_bytes()
    with pytest.raises(UsageError, match=r"a page that an earlier version wrote.*--run-date 2026-01-05 --replace"):
        render_again(at.workspace, at.run_date)
    assert (folder / "index.html").read_bytes() == page


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}', "[]", "\udcff"])
def test_a_damaged_account_is_refused_with_what_to_do(night, content):
    at = night()
    report(at, story_of(at))
    (at.workspace.report(at.run_date) / FILE).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(
        StorageError, match=r"story.json: expected the account of a night.*Next: make the night and its page anew: nightly run"
    ):
        render_again(at.workspace, at.run_date)
