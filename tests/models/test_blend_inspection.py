"""Claims about `models.blend_inspection`: what a model is worth to a blend, and how sure its weight is."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.blend import Blend
from models.blend_inspection import losses_without, weight_deviations
from models.blend_training import BlendConfig, Models, cross_fit
from models.block_scores import BlockScores
from models.candidates import Candidates, collect

MODELS = Models(("ease", "towers"), ("collaborative", "content"), ("all",))
N_USERS, N_ITEMS = 400, 60


def gathered(noise: float, n_users: int = N_USERS) -> Candidates:
    """Let the first model foresee what users like, through some noise, and the second guess."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2, n_users, N_ITEMS)).astype(np.float32)
    truth = z[0] + noise * rng.normal(size=z[0].shape)
    liked = sp.csr_matrix(truth == truth.max(axis=1, keepdims=True), dtype=np.float32)
    everywhere = np.ones((2, n_users), np.bool_)
    block = BlockScores(z, np.ones((2, n_users), np.float32), everywhere, np.ones((2, N_ITEMS), np.bool_))
    return collect(block, np.zeros(n_users, np.int16), np.ones((n_users, N_ITEMS), np.bool_), liked, best=15, most_targets=5)


def halves(n_users: int = N_USERS) -> NDArray[np.int8]:
    return (np.arange(n_users) % 2).astype(np.int8)


def test_a_blend_loses_most_without_the_model_that_knows():
    """Without the model that foresees the likes nearly all NDCG is lost, without the one that guesses next to nothing."""
    candidates = gathered(0.3)
    for method in ("z_mean", "ys_mean", "log_linear"):
        _, *judged = cross_fit(candidates, MODELS, halves(), (method,), BlendConfig(), seed=1)[method]
        losses = losses_without(candidates, halves(), (judged[0], judged[1]))
        assert losses.shape == (2, N_USERS)
        assert losses[0].mean() > 0.3, method
        assert losses[1].mean() < 0.1, method


def test_what_ranks_alone_add_cannot_be_told_from_candidates():
    """Ranks beyond the candidates are not known, so nothing is claimed."""
    candidates = gathered(0.3)
    _, *judged = cross_fit(candidates, MODELS, halves(), ("rrf",), BlendConfig(), seed=1)["rrf"]
    assert losses_without(candidates, halves(), (judged[0], judged[1])) is None


def test_more_users_make_weights_surer_and_weights_nobody_learned_have_no_interval():
    """Four times the users halve the deviation, about; a plain mean has none."""

    def deviation(n_users: int) -> float:
        candidates = gathered(2.0, n_users)
        published: Blend = cross_fit(candidates, MODELS, halves(n_users), ("mixture",), BlendConfig(), seed=1)["mixture"][0]
        found = weight_deviations(candidates, published, "mixture", BlendConfig(), seed=1)
        assert found is not None
        return float(found[0, 0])

    assert 0 < deviation(1600) < 0.8 * deviation(200)
    candidates = gathered(2.0)
    plain = cross_fit(candidates, MODELS, halves(), ("z_mean",), BlendConfig(), seed=1)["z_mean"][0]
    assert weight_deviations(candidates, plain, "z_mean", BlendConfig(), seed=1) is None


def test_learned_weights_have_deviations_that_are_the_same_each_time():
    """Resampling draws with the seed: the same candidates give the same intervals, around each model's share."""
    candidates, config = gathered(1.0), BlendConfig(steps=40, resamples=4)
    published = cross_fit(candidates, MODELS, halves(), ("z_mean",), config, seed=1)["z_mean"][0]
    first, second = (weight_deviations(candidates, published, "learned", config, seed=1) for _ in range(2))
    assert first.shape == (1, 2)
    assert (first > 0).all()
    assert first.tobytes() == second.tobytes()
