"""Stage: type, date and deduplicate what was delivered; set bad rows aside with the rule they broke."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from tasks.ingest import Delivered
from tasks.ingest.delivery import SourceConfig
from tasks.interactions import Basis, judge_interactions, rules_of
from tasks.night import Night, Receipt
from tasks.warehouse import WarehouseConfig, open_warehouse

log = logging.getLogger("nightly")


class EventsConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What an interaction means."""

    weights: dict[str, Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] = {}
    """Event type -> weight. Empty: every type is welcome and weighs 1. Otherwise a type listed neither here nor among `impressions` is
    rejected."""

    impressions: tuple[str, ...] = ()
    """Event types that only say that an item was shown to a user: nothing is learned from them, and they mark no item as seen."""

    positive_from: float | None = Field(None, allow_inf_nan=False)
    """Smallest value (rating) that counts as liking; None makes every interaction positive. All of them mark an item as seen."""

    max_events_per_user_day: int = Field(2000, ge=1)
    """Events of one user on one day (UTC) that are learned from, the earliest ones; those beyond only mark their items as seen. More
    than this is a program, not a person."""

    @property
    def types(self) -> list[str]:
        """Every event type that is welcome, in order; none where all of them are."""
        return sorted({*self.weights, *self.impressions}) if self.weights else []

    @model_validator(mode="after")
    def _impressions_weigh_nothing(self) -> EventsConfig:
        both = sorted(set(self.weights) & set(self.impressions))
        if both:
            raise ValueError(f"`impressions` are not learned from, so `weights` must not list {', '.join(both)}")
        return self


class Volume(BaseModel, frozen=True, extra="forbid"):
    """What became of the rows of one delivery; read = accepted + rejected + duplicates + those waiting for a later night.

    Of the accepted ones, `late` happened more than a day before the newest event that earlier nights knew, and `capped` go beyond what
    is learned from one user's day.
    """

    delivery: str
    source: str
    name: str
    is_new: bool
    accepted: int
    rejected: int
    duplicates: int
    waiting: int
    late: int = 0
    capped: int = 0

    @property
    def counted(self) -> int:
        return self.accepted + self.rejected + self.duplicates


class CappedUser(BaseModel, frozen=True, extra="forbid"):
    """Somebody with more events on a day than are learned from: the delivery, a salted hash of the id, and the events beyond."""

    name: str
    user_hash: str
    events: int


class Staged(Receipt, frozen=True):
    """The night's typed relations, and what became of every delivered row."""

    volumes: tuple[Volume, ...]

    capped_users: tuple[CappedUser, ...] = ()
    """Of the new deliveries, those with most events beyond their day, at most SHOWN_CAPPED_USERS."""

    warnings: tuple[str, ...] = ()
    """What an operator should know although it stops nothing, a sentence each."""


RELATIONS = ("judged_items", "items", "judged_users", "users", "rejects", "volumes")
"""What is built anew every night, in this order, once interactions are judged."""

SHOWN_CAPPED_USERS = 20


def stage(night: Night, delivered: Delivered, source: SourceConfig, events: EventsConfig, limits: WarehouseConfig) -> Staged:
    """Build staging.* from raw.*: what was delivered, typed and told apart by verdict."""
    tolerance = timedelta(minutes=source.clock_tolerance_minutes)
    rules: dict[str, Any] = {
        "source_zone": source.timezone,
        "has_times": delivered.has_times,
        "earliest": datetime.combine(source.earliest, datetime.min.time()),
        "event_types": events.types,
        "max_value": source.max_value,
    }
    counted = {"max_events_per_user_day": events.max_events_per_user_day, "impressions": sorted(set(events.impressions))}
    of_interactions = [delivery for delivery in delivered.deliveries if delivery.source == "interactions"]
    tonight = Basis(
        rules=rules_of(**rules, id_types=delivered.id_types, **counted),
        known_until=night.known_until,
        deliveries=tuple((delivery.sha256, delivery.first_night) for delivery in of_interactions),
    )
    new = [delivery.sha256 for delivery in of_interactions if delivery.path is not None]
    with open_warehouse(night, limits) as warehouse:
        relations = {"staging.nights": warehouse.build("staging.nights", **_nights(delivered))}
        relations |= judge_interactions(warehouse, tonight, new, night.started_at + tolerance, rules, counted)
        needs = {"judged_items": {"source_zone": source.timezone}}
        relations |= {f"staging.{name}": warehouse.build(f"staging.{name}", **needs.get(name, {})) for name in RELATIONS}
        volumes = tuple(Volume(**row) for row in warehouse.table("staging.volumes").drop_columns(["sequence"]).to_pylist())
        capped_users = tuple(CappedUser(**row) for row in warehouse.rows("checks.capped_users", most=SHOWN_CAPPED_USERS))
        newest = warehouse.rows("checks.newest_event")[0]["newest_event"]
    rejected = sum(volume.rejected for volume in volumes)
    log.info("stage: %d interactions, %d rows rejected", relations["staging.interactions"], rejected)
    warnings = tuple(_warnings(night, delivered, volumes, newest, tolerance))
    for warning in warnings:
        log.warning("stage: %s", warning)
    return Staged(relations=relations, volumes=volumes, capped_users=capped_users, warnings=warnings)


def _nights(delivered: Delivered) -> dict[str, Any]:
    return {
        "deliveries": [delivery.sha256 for delivery in delivered.deliveries],
        "nights": [delivery.first_night for delivery in delivered.deliveries],
    }


def _warnings(
    night: Night, delivered: Delivered, volumes: Sequence[Volume], newest: datetime | None, tolerance: timedelta
) -> Iterator[str]:
    """Say what is odd about the clock and about the new deliveries of interactions."""
    now = f"{night.started_at:%Y-%m-%d %H:%M} UTC"
    # A night may be dated by a time zone that is up to 14 hours ahead of UTC.
    last_night = max((delivery.first_night for delivery in delivered.deliveries if delivery.path is None), default=None)
    if newest is not None and newest > night.started_at + tolerance:
        yield f"this machine's clock says {now}, before the newest event known ({newest:%Y-%m-%d %H:%M} UTC); set the clock"
    elif last_night is not None and datetime.combine(last_night, datetime.min.time()) > night.started_at + timedelta(hours=14):
        yield f"this machine's clock says {now}, before the night of {last_night} that took in a delivery; set the clock"
    new = [volume for volume in volumes if volume.is_new and volume.source == "interactions"]
    if not new:
        yield "no delivery of interactions tonight; the night works with what earlier nights took in"
    for volume in new:
        if volume.late:
            yield f"{volume.name}: {volume.late:,} of {volume.accepted:,} events are late; dates published before stay as they are"
        if volume.capped:
            yield f"{volume.name}: {volume.capped:,} events go beyond [events] max_events_per_user_day and count as seen only"
