import math

import pytest

from benchmarks import quick, scoring
from benchmarks.quick import LIMITS, SLACK, Limit, guard
from benchmarks.scoring import Timed

LIMIT = {"night / script": Limit(2.0)}
FINE, SLOW = 2.0 * SLACK - 0.01, 2.0 * SLACK + 0.01


@pytest.mark.parametrize(
    ("ratios", "code"),
    [((FINE,), 0), ((SLOW, FINE), 0), ((SLOW, SLOW), 1), ((math.nan, math.nan), 1)],
    ids=["within", "missed once", "missed twice", "no number"],
)
def test_a_limit_counts_as_missed_when_it_is_missed_twice(ratios, code):
    """What is within its limit is measured once; what is not is measured once more, and only then counts."""
    left = list(ratios)
    assert guard([lambda: {"night / script": left.pop(0)}], LIMIT) == code
    assert left == []


def test_another_measure_does_not_make_good_for_a_missed_one(capsys):
    limits = {**LIMIT, "ranking": Limit(1.0)}
    assert guard([lambda: {"ranking": 9.0}, lambda: {"night / script": 0.1}], limits) == 1
    assert "MISSED: ranking" in capsys.readouterr().err


def test_what_was_asked_for_is_printed_beside_what_is_held_to(capsys):
    """A limit above what was asked for says so; once what was asked for is reached, it is the limit whatever was reached before."""
    assert guard([lambda: {"ranking": 0.36}], {"ranking": Limit(0.25, 0.37, "cores wait")}) == 0
    assert "asked for 0.25, not reached: cores wait" in capsys.readouterr().out
    assert Limit(0.25, 0.2).held_to == 0.25
    for name, limit in LIMITS.items():
        assert limit.why or limit.held_to == limit.must, name


@pytest.mark.parametrize("rival", list(quick.RANKING))
def test_the_command_fails_where_a_rival_is_made_fast(monkeypatch, rival):
    """With every ratio at its limit the command exits 0; with one rival made twice as fast it exits 1."""
    at_limit = {"ours": Timed([1.0], 0)} | {name: Timed([1 / limit.held_to]) for name, limit in quick.RANKING.items()}
    monkeypatch.setattr(scoring, "timed", lambda *_: at_limit)
    monkeypatch.setattr(quick, "nights_beside_lines", lambda _: {name: limit.held_to for name, limit in LIMITS.items() if "lines" in name})
    assert _exit_code() == 0
    at_limit[rival].seconds[0] /= 2
    assert _exit_code() == 1


def test_the_command_fails_where_the_script_is_made_fast(monkeypatch):
    monkeypatch.setattr(quick, "ranking", lambda *_: {})
    monkeypatch.setattr(quick, "nights_beside_lines", lambda _: {"night / thirty lines": 2 * quick.NIGHT.held_to})
    assert _exit_code() == 1


def test_fast_but_wrong_lists_are_refused(monkeypatch):
    monkeypatch.setattr(scoring, "timed", lambda *_: {"ours": Timed([0.1], 3)})
    with pytest.raises(RuntimeError, match="3 of 200 lists"):
        quick.ranking(100, 1, None)


def _exit_code() -> int:
    with pytest.raises(SystemExit) as ended:
        quick.app([])
    return ended.value.code
