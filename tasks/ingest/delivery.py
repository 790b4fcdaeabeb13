"""What arrives: files in the inbox, told apart by their content, and the accepted ones kept under raw/."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, Field, field_validator

from tasks.deliveries import Delivery, accepted, order_of, raw_note
from tasks.ingest.limits import LimitsConfig
from tasks.ingest.settled import SIDECAR, is_delivery, promised_hash, still_written
from tasks.refusals import InputRefusedError
from tasks.storage import file_hash
from tasks.workspace import SOURCES, Source, Workspace

IdType = Literal["integer", "text"]


class SourceConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Where interactions, items and users come from, and how their columns read."""

    files: dict[Source, list[str]] = {}
    """Further files to read beside the inbox, as glob patterns per source; they are never moved or removed."""

    columns: dict[Source, dict[str, str]] = {}
    """Our column name -> the column name in the delivered files, per source."""

    ignore: dict[Source, list[str]] = {}
    """Delivered columns to keep in raw/ but not to use, per source."""

    user_id_type: Literal["auto", "integer", "text"] = "auto"
    """`auto` means integer when every id of the first load is a plain whole number ("007" is not), text otherwise."""

    item_id_type: Literal["auto", "integer", "text"] = "auto"
    """As user_id_type, for items."""

    timezone: str | None = None
    """Time zone of times that carry none, such as Europe/Zurich; without it such times are refused."""

    earliest: date = date(1990, 1, 1)
    """Events before this day are rejected as clock errors."""

    clock_tolerance_minutes: int = Field(10, ge=0)
    """How far an event may lie after the machine's clock before it is rejected as from the future."""

    on_bad_file: Literal["stop", "set_aside"] = "stop"
    """Whether an unreadable file stops the night or is moved to set_aside/ and reported."""

    require_final_newline: bool = True
    """Refuse text files whose last line is not ended: a file cut short often still reads well."""

    settle_seconds: float = Field(0, ge=0)
    """A file that changed within so many seconds before the run began is left for a later night: its producer may still be writing."""

    require_sidecar: bool = False
    """Leave a file for a later night until its hash lies beside it, as `sha256sum` writes it to <name>.sha256."""

    on_schema_change: Literal["freeze", "discard_row", "evolve"] = "freeze"
    """What to do with columns that the contract does not know, in interactions: refuse the file, drop them, or keep them in raw/ unused."""

    limits: LimitsConfig = LimitsConfig()
    """How much one file may hold."""

    max_value: float = Field(1e6, gt=0)
    """Largest rating or quantity believed; larger or negative values are rejected."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError("a time zone of the IANA database, such as Europe/Zurich")
        return name


def waiting(workspace: Workspace, config: SourceConfig, run_date: date, at: datetime | None = None) -> list[Delivery]:
    """Return the files that no night has accepted yet, each content once, ordered by source and hash.

    Files that are still being written `at` an instant are none of them: those that `unfinished` tells of. Raises InputRefusedError
    where a configured pattern matches nothing, or one content is delivered as two sources.
    """
    known = {delivery.sha256: delivery.source for delivery in accepted(workspace)}
    found = []
    for source in SOURCES:
        for path in _files(workspace, config, source):
            if still_written(path, config.settle_seconds, config.require_sidecar, at):
                continue
            try:
                sha256 = file_hash(path)
            except FileNotFoundError:  # its producer took it away again, or gave it its name
                continue
            if sha256 not in known:
                found.append(Delivery(source=source, sha256=sha256, name=path.name, first_night=run_date, path=str(path)))
            # The hash is the name of a delivery, so its rows can belong to one source only.
            if known.setdefault(sha256, source) != source:
                raise InputRefusedError(str(path), f"{source}", f"the very content delivered as {known[sha256]}", "remove one of the two")
    return sorted(found, key=order_of)


def unfinished(workspace: Workspace, config: SourceConfig, at: datetime) -> dict[str, str]:
    """Return the names of the files that are still being written at an instant, and what tells so."""
    files = (path for source in SOURCES for path in _files(workspace, config, source))
    reasons = {path.name: still_written(path, config.settle_seconds, config.require_sidecar, at) for path in files}
    return {name: reason for name, reason in reasons.items() if reason}


def delivered_again(workspace: Workspace) -> Iterator[Path]:
    """Yield the files in the inbox whose content an earlier night has accepted, and the hashes that lie beside such files."""
    for source in SOURCES:
        for path in _inbox_files(workspace, source):
            with suppress(FileNotFoundError):
                if raw_note(workspace, source, file_hash(path)).is_file():
                    yield path
        for path in workspace.inbox(source).glob(f"*{SIDECAR}"):
            if raw_note(workspace, source, promised_hash(path) or "none").is_file():
                yield path


def _inbox_files(workspace: Workspace, source: Source) -> list[Path]:
    folder = workspace.inbox(source)
    return sorted(path for path in folder.glob("*") if is_delivery(path)) if folder.is_dir() else []


def _files(workspace: Workspace, config: SourceConfig, source: Source) -> list[Path]:
    files = _inbox_files(workspace, source)
    for pattern in config.files.get(source, []):
        # A relative pattern counts from the workspace, wherever the command was typed.
        matches = sorted(glob.glob(str(workspace.root / pattern), recursive=True))
        if not matches:
            raise InputRefusedError(f"[source] files.{source}", f"files matching {pattern}", "none", "correct the pattern in nightly.toml")
        files += [Path(match) for match in matches if is_delivery(Path(match))]
    return files
