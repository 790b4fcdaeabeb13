"""What tends to follow what: the latest likes of a user vote for the items that others liked soon after the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, read_csr, write_arrays, write_config, write_csr
from models.compute import side_by_side
from models.entries import entries
from models.scorer import RECENT, Family, Interactions, Progress, TrainingData, UserBlock, silent
from models.sizes import NUMBER, PER_LIKE, Needs, Sizes, distinct_pairs

LAYOUTS = {"knows_item": Layout(np.bool_, ("items",))}

USERS_AT_ONCE = 256
"""Users whose latest likes vote in one go, each lot on its own thread."""


PER_PAIR = 44
"""Bytes of a pair of items that follow each other, while the counts of one direction are added to those of the other."""


class TransitionsConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What counts as soon after, and how much the latest likes of a user say."""

    window: int = Field(20, ge=1)
    """Steps that two likes of one user may lie apart to count as one leading to the other."""

    step_decay: float = Field(0.9, gt=0, le=1)
    """What a transition still counts for each further step between its two likes."""

    gap_days: float | None = Field(None, gt=0)
    """Days between two likes that halve what their transition counts; None where only steps count."""

    backwards: float = Field(0.15, ge=0, le=1)
    """How much a transition also speaks for its reverse: 0 where order is everything, 1 where being close is."""

    from_power: float = Field(0.2, ge=0, le=1)
    """How far the votes of an item are divided by all the transitions it leads to: at 1 every item has the same number of votes."""

    to_power: float = Field(0.4, ge=0, le=1)
    """How far the votes for an item are divided by all the transitions that lead to it: more of it favours what is rarely liked."""

    shrinkage: float = Field(10.0, ge=0)
    """Transitions added to both divisors: what was seen once or twice must not count as certain."""

    last: int = Field(20, ge=1, le=RECENT)
    """Latest likes of a user that vote."""

    recency_decay: float = Field(0.7, gt=0, le=1)
    """What the vote of a like still counts for each later like of the same user."""

    fading_days: float | None = Field(None, gt=0)
    """Days before the user's latest like that halve the vote of an earlier one; None where only the order counts."""

    successors: int = Field(1000, ge=1)
    """Strongest votes kept of each item; ties with the last one stay. It bounds memory and time where likes are many."""


class Transitions:
    """A Markov chain over items, counted over several steps and normalised like cosines, that a user's latest likes set off.

    With C[a, b] the decayed count of likes of b after a, the votes are T[a, b] = C[a, b] / ((from_a + s)^p (to_b + s)^q), where from and to
    are the row and column sums of C; scores are the recency-weighted sum of the votes of the latest likes. A sparse cousin of factorized
    Markov chains (Rendle et al. 2010) and of sequential rules (Ludewig and Jannach 2018), without anything to train.
    """

    name: ClassVar[str] = "transitions"
    family: ClassVar[Family] = "sequential"

    def __init__(self, config: TransitionsConfig | None = None) -> None:
        self.config = config or TransitionsConfig()

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items liked before or after another one; (items,)."""
        return self._knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users of whose latest likes at least one votes; (block,)."""
        return self._voters(users) @ np.diff(self._votes.indptr).astype(np.float32) > 0

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:  # noqa: ARG002  # nothing is drawn
        """Count and normalise transitions; where interactions carry no times there are none."""
        counts = counted(data.interactions, self.config)
        progress(f"transitions: {counts.nnz:,} pairs of items in {len(data.interactions):,} interactions")
        self._votes = strongest(normalised(counts, self.config), self.config.successors)
        self._knows_item = (np.diff(self._votes.indptr) > 0) | (np.bincount(self._votes.indices, minlength=counts.shape[0]) > 0)
        return self

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Add up the votes of each user's latest likes; (block, items)."""
        scores = np.zeros((len(users), len(self._knows_item)), np.float32)
        voters = self._voters(users)

        def vote(start: int) -> None:
            rows = slice(start, start + USERS_AT_ONCE)
            scores[rows] = (voters[rows] @ self._votes).toarray()

        side_by_side(vote, range(0, len(users), USERS_AT_ONCE))
        return scores

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the votes of `others`, liked just now, for `items`; (items, others)."""
        return entries(self._votes, items, others)

    def needs(self, sizes: Sizes) -> Needs:
        """The pairs of items that follow each other, counted, turned round and added to themselves."""
        length = sizes.n_events // max(1, sizes.n_users)
        reach = min(self.config.window, length)
        followed = sizes.n_users * (reach * length - reach * (reach + 1) // 2)
        met = distinct_pairs(sizes.n_liked_items, followed)
        kept = 2 * NUMBER * min(met, sizes.n_liked_items * self.config.successors)
        return Needs(PER_PAIR * met + 2 * PER_LIKE * sizes.n_events, kept)

    def curves(self) -> dict[str, list[float]]:
        """Return nothing: a closed form has no epochs."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the votes and the items they are about."""
        write_config(folder, self.name, self.config)
        write_arrays(folder / "items.npz", {"knows_item": self._knows_item})
        write_csr(folder / "votes.npz", self._votes)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back the votes."""
        scorer = cls(read_config(folder, cls.name, TransitionsConfig))
        scorer._knows_item = read_arrays(folder / "items.npz", LAYOUTS)["knows_item"]
        scorer._votes = read_csr(folder / "votes.npz", (len(scorer._knows_item), len(scorer._knows_item)))
        return scorer

    def _voters(self, users: UserBlock) -> sp.csr_matrix:
        """Weigh the latest likes of users by how late they are; (block, items)."""
        recent, gap_days = users.recent[:, : self.config.last], users.gap_days[:, : self.config.last]
        row, place = np.nonzero(recent >= 0)
        weight = self.config.recency_decay ** place.astype(np.float64) * halved(gap_days[row, place], self.config.fading_days)
        return sp.csr_matrix((weight.astype(np.float32), (row, recent[row, place])), shape=(len(users), len(self._knows_item)))


def counted(happened: Interactions, config: TransitionsConfig) -> sp.csr_matrix:
    """Count how often one item was liked soon after another, decayed by steps and days between; float64, row earlier, column later item."""
    shape = (happened.n_items, happened.n_items)
    counts = sp.csr_matrix(shape, dtype=np.float64)
    if not happened.ordered:
        return counts
    user, item, age_days = happened.sequences()
    for step in range(1, min(config.window, len(user) - 1) + 1):
        same = user[step:] == user[:-step]
        weight = config.step_decay ** (step - 1) * halved((age_days[:-step] - age_days[step:])[same], config.gap_days)
        counts = counts + sp.csr_matrix((weight, (item[:-step][same], item[step:][same])), shape=shape)
    return sp.csr_matrix(counts + config.backwards * counts.T) if config.backwards else counts


def halved(days: NDArray[np.floating], half_days: float | None) -> NDArray[np.float64]:
    """Return 1 / (1 + days / half_days): half after so many days, and unlike an exponential never nothing; all ones for None."""
    return np.ones(len(days)) if half_days is None else 1 / (1 + np.asarray(days, np.float64) / half_days)


def normalised(counts: sp.csr_matrix, config: TransitionsConfig) -> sp.csr_matrix:
    """Divide counts by powers of all that leaves their row and all that reaches their column; (items, items), float32."""
    leaving, reaching = (np.asarray(counts.sum(axis=axis)).ravel() + config.shrinkage for axis in (1, 0))
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    weights = counts.data / (leaving[rows] ** config.from_power * reaching[counts.indices] ** config.to_power)
    return sp.csr_matrix((weights.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def strongest(votes: sp.csr_matrix, n_successors: int) -> sp.csr_matrix:
    """Keep the largest entries of each row, and those that equal the last of them."""
    votes = votes.sorted_indices()
    for row in np.flatnonzero(np.diff(votes.indptr) > n_successors):
        entries = votes.data[votes.indptr[row] : votes.indptr[row + 1]]
        entries[entries < np.partition(entries, -n_successors)[-n_successors]] = 0
    votes.eliminate_zeros()
    return votes
