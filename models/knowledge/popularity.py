"""Popularity: what most people like, lately, in each user segment; the one model that has something to say to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.knowledge.fading import faded, learned_half_life
from models.scorer import Family, Interactions, Progress, TrainingData, UserBlock, silent
from models.sizes import PER_LIKE, Needs, Sizes, vectors

LAYOUTS = {
    "overall": Layout(np.float32, ("items",)),
    "by_segment": Layout(np.float32, ("segments", "items")),
    "knows_item": Layout(np.bool_, ("items",)),
}


class PopularityConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How fast popularity fades, and how much evidence a segment needs to differ from everybody."""

    half_life_days: Annotated[float, Field(gt=0)] | Literal["learned"] | None = "learned"
    """Days after which a like counts half; none means that likes never fade. `learned` takes the half-life with which earlier likes explain
    the latest tenth best: data of twenty years fade otherwise than data of ten weeks."""

    pseudo_counts: float = Field(1000.0, ge=0)
    """Likes at which a segment's own taste counts as much as everybody's; a segment with none of its own has everybody's."""


class Popularity:
    """Scores are log(1 + likes): faded, and in each segment mixed with everybody's as if the whole shop were that segment."""

    name: ClassVar[str] = "popularity"
    family: ClassVar[Family] = "knowledge"

    def __init__(self, config: PopularityConfig | None = None) -> None:
        self.config = config or PopularityConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark everybody; (block,)."""
        return np.ones(len(users), np.bool_)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  counting draws nothing
        """Count the faded likes of each segment."""
        likes = data.interactions.where(data.interactions.positive)
        half_life = learned_half_life(likes) if self.config.half_life_days == "learned" else self.config.half_life_days
        counts = _counts(likes, faded(likes, half_life), data.user_segment[likes.user], len(data.segments))
        self._knows_item = np.bincount(likes.item, minlength=likes.n_items) > 0
        self._overall = np.log1p(counts.sum(axis=0)).astype(np.float32)
        self._by_segment = np.log1p(self._shrunk(counts)).astype(np.float32)
        fading = "that never fade" if half_life is None else f"that fade by half in {half_life:.3g} days"
        progress(f"{len(likes):,} likes {fading}, in {len(data.segments)} segments")
        return self

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the popularity of the items in each segment; (items, segments)."""
        return self._by_segment.T

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Mark the segment of each user by a one; (block, segments)."""
        return np.eye(len(self._by_segment), dtype=np.float32)[users.segment]

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Give each user the popularity of their segment; (block, items)."""
        return self._by_segment[users.segment]

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> None:  # noqa: ARG002  it compares nothing
        """Return nothing: that two items are popular does not make them alike."""
        return

    def ranking(self, segment: int | None = None) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the known items of a segment, or of everybody, most popular first (ties: lower item first), and their scores."""
        scores = self._overall if segment is None else self._by_segment[segment]
        items = np.flatnonzero(self._knows_item)
        items = items[np.lexsort((items, -scores[items]))]
        return items, scores[items]

    def needs(self, sizes: Sizes) -> Needs:
        """What is counted, per item."""
        return Needs(PER_LIKE * sizes.n_events, vectors(sizes.n_items, 8))

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: counting has no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the popularity of items, overall and by segment."""
        write_config(folder, self.name, self.config)
        arrays = {"overall": self._overall, "by_segment": self._by_segment, "knows_item": self._knows_item}
        write_arrays(folder / "popularity.npz", arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the popularity of items."""
        scorer = cls(read_config(folder, cls.name, PopularityConfig))
        arrays = read_arrays(folder / "popularity.npz", LAYOUTS)
        scorer._overall, scorer._by_segment, scorer._knows_item = arrays["overall"], arrays["by_segment"], arrays["knows_item"]
        return scorer

    def _shrunk(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mix each segment's counts with everybody's and bring all segments to the size of the whole; (segments, items)."""
        overall = counts.sum(axis=0)
        total = overall.sum()
        if total == 0:
            return counts
        shares = counts + self.config.pseudo_counts * overall / total
        sizes = shares.sum(axis=1, keepdims=True)
        return np.divide(shares * total, sizes, out=np.zeros_like(shares), where=sizes > 0)


def _counts(likes: Interactions, weight: NDArray[np.float64], segment: NDArray[np.int16], n_segments: int) -> NDArray[np.float64]:
    """Add up the weights of likes in the order of the rows; (segments, items)."""
    cell = segment.astype(np.int64) * likes.n_items + likes.item
    counts = np.bincount(cell, weight, minlength=n_segments * likes.n_items)
    return counts.astype(np.float64, copy=False).reshape(n_segments, likes.n_items)
