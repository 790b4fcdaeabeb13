"""What tends to follow what: the latest likes of a user vote for the items that others liked soon after the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.artifact import Layout, read_arrays, read_config, read_csr, write_arrays, write_config, write_csr
from models.compute import in_order, side_by_side
from models.entries import entries
from models.moved import moved_pairs, moved_rows
from models.scorer import RECENT, Family, Interactions, Progress, TrainingData, UserBlock, silent
from models.sizes import NUMBER, PER_LIKE, Needs, Sizes, distinct_pairs
from models.sparse_product import compressed, dense_product
from models.stable_order import stable_order

LAYOUTS = {"knows_item": Layout(np.bool_, ("items",))}

LIKES_AT_ONCE = 1 << 14
"""Likes from which transitions are counted in one go, each lot on its own thread: bounds what stands in memory before the weak ones go."""

PLACES_AT_ONCE = 1 << 16
"""Likes that are summed up in one go, each lot on its own thread; they stay in cache."""

PER_STEP = 40
"""Bytes of a step from one like to another while it is counted."""

AT_ONCE = 2
"""Lots that are counted at once."""


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
        walks = Walks.of(data.interactions, self.config)
        progress(f"transitions within {self.config.window} steps of {len(walks.by_item):,} likes of {walks.n_items:,} items")
        leaving, reaching = walks.sums()

        def strongest_votes(items: range) -> sp.csr_matrix:
            votes = normalised(walks.counts(items), leaving[items.start : items.stop], reaching, self.config)
            return strongest(votes, self.config.successors)

        self._votes = sp.vstack(side_by_side(strongest_votes, walks.lots()), format="csr")
        self._knows_item = (np.diff(self._votes.indptr) > 0) | (np.bincount(self._votes.indices, minlength=walks.n_items) > 0)
        return self

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same model behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        moved = type(self)(self.config)
        moved._votes, moved._knows_item = moved_pairs(self._votes, then), moved_rows(self._knows_item, then)
        return moved

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Add up the votes of each user's latest likes; (block, items)."""
        return dense_product(self._voters(users), self._votes)

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the votes of `others`, liked just now, for `items`; (items, others)."""
        return entries(self._votes, items, others)

    def needs(self, sizes: Sizes) -> Needs:
        """The likes on one line and by item, the steps of the lots in flight, and the strongest votes, twice while they are joined."""
        length = sizes.n_events // max(1, sizes.n_users)
        reach = min(self.config.window, length)
        followed = sizes.n_users * (reach * length - reach * (reach + 1) // 2)
        met = distinct_pairs(sizes.n_liked_items, followed)
        kept = 2 * NUMBER * min(met, sizes.n_liked_items * self.config.successors)
        counted = AT_ONCE * PER_STEP * 2 * self.config.window * min(LIKES_AT_ONCE, sizes.n_events)
        return Needs(2 * kept + counted + 2 * PER_LIKE * sizes.n_events, kept)

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


@dataclass(frozen=True)
class Walks:
    """The likes of all users on one line, each user's from first to last, from which transitions between items are counted.

    `item` and `age_days` are (places,); between users lie `window` places of item `n_items`, so that no step leads from one to another.
    `by_item` (likes,) lists the places of likes item by item, those of item i from `starts[i]` to `starts[i + 1]`.
    """

    item: NDArray[np.int32]
    age_days: NDArray[np.float64]
    by_item: NDArray[np.intp]
    starts: NDArray[np.intp]
    config: TransitionsConfig

    @classmethod
    def of(cls, happened: Interactions, config: TransitionsConfig) -> Self:
        """Line up the likes; none where interactions carry no times."""
        timed = happened if happened.ordered else happened.where(np.zeros(len(happened), np.bool_))
        user, item, age_days = timed.sequences()
        place = np.arange(len(user)) + config.window * (user.astype(np.intp) + 1)
        line = np.full(len(user) + config.window * (happened.n_users + 2), happened.n_items, np.int32)
        aged = np.zeros(len(line))
        line[place], aged[place] = item, age_days
        starts = np.r_[0, np.cumsum(np.bincount(item, minlength=happened.n_items))]
        return cls(line, aged, place[stable_order(item)], starts, config)

    @property
    def n_items(self) -> int:
        return len(self.starts) - 1

    def lots(self) -> Iterator[range]:
        """Cut the items into runs of about LIKES_AT_ONCE likes, of one item at least."""
        start = 0
        while start < self.n_items:
            stop = max(start + 1, int(np.searchsorted(self.starts, self.starts[start] + LIKES_AT_ONCE, side="right")) - 1)
            yield range(start, min(stop, self.n_items))
            start = stop

    def counts(self, items: range) -> sp.csr_matrix:
        """Count what was liked soon after some items, and before them as far as that speaks for them; float64, (some items, items).

        Transitions count less with every step and day between them. What one item gets does not depend on the items it is counted with.
        """
        place = self.by_item[self.starts[items.start] : self.starts[items.stop]]
        reached, weight = self._steps(place)
        of_item = (self.starts[items.start : items.stop + 1] - self.starts[items.start]) * reached.shape[1]
        # The last column takes the steps that lead to nobody.
        steps = sp.csr_matrix((weight.ravel(), reached.ravel(), of_item), shape=(len(items), self.n_items + 1))
        if len(items) * self.n_items <= 2 * steps.nnz:  # most pairs are met: where they are is not looked up
            return compressed(steps.toarray()[:, : self.n_items])
        steps.sum_duplicates()
        steps.eliminate_zeros()
        return steps[:, : self.n_items]

    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the row and the column sums of the counts of all items, without counting pair by pair; (items,) each."""
        liked, window, back = self.item < self.n_items, self.config.window, self.config.backwards
        decay = self.config.step_decay ** np.arange(window)

        def met(start: int) -> NDArray[np.float64]:
            stop = min(start + PLACES_AT_ONCE, len(liked) - window)
            after, before = np.zeros(stop - start), np.zeros(stop - start)
            for step in range(1, window + 1):
                for sign, side in ((1, after), (-1, before)):
                    aim = slice(start + sign * step, stop + sign * step)
                    weight = decay[step - 1] * liked[aim]
                    if self.config.gap_days is not None:
                        weight *= halved(np.abs(self.age_days[start:stop] - self.age_days[aim]), self.config.gap_days)
                    side += weight
            both = (after + back * before, before + back * after)
            return np.stack([np.bincount(self.item[start:stop], steps, self.n_items + 1) for steps in both])

        total = np.zeros((2, self.n_items + 1))
        for sums in in_order(met, range(window, len(liked) - window, PLACES_AT_ONCE)):
            total += sums
        return total[0, : self.n_items], total[1, : self.n_items]

    def _steps(self, place: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Go from likes to what was liked before, at the same place, where nothing counts, and after: items and weights; (likes, steps)."""
        window = self.config.window
        decay = self.config.step_decay ** np.arange(window)
        weight = np.broadcast_to(np.r_[self.config.backwards * decay[::-1], 0, decay], (len(place), 2 * window + 1))
        if self.config.gap_days is not None:
            met = sliding_window_view(self.age_days, 2 * window + 1)[place - window]
            weight = weight * halved(np.abs(self.age_days[place][:, None] - met), self.config.gap_days)
        return sliding_window_view(self.item, 2 * window + 1)[place - window], weight


def halved(days: NDArray[np.floating], half_days: float | None) -> NDArray[np.float64]:
    """Return 1 / (1 + days / half_days): half after so many days, and unlike an exponential never nothing; all ones for None."""
    return np.ones(np.shape(days)) if half_days is None else 1 / (1 + np.asarray(days, np.float64) / half_days)


def normalised(
    counts: sp.csr_matrix, leaving: NDArray[np.float64], reaching: NDArray[np.float64], config: TransitionsConfig
) -> sp.csr_matrix:
    """Divide counts by powers of all that leaves their row, (rows,), and all that reaches their column, (columns,); float32."""
    divisor = (leaving + config.shrinkage) ** config.from_power
    weights = counts.data / (
        np.repeat(divisor, np.diff(counts.indptr)) * ((reaching + config.shrinkage) ** config.to_power)[counts.indices]
    )
    return sp.csr_matrix((weights.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def strongest(votes: sp.csr_matrix, n_successors: int) -> sp.csr_matrix:
    """Keep the largest entries of each row, and those that equal the last of them."""
    votes = votes.copy()
    for row in np.flatnonzero(np.diff(votes.indptr) > n_successors):
        entries = votes.data[votes.indptr[row] : votes.indptr[row + 1]]
        entries[entries < np.partition(entries, -n_successors)[-n_successors]] = 0
    votes.eliminate_zeros()
    votes.sort_indices()
    return votes
