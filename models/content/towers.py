"""Two towers: what a user likes meets what an item is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.content.feature_inputs import FeatureInputs
from models.content.tower import Tower
from models.content.tower_samples import Samples, user_inputs
from models.content.tower_text import TextReader
from models.directions import products
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import COMPILED, PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {
    "item_inputs": Layout(np.float32, ("items", "item input columns")),
    "item_vectors": Layout(np.float32, ("items", "embedding_size")),
    "knows_item": Layout(np.bool_, ("items",)),
    "losses": Layout(np.float64, ("epochs",)),
}


class TowersConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How the towers are built and how long they learn."""

    embedding_size: int = Field(64, ge=1)
    """Length of the vectors in which users and items meet."""

    hidden: tuple[int, ...] = (128,)
    """Units of each hidden layer of both towers."""

    input_size: int = Field(256, ge=2)
    """Dense columns that more feature columns than these are reduced to, for items and for users each."""

    dropout: float = Field(0.4, ge=0, lt=1)
    """Share of its inputs hidden from a tower while it learns: what keeps it from learning single items by heart."""

    cold_share: float = Field(0.1, ge=0, le=1)
    """Share of the samples in which a user with features is shown without likes, like one who just joined."""

    text_filters: int = Field(0, ge=0)
    """Patterns of neighbouring words looked for in the texts of items and of users; zero leaves the order of words unread."""

    word_size: int = Field(16, ge=1)
    """Length of the vector that stands for a word, where texts are read."""

    window: int = Field(3, ge=1)
    """Words that a pattern spans."""

    softmax: Literal["in_batch", "full"] = "in_batch"
    """What a like is told from: the items of its batch, or the whole catalogue, which takes time in proportion to it."""

    full_up_to_items: int = Field(20_000, ge=1)
    """Items with features up to which the whole catalogue is what a like is told from; above it the items of the batch are."""

    temperature: float = Field(0.1, gt=0)
    """Softness of the softmax over cosines at the start; at small values only the hardest negatives matter."""

    learn_temperature: bool = True
    """Whether training may move the temperature."""

    learning_rate: float = Field(2e-3, gt=0)
    """Step size of Adam at the start; it falls to zero along a cosine."""

    batch_size: int = Field(1024, ge=2)
    """Likes learned from at a time; the items of the others are the negatives of each."""

    epochs: int = Field(10, ge=1)
    """How often every like is learned from, at most."""

    max_steps: int = Field(1200, ge=1)
    """Batches learned from, at most: where likes are many, an epoch shows only as many as an equal part of these can hold."""

    min_improvement: float = Field(1e-4, ge=0)
    """Share by which two epochs must lower the loss for another one to follow."""


class Words(NamedTuple):
    """The texts of all items and of all users, as in `Described.words`."""

    items: NDArray[np.int32]
    users: NDArray[np.int32]


class Towers:
    """Recommend what resembles a user's taste, also items that nobody has touched yet.

    The user tower reads the mean inputs of the items a user likes, beside what else is known of the user; the item tower reads the inputs
    of an item; both may read texts word by word beside them. They return vectors of unit length, whose cosine is the score. Trained as in
    Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", or with the softmax over everything.
    """

    name: ClassVar[str] = "towers"
    family: ClassVar[Family] = "content"

    def __init__(self, config: TowersConfig | None = None) -> None:
        self.config = config or TowersConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items with any feature, liked or not; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who like an item with features, or have features themselves; (block,)."""
        return (users.likes_among(self._knows_item) > 0) | self._known(users).any(axis=1)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Write the features densely, train both towers, and run the item tower once over the catalogue."""
        samples = self._samples(data, seed, progress)
        progress(f"towers: {len(samples):,} likes of items with features, {self._item_inputs.shape[1]} input columns")
        from models.content.tower_network import train_towers  # loads TensorFlow

        words = Words(data.items.words, data.users.words) if self.config.text_filters else None
        self._user_tower, item_tower, self._user_text, item_text, losses = train_towers(samples, self.config, seed, progress, words)
        # Towers that learned nothing know nothing.
        self._knows_item &= len(samples) > 0
        self._item_vectors = item_tower(_with_text(self._item_inputs, item_text, data.items.words)) * self._knows_item[:, None]
        self._losses = np.array(losses, np.float64)
        return self

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Return the cosine of every user's vector with every item's; (block, items)."""
        return self.user_factors(users) @ self.item_factors.T

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the vectors of the items, zero for those without features; (items, embedding_size)."""
        return self._item_vectors

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Run the user tower, zero for unknown users; (block, embedding_size)."""
        taste = users.history @ self._item_inputs
        inputs = user_inputs(taste, users.likes_among(self._knows_item), self._known(users))
        vectors = self._user_tower(_with_text(inputs, self._user_text, users.described.words))
        return vectors * self.knows_user(users)[:, None]

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine of the vectors of items, whether anybody likes them or not; (items, others)."""
        return products(self._item_vectors[items], self._item_vectors[others])

    def needs(self, sizes: Sizes) -> Needs:
        """What is known of users and items, written densely, and one step's scores."""
        of_item, of_user = (min(columns, self.config.input_size) for columns in (sizes.item_columns, sizes.user_columns))
        dense = vectors(sizes.n_users, of_item + of_user) + 2 * vectors(sizes.n_items, of_item)
        kept = vectors(sizes.n_items, of_item + self.config.embedding_size)
        compared = sizes.n_items if sizes.n_items <= self.config.full_up_to_items else self.config.batch_size
        return Needs(COMPILED + dense + vectors(self.config.batch_size, compared) + PER_LIKE * sizes.n_events, kept)

    def curves(self) -> dict[str, list[float]]:
        """Return the mean loss of each epoch."""
        return {"loss": self._losses.tolist()}

    def save(self, folder: Path) -> None:
        """Write the item vectors, and what turns a user into a vector."""
        write_config(folder, self.name, self.config)
        arrays = {"item_inputs": self._item_inputs, "item_vectors": self._item_vectors, "knows_item": self._knows_item}
        write_arrays(folder / "items.npz", {**arrays, "losses": self._losses})
        self._user_features.save(folder / "user_features.npz")
        self._user_tower.save(folder / "user_tower.npz")
        if self._user_text is not None:
            self._user_text.save(folder / "user_text.npz")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the item vectors, and what turns a user into a vector."""
        scorer = cls(read_config(folder, cls.name, TowersConfig))
        arrays = read_arrays(folder / "items.npz", LAYOUTS)
        scorer._item_inputs, scorer._item_vectors = arrays["item_inputs"], arrays["item_vectors"]
        scorer._knows_item, scorer._losses = arrays["knows_item"], arrays["losses"]
        scorer._user_features = FeatureInputs.load(folder / "user_features.npz")
        scorer._user_tower = Tower.load(folder / "user_tower.npz", len(scorer.config.hidden))
        scorer._user_text = TextReader.load(folder / "user_text.npz") if scorer.config.text_filters else None
        return scorer

    def _samples(self, data: TrainingData, seed: int, progress: Progress) -> Samples:
        """Write what is known of items and users densely, and gather the likes of items with features."""
        self._knows_item, user_has_features = (np.diff(rows.indptr) > 0 for rows in (data.items.features, data.users.features))
        size = self.config.input_size
        self._item_inputs = FeatureInputs.fit(data.items.features[self._knows_item], size, seed)(data.items.features)
        self._user_features = FeatureInputs.fit(data.users.features[user_has_features], size, seed)
        likes = sp.csr_matrix(data.interactions.positives().multiply(self._knows_item), dtype=np.float32)
        likes.eliminate_zeros()
        catalogue = np.flatnonzero(self._knows_item).astype(np.int32) if self.config.softmax == "full" else None
        if catalogue is not None and len(catalogue) > self.config.full_up_to_items:
            progress(f"towers: {len(catalogue):,} items are too many for a full softmax; likes are told from those of their batch")
            catalogue = None
        return Samples(likes, self._item_inputs, self._user_features(data.users.features), catalogue)

    def _known(self, users: UserBlock) -> NDArray[np.float32]:
        return self._user_features(users.features)


def _with_text(inputs: NDArray[np.float32], text: TextReader | None, words: NDArray[np.int32]) -> NDArray[np.float32]:
    return inputs if text is None else np.concatenate([inputs, text(words)], axis=1)
