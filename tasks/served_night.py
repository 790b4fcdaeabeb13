"""A night that was published, as its manifest tells: where its tables lie, what it was made from and what it could know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.deliveries import Delivery, IdTypes, accepted, raw_rows
from tasks.inspection import command
from tasks.refusals import StorageError, UsageError
from tasks.tables import TABLES
from tasks.workspace import Source, Workspace


@dataclass(frozen=True)
class ServedNight:
    """One published date; reads its small files and the tables its manifest names, and writes nothing."""

    workspace: Workspace
    manifest: dict[str, Any]

    @property
    def run_date(self) -> date:
        return date.fromisoformat(self.manifest["run_date"])

    @property
    def run_id(self) -> str:
        return str(self.manifest["run_id"])

    @property
    def known_until(self) -> datetime:
        """The instant before which its events happened, as a UTC time without zone."""
        return datetime.combine(self.run_date, datetime.min.time()) + timedelta(days=1)

    @property
    def settings(self) -> dict[str, Any]:
        """What was set for it, section by section; empty for a night that did not write it down."""
        return dict(self.manifest.get("settings", {}))

    @property
    def k(self) -> int | None:
        """How long its lists were to be; None where nothing tells."""
        return self.settings.get("score", {}).get("k")

    @cached_property
    def id_types(self) -> IdTypes:
        """Whether its ids are integers or text, as the columns of its lists are."""
        schema = pq.read_schema(self.table("recommendations"))
        return {name: "integer" if pa.types.is_integer(schema.field(name).type) else "text" for name in ("user_id", "item_id")}

    def has(self, table: str) -> bool:
        """Tell whether the table was published that night; earlier versions of the contract had fewer."""
        return table in self.manifest["tables"]

    def table(self, name: str) -> Path:
        """Return the file of one table if it is there and holds as many rows as the manifest says.

        Its bytes are not hashed: that takes seconds for large tables, and `nightly verify` does it. Raises UsageError where the night has
        no such table, StorageError where its file is missing, unreadable or of another length.
        """
        if not self.has(name):
            next_step = command(self.workspace.root, "run", "--run-date", self.run_date, "--replace")
            raise UsageError(f"the night of {self.run_date}", f"the table {name}", ", ".join(sorted(self.manifest["tables"])), next_step)
        known = self.manifest["tables"][name]
        path = self.workspace.root / known["path"]
        next_step = f"{command(self.workspace.root, 'verify')}; if a night is just being published, the same command again"
        if not path.is_file():
            raise StorageError(known["path"], f"a file of {known['rows']:,} rows", "no file", next_step)
        try:
            rows = pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException) as error:
            raise StorageError(known["path"], f"a file of {known['rows']:,} rows", str(error).splitlines()[0], next_step) from error
        if rows != known["rows"]:
            raise StorageError(known["path"], f"{known['rows']:,} rows, as its manifest says", f"{rows:,}", next_step)
        return path

    def rows(self, table: str, *asked: tuple[str, Any]) -> list[dict[str, Any]]:
        """Return the few rows of a table that have these values, in the order of its key; parts that hold none are not read."""
        found = pq.read_table(self.table(table), filters=[(column, "=", value) for column, value in asked]).to_pylist()
        return sorted(found, key=lambda row: tuple(row[name] for name in TABLES[table].key))

    def deliveries(self, source: Source) -> dict[Delivery, Path]:
        """Return the deliveries of a source that the night was made from, in the order of acceptance, and where their rows are kept.

        Raises StorageError where the rows of one are gone.
        """
        named = self.manifest.get("inputs")
        counted = [
            delivery
            for delivery in accepted(self.workspace)
            if delivery.source == source and (delivery.counts_on(self.run_date) if named is None else delivery.sha256 in named)
        ]
        found = {delivery: raw_rows(self.workspace, source, delivery.sha256) for delivery in counted}
        for delivery, path in found.items():
            if not path.is_file():
                next_step = f"restore it from a backup; {command(self.workspace.root, 'verify')}"
                raise StorageError(self.workspace.relative(path), f"the rows of {delivery.name}", "no file", next_step)
        return found

    def user(self, asked: str) -> int | str | None:
        """Read a user's id as it is written on a command line; None where no id of that type is written so."""
        return self._id(asked, self.id_types["user_id"])

    def item(self, asked: str) -> int | str | None:
        """Read an item's id as it is written on a command line; None where no id of that type is written so."""
        return self._id(asked, self.id_types["item_id"])

    def _id(self, asked: str, kind: str) -> int | str | None:
        if kind == "text":
            return asked
        number = int(asked) if asked.removeprefix("-").isdecimal() else None
        return number if number is not None and str(number) == asked and abs(number) < 2**63 else None


def served_night(workspace: Workspace, day: date | None = None) -> ServedNight:
    """Return the night of a published date, or the one that current.json names.

    Raises UsageError where the date is not published, naming those that are, and where nothing is.
    """
    published = {night["run_date"]: night for night in workspace.published()}
    if not published:
        raise UsageError(str(workspace.root), "a published night", "none yet", command(workspace.root, "run"))
    if day is None:
        current = workspace.current()
        if current is None:
            next_step = f"{command(workspace.root, 'status')}; or name a date: {_some(list(published))}"
            raise UsageError("current.json", "the night that is served", "nothing that can be read", next_step)
        return ServedNight(workspace, current)
    if str(day) not in published:
        raise UsageError(str(day), "a published date", f"only {_some(list(published))}", f"name one of them, such as {list(published)[-1]}")
    return ServedNight(workspace, published[str(day)])


def _some(dates: list[str]) -> str:
    return ", ".join(dates) if len(dates) <= 10 else f"{', '.join(dates[:3])}, ... {', '.join(dates[-6:])} ({len(dates)} in all)"
