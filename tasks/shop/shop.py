"""A small imaginary shop whose days, deliveries and truths follow from its seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa

from tasks.shop.catalogue import TIMES, Catalogue, describe, midnights
from tasks.shop.config import ShopConfig
from tasks.shop.dirt import FAULTS, FAULTS_OF_HISTORY, Fault, spoil
from tasks.shop.planted import Planted, plant
from tasks.shop.visits import Takings, Visits

EVENT_TYPES = ("view", "purchase")

EVENT_IDS_PER_DAY = 10_000_000
"""Each day numbers its events from a round number on, so that one day's dirt does not renumber the next."""


@dataclass(frozen=True)
class Delivery:
    """What the shop sends for one date, or for one day of the history.

    `interactions` are in the order of time. `faults` counts the rows among them that a night has to refuse or, for duplicates,
    to count once.
    """

    date: date
    interactions: pa.Table
    items: pa.Table
    users: pa.Table
    faults: dict[Fault, int]


@dataclass(frozen=True)
class Shop:
    """The shop itself; asking twice for the same thing gives the same answer."""

    config: ShopConfig

    @cached_property
    def planted(self) -> Planted:
        """What is true of the shop and stands in no delivery."""
        return plant(self.config)

    @cached_property
    def catalogue(self) -> Catalogue:
        """All items and users, also those that have not arrived yet."""
        return describe(self.config, self.planted)

    def days_of(self, delivery_date: date) -> Iterator[Delivery]:
        """Open a delivery day by day: sixty for one with a history of sixty days, else one; memory holds one day.

        People go on where they stopped the day before, so every earlier day is lived through first, unseen.
        """
        last_day = self._day_index(delivery_date)
        first_day = 0 if last_day == self.config.history_days - 1 else last_day
        visits = Visits(self.config, self.planted)
        for day in range(last_day + 1):
            takings = visits.day(day)
            if day >= first_day:
                yield self._day(day, takings)

    def deliver(self, delivery_date: date) -> Delivery:
        """Return a whole delivery as tables; one far too big for memory is better written by `write_delivery`."""
        days = list(self.days_of(delivery_date))
        return Delivery(
            date=delivery_date,
            interactions=pa.concat_tables([day.interactions for day in days]),
            items=pa.concat_tables([day.items for day in days]),
            users=pa.concat_tables([day.users for day in days]),
            faults={fault: sum(day.faults[fault] for day in days) for fault in FAULTS},
        )

    def _day(self, day: int, takings: Takings) -> Delivery:
        interactions, faults = self._interactions(day, takings), dict.fromkeys(FAULTS, 0)
        if self.config.dirty_share > 0:
            possible = FAULTS_OF_HISTORY if day < self.config.history_days else FAULTS
            rng = np.random.default_rng([self.config.seed, 4, day])
            interactions, found = spoil(interactions, self.config.dirty_share, possible, rng)
            faults |= found
        return Delivery(
            date=self.config.day(day),
            interactions=interactions,
            items=self.catalogue.items_arriving(day, day),
            users=self.catalogue.users_arriving(day, day),
            faults=faults,
        )

    def _interactions(self, day: int, takings: Takings) -> pa.Table:
        midnight = midnights(self.config, np.array([day]))
        event_types = pa.DictionaryArray.from_arrays(takings.is_purchase.astype(np.int8), list(EVENT_TYPES))
        return pa.table(
            {
                "user_id": self.planted.user_ids[takings.user],
                "item_id": self.planted.item_ids[takings.item],
                "occurred_at": pa.array(midnight + takings.second.astype("timedelta64[s]"), TIMES),
                "event_type": event_types.cast(pa.string()),
                "event_id": day * EVENT_IDS_PER_DAY + np.arange(len(takings.user)),
            }
        )

    def _day_index(self, delivery_date: date) -> int:
        dates = self.config.delivery_dates
        if delivery_date not in dates:
            raise ValueError(f"the shop delivers from {dates[0]} to {dates[-1]}, got {delivery_date}")
        return self.config.history_days - 1 + dates.index(delivery_date)
