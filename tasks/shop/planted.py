"""What is true of the shop: tastes, popularity, arrivals and what follows what.

Models never see this; tests hold what they learned against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.shop.config import ShopConfig

# Outside ids start here, so that neither is a row number and a file with the two columns swapped joins nothing.
FIRST_USER_ID = 1_001
FIRST_ITEM_ID = 500_001

ONE_TASTE_SHARE = 0.5

NEVER = np.iinfo(np.int32).max
"""The last day of items that stay."""


@dataclass(frozen=True)
class Planted:
    """The ground truth, one entry per user or item in the order of their ids; days count from the opening of the shop."""

    user_tastes: NDArray[np.int32]
    """(users, 2); a user of one taste has it twice."""

    user_activity: NDArray[np.float64]
    user_since: NDArray[np.int32]

    item_taste: NDArray[np.int32]
    item_weight: NDArray[np.float64]
    """How much an item is chosen, relative to the others of its taste."""

    item_since: NDArray[np.int32]
    item_until: NDArray[np.int32]
    """First day on which the item is no longer sold."""

    successor: NDArray[np.int32]
    """Row of the item that people tend to take next; within the taste, and never the item itself unless it is alone in it."""

    @property
    def user_ids(self) -> NDArray[np.int64]:
        """The id of each user in deliveries."""
        return np.arange(len(self.user_since), dtype=np.int64) + FIRST_USER_ID

    @property
    def item_ids(self) -> NDArray[np.int64]:
        """The id of each item in deliveries."""
        return np.arange(len(self.item_since), dtype=np.int64) + FIRST_ITEM_ID

    def items_on_sale(self, day: int) -> NDArray[np.bool_]:
        """Mark the items that can be taken on a day; (items,)."""
        return (self.item_since <= day) & (day < self.item_until)


def plant(config: ShopConfig) -> Planted:
    """Decide everything about the shop that does not depend on what people happen to do."""
    rng = np.random.default_rng([config.seed, 0])
    two_tastes = _zipf(config.n_tastes, config.popularity_skew, rng, (config.n_users, 2))
    of_one_taste = rng.random(config.n_users) < ONE_TASTE_SHARE
    two_tastes[of_one_taste, 1] = two_tastes[of_one_taste, 0]
    item_taste = _item_tastes(config, rng)
    item_since = _arrivals(config.n_items, config, rng)
    item_since[: config.n_tastes] = 0
    return Planted(
        user_tastes=two_tastes,
        user_activity=rng.lognormal(sigma=config.activity_skew, size=config.n_users),
        user_since=_arrivals(config.n_users, config, rng),
        item_taste=item_taste,
        item_weight=np.power(1.0 + rng.permutation(config.n_items), -config.popularity_skew),
        item_since=item_since,
        item_until=_departures(item_since, config, rng),
        successor=_successors(item_taste, rng),
    )


def _zipf(n_values: int, skew: float, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Draw numbers below `n_values`, the smaller ones more often."""
    weight = (1.0 + np.arange(n_values)) ** -skew
    return rng.choice(n_values, size=shape, p=weight / weight.sum()).astype(np.int32)


def _item_tastes(config: ShopConfig, rng: np.random.Generator) -> NDArray[np.int32]:
    # The first items serve one taste each and stay for good, so that no taste ever faces an empty shelf.
    later = rng.integers(config.n_tastes, size=config.n_items - config.n_tastes)
    return np.concatenate([np.arange(config.n_tastes), later]).astype(np.int32)


def _arrivals(count: int, config: ShopConfig, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return the first day of each; ids are given out in the order of arrival, as shops do."""
    newcomers = int(count * config.newcomer_share) if config.days > 1 else 0
    later = np.sort(rng.integers(1, max(config.days, 2), size=newcomers))
    return np.concatenate([np.zeros(count - newcomers, np.int64), later]).astype(np.int32)


def _departures(since: NDArray[np.int32], config: ShopConfig, rng: np.random.Generator) -> NDArray[np.int32]:
    leaving = rng.random(len(since)) < config.leaving_share
    leaving[: config.n_tastes] = False
    sold_for_days = rng.integers(1, config.days + 1, size=len(since))
    return np.where(leaving, since + sold_for_days, NEVER).astype(np.int32)


def _successors(item_taste: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    """Close the items of each taste, in an order of chance, into a ring."""
    successor = np.empty(len(item_taste), np.int32)
    for taste in np.unique(item_taste):
        ring = rng.permutation(np.flatnonzero(item_taste == taste))
        successor[ring] = np.roll(ring, -1)
    return successor
