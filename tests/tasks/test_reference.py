"""Claims about `tasks.reference`: whom the pinned models may be compared on, and what is said where they may not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from models.evidence import GateConfig
from models.holdout import DAY
from models.verdict import decide
from tasks import reference
from tasks.judging import JudgingConfig, NoScoresError
from tasks.reference import judge_reference
from tasks.storage import write_json
from tests.models.test_holdout import table
from tests.models.test_verdict import GOOD
from tests.oracles import Event

BOUNDS = (1, 5, 20)
_, EVENTS = table([Event(user, item, (4 * user + item) * DAY, True) for user in range(3) for item in range(3)])
LAST_OF_EACH = np.tile([False, False, True], 3)
"""Held out: user 0's like of day 2 (counted from 1970), user 1's of day 6 and user 2's of day 10."""


@pytest.fixture
def asked(night, monkeypatch):
    """Return the places of users that models with data through some day are compared on, and why there are none."""
    monkeypatch.setattr(reference, "set_fault", lambda *_: None)

    def ask(data_through: str | None, *, by_days: bool, bounds=BOUNDS):
        at = night()
        write_json(at.workspace.reference, {"model_version": "pinned", "run_date": "1970-01-06", "data_through": data_through})
        write_json(at.workspace.models / "pinned" / "card.json", {"segment_bounds": bounds})
        known = SimpleNamespace(events=EVENTS, holdout=LAST_OF_EACH, n_users=3, segments=SimpleNamespace(bounds=BOUNDS))
        places, why_not = reference._comparable(at, known, np.arange(3), by_days=by_days)
        return places.tolist(), why_not

    return ask


@pytest.mark.fault("C12")
def test_pinned_models_are_asked_only_about_likes_newer_than_their_data(asked):
    """Each user's own last like counts by itself; held-out days count for everybody, or tonight's models would know less of them."""
    assert asked("1970-01-02T23:59:59Z", by_days=True) == ([0, 1, 2], "")
    assert asked("1970-01-04T10:00:00Z", by_days=False) == ([1, 2], "")
    assert asked("1970-01-04T10:00:00Z", by_days=True) == ([], "their data reach to 1970-01-04T10:00:00Z, into what is held out")


@pytest.mark.fault("C12")
def test_pinned_models_that_cannot_be_compared_are_not_and_the_reason_is_said(asked, night):
    """Without times, for other segments, or with nothing pinned the gate goes on and says why there is no comparison."""
    assert asked(None, by_days=True)[1] == "without times nothing tells what they had seen"
    assert "other user segments; remove reference.json" in asked("1970-01-02T23:59:59Z", by_days=True, bounds=(1, 9))[1]
    fresh = night()
    fresh.workspace.reference.unlink()
    pinned = judge_reference(fresh, None, None, np.arange(3), 10, None, by_days=True)
    checks = decide(GOOD, GateConfig()).checks
    rule = next(check for check in checks if check.name == "reference")
    assert (rule.passed, rule.value) == (True, None)
    assert rule.sentence == f"not compared with pinned models: {pinned.why_not}"


@pytest.mark.fault("C12", "A13")
def test_a_damaged_set_of_pinned_models_is_never_loaded(asked, night, monkeypatch):
    """Its bytes are compared with its version first; what differs is named with the way on."""
    from tasks.intact import Fault

    asked("1970-01-02T23:59:59Z", by_days=True)
    monkeypatch.setattr(reference, "set_fault", lambda *_: Fault("models/pinned", "one hash", "another"))
    pinned = judge_reference(night(), None, None, np.arange(3), 10, None, by_days=True)
    assert not len(pinned.ndcg)
    assert pinned.why_not.startswith("models/pinned is not what it was (expected one hash; found another); remove reference.json")


def test_a_night_can_do_without_pinned_models(asked, night):
    """With `max_reference_users = 0` nobody is asked, and the gate says that this was wanted."""
    asked("1970-01-02T23:59:59Z", by_days=True)
    known = SimpleNamespace(events=EVENTS, holdout=LAST_OF_EACH, n_users=3, segments=SimpleNamespace(bounds=BOUNDS))
    pinned = judge_reference(night(), known, None, np.arange(3), 10, JudgingConfig(max_reference_users=0), by_days=True)
    assert (len(pinned.users), pinned.why_not) == (0, "[judging] max_reference_users = 0 does without them")


def test_pinned_models_that_say_nothing_hold_no_night(asked, night, monkeypatch):
    """Their scores being no numbers is no fault of tonight's models: they are not compared, and the way on is said."""
    asked("1970-01-02T23:59:59Z", by_days=True)
    monkeypatch.setattr(reference, "earlier_models", lambda *_: [])
    monkeypatch.setattr(reference, "Blend", SimpleNamespace(from_json=lambda _: None))

    def silent(*_):
        raise NoScoresError("what a model says", "finite scores", "ease: scores must be finite", "leave it out")

    monkeypatch.setattr(reference, "rank", silent)
    (night().workspace.models / "pinned" / "blend.json").write_text("{}")
    known = SimpleNamespace(events=EVENTS, holdout=LAST_OF_EACH, n_users=3, segments=SimpleNamespace(bounds=BOUNDS))
    pinned = judge_reference(night(), known, None, np.arange(3), 10, JudgingConfig(), by_days=True)
    assert (len(pinned.users), pinned.why_not) == (0, "ease: scores must be finite; remove reference.json to pin the next published set")
