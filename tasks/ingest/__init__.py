"""Ingest: bring what is new in the inbox into the warehouse, and into raw/ once the night has found it fit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from tasks.deliveries import (
    Delivery,
    IdTypes,
    SetAside,
    accepted,
    fixed_id_types,
    id_types_file,
    raw_note,
    raw_rows,
    set_aside_note,
    set_aside_on,
)
from tasks.ingest.contract import raw_schema
from tasks.ingest.delivery import IdType, SourceConfig, delivered_again, files_of, unfinished, waiting
from tasks.ingest.pulled import covered, note_of
from tasks.ingest.readers import read_batches
from tasks.ingest.settled import require_promised, require_unchanged
from tasks.ingest.volume import VolumeConfig, volume_band
from tasks.intact import fault_of
from tasks.night import Night, Receipt
from tasks.preload import preload
from tasks.refusals import InputRefusedError, StorageError
from tasks.storage import file_hash, link_file, move, remove, sync_file, write_json
from tasks.warehouse import Warehouse, WarehouseConfig, open_warehouse
from tasks.workspace import SOURCES, Source, read_json

log = logging.getLogger("nightly")


class Delivered(Receipt, frozen=True):
    """What the night works with: every accepted delivery and the new ones."""

    deliveries: tuple[Delivery, ...]
    rows: dict[str, int]
    """Rows read per delivery hash."""

    id_types: IdTypes
    has_times: bool
    set_aside: tuple[SetAside, ...]
    """Unreadable files the night went on without."""

    still_written: dict[str, str] = Field(default_factory=dict)
    """Files left for a later night because they are still being written -> what tells so."""


class Kept(Receipt, frozen=True):
    """What became part of raw/ tonight, by hash."""

    accepted: tuple[str, ...]


def ingest(
    night: Night, source: SourceConfig, volume: VolumeConfig, allow_volume: bool, limits: WarehouseConfig | None = None
) -> Delivered:
    """Read what no night has accepted yet and load it, with everything accepted before, into raw.*.

    Raises InputRefusedError for an unreadable file, a delivery outside the volume band, or no interactions at all.
    """
    earlier = [delivery for delivery in accepted(night.workspace) if delivery.counts_on(night.run_date)]
    if earlier or files_of(night.workspace, source, "interactions"):
        preload("great_expectations")  # the step after next needs it, and it takes seconds to load
    still_written = unfinished(night.workspace, source, night.started_at)
    for name, reason in still_written.items():
        log.warning("ingest: %s is still being written and left for a later night: %s", name, reason)
    new, set_aside = _read(night, source)
    deliveries = tuple(earlier + new)
    if not any(delivery.source == "interactions" for delivery in deliveries):
        folder = night.workspace.inbox("interactions")
        found = "no delivery" + "".join(f"; {name} is still being written: {reason}" for name, reason in still_written.items())
        hint = f"put a CSV, Parquet or JSONL file into {folder}"
        raise InputRefusedError(str(folder), "a first delivery of interactions", found, hint)
    rows = {delivery.sha256: _rows(night, delivery) for delivery in deliveries}
    _check_volume(night, new, earlier, rows, volume, allow_volume)
    with open_warehouse(night, limits) as warehouse:
        relations = {f"raw.{name}": _load(warehouse, night, name, deliveries) for name in SOURCES}
        warehouse.replace("raw.deliveries", _delivery_table(night, deliveries, rows))
        id_types = _fix_id_types(warehouse, night, source)
        has_times = warehouse.rows("checks.times_delivered")[0]["has_times"]
    relations["raw.deliveries"] = len(deliveries)
    log.info("ingest: %d new of %d deliveries, %d rows", len(new), len(deliveries), sum(rows.values()))
    return Delivered(
        files=night.hashed(*(_staged_rows(night, delivery) for delivery in new)),
        relations=relations,
        deliveries=deliveries,
        rows=rows,
        id_types=id_types,
        has_times=has_times,
        set_aside=set_aside,
        still_written=still_written,
    )


def keep(night: Night, delivered: Delivered, _validated: Receipt, limits: WarehouseConfig | None = None) -> Kept:
    """Make tonight's deliveries, now found fit, part of raw/ and take them out of the inbox."""
    kept = []
    with open_warehouse(night, limits) as warehouse:
        first_events = {row["delivery"]: row["first_event"] for row in warehouse.rows("checks.first_events")}
    for delivery in delivered.deliveries:
        if delivery.path is None:
            continue
        staged = _staged_rows(night, delivery)
        target = raw_rows(night.workspace, delivery.source, delivery.sha256)
        if staged.is_file():
            # Linked, not moved: until the night has ended, its receipts must still find what they name.
            link_file(staged, target)
        note = {
            "name": delivery.name,
            "first_night": str(delivery.first_night),
            "first_event": first_events.get(delivery.sha256),
            "rows": delivered.rows[delivery.sha256],
            "sha256": file_hash(target),
        } | ({"repeats": delivery.repeats} if delivery.repeats else {})
        note |= note_of(target)
        write_json(raw_note(night.workspace, delivery.source, delivery.sha256), note)
        kept.append(delivery.sha256)
    write_json(id_types_file(night.workspace), delivered.id_types)
    for path in delivered_again(night.workspace, night.run_date):
        remove(path)
    return Kept(accepted=tuple(kept))


def _read(night: Night, source: SourceConfig) -> tuple[list[Delivery], tuple[SetAside, ...]]:
    """Convert what no night has accepted yet; returns the new deliveries and the files set aside."""
    new, set_aside = [], {file.sha256: file for file in set_aside_on(night.workspace, night.run_date)}
    for delivery in waiting(night.workspace, source, night.run_date, night.started_at):
        path = Path(delivery.path or "")
        if delivery.repeats:
            log.info("ingest: %s was accepted before and is taken in again: another one came between", delivery.name)
        try:
            require_promised(path, delivery.content_hash)
            _convert(night, delivery, source)
            require_unchanged(path, delivery.content_hash)
            new.append(delivery)
        except InputRefusedError as refusal:
            remove(_staged_rows(night, delivery))
            # Whatever is wrong with it: a file whose producer is at work is not ours to move.
            require_unchanged(path, delivery.content_hash)
            if source.on_bad_file == "stop":
                raise
            set_aside[delivery.sha256] = _set_aside(night, delivery, str(refusal))
    return new, tuple(set_aside[sha256] for sha256 in sorted(set_aside))


def _convert(night: Night, delivery: Delivery, source: SourceConfig) -> None:
    """Write a delivered file as Parquet of text columns; row groups follow the batches, so memory stays bounded."""
    target = _staged_rows(night, delivery)
    target.parent.mkdir(parents=True, exist_ok=True)
    rows, told = 0, covered(Path(delivery.path or ""))
    schema = raw_schema(delivery.source).with_metadata(told.metadata() if told else None)
    with pq.ParquetWriter(target, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in _read_ahead(read_batches(delivery, source)):
            writer.write_batch(batch)
            rows += batch.num_rows
    if rows == 0:
        hint = f"deliver rows, or remove {delivery.name}; a night without a delivery needs no file"
        raise InputRefusedError(str(delivery.path), "at least one row", "a header and no rows (delivered empty)", hint)
    sync_file(target)


def _read_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read the next batch on a thread of its own while one is written: both take about as long, and neither needs Python for it."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _staged_rows(night: Night, delivery: Delivery) -> Path:
    return night.staging / "raw" / delivery.source / f"{delivery.sha256}.parquet"


def _rows_file(night: Night, delivery: Delivery) -> Path:
    kept = raw_rows(night.workspace, delivery.source, delivery.sha256)
    return kept if kept.is_file() else _staged_rows(night, delivery)


def _rows(night: Night, delivery: Delivery) -> int:
    return int(pq.read_metadata(_rows_file(night, delivery)).num_rows)


def _set_aside(night: Night, delivery: Delivery, reason: str) -> SetAside:
    """Move an unreadable file out of the way; that it was there is noted first, since it is part of what the night has met."""
    path, facts = Path(delivery.path or ""), delivery.model_dump(include={"source", "sha256", "name", "first_night"})
    # The reason is published: the same night in another folder gives the same bytes.
    file = SetAside(reason=reason.replace(f"{night.workspace.root}/", ""), **facts)
    write_json(set_aside_note(night.workspace, file), file.model_dump(mode="json"))
    if not path.is_relative_to(night.workspace.root / "inbox"):
        log.warning("ingest: %s is unreadable and left where it is, as files outside the inbox always are", path)
        return file
    log.warning("ingest: %s is unreadable and moves to set_aside/", delivery.name)
    move(path, night.workspace.set_aside / f"{delivery.sha256[:12]}-{delivery.name}")
    return file


def _check_volume(
    night: Night, new: list[Delivery], earlier: list[Delivery], rows: dict[str, int], config: VolumeConfig, allow_volume: bool
) -> None:
    history = [(delivery.first_night, rows[delivery.sha256]) for delivery in earlier if delivery.source == "interactions"]
    band = volume_band(history, night.run_date, config)
    for delivery in new:
        found = rows[delivery.sha256]
        if band and delivery.source == "interactions" and not band.low <= found <= band.high:
            if allow_volume:
                log.warning("ingest: %s has %d rows, usual are %d; allowed by --allow-volume", delivery.name, found, band.usual)
                continue
            expected = f"between {band.low:,} and {band.high:,} rows (usual: {band.usual:,})"
            hint = "ask the producer; if the volume is right: nightly run --allow-volume"
            raise InputRefusedError(str(delivery.path), expected, f"{found:,} rows", hint)


def _load(warehouse: Warehouse, night: Night, source: Source, deliveries: tuple[Delivery, ...]) -> int:
    """Make raw.<source> hold exactly the rows of tonight's deliveries; of those accepted before, what is loaded is not read again.

    What no night has accepted may have been read under other settings when it was loaded.
    """
    relation = f"raw.{source}"
    wanted = {delivery.sha256: delivery for delivery in deliveries if delivery.source == source}
    columns = ", ".join(f"{field.name} {'bigint' if field.name == 'row_number' else 'varchar'}" for field in raw_schema(source))
    warehouse.execute(f"create table if not exists {relation} (delivery varchar, {columns})")
    not_kept = f"delete from {relation} where not list_contains($kept, delivery)"  # noqa: S608 - a name of ours
    warehouse.execute(not_kept, {"kept": [sha256 for sha256, delivery in wanted.items() if delivery.path is None]})
    loaded = warehouse.distinct(relation, "delivery")
    for sha256, delivery in wanted.items():
        if sha256 not in loaded:
            _require_intact(night, delivery)
            path = str(_rows_file(night, delivery))
            rows = f"insert into {relation} select $delivery, * from read_parquet($path)"  # noqa: S608 - a name of ours
            warehouse.execute(rows, {"delivery": sha256, "path": path})
    warehouse.stamp(relation)
    return warehouse.count(relation)


def _require_intact(night: Night, delivery: Delivery) -> None:
    """Raise StorageError where the kept rows of a delivery are no longer what was accepted: half of all flipped bits read well."""
    note = read_json(raw_note(night.workspace, delivery.source, delivery.sha256))
    rows = raw_rows(night.workspace, delivery.source, delivery.sha256)
    if note is None or "sha256" not in note:
        return
    fault = fault_of(night.workspace, rows, note["sha256"])
    if fault is not None:
        next_step = f"restore {fault.file} from a backup, or remove it with its .json and deliver {delivery.name} again; then run again"
        raise StorageError(fault.file, fault.expected, fault.found, next_step)


def _delivery_table(night: Night, deliveries: tuple[Delivery, ...], rows: dict[str, int]) -> pa.Table:
    """List the deliveries in the order of acceptance; `reported` are those an earlier published night has told of."""
    champion = night.champion_manifest()
    told = set(champion["inputs"]) if champion else set()
    columns = {
        "delivery": pa.array([delivery.sha256 for delivery in deliveries], pa.string()),
        "source": pa.array([delivery.source for delivery in deliveries], pa.string()),
        "name": pa.array([delivery.name for delivery in deliveries], pa.string()),
        "rows": pa.array([rows[delivery.sha256] for delivery in deliveries], pa.int64()),
        "sequence": pa.array(range(len(deliveries)), pa.int32()),
        "reported": pa.array([delivery.sha256 in told for delivery in deliveries], pa.bool_()),
        "is_new": pa.array([delivery.path is not None for delivery in deliveries], pa.bool_()),
    }
    return pa.table(columns)


def _fix_id_types(warehouse: Warehouse, night: Night, source: SourceConfig) -> IdTypes:
    """Decide once and for all whether ids are integers or text, and give the warehouse the two types.

    Raises InputRefusedError where the settings contradict what the workspace was started with, DamagedNoteError where that is lost.
    """
    known = fixed_id_types(night.workspace)
    integers = {} if known else warehouse.rows("checks.integer_ids")[0]
    wishes: dict[Literal["user_id", "item_id"], Literal["auto"] | IdType] = {"user_id": source.user_id_type, "item_id": source.item_id_type}
    types: IdTypes = {}
    for name, wish in wishes.items():
        found: IdType = "integer" if integers.get(name) else "text"
        types[name] = known.get(name, found if wish == "auto" else wish)
        if wish not in ("auto", types[name]):
            hint = "set it back; another id type needs a new workspace"
            raise InputRefusedError(f"[source] {name}_type", f"{known[name]}, fixed by the first load", wish, hint)
        warehouse.execute(f"drop type if exists {name.replace('_id', '_key')}")
        warehouse.execute(f"create type {name.replace('_id', '_key')} as {'bigint' if types[name] == 'integer' else 'varchar'}")
    return types
