"""A shop of twenty users whose night takes a fraction of a second: real publication, recovery and record, a ranking by plain counting.

No TensorFlow, no Great Expectations, no warehouse: what is put to the test here is what becomes of files.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from flows import identity
from flows.attempt import Ending, Options, attempted
from flows.clock import now
from flows.gc import collect
from flows.rollback import roll_back
from flows.settings import Settings, load_settings
from tasks import storage
from tasks.check import Checked
from tasks.deliveries import Delivery, accepted, raw_note, raw_rows
from tasks.disk import Disk
from tasks.ingest.delivery import delivered_again, waiting
from tasks.model_set import set_version
from tasks.night import Night, Receipt, Runner
from tasks.prepare import Prepared
from tasks.publish import publish
from tasks.refit import Refitted
from tasks.refusals import InputRefusedError, NightError
from tasks.storage import canonical_json, file_hash, link_file, remove, sync_file, write_bytes, write_json
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.workspace import Workspace

K, USERS, ITEMS = 5, 20, 30
FIRST = date(2026, 1, 5)
HEAVY = ("tensorflow", "great_expectations", "prefect")


def day(number: int) -> date:
    """Return one of the dates of the tiny world, counted from 0."""
    return FIRST + timedelta(days=number)


def delivery(number: int, variant: int = 0) -> bytes:
    """Return what is delivered on a day, another content for another variant: every user touches two items."""
    lines = ["user_id,item_id,occurred_at"]
    for user in range(USERS):
        for step in range(2):
            item = (user * (3 + number) + step * (7 + variant) + number * 5 + variant) % ITEMS
            lines.append(f"{user},{item},{day(number)}T{step + 2 * (variant // 60):02}:{user:02}:{variant % 60:02}Z")
    return ("\n".join(lines) + "\n").encode()


def new_workspace(root: Path) -> Workspace:
    """Make an empty workspace of the tiny world."""
    workspace = Workspace(root)
    # Two days of tables and no grace: `gc` has something to do after a few nights.
    workspace.create(f"[score]\nk = {K}\n[train]\nmodels = ['popularity']\n[keeping]\ntables_days = 2\ngrace_hours = 0\n")
    return workspace


def deliver(root: Path, number: int, variant: int = 0) -> Path:
    """Put a day's delivery into the inbox, as a producer does: whole, under its name; returns the file."""
    target = Workspace(root).inbox("interactions") / f"{day(number)}-{variant}.csv"
    target.write_bytes(delivery(number, variant))
    return target


class Taken(Receipt, frozen=True):
    """The deliveries that count tonight."""

    deliveries: tuple[Delivery, ...]


class Ranked(Receipt, frozen=True):
    """The staged tables."""

    model_version: str
    data_through: str


def take_in(night: Night) -> Taken:
    """Keep what is new in the inbox, the way `tasks.ingest` does."""
    workspace = night.workspace
    earlier = [known for known in accepted(workspace) if known.counts_on(night.run_date)]
    new = waiting(workspace, _settings(workspace.root).source, night.run_date)
    for found in new:
        staged = night.staging / "raw" / f"{found.sha256}.parquet"
        staged.parent.mkdir(parents=True, exist_ok=True)
        rows = pyarrow.csv.read_csv(str(found.path))
        pq.write_table(rows, staged)
        sync_file(staged)
        target = raw_rows(workspace, found.source, found.sha256)
        link_file(staged, target)
        first = min(rows["occurred_at"].to_pylist()).replace(tzinfo=None)
        note = {"name": found.name, "first_night": str(found.first_night), "first_event": str(first), "rows": rows.num_rows}
        write_json(raw_note(workspace, found.source, found.sha256), note | {"sha256": file_hash(target)})
    for path in delivered_again(workspace):
        remove(path)
    if not earlier and not new:
        raise InputRefusedError("the inbox", "a first delivery", "none", "deliver something")
    return Taken(deliveries=tuple(earlier + new))


def rank(night: Night, taken: Taken) -> Ranked:
    """Give every user what is most popular as of tonight."""
    events = [
        (row["user_id"], row["item_id"])
        for known in taken.deliveries
        for row in pq.read_table(raw_rows(night.workspace, known.source, known.sha256)).to_pylist()
        if row["occurred_at"].replace(tzinfo=None) < night.known_until
    ]
    lists = ranking(events)
    final, blend = night.staging / "models" / "final", '{"speaks": "popularity"}'
    write_bytes(final / "popularity" / "counts.json", canonical_json(sorted(Counter(item for _, item in events).items())).encode())
    write_bytes(final / "blend.json", blend.encode())
    version = set_version([final / "popularity"], blend)
    card = {"model_version": version, "run_date": str(night.run_date), "models": [{"name": "popularity", "family": "knowledge"}]}
    write_bytes(final / "card.json", canonical_json(card).encode())
    staged = {
        "recommendations": [
            {"user_id": user, "rank": place + 1, "item_id": item, "score": float(K - place), "blended_score": float(K - place)}
            | {"knowledge": float(K - place), "reason": "knowledge", "served_by": "popularity"}
            | {"model_version": version, "run_id": night.run_id}
            for user, items in lists.items()
            for place, item in enumerate(items)
        ],
        "popular_items": [{"segment": "__all__", "rank": 1, "item_id": lists[0][0], "score": 1.0}],
        "weights": [{"segment": "__all__", "model": "popularity", "family": "knowledge", "weight": 1.0, "n_users": len(lists)}],
        "coverage": [{"fact": "users_served", "subject": "", "value": float(len(lists)), "reason": ""}],
    }
    files = [_write(night, name, staged.get(name, [])) for name in TABLES if name != "runs"]
    return Ranked(files=night.hashed(*files), model_version=version, data_through=str(max(known.name for known in taken.deliveries)))


def ranking(events: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """Rank by plain counting: for each user the most popular items, unseen ones first, the smaller id first where two are equal."""
    seen = set(events)
    count = Counter(item for _, item in sorted(seen))
    order = sorted(range(ITEMS), key=lambda item: (-count[item], item))
    return {user: sorted(order, key=lambda item: (user, item) in seen)[:K] for user in range(USERS)}


def _write(night: Night, name: str, rows: list[dict[str, Any]]) -> Path:
    table = TABLES[name]
    schema = table.schema({"user_id": "integer", "item_id": "integer"}, {"run_id": night.run_id})
    filled = [
        {column.name: row.get(column.name, _nothing(column.kind, nullable=column.nullable)) for column in table.columns} for row in rows
    ]
    content = pa.Table.from_pylist(filled, schema=pa.schema([field.remove_metadata() for field in schema]))
    return write_table(night.staged_table(name), content, schema)


def _nothing(kind: str, *, nullable: bool) -> Any:
    return None if nullable else "" if kind == "string" else 0


def tiny(at: Night, _settings: Settings, _options: Options, step: Runner) -> None:
    """Put the steps of a tiny night in order."""
    taken = step(take_in, at)
    ranked = step(rank, at, taken)
    prepared = Prepared.model_construct(data_through=ranked.data_through)
    refitted = Refitted.model_construct(model_version=ranked.model_version, folder=at.workspace.relative(at.staging / "models" / "final"))
    step(publish, at, prepared, None, None, refitted, Checked.model_construct(files=ranked.files, rows={}, checks=()))


def run(root: Path, number: int, disk: Disk | None = None, **options: bool) -> Ending:
    """Run a tiny night on a disk of one's choice; a refusal that ends the command is returned as the ending it is."""
    warm()
    return _on(disk, number, lambda: attempted(tiny, root, day(number), _settings(root), Options(**options)))


def nights(root: Path, *numbers: int) -> None:
    """Deliver and publish nights one after the other; a night that does not publish fails the test."""
    for number in numbers:
        deliver(root, number)
        assert run(root, number).ending == "published"


def rolled_back(root: Path, number: int, disk: Disk | None = None) -> Ending:
    """Serve an earlier date again."""
    return _on(disk, number, lambda: _as_ending(roll_back(root, day(number), now(), as_json=True), number))


def collected(root: Path, number: int, disk: Disk | None = None) -> Ending:
    """Remove old dates; `number` is only what the ending bears."""
    return _on(disk, number, lambda: _as_ending(collect(root, now(), as_json=True, dry_run=False, with_orphans=False), number))


def _as_ending(code: int, number: int) -> Ending:
    return Ending(ending="unchanged" if code == 0 else "failed", exit_code=code, run_date=day(number))


def _on(disk: Disk | None, number: int, act: Callable[[], Ending]) -> Ending:
    before, storage.DISK = storage.DISK, disk or storage.DISK
    try:
        return act()
    except NightError as refusal:
        told = {"reason": str(refusal), "next_step": refusal.next_step}
        return Ending(ending=refusal.ending, exit_code=refusal.exit_code, run_date=day(number), **told)
    finally:
        storage.DISK = before


@functools.cache
def warm() -> None:
    """Work out once what every night of this process would work out again: it is not what is tested here."""
    identity.code_version = lambda: "the code under test"
    metadata.version = functools.cache(metadata.version)


@functools.cache
def _settings(root: Path) -> Settings:
    return load_settings(root)


def is_light() -> bool:
    """Tell whether this process has loaded none of what takes seconds."""
    return not any(name in sys.modules for name in HEAVY)
