"""Trending: what is liked more often lately than it used to be."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.knowledge.fading import faded
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {"trend": Layout(np.float32, ("items",)), "knows_item": Layout(np.bool_, ("items",))}


class TrendingConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What lately and formerly mean, and how much evidence a trend needs."""

    recent_half_life_days: float = Field(14.0, gt=0)
    """Days after which a like counts half for what is liked lately."""

    past_half_life_days: float = Field(120.0, gt=0)
    """Days after which a like counts half for what an item is used to."""

    pseudo_counts: float = Field(10.0, gt=0)
    """Likes added to both sides: as many recent ones as this move an item half of the way that many more would."""

    @model_validator(mode="after")
    def _recent_is_shorter(self) -> TrendingConfig:
        if self.recent_half_life_days >= self.past_half_life_days:
            raise ValueError("recent_half_life_days is shorter than past_half_life_days")
        return self


class Trending:
    """Scores are log((recent + a) / (expected + a)): positive for what rises, negative for what falls, zero for what stays as it was.

    `recent` are an item's likes under the short half-life; `expected` is its part of all likes under the long one, of as many as are
    recent; a are the pseudo-counts. Everybody is told the same.
    """

    name: ClassVar[str] = "trending"
    family: ClassVar[Family] = "knowledge"

    def __init__(self, config: TrendingConfig | None = None) -> None:
        self.config = config or TrendingConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark everybody; (block,)."""
        return np.ones(len(users), np.bool_)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  counting draws nothing
        """Count the likes of each item under both half-lives."""
        likes = data.interactions.where(data.interactions.positive)
        recent, past = (
            np.bincount(likes.item, faded(likes, half_life), minlength=likes.n_items).astype(np.float64)
            for half_life in (self.config.recent_half_life_days, self.config.past_half_life_days)
        )
        expected = past * (recent.sum() / past.sum()) if past.sum() > 0 else past
        self._trend = np.log((recent + self.config.pseudo_counts) / (expected + self.config.pseudo_counts)).astype(np.float32)
        self._knows_item = np.bincount(likes.item, minlength=likes.n_items) > 0
        progress(f"{np.count_nonzero(self._trend > 0):,} of {np.count_nonzero(self._knows_item):,} items rise")
        return self

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the trend of the items as the one number that describes them; (items, 1)."""
        return self._trend[:, None]

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Return a one for everybody; (block, 1)."""
        return np.ones((len(users), 1), np.float32)

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Give everybody the trend of each item; (block, items)."""
        return np.tile(self._trend, (len(users), 1))

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> None:  # noqa: ARG002  it compares nothing
        """Return nothing: that two items rise does not make them alike."""
        return

    def needs(self, sizes: Sizes) -> Needs:
        """What is counted, per item."""
        return Needs(PER_LIKE * sizes.n_events, vectors(sizes.n_items, 8))

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: counting has no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the trend of items."""
        write_config(folder, self.name, self.config)
        write_arrays(folder / "trend.npz", {"trend": self._trend, "knows_item": self._knows_item})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the trend of items."""
        scorer = cls(read_config(folder, cls.name, TrendingConfig))
        arrays = read_arrays(folder / "trend.npz", LAYOUTS)
        scorer._trend, scorer._knows_item = arrays["trend"], arrays["knows_item"]
        return scorer
