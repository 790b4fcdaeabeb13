"""Claims about `tasks.gate`: what is served when tonight's models are refused and the last good table is old."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from models.bootstrap import Comparison, Interval
from models.evidence import GateConfig
from tasks.evaluate import Evaluated
from tasks.gate import gate
from tasks.measured import Ladder
from tasks.storage import write_json
from tests.conftest import MONDAY
from tests.models.test_verdict import GOOD

BAD = replace(GOOD, champion=Comparison(0.09, Interval(-0.03, -0.04, -0.02, 900)))


def evaluated(evidence=GOOD, **facts) -> Evaluated:
    """Return what the gate is told of a night, with popularity at the foot of the ladder."""
    nothing = Interval(None, None, None, 0)
    foot = Ladder(ranking="popularity", ndcg=Interval(0.029, 0.02, 0.03, 943), recall=nothing, blend_minus=None)
    return Evaluated(k=20, ladder=(foot,), evidence=evidence, **{"speaker": None} | facts)


@pytest.fixture
def served(night):
    """Return a maker of nights before which, that many days ago, a table was published."""

    def make(days: int):
        earlier = MONDAY - timedelta(days=days)
        facts = {"published_at": "2026-01-01T03:00:00Z", "data_through": None, "model_version": "m", "tables": {}}
        write_json(night().workspace.manifests / "before.json", {"run_id": "before", "run_date": str(earlier)} | facts)
        return night(champion="before")

    return make


@pytest.mark.fault("C13")
def test_popularity_is_served_once_the_last_good_table_is_too_old(served):
    """On the third day of refusals, and no sooner, popularity alone is served, under a reason that says both."""
    config = GateConfig(popularity_after_days=3)
    assert not gate(served(2), evaluated(BAD), config).publish
    last_resort = gate(served(3), evaluated(BAD), config)
    assert (last_resort.publish, last_resort.verdict, last_resort.speaker, last_resort.last_resort) == (True, "PUBLISH", "popularity", True)
    assert last_resort.reason.startswith(
        "the last good table, of 2026-01-02, is 3 days old, too old from 3 on, so popularity is served alone; worse"
    )
    assert last_resort.ndcg == 0.029
    assert [check.name for check in last_resort.checks if not check.passed] == ["champion", "last_good"]


@pytest.mark.fault("C13")
def test_good_models_are_served_however_old_the_last_good_table_is(served):
    gated = gate(served(30), evaluated(), GateConfig(popularity_after_days=3))
    assert (gated.publish, gated.speaker, gated.last_resort, gated.ndcg) == (True, None, False, GOOD.ndcg.value)
    assert all(check.passed for check in gated.checks), "an old table is no fault of the night that replaces it"


@pytest.mark.fault("C13")
def test_unless_asked_for_popularity_never_takes_over(served, night):
    assert not gate(served(400), evaluated(BAD), GateConfig()).publish
    assert not gate(night(date(2026, 1, 6)), evaluated(BAD), GateConfig(popularity_after_days=1)).publish, "nothing was ever served"


@pytest.mark.fault("C8")
def test_what_a_degraded_night_is_without_comes_first(night):
    gated = gate(night(), evaluated(missing={"towers": "not enough memory"}), GateConfig())
    assert gated.reason.startswith("degraded, without towers (not enough memory); no worse than")
