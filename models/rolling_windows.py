"""Go back in time: what the nights before tonight would have learned from, and been judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.holdout import Events, Holdout, HoldoutConfig, split


@dataclass(frozen=True)
class Window:
    """One earlier night: `known` marks the events it sees, (events,); its `split` is of these alone, (known events,)."""

    known: NDArray[np.bool_]
    split: Holdout


def rolling_windows(events: Events, n_windows: int, seed: int, config: HoldoutConfig, min_users: int = 1) -> tuple[Window, ...]:
    """Return up to `n_windows` windows, newest first; the newest is tonight's own split.

    Each further window sees only the fit slice of the one before it and splits that by the same rules, so no two hold out the same
    event and none knows what a newer one is judged by. It ends early where a window would be judged in another way than tonight (last
    days, each user's last like), or by fewer than `min_users` users. Without times, the windows are different seeded shares of everything.
    """
    windows: list[Window] = []
    known = np.ones(len(events), np.bool_)
    for place in range(n_windows):
        found = split(among(events, known), seed + place if events.occurred_at is None else seed, config)
        if found.n_users < min_users or (windows and found.kind != windows[0].split.kind):
            break
        windows.append(Window(known, found))
        if events.occurred_at is not None:
            known = known.copy()
            known[known] = found.fit
    return tuple(windows)


def among(events: Events, rows: NDArray[np.bool_]) -> Events:
    """Keep the marked events, in their order; rows (events,)."""
    times = None if events.occurred_at is None else events.occurred_at[rows]
    return Events(events.user[rows], events.item[rows], times, events.positive[rows])
