"""Single entries of a sparse items x items matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def entries(votes: sp.csr_matrix, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return votes[other, item] of each item (..., items) and each of the others (..., others) of its stack; (..., items, others).

    The columns of every row of `votes` ascend. Looked up by halving: SciPy's own lookup goes over the whole matrix at every call.
    """
    if items.ndim == 1:
        return votes[others][:, items].toarray().T
    if not votes.nnz:
        return np.zeros((*items.shape, others.shape[-1]), np.float32)
    wanted, row = np.broadcast_arrays(items[..., :, None], others[..., None, :])
    wanted, row = wanted.ravel(), row.ravel()
    first, behind = votes.indptr[row].astype(np.intp), votes.indptr[row + 1].astype(np.intp)
    low, length = first, behind - first
    while length.max(initial=0) > 0:
        half = length >> 1
        middle = low + half
        further = (length > 0) & (votes.indices.take(middle, mode="clip") < wanted)
        low = np.where(further, middle + 1, low)
        length = np.where(further, length - half - 1, half)
    found = (low < behind) & (votes.indices.take(low, mode="clip") == wanted)
    values: NDArray[np.float32] = np.where(found, votes.data.take(low, mode="clip"), np.float32(0)).astype(np.float32, copy=False)
    return values.reshape(*items.shape, others.shape[-1])
