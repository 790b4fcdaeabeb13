"""Float32 sums of what models say to a block of users, computed a few items at a time, with a bound of their error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.bars import Bars

UNIT = float(np.finfo(np.float32).eps) / 2
"""The largest relative error of one float32 operation."""


@dataclass(frozen=True)
class RoughScores:
    """Scores of columns that stand one group of items behind the other: group g is columns bounds[g] to bounds[g + 1].

    A score is the product of a user's and a column's vector, `users` (block, width) and `vectors` (columns, width), plus `sums` (block,
    columns) where some models are no products, times the user's `share` of the column's group, (block, groups); a share of zero says that
    nobody speaks of the group to the user. The last entries of the vectors are a one for the column's own group and zeros for all others.
    `bars` say what may not be shown to whom: it is scored all the same. `margin` (block,) says how far from the exact score each of a
    user's may be.
    """

    users: NDArray[np.float32]
    vectors: NDArray[np.float32]
    sums: NDArray[np.float32] | None
    share: NDArray[np.float32]
    bounds: NDArray[np.intp]
    bars: Bars
    margin: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """Count users and columns."""
        return len(self.users), len(self.vectors)

    def of(self, users: NDArray[np.intp]) -> Self:
        """Return the scores of some users of the block, ascending."""
        return replace(
            self,
            users=self.users[users],
            sums=None if self.sums is None else self.sums[users],
            share=self.share[users],
            bars=self.bars.of(users),
            margin=self.margin[users],
        )

    def less(self, bound: NDArray[np.float32]) -> Self:
        """Lower every user's scores by a bound of theirs, (block,), so that zero tells which of them reach it."""
        users = self.users.copy()
        of_groups = users[:, users.shape[1] - self.share.shape[1] :]
        of_groups -= np.divide(bound[:, None], self.share, out=np.zeros_like(self.share), where=self.share != 0)
        return replace(self, users=users, margin=self.margin + (2 * float32_error(users.shape[1], np.abs(bound))).astype(np.float32))

    def tile(self, columns: slice, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Compute the scores of some columns, into `out` where it is given; (block, some columns), -inf where nobody speaks of it."""
        # Both factors are finite, or there would be no bound of the error; but kernels of BLAS may report what lies beside them in buffers.
        with np.errstate(invalid="ignore"):
            scores: NDArray[np.float32] = np.matmul(self.users, self.vectors[columns].T, out=out)
        if self.sums is not None:
            scores += self.sums[:, columns]
        start, stop, step = columns.indices(len(self.vectors))
        if (self.share != 1).any():
            for group, share in enumerate(self.share.T):
                # Columns of the group count from its first one that the steps meet.
                begin, end = (max(0, -(-(min(int(bound), stop) - start) // step)) for bound in self.bounds[group : group + 2])
                if begin < end:
                    scores[:, begin:end] *= share[:, None]
                    scores[share == 0, begin:end] = -np.inf
        return scores


def float32_error(n_terms: int, largest: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bound the error of a float32 sum of so many products whose magnitudes add up to no more than `largest`."""
    return (n_terms + 4) * UNIT * largest.astype(np.float64)
