"""All that a page is made of: the account of its night, and the tables that it published or has staged."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tasks.deliveries import IdTypes
from tasks.in_memory import in_memory
from tasks.raw_facts import Id, described
from tasks.refusals import NightError
from tasks.report.account import Account, Measured
from tasks.report.story import Story
from tasks.served_night import ServedNight
from tasks.workspace import Workspace

log = logging.getLogger("nightly")

NIGHTS_SHOWN = 28
"""Nights that are told of beside one another, tonight among them."""


MADE_BY = {"metrics": "evaluated", "coverage": "scored", "recommendations": "scored", "why_not": "scored"}
MADE_BY |= dict.fromkeys(("changes", "drift", "exposure"), "derived")
"""Table -> the receipt without which it is not tonight's: an earlier attempt may have staged it and this one not have come so far."""


@dataclass(frozen=True)
class Telling:
    """A night to be told: what its page says comes from here alone, so that equal files give an equal page.

    `docs` is where its Data Docs lie, relative to the page; None where there are none.
    """

    workspace: Workspace
    account: Account
    docs: str | None = None

    @property
    def story(self) -> Story:
        return self.account.story

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """The manifest of the night, None where it published nothing or is not served any more."""
        return self.workspace.manifest(self.account.run_id)

    @cached_property
    def nights(self) -> list[ServedNight]:
        """The published nights up to tonight's date, oldest first: tonight as it is told here, if it has tables."""
        before = [night for night in self.workspace.published() if night["run_date"] < str(self.account.run_date)]
        return [*(ServedNight(self.workspace, night) for night in before[1 - NIGHTS_SHOWN :]), self.night]

    @cached_property
    def before(self) -> ServedNight | None:
        """The night that was to be beaten, where it is still served."""
        manifest = self.workspace.manifest(self.account.champion) if self.account.champion else None
        return ServedNight(self.workspace, manifest) if manifest else None

    @cached_property
    def night(self) -> ServedNight:
        """Tonight as its manifest tells of it; without one, as it would have been published with the tables that are staged."""
        if self.manifest is not None:
            return ServedNight(self.workspace, self.manifest)
        staged = (self.workspace.staging / self.account.run_id / "tables").glob("*.parquet")
        tables = {path.stem: {"path": self.workspace.relative(path), "rows": pq.read_metadata(path).num_rows} for path in sorted(staged)}
        prepared = self.story.prepared
        known = {"run_id": self.account.run_id, "run_date": str(self.account.run_date), "tables": tables}
        return ServedNight(self.workspace, known | {"data_through": prepared.data_through if prepared else None} | self.account.origin)

    def table(self, name: str) -> Path | None:
        """Return the file of one of tonight's tables, None where the night did not come so far."""
        return table_of(self.night, name) if getattr(self.story, MADE_BY[name]) else None

    def rows(self, name: str, *filters: tuple[str, str, Any]) -> list[dict[str, Any]]:
        """Return the rows of one of tonight's tables for which all of the filters hold; none where there is no such table."""
        path = self.table(name)
        return pq.read_table(path, filters=list(filters) or None).to_pylist() if path else []

    @cached_property
    def metrics(self) -> list[Measured]:
        """What was measured tonight, of tonight and of earlier nights."""
        told = [Measured(**{name: row[name] for name in Measured.model_fields}) for row in self.rows("metrics")]
        return told or list(self.account.metrics)

    @cached_property
    def id_types(self) -> IdTypes:
        """Whether ids are integers or text."""
        return self.story.delivered.id_types if self.story.delivered else {}

    def titles(self, items: Iterable[Id]) -> dict[Id, str]:
        """Return the titles of some items, as far as the night knew one; what lies under raw/ may be gone when it is told again."""
        asked = set(items)
        if not asked or not self.id_types:
            return {}
        try:
            with in_memory(self.workspace.root, self.id_types) as store:
                return {item: known.title for item, known in described(store, self.night, asked).items() if known.title}
        except NightError as error:
            log.warning("report: items are told without their titles: %s", error)
            return {}


def table_of(night: ServedNight, name: str) -> Path | None:
    """Return the file of a table of a night if it is there."""
    path = night.workspace.root / night.manifest["tables"][name]["path"] if night.has(name) else None
    return path if path is not None and path.is_file() else None
