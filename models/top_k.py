"""Select the k best items of every user: exactly, in a total order, without sorting the catalogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.ragged import place_in_row

BLOCK_CELLS = 1 << 20
"""Scores handled at a time: few enough to stay in cache between the first and the second look at them."""

GROUPS_PER_RANK = 5
"""Groups of items per wanted item: with fewer, too many of the best share a group and the threshold they give is loose."""

NOTHING = np.uint64(2**64 - 1)
"""The key that sorts behind every candidate."""


class ScoreError(ValueError):
    """Scores hold what cannot be ranked."""


def top_k(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k best items of every row and their scores, best first; ties go to the item with the lower index.

    scores (block, items); both results are (block, k). An item scored -inf is masked and never returned; a row with fewer than k
    unmasked items ends in item -1 and score -inf. NaN and +inf raise `ScoreError`.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    n_users, n_items = scores.shape
    items = np.full((n_users, k), -1, np.int32)
    best = np.full((n_users, k), -np.inf, np.float32)
    if n_items == 0:
        return items, best
    step = max(1, BLOCK_CELLS // n_items)
    for start in range(0, n_users, step):
        block = slice(start, start + step)
        keys = _smallest_keys(scores[block], k)
        row, rank = np.nonzero(keys != NOTHING)
        item = (keys[row, rank] & np.uint64(0xFFFFFFFF)).astype(np.int32)
        items[block][row, rank] = item
        best[block][row, rank] = scores[block][row, item]
    return items, best


def _smallest_keys(scores: NDArray[np.float32], k: int) -> NDArray[np.uint64]:
    """Return the keys of the k best items of every row, best first; (block, k or fewer), `NOTHING` where a row has run out."""
    row, item = _within_reach(scores, k, None)
    count = np.bincount(row, minlength=len(scores))
    keys = np.full((len(scores), count.max()), NOTHING)
    keys[row, place_in_row(count)] = _keys(scores[row, item], item)
    if keys.shape[1] > k:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    keys.sort(axis=1)
    return keys


def within_reach(
    scores: NDArray[np.float32], k: int, margin: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and item of every score that may be among its row's k best, in row-major order; little more than k a row.

    `margin` (rows,) says how far from the truth each row's scores may be: what could then be among the k best is within reach too. Masked
    items, -inf, never are. NaN and +inf raise `ScoreError`.
    """
    if not scores.size:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    step = max(1, BLOCK_CELLS // scores.shape[1])
    found = [
        _within_reach(scores[start : start + step], k, None if margin is None else margin[start : start + step])
        for start in range(0, len(scores), step)
    ]
    row, item = zip(*found, strict=True)
    return np.concatenate([part + start for part, start in zip(row, range(0, len(scores), step), strict=True)]), np.concatenate(item)


def _within_reach(scores: NDArray[np.float32], k: int, margin: NDArray[np.float32] | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    maxima = _group_maxima(scores, k)
    if not np.all(maxima < np.inf):
        raise ScoreError("scores to rank must be finite, or -inf for a masked item; found NaN or +inf")
    threshold = np.full(len(scores), np.finfo(np.float32).min)
    if maxima.shape[1] >= k:
        maxima.partition(-k, axis=1)
        least = maxima[:, -k] if margin is None else np.nextafter(maxima[:, -k] - 2 * margin, np.float32(-np.inf))
        np.maximum(threshold, least, out=threshold)
    return np.divmod(np.flatnonzero(scores >= threshold[:, None]), scores.shape[1])


def _group_maxima(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Deal the items of every row into groups and return each group's largest score, (block, groups).

    The k-th largest of them is never above the k-th largest score, and close to it while the k best rarely share a group.
    Group g holds items g, g + groups, g + 2 groups, ...: the maximum then runs along memory.
    """
    n_items = scores.shape[1]
    n_groups = min(n_items, GROUPS_PER_RANK * k)
    whole = n_items - n_items % n_groups
    maxima: NDArray[np.float32] = scores[:, :whole].reshape(len(scores), -1, n_groups).max(axis=1)
    np.maximum(maxima[:, : n_items - whole], scores[:, whole:], out=maxima[:, : n_items - whole])
    return maxima


def _keys(scores: NDArray[np.float32], items: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Pack score and item into one integer whose ascending order is: score descending, then item ascending.

    Read as integers, IEEE 754 floats order like their values once the lower bits of the negative ones are flipped. Adding zero turns
    -0.0 into 0.0, which ranks alike.
    """
    bits = (scores + np.float32(0)).view(np.int32)
    ascending = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    descending = (~ascending).view(np.uint32) ^ np.uint32(0x80000000)
    return (descending.astype(np.uint64) << np.uint64(32)) | items.astype(np.uint64)
