"""What a delivery pulled from a database covers: written into its file, kept with its rows, and read again by the next pull."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from tasks.deliveries import accepted, raw_note
from tasks.ingest.pull_config import PostgresConfig
from tasks.storage import canonical_json
from tasks.workspace import SOURCES, Source, Workspace, read_json

KEY = b"nightly.pulled"
PREFIX = "postgres-"


class Covered(BaseModel, frozen=True, extra="forbid"):
    """Which rows a delivery holds: those of `asked` beyond `after` and up to `through` of the cursor; everything without a cursor.

    `window` is the number and a fingerprint of the rows shortly before `through`: the next pull tells by it whether rows came late.
    The server's address is not part of it: a database that has moved is the same.
    """

    asked: str
    cursor: str | None = None
    after: str | None = None
    through: str | None = None
    window: tuple[int, str] | None = None

    def metadata(self) -> dict[bytes, bytes]:
        """Return it as it stands in a Parquet file."""
        return {KEY: canonical_json(self.model_dump(mode="json")).encode()}


def covered(path: Path) -> Covered | None:
    """Read what a Parquet file says of the rows it holds; None for a file that was not pulled."""
    if path.suffix != ".parquet" or not path.name.startswith(PREFIX):
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = (pq.read_schema(path).metadata or {}).get(KEY)
        return Covered.model_validate_json(told) if told else None
    except (OSError, pa.ArrowException, ValueError):
        return None


def last_covered(workspace: Workspace, source: Source, asked: str, cursor: str) -> Covered | None:
    """Return what the newest accepted pull of a relation by a cursor covered; None before the first."""
    found = None
    for delivery in accepted(workspace):
        if delivery.source == source and delivery.name.startswith(PREFIX):
            note = (read_json(raw_note(workspace, source, delivery.sha256)) or {}).get("pulled")
            told = Covered.model_validate(note) if note else None
            if told is not None and (told.asked, told.cursor) == (asked, cursor):
                found = told
    return found


def to_be_pulled(workspace: Workspace, config: PostgresConfig) -> list[str]:
    """Say what the next night reads from the database, a line a source; the database is not asked."""
    lines = []
    for source, wanted in config.sources.items():
        last = last_covered(workspace, source, wanted.asked, wanted.cursor) if wanted.cursor else None
        rows = f"{wanted.cursor} beyond {last.through}" if last else "everything, for the first time" if wanted.cursor else "everything"
        lines.append(f"{source} from PostgreSQL, {wanted.table or 'a query'}: {rows}")
    return lines


def waiting_pulls(workspace: Workspace) -> list[Path]:
    """Return the pulled files that still lie in the inbox."""
    files = (path for source in SOURCES for path in sorted(workspace.inbox(source).glob(f"{PREFIX}*.parquet")))
    return [path for path in files if covered(path) is not None]


def note_of(path: Path) -> dict[str, object]:
    """Return what the note of an accepted delivery says of the pull, nothing where its rows were not pulled."""
    import pyarrow.parquet as pq

    told = (pq.read_schema(path).metadata or {}).get(KEY)
    return {"pulled": json.loads(told)} if told else {}
