"""What is served now: `current.json`, the copies in latest/ that follow it, and the log of every move."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.intact import faults_of
from tasks.moments import moment
from tasks.storage import append_line, canonical_json, copy_file, file_hash, write_json
from tasks.workspace import Workspace, read_json

log = logging.getLogger("nightly")


@dataclass(frozen=True)
class Move:
    """One move of the pointer: when (UTC, without zone), and to which night."""

    at: datetime
    run_id: str
    run_date: str


def point(workspace: Workspace, manifest: dict[str, Any], at: str) -> None:
    """Serve a published night: refresh latest/, then move the pointer; `at` is the time the log gives.

    The pointer's replacement is the moment at which readers of `current.json` see all tables change.
    """
    append_line(workspace.pointer_log, canonical_json({"at": at, "run_id": manifest["run_id"], "run_date": manifest["run_date"]}))
    # First: whoever dies while latest/ is filled leaves a note that contradicts the pointer, and the next start fills it again.
    write_json(workspace.latest_note, {"run_id": manifest["run_id"]})
    _fill_latest(workspace, manifest)
    target = {"run_id": manifest["run_id"], "run_date": manifest["run_date"], "manifest": f"manifests/{manifest['run_id']}.json"}
    freshness = {"data_through": manifest["data_through"], "published_at": manifest["published_at"]}
    write_json(workspace.pointer, target | freshness)


def latest_follows(workspace: Workspace) -> None:
    """Bring latest/ back to what the pointer says, where a crash came between the two."""
    current, filled = workspace.current(), read_json(workspace.latest_note)
    if current is not None and (filled or {}).get("run_id") != current["run_id"]:
        damaged = next(faults_of(workspace, current), None)
        if damaged is not None:  # a night must be able to start: it is what makes the table again
            log.warning("latest/ cannot follow current.json: %s is damaged (%s); see `nightly verify`", damaged.file, damaged.found)
            return
        log.warning("latest/ is brought back to the tables of %s, which current.json names", current["run_date"])
        _fill_latest(workspace, current)
        write_json(workspace.latest_note, {"run_id": current["run_id"]})


def pointed_since(workspace: Workspace, moment: datetime) -> set[str]:
    """Return the run_ids that were pointed at at any time after `moment`: somebody may still be reading them."""
    moves = pointer_moves(workspace)
    before = [move.run_id for move in moves if move.at <= moment]
    return {move.run_id for move in moves if move.at > moment} | set(before[-1:])


def pointer_moves(workspace: Workspace) -> list[Move]:
    """Return every move of the pointer, oldest first; a line torn by a crash is passed over: the pointer itself had not moved yet."""
    if not workspace.pointer_log.is_file():
        return []
    moves = []
    for line in workspace.pointer_log.read_text(errors="replace").splitlines():
        try:
            move = json.loads(line)
            moves.append(Move(moment(move["at"]), str(move["run_id"]), str(move["run_date"])))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return moves


def _fill_latest(workspace: Workspace, manifest: dict[str, Any]) -> None:
    for name, table in manifest["tables"].items():
        copy = workspace.latest / f"{name}.parquet"
        if not (copy.is_file() and file_hash(copy) == table["sha256"]):
            copy_file(workspace.root / table["path"], copy)
