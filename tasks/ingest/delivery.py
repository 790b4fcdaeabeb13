"""What arrives: files in the inbox, told apart by their content, and the accepted ones kept under raw/."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, Field, field_validator

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

    max_value: float = Field(1e6, gt=0)
    """Largest rating or quantity believed; larger or negative values are rejected."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError("a time zone of the IANA database, such as Europe/Zurich")
        return name


class Delivery(BaseModel, frozen=True, extra="forbid"):
    """One file of one source, identified by the hash of its bytes."""

    source: Source
    sha256: str
    name: str
    first_night: date
    path: str | None = None
    """Where it waits to be read; None once it is kept in raw/."""


def accepted(workspace: Workspace) -> list[Delivery]:
    """Return what earlier nights accepted, in the order of acceptance (first night, then hash)."""
    found = []
    for source in SOURCES:
        for path in (workspace.raw / source).glob("*.json"):
            note = json.loads(path.read_text())
            found.append(Delivery(source=source, sha256=path.stem, name=note["name"], first_night=note["first_night"]))
    return sorted(found, key=_order)


def waiting(workspace: Workspace, config: SourceConfig, run_date: date) -> list[Delivery]:
    """Return the files that no night has accepted yet, each content once, ordered by source and hash.

    Raises InputRefusedError where a configured pattern matches nothing, or one content is delivered as two sources.
    """
    known = {delivery.sha256: delivery.source for delivery in accepted(workspace)}
    found = []
    for source in SOURCES:
        for path in _files(workspace, config, source):
            sha256 = file_hash(path)
            if sha256 not in known:
                found.append(Delivery(source=source, sha256=sha256, name=path.name, first_night=run_date, path=str(path)))
            # The hash is the name of a delivery, so its rows can belong to one source only.
            if known.setdefault(sha256, source) != source:
                raise InputRefusedError(str(path), f"{source}", f"the very content delivered as {known[sha256]}", "remove one of the two")
    return sorted(found, key=_order)


def delivered_again(workspace: Workspace) -> Iterator[Path]:
    """Yield the files in the inbox whose content an earlier night has accepted."""
    for source in SOURCES:
        for path in _inbox_files(workspace, source):
            if raw_note(workspace, source, file_hash(path)).is_file():
                yield path


def set_aside_before(workspace: Workspace) -> set[str]:
    """Return the hashes of the files set aside so far: a night that met them must know itself again after they were moved."""
    return {file_hash(path) for path in workspace.set_aside.glob("*") if path.is_file()}


def raw_rows(workspace: Workspace, source: Source, sha256: str) -> Path:
    """Return where the rows of an accepted delivery are kept."""
    return workspace.raw / source / f"{sha256}.parquet"


def raw_note(workspace: Workspace, source: Source, sha256: str) -> Path:
    """Return where the receipt of an accepted delivery is kept; it is written after the rows."""
    return workspace.raw / source / f"{sha256}.json"


def _order(delivery: Delivery) -> tuple[date, str, str]:
    return delivery.first_night, delivery.source, delivery.sha256


def _inbox_files(workspace: Workspace, source: Source) -> list[Path]:
    folder = workspace.inbox(source)
    return sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith(".")) if folder.is_dir() else []


def _files(workspace: Workspace, config: SourceConfig, source: Source) -> list[Path]:
    files = _inbox_files(workspace, source)
    for pattern in config.files.get(source, []):
        # A relative pattern counts from the workspace, wherever the command was typed.
        matches = sorted(glob.glob(str(workspace.root / pattern), recursive=True))
        if not matches:
            raise InputRefusedError(f"[source] files.{source}", f"files matching {pattern}", "none", "correct the pattern in nightly.toml")
        files += [Path(match) for match in matches if Path(match).is_file()]
    return files
