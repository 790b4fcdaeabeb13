"""Claims about the pages as a real browser shows them: they are read anywhere, ask nobody for anything, and nothing in them can act."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.keys import Keys

from tasks.workspace import Workspace
from tests.browser.chromium import PHONE, Chromium
from tests.browser.conftest import FIRST, PAGES, SECOND, hostile

pytestmark = pytest.mark.parametrize("name", PAGES, ids=["index", "published", "held"])


@pytest.fixture
def page(hostile_shop: Workspace, name: str) -> Path:
    """Return one of the pages."""
    return hostile_shop.root / "reports" / name


HEADINGS = {
    PAGES[0]: (f"Serving the tables of {FIRST}", ["Calendar", "Night after night", "Latest attempts"]),
    PAGES[1]: (f"{FIRST}: Published", ["Blend weights", "Ladder of baselines", "Files", "Versions", "Run it again"]),
    PAGES[2]: (f"{SECOND}: Kept the last good tables", ["Versions", "Run it again"]),
}


def test_the_verdict_stands_first_and_the_sections_follow(chromium: Chromium, page: Path, name: str) -> None:
    chromium.open(page)
    verdict, headings = HEADINGS[name]
    assert chromium.run("return document.querySelector('h1').innerText").startswith(verdict)
    assert verdict in chromium.driver.title
    found = chromium.run("return [...document.querySelectorAll('h2, h3')].map((heading) => heading.textContent.trim())")
    assert [heading for heading in headings if heading not in found] == []
    # Nothing that can be seen stands above the verdict but a way to the other pages.
    assert chromium.run("return document.querySelector('h1').getBoundingClientRect().top") < 150


def test_the_console_is_silent_and_no_request_leaves(chromium: Chromium, page: Path) -> None:
    """Opened from disk, with every part unfolded, a page is whole without any other file."""
    chromium.open(page)
    chromium.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert chromium.complaints() == []
    assert [address for address in chromium.requests() if address != page.as_uri() and not address.startswith("data:")] == []


def test_what_deliveries_say_is_text_and_nothing_else(chromium: Chromium, page: Path) -> None:
    """Titles, users, rows and names of files hold scripts, images, links and marks that turn text: none of them comes to life."""
    chromium.open(page)
    chromium.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    chromium.press(Keys.TAB, Keys.TAB)  # what has the focus may act as well
    with pytest.raises(NoAlertPresentException):
        chromium.driver.switch_to.alert.accept()
    assert "owned" not in chromium.driver.title.replace(hostile(0), "")
    assert (
        chromium.run("return document.querySelectorAll('img, iframe, object, embed, form, base, [autofocus], [onload], svg script').length")
        == 0
    )
    assert chromium.run("return document.scripts.length + document.styleSheets.length") <= 2
    acting = "return [...document.querySelectorAll('*')].flatMap((one) => one.getAttributeNames()).filter((name) => name.startsWith('on'))"
    assert chromium.run(acting) == []
    links = chromium.run("return [...document.links].map((link) => link.href)")
    assert [link for link in links if not link.startswith("file:")] == []
    assert "\u202e" not in chromium.run("return document.documentElement.outerHTML")
    assert "<" in chromium.run("return document.body.innerText")  # it was there to be seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(chromium: Chromium, page: Path, scheme: str) -> None:
    """By 4.5 to 1 at least, in both colour schemes, whatever is folded away."""
    chromium.open(page, scheme=scheme)
    chromium.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert chromium.small_contrasts() == []
    lightness = chromium.run(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0)"
    )
    assert (lightness > 600, lightness < 150) == (scheme == "light", scheme == "dark")


def test_a_phone_shows_the_page_without_scrolling_sideways(chromium: Chromium, page: Path) -> None:
    """Wide tables scroll by themselves; the page stays."""
    chromium.open(page, width=PHONE)
    chromium.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert chromium.run("return [window.innerWidth, document.documentElement.scrollWidth]") == [PHONE, PHONE]
    sizes = chromium.run("return [...document.querySelectorAll('p, td, li')].map((one) => parseFloat(getComputedStyle(one).fontSize))")
    assert min(sizes) >= 12


def test_on_paper_nothing_is_folded_away(chromium: Chromium, page: Path) -> None:
    chromium.open(page, media="print")
    folded = "[...document.querySelectorAll('details > :not(summary)')].filter((one) => !one.checkVisibility() && !one.closest('[hidden]'))"
    assert chromium.run(f"return {folded}.map((one) => one.outerHTML.slice(0, 80))") == []
    assert len(chromium.driver.print_page()) > 10_000


def test_the_keyboard_reaches_everything_and_shows_where_it_is(chromium: Chromium, page: Path) -> None:
    """Tab goes from one to the next of what can be used, each with an outline; Enter unfolds what is folded."""
    chromium.open(page)
    usable = "a[href], summary, input, [tabindex]"
    reach = min(6, chromium.run(f"return document.querySelectorAll('{usable}').length"))
    at = "const at = document.activeElement, style = getComputedStyle(at); return [[...document.querySelectorAll('*')].indexOf(at), "
    seen = []
    for _ in range(reach):
        chromium.press(Keys.TAB)
        seen.append(chromium.run(f"{at} style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0]"))
    assert len({place for place, _ in seen}) == reach
    assert all(is_outlined for _, is_outlined in seen)
    if chromium.run("const folded = document.querySelector('details:not([open]) > summary'); folded?.focus(); return Boolean(folded)"):
        chromium.press(Keys.ENTER)
        assert chromium.run("return document.activeElement.parentElement.open")
