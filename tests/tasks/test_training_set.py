import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from pydantic import ValidationError

from models.holdout import DAY, Events
from models.scorer import Described
from tasks.prepare.training_set import SegmentConfig, TrainingSet, load_training_set


def known(times: bool = True) -> TrainingSet:
    """Two users and three items; user 0 met item 1 twice, first without and then with liking it."""
    user, item = np.array([0, 0, 0, 1], np.int32), np.array([0, 1, 1, 2], np.int32)
    at = np.array([1, 2, 4, 5], np.int64) * DAY if times else None
    events = Events(user, item, at, np.array([True, False, True, True]))
    users = pa.table({"user_index": [0, 1], "user_id": ["a", "b"]})
    items = pa.table({"item_index": [0, 1, 2], "item_id": [7, 8, 9], "is_known": [True, True, False], "is_available": [True, False, True]})
    weight = np.array([1, 0.5, 2, 1], np.float32)
    fit = np.array([True, True, False, True])
    value = np.array([np.nan, 1, 5, 4], np.float32)
    nothing = Described.by(sp.csr_matrix((3, 0), dtype=np.float32), place=np.array([[47.4, 8.5], [np.nan, np.nan], [46.9, 7.4]]))
    swiss = Described.by(sp.csr_matrix((2, 1), dtype=np.float32), ("country=ch",), words=np.array([[7, 3], [2, -1]], np.int32))
    return TrainingSet(users, items, events, weight, value, fit, ~fit, nothing, swiss, SegmentConfig())


def test_a_pair_is_as_recent_as_its_last_event_as_heavy_as_its_heaviest_and_liked_if_it_ever_was():
    pairs = known().pairs(np.ones(4, np.bool_))
    assert (pairs.user.tolist(), pairs.item.tolist()) == ([0, 0, 1], [0, 1, 2])
    assert pairs.age_days.tolist() == [4, 1, 0]
    assert pairs.weight.tolist() == [1, 2, 1]
    assert pairs.value.tolist()[1:] == [5, 4]
    assert pairs.positive.all()


def test_the_fit_slice_knows_nothing_of_what_is_held_out():
    data = known().training_data("fit")
    assert data.interactions.positive.tolist() == [True, False, True]
    assert data.interactions.seen()[0, 1] == 1
    assert data.interactions.positives()[0, 1] == 0


def test_without_times_nothing_has_an_age():
    assert not known(times=False).pairs(np.ones(4, np.bool_)).age_days.any()


def test_only_known_and_available_items_are_recommendable():
    assert known().recommendable.tolist() == [True, False, False]


def test_segments_are_named_after_the_likes_they_hold():
    assert SegmentConfig().names == ("0 likes", "1-4 likes", "5-19 likes", "20+ likes")
    assert SegmentConfig(bounds=(1, 2)).names == ("0 likes", "1 likes", "2+ likes")
    assert known().training_data("everything").user_segment.tolist() == [1, 1]
    with pytest.raises(ValidationError):
        SegmentConfig(bounds=(5, 1))


@pytest.mark.parametrize("times", [True, False])
def test_what_is_saved_reads_back_and_the_same_content_gives_the_same_bytes(tmp_path, times):
    first, second = known(times).save(tmp_path / "first"), known(times).save(tmp_path / "second")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    back = load_training_set(tmp_path / "first")
    assert (back.events.occurred_at is None) == (not times)
    assert back.users.equals(known().users)
    assert back.segments == SegmentConfig()
    assert back.user_descriptions.names == ("country=ch",)
    np.testing.assert_array_equal(back.targets().toarray(), known().targets().toarray())
    for described in ("item_descriptions", "user_descriptions"):
        expected, found = getattr(known(), described), getattr(back, described)
        np.testing.assert_array_equal(found.place, expected.place)
        np.testing.assert_array_equal(found.words, expected.words)
