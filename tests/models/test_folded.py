import numpy as np

from models.block_scores import standardise
from models.folded import fold


def test_one_product_ranks_like_the_explicit_blend():
    """The folded scores differ from the weighted mean of standardised scores by a constant per user alone."""
    rng = np.random.default_rng(1)
    widths, n_users, n_items = (4, 9, 1), 7, 60
    factors = [
        (rng.normal(2, 3, (n_users, width)).astype(np.float32), rng.normal(1, 2, (n_items, width)).astype(np.float32)) for width in widths
    ]
    weights = rng.dirichlet(np.ones(3), n_users)
    everything, everybody = np.ones(n_items, np.bool_), np.ones(n_users, np.bool_)
    explicit = sum(weights[:, [model]] * standardise(user @ item.T, everything, everybody)[0] for model, (user, item) in enumerate(factors))
    users, items = fold(factors, weights)
    assert (users.shape, items.shape) == ((n_users, 14), (n_items, 14))
    constant = users @ items.T - explicit
    np.testing.assert_allclose(constant, np.broadcast_to(constant[:, :1], constant.shape), atol=1e-4)


def test_a_user_without_a_vector_leaves_the_others_alone():
    """A cold user's zero vector has no deviation: that model says nothing, and nothing becomes NaN."""
    rng = np.random.default_rng(2)
    first = (np.zeros((1, 3), np.float32), rng.normal(size=(20, 3)).astype(np.float32))
    second = (rng.normal(size=(1, 2)).astype(np.float32), rng.normal(size=(20, 2)).astype(np.float32))
    users, items = fold([first, second], np.array([[0.5, 0.5]]))
    np.testing.assert_array_equal(np.argsort(users @ items.T), np.argsort(second[0] @ second[1].T))
