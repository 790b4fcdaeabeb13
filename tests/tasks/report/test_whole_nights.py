"""Claims about the pages of nights that were really run: what the night left is enough to tell it again, and to look people up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.attempt import Ending
from tasks.report import render_again
from tasks.report.account import FILE, Account, read_account
from tasks.retention import KeepingConfig, forget, forgettable
from tasks.shop import Shop, write_delivery
from tasks.tables import EVERYBODY
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP
from tests.tasks.report.stories import Page

FIRST, SECOND, THIRD = SMALL_SHOP.delivery_dates[:3]


@pytest.fixture
def account(published_once: Workspace) -> Account:
    return read_account(published_once, SECOND)


def page_of(workspace: Workspace, day: Any = SECOND) -> Page:
    return Page((workspace.report(day) / "index.html").read_text())


def test_a_published_night_is_told_whole(published_once: Workspace):
    """The second night has all that a night without policies and experiments can have, on a page that a phone can take."""
    page = page_of(published_once)
    parts = "gate volumes deliveries rejects validation split training weights ladder metrics outcomes coverage changes look-up promises"
    assert page.ids() - {"warnings"} == {*parts.split(), "steps", "files", "versions", "again"}
    assert "cannot be told" not in page.html
    assert len(page.html) < 2_000_000


def test_published_nights_are_told_again_in_the_same_bytes(published_workspace: Workspace):
    """By a workspace that was moved and whose staging area is gone, from what lies beside the page and what was published."""
    for day in (FIRST, SECOND):
        page = published_workspace.report(day) / "index.html"
        before = page.read_bytes()
        page.unlink()
        assert render_again(published_workspace, day) == page
        assert page.read_bytes() == before


def test_every_kind_of_user_can_be_looked_up(published_once: Workspace, account: Account):
    """Those whose list changed most come first; after them every segment that has users has one."""
    entered = [user.n_entered for user in account.sample]
    assert entered[0] > 0
    assert entered == sorted(entered, reverse=True)
    assert len({user.user_id for user in account.sample}) == len(account.sample) >= 24
    segments = set(pq.read_table(published_once.table("exposure", SECOND))["segment"].to_pylist()) - {EVERYBODY}
    assert {user.segment for user in account.sample} == segments
    page = page_of(published_once)
    assert len([one for one in page.of("details") if one.get("class") == "person"]) == len(account.sample)


@pytest.mark.slow
def test_who_can_be_looked_up_does_not_depend_on_luck(published_once: Workspace, run: Any, tmp_path: Any, account: Account):
    """The same deliveries and settings choose the same users, in another workspace and on another day of work."""
    other = Workspace(tmp_path / "other")
    other.create(published_once.settings_file.read_text())
    for day in (FIRST, SECOND):
        write_delivery(Shop(SMALL_SHOP), day, other.root / "inbox")
        run(other, day)
    assert read_account(other, SECOND).sample == account.sample


def test_a_night_whose_delivery_is_refused_tells_what_was_wrong(published_workspace: Workspace, run: Any):
    """Its rows are told from the account alone once the warehouse has moved on, and what is served is named."""
    inbox = published_workspace.inbox("interactions")
    rows = "".join(f"{user},,view,{THIRD}T10:00:00Z\n" for user in range(400))
    (inbox / "broken.csv").write_text(f"user_id,item_id,event_type,occurred_at\n{rows}")
    ending: Ending = run(published_workspace, THIRD)
    assert ending.ending == "kept_last_good", ending.reason
    page = page_of(published_workspace, THIRD)
    assert "item id missing" in page.text
    assert f"the tables of {SECOND}" in page.text
    assert "look-up" not in page.ids()
    published_workspace.warehouse.unlink()
    assert page_of(published_workspace, THIRD).html == render_again(published_workspace, THIRD).read_text()


def test_what_a_page_is_made_of_goes_with_it(published_workspace: Workspace):
    """Retention keeps both or neither."""
    old = FIRST - timedelta(days=90)
    folder = published_workspace.report(old)
    folder.mkdir()
    for name in ("index.html", FILE):
        (folder / name).write_text("old")
    for item in forgettable(published_workspace, KeepingConfig(), datetime.combine(SECOND, datetime.min.time())):
        forget(published_workspace, item)
    assert not folder.exists()
    assert (published_workspace.report(FIRST) / FILE).is_file()
    assert (published_workspace.report(FIRST) / "index.html").is_file()


def test_a_damaged_table_of_an_earlier_night_costs_one_section(published_workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """The section says so, and the rest of the page is there: the next four weeks' pages read that table too."""
    published_workspace.table("drift", FIRST).write_bytes(b"<b>torn")
    render_again(published_workspace, SECOND)
    page = page_of(published_workspace)
    assert "This part cannot be told" in page.html
    assert {"volumes", "ladder", "look-up", "files"} <= page.ids()
    assert "Tonight beside other nights cannot be told" in caplog.text
