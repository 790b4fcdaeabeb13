"""The rivals: each learns from the same rows as a night and ranks the whole catalogue, seen items excluded.

Run as a process of its own, in the environment that has them: `python -m benchmarks.rivals NAME JOB.npz LISTS.npz PARAMETERS`. It imports
NumPy, SciPy and the one rival, nothing of the package.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

USERS_AT_ONCE = 1024
SEED = 42

Scores = Callable[[slice], NDArray[np.floating]]
"""Scores every item for a run of users; (run, items)."""

Fit = Callable[[sp.csr_matrix, sp.csr_matrix | None, dict[str, Any]], Scores]
"""Learns from likes (users, items), item attributes (items, columns) where there are any, and parameters."""


def popularity(likes: sp.csr_matrix, _items: sp.csr_matrix | None, _parameters: dict[str, Any]) -> Scores:
    """Rank what most users like, for everybody the same."""
    counts = np.bincount(likes.indices, minlength=likes.shape[1]).astype(np.float32)
    return lambda users: np.repeat(counts[None], users.stop - users.start, axis=0)


def ease(likes: sp.csr_matrix, _items: sp.csr_matrix | None, parameters: dict[str, Any]) -> Scores:
    """Fit EASE (Steck 2019, "Embarrassingly Shallow Autoencoders") as it is usually written: one inverse, in NumPy."""
    gram = (likes.T @ likes).toarray()
    gram[np.diag_indices_from(gram)] += parameters["l2"]
    inverse = scipy.linalg.inv(gram, overwrite_a=True)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return lambda users: likes[users] @ weights


def als(likes: sp.csr_matrix, _items: sp.csr_matrix | None, parameters: dict[str, Any]) -> Scores:
    """Fit implicit's alternating least squares."""
    from implicit.cpu.als import AlternatingLeastSquares

    return _factors(AlternatingLeastSquares(random_state=SEED, **parameters), likes)


def bpr(likes: sp.csr_matrix, _items: sp.csr_matrix | None, parameters: dict[str, Any]) -> Scores:
    """Fit implicit's Bayesian personalised ranking; one thread, since more of them race for the factors and repeat no result."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    return _factors(BayesianPersonalizedRanking(random_state=SEED, num_threads=1, **parameters), likes)


def bm25(likes: sp.csr_matrix, _items: sp.csr_matrix | None, parameters: dict[str, Any]) -> Scores:
    """Fit implicit's item neighbours under BM25 weights."""
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(num_threads=0, **parameters)
    model.fit(likes, show_progress=False)
    similarity = model.similarity.tocsr()
    return lambda users: (likes[users] @ similarity).toarray()


def lightfm(likes: sp.csr_matrix, items: sp.csr_matrix | None, parameters: dict[str, Any]) -> Scores:
    """Fit LightFM with the WARP loss; `attributes` adds item attributes to the items' own embeddings."""
    from lightfm import LightFM

    attributes = parameters.pop("attributes", False)
    if attributes and items is None:
        raise LookupError("no item attributes in this set")
    described = sp.hstack([sp.identity(likes.shape[1], np.float32), items], format="csr") if attributes else None
    epochs = parameters.pop("epochs")
    model = LightFM(loss="warp", random_state=SEED, **parameters)
    model.fit(likes.tocoo(), item_features=described, epochs=epochs, num_threads=1)
    item_bias, item_vectors = model.get_item_representations(described)
    _, user_vectors = model.get_user_representations()
    return lambda users: user_vectors[users] @ item_vectors.T + item_bias


def _factors(model: Any, likes: sp.csr_matrix) -> Scores:
    model.fit(likes, show_progress=False)
    return lambda users: model.user_factors[users] @ model.item_factors.T


RIVALS: dict[str, tuple[Fit, str | None]] = {
    "popularity": (popularity, None),
    "EASE": (ease, None),
    "implicit ALS": (als, "implicit"),
    "implicit BPR": (bpr, "implicit"),
    "implicit bm25": (bm25, "implicit"),
    "LightFM": (lightfm, "lightfm"),
    "LightFM + attributes": (lightfm, "lightfm"),
}
"""Name -> how it learns, and the package it needs."""


def missing(name: str) -> str | None:
    """Return the package a rival lacks in this environment, None where it can run."""
    package = RIVALS[name][1]
    try:
        importlib.import_module(package or "numpy")
    except ImportError:
        return package
    return None


def ranked(scores: Scores, seen: sp.csr_matrix, k: int) -> NDArray[np.int32]:
    """Return the k best unseen items of every user, ties in favour of the smaller item, -1 where there are no more; (users, k)."""
    n_users, n_items = seen.shape
    lists = np.empty((n_users, min(k, n_items)), np.int32)
    for start in range(0, n_users, USERS_AT_ONCE):
        users = slice(start, min(start + USERS_AT_ONCE, n_users))
        block = np.array(scores(users), np.float64)
        block[seen[users].nonzero()] = -np.inf
        lists[users] = best(block, k)
    return lists


def best(scores: NDArray[np.float64], k: int) -> NDArray[np.int32]:
    """Return the places of the k largest scores of each row, largest first; -1 for what is minus infinity."""
    k = min(k, scores.shape[1])
    threshold = np.partition(scores, -k, axis=1)[:, -k]
    lists = np.empty((len(scores), k), np.int32)
    for row, (values, least) in enumerate(zip(scores, threshold, strict=True)):
        candidates = np.flatnonzero(values >= least)
        order = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
        lists[row] = np.where(np.isneginf(values[order]), -1, order)
    return lists


def main() -> int:
    """Fit one rival, write its lists, print what it took as JSON; exit code 3 says that its package is missing."""
    name, job, out, parameters = sys.argv[1:5]
    if missing(name):
        print(json.dumps({"missing": missing(name)}))
        return 3
    with np.load(job) as arrays:
        likes = _matrix(arrays, "likes")
        items = _matrix(arrays, "items") if "items_data" in arrays else None
    started = time.perf_counter()
    scores = RIVALS[name][0](likes, items, json.loads(parameters))
    fitted = time.perf_counter()
    np.savez(out, lists=ranked(scores, likes, 20))
    print(json.dumps({"fit_seconds": round(fitted - started, 2), "rank_seconds": round(time.perf_counter() - fitted, 2)}))
    return 0


def _matrix(arrays: Any, name: str) -> sp.csr_matrix:
    parts = (arrays[f"{name}_data"], arrays[f"{name}_indices"], arrays[f"{name}_indptr"])
    return sp.csr_matrix(parts, shape=tuple(arrays[f"{name}_shape"]))


if __name__ == "__main__":
    sys.exit(main())
