"""Claims about `models.early_stopping`."""

from __future__ import annotations

from models.early_stopping import EarlyStopping


def test_the_best_epoch_is_kept_and_training_stops_after_patience() -> None:
    """With a patience of two, two epochs after the best one are the last, and the best one is what remains."""
    stopping = EarlyStopping("untrained", min_delta=0.0, patience=2)
    assert [stopping.saw(loss, f"epoch {at}") for at, loss in enumerate([3.0, 1.0, 2.0, 1.5], start=1)] == [False, False, False, True]
    assert (stopping.best, stopping.best_epoch) == ("epoch 2", 2)


def test_a_smaller_gain_than_asked_for_is_none() -> None:
    """An epoch better by less than min_delta is neither kept nor does it buy time; losses that creep down add up to a gain."""
    stopping = EarlyStopping(0, min_delta=0.5, patience=3)
    assert [stopping.saw(loss, at) for at, loss in enumerate([3.0, 2.8, 2.4, 2.2], start=1)] == [False] * 4
    assert stopping.best_epoch == 3
