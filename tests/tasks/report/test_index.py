"""Claims about the index over all nights, on small files written by hand: it is written whatever they hold, and nothing in it can act."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from datetime import date, datetime, time, timedelta
from hashlib import sha256

import pytest

from tasks.lock import locked
from tasks.report.index import ATTEMPTS, write_index
from tasks.storage import append_line, remove, write_json
from tasks.workspace import Workspace
from tests.conftest import MONDAY
from tests.ledgers import days, publish, record
from tests.tasks.report.stories import Page

HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)></style>"\' \u202egnp.exe'


def index(workspace: Workspace, at: date = MONDAY) -> Page:
    """Write the index, at half past seven in the morning of a date, and read it back."""
    return Page(write_index(workspace, datetime.combine(at, time(7, 30))).read_text())


def cells(page: Page) -> dict[str, tuple[str, str | None]]:
    """Return what became of each date that is marked, and where its cell leads."""
    found = {}
    for tag, attributes in page.tags:
        told = dict(attributes)
        if tag in ("a", "span") and (told.get("class") or "").startswith("day ") and told.get("title"):
            found[told["title"][:10]] = (told["class"].removeprefix("day "), told.get("href"))
    return found


def test_no_night_at_all_is_a_page_that_says_what_to_do(workspace: Workspace) -> None:
    page = index(workspace)
    assert page.text.startswith("All nights: No night has run yet No night has run yet")
    assert f"nightly run --workspace {workspace.root}" in page.text
    assert not page.of("table")


def test_the_verdict_says_what_is_served_how_old_it_is_and_how_the_last_attempt_ended(workspace: Workspace) -> None:
    record(workspace, MONDAY)
    record(workspace, MONDAY + timedelta(days=1), "kept_last_good", "items.csv: expected a title; found none")
    page = index(workspace, MONDAY + timedelta(days=1))
    assert page.text.split(": ", 1)[1].startswith("Serving the tables of 2026-01-05; the last attempt, of 2026-01-06, was held")
    assert "Served 2026-01-05 1 day old Recommendations 10,005 NDCG@10 0.3000 Published 2026-01-05 02:01 UTC" in page.text
    assert "items.csv: expected a title; found none" in page.text
    assert f"nightly run --workspace {workspace.root} --run-date 2026-01-06" in page.text
    assert page.of("header") == [{"id": "verdict", "class": "verdict kept_last_good"}]


def test_the_night_that_writes_the_index_is_not_said_to_be_at_work(workspace: Workspace) -> None:
    """It ends with that; somebody else at work is named."""
    record(workspace, MONDAY)
    with locked(workspace, "night for 2026-01-05", datetime.combine(MONDAY, time(2))):
        assert "At work" not in index(workspace).text
    held = {"pid": os.getpid(), "host": "another-machine", "since": "2026-01-06T02:00:00Z", "purpose": "night for 2026-01-06"}
    write_json(workspace.root / ".lock.json", held)
    assert "At work: night for 2026-01-06" in index(workspace).text


def test_a_published_night_of_today_is_good(workspace: Workspace) -> None:
    record(workspace, MONDAY)
    page = index(workspace)
    assert page.of("header") == [{"id": "verdict", "class": "verdict published"}]
    assert "Served 2026-01-05 today" in page.text
    assert "Next: nothing needs to be done." in page.text


def test_what_is_too_old_is_said_first(workspace: Workspace) -> None:
    """From the age that the served night was told on; the default is two days."""
    record(workspace, MONDAY)
    assert "2026-01-05, which are 2 days old" in index(workspace, MONDAY + timedelta(days=2)).text
    publish(workspace, MONDAY, settings={"keeping": {"stale_after_days": 3}})
    assert index(workspace, MONDAY + timedelta(days=2)).of("header") == [{"id": "verdict", "class": "verdict published"}]
    assert index(workspace, MONDAY + timedelta(days=3)).of("header") == [{"id": "verdict", "class": "verdict failed"}]


def test_a_served_date_to_come_is_no_good_sign(workspace: Workspace) -> None:
    record(workspace, MONDAY + timedelta(days=3))
    assert "Serving the tables of 2026-01-08, a date to come" in index(workspace).text


def test_each_date_bears_its_ending_as_a_word_and_leads_to_its_page(workspace: Workspace) -> None:
    """A date between others on which nothing ran was missed; one whose page is gone leads nowhere; what is served is marked."""
    endings = ("published", "kept_last_good", "failed", "skipped")
    for day, ending in zip(days(MONDAY, 4), endings, strict=True):
        record(workspace, day, ending, written="" if ending == "skipped" else "a page")
    page = index(workspace, date(2026, 1, 10))
    assert cells(page) == {
        "2026-01-05": ("published served", "run_date=2026-01-05/index.html"),
        "2026-01-06": ("held", "run_date=2026-01-06/index.html"),
        "2026-01-07": ("failed", "run_date=2026-01-07/index.html"),
        "2026-01-08": ("skipped", None),
        "2026-01-09": ("missed", None),
    }
    assert "published: 1 held: 1 failed: 1 skipped: 1 missed: 1 served now: 2026-01-05" in page.text
    assert "2026-01-05: published, served now" in [link.get("aria-label") for link in page.of("a")]
    assert f"nightly backfill --workspace {workspace.root} --from 2026-01-09 --to 2026-01-09" in page.text


def test_a_date_that_was_held_and_then_published_is_published(workspace: Workspace) -> None:
    record(workspace, MONDAY, "kept_last_good", "torn")
    record(workspace, MONDAY)
    assert cells(index(workspace))["2026-01-05"][0] == "published served"


def test_thousands_of_nights_fit_a_phone(workspace: Workspace) -> None:
    """Twelve months are drawn, and the latest attempts listed; how many lie before is said."""
    for day in days(date(2022, 1, 1), 1200):
        record(workspace, day, written="")
    page = index(workspace, date(2025, 4, 15))
    assert len(page.html) < 250_000
    assert page.text.count("Mo Tu We") == 12
    assert "851 earlier nights before these months" in page.text
    attempts = page.html[page.html.index('id="attempts"') :]
    assert attempts.count('<th scope="row">') == ATTEMPTS
    assert "NDCG@10 from 2024-04-14 to 2025-04-14." in str([drawn.get("aria-label") for drawn in page.of("svg")])


def test_months_without_a_night_are_told_and_not_drawn(workspace: Workspace) -> None:
    record(workspace, date(2025, 3, 31))
    record(workspace, date(2025, 7, 1))
    page = index(workspace, date(2025, 9, 3))
    assert page.text.count("Mo Tu We") == 2
    assert "No night in August 2025 to September 2025, April 2025 to June 2025." in page.text


def test_lines_stand_for_numbers_that_can_be_read(workspace: Workspace) -> None:
    """Popularity is what was published less what the gate found it ahead by; a night without a figure leaves a gap."""
    for day, ndcg in zip(days(MONDAY, 5), (0.3, 0.32, None, 0.31, 0.34), strict=True):
        record(workspace, day, seconds=day.day)
        publish(workspace, day, quality={"k": 10, "ndcg": ndcg} if ndcg else None)
    page = index(workspace, date(2026, 1, 9))
    told = [drawn["aria-label"] for drawn in page.of("svg") if drawn.get("role") == "img"]
    assert told == [
        "NDCG@10 from 2026-01-05 to 2026-01-09. published: 0.3000 at first, 0.3400 at last, between 0.3000 and 0.3400."
        " popularity: 0.1000 at first, 0.1400 at last, between 0.1000 and 0.1400.",
        "Recommendations from 2026-01-05 to 2026-01-09. rows: 10,005 at first, 10,009 at last, between 10,005 and 10,009.",
        "Seconds from 2026-01-05 to 2026-01-09. seconds: 5.0 at first, 9.0 at last, between 5.0 and 9.0.",
    ]
    assert len(page.of("polyline")) == 2 + 2 + 1 + 1
    assert "2026-01-07 - - 10,007 7.0" in page.text


def test_nights_judged_on_other_lengths_of_lists_are_not_on_one_line(workspace: Workspace) -> None:
    record(workspace, MONDAY)
    publish(workspace, MONDAY, quality={"k": 20, "ndcg": 0.9})
    record(workspace, MONDAY + timedelta(days=1))
    page = index(workspace, MONDAY + timedelta(days=1))
    assert "NDCG@10" in page.text
    assert "0.9000" not in page.html


@pytest.mark.parametrize(
    "line",
    [
        '{"ending": "publ',
        "[]",
        "null",
        "\x00\xff",
        '{"ending": [], "run_date": {}, "reason": 5, "seconds": "long", "checks": 7}',
        '{"ending": "failed", "run_date": "../../x", "seconds": NaN, "started_at": null, "checks": "[1]"}',
        '{"ending": "published", "run_date": "2026-02-31", "run_id": "night-2026-01-05", "checks": "{}"}',
    ],
)
def test_a_damaged_line_hides_no_night(workspace: Workspace, line: str) -> None:
    record(workspace, MONDAY)
    append_line(workspace.runs, line)
    record(workspace, MONDAY + timedelta(days=1))
    assert cells(index(workspace, MONDAY + timedelta(days=1))).keys() == {"2026-01-05", "2026-01-06"}


def test_without_the_log_of_attempts_the_manifests_tell(workspace: Workspace) -> None:
    record(workspace, MONDAY)
    remove(workspace.runs)
    page = index(workspace)
    assert "Serving the tables of 2026-01-05" in page.text
    assert cells(page) == {"2026-01-05": ("published served", "run_date=2026-01-05/index.html")}


@pytest.mark.parametrize("manifest", ['{"run_id": "x"', "[]", '{"run_date": "2026-01-05", "tables": {}}'])
def test_a_damaged_manifest_or_pointer_is_said_first_with_what_to_type(workspace: Workspace, manifest: str) -> None:
    for day in days(MONDAY, 2):
        record(workspace, day)
    workspace.manifest_file("night-2026-01-06").write_text(manifest)
    page = index(workspace, MONDAY + timedelta(days=1))
    assert "Nobody can tell what is served" in page.text
    assert f"nightly rollback --workspace {workspace.root} --to 2026-01-05" in page.text


@pytest.mark.parametrize(
    "facts", [{"tables": {}}, {"quality": [], "settings": 5}, {"verdict": None, "quality": {"k": "ten", "ndcg": True}}]
)
def test_manifests_of_other_versions_do(workspace: Workspace, facts: dict[str, object]) -> None:
    record(workspace, MONDAY)
    publish(workspace, MONDAY, **facts)
    assert "Serving the tables of 2026-01-05" in index(workspace).text


def test_an_attempt_that_was_killed_is_told_before_any_run_has_recorded_it(workspace: Workspace) -> None:
    record(workspace, MONDAY)
    tuesday = "2026-01-06"
    write_json(workspace.open_attempt, {"attempt_id": "a", "run_date": tuesday, "ending": "failed", "started_at": f"{tuesday}T02:00:00Z"})
    page = index(workspace, date(2026, 1, 6))
    assert "Serving the tables of 2026-01-05; the last attempt, of 2026-01-06, was killed" in page.text
    assert cells(page)[tuesday] == ("failed", None)
    assert f"nightly run --workspace {workspace.root} --run-date {tuesday}" in page.text


def test_a_rolled_back_shop_says_which_dates_are_not_served(workspace: Workspace) -> None:
    for day in days(MONDAY, 3):
        record(workspace, day)
    write_json(workspace.pointer, {"run_id": "night-2026-01-05"})
    page = index(workspace, date(2026, 1, 7))
    assert "Rolled back: newer and not served are 2026-01-06, 2026-01-07." in page.text
    assert [day for day, (word, _) in cells(page).items() if "served" in word] == ["2026-01-05"]


def test_what_comes_from_deliveries_is_text_and_nothing_else(workspace: Workspace) -> None:
    """Reasons quote files and rows: no tag, no attribute and no mark that turns the order of words comes of them."""
    record(workspace, MONDAY)
    record(workspace, MONDAY + timedelta(days=1), "failed", HOSTILE, started_at=HOSTILE)
    append_line(workspace.runs, '{"run_date": "javascript:alert(1)", "ending": "\\" onclick=\\"alert(1)"}')
    page = index(workspace, MONDAY + timedelta(days=1))
    assert "\u202e" not in page.html
    assert "\\u202egnp.exe" in page.text
    assert not page.of("img")
    assert len(page.of("script")) == len(page.of("style")) == 1
    assert {link["href"] for link in page.of("a")} == {"run_date=2026-01-05/index.html", "run_date=2026-01-06/index.html"}
    assert not [name for _, attributes in page.tags for name, _ in attributes if name.startswith("on")]


def test_a_reason_of_any_length_leaves_the_page_small(workspace: Workspace) -> None:
    record(workspace, MONDAY, "failed", "x" * 1_000_000)
    assert len(index(workspace).html) < 40_000


def test_the_policy_honours_our_style_and_our_script_alone(workspace: Workspace) -> None:
    page = index(workspace)
    policy = next(tag["content"] for tag in page.of("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    for kind in ("style", "script"):
        content = re.search(f"<{kind}>(.*?)</{kind}>", page.html, re.DOTALL)[1]
        assert f"{kind}-src 'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.findall(r"https?://", page.html)


def test_the_same_files_and_moment_give_the_same_bytes(workspace: Workspace) -> None:
    for day in days(MONDAY, 4):
        record(workspace, day)
    first = index(workspace, date(2026, 1, 9)).html
    assert index(workspace, date(2026, 1, 9)).html == first
    assert index(workspace, date(2026, 1, 10)).html != first
