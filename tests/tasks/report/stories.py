"""Stories of nights written by hand, and pages as a browser reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa

from models.bootstrap import Comparison, Interval
from models.metrics import METRICS, ListMetrics
from models.policies.minimum import Calibration, Curve
from models.sizes import Sizes
from models.verdict import Check, Evidence
from tasks.blend import Blended, SegmentWeights
from tasks.check import Checked
from tasks.deliveries import Delivery
from tasks.derive import Derived
from tasks.evaluate import Evaluated
from tasks.gate import Gated
from tasks.ingest import Delivered, SetAside
from tasks.measured import Ladder
from tasks.night import Night, Receipt
from tasks.policies.declare import Declared
from tasks.prepare import Prepared
from tasks.publish import Published
from tasks.refit import Refitted
from tasks.report import Story, report
from tasks.score import Scored
from tasks.stage import Staged, Volume
from tasks.storage import write_json
from tasks.tables import EVERYBODY, TABLES
from tasks.tables.writing import write_table
from tasks.train import FittedModel, Trained
from tasks.validate import SuiteResult, Validated
from tasks.workspace import Workspace
from tests.published_nights import publish_by_hand

HOSTILE = "<script>alert(1)</script>"
TRAPS = (
    HOSTILE,
    '"><img src=x onerror=alert(1)>',
    "</style></script></title>",
    "\u202egnp.exe",
    "{{ 7 * 191 }}{% raw %}",
    "' onfocus=alert(1) x='",
)
"""Titles and ids that mean to be more than text."""

COMMAND = "nightly run --run-date 2026-01-05"
SEGMENTS = ("0 likes", "1-4 likes", "5-19 likes", "20+ likes")
MODELS = {"ease": "collaborative", "towers": "content", "popularity": "knowledge"}


class Page(HTMLParser):
    """A page as a browser reads it: its tags with their attributes, and its text outside style and script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.tags, self._open, self._text = html, [], "", []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())

    def ids(self) -> set[str]:
        """Return the sections of the page."""
        return {str(dict(attributes)["id"]) for tag, attributes in self.tags if tag == "section"}

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        """Return the attributes of all tags of some names, in their order."""
        return [dict(attributes) for tag, attributes in self.tags if tag in tags]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        if self._open not in ("style", "script"):
            self._text.append(data)


@dataclass(frozen=True)
class Told:
    """A written report: the night, the page and the receipt."""

    night: Night
    page: Page
    receipt: Any


def tell(night: Night, **story: Any) -> Told:
    """Write the report of a story, every section of it, and read it back."""
    known = {"ending": "published", "reason": "no worse than what is served", "command": COMMAND} | story
    receipt = report(night, Story(**known))
    html = (night.workspace.root / receipt.page).read_text()
    assert "This part cannot be told" not in html
    return Told(night, Page(html), receipt)


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
        "declared": Declared(rules=("boosts.new", "caps.genres"), findings=(f"boosts.new: no item has genre={HOSTILE}",)),
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
    curve = Curve(scores=(-0.5, 0.25, 1.0), chances=(0.01, 0.05, 0.2), places=4000)
    calibration = Calibration(everybody=curve, segments={SEGMENTS[0]: curve.model_copy(update={"places": 0}), SEGMENTS[1]: curve})
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
        "evaluated": Evaluated(k=10, speaker=None, ladder=ladder, evidence=evidence, calibration=calibration),
        "gated": Gated(publish=publish, reason="; ".join(check.sentence for check in checks), speaker=None, checks=checks),
    }  # fmt: skip


def write_manifest(workspace: Workspace, **facts: Any) -> None:
    """Write the manifest of a night that was published, with what a test says of it."""
    known = {"published_at": f"{facts['run_date']}T02:30:00Z", "data_through": None, "model_version": "m", "tables": {}, "versions": {}}
    write_json(workspace.manifest_file(facts["run_id"]), known | facts)


def listed() -> dict[str, Receipt]:
    """Return the receipts of the steps that make lists."""
    return {
        "scored": Scored(model_version="version-1", k=20, users=500, recommendations=10_000, served_by={"blend": 500}, short_lists=2),
        "derived": Derived(changes={}, unusual=(f"events: 12 of {HOSTILE}, usually 100",)),
    }


def served(night: Night, tables: dict[str, list[dict[str, Any]]] | None = None, **manifest: Any) -> dict[str, Receipt]:
    """Publish some tables by hand, and return the receipts from refit to publish that speak of it."""
    known = {"published_at": "2026-01-06T02:30:00Z", "versions": {"python": "3.11.9", "duckdb": "2.0.0"}} | manifest
    publish_by_hand(night.workspace, night.run_date, tables or {}, {"user_id": "text", "item_id": "text"}, **known)
    models = tuple(FittedModel(name=name, family=family, folder=name, seconds=2.5, curves={}) for name, family in MODELS.items())
    rows = {"recommendations": 10_000}
    return {
        "refitted": Refitted(models=models, model_version="version-1", folder="final"),
        **listed(),
        "checked": Checked(rows=rows, checks=("ranks_have_no_gaps",)),
        "published": Published(manifest=f"manifests/{night.run_id}.json", model_version="version-1", rows=rows),
    }


def stage_table(night: Night, name: str, rows: list[dict[str, Any]]) -> None:
    """Write one staged table of the night."""
    write_table(night.staged_table(name), pa.Table.from_pylist(rows), TABLES[name].schema({}))


def measured_tables(night: Night, raw_row: str) -> dict[str, list[dict[str, Any]]]:
    """Return what the page reads of the tables of a night that was scored."""
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
    counted = [
        ("users_served", "", 500.0, ""),
        ("users_served_by", "blend", 500.0, ""),
        ("short_list", "u1", 3.0, "few items left"),
        ("short_list", "u2", 4.0, "few items left"),
    ]
    return {
        "metrics": [{"of_date": night.run_date, **row} for row in measured] + [{**measured[0], **earlier}],
        "coverage": [dict(zip(("fact", "subject", "value", "reason"), row, strict=True)) for row in counted],
        "rejects": [refused(number, raw_row) for number in range(1, 35)],
    }


def stage_tables(night: Night, raw_row: str) -> None:
    """Write these tables where they wait until they are served."""
    for name, rows in measured_tables(night, raw_row).items():
        stage_table(night, name, rows)


def refused(number: int, raw_row: str) -> dict[str, Any]:
    names = {"source": "interactions", "source_file": "monday.csv", "delivery": "b" * 64, "rule": "occurred_at_unreadable"}
    return names | {"row_number": number, "raw_row": raw_row}
