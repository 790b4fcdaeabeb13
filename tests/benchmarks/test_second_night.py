from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.made_up import large_shop
from benchmarks.nights import Night
from benchmarks.second_night import SHARE, Round, as_table, cut_by_days, one_round, verdict
from benchmarks.sparse_world import sparse_world
from benchmarks.steps import Step, Watched


def log(of_day) -> pd.DataFrame:
    """Make a log with this many events a day, at different hours."""
    day = np.repeat(np.arange(len(of_day)), of_day)
    seconds = 86_400 * day + np.arange(len(day)) * 7919 % 86_400
    return pd.DataFrame({"occurred_at": pd.to_datetime(1_735_689_600 + seconds, unit="s", utc=True)})


@given(st.lists(st.integers(0, 3), min_size=400, max_size=800).filter(lambda days: sum(days) > 300))
def test_the_newest_hundredths_are_the_shortest_runs_of_whole_days(of_day):
    """The parts are the log, cut between days; each late part holds a hundredth, and no longer would without its first day."""
    whole = log(of_day)
    cut = cut_by_days(whole)
    assert pd.concat([cut.past, cut.new, cut.later]).sort_index().equals(whole)
    days = [part.occurred_at.dt.floor("D") for part in (cut.past, cut.new, cut.later)]
    assert days[0].max() < days[1].min()
    assert days[1].max() < days[2].min()
    for late in days[1:]:
        assert len(late) >= SHARE * len(whole) > np.count_nonzero(late > late.min())


@pytest.mark.parametrize("of_day", [[10], [10, 10], [1000, 0, 1]])
def test_a_log_of_few_days_is_refused(of_day):
    """Three parts of whole days need three days with events, and a hundredth of them in the last two."""
    with pytest.raises(ValueError, match="expected a log of many days"):
        cut_by_days(log(of_day))


@pytest.mark.parametrize(("seconds", "said"), [(40.0, "0.40 of a full one (at most 0.5: reached)"), (60.0, "missed")])
def test_the_second_night_is_set_beside_the_full_one(seconds, said):
    found = Round(watched(90.0), watched(seconds), watched(100.0), np.array([0.5, 0.1]), np.array([0.5, 0.3]))
    assert f"| score | 90.0 | {seconds:.1f} | 100.0 | {seconds / 100:.2f} | 1.00 | 1.00 |" in as_table([found])
    assert said in verdict([found])
    assert "0.3000 after the second night, 0.4000 after the full one; paired difference -0.1000" in verdict([found])


def watched(seconds: float) -> Watched:
    night = Night(Path("nowhere"), pd.Timestamp("2026-01-01").date(), {"ending": "published"}, seconds, 2**30)
    return Watched(night, (Step("score", seconds, 2**30, 0),))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_is_measured_end_to_end(tmp_path):
    """Both workspaces publish for the same date, and the same users are judged."""
    world = sparse_world(large_shop(8000, 300, 200))
    found = one_round(cut_by_days(world.interactions), world.items, tmp_path / "round")
    assert found.second.night.run_date == found.full.night.run_date > found.first.night.run_date
    assert len(found.ndcg_second) == len(found.ndcg_full) > 0
