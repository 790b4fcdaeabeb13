import numpy as np
import scipy.sparse as sp

from models.collaborative.ease import Ease, EaseConfig
from models.renumbered import Renumbered
from models.scorer import TrainingData
from tests.worlds import interactions, strangers, training_data


def data(likes: np.ndarray) -> TrainingData:
    return training_data(interactions(*np.nonzero(likes), likes.shape))


def test_an_earlier_model_says_the_same_of_the_same_items_under_their_new_numbers():
    """Tonight item 1 of then is gone, a new one stands first, and the others have moved."""
    then = np.array([[1, 1, 1, 0], [1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 1]], np.float32)
    scorer = Ease(EaseConfig(reg=1.0)).fit(data(then), 0)
    numbers = np.array([-1, 3, 0, 2])  # tonight's items: a new one, then 3, 0 and 2 of before
    model = Renumbered(scorer, numbers, np.zeros(0, np.intp), 0)
    tonight = sp.csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.float32))
    before = sp.csr_matrix(np.array([[0, 0, 0, 1], [1, 0, 1, 0]], np.float32))
    now_block, then_block = strangers(tonight), strangers(before)
    assert model.knows_item.tolist() == [False, True, True, True]
    np.testing.assert_array_equal(model.score(now_block)[:, 1:], scorer.score(then_block)[:, [3, 0, 2]])
    assert not model.score(now_block)[:, 0].any()
    some, all_items = np.array([1, 0]), np.arange(4)
    found = model.similarity(some, all_items)
    np.testing.assert_array_equal(found[0, 1:], scorer.similarity(np.array([3]), np.array([3, 0, 2]))[0])
    assert not found[1].any()
    assert not found[:, 0].any()
