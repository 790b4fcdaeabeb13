"""Claims about what is told of tables with measures: volumes beside other nights, policies, experiments and earlier nights."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tasks.report import Story
from tasks.report.account import account_of
from tasks.report.earlier import outcomes
from tasks.report.page import render
from tasks.report.quality import experiment, policy_costs
from tasks.report.telling import Telling
from tasks.report.verdict import next_step, warnings
from tasks.report.volumes import volumes
from tasks.tables import EVERYBODY
from tests.published_nights import publish_by_hand
from tests.tasks.report.stories import COMMAND, Page, judged, listed, taken_in

SATURDAY, SUNDAY, MONDAY = date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 5)


def measured(ranking: str, metric: str, value: float, of_date: date = MONDAY, segment: str = EVERYBODY, **facts: Any) -> dict[str, Any]:
    known = {"ranking": ranking, "segment": segment, "metric": metric, "k": 10, "value": value, "n_users": 40, "of_date": of_date}
    return known | {"low": value - 0.01, "high": value + 0.01} | facts


def drift(value: float, **facts: Any) -> dict[str, Any]:
    return {"measure": "events", "subject": "", "value": value, "usual": None, "low": None, "high": None, "n_nights": 2} | facts


@pytest.fixture
def telling(night: Any) -> Telling:
    """Return the third of three published nights: an unusual one, with policies and an experiment."""
    at = night()
    quality = {"quality": {"ndcg": 0.5, "k": 10}}
    first = [measured(f"published {SATURDAY}", "ndcg", 0.1, SATURDAY)]
    publish_by_hand(at.workspace, SATURDAY, {"drift": [drift(100)], "metrics": []}, **quality)
    publish_by_hand(at.workspace, SUNDAY, {"drift": [drift(110)], "metrics": first}, **quality)
    policies = [
        measured("without policies", "ndcg_cost", 0.03),
        measured("without caps.genres", "ndcg_cost", 0.02),
        measured("without caps.genres", "lists_changed", 0.5, k=20),
        measured("without boosts.new", "ndcg_cost", 0.04),
        measured("without boosts.new", "ndcg", 0.4),
    ]
    variants = [
        measured(f"experiment {of_date}", metric, value, of_date, segment)
        for of_date, metric, value, segment in (
            (MONDAY, "users", 20.0, "variant: control"),
            (MONDAY, "share", 0.5, "variant: control"),
            (MONDAY, "point_from", 0.0, "variant: control"),
            (MONDAY, "sample_ratio_p", 0.0004, EVERYBODY),
            (SUNDAY, "ndcg_difference", 0.125, "variant: bold"),
            (SUNDAY, "ndcg_detectable_difference", 0.25, "variant: bold"),
        )
    ]
    outcome = [measured(f"published {SUNDAY}", "ndcg", 0.2, SUNDAY), measured(f"published {SUNDAY}", "ndcg", 0.9, SUNDAY, "0 likes")]
    unusual = [drift(10, usual=105.0, low=90.0, high=120.0, is_unusual=True), {**drift(5), "measure": "users"}]
    publish_by_hand(at.workspace, MONDAY, {"drift": unusual, "metrics": [*policies, *variants, *outcome]})
    receipts = taken_in() | judged(publish=True) | listed()
    return Telling(at.workspace, account_of(at, Story(ending="published", reason="fit", command=COMMAND, **receipts)))


def test_what_is_unusual_stands_among_the_nights_before(telling):
    """The unusual measure comes first, with its nights in order; a measure that is new tonight has one night."""
    events, users = volumes(telling)["Volumes"]
    assert (events.name, events.is_unusual, events.spark.first, events.spark.last, events.spark.n) == (
        "events of the last whole day",
        True,
        100.0,
        10.0,
        3,
    )
    assert users.spark.n == 1
    assert "1 of 2 unusual" in Page(render(telling)).text
    assert "Unusual tonight" in warnings(telling)


def test_the_dearest_policy_comes_first_behind_all_of_them(telling):
    """Rankings under policies are told here and not among the ways to rank."""
    assert [(cost.rule, cost.ndcg.value if cost.ndcg else None, cost.lists_changed) for cost in policy_costs(telling)] == [
        ("all of them", 0.03, None),
        ("boosts.new", 0.04, None),
        ("caps.genres", 0.02, 0.5),
    ]
    assert "without boosts.new" not in Page(render(telling)).text


def test_variants_are_told_by_night(telling):
    """A split that chance hardly explains is said before any difference is shown."""
    tonight, earlier = experiment(telling)
    assert (tonight.is_tonight, tonight.p_value) == (True, 0.0004)
    assert [(one.name, one.users, one.share, one.difference) for one in tonight.variants] == [("control", 20.0, 0.5, None)]
    (bold,) = earlier.variants
    assert bold.difference is not None
    assert (bold.difference.value, bold.detectable) == (0.125, 0.25)
    assert "Chance hardly explains this split" in Page(render(telling)).text


def test_earlier_nights_are_told_by_their_newest_judgement(telling):
    """Tonight judges Sunday, and only Sunday's own table still tells of Saturday; segments are left out."""
    told = outcomes(telling)
    assert told is not None
    assert [(one.run_date, one.promised, one.found.value) for one in told.nights] == [(str(SATURDAY), 0.5, 0.1), (str(SUNDAY), 0.5, 0.2)]
    assert told.plot is not None
    assert [line.name for line in told.plot.lines] == ["turned out", "promised by the holdout"]


def test_who_reads_the_report_is_not_sent_to_it(night):
    at = night()
    story = Story(ending="kept_last_good", reason="", command=COMMAND, next_step="read the report; the last good table stays served")
    assert next_step(Telling(at.workspace, account_of(at, story))) == "read on; the last good table stays served"
