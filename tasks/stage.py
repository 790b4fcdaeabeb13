"""Stage: type, date and deduplicate what was delivered; set bad rows aside with the rule they broke."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from pydantic import BaseModel

from tasks.ingest import Delivered
from tasks.ingest.delivery import SourceConfig
from tasks.night import Night, Receipt
from tasks.warehouse import WarehouseConfig, open_warehouse

log = logging.getLogger("nightly")


class EventsConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What an interaction means."""

    weights: dict[str, float] = {}
    """Event type -> weight. Empty: every type is welcome and weighs 1. Otherwise an unlisted type is rejected."""

    positive_from: float | None = None
    """Smallest value (rating) that counts as liking; None makes every interaction positive. All of them mark an item as seen."""


class Volume(BaseModel, frozen=True, extra="forbid"):
    """What became of the rows of one delivery; read = accepted + rejected + duplicates + those waiting for a later night."""

    delivery: str
    source: str
    name: str
    is_new: bool
    accepted: int
    rejected: int
    duplicates: int
    waiting: int

    @property
    def counted(self) -> int:
        return self.accepted + self.rejected + self.duplicates


class Staged(Receipt, frozen=True):
    """The night's typed relations, and what became of every delivered row."""

    volumes: tuple[Volume, ...]


RELATIONS = ("judged_interactions", "interactions", "judged_items", "items", "judged_users", "users", "rejects", "volumes")


def stage(night: Night, delivered: Delivered, source: SourceConfig, events: EventsConfig, limits: WarehouseConfig) -> Staged:
    """Build staging.* from raw.*: what was delivered, typed and told apart by verdict."""
    parameters = {
        "source_zone": source.timezone,
        "has_times": delivered.has_times,
        "known_until": night.known_until,
        "future_after": night.started_at + timedelta(minutes=source.clock_tolerance_minutes),
        "earliest": datetime.combine(source.earliest, datetime.min.time()),
        "event_types": sorted(events.weights),
        "max_value": source.max_value,
    }
    needs = {"judged_interactions": set(parameters), "judged_items": {"source_zone"}}
    with open_warehouse(night, limits) as warehouse:
        relations = {
            f"staging.{name}": warehouse.build(f"staging.{name}", **{key: parameters[key] for key in needs.get(name, ())})
            for name in RELATIONS
        }
        volumes = warehouse.table("staging.volumes").drop_columns(["sequence"]).to_pylist()
    rejected = sum(volume["rejected"] for volume in volumes)
    log.info("stage: %d interactions, %d rows rejected", relations["staging.interactions"], rejected)
    return Staged(relations=relations, volumes=tuple(Volume(**volume) for volume in volumes))
