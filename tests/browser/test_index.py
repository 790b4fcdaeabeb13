"""Claims about the index in a browser: from a date to its night, and no page that looks fresh when it is not."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from tasks.report.index import write_index
from tasks.workspace import Workspace
from tests.browser.chromium import Chromium
from tests.browser.conftest import FIRST, SECOND
from tests.conftest import MONDAY
from tests.ledgers import record

WRITTEN = datetime.combine(MONDAY, time(7, 30))


def test_a_date_leads_to_the_page_of_its_night(chromium: Chromium, hostile_shop: Workspace) -> None:
    """Also by keyboard."""
    chromium.open(hostile_shop.root / "reports" / "index.html")
    chromium.run("document.querySelector('a.day.held').focus()")
    chromium.press(Keys.ENTER)
    assert chromium.driver.title == f"{SECOND}: Kept the last good tables"


def test_the_served_night_is_told_apart_without_colour(chromium: Chromium, hostile_shop: Workspace) -> None:
    chromium.open(hostile_shop.root / "reports" / "index.html")
    served = chromium.run(
        "const at = document.querySelector('.day.served'); return [at.textContent.trim(), at.ariaLabel, getComputedStyle(at).outlineStyle]"
    )
    assert served == [str(FIRST.day), f"{FIRST}: published, served now", "solid"]


@pytest.mark.parametrize(
    ("opened", "expected"), [(WRITTEN + timedelta(hours=20), ""), (WRITTEN + timedelta(days=3, hours=1), "3 days ago")]
)
def test_a_page_that_nobody_has_written_for_days_says_so(chromium: Chromium, workspace: Workspace, opened: datetime, expected: str) -> None:
    """A page that lies on a disk cannot know that nights have stopped; the moment at which it is opened can."""
    record(workspace, MONDAY)
    chromium.open(write_index(workspace, WRITTEN), clock=opened)
    told = chromium.run("const note = document.getElementById('aged'); return [note.checkVisibility(), note.innerText]")
    assert told[0] == bool(expected)
    assert expected in told[1]
