"""Nearby: things close to where a user is, by great-circle distance."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, write_arrays, write_config
from models.knowledge.great_circle import EARTH_RADIUS_KM, directions, distance_km, places
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import Needs, Sizes, vectors

LAYOUTS = {"place": Layout(np.float64, ("items", "latitude and longitude"))}

CELLS_AT_ONCE = 1 << 20
"""Distances computed at a time: bounds what stands in memory beside the scores."""


class NearbyConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How far is far."""

    length_km: float = Field(50.0, gt=0)
    """Distance at which nearness has fallen to 1/e of what it is next door."""

    spread_km: float = Field(200.0, ge=0)
    """How far liked items may lie around their middle, in the quadratic mean, for it to stand in for the unknown place of a user; beyond it
    their user is at home anywhere, and the model silent. Zero asks for users' own places."""


class Nearby:
    """Scores are exp(-distance / length): 1 next door, next to nothing far away.

    A user whose place is unknown is taken to be in the middle of what they liked, if that lies close enough together. Nothing is learned
    from likes, and no score depends on who else is scored.
    """

    name: ClassVar[str] = "nearby"
    family: ClassVar[Family] = "knowledge"

    def __init__(self, config: NearbyConfig | None = None) -> None:
        self.config = config or NearbyConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items with a place; (items,)."""
        return _known(self._place)

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users with a place, and those who like items close enough to each other; (block,)."""
        return _known(self._places(users))

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  distances draw nothing
        """Remember where items are."""
        self._place = np.where(_known(data.items.place)[:, None], data.items.place, np.nan)
        progress(f"{np.count_nonzero(self.knows_item):,} items with a place")
        return self

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Tell how near every item is to every user, 0 to 1; (block, items)."""
        return self._nearness(self._places(users), self._place)

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Tell how near items are to each other, 0 to 1, (items, others); zero where a place is unknown."""
        return self._nearness(self._place[items], self._place[others])

    def needs(self, sizes: Sizes) -> Needs:
        """The places of items."""
        return Needs(2 * vectors(sizes.n_items, 8), vectors(sizes.n_items, 8))

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: distances have no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the places of items."""
        write_config(folder, self.name, self.config)
        write_arrays(folder / "items.npz", {"place": self._place})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the places of items."""
        scorer = cls(read_config(folder, cls.name, NearbyConfig))
        scorer._place = read_arrays(folder / "items.npz", LAYOUTS)["place"]
        return scorer

    def _places(self, users: UserBlock) -> NDArray[np.float64]:
        """Return where users are, or seem to be, NaN where neither is known; (block, 2)."""
        known = self.knows_item
        weight = np.asarray(users.history @ known.astype(np.float64))
        middle = (users.history @ np.where(known[:, None], directions(self._place), 0)) / np.where(weight > 0, weight, 1)[:, None]
        # The mean of points on a sphere lies the deeper below the surface the wider they are spread: their variance is 1 - length².
        variance = np.maximum(1 - np.square(middle).sum(axis=1), 0)
        gathered = (weight > 0) & (np.sqrt(variance) * EARTH_RADIUS_KM <= self.config.spread_km) & (self.config.spread_km > 0)
        own = users.described.place
        return np.where(_known(own)[:, None], own, np.where(gathered[:, None], places(middle), np.nan))

    def _nearness(self, here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return exp(-distance / length) of all pairs, zero where a place is unknown, some rows at a time; (here, there)."""
        near = np.empty((*here.shape[:-1], there.shape[-2]), np.float32)
        step = max(1, CELLS_AT_ONCE // max(1, near[:1].size))
        for start in range(0, len(here), step):
            rows = slice(start, start + step)
            others = there[rows] if there.ndim > 2 else there
            near[rows] = np.nan_to_num(np.exp(-distance_km(here[rows], others) / self.config.length_km), nan=0.0)
        return near


def _known(place: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.logical_not(np.isnan(place).any(axis=1))
