"""Matrix factorisation by gradient: ratings as a product of a user's and an item's vector, plus what each of them adds by itself."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.calibration import cutoff
from models.collaborative.rating_factors import RatingFactors
from models.collaborative.rating_head import Head, Scale, output
from models.collaborative.rating_pairs import Pairs, Untouched, errors, mean_errors
from models.directions import cosines
from models.negatives import Negatives
from models.scorer import Family, Interactions, Progress, TrainingData, UserBlock, silent
from models.sizes import COMPILED, PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {
    "vectors": Layout(np.float32, ("items", "embedding_size")),
    "bias": Layout(np.float32, ("items",)),
    "knows_item": Layout(np.bool_, ("items",)),
    "untouched": Layout(np.int64, ("untouched",)),
    "numbers": Layout(np.float64, ("numbers",)),
}

CURVES = ("loss", "rmse", "validation_loss", "validation_rmse")

FIGURES = tuple(f"{by}{name}" for by in ("", "global_mean_", "user_mean_", "item_mean_") for name in ("rmse", "mae"))

TOLD = {**{name: Layout(np.float64, ("epochs",)) for name in CURVES}, "figures": Layout(np.float64, ("figures",))}

N_UNTOUCHED = 128
"""Items that stand for all that a user did not like when only likes are known."""


class MatrixFactorizationConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What is predicted, how, and when learning has gone far enough."""

    embedding_size: int = Field(32, ge=1)
    """Numbers that describe a user or an item beside its bias."""

    head: Head = "linear"
    """What turns the sum into a prediction: nothing, or a curve that cannot leave the range of the ratings."""

    loss: Literal["mse", "mae"] = "mse"
    """Which error is made small: squared, or absolute, which minds outliers less."""

    use_ratings: bool = True
    """Whether to predict ratings where there are any; else likes are ones, and as many items a user does not like are zeros."""

    dropout: float = Field(0.05, ge=0, lt=1)
    """Share of the numbers of vectors hidden while learning; never a whole prediction."""

    reg: float = Field(0.03, ge=0)
    """L2 penalty that each rating adds for the vectors and biases it touches, while learning and when users are described."""

    learning_rate: float = Field(0.05, gt=0)
    """Step size at the start, before Adagrad shortens it row by row; it falls to zero over all epochs."""

    batch_size: int = Field(2048, ge=1)
    """Pairs learned from at a time."""

    epochs: int = Field(40, ge=1)
    """How often every pair is learned from, at most."""

    max_steps: int = Field(1600, ge=1)
    """Batches learned from, at most: where pairs are many, an epoch shows only as many as an equal part of these can hold."""

    min_delta: float = Field(1e-4, ge=0)
    """By how much the validation loss must fall for an epoch to count as better."""

    patience: int = Field(5, ge=1)
    """Epochs without a better one after which learning stops."""

    refit: bool = True
    """Whether to learn again from everything, for as many epochs as were best: what came last tells most, and the split holds it back."""

    precision: float = Field(0.75, gt=0, le=1)
    """Share of likes wanted among what the threshold lets pass."""


class MatrixFactorization:
    """Predict ratings, and rank by them; users are described by their own ratings each time they are scored.

    The earliest 80 of 100 pairs are learned from, the next 10 say when to stop and where the threshold lies, the last 10 are reported on.
    """

    name: ClassVar[str] = "matrix_factorization"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, config: MatrixFactorizationConfig | None = None) -> None:
        self.config = config or MatrixFactorizationConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that anybody rated, or liked where there are no ratings; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who rated, or liked, a known item; (block,)."""
        return np.diff(self._targets(users).indptr) > 0

    @property
    def threshold(self) -> float:
        """Return the predicted value from which on enough of the validation pairs were liked; infinity where none is high enough."""
        return self._threshold

    def figures(self) -> dict[str, float]:
        """Return RMSE and MAE of the last pairs in the unit of the ratings, beside those of three means."""
        return dict(self._figures)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Learn from the earliest pairs until the next ones are predicted best, report on the last, and learn again from all."""
        happened, config = data.interactions, self.config
        self._rated = config.use_ratings and not bool(np.isnan(happened.value).all())
        pairs = Pairs.in_order(happened, self._rated, seed)
        self._scale = Scale.observed(pairs.value if self._rated else np.array([0, 1], np.float32), config.head)
        self._knows_item = np.zeros(happened.n_items, np.bool_)
        self._untouched = np.zeros(0, np.int64)
        self._items = RatingFactors.blank(happened.n_items, config.embedding_size)
        self._threshold = float("inf")
        self._figures, self._curves = dict.fromkeys(FIGURES, 0.0), {name: list[float]() for name in CURVES}
        if len(pairs):
            self._learn(pairs, happened, seed, progress)
        return self

    def _learn(self, pairs: Pairs, happened: Interactions, seed: int, progress: Progress) -> None:
        from models.collaborative.rating_network import RatingTraining  # loads TensorFlow

        shape, rng = (happened.n_users, happened.n_items), np.random.default_rng(seed)
        known = np.unique(pairs.item)
        zeros = None if self._rated else Untouched(Negatives(happened.positives()[:, known]), known)
        self._untouched = np.zeros(0, np.int64) if self._rated else np.sort(rng.permutation(known)[:N_UNTOUCHED]).astype(np.int64)
        learned, watched, reported = (part if len(part) else pairs for part in pairs.split())
        watched, reported = (part if zeros is None else zeros.beside(part, rng) for part in (watched, reported))
        training = RatingTraining(learned, zeros, shape, self._scale, self.config, seed)
        best, n_epochs = training.until_best(watched, progress)
        self._curves = training.curves
        # Judged as it will serve: users are described by what they rated before.
        self._items = best.items
        before = sp.csr_matrix((learned.value, (learned.user, learned.item)), shape=shape)
        users = self._describe(before)
        self._threshold = cutoff(best._replace(users=users).predict(watched, self._scale), watched.liked, self.config.precision)
        judged = learned if zeros is None else zeros.beside(learned, rng)
        self._figures = errors(reported.value, best._replace(users=users).predict(reported, self._scale)) | mean_errors(judged, reported)
        progress(
            f"matrix_factorization: {n_epochs} epochs, RMSE {self._figures['rmse']:.4f}, item means {self._figures['item_mean_rmse']:.4f}"
        )
        if self.config.refit:
            learned = pairs
            self._items = RatingTraining(pairs, zeros, shape, self._scale, self.config, seed).for_epochs(n_epochs).items
        self._knows_item[learned.item] = True

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Predict every item's rating by every user, in the unit of the ratings; (block, items)."""
        predicted = self._scale.ratings(output(self._items.sums(self.user_factors(users)), self.config.head))
        return predicted * (self.knows_user(users)[:, None] & self._knows_item)

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Describe users by their own ratings or likes: a vector and, in the last column, a bias; (block, embedding_size + 1)."""
        return self._describe(self._targets(users))

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between the vectors of items, (items, others); zero where either is unknown."""
        known, other = (self._items.vectors[some] * self._knows_item[some][..., None] for some in (items, others))
        return cosines(known, other)

    def needs(self, sizes: Sizes) -> Needs:
        """Vectors of users and items, as they learn, as they are best and as they were, and the pairs in order."""
        of_all = vectors(sizes.n_users + sizes.n_items, self.config.embedding_size + 1)
        kept = vectors(sizes.n_items, self.config.embedding_size + 2)
        return Needs(COMPILED + 6 * of_all + 3 * PER_LIKE * sizes.n_events, kept)

    def curves(self) -> dict[str, list[float]]:
        """Return loss and RMSE of each epoch, of what was learned from and of what was watched, RMSE in the unit of the ratings."""
        return self._curves

    def save(self, folder: Path) -> None:
        """Write what was learned of the items, how users are described by it, and how well it predicts."""
        write_config(folder, self.name, self.config)
        numbers = np.array([self._items.overall, self._scale.low, self._scale.high, self._rated, self._threshold])
        learned = {"vectors": self._items.vectors, "bias": self._items.bias, "knows_item": self._knows_item}
        write_arrays(folder / "items.npz", learned | {"untouched": self._untouched, "numbers": numbers})
        told = {name: np.array(values, np.float64) for name, values in self._curves.items()}
        write_arrays(folder / "training.npz", told | {"figures": np.array([self._figures[name] for name in FIGURES])})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
        scorer = cls(read_config(folder, cls.name, MatrixFactorizationConfig))
        arrays = read_arrays(folder / "items.npz", LAYOUTS)
        overall, low, high, rated, scorer._threshold = arrays["numbers"].tolist()
        scorer._items = RatingFactors(arrays["vectors"], arrays["bias"], overall)
        scorer._knows_item, scorer._untouched = arrays["knows_item"], arrays["untouched"]
        scorer._scale, scorer._rated = Scale(low, high, scorer.config.head), bool(rated)
        told = read_arrays(folder / "training.npz", TOLD)
        scorer._figures = dict(zip(FIGURES, told["figures"].tolist(), strict=True))
        scorer._curves = {name: told[name].tolist() for name in CURVES}
        return scorer

    def _targets(self, users: UserBlock) -> sp.csr_matrix:
        """Return the ratings, or likes, of users that the model can learn something from; (block, items) with an entry for each."""
        told = users.ratings if self._rated else users.history
        kept = self._knows_item[told.indices]
        ends = np.concatenate([[0], np.cumsum(kept)])[told.indptr]
        return sp.csr_matrix((told.data[kept], told.indices[kept], ends), told.shape)

    def _describe(self, told: sp.csr_matrix) -> NDArray[np.float32]:
        targets = sp.csr_matrix((self._scale.scaled(told.data), told.indices, told.indptr), told.shape)
        return self._items.describe(targets, self.config.head, self.config.reg, self._untouched)
