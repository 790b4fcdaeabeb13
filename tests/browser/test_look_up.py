"""Claims about the look-up on a night's page: it finds users as one types, and shows what they are shown."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tasks.workspace import Workspace
from tests.browser.chromium import PHONE, Chromium
from tests.browser.conftest import PAGES

SHOWN = """
const people = [...document.querySelectorAll('#look-up details.person')];
return people.filter((one) => one.checkVisibility()).map((one) => one.querySelector('.who').textContent);
"""


@pytest.fixture
def looked_up(chromium: Chromium, hostile_shop: Workspace) -> Chromium:
    """Open the page of the published night with the cursor in its look-up."""
    chromium.open(hostile_shop.root / "reports" / PAGES[1])
    chromium.driver.find_element(By.CSS_SELECTOR, "#look-up input[type=search]").click()
    return chromium


def test_users_are_found_as_one_types(looked_up: Chromium) -> None:
    """All but those who are meant are hidden; without anything typed everybody is there again."""
    everybody = looked_up.run(SHOWN)
    wanted = next(user for user in everybody if user.isdecimal())
    looked_up.press(*wanted)
    assert looked_up.run(SHOWN) == [wanted]
    looked_up.press(*[Keys.BACKSPACE] * len(wanted))
    assert looked_up.run(SHOWN) == everybody
    assert len(everybody) > 5


def test_what_nobody_is_called_is_said_in_words(looked_up: Chromium) -> None:
    """A screen reader is told, too."""
    looked_up.press(*"nobody is called so")
    assert looked_up.run(SHOWN) == []
    assert looked_up.run("return document.querySelector('#look-up output').innerText").startswith("Nobody")


def test_a_hostile_name_is_found_by_its_letters_and_does_nothing(looked_up: Chromium) -> None:
    """Upper case or lower."""
    wanted = next(user for user in looked_up.run(SHOWN) if user.startswith(("<", '"')))
    looked_up.press(*wanted.upper())
    assert looked_up.run(SHOWN) == [wanted]
    assert looked_up.run("return document.images.length") == 0
    assert looked_up.complaints() == []


def test_a_user_unfolds_to_a_list_with_reasons(looked_up: Chromium) -> None:
    """By keyboard: Tab from the field, Enter on the name."""
    looked_up.press(Keys.TAB, Keys.ENTER)
    is_open, told = looked_up.run("const user = document.activeElement.closest('details.person'); return [user.open, user.innerText]")
    assert is_open
    assert [part for part in ("The list", "Because of", "What the user did last") if part not in told] == []


def test_the_look_up_fits_a_phone(chromium: Chromium, hostile_shop: Workspace) -> None:
    chromium.open(hostile_shop.root / "reports" / PAGES[1], width=PHONE)
    chromium.run("document.querySelectorAll('#look-up details').forEach((details) => { details.open = true; })")
    box = chromium.run(
        "const box = document.querySelector('#look-up input').getBoundingClientRect(); return [box.left, box.right, box.height]"
    )
    assert box[0] >= 0
    assert box[1] <= PHONE
    assert box[2] >= 24
