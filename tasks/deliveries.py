"""What earlier nights were given: the deliveries they accepted, the files they set aside and the types of ids, as raw/ tells."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from tasks.refusals import StorageError
from tasks.workspace import SOURCES, Source, Workspace, read_json

NOTED = ("name", "first_night", "first_event", "repeats")
"""What a note tells of a delivery beside its rows."""

IdTypes = dict[Literal["user_id", "item_id"], Literal["integer", "text"]]


class DamagedNoteError(StorageError, ValueError):
    """A small file under raw/ that no night can do without cannot be read; to `status`, which can, it is a ValueError."""


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

    repeats: str | None = None
    """The hash of its bytes, for a catalogue that an earlier night accepted and another one followed; `sha256` is then its own."""

    @property
    def content_hash(self) -> str:
        """Return the hash of its bytes."""
        return self.repeats or self.sha256

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
    """Return what earlier nights accepted, in the order of acceptance (first night, then name)."""
    found = []
    for source in SOURCES:
        for path in (workspace.raw / source).glob("*.json"):
            found.append(read_note(workspace, source, path))
    return sorted(found, key=order_of)


def read_note(workspace: Workspace, source: Source, path: Path) -> Delivery:
    """Read the note of an accepted delivery."""
    note = read_json(path) or {}
    try:
        return Delivery(source=source, sha256=path.stem, **{name: note.get(name) for name in NOTED})
    except ValidationError as error:
        next_step = "restore it from a backup, or move it out of raw/ and deliver the file it told of again"
        raise DamagedNoteError(workspace.relative(path), "a note that can be read", "a damaged one", next_step) from error


def id_types_file(workspace: Workspace) -> Path:
    """Return where it stands whether ids are integers or text."""
    return workspace.raw / "id_types.json"


def fixed_id_types(workspace: Workspace) -> IdTypes:
    """Read the types of ids that the first load has fixed; nothing before it."""
    file = id_types_file(workspace)
    if not file.is_file():
        return {}
    try:
        types = TypeAdapter(IdTypes).validate_json(file.read_bytes())
    except ValidationError:
        types = {}
    if len(types) < 2:
        expected = 'user_id and item_id, each "integer" or "text"'
        # Taken from the data once more they could come out otherwise, and every published id would be another one.
        next_step = "restore it from a backup, or write the two as the columns of latest/recommendations.parquet have them"
        raise DamagedNoteError(workspace.relative(file), expected, "a damaged file", next_step)
    return types


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


def order_of(delivery: Delivery) -> tuple[date, str, str, str]:
    """Return what deliveries are sorted by: of the catalogues of one night the one with the last name wins, and names hold dates."""
    return delivery.first_night, delivery.source, delivery.name, delivery.sha256
