"""Content neighbours: what lies close to the items a user liked, told from features, whether anybody has liked it yet or not."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.collaborative.spectral import normalised, smoothest
from models.content.recency import recency_weighted
from models.content.taste_space import taste_vectors
from models.directions import products, unit_rows
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {"vectors": Layout(np.float32, ("items", "embedding_size")), "knows_item": Layout(np.bool_, ("items",))}


class ContentKnnConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How features are turned into nearness, and how fast old likes lose their say."""

    embedding_size: int = Field(128, ge=1)
    """Directions of taste that features are mapped to; more of them tell narrower tastes apart."""

    reg: float = Field(1.0, gt=0)
    """L2 penalty of the map from features to taste, in items: a column that far fewer liked items have can hardly say anything."""

    half_life_likes: float | None = Field(3.0, gt=0)
    """Likes after which an earlier one counts half; none means that all of a user's likes count alike."""

    taste_likes: int = Field(4_000_000, ge=1)
    """Likes, of users drawn by chance, in which these directions are looked for: more tell nothing new about so few."""

    max_columns: int = Field(4096, ge=1)
    """Feature columns read at most, those that describe most first; time grows with their cube."""


class ContentKnn:
    """An item's score is the mean nearness to the items a user liked, the latest counting most.

    Cosines of raw features ask how alike things look, and most of that matters to nobody. So features are first mapped to the space of
    taste that the likes span: two items are near where those who like the one like such items as the other. The score multiplies the
    mean direction of what was liked with the item's vector, whose length says how much its features promise.
    """

    name: ClassVar[str] = "content_knn"
    family: ClassVar[Family] = "content"

    def __init__(self, config: ContentKnnConfig | None = None) -> None:
        self.config = config or ContentKnnConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items with any feature, liked or not; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who liked an item with features; (block,)."""
        return users.likes_among(self._knows_item) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Learn from the likes of items with features where features place an item."""
        features = data.items.features
        self._knows_item = np.diff(features.indptr) > 0
        positives = sp.csr_matrix(data.interactions.positives().multiply(self._knows_item), dtype=np.float32)
        positives.eliminate_zeros()
        # Likes say what matters about features: without any, nothing is near to anything.
        self._knows_item &= positives.nnz > 0
        progress(f"{np.count_nonzero(self._knows_item):,} items by {features.shape[1]:,} feature columns")
        axes = smoothest(normalised(positives), self.config.embedding_size, seed, self.config.taste_likes)
        vectors = taste_vectors(features, axes, positives.getnnz(axis=0) > 0, self.config.reg, self.config.max_columns)
        self._learned(vectors * self._knows_item[:, None])
        return self

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the vectors of the items, zero for those without features; (items, embedding_size)."""
        return self._vectors

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Return the mean direction of what users liked; (block, embedding_size)."""
        likes = recency_weighted(users, self.config.half_life_likes)
        weight = likes @ self._knows_item.astype(np.float32)
        taste: NDArray[np.float32] = likes @ self._directions
        taste /= np.where(weight > 0, weight, np.float32(1))[:, None]
        return taste

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Multiply the mean direction of what users liked with the items' vectors; (block, items)."""
        return self.user_factors(users) @ self.item_factors.T

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return what a like of each of `others` alone would score `items`, (items, others); zero where either is unknown."""
        return products(self._vectors[items], self._directions[others])

    def needs(self, sizes: Sizes) -> Needs:
        """The products of feature columns in float64, and the directions of users and items."""
        columns, width = min(sizes.item_columns, self.config.max_columns), self.config.embedding_size
        directions = vectors(sizes.n_users, width) + 6 * vectors(sizes.n_items, width)
        return Needs(2 * vectors(columns, columns) + directions + PER_LIKE * sizes.n_events, 2 * vectors(sizes.n_items, width))

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: a closed form has no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the vectors of the items."""
        write_config(folder, self.name, self.config)
        write_arrays(folder / "items.npz", {"vectors": self._vectors, "knows_item": self._knows_item})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the vectors of the items."""
        scorer = cls(read_config(folder, cls.name, ContentKnnConfig))
        arrays = read_arrays(folder / "items.npz", LAYOUTS)
        scorer._knows_item = arrays["knows_item"]
        scorer._learned(arrays["vectors"])
        return scorer

    def _learned(self, vectors: NDArray[np.float32]) -> None:
        self._vectors, self._directions = vectors, unit_rows(vectors)
