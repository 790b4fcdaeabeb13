"""A preview: which files a verb would read, write, replace and delete, and what that costs; nothing is written or locked for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.lock import at_work
from tasks.movielens.layouts import layout_of
from tasks.movielens.published import open_published
from tasks.plan import Waiting
from tasks.publication import NOTE
from tasks.retention import Forgettable
from tasks.storage import file_hash
from tasks.tables import TABLES
from tasks.workspace import SOURCES, Workspace

BYTES_A_SECOND = 200e6
"""How fast files are hashed, copied and removed on an ordinary disk: what verbs that compute nothing are timed by."""

LIGHT_BYTES = 100 << 20
"""What a verb holds that computes nothing: Python and a few small files."""

A_LINE = "a line is added"


@dataclass(frozen=True)
class Part:
    """A file or folder of the workspace, what it weighs where that is known, and what it is."""

    path: str
    bytes: int | None = None
    what: str = ""


@dataclass(frozen=True)
class Changes:
    """What a verb would touch."""

    reads: tuple[Part, ...] = ()
    writes: tuple[Part, ...] = ()
    replaces: tuple[Part, ...] = ()
    deletes: tuple[Part, ...] = ()

    @property
    def seconds(self) -> float:
        """Return about how long it takes to move so many bytes."""
        parts = (*self.reads, *self.writes, *self.replaces, *self.deletes)
        return round(sum(part.bytes or 0 for part in parts) / BYTES_A_SECOND, 1)


def in_the_way(workspace: Workspace) -> list[str]:
    """Return what comes before any verb that writes: a run that is at work, and a publication that was cut off."""
    holder = at_work(workspace)
    half = [path.name for path in sorted(workspace.staging.glob("*")) if (path / NOTE).is_file()]
    told = [f"at work now: {holder}; until that has ended, this would be refused with exit 5"] if holder else []
    return told + [f"first the publication that was cut off is carried out to its end: {name}" for name in half if not holder]


def night_changes(workspace: Workspace, run_date: str, waiting: Sequence[Waiting], *, keeps_models: bool, publishes: bool) -> Changes:
    """Return what a night of a date touches; tables and models weigh what those that are served weigh."""
    current = workspace.current()
    taken = Counter(file.source for file in waiting)
    inbox = tuple(Part(f"inbox/{file.source}/{file.name}", file.bytes, "once it is kept in raw/") for file in waiting if not file.outside)
    writes = [Part(f"raw/{source}/", None, f"{count} deliveries, each with its note") for source, count in taken.items()]
    replaces = [_part(workspace, workspace.warehouse, "the working store")]
    if keeps_models:
        folder = workspace.models / str(current["model_version"]) if current else None
        writes.append(Part("models/", _weight([folder]) if folder else None, "tonight's models"))
    if publishes:
        more, instead = _publication(workspace, run_date, current)
        writes, replaces = [*writes, *more], [*replaces, *instead]
    writes += [Part(f"reports/run_date={run_date}/", None, "the report"), Part("runs.jsonl", None, A_LINE)]
    reads = tuple(Part(f"inbox/{file.source}/{file.name}", file.bytes) for file in waiting)
    kept = Part("raw/", _weight([workspace.raw]), "what earlier nights accepted")
    return Changes((*reads, kept), tuple(writes), tuple(replaces), inbox)


def _publication(workspace: Workspace, run_date: str, current: dict[str, Any] | None) -> tuple[list[Part], list[Part]]:
    """Return what publishing a date writes and what it replaces; the pointer never moves back to an earlier date."""
    weight = sum(table["bytes"] for table in current["tables"].values()) if current else None
    tables = Part(f"tables/*/run_date={run_date}/part-0.parquet", weight, f"{len(TABLES)} tables")
    writes, replaces = [Part("manifests/", None, "a manifest")], []
    if workspace.manifests_of(run_date):
        replaces.append(Part(tables.path, weight, "the tables of that date; what they replace is kept under .history/"))
    else:
        writes.append(tables)
    if current is None or current["run_date"] <= run_date:
        replaces += [Part("latest/*.parquet", weight, "copies of the tables"), Part("current.json", None, "the pointer")]
        writes.append(Part(".history/pointer.jsonl", None, A_LINE))
    return writes, replaces


def early_changes(again: Iterable[Path], workspace: Workspace) -> Changes:
    """Return what a night touches that has nothing to do: its line in the record, and files that say nothing new."""
    deletes = tuple(_part(workspace, path, "delivered before") for path in again)
    return Changes(writes=(Part("runs.jsonl", None, A_LINE),), deletes=deletes)


def rollback_changes(workspace: Workspace, night: dict[str, Any]) -> Changes:
    """Return what serving an earlier night again touches: copies in latest/ that differ, and the pointer."""
    tables, day = night["tables"], night["run_date"]
    copies = {name: workspace.latest / f"{name}.parquet" for name in tables}
    unlike = [name for name, copy in copies.items() if not (copy.is_file() and file_hash(copy) == tables[name]["sha256"])]
    there, new = ([name for name in unlike if copies[name].exists() is is_there] for is_there in (True, False))
    copied = {
        kind: Part("latest/", sum(tables[name]["bytes"] for name in names), ", ".join(names))
        for kind, names in (("old", there), ("new", new))
    }
    writes = [*([copied["new"]] if new else []), Part(".history/pointer.jsonl", None, A_LINE)]
    replaces = [*([copied["old"]] if there else []), Part("current.json", None, f"the pointer, to {day}")]
    read = Part(
        f"tables/*/run_date={day}/part-0.parquet", sum(table["bytes"] for table in tables.values()), f"{len(tables)} tables, hashed"
    )
    return Changes((read,), tuple(writes), tuple(replaces))


def gc_changes(workspace: Workspace, going: Sequence[tuple[Forgettable, int]]) -> Changes:
    """Return what a collection removes, and the manifests it keeps as a record."""
    kept = [item.manifest.name for item, _ in going if item.manifest]
    writes = tuple(Part(workspace.relative(workspace.retired / name), None, "the record of a date that went") for name in kept)
    return Changes(writes=writes, deletes=tuple(Part(item.what, size, item.why) for item, size in going))


def import_changes(workspace: Workspace, path: Path) -> tuple[str, Changes]:
    """Return the layout of a published MovieLens data set, and what importing it touches.

    Raises LayoutError for anything that is no such data set.
    """
    with open_published(path) as published:
        layout = layout_of(published)
        sources = {"interactions": True, "items": True, "users": layout.users is not None and layout.users.name in published}
        with published.reading(layout.ratings.name, "ratings"):
            pass
    files = [workspace.inbox(source) / "movielens.parquet" for source in SOURCES if sources[source]]
    there, new = ([file for file in files if file.exists() is is_there] for is_there in (True, False))
    replaces = [_part(workspace, file, "imported before") for file in there]
    replaces.append(_part(workspace, workspace.settings_file, "[events] positive_from is set in it"))
    return layout.name, Changes(
        (Part(str(path), _weight([path]), "the data set as it was published"),),
        tuple(Part(workspace.relative(file), None, "as Parquet") for file in new),
        tuple(replaces),
    )


def _part(workspace: Workspace, path: Path, what: str) -> Part:
    return Part(workspace.relative(path), path.stat().st_size if path.is_file() else None, what)


def _weight(paths: Iterable[Path]) -> int:
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,))]
    return sum(file.stat().st_size for file in files if file.is_file())
