"""A hybrid of ids, metadata and history: two towers whose product says what a user likes next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.content.feature_inputs import FeatureInputs
from models.content.hybrid_vectors import HybridItems, HybridWeights, mean_of_rows
from models.content.pair_network import PairNetwork, PairNetworkConfig, best_candidates, traded_places
from models.content.previous_likes import previous_likes
from models.directions import cosines
from models.scorer import RECENT, Family, Progress, TrainingData, UserBlock, silent
from models.sizes import COMPILED, PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {
    "vectors": Layout(np.float32, ("items", "embedding_size")),
    "history": Layout(np.float32, ("items", "embedding_size")),
    "bias": Layout(np.float32, ("items",)),
    "knows_item": Layout(np.bool_, ("items",)),
    "liked": Layout(np.bool_, ("items",)),
    "user_kernel": Layout(np.float32, ("user input columns", "embedding_size")),
    "newcomer": Layout(np.float32, ("one", "embedding_size")),
    "loss": Layout(np.float64, ("epochs",)),
}


class HybridBprConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What a user is seen as, what counts as a wrong order, and how long to learn."""

    embedding_size: int = Field(64, ge=1)
    """Length of the vectors in which users and items meet."""

    input_size: int = Field(128, ge=2)
    """Dense columns that more metadata columns than these are reduced to, for items and for users each."""

    last: int = Field(3, ge=1, le=RECENT)
    """Latest likes of a user that have a word of their own; where nothing tells the order, all of them."""

    loss: Literal["softplus", "one_minus_sigmoid"] = "softplus"
    """What a wrong order costs: -log sigmoid, or 1 - sigmoid, which gives up on the pairs that are most wrong."""

    negatives: int = Field(128, ge=1)
    """Items a user does not like that each of their likes is compared with."""

    hardness: float = Field(1.0, ge=0)
    """How much more a negative counts that scores high: the logarithm of its weight is the score times this."""

    chunk_size: int = Field(64, ge=2)
    """Likes of a user, at most, that describe them at a time while learning."""

    exponent: float = Field(0.5, ge=0, le=1)
    """Power of the number of likes that their sum is divided by: at 1 everybody is an average, at 0 more likes speak louder."""

    unseen_share: float = Field(0.1, ge=0, lt=1)
    """Share of the items shown by their metadata alone, as new items are."""

    cold_share: float = Field(0.1, ge=0, lt=1)
    """Share of the users shown without likes, as new users are."""

    reg: float = Field(1e-3, ge=0)
    """L2 penalty on the vectors that a step touches."""

    learning_rate: float = Field(0.1, gt=0)
    """Step size of ids and history at the start, before Adagrad shortens it row by row; it falls to zero over all epochs."""

    metadata_learning_rate: float = Field(0.005, gt=0)
    """The same for what turns metadata into vectors, which every item and user shares."""

    rerank: PairNetworkConfig | None = None
    """A network that looks at pairs and re-ranks what the towers put first; none, if the towers' word is final."""

    batch_size: int = Field(64, ge=1)
    """Chunks learned from at a time."""

    epochs: int = Field(12, ge=1)
    """How often every like is learned from, at most."""

    max_steps: int = Field(1500, ge=1)
    """Batches learned from, at most: where likes are many, an epoch shows only as many as an equal part of these can hold."""


class HybridBpr:
    """Rank by ids, metadata and history together, trained by Bayesian personalised ranking (Rendle et al. 2009).

    An item is what it is itself plus what its metadata say; nobody has liked a new item, so it is its metadata alone. A user is the sum of
    the items they like, the mean of the latest of them in a table of its own, and what their metadata say: all of it is read off their
    history when they are scored, and none of it remembered.
    """

    name: ClassVar[str] = "hybrid_bpr"
    family: ClassVar[Family] = "content"

    def __init__(self, config: HybridBprConfig | None = None) -> None:
        self.config = config or HybridBprConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items with any metadata, liked or not, and those that somebody liked; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who like a known item, or have metadata themselves; (block,)."""
        return (users.likes_among(self._knows_item) > 0) | self._user_inputs(users.features).any(axis=1)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Write the metadata densely, train both towers, and describe the whole catalogue once."""
        likes, size = data.interactions.positives(), self.config.input_size
        described, user_described = (np.diff(rows.indptr) > 0 for rows in (data.items.features, data.users.features))
        item_inputs = FeatureInputs.fit(data.items.features[described], size, seed)(data.items.features)
        self._user_inputs = FeatureInputs.fit(data.users.features[user_described], size, seed)
        self._liked = likes.getnnz(axis=0) > 0
        # Towers that learned nothing know nothing.
        self._knows_item = (described | self._liked) & bool(likes.nnz)
        weights, self._loss = self._train(data, item_inputs, seed, progress)
        known = self._knows_item[:, None].astype(np.float32)
        items = HybridItems.of(weights, item_inputs, self._liked)
        self._items = HybridItems(items.vectors * known, items.history, items.bias * known[:, 0])
        self._user_kernel, self._newcomer = weights.user_kernel, weights.newcomer
        self._pair_network = self._train_pairs(data, self.config.rerank, seed, progress) if self.config.rerank and self._loss else None
        return self

    def _train(
        self, data: TrainingData, item_inputs: NDArray[np.float32], seed: int, progress: Progress
    ) -> tuple[HybridWeights, list[float]]:
        from models.content.hybrid_network import HybridSamples, train_hybrid  # loads TensorFlow

        among = data.interactions.positives()[:, self._liked].sorted_indices()
        number = np.append(np.cumsum(self._liked) - 1, -1).astype(np.int32)  # the last one is what pads
        previous = previous_likes(data.interactions, data.interactions.positives(), self.config.last, np.random.default_rng(seed))
        samples = HybridSamples(among, number[previous], item_inputs[self._liked], self._user_inputs(data.users.features))
        return train_hybrid(samples, self.config, seed, progress)

    def _train_pairs(self, data: TrainingData, config: PairNetworkConfig, seed: int, progress: Progress) -> PairNetwork:
        from models.content.pair_training import train_pair_network  # loads TensorFlow

        pairs = self._pairs(data, config, np.random.default_rng(seed))
        return train_pair_network(pairs, self.config.embedding_size, config, self.config.loss, seed, progress)

    def _pairs(
        self, data: TrainingData, config: PairNetworkConfig, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield batches without end: users, each without the like that is predicted, and that like before candidates they do not like."""
        likes, histories = data.interactions.positives(), data.interactions.histories()
        by_user = np.repeat(np.arange(likes.shape[0]), np.diff(likes.indptr))
        while True:
            entry = rng.integers(likes.nnz, size=config.batch_size)
            users = data.block(by_user[entry], histories)
            open_to = (users.history.toarray() == 0) & self._knows_item
            candidates = best_candidates(self._tower_scores(users), open_to, config.candidates)
            n_open = np.minimum(open_to.sum(axis=1), candidates.shape[1])
            drawn = (rng.random((len(users), config.negatives)) * n_open[:, None]).astype(np.intp)
            liked = likes.indices[entry]
            without = replace(
                users, history=_without(users.history, liked), recent=np.where(users.recent == liked[:, None], -1, users.recent)
            )
            items = np.hstack([liked[:, None], np.take_along_axis(candidates, drawn, axis=1)])
            some = n_open > 0
            yield self.user_factors(without)[some], self._items.vectors[items][some]

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Multiply the users' vectors with the items' and add the items' biases; the best may be re-ranked; (block, items)."""
        scores = self._tower_scores(users)
        if self._pair_network is None or self.config.rerank is None or not len(users):
            return scores
        open_to = (users.history.toarray() == 0) & self._knows_item & self.knows_user(users)[:, None]
        candidates = best_candidates(scores, open_to, self.config.rerank.candidates)
        by_pairs = self._pair_network(self.user_factors(users), self._items.vectors[candidates])
        return traded_places(scores, candidates, by_pairs, open_to)

    def _tower_scores(self, users: UserBlock) -> NDArray[np.float32]:
        return (self.user_factors(users) @ self._items.vectors.T + self._items.bias) * self.knows_user(users)[:, None]

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Put users together from what they like, what they liked last and what else is known of them; (block, embedding_size)."""
        n_likes = users.likes_among(self._knows_item)[:, None]
        likes = (users.history @ self._items.vectors) / np.maximum(n_likes, 1) ** np.float32(self.config.exponent)
        warm = (n_likes > 0).astype(np.float32)
        return warm * (likes + self._lately(users)) + (1 - warm) * self._newcomer + self._user_inputs(users.features) @ self._user_kernel

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine of the vectors of items, whether anybody likes them or not; (items, others)."""
        return cosines(self._items.vectors[items], self._items.vectors[others])

    def needs(self, sizes: Sizes) -> Needs:
        """What is known of users and items, written densely, and the likes in chunks with those before them."""
        of_item, of_user = (min(columns, self.config.input_size) for columns in (sizes.item_columns, sizes.user_columns))
        kept = 3 * vectors(sizes.n_items, self.config.embedding_size)
        dense = 3 * vectors(sizes.n_users, of_user) + 3 * vectors(sizes.n_items, of_item)
        return Needs(COMPILED + dense + 2 * kept + 4 * PER_LIKE * sizes.n_events, kept)

    def curves(self) -> dict[str, list[float]]:
        """Return the mean loss of each epoch."""
        return {"loss": self._loss}

    def save(self, folder: Path) -> None:
        """Write what items are, and what turns a user into a vector."""
        write_config(folder, self.name, self.config)
        items = {**self._items._asdict(), "knows_item": self._knows_item, "liked": self._liked}
        users = {"user_kernel": self._user_kernel, "newcomer": self._newcomer}
        write_arrays(folder / "towers.npz", {**items, **users, "loss": np.array(self._loss, np.float64)})
        self._user_inputs.save(folder / "user_features.npz")
        if self._pair_network is not None:
            self._pair_network.save(folder / "pair_network.npz")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
        scorer = cls(read_config(folder, cls.name, HybridBprConfig))
        arrays = read_arrays(folder / "towers.npz", LAYOUTS)
        scorer._items = HybridItems(arrays["vectors"], arrays["history"], arrays["bias"])
        scorer._knows_item, scorer._liked = arrays["knows_item"], arrays["liked"]
        scorer._user_kernel, scorer._newcomer = arrays["user_kernel"], arrays["newcomer"]
        scorer._loss = arrays["loss"].tolist()
        scorer._user_inputs = FeatureInputs.load(folder / "user_features.npz")
        reranked = scorer.config.rerank is not None and bool(scorer._loss)
        scorer._pair_network = PairNetwork.load(folder / "pair_network.npz") if reranked else None
        return scorer

    def _lately(self, users: UserBlock) -> NDArray[np.float32]:
        """Average what the latest likes say, or all likes of users of whom no order is known; (block, embedding_size)."""
        recent = users.recent[:, : self.config.last]
        counted = (recent >= 0) & self._liked[np.maximum(recent, 0)]
        over_all = (users.history @ self._items.history) / np.maximum(users.likes_among(self._liked), 1)[:, None]
        ordered = np.any(recent >= 0, axis=1)
        return np.where(ordered[:, None], mean_of_rows(self._items.history, recent, counted), over_all)


def _without(history: sp.csr_matrix, item: NDArray[np.integer]) -> sp.csr_matrix:
    """Take one item, (block,), out of each row of what users like; (block, items)."""
    kept = history.indices != np.repeat(item, np.diff(history.indptr))
    ends = np.concatenate([[0], np.cumsum(kept)])[history.indptr]
    return sp.csr_matrix((history.data[kept], history.indices[kept], ends), history.shape)
