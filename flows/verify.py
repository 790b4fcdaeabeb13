"""Verify: hash every file that is served or needed, and say what to type about each that is damaged."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path

from flows.console import say
from tasks.inspection import Damage, Examination, damage, examinations
from tasks.lock import at_work
from tasks.progress import reached
from tasks.refusals import StorageError
from tasks.workspace import Workspace

log = logging.getLogger("nightly")

PATIENCE_SECONDS = 2.0
"""From then on people are told how far it is."""


def verify(root: Path, as_json: bool) -> int:
    """Compare every file with the hash that was written down for it; returns 6 where one is damaged.

    Reads only, and takes no lock: while a run is at work, what it is just replacing may look damaged.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    writer = at_work(workspace)
    listed = examinations(workspace)
    found = examined(listed)
    total = sum(examination.bytes for examination in listed)
    if as_json:
        told = {"examined": len(listed), "bytes": total, "damaged": [asdict(each) for each in found], "at_work": writer}
        say(json.dumps(told, sort_keys=True))
    else:
        if writer:
            say(f"at work meanwhile: {writer}; verify again when it has ended if anything looks damaged")
        for each in found:
            say(f"damaged: {each.file}\n  expected: {each.expected}\n  found:    {each.found}\n  next:     {each.next_step}")
        say(f"{len(listed)} files and sets examined, {total / 1e6:,.1f} MB: {len(found) or 'none'} damaged")
    return StorageError.exit_code if found else 0


def examined(listed: list[Examination]) -> list[Damage]:
    """Examine everything listed and return what is damaged; from two seconds on, stderr is told how far it is."""
    started, told, read, total = time.monotonic(), 0.0, 0, sum(examination.bytes for examination in listed)
    found = []
    for number, examination in enumerate(listed, start=1):
        result = damage(examination)
        found += [result] if result else []
        read += examination.bytes
        reached("files", number, len(listed))
        elapsed = time.monotonic() - started
        if elapsed - told > PATIENCE_SECONDS:
            told = elapsed
            log.info("verify: %d of %d, %.0f of %.0f MB, %d damaged", number, len(listed), read / 1e6, total / 1e6, len(found))
    return found
