"""One publication, from the moment it is decided: written down first, then carried out so that it can be carried out again.

Whoever dies in the middle leaves the note; `tasks.recovery` finds it at the next start and carries it out to its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks.pointer import point
from tasks.storage import file_hash, link_file, move, remove, sync_file, write_json
from tasks.workspace import Workspace, read_json

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

    @property
    def name(self) -> str:
        """When it was decided and by whom; the files it replaces are kept under this name."""
        return f"{self.manifest['published_at'].replace(':', '-')}-{self.attempt['attempt_id']}"


def noted(staging: Path) -> Publication | None:
    """Read the publication a night has decided on, None where it has not come to that."""
    content = read_json(staging / NOTE)
    return Publication.model_validate(content) if content else None


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


def carry_out(workspace: Workspace, publication: Publication) -> None:
    """Serve every table, then the manifest, then latest/ and the pointer; done twice, it changes nothing.

    Every step is one rename. For readers of a date's folder a table changes at its own; for readers of `current.json` all tables change
    with the pointer.
    """
    manifest = publication.manifest
    replaced = workspace.history / publication.name
    for name in manifest["tables"]:
        _serve(workspace, publication, name, replaced)
    write_json(workspace.manifest_file(manifest["run_id"]), manifest)
    current = workspace.current()
    if current is None or current["run_date"] <= manifest["run_date"]:
        point(workspace, manifest, at=manifest["published_at"])
    for earlier in workspace.manifests_of(manifest["run_date"]):
        if earlier["run_id"] != manifest["run_id"]:
            file = workspace.manifest_file(earlier["run_id"])
            link_file(file, replaced / "manifest.json")
            remove(file)
            sync_file(file.parent)  # a date has one manifest, after a power cut too
    if not workspace.reference.is_file():
        write_json(workspace.reference, {name: manifest[name] for name in ("model_version", "run_date", "data_through")})


def take_back(workspace: Workspace, publication: Publication) -> None:
    """Undo a publication whose staged files are lost: what it replaced is served again, what was new is withdrawn to .history/."""
    replaced = workspace.history / publication.name
    for name, table in publication.manifest["tables"].items():
        served, before = workspace.root / table["path"], replaced / f"{name}.parquet"
        if before.is_file():
            link_file(before, served)
        elif served.is_file() and file_hash(served) == table["sha256"]:
            move(served.parent, replaced / "withdrawn" / name)


def _serve(workspace: Workspace, publication: Publication, name: str, replaced: Path) -> None:
    table = publication.manifest["tables"][name]
    served, staged = workspace.root / table["path"], _staged(workspace, publication, name)
    if served.is_file() and file_hash(served) == table["sha256"]:
        return
    # Made ready outside the tables' folders: a glob over them must never meet a file that has not got its name yet.
    ready = workspace.staging / publication.manifest["run_id"] / "serving" / name / served.name
    link_file(staged, ready)
    if served.is_file():
        link_file(served, replaced / f"{name}.parquet")
    if served.parent.is_dir():
        move(ready, served)
    else:
        move(ready.parent, served.parent)


def _staged(workspace: Workspace, publication: Publication, name: str) -> Path:
    return workspace.root / publication.staged[name]
