"""One publication, from the moment it is decided: written down first, then carried out so that it can be carried out again.

Whoever dies in the middle leaves the note; `tasks.recovery` finds it at the next start and carries it out to its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tasks.pointer import point
from tasks.refusals import StorageError
from tasks.storage import file_hash, link_file, move, remove, sync_file, write_json
from tasks.workspace import Workspace

NOTE = Path("publication") / "note.json"
"""Where a staged night notes what it is about to publish; not beside the receipts, which are the steps' own."""


class Publication(BaseModel, frozen=True, extra="forbid"):
    """All that is needed to publish a night whose files are staged and synced."""

    staged: dict[str, str]
    """Table -> its staged file, relative to the workspace."""

    manifest: dict[str, Any]
    """What names every served file with its hash."""

    attempt: dict[str, Any]
    """What `runs.jsonl` tells of the attempt once it has published."""

    repairs: bool = False
    """Whether the very same run is published already and only damaged: then the pointer stays where it is."""

    @property
    def name(self) -> str:
        """When it was decided and by whom; the files it replaces are kept under this name."""
        return f"{self.manifest['published_at'].replace(':', '-')}-{self.attempt['attempt_id']}"


def noted(staging: Path) -> Publication | None:
    """Read the publication a night has decided on, None where it has not come to that.

    Raises StorageError where its note cannot be read: half of it may be served already, and what it staged must not be swept away.
    """
    file = staging / NOTE
    if not file.is_file():
        return None
    try:
        return Publication.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{'.'.join(str(part) for part in first['loc'])} {first['msg']}".strip()
        aside = f"move {staging} out of the workspace, and run the date again that the note tells of"
        next_step = f"let the version of nightly that wrote it finish it, by any run; or {aside}"
        raise StorageError(str(file), "the note of a publication", found, next_step) from error


def note(staging: Path, publication: Publication) -> None:
    """Write down what is about to be published; from here on a crash leads forward."""
    write_json(staging / NOTE, publication.model_dump(mode="json"))
    # Whichever step made these folders: a power cut must not take the note away once anything is served.
    for folder in (staging, staging.parent, staging.parent.parent):
        sync_file(folder)


def close(staging: Path) -> None:
    """Forget a publication that was carried out and recorded, and all that was staged for it."""
    remove(staging / NOTE)
    if (staging / NOTE).parent.is_dir():
        sync_file((staging / NOTE).parent)  # a note that comes back after a power cut would undo what is published next
    remove(staging)


def can_be_carried_out(workspace: Workspace, publication: Publication) -> bool:
    """Tell whether each of its files is served already, or staged, byte for byte."""
    return all(
        any(
            path.is_file() and file_hash(path) == table["sha256"]
            for path in (workspace.root / table["path"], _staged(workspace, publication, name))
        )
        for name, table in publication.manifest["tables"].items()
    )


def carry_out(workspace: Workspace, publication: Publication, at: str) -> None:
    """Serve every table, then the manifest, then latest/ and the pointer; done twice, it changes nothing.

    Every step is one rename. For readers of a date's folder a table changes at its own; for readers of `current.json` all tables change
    with the pointer, at the time `at`.
    """
    manifest = publication.manifest
    for name in manifest["tables"]:
        _serve(workspace, publication, name)
    write_json(workspace.manifest_file(manifest["run_id"]), manifest)
    current = workspace.current()
    if _moves_pointer(publication, current):
        point(workspace, manifest, at=at)
    conclude(workspace, publication)


def is_served(workspace: Workspace, publication: Publication) -> bool:
    """Tell whether readers are past the moment at which it became theirs, so that taking it back would take away what they read."""
    current = workspace.current()
    points_there = current is not None and current["run_id"] == publication.manifest["run_id"]
    written = workspace.manifest(publication.manifest["run_id"]) is not None
    return written and (points_there or not _moves_pointer(publication, current))


def conclude(workspace: Workspace, publication: Publication) -> None:
    """Retire the manifest that the date had before, and pin the first models as the reference."""
    manifest = publication.manifest
    for earlier in workspace.manifests_of(manifest["run_date"]):
        if earlier["run_id"] != manifest["run_id"]:
            file = workspace.manifest_file(earlier["run_id"])
            link_file(file, _replaced(workspace, publication) / "manifest.json")
            remove(file)
            sync_file(file.parent)  # a date has one manifest, after a power cut too
    if not workspace.reference.is_file():
        write_json(workspace.reference, {name: manifest[name] for name in ("model_version", "run_date", "data_through")})


def take_back(workspace: Workspace, publication: Publication) -> None:
    """Undo a publication whose staged files are lost: what it replaced is served again, what was new is withdrawn to .history/."""
    replaced, manifest = _replaced(workspace, publication), publication.manifest
    if not publication.repairs:
        remove(workspace.manifest_file(manifest["run_id"]))
        sync_file(workspace.manifests)
    stays = {table["path"] for night in workspace.manifests_of(manifest["run_date"]) for table in night["tables"].values()}
    for name, table in manifest["tables"].items():
        served, before = workspace.root / table["path"], replaced / f"{name}.parquet"
        if before.is_file():
            link_file(before, served)
        elif served.is_file() and table["path"] not in stays:
            move(served.parent, replaced / "withdrawn" / name)


def _moves_pointer(publication: Publication, current: dict[str, Any] | None) -> bool:
    """Tell whether the pointer goes to this night: never back to an earlier date, and for a repair only to where it is."""
    if current is None:
        return True
    if publication.repairs:
        return bool(current["run_id"] == publication.manifest["run_id"])
    return bool(current["run_date"] <= publication.manifest["run_date"])


def _serve(workspace: Workspace, publication: Publication, name: str) -> None:
    table = publication.manifest["tables"][name]
    served, staged = workspace.root / table["path"], _staged(workspace, publication, name)
    if served.is_file() and file_hash(served) == table["sha256"]:
        return
    # Made ready outside the tables' folders: a glob over them must never meet a file that has not got its name yet.
    ready = workspace.staging / publication.manifest["run_id"] / "serving" / name / served.name
    link_file(staged, ready)
    if served.is_file():
        link_file(served, _replaced(workspace, publication) / f"{name}.parquet")
    if served.parent.is_dir():
        move(ready, served)
    else:
        move(ready.parent, served.parent)


def _staged(workspace: Workspace, publication: Publication, name: str) -> Path:
    return workspace.root / publication.staged[name]


def _replaced(workspace: Workspace, publication: Publication) -> Path:
    return workspace.history / publication.name
