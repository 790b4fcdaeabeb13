"""Recovery: at every start, bring a workspace that a crash left between two states to one of them."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.intact import faults_of
from tasks.moments import written
from tasks.pointer import latest_follows, point, pointer_moves
from tasks.publication import Publication, can_be_carried_out, carry_out, close, conclude, is_served, noted, take_back
from tasks.storage import PARTIAL, append_line, canonical_json, remove
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def recover(workspace: Workspace, at: datetime) -> list[Publication]:
    """Finish what a killed run had decided, and clean up what it left; returns the publications that were carried out to their end.

    A publication whose staged files are lost is taken back, unless it is served already. `at` is the time the pointer's log gives.
    Needs the workspace's lock.
    """
    finished, moment = [], written(at)
    _mend_pointer(workspace, moment)  # first: the publication of an old date must not become what is served for want of a pointer
    for staging in sorted(path for path in workspace.staging.glob("*") if path.is_dir()):
        publication = noted(staging)
        if publication is None:
            continue
        who = publication.manifest["run_date"], publication.attempt["attempt_id"]
        if can_be_carried_out(workspace, publication):
            log.warning("recovered: the publication of %s by attempt %s, which was killed, is carried out to its end", *who)
            carry_out(workspace, publication, moment)
        elif is_served(workspace, publication):
            log.warning("the publication of %s by attempt %s stays, with a damaged table: run its date again to make it good", *who)
            conclude(workspace, publication)
        else:
            log.warning("the publication of %s by attempt %s lost its files and is taken back", *who)
            take_back(workspace, publication)
            remove(staging)
            continue
        _record(workspace, publication, staging)
        finished.append(publication)
    _mend_pointer(workspace, moment)
    latest_follows(workspace)
    for folder in (workspace.root, workspace.manifests, workspace.latest, *workspace.raw.glob("*")):
        for partial in folder.glob(f".*{PARTIAL}"):
            remove(partial)
    return finished


def _record(workspace: Workspace, publication: Publication, staging: Path) -> None:
    if not any(_is_told(entry, publication) for entry in workspace.attempts()):
        append_line(workspace.runs, canonical_json(publication.attempt))
    remove(workspace.open_attempt)
    close(staging)


def _mend_pointer(workspace: Workspace, moment: str) -> None:
    """Point again where `current.json` is damaged or gone: at what its log names last, or at the newest date that is whole."""
    if workspace.current() is not None:
        return
    published = workspace.published()
    last = [move.run_id for move in pointer_moves(workspace)][-1:]
    # What was rolled back from stays rolled back.
    candidates = [night for night in published if night["run_id"] in last] + published[::-1]
    whole = next((night for night in candidates if next(faults_of(workspace, night), None) is None), None)
    if whole is not None:
        log.warning("current.json was damaged or missing and points at %s again", whole["run_date"])
        point(workspace, whole, at=moment)


def _is_told(entry: dict[str, Any], publication: Publication) -> bool:
    return entry.get("attempt_id") == publication.attempt["attempt_id"] and entry.get("ending") == "published"
