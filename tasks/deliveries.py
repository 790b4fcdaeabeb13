"""What earlier nights were given: the deliveries they accepted and the files they set aside, as the notes under raw/ tell."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from tasks.workspace import SOURCES, Source, Workspace, read_json


class Delivery(BaseModel, frozen=True, extra="forbid"):
    """One file of one source, identified by the hash of its bytes."""

    source: Source
    sha256: str
    name: str
    first_night: date
    path: str | None = None
    """Where it waits to be read; None once it is kept in raw/."""

    first_event: datetime | None = None
    """The earliest time in it; None while it is not known, and where a row has no time or was refused."""

    def counts_on(self, run_date: date) -> bool:
        """Tell whether the night of a date uses it: it took it in itself, or something in it happened before the date was over."""
        known_until = datetime.combine(run_date, datetime.min.time()) + timedelta(days=1)
        return self.first_night == run_date or self.first_event is None or self.first_event < known_until


class SetAside(BaseModel, frozen=True, extra="forbid"):
    """A file that could not be read, and why; the night that met it went on without it."""

    source: Source
    sha256: str
    name: str
    reason: str
    first_night: date


def accepted(workspace: Workspace) -> list[Delivery]:
    """Return what earlier nights accepted, in the order of acceptance (first night, then hash)."""
    found = []
    for source in SOURCES:
        for path in (workspace.raw / source).glob("*.json"):
            note = json.loads(path.read_text())
            fields = {name: note.get(name) for name in ("name", "first_night", "first_event")}
            found.append(Delivery(source=source, sha256=path.stem, **fields))
    return sorted(found, key=order_of)


def set_aside_on(workspace: Workspace, run_date: date) -> list[SetAside]:
    """Return the files that the night of a date met and set aside: run again, it must tell of them again."""
    notes = (read_json(path) for path in sorted((workspace.raw / "set_aside").glob("*.json")))
    return [file for file in (SetAside.model_validate(note) for note in notes if note) if file.first_night == run_date]


def set_aside_note(workspace: Workspace, file: SetAside) -> Path:
    """Return where it is noted that a night met an unreadable file."""
    return workspace.raw / "set_aside" / f"{file.first_night}-{file.sha256}.json"


def raw_rows(workspace: Workspace, source: Source, sha256: str) -> Path:
    """Return where the rows of an accepted delivery are kept."""
    return workspace.raw / source / f"{sha256}.parquet"


def raw_note(workspace: Workspace, source: Source, sha256: str) -> Path:
    """Return where the receipt of an accepted delivery is kept; it is written after the rows."""
    return workspace.raw / source / f"{sha256}.json"


def order_of(delivery: Delivery) -> tuple[date, str, str]:
    """Return what deliveries are sorted by."""
    return delivery.first_night, delivery.source, delivery.sha256
