"""Claims about `tasks.trail`: which earlier nights tell what is usual."""

from __future__ import annotations

from datetime import date

import pytest

from tasks.gate import LAST_RESORT
from tasks.pointer import point
from tasks.storage import write_json
from tasks.trail import earlier_qualities


@pytest.fixture
def shop(workspace):
    """Return a maker of publications and moves: `publish(day)`, `roll_back(day, to)`, `publish(day, hour, verdict)`."""

    class Shop:
        def publish(self, day: int, at: str = "03:00:00", verdict: str = "fine", night: int | None = None) -> None:
            """Publish a day of January the next morning, or on the morning after another night."""
            published_at = f"2026-01-{(night or day) + 1:02}T{at}Z"
            quality = {"k": 10, "ndcg": day / 100, "holdout": "days", "speaker": None, "overlap": 0.7}
            facts = {"run_id": f"run-{day}", "run_date": f"2026-01-{day:02}", "published_at": published_at, "data_through": None}
            manifest = {**facts, "model_version": "m", "tables": {}, "verdict": verdict, "quality": quality}
            write_json(workspace.manifest_file(facts["run_id"]), manifest)
            current = workspace.current()
            if current is None or current["run_date"] <= facts["run_date"]:
                point(workspace, manifest, published_at)

        def roll_back(self, to: int, night: int) -> None:
            point(workspace, workspace.manifest(f"run-{to}"), f"2026-01-{night + 1:02}T09:00:00Z")

    return Shop()


@pytest.fixture
def days(night):
    """Return the days of January whose quality a later night is told."""
    return lambda: [round(100 * quality["ndcg"]) for quality in earlier_qualities(night(date(2026, 1, 20)))]


@pytest.mark.fault("C12")
def test_a_night_that_was_rolled_back_is_no_measure_for_those_that_follow(shop, days):
    """Nights 3 and 4 are withdrawn, on the morning after 4; 2 is served again, and 5 follows it."""
    for day in (1, 2, 3, 4):
        shop.publish(day)
    assert days() == [1, 2, 3, 4]
    shop.roll_back(2, night=4)
    assert days() == [1, 2]
    shop.publish(5)
    assert days() == [1, 2, 5]


def test_a_night_counts_again_once_it_is_published_anew_or_pointed_at_again(shop, days):
    """Night 3 is pointed at again, and 4 made anew when 5 is served already, which moves no pointer."""
    for day in (1, 2, 3, 4):
        shop.publish(day)
    shop.roll_back(1, night=4)
    shop.roll_back(3, night=4)
    assert days() == [1, 3]
    shop.publish(5)
    shop.publish(4, night=6)
    assert days() == [1, 3, 4, 5]


@pytest.mark.fault("C12", "C13")
def test_a_night_of_the_last_resort_says_nothing_of_the_models(shop, days):
    shop.publish(1)
    shop.publish(2, verdict=f"the last good table is 3 days old, {LAST_RESORT}; worse than the served models")
    shop.publish(3)
    assert days() == [1, 3]
