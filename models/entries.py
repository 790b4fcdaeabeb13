"""Single entries of a sparse items x items matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

PLACES_AT_ONCE = 1 << 20
"""Items of all stacks looked at in one go, each with a note of where it is asked for: the notes stay in cache."""


def entries(votes: sp.csr_matrix, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return votes[other, item] of each item (..., items) and each of the others (..., others) of its stack; (..., items, others)."""
    if items.ndim == 1:
        return votes[others][:, items].toarray().T
    flat_items, flat_others = items.reshape(-1, items.shape[-1]), others.reshape(-1, others.shape[-1])
    found = np.zeros((len(flat_items), items.shape[-1], others.shape[-1]), np.float32)
    at_once = max(1, PLACES_AT_ONCE // max(1, votes.shape[1]))
    for start in range(0, len(found) if found.size else 0, at_once):
        some = slice(start, start + at_once)
        _find(votes, flat_items[some], flat_others[some], found[some])
    return found.reshape(*items.shape, others.shape[-1])


def _find(votes: sp.csr_matrix, items: NDArray[np.intp], others: NDArray[np.intp], found: NDArray[np.float32]) -> None:
    """Go through the rows of the others once and keep what is asked for; (stack, items), (stack, others) -> (stack, items, others).

    Faster than a search for each pair: rows are short, and the pairs many.
    """
    n_stacks, n_others = others.shape
    asked = np.full((n_stacks, votes.shape[1]), -1, np.int16 if items.shape[1] < 1 << 15 else np.int32)
    stacks = np.arange(n_stacks)[:, None]
    asked[stacks, items] = np.arange(items.shape[1])
    heard = votes[others.ravel()]
    note = np.repeat(np.arange(n_stacks) * votes.shape[1], np.diff(heard.indptr[::n_others]))
    note += heard.indices
    place = asked.ravel().take(note)
    hit = np.flatnonzero(place >= 0)
    voter = np.searchsorted(heard.indptr, hit, side="right") - 1
    found[voter // n_others, place[hit], voter % n_others] = heard.data[hit]
    # An item asked for twice was noted at one of its places: the others say the same.
    found[...] = np.take_along_axis(found, asked[stacks, items][..., None], axis=1)
