"""The trail: which of the nights before tonight tell what is usual, for every rule that compares a night with those before it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tasks.moments import moment
from tasks.night import Night
from tasks.pointer import Move, pointer_moves

LAST_RESORT = "so popularity is served alone"
"""What the gate says, and the manifest keeps, where models were refused and the night was published for the age of the last good table."""


def earlier_qualities(night: Night) -> list[dict[str, Any]]:
    """Return what was measured of each published night of an earlier date, oldest first.

    Left out are nights that somebody rolled back from, which are no measure for those that follow, and nights on which popularity was
    served as the last resort: they say nothing of the models.
    """
    return [
        manifest["quality"]
        for manifest in earlier_nights(night)
        if manifest.get("quality") and LAST_RESORT not in manifest.get("verdict", "")
    ]


def earlier_nights(night: Night) -> list[dict[str, Any]]:
    """Return the manifests of the published nights of earlier dates, oldest first, but for those that somebody rolled back from."""
    moves = pointer_moves(night.workspace)
    return [
        manifest
        for manifest in night.workspace.remembered()
        if manifest["run_date"] < night.run_date.isoformat() and not withdrawn(manifest, moves)
    ]


def withdrawn(manifest: dict[str, Any], moves: Sequence[Move]) -> bool:
    """Tell whether the pointer was moved back over a night, which was neither pointed at nor published anew since."""
    day = manifest["run_date"]
    back = [place for place, (before, after) in enumerate(pairwise(moves), 1) if after.run_date < day <= before.run_date]
    if not back:
        return False
    published = moment(manifest["published_at"])
    return published <= moves[back[-1]].at and all(move.run_date != day for move in moves[back[-1] :])
