"""What people do in the shop, one day after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.shop.config import ShopConfig
from tasks.shop.planted import Planted

MEMORY = 64
"""Items back that a user remembers having taken, and does not care to take again."""

REDRAWS = 4
"""Second thoughts of somebody who has reached for a remembered item; after them it is taken all the same."""

LONGEST_VISIT = 30
DAY_SECONDS = 24 * 60 * 60
LONGEST_PAUSE_SECONDS = 240
ANY_TASTE = -1


@dataclass(frozen=True)
class Takings:
    """Who took what on one day, in the order of time; rows of users and items, seconds since midnight UTC."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    second: NDArray[np.int32]
    is_purchase: NDArray[np.bool_]


class Shelf:
    """The items on sale on one day, from which one can be drawn by taste and popularity."""

    def __init__(self, planted: Planted, day: int) -> None:
        self.on_sale = planted.items_on_sale(day)
        self._by_taste = np.argsort(planted.item_taste, kind="stable")
        weight = np.where(self.on_sale, planted.item_weight, 0.0)[self._by_taste]
        self._reach = np.cumsum(weight)
        before = np.concatenate([[0.0], self._reach])
        tastes = np.arange(planted.item_taste.max() + 1)
        ordered = planted.item_taste[self._by_taste]
        # One more entry at the end, so that ANY_TASTE (-1) finds the whole shop.
        self._low = np.append(before[np.searchsorted(ordered, tastes, side="left")], 0.0)
        self._high = np.append(before[np.searchsorted(ordered, tastes, side="right")], self._reach[-1])

    def draw(self, taste: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
        """Draw one item per wanted taste; (n,) -> (n,)."""
        low, high = self._low[taste], self._high[taste]
        point = low + rng.random(len(taste)) * (high - low)
        # Rounding may put a point on the upper edge, which already belongs to the next taste.
        point = np.minimum(point, np.nextafter(high, low))
        found: NDArray[np.int32] = self._by_taste[np.searchsorted(self._reach, point, side="right")].astype(np.int32)
        return found


class Visits:
    """The people of the shop; remembers what each took last, so days must be asked for in order."""

    def __init__(self, config: ShopConfig, planted: Planted) -> None:
        self._config, self._planted = config, planted
        self._taken = np.zeros(config.n_users, np.int64)
        self._remembered = np.full((config.n_users, MEMORY), -1, np.int32)

    def day(self, day: int) -> Takings:
        """Let everybody who comes on that day take their items."""
        rng = np.random.default_rng([self._config.seed, 1, day])
        visitors = self._visitors(day, rng)
        length = np.minimum(1 + rng.poisson(self._config.visit_length - 1, len(visitors)), LONGEST_VISIT)
        second = rng.integers(DAY_SECONDS - LONGEST_VISIT * LONGEST_PAUSE_SECONDS, size=len(visitors))
        shelf = Shelf(self._planted, day)
        users, items, seconds = [], [], []
        for step in range(length.max(initial=0)):
            staying = length > step
            visitors, length, second = visitors[staying], length[staying], second[staying]
            users.append(visitors)
            items.append(self._take(visitors, shelf, rng))
            seconds.append(second)
            second = second + rng.integers(15, LONGEST_PAUSE_SECONDS, size=len(second))
        return self._in_order(users, items, seconds, rng)

    def _visitors(self, day: int, rng: np.random.Generator) -> NDArray[np.int32]:
        here = np.flatnonzero(self._planted.user_since <= day)
        activity = self._planted.user_activity[here]
        wanted = self._config.interactions_per_day / self._config.visit_length
        comes: NDArray[np.int32] = here[rng.random(len(here)) * activity.sum() < wanted * activity].astype(np.int32)
        return comes

    def _take(self, visitors: NDArray[np.int32], shelf: Shelf, rng: np.random.Generator) -> NDArray[np.int32]:
        last = self._remembered[visitors, (self._taken[visitors] - 1) % MEMORY]
        following = self._planted.successor[last]
        follows = (last >= 0) & shelf.on_sale[following] & (rng.random(len(visitors)) < self._config.follow_share)
        item = np.where(follows, following, shelf.draw(self._wanted_taste(visitors, rng), rng))
        for _ in range(REDRAWS):
            again = np.flatnonzero((self._remembered[visitors] == item[:, None]).any(axis=1))
            item[again] = shelf.draw(self._wanted_taste(visitors[again], rng), rng)
        self._remembered[visitors, self._taken[visitors] % MEMORY] = item
        self._taken[visitors] += 1
        return item

    def _wanted_taste(self, visitors: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
        own = self._planted.user_tastes[visitors, rng.integers(2, size=len(visitors))]
        return np.where(rng.random(len(visitors)) < self._config.taste_share, own, np.int32(ANY_TASTE))

    def _in_order(
        self, users: list[NDArray[np.int32]], items: list[NDArray[np.int32]], seconds: list[NDArray[np.int64]], rng: np.random.Generator
    ) -> Takings:
        nobody = np.empty(0, np.int32)
        user, item = np.concatenate([nobody, *users]), np.concatenate([nobody, *items])
        second = np.concatenate([nobody, *seconds]).astype(np.int32)
        is_purchase = rng.random(len(user)) < self._config.purchase_share
        order = np.lexsort((user, second))
        return Takings(user[order], item[order], second[order], is_purchase[order])
