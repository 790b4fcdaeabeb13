"""Claims about `models.collaborative.matrix_factorization` and the network it learns by, beyond the contract of all scorers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.collaborative.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from models.collaborative.rating_head import Head, Scale
from models.collaborative.rating_pairs import Pairs, errors
from models.divergence import DivergedError
from models.scorer import TrainingData, silent
from tests.worlds import World, interactions, training_data

CONFIG = MatrixFactorizationConfig(embedding_size=4, batch_size=256, epochs=30, reg=1e-3, learning_rate=0.1, dropout=0.0)


def planted(n_users: int = 60, n_items: int = 40) -> TrainingData:
    """Return half of the ratings from one to five that a product of two-dimensional tastes and biases gives."""
    rng = np.random.default_rng(5)
    users, items = rng.normal(size=(n_users, 2)), rng.normal(size=(n_items, 2))
    sums = users @ items.T + 0.5 * rng.normal(size=(n_users, 1)) + 0.5 * rng.normal(size=n_items)
    user, item = np.nonzero(rng.random(sums.shape) < 0.5)
    value = 3 + 2 * np.tanh(sums[user, item] / 2)
    value[np.argmin(value)], value[np.argmax(value)] = 1, 5
    return training_data(interactions(user, item, sums.shape, value >= 4, rng.permutation(len(user)), value=value))


DATA = planted()


@pytest.fixture(scope="module")
def fitted() -> MatrixFactorization:
    """Return a model with a linear head, fitted to planted ratings."""
    return MatrixFactorization(CONFIG).fit(DATA, seed=3)


@pytest.mark.parametrize("head", ["linear", "tanh"])
def test_planted_ratings_are_predicted_better_than_by_any_mean(head: Head, fitted: MatrixFactorization) -> None:
    """Of the ratings that came last, those of a product of tastes, the error is at most three quarters of that of the best mean."""
    scorer = fitted if head == "linear" else MatrixFactorization(CONFIG.model_copy(update={"head": head})).fit(DATA, seed=3)
    told = scorer.figures()
    for name in ("rmse", "mae"):
        assert told[name] < 0.75 * min(told[f"{mean}_mean_{name}"] for mean in ("global", "user", "item"))


def test_a_bounded_head_predicts_within_the_range_of_the_ratings() -> None:
    """No prediction of a sigmoid leaves one to five stars, nor does it stay in the middle of them."""
    data = planted()
    scorer = MatrixFactorization(CONFIG.model_copy(update={"head": "sigmoid"})).fit(data, seed=3)
    predicted = scorer.score(data.block(slice(None), data.interactions.histories()))
    assert 1 <= predicted.min() < 1.6
    assert 4.4 < predicted.max() <= 5


def test_users_described_from_their_ratings_rank_as_users_who_learned() -> None:
    """A user's vector fitted to their ratings orders the items nearly as the vector that was trained beside the items does."""
    from models.collaborative.rating_network import RatingTraining

    happened = DATA.interactions
    pairs, scale = Pairs.in_order(happened, rated=True, seed=1), Scale.observed(happened.value, "linear")
    learned = RatingTraining(pairs, None, (happened.n_users, happened.n_items), scale, CONFIG, seed=1).for_epochs(CONFIG.epochs)
    told = happened.histories().ratings
    told.data = scale.scaled(told.data)
    described = learned.items.describe(told, "linear", CONFIG.reg, np.zeros(0, np.int64))
    ranks = [learned.items.sums(users).argsort(axis=1).argsort(axis=1) for users in (described, learned.users)]
    agreement = [np.corrcoef(ours, theirs)[0, 1] for ours, theirs in zip(*ranks, strict=True)]
    assert np.median(agreement) > 0.97


def test_what_was_best_on_the_watched_pairs_is_returned() -> None:
    """Early stopping gives back the weights of its lowest validation loss, not the last ones, and says after which epoch they were."""
    from models.collaborative.rating_network import RatingTraining

    happened = DATA.interactions
    noise = replace(happened, value=np.random.default_rng(4).permutation(happened.value))  # learning it by heart helps nobody
    learned, watched, _ = Pairs.in_order(noise, rated=True, seed=1).split()
    eager = CONFIG.model_copy(update={"reg": 0.0, "min_delta": 0.0, "patience": 3})
    scale = Scale.observed(happened.value, "linear")
    training = RatingTraining(learned, None, (happened.n_users, happened.n_items), scale, eager, seed=1)
    best, epochs = training.until_best(watched, silent)
    seen = training.curves["validation_rmse"]
    assert epochs == int(np.argmin(seen)) + 1 < len(seen) == epochs + eager.patience
    assert errors(watched.value, best.predict(watched, scale))["rmse"] == pytest.approx(min(seen), rel=1e-6)


def test_dropout_never_hides_a_whole_prediction() -> None:
    """A tenth of the numbers are hidden, of users and items apart, and something is left of every pair."""
    from models.collaborative.rating_network import kept_share

    config = MatrixFactorizationConfig(embedding_size=32, batch_size=2000, dropout=0.1)
    kept = kept_share(config, np.random.default_rng(1))
    np.testing.assert_allclose(np.unique(kept), [0, 1 / 0.9], rtol=1e-6)
    assert kept.mean(axis=(1, 2)).tolist() == pytest.approx([1, 1], abs=0.01)
    assert (kept.prod(axis=0).sum(axis=1) > 0).all()
    assert not np.array_equal(*kept)


def test_the_threshold_lets_mostly_likes_pass(fitted: MatrixFactorization, tmp_path: Path) -> None:
    """Of all pairs predicted at least that high as many are liked as was asked for, as exactly as a hundred validation pairs can tell."""
    happened = DATA.interactions
    predicted = fitted.score(DATA.block(slice(None), happened.histories()))[happened.user, happened.item]
    assert 1 < fitted.threshold < 5
    assert happened.positive[predicted >= fitted.threshold].mean() > CONFIG.precision - 0.05 > 2 * happened.positive.mean()
    fitted.save(tmp_path)
    loaded = MatrixFactorization.load(tmp_path)
    assert (loaded.threshold, loaded.figures()) == (fitted.threshold, fitted.figures())


def test_curves_tell_loss_and_stars_of_what_is_learned_and_watched(fitted: MatrixFactorization) -> None:
    """There is one value an epoch in each; a loss of squared errors is the squared RMSE over the squared range of the stars."""
    curves = fitted.curves()
    assert list(curves) == ["loss", "rmse", "validation_loss", "validation_rmse"]
    assert len({len(values) for values in curves.values()}) == 1
    np.testing.assert_allclose(np.square(curves["validation_rmse"]) / 16, curves["validation_loss"], rtol=1e-4)
    assert curves["loss"][-1] < curves["loss"][0]


def test_absolute_errors_can_be_what_is_made_small() -> None:
    """With one rating in ten off by the whole range, MAE predicts the others better than MSE does."""
    happened = DATA.interactions
    rng = np.random.default_rng(2)
    spoiled = np.where(rng.random(len(happened)) < 0.1, np.float32(6) - happened.value, happened.value).astype(np.float32)
    data = replace(DATA, interactions=replace(happened, value=spoiled))
    scorers = (MatrixFactorization(CONFIG.model_copy(update={"loss": loss})).fit(data, seed=3) for loss in ("mae", "mse"))
    by_absolute, by_squared = (scorer.figures()["mae"] for scorer in scorers)
    assert by_absolute < by_squared


def test_ratings_can_be_left_aside(two_tastes: World) -> None:
    """Told not to use ratings, the model learns from likes what it learns where there are no ratings."""
    happened = two_tastes.data.interactions
    rated = replace(happened, value=np.where(happened.positive, 5, 1).astype(np.float32))
    config = CONFIG.model_copy(update={"use_ratings": False, "epochs": 3})
    with_ratings = MatrixFactorization(config).fit(replace(two_tastes.data, interactions=rated), seed=3)
    without = MatrixFactorization(config).fit(two_tastes.data, seed=3)
    np.testing.assert_array_equal(with_ratings.score(two_tastes.everybody), without.score(two_tastes.everybody))


def test_a_loss_that_is_no_number_ends_training() -> None:
    """A step size beyond all reason does not end in a model that predicts nothing."""
    with pytest.raises(DivergedError, match=r"matrix_factorization: the loss became (nan|inf)"):
        MatrixFactorization(CONFIG.model_copy(update={"learning_rate": 1e30})).fit(DATA, seed=3)
