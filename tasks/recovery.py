"""Recovery: at every start, bring a workspace that a crash left between two states to one of them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tasks.intact import faults_of
from tasks.pointer import latest_follows, point
from tasks.publication import Publication, can_be_carried_out, carry_out, close, noted, take_back
from tasks.storage import PARTIAL, append_line, canonical_json, remove
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def recover(workspace: Workspace) -> list[Publication]:
    """Finish what a killed run had decided, and clean up what it left; returns the publications that were carried out to their end.

    A publication whose staged files are lost is taken back. Needs the workspace's lock.
    """
    finished = []
    for staging in sorted(path for path in workspace.staging.glob("*") if path.is_dir()):
        publication = noted(staging)
        if publication is None:
            continue
        if can_be_carried_out(workspace, publication):
            _finish(workspace, publication, staging)
            finished.append(publication)
        else:
            log.warning("the publication of %s by attempt %s lost its files and is taken back", *_who(publication))
            take_back(workspace, publication)
            remove(staging)
    _mend_pointer(workspace)
    latest_follows(workspace)
    for folder in (workspace.root, workspace.manifests, workspace.latest, *workspace.raw.glob("*")):
        for partial in folder.glob(f".*{PARTIAL}"):
            remove(partial)
    return finished


def _finish(workspace: Workspace, publication: Publication, staging: Path) -> None:
    log.warning("recovered: the publication of %s by attempt %s, which was killed, is carried out to its end", *_who(publication))
    carry_out(workspace, publication)
    if not any(_is_told(entry, publication) for entry in workspace.attempts()):
        append_line(workspace.runs, canonical_json(publication.attempt))
    remove(workspace.open_attempt)
    close(staging)


def _mend_pointer(workspace: Workspace) -> None:
    """Point at the newest date again where `current.json` is damaged or gone: whatever is published next may be an old date."""
    if workspace.current() is not None:
        return
    whole = next((night for night in reversed(workspace.published()) if next(faults_of(workspace, night), None) is None), None)
    if whole is not None:
        log.warning("current.json was damaged or missing and points at %s again, the newest date that is whole", whole["run_date"])
        point(workspace, whole, at=whole["published_at"])


def _is_told(entry: dict[str, Any], publication: Publication) -> bool:
    return entry["attempt_id"] == publication.attempt["attempt_id"] and entry["ending"] == "published"


def _who(publication: Publication) -> tuple[str, str]:
    return publication.manifest["run_date"], publication.attempt["attempt_id"]
