import numpy as np
import pytest

from benchmarks import scoring
from benchmarks.speed import Imports, Round, Run, apart_ratio, night_ratio, ratios, script_imports, where_the_time_goes, work_ratio


def run(seconds, **steps) -> Run:
    return Run(seconds, 2**30, 0.05, steps)


ROUNDS = [Round(run(2.0), run(seconds, train=3.0, refit=1.0, score=2.0)) for seconds in (8.0, 10.0, 50.0)]
IMPORTS = Imports(script=0.5, night=2.0)


def test_the_median_round_counts():
    """Rounds of 4, 5 and 25 times the script count as 5; without 2.0 and 0.5 seconds of imports that is 8.0 / 1.5."""
    assert night_ratio(ROUNDS) == 5.0
    assert apart_ratio(ROUNDS, IMPORTS) == pytest.approx(8.0 / 1.5)
    assert "| world | 2.0 | 0.5 | 10.0 | 2.0 | 5.00 | 5.33 | 3.0 | 1.50 |" in ratios({"world": ROUNDS}, IMPORTS)


def test_learning_counts_once():
    """The script learns once: of a night, `refit` counts and what is learned to be judged does not, unless there is nothing else."""
    assert work_ratio(ROUNDS) == 1.5
    assert run(9.0, train=3.0, score=2.0).work_seconds == 5.0


def test_what_is_no_step_is_told_apart():
    assert "| start, report, end | 4.0 |" in where_the_time_goes({"world": ROUNDS})


def test_the_script_is_known_by_its_imports():
    """They are the lines of its head, and they run."""
    code = script_imports()
    assert "import pandas as pd" in code
    exec(compile(code, "imports", "exec"), {})  # noqa: S102  # our own lines


def test_everybody_has_seen_fifty_items_once():
    _, _, seen = scoring.world(20)
    assert seen.shape == (20, scoring.N_ITEMS)
    assert seen.has_canonical_format
    assert (np.diff(seen.indptr) == scoring.N_SEEN).all()
    assert all(len(np.unique(seen[user].indices)) == scoring.N_SEEN for user in range(20))


def test_a_wrong_list_is_counted():
    """Lists of ours and by argpartition hold the best; with a better item left out, or a seen one in, a list is wrong."""
    users, items, seen = scoring.world(scoring.CHECKED)
    for rank in (scoring.ours, scoring.argpartition):
        assert scoring.wrong_lists(rank(users, items, seen), users, items, seen) == 0
    lists = scoring.argpartition(users, items, seen).copy()
    lists[7, 0] = np.setdiff1d(np.arange(scoring.N_ITEMS), lists[7])[0]
    lists[9, -1] = seen[9].indices[0]
    assert scoring.wrong_lists(lists, users, items, seen) == 2
