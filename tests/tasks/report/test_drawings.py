"""Claims about the numbers behind drawings: axes, curves, bars, and what stands beside them in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report.coverage import _concentration
from tasks.report.drawing import Scale, divided_bar, signed_bar
from tasks.report.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, across, lines, steps, upwards
from tasks.report.volumes import _spark

NUMBERS = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(NUMBERS, NUMBERS)
def test_ticks_lie_on_their_axis_and_are_few(one, other):
    """Whatever is drawn, marks stand within the plot, in order, and are no more than fit."""
    axis = upwards(min(one, other), max(one, other))
    places = [tick.at for tick in axis.ticks()]
    assert len(places) <= 7
    assert all(TOP - 0.1 <= place <= HEIGHT - BOTTOM + 0.1 for place in places)
    assert places == sorted(places, reverse=True)


def test_ticks_are_round_numbers():
    assert [tick.label for tick in Axis(0.0, 1.0, 0, 100).ticks()] == ["0", "0.25", "0.5", "0.75", "1"]
    assert [tick.label for tick in Axis(5.97, 6.81, 0, 100).ticks()] == ["6", "6.25", "6.5", "6.75"]


def test_epochs_are_marked_at_whole_numbers():
    """Nobody trains half an epoch."""
    assert [tick.label for tick in across(1.0, 3.0).ticks(whole=True)] == ["1", "2", "3"]
    assert [tick.label for tick in across(1.0, 10.0).ticks(whole=True)] == ["3", "6", "9"]


def test_a_line_runs_from_left_to_right_and_up():
    x, y = across(0, 1), Axis(0, 1, HEIGHT - BOTTOM, TOP)
    (line,) = lines({"rise": [(0, 0), (1, 1)]}, x, y)
    assert line.points == f"{LEFT},{HEIGHT - BOTTOM} {WIDTH - RIGHT},{TOP}"


def test_one_point_is_a_dot():
    """A line through one night would not be seen."""
    (line,) = lines({"first night": [(0, 1)]}, across(0, 0), upwards(0, 1))
    assert len(line.dots) == 1


def test_steps_keep_their_value_up_to_the_next():
    assert steps([(0, 1), (2, 5)], until=3) == [(0, 1), (2, 1), (2, 5), (3, 5)]


def test_shares_fill_their_bar():
    pieces = divided_bar({"a": 0.25, "b": 0.0, "c": 0.75})
    assert [(piece.name, piece.colour, piece.start, piece.width) for piece in pieces] == [("a", 0, 0.0, 40.0), ("c", 2, 40.0, 120.0)]


def test_parts_lie_on_either_side_of_zero():
    """What abstains and what adds nothing is not drawn, and keeps its colour for others."""
    pieces = signed_bar({"a": None, "b": 2.0, "c": -1.0, "d": 0.0, "e": 1.0}, Scale(-1.0, 3.0, 120))
    assert {piece.name: (piece.colour, piece.start, piece.width) for piece in pieces} == {
        "b": (1, 30.0, 60.0),
        "c": (2, 0.0, 30.0),
        "e": (4, 90.0, 30.0),
    }


@pytest.mark.parametrize(("shown", "gini"), [([3, 3, 3, 3], 0.0), ([0, 0, 0, 8], 0.75), ([0, 0], 0.0), ([5], 0.0)])
def test_gini_of_what_is_shown(shown, gini):
    """Even exposure has none, one item that has all places the most there can be, and nothing shown is no concentration."""
    plot, found, _ = _concentration(np.array(shown))
    assert found == pytest.approx(gini)
    assert "Gini" in plot.says


def test_tonight_stands_at_the_end_of_its_line_and_the_band_behind_it():
    """A value above the usual lies above the band; one night alone has a dot and no line to speak of."""
    spark = _spark([10.0, 10.0, 20.0], low=9.0, high=11.0)
    assert spark.last_x == max(float(point.split(",")[0]) for point in spark.points.split())
    assert spark.band_y is not None
    assert spark.last_y < spark.band_y
    assert _spark([1.0], None, None).n == 1
