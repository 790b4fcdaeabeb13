"""Orphans: files in the workspace that nothing names; a crash leaves them, or a hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.storage import PARTIAL
from tasks.workspace import Workspace, read_json


@dataclass(frozen=True)
class Orphan:
    """A file or folder that nothing names, and how that can be told."""

    path: Path
    why: str


def orphans(workspace: Workspace) -> list[Orphan]:
    """List what nothing names under tables/, latest/, manifests/ and models/, and what was left half made.

    Nobody may be at work on the workspace: what a run has just written is not named yet.
    """
    return [*_tables(workspace), *_latest(workspace), *_manifests(workspace), *_models(workspace), *_half_made(workspace)]


def _tables(workspace: Workspace) -> Iterator[Orphan]:
    named = {workspace.root / table["path"] for manifest in workspace.published() for table in manifest["tables"].values()}
    for path in sorted(workspace.tables.rglob("*")):
        if path.is_file() and path not in named:
            yield Orphan(path, "no manifest names it")


def _latest(workspace: Workspace) -> Iterator[Orphan]:
    current = workspace.current()
    named = {f"{name}.parquet" for name in current["tables"]} if current else set()
    for path in sorted(workspace.latest.glob("[!.]*")):
        if current is not None and path.name not in named:
            yield Orphan(path, "the manifest that current.json names has no such table")


def _manifests(workspace: Workspace) -> Iterator[Orphan]:
    serving = {manifest["run_id"] for manifest in workspace.published()}
    for path in sorted(workspace.manifests.glob("[!.]*.json")):
        if path.stem not in serving and workspace.manifest(path.stem) is not None:
            yield Orphan(path, "a later manifest serves its date")


def _models(workspace: Workspace) -> Iterator[Orphan]:
    named = {manifest["model_version"] for manifest in workspace.published()}
    named.add((read_json(workspace.reference) or {}).get("model_version"))
    for folder in sorted(path for path in workspace.models.glob("*") if path.is_dir()):
        if folder.name not in named and not (folder / "card.json").is_file():
            yield Orphan(folder, "a set of models without its card: left half made")


def _half_made(workspace: Workspace) -> Iterator[Orphan]:
    for folder in (workspace.root, workspace.manifests, workspace.latest, workspace.tables, workspace.models, workspace.raw):
        pattern = f".*{PARTIAL}"
        for path in sorted(folder.glob(pattern) if folder == workspace.root else folder.rglob(pattern)):
            yield Orphan(path, "left half written")
