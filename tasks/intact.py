"""Is every file still what it was when it was written? Hashes written down then are compared with the bytes that lie there now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.storage import file_hash
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Fault:
    """One file that is not what was written down; `file` is relative to the workspace."""

    file: str
    expected: str
    found: str


def faults_of(workspace: Workspace, manifest: dict[str, Any]) -> Iterator[Fault]:
    """Yield the served files of one night that are missing or have other bytes than its manifest says."""
    for table in manifest["tables"].values():
        fault = fault_of(workspace, workspace.root / table["path"], table["sha256"])
        if fault is not None:
            yield fault


def fault_of(workspace: Workspace, path: Path, sha256: str) -> Fault | None:
    """Return what is wrong with one file, None where it has the bytes it should have."""
    if not path.is_file():
        return Fault(workspace.relative(path), f"a file with sha256 {sha256[:12]}", "no file")
    try:
        found = file_hash(path)
    except OSError as error:
        return Fault(workspace.relative(path), f"a file with sha256 {sha256[:12]}", str(error))
    return None if found == sha256 else Fault(workspace.relative(path), f"sha256 {sha256[:12]}", f"sha256 {found[:12]}")
