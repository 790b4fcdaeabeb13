"""GF-CF: low-pass filters on the interaction graph, for catalogues too large for an items x items inverse."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, read_csr, write_arrays, write_config, write_csr
from models.collaborative.gram import gram_spectrum
from models.compute import side_by_side
from models.directions import products
from models.drawn_users import some_users
from models.entries import entries
from models.moved import moved_pairs, moved_rows
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sizes import NUMBER, PER_LIKE, Needs, Sizes, vectors
from models.sparse_product import dense_product, product

LAYOUTS = {"basis": Layout(np.float32, ("items", "rank")), "n_likes": Layout(np.int64, ("items",))}

ROWS_AT_ONCE = 512
"""Items whose neighbours are looked for in one go, each lot on its own thread: bounds what stands in memory before the weak ones go."""

SPARE_DIRECTIONS = 16
SUBSPACE_ITERATIONS = 3
"""A few directions more than wanted, and a few passes, make the randomised basis rank as well as the exact one."""


class SpectralConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How much of the interaction graph is kept, near each item and over the whole."""

    neighbours: int = Field(150, ge=1)
    """Neighbours kept for each item; ties with the last one stay. It bounds memory and time on dense data and hardly touches quality."""

    rank: int = Field(128, ge=1)
    """Smoothest directions of the whole graph that the ideal low-pass filter lets through."""

    low_pass_likes: int = Field(4_000_000, ge=1)
    """Likes, of users drawn by chance, in which these directions are looked for: more tell nothing new about so few."""

    low_pass_weight: float = Field(0.3, ge=0)
    """How much the ideal low-pass filter counts beside the neighbours."""


class Spectral:
    """A history is smoothed twice, by its items' neighbours and by the smoothest directions of the graph (Shen et al. 2021, "GF-CF").

    With R the positives, each divided by the roots of how many its user and its item have: scores are h (R'R + w D^-1/2 V V' D^1/2),
    where V holds the leading right singular vectors of R and D the likes of items.
    """

    name: ClassVar[str] = "spectral"
    family: ClassVar[Family] = "collaborative"

    def __init__(self, config: SpectralConfig | None = None) -> None:
        self.config = config or SpectralConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items that at least one user liked; (items,)."""
        return self._n_likes > 0

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users who liked at least one known item; (block,)."""
        return users.likes_among(self.knows_item) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Find each item's neighbours, and the smoothest directions from a start drawn with the seed."""
        positives = data.interactions.positives()
        graph = normalised(positives)
        n_likes = np.asarray(positives.getnnz(axis=0), np.int64)
        progress(f"neighbours of {np.count_nonzero(n_likes):,} items")
        self._neighbours = neighbourhoods(graph, self.config.neighbours)
        progress(f"the {self.config.rank} smoothest directions beside {self._neighbours.nnz:,} neighbours")
        self._learned(smoothest(graph, self.config.rank, seed, self.config.low_pass_likes), n_likes)
        return self

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same model behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        moved = type(self)(self.config)
        moved._learned(moved_rows(self._basis, then), moved_rows(self._n_likes, then))
        moved._neighbours = moved_pairs(self._neighbours, then)
        return moved

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Smooth the histories of users; (block, items)."""
        scores = (users.history @ self._inwards) @ self._outwards.T
        scores += dense_product(users.history, self._neighbours)
        return np.asarray(scores, np.float32)

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return what one like of each of `others` adds to the scores of `items`; (items, others)."""
        return products(self._outwards[items], self._inwards[others]) + entries(self._neighbours, items, others)

    def needs(self, sizes: Sizes) -> Needs:
        """The neighbours of all items, while they are turned round, and the directions of users and items."""
        width = self.config.rank + SPARE_DIRECTIONS
        neighbours = 2 * NUMBER * sizes.n_items * min(self.config.neighbours, sizes.n_items)
        directions = vectors(sizes.n_users, width) + 6 * vectors(sizes.n_items, width)
        return Needs(3 * neighbours + directions + PER_LIKE * sizes.n_events, neighbours + 3 * vectors(sizes.n_items, width))

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: a closed form has no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the neighbours, the smoothest directions and the likes of items."""
        write_config(folder, self.name, self.config)
        write_csr(folder / "neighbours.npz", self._neighbours)
        write_arrays(folder / "low_pass.npz", {"basis": self._basis, "n_likes": self._n_likes})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the two filters."""
        scorer = cls(read_config(folder, cls.name, SpectralConfig))
        arrays = read_arrays(folder / "low_pass.npz", LAYOUTS)
        scorer._learned(arrays["basis"], arrays["n_likes"])
        scorer._neighbours = read_csr(folder / "neighbours.npz", (len(scorer._n_likes), len(scorer._n_likes)))
        return scorer

    def _learned(self, basis: NDArray[np.float32], n_likes: NDArray[np.int64]) -> None:
        """Keep the directions, and where liked items enter the low-pass filter and scored ones leave it, weight included."""
        self._basis, self._n_likes = basis, n_likes
        root = np.sqrt(np.maximum(n_likes, 1)).astype(np.float32)[:, None]
        self._inwards, self._outwards = basis / root, basis * (np.float32(self.config.low_pass_weight) * root)


def normalised(positives: sp.csr_matrix) -> sp.csr_matrix:
    """Divide each entry by the root of its row's entries times its column's; (users, items)."""
    by_user, by_item = (1 / np.sqrt(np.maximum(positives.getnnz(axis=axis), 1)) for axis in (1, 0))
    rows = np.repeat(np.arange(positives.shape[0]), np.diff(positives.indptr))
    weights = (by_user[rows] * by_item[positives.indices]).astype(np.float32)
    return sp.csr_matrix((weights, positives.indices, positives.indptr), shape=positives.shape)


def neighbourhoods(graph: sp.csr_matrix, n_neighbours: int) -> sp.csr_matrix:
    """Return graph'graph without what is not among an item's strongest neighbours; row liked item, column scored item; (items, items).

    It is an item that chooses who speaks for it, as in item-based nearest neighbours: the other way round popular items speak for all.
    """
    by_item = graph.T.tocsr()

    def of_lot(start: int) -> sp.csr_matrix:
        return _strongest(by_item[start : start + ROWS_AT_ONCE] @ graph, n_neighbours)

    lots = side_by_side(of_lot, range(0, by_item.shape[0], ROWS_AT_ONCE))
    speakers = sp.vstack(lots, format="csr").T.tocsr()
    speakers.sort_indices()
    return speakers


def _strongest(rows: sp.csr_matrix, n_kept: int) -> sp.csr_matrix:
    """Drop from each row what is weaker than its n-th strongest entry; ties with that one stay, so no order among equals matters."""
    for row in np.flatnonzero(np.diff(rows.indptr) > n_kept):
        strengths = rows.data[rows.indptr[row] : rows.indptr[row + 1]]
        strengths[strengths < np.partition(strengths, -n_kept)[-n_kept]] = 0
    rows.eliminate_zeros()
    return rows


def smoothest(graph: sp.csr_matrix, rank: int, seed: int, at_most: int | None = None) -> NDArray[np.float32]:
    """Return the leading right singular vectors of a (users, items) graph, strongest first; (items, rank).

    Randomised subspace iteration (Halko et al. 2011). Fewer vectors come back from a graph of lower rank. Of a graph of more edges than
    `at_most`, users drawn by chance who have so many are looked at.
    """
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((graph.shape[1], min(rank + SPARE_DIRECTIONS, *graph.shape)), dtype=np.float32)
    graph = graph if at_most is None else some_users(graph, at_most, rng)
    by_item = graph.T.tocsr()
    for _ in range(SUBSPACE_ITERATIONS):
        basis = _orthonormal(product(by_item, product(graph, basis)))
    strengths, turn = gram_spectrum(product(graph, basis))
    kept = np.flatnonzero(_felt(strengths))[::-1][:rank]
    return basis @ turn[:, kept].astype(np.float32)


def _orthonormal(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an orthonormal basis of the same span; by matrix products, which tall matrices like far better than Householder QR."""
    strengths, turn = gram_spectrum(vectors)
    kept = _felt(strengths)
    return vectors @ (turn[:, kept] / np.sqrt(strengths[kept])).astype(np.float32)


def _felt(strengths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the directions that are more than rounding noise beside the strongest one."""
    return strengths > strengths.max(initial=0) * np.finfo(np.float32).eps
