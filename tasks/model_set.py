"""A kept set of models: its version is a hash of its bytes, so that a set tells whether it is still what it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from models.artifact import folder_hash
from tasks.intact import Fault, fault_of
from tasks.storage import text_hash
from tasks.workspace import Workspace, read_json


def set_version(folders: Sequence[Path], blend: str) -> str:
    """Return the version of a set of models and the blend that weighs them: a hash of their bytes."""
    hashes = {folder.name: folder_hash(folder) for folder in folders}
    return text_hash(json.dumps([hashes, blend], sort_keys=True))[:16]


def set_fault(workspace: Workspace, version: str) -> Fault | None:
    """Return what is wrong with a kept set of models, None where its bytes are what its version says."""
    folder = workspace.models / version
    where = workspace.relative(folder)
    card = read_json(folder / "card.json")
    if card is None:
        return Fault(where, "a card.json that can be read", "a damaged one" if (folder / "card.json").exists() else "none")
    try:
        found = set_version([folder / str(model["name"]) for model in card["models"]], (folder / "blend.json").read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Fault(where, "every file its card names", str(error))
    if found != version:
        return Fault(where, f"models and weights with the hash {version}", f"the hash {found}")
    return fault_of(workspace, folder / "items.parquet", card["items"]) if "items" in card else None


def intact_sets(workspace: Workspace) -> list[str]:
    """Return the versions of the kept sets whose bytes are what they were, in order of their names."""
    versions = sorted(path.name for path in workspace.models.glob("*") if path.is_dir())
    return [version for version in versions if set_fault(workspace, version) is None]
