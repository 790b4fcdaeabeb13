"""Claims about `tasks.report`, on stories written by hand: the page tells every ending, and nothing in it can act."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest

from models.bootstrap import Comparison, Interval
from models.metrics import METRICS, ListMetrics
from models.sizes import Sizes
from models.verdict import Check, Evidence
from tasks.blend import Blended, SegmentWeights
from tasks.check import Checked
from tasks.deliveries import Delivery
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.ingest import Delivered, SetAside
from tasks.measured import Ladder
from tasks.night import Night, Receipt
from tasks.prepare import Prepared
from tasks.publish import Published
from tasks.refit import Refitted
from tasks.report import Story, report
from tasks.report.quality import weights
from tasks.score import Scored
from tasks.score.search import Searched
from tasks.stage import Staged, Volume
from tasks.storage import write_json
from tasks.tables import EVERYBODY, TABLES
from tasks.tables.writing import write_table
from tasks.train import FittedModel, Trained
from tasks.validate import SuiteResult, Validated
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace

HOSTILE = "<script>alert(1)</script>"
COMMAND = "nightly run --run-date 2026-01-05"
SEGMENTS = ("0 likes", "1-4 likes", "5-19 likes", "20+ likes")
MODELS = {"ease": "collaborative", "towers": "content", "popularity": "knowledge"}


class Page(HTMLParser):
    """A page as a browser reads it: its tags with their attributes, and its text outside the style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.tags, self._open, self._text = html, [], "", []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())

    def ids(self) -> set[str]:
        return {value for _, attributes in self.tags for name, value in attributes if name == "id"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open != "style":
            self._text.append(data)


@dataclass(frozen=True)
class Told:
    """A written report: the night, the page and the receipt."""

    night: Night
    page: Page
    receipt: Any


def tell(night: Night, **story: Any) -> Told:
    """Write the report of a story and read it back."""
    known = {"ending": "published", "reason": "no worse than what is served", "command": COMMAND} | story
    receipt = report(night, Story(**known))
    return Told(night, Page((night.workspace.root / receipt.page).read_text()), receipt)


def interval(value: float, n: int = 400) -> Interval:
    return Interval(value, value - 0.01, value + 0.01, n)


def volume(delivery: Delivery, *, is_new: bool, accepted: int, rejected: int = 0, duplicates: int = 0, waiting: int = 0) -> Volume:
    counts = {"accepted": accepted, "rejected": rejected, "duplicates": duplicates, "waiting": waiting}
    return Volume(delivery=delivery.sha256, source=delivery.source, name=delivery.name, is_new=is_new, **counts)


def taken_in(name: str = "monday.csv") -> dict[str, Receipt]:
    """Return the receipts of a night up to its validation: one new delivery and one of the day before."""
    old = Delivery(source="interactions", sha256="a" * 64, name="sunday.csv", first_night=date(2026, 1, 4))
    new = Delivery(source="interactions", sha256="b" * 64, name=name, first_night=date(2026, 1, 5), path="inbox")
    counts = {"accepted": 1200, "rejected": 34, "duplicates": 5, "waiting": 6}
    return {
        "delivered": Delivered(
            deliveries=(old, new),
            rows={old.sha256: 900, new.sha256: 1245},
            id_types={"user_id": "text", "item_id": "text"},
            has_times=True,
            set_aside=(
                SetAside(source="interactions", sha256="c" * 64, name="torn.csv", reason="no final newline", first_night=date(2026, 1, 5)),
            ),
            still_written={f"{HOSTILE}.csv.tmp": "its name ends in .tmp"},
        ),
        "staged": Staged(volumes=(volume(old, is_new=False, accepted=900), volume(new, is_new=True, **counts))),
        "validated": Validated(
            metrics={"interactions": 2100, "newest_event": None},
            suites=(SuiteResult(name="profile", success=True, n_expectations=12),),
            data_docs=".staging/night/data_docs",
        ),
    }


def judged(*, publish: bool) -> dict[str, Receipt]:
    """Return the receipts from prepare to the gate."""
    scores = {"blend": 0.31, "ease": 0.29, "towers": 0.2, "popularity": 0.12}
    ladder = tuple(
        Ladder(
            ranking=name,
            ndcg=interval(value),
            recall=interval(value / 2),
            blend_minus=None if name == "blend" else Comparison(value, interval(0.31 - value)),
        )
        for name, value in scores.items()
    )
    lists = ListMetrics(
        coverage=0.4,
        reachable_coverage=1.0,
        novelty=7.5,
        gini=0.6,
        distinct_lists=0.98,
        commonest_list=0.01,
        effective_items=40.0,
        reachable_items=75,
    )
    evidence = Evidence(
        k=10, ndcg=interval(0.31), popularity=Comparison(0.12, interval(0.19)), champion=None, trailing_ndcg=(), lists=lists
    )
    curves = {"towers": {"loss": [2.5, 1.25, 0.75], "validation_rmse": [1.1, 0.95], "broken": [float("inf")]}}
    models = tuple(
        FittedModel(
            name=name,
            family=family,
            folder=f"fit/{name}",
            seconds=1.5,
            curves=curves.get(name, {}),
            figures={"rmse": 0.91, "rmse_item_mean": 0.98} if name == "ease" else {},
        )
        for name, family in MODELS.items()
    )
    weights = dict(zip(MODELS, (0.5, 0.3, 0.2), strict=True))
    checks = (
        Check("popularity", publish, 0.19, 0.0, "no worse than popularity" if publish else "worse than popularity"),
        Check("champion", passed=True, value=None, limit=None, sentence="first model: floors only"),
    )
    return {
        "prepared": Prepared(
            n_users=500, n_items=80, n_events=2100, n_recommendable=75, data_through="2026-01-05T22:10:00Z", holdout="days",
            holdout_users=400, holdout_sentence="The last 2 days are held out.", feature_kinds={},
            sizes=Sizes(n_users=500, n_items=80, n_events=2100, n_recommendable=75, n_liked_items=70),
        ),
        "trained": Trained(models=models),
        "blended": Blended(
            method="learned", blend="{}", halves={"learned": ("{}", "{}")}, n_users=400,
            segments=tuple(
                SegmentWeights(segment=name, weights=weights, deviations={"ease": 0.05}, losses_without={"ease": 0.0123}, n_users=100)
                for name in SEGMENTS
            ),
        ),
        "evaluated": Evaluated(k=10, speaker=None, ladder=ladder, evidence=evidence),
        "gated": Gated(publish=publish, reason="; ".join(check.sentence for check in checks), speaker=None, checks=checks),
    }  # fmt: skip


def write_manifest(workspace: Workspace, **facts: Any) -> None:
    """Write the manifest of a night that was published, with what a test says of it."""
    known = {"published_at": f"{facts['run_date']}T02:30:00Z", "data_through": None, "model_version": "m", "tables": {}, "versions": {}}
    write_json(workspace.manifest_file(facts["run_id"]), known | facts)


def served(night: Night) -> dict[str, Receipt]:
    """Return the receipts from refit to publish, and leave the manifest they speak of."""
    table = {"path": "tables/recommendations/part-0.parquet", "sha256": "c" * 64, "rows": 10_000, "bytes": 2_500_000}
    manifest = {
        "run_id": night.run_id,
        "run_date": str(night.run_date),
        "published_at": "2026-01-06T02:30:00Z",
        "tables": {"recommendations": table},
    }
    write_manifest(night.workspace, **manifest, versions={"python": "3.11.9", "duckdb": "2.0.0"})
    models = tuple(FittedModel(name=name, family=family, folder=name, seconds=2.5, curves={}) for name, family in MODELS.items())
    rows = {"recommendations": 10_000}
    return {
        "refitted": Refitted(models=models, model_version="version-1", folder="final"),
        "scored": Scored(model_version="version-1", k=20, users=500, recommendations=10_000, served_by={"blend": 500}, short_lists=2),
        "checked": Checked(rows=rows, checks=("ranks_have_no_gaps",)),
        "published": Published(manifest=f"manifests/{night.run_id}.json", model_version="version-1", rows=rows),
    }


def stage_table(night: Night, name: str, rows: list[dict[str, Any]]) -> None:
    """Write one staged table of the night."""
    write_table(night.staged_table(name), pa.Table.from_pylist(rows), TABLES[name].schema({}))


def stage_tables(night: Night, raw_row: str) -> None:
    """Write what the page reads of a night that was scored."""
    groups = ((EVERYBODY, 400), *((name, 100) for name in SEGMENTS))
    measured = [
        {"ranking": ranking, "segment": segment, "metric": metric, "k": k, "value": 0.2, "low": 0.1, "high": 0.3, "n_users": n}
        for ranking in ("blend", *MODELS) for segment, n in groups for metric in METRICS for k in (10, 20)
    ]  # fmt: skip
    earlier = {
        "of_date": night.run_date - timedelta(days=1),
        "ranking": f"published {night.run_date - timedelta(days=1)}",
        "metric": "ndcg",
        "n_users": 77_777,
    }
    stage_table(night, "metrics", [{"of_date": night.run_date, **row} for row in measured] + [{**measured[0], **earlier}])
    counted = [("users_served", "", 500.0, ""), ("short_list", "u1", 3.0, "few items left"), ("short_list", "u2", 4.0, "few items left")]
    stage_table(night, "coverage", [dict(zip(("fact", "subject", "value", "reason"), row, strict=True)) for row in counted])
    stage_table(night, "rejects", [refused(number, raw_row) for number in range(1, 35)])


def refused(number: int, raw_row: str) -> dict[str, Any]:
    names = {"source": "interactions", "source_file": "monday.csv", "delivery": "b" * 64, "rule": "occurred_at_unreadable"}
    return names | {"row_number": number, "raw_row": raw_row}


@pytest.fixture
def published(night: Any) -> Told:
    """Return the report of a published night whose every word from outside is hostile."""
    at = night()
    stage_tables(at, f'{{"item_id": "{HOSTILE}", "note": "\u202egnp.exe"}}')
    for name, attempt in (("ingest", "an earlier attempt"), ("train", at.attempt_id)):
        entry = {"step": name, "seconds": 1.25, "peak_bytes": 300 * 2**20, "attempt_id": attempt}
        write_json(at.staging / f"{name}.json", entry)
    receipts = taken_in(name=f"{HOSTILE}.csv") | judged(publish=True) | served(at)
    return tell(at, reason=f"no worse than {HOSTILE}", **receipts)


@pytest.fixture
def held(night: Any) -> Told:
    """Return the report of a night that the gate refused."""
    return tell(night(), ending="kept_last_good", reason="worse than popularity", **taken_in(), **judged(publish=False))


def test_a_published_night_is_told_whole(published):
    """Every part has its section."""
    parts = (
        "gate deliveries still-written set-aside rejects validation split training ladder weights metrics coverage promises steps files "
        "versions again"
    )
    assert published.page.ids() == set(parts.split())


def test_what_is_said_of_earlier_nights_is_not_told_as_tonights(published):
    """The 77,777 users by whom yesterday's lists are judged stand in the same table."""
    assert "77,777" not in published.page.text


@pytest.mark.parametrize(("exact", "expected"), [(False, "% of the items, hold 98.5 %"), (True, "would have held only 98.5 %")])
def test_how_a_large_catalogue_was_searched_is_told(night, exact, expected):
    at = night()
    stage_tables(at, "{}")
    searched = Searched(cells=1000, probes=16, share=0.016, recall=0.985, users=200, exact=exact)
    receipts = served(at)
    receipts["scored"] = receipts["scored"].model_copy(update={"searched": searched})
    assert expected in tell(at, **taken_in(), **judged(publish=True), **receipts).page.text


def test_numbers_stand_as_text(published):
    """What a drawing shows can also be read: volumes, curve, weights, hash, seconds, memory."""
    told = [
        "interactions 1,245 1,200 34 5 6", "The last 2 days are held out.", "loss: 2.5000 to 0.7500, 3 epochs",
        "validation rmse: 1.1000 to 0.9500, 2 epochs",
        "0.500 ± 0.098 0.300 0.200 100",
        "0.3100 (0.3000 to 0.3200)", "short list few items left 2", "c" * 64, "2.38 MiB", "300 MiB", "duckdb 2.0.0",
    ]  # fmt: skip
    assert [words for words in told if words not in published.page.text] == []


def test_the_verdict_comes_first(published, held):
    """Whoever opens the page on a phone sees the ending and its reason before anything else."""
    assert published.page.text.startswith("2026-01-05: Published 2026-01-05: Published no worse than")
    assert held.page.text.startswith("2026-01-05: Kept the last good tables " * 2 + "worse than popularity")


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


def test_another_nights_rejects_are_not_shown(night):
    """The warehouse may still hold what an earlier run refused."""
    with open_warehouse(night(run_id="another")) as warehouse:
        warehouse.replace("staging.rejects", pa.Table.from_pylist([refused(7, "not of tonight")]))
    assert "not of tonight" not in tell(night(), staged=taken_in()["staged"]).page.text


@pytest.mark.fault("B14")
def test_hostile_text_is_text(published):
    """Names, rows and reasons are shown as delivered, and become no tag."""
    assert published.page.text.count(HOSTILE) >= 5
    assert "script" not in {tag for tag, _ in published.page.tags}


@pytest.mark.fault("B14")
def test_characters_that_reorder_text_are_spelled_out(published):
    """A right-to-left override would let a row pose as another."""
    assert "\u202e" not in published.page.html
    assert r"\u202egnp.exe" in published.page.text


def test_the_page_asks_nothing_of_the_network(published):
    """It opens from a disk, a mail or an archive, years later."""
    links = [
        value for _, attributes in published.page.tags for name, value in attributes if name in ("src", "href", "xlink:href", "srcset")
    ]
    assert links == []
    assert not re.search(r"url\(|@import|//", published.page.html.split("</style>")[0])
    assert not {"link", "iframe", "img", "object", "base", "form"} & {tag for tag, _ in published.page.tags}


def test_the_policy_allows_the_pages_own_style_alone(published):
    """No handler, no style attribute, no script: the browser is told to honour none."""
    policy = next(
        dict(attributes)["content"] for tag, attributes in published.page.tags if ("http-equiv", "Content-Security-Policy") in attributes
    )
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'", policy)
    attributes = {name for _, attributes in published.page.tags for name, _ in attributes}
    assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_the_style_is_the_one_the_policy_names(published):
    """A browser that hashes the style finds the hash it was told."""
    style = published.page.html.split("<style>")[1].split("</style>")[0]
    assert b64encode(sha256(style.encode()).digest()).decode() in published.page.html
    assert "prefers-color-scheme: dark" in style


def test_resumed_steps_are_marked(published):
    """Seconds of an earlier attempt must not pass for tonight's."""
    assert "ingest resumed 1.2 300 MiB" in published.page.text
    assert "train 1.2 300 MiB" in published.page.text


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
    assert ("a", [("href", "data_docs/index.html")]) in told.page.tags
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
    schema = TABLES["weights"].schema({}, {"run_id": "earlier"})
    facts = {"family": "content", "low": None, "high": None, "loss_without": None, "run_id": "earlier"}
    for day, share in (("2026-01-03", 0.25), ("2026-01-04", 0.5), (str(tonight.run_date), 1.0)):
        rows = [
            {"segment": segment, "model": "towers", "weight": weight, "n_users": n_users, **facts}
            for segment, weight, n_users in (("0 likes", 0.0, 0), ("1-4 likes", share, 10))
        ]
        is_tonight = day == str(tonight.run_date)
        path = tonight.staged_table("weights") if is_tonight else tonight.workspace.table("weights", date.fromisoformat(day))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(path, pa.Table.from_pylist(rows), schema)
        if not is_tonight:
            write_manifest(tonight.workspace, run_id=day, run_date=day)
    drawn = weights(tonight, Story(ending="published", reason="", command=COMMAND, **judged(publish=True)))
    assert drawn is not None
    (line,) = [curve for curve in drawn.by_night if curve.name == "towers"]
    assert (line.first, line.last, line.n) == (0.25, 1.0, 3)
