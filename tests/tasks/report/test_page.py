"""Claims about the page of a night, on stories written by hand: it tells every ending, and nothing in it can act."""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64encode
from datetime import date
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pytest

from tasks.night import Receipt
from tasks.report import Story
from tasks.report.account import account_of
from tasks.report.telling import Telling
from tasks.report.weights import weights, weights_by_night
from tasks.score.search import Searched
from tasks.stage import Staged
from tasks.storage import write_json
from tasks.warehouse import open_warehouse
from tests.published_nights import publish_by_hand
from tests.tasks.report.stories import (
    COMMAND,
    HOSTILE,
    SEGMENTS,
    Told,
    judged,
    measured_tables,
    refused,
    served,
    stage_tables,
    taken_in,
    tell,
    write_manifest,
)


@pytest.fixture
def published(night: Any) -> Told:
    """Return the report of a published night whose every word from outside is hostile."""
    at = night()
    tables = measured_tables(at, f'{{"item_id": "{HOSTILE}", "note": "\u202egnp.exe"}}')
    stage_tables(at, f'{{"item_id": "{HOSTILE}", "note": "\u202egnp.exe"}}')
    for name, attempt in (("ingest", "an earlier attempt"), ("train", at.attempt_id)):
        entry = {"step": name, "seconds": 1.25, "peak_bytes": 300 * 2**20, "attempt_id": attempt}
        write_json(at.staging / f"{name}.json", entry)
    receipts = taken_in(name=f"{HOSTILE}.csv") | judged(publish=True) | served(at, tables)
    return tell(at, reason=f"no worse than {HOSTILE}", **receipts)


@pytest.fixture
def held(night: Any) -> Told:
    """Return the report of a night that the gate refused."""
    return tell(night(), ending="kept_last_good", reason="worse than popularity", **taken_in(), **judged(publish=False))


def test_a_published_night_is_told_whole(published):
    """Every part has its section."""
    parts = (
        "gate warnings deliveries left-out rejects validation policies split training weights ladder metrics calibration outcomes coverage "
        "promises steps files versions again"
    )
    assert published.page.ids() == set(parts.split())


def test_what_is_said_of_earlier_nights_is_not_told_as_tonights(published):
    """The 77,777 users by whom yesterday's lists are judged stand in the same table, and in a section of their own."""
    assert published.page.text.count("77,777") == 1
    assert "77,777" in published.page.text.split("How earlier nights turned out")[-1].split("Coverage and exposure")[0]


@pytest.mark.parametrize(("exact", "expected"), [(False, "% of the items, hold 98.5 %"), (True, "would have held only 98.5 %")])
def test_how_a_large_catalogue_was_searched_is_told(night, exact, expected):
    at = night()
    searched = Searched(cells=1000, probes=16, share=0.016, recall=0.985, users=200, exact=exact)
    receipts = served(at, measured_tables(at, "{}"))
    receipts["scored"] = receipts["scored"].model_copy(update={"searched": searched})
    assert expected in tell(at, **taken_in(), **judged(publish=True), **receipts).page.text


def test_numbers_stand_as_text(published):
    """What a drawing shows can also be read: volumes, curve, weights, hash, seconds, memory."""
    told = [
        "interactions 1,245 1,200 34 5 6", "The last 2 days are held out.", "loss: 2.5000 to 0.7500, 3 epochs",
        "validation rmse: 1.1000 to 0.9500, 2 epochs",
        "0.500 ± 0.098 0.300 0.200 100",
        "0.3100 (0.3000 to 0.3200)", "short list few items left 2", "0" * 64, "314.6 MB", "duckdb 2.0.0",
    ]  # fmt: skip
    assert [words for words in told if words not in published.page.text] == []


def test_the_verdict_comes_first(published, held):
    """Whoever opens the page on a phone sees the ending and its reason before anything else."""
    first = "To what is behind the verdict All nights Monday, 5 January 2026"
    assert published.page.text.startswith(f"2026-01-05: Published {first} 2026-01-05: Published no worse than")
    assert held.page.text.startswith(f"2026-01-05: Kept the last good tables {first} 2026-01-05: Kept the last good tables worse than")


@pytest.mark.parametrize("ending", ["published", "kept_last_good", "failed"])
def test_the_smallest_story_is_a_page(night, ending):
    """An ending, a reason and a command are enough."""
    page = tell(night(), ending=ending, reason="inbox: expected a file; found none").page
    assert page.ids() == {"versions", "again"}
    assert "inbox: expected a file; found none" in page.text


def test_the_command_to_run_it_again_is_on_every_page(night, published, held):
    """The next thing to type is never left to memory."""
    assert all(COMMAND in told.page.text for told in (published, held, tell(night(), ending="failed")))


def test_a_refused_night_says_what_to_do_and_what_is_served(night):
    """The reader of a refusal wants to know what shoppers see now."""
    at = night()
    write_manifest(at.workspace, run_id="earlier", run_date="2026-01-04")
    write_json(at.workspace.pointer, {"run_id": "earlier"})
    page = tell(at, ending="kept_last_good", reason="refused", next_step="mend monday.csv").page
    assert "Next: mend monday.csv" in page.text
    assert "the tables of 2026-01-04 (run earlier)" in page.text


def test_a_held_night_names_the_check_that_failed(held):
    """The gate's table tells failed, passed and not judged apart."""
    assert "popularity failed 0.19 0 worse than popularity" in held.page.text
    assert "champion not judged - - first model: floors only" in held.page.text
    assert "files" not in held.page.ids()


def test_rows_refused_before_the_check_come_from_the_warehouse(night):
    """A night refused for its rows still shows them: no staged table exists yet."""
    at = night()
    with open_warehouse(at) as warehouse:
        warehouse.replace("staging.rejects", pa.Table.from_pylist([refused(7, f"{HOSTILE},i1")]))
    receipts = taken_in()
    page = tell(at, ending="kept_last_good", delivered=receipts["delivered"], staged=receipts["staged"]).page
    assert "1 of interactions: occurred at unreadable monday.csv, row 7" in page.text
    assert f"{HOSTILE},i1" in page.text


def test_a_refused_row_is_shown_as_delivered(night):
    """Without what the working store adds, which would take the room of what the reader looks for."""
    at = night()
    row = {"delivery": "b" * 64, "row_number": 7, "malformed": None, "user_id": "ada", "occurred_at": "yesterday"}
    stage_tables(at, json.dumps(row))
    assert '{"user_id": "ada", "occurred_at": "yesterday"}' in tell(at).page.text


def test_another_nights_rejects_are_not_shown(night):
    """The warehouse may still hold what an earlier run refused."""
    with open_warehouse(night(run_id="another")) as warehouse:
        warehouse.replace("staging.rejects", pa.Table.from_pylist([refused(7, "not of tonight")]))
    assert "not of tonight" not in tell(night(), staged=taken_in()["staged"]).page.text


@pytest.mark.fault("B14")
def test_hostile_text_is_text(published):
    """Names, rows, reasons and findings are shown as delivered, and become no tag: the only script is the page's own."""
    assert published.page.text.count(HOSTILE) >= 7
    assert published.page.of("script") == [{}]
    assert published.page.html.count("<script") == 1


@pytest.mark.fault("B14")
def test_characters_that_reorder_text_are_spelled_out(published):
    """A right-to-left override would let a row pose as another."""
    assert "\u202e" not in published.page.html
    assert r"\u202egnp.exe" in published.page.text


def test_the_page_asks_nothing_of_the_network(published):
    """It opens from a disk, a mail or an archive, years later: it links to itself and to files beside it, and loads nothing."""
    assert {name for _, attributes in published.page.tags for name, _ in attributes if name in ("src", "xlink:href", "srcset")} == set()
    links = [str(link["href"]) for link in published.page.of("a")]
    assert {link for link in links if not link.startswith("#")} == {"../index.html"}
    assert {link[1:] for link in links if link.startswith("#")} == published.page.ids()
    style = published.page.html.split("<style>")[1].split("</style>")[0]
    assert not re.search(r"url\(|@import|//", style)
    assert not {"link", "iframe", "img", "object", "base", "form"} & {tag for tag, _ in published.page.tags}


def test_the_policy_allows_the_pages_own_style_and_script_alone(published):
    """A browser finds the hash of either in the policy; no handler, no style attribute and no other script is honoured."""
    policy = next(tag["content"] for tag in published.page.of("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    hashes = {}
    for name in ("style", "script"):
        content = published.page.html.split(f"<{name}>")[1].split(f"</{name}>")[0]
        hashes[name] = b64encode(sha256(content.encode()).digest()).decode()
    expected = f"style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; base-uri 'none'; form-action 'none'"
    assert policy == f"default-src 'none'; {expected}"
    attributes = {name for _, attributes in published.page.tags for name, _ in attributes}
    assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_the_page_follows_the_reader_into_the_dark_and_onto_paper(published):
    style = published.page.html.split("<style>")[1].split("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_a_reader_who_does_not_see_is_told_the_same(published):
    """Every drawing has words, headings step down one at a time, and every table has headings and can be scrolled by keyboard."""
    page = published.page
    assert all(drawing.get("role") == "img" and drawing.get("aria-label") for drawing in page.of("svg"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in itertools.pairwise(levels))
    assert len(page.of("main")) == len(page.of("header")) == len(page.of("nav")) == 1
    assert len([box for box in page.of("div") if box.get("tabindex") == "0" and box.get("aria-label")]) == len(page.of("table"))
    assert all(heading.get("scope") in ("row", "col") for heading in page.of("th"))
    assert all(section["aria-labelledby"] == f"{section['id']}-title" for section in page.of("section"))


def test_training_curves_have_labelled_axes(published):
    """Loss and RMSE stand over epochs; what is not finite is not drawn."""
    figures = published.page.html.split('id="training"')[1].split("</section>")[0].split("<figure>")[1:]
    assert len(figures) == 2
    assert all(">epoch</text>" in figure for figure in figures)
    assert [">loss</text>" in figures[0], ">RMSE</text>" in figures[1]] == [True, True]


def test_what_is_odd_about_policies_is_told(published):
    """Findings stand among the warnings and beside the rules in force."""
    assert published.page.text.count(f"boosts.new: no item has genre={HOSTILE}") == 2
    assert "2 rules in force boosts.new caps.genres" in published.page.text


def test_calibration_is_told_in_words_and_drawn(published):
    """Users on whom nothing was measured have no curve."""
    section = published.page.html.split('id="calibration"')[1].split("</section>")[0]
    assert "1-4 likes from 1.0% at the lowest scores to 20.0% at the highest" in section
    assert "0 likes" not in section


def test_resumed_steps_are_marked(published):
    """Seconds of an earlier attempt must not pass for tonight's."""
    assert "ingest resumed 1.2 314.6 MB" in published.page.text
    assert "train 1.2 314.6 MB" in published.page.text


def test_new_deliveries_come_first_and_are_marked(published):
    """What arrived tonight is what the reader asks about."""
    text = published.page.text
    assert text.index(f"{HOSTILE}.csv new") < text.index("sunday.csv interactions 900")


def test_segments_stand_in_their_order(published):
    """Everybody, then from few likes to many: not as text sorts them."""
    text = published.page.text.split("The blend at 10, by segment")[1]
    places = [text.index(f"{name} (") for name in ("everybody", *SEGMENTS)]
    assert places == sorted(places)


def test_a_shop_of_many_years_and_long_rows_still_fits_on_a_phone(night):
    """Ten thousand deliveries and rows of a megabyte leave a page under 500 kB, and no row uncounted."""
    at = night()
    stage_tables(at, "x" * 1_000_000)
    one = taken_in()["staged"].volumes[0]
    told = tell(at, staged=Staged(volumes=(one,) * 10_000))
    assert len(told.page.html) < 500_000
    assert "9,960 more 8,964,000 8,964,000 0 0 0" in told.page.text


def test_data_docs_move_beside_the_page(night):
    """The docs are kept with the night and one click away."""
    at = night()
    docs = at.staging / "data_docs"
    docs.mkdir(parents=True)
    (docs / "index.html").write_text("docs")
    told = tell(at, ending="kept_last_good")
    assert {"href": "data_docs/index.html"} in told.page.of("a")
    assert (at.workspace.root / told.receipt.data_docs / "index.html").read_text() == "docs"
    assert not docs.exists()


def test_docs_of_another_attempt_do_not_stay(night):
    """A night refused before its validation must not link to what an earlier attempt found."""
    at = night()
    left = at.workspace.report(at.run_date) / "data_docs"
    left.mkdir(parents=True)
    (left / "index.html").write_text("old")
    assert tell(at, ending="failed").receipt.data_docs is None
    assert not left.exists()


def test_the_receipt_names_the_page(published):
    """The receipt verifies as long as the page is as it was written."""
    assert published.night.verifies(published.receipt)
    assert list(published.receipt.files) == ["reports/run_date=2026-01-05/index.html"]


def test_an_index_that_cannot_be_written_costs_the_page_nothing(night, caplog):
    """It has a warning of its own, and the page of the night is where it should be."""
    at = night()
    (at.workspace.root / "reports" / "index.html").mkdir(parents=True)
    tell(at, ending="failed", reason="a disk was full")
    assert (at.workspace.report(at.run_date) / "index.html").is_file()
    assert "the page is written, but not reports/index.html" in caplog.text


def test_a_story_is_gathered_from_the_receipts_of_steps(night):
    """Steps are known by their names; one the page does not tell of is passed over."""
    receipts = taken_in()
    story = Story.of({"ingest": receipts["delivered"], "keep": Receipt()}, ending="failed", reason="", command=COMMAND)
    assert story == Story(ending="failed", reason="", command=COMMAND, delivered=receipts["delivered"])


def test_weights_show_how_sure_they_are_and_what_each_model_is_worth(night: Any) -> None:
    """Beside a learned share stands the reach of its interval, and below it what lists would lose without the model."""
    page = tell(night(), **judged(publish=True)).page
    assert "0.500 ± 0.098" in page.text
    assert "+0.0123" in page.text


def test_errors_of_predicted_values_stand_beside_those_of_means(night: Any) -> None:
    """A model that predicts ratings shows its error in their unit, next to what a plain mean would miss by."""
    assert "rmse 0.910 rmse item mean 0.980" in tell(night(), **judged(publish=True)).page.text


def test_weights_of_earlier_nights_become_a_line(night: Any) -> None:
    """Two published nights and tonight make a line of three nights for each model, weighted by the users of the segments."""
    tonight = night()
    facts = {"family": "content", "model": "towers"}
    for day, share in ((date(2026, 1, 3), 0.25), (date(2026, 1, 4), 0.5), (tonight.run_date, 1.0)):
        rows = [
            {"segment": segment, "weight": weight, "n_users": n_users, **facts}
            for segment, weight, n_users in (("0 likes", 0.0, 0), ("1-4 likes", share, 10))
        ]
        publish_by_hand(tonight.workspace, day, {"weights": rows})
    story = Story(ending="published", reason="", command=COMMAND, **judged(publish=True))
    telling = Telling(tonight.workspace, account_of(tonight, story))
    assert [means["towers"] for means in weights_by_night(telling).values()] == [0.25, 0.5, 1.0]
    drawn = weights(telling)
    assert drawn is not None
    assert drawn.by_night is not None
    assert "towers from 0.250 to 1.000" in drawn.by_night.says
