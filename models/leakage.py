"""Find out whether models were shown what they are to be judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.holdout import DAY, NEVER, Events


def leaked(events: Events, fit: NDArray[np.bool_], holdout: NDArray[np.bool_], *, by_days: bool) -> str | None:
    """Say what the fit slice holds of the evaluation, None where it holds nothing; fit and holdout mark events, (events,).

    It may hold no (user, item) pair of the holdout. With `by_days` it may hold no event of the held-out days, whoever's; otherwise,
    where there are times, no event later than its user's first held-out one.
    """
    if not len(events):
        return None
    starts = np.flatnonzero(np.r_[True, (np.diff(events.user) != 0) | (np.diff(events.item) != 0)])
    both = int(np.count_nonzero(np.logical_or.reduceat(fit, starts) & np.logical_or.reduceat(holdout, starts)))
    if both:
        return f"{both:,} pairs of user and item that are held out"
    if events.occurred_at is None or not holdout.any():
        return None
    if by_days:
        first_day = int(events.occurred_at[holdout].min()) // DAY * DAY
        late, since = fit & (events.occurred_at >= first_day), f"of {np.datetime64(first_day, 'us').astype('M8[D]')} or later"
    else:
        begins = np.full(int(events.user.max()) + 1, NEVER)
        np.minimum.at(begins, events.user[holdout], events.occurred_at[holdout])
        late, since = fit & (events.occurred_at > begins[events.user]), "later than their user's first held-out one"
    n_late = int(np.count_nonzero(late))
    return f"{n_late:,} events {since}" if n_late else None
