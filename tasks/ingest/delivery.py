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

from tasks.deliveries import Delivery, accepted, order_of
from tasks.ingest.limits import LimitsConfig
from tasks.ingest.pull_config import PostgresConfig
from tasks.ingest.settled import SIDECAR, is_delivery, promised_hash, still_written
from tasks.refusals import InputRefusedError
from tasks.storage import file_hash, text_hash
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

    postgres: PostgresConfig = PostgresConfig()
    """A database to take deliveries from, beside the inbox."""

    max_value: float = Field(1e6, gt=0)
    """Largest rating or quantity believed; larger or negative values are rejected."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in available_timezones():
            raise ValueError("a time zone of the IANA database, such as Europe/Zurich")
        return name


def waiting(workspace: Workspace, config: SourceConfig, run_date: date, at: datetime | None = None) -> list[Delivery]:
    """Return the files that no night has accepted yet, each content once, ordered by source and name.

    A catalogue in the inbox that a night accepted and another one followed is delivered anew: it went back to what it was.
    Files that are still being written `at` an instant are none of them: those that `unfinished` tells of. Raises InputRefusedError
    where a configured pattern matches nothing, or one content is delivered as two sources.
    """
    taken = accepted(workspace)
    before = {delivery.content_hash for delivery in taken}
    known = {delivery.content_hash: delivery.source for delivery in taken}
    found: dict[str, Delivery] = {}
    for source in SOURCES:
        for path in files_of(workspace, config, source):
            if still_written(path, config.settle_seconds, config.require_sidecar, at):
                continue
            try:
                sha256 = file_hash(path)
            except FileNotFoundError:  # its producer took it away again, or gave it its name
                continue
            delivery = Delivery(source=source, sha256=sha256, name=path.name, first_night=run_date, path=str(path))
            if sha256 not in before:
                found.setdefault(sha256, delivery)
            elif path.is_relative_to(workspace.inbox(source)) and sha256 not in _still_current(taken, source, run_date):
                found.setdefault(sha256, _anew(delivery))
            # The hash is the name of a delivery, so its rows can belong to one source only.
            if known.setdefault(sha256, source) != source:
                raise InputRefusedError(str(path), f"{source}", f"the very content delivered as {known[sha256]}", "remove one of the two")
    return sorted(found.values(), key=order_of)


def unfinished(workspace: Workspace, config: SourceConfig, at: datetime) -> dict[str, str]:
    """Return the names of the files that are still being written at an instant, and what tells so."""
    files = (path for source in SOURCES for path in files_of(workspace, config, source))
    reasons = {path.name: still_written(path, config.settle_seconds, config.require_sidecar, at) for path in files}
    return {name: reason for name, reason in reasons.items() if reason}


def files_of(workspace: Workspace, config: SourceConfig, source: Source) -> list[Path]:
    """Return the files that lie in the inbox of a source, if there is one, and those its patterns match.

    Raises InputRefusedError where a pattern matches nothing.
    """
    files = _inbox_files(workspace, source)
    for pattern in config.files.get(source, []):
        # A relative pattern counts from the workspace, wherever the command was typed.
        matches = sorted(glob.glob(str(workspace.root / pattern), recursive=True))
        if not matches:
            raise InputRefusedError(f"[source] files.{source}", f"files matching {pattern}", "none", "correct the pattern in nightly.toml")
        files += [Path(match) for match in matches if is_delivery(Path(match))]
    return files


def _still_current(taken: list[Delivery], source: Source, run_date: date | None) -> set[str]:
    """Return the contents that would say nothing new: all interactions, and the catalogues of the newest night or of a date."""
    of_source = [delivery for delivery in taken if delivery.source == source]
    nights = {run_date, max((delivery.first_night for delivery in of_source), default=None)}
    return {delivery.content_hash for delivery in of_source if source == "interactions" or delivery.first_night in nights}


def _anew(delivery: Delivery) -> Delivery:
    """Give bytes that a night accepted long ago a name of their own, so that both nights can be told apart and run again."""
    own = text_hash(f"{delivery.sha256} anew in the night of {delivery.first_night}")
    return delivery.model_copy(update={"sha256": own, "repeats": delivery.sha256})


def delivered_again(workspace: Workspace, run_date: date | None = None) -> Iterator[Path]:
    """Yield the files in the inbox that say nothing new after the night of a date, and the hashes that lie beside such files."""
    taken = accepted(workspace)
    for source in SOURCES:
        current = _still_current(taken, source, run_date)
        for path in _inbox_files(workspace, source):
            with suppress(FileNotFoundError):
                if file_hash(path) in current:
                    yield path
        for path in workspace.inbox(source).glob(f"*{SIDECAR}"):
            if promised_hash(path) in current:
                yield path


def _inbox_files(workspace: Workspace, source: Source) -> list[Path]:
    folder = workspace.inbox(source)
    return sorted(path for path in folder.glob("*") if is_delivery(path)) if folder.is_dir() else []
