"""Searching a large catalogue by cells beside scoring all of it: recall and processor time for more and more cells.

    python -m benchmarks.large_catalogue [--items 300000] [--factors 64] [--k 100]

Items and users get vectors from ALS on made-up interactions. Both ways are timed on one thread, in user and system seconds.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.one_product import Given, numbered
from benchmarks.sparse_world import SparseWorldConfig, sparse_world
from models.blend import Blend
from models.block_scores import Panel
from models.cells import cells_of_catalogue
from models.chosen import best_of
from models.collaborative.als import Als, AlsConfig
from models.compute import ComputeConfig, limited_threads
from models.fused_blend import FusedBlend
from models.scorer import Described, Interactions, TrainingData
from tasks.score.search import recall

N_USERS, SCORED, EXACT = 60_000, 4096, 512
"""Users that the vectors are learned from; of these, who is searched for; of these, whose lists are also made from everything."""

LIKES_PER_ITEM = 10


def learned(n_items: int, n_factors: int) -> tuple[Given, sp.csr_matrix]:
    """Return the vectors of all items and some users, and what these users like."""
    world = SparseWorldConfig(n_users=N_USERS, n_items=n_items, n_pairs=LIKES_PER_ITEM * n_items, n_topics=4000, n_places=200)
    liked = sparse_world(world).interactions.sort_values(["user_id", "item_id"])
    user, item = (liked[name].to_numpy(np.int32) for name in ("user_id", "item_id"))
    ones = np.ones(len(liked), np.float32)
    happened = Interactions(user, item, ones.astype(float), ones, ones, np.ones(len(liked), np.bool_), N_USERS, n_items)
    nothing = [Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (n_items, N_USERS)]
    data = TrainingData(happened, nothing[0], nothing[1], np.zeros(N_USERS, np.int16), ("all",))
    model = Als(AlsConfig(embedding_size=n_factors, iterations=3)).fit(data, 1)
    people = data.block(slice(0, SCORED), happened.histories())
    given = Given(model.user_factors(people), model.item_factors)
    given.knows_item = model.knows_item
    return given, people.history


def seconds_of(ranker: FusedBlend, seen: sp.csr_matrix, k: int) -> tuple[NDArray[np.int32], float]:
    """Rank for everybody in `seen`, in blocks as a night would; return the lists and the processor seconds for a user."""
    at_once, started = ranker.users_at_once(1 << 27), time.process_time()
    lists = [
        best_of(ranker, numbered(rows, seen.shape[1]), seen[rows[0] : rows[-1] + 1], k).items
        for rows in np.split(np.arange(seen.shape[0]), range(at_once, seen.shape[0], at_once))
    ]
    return np.concatenate(lists), (time.process_time() - started) / seen.shape[0]


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=300_000)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--k", type=int, default=100)
    given = parser.parse_args()
    with limited_threads(ComputeConfig()):
        model, seen = learned(given.items, given.factors)
        blend = Blend(("given",), ("collaborative",), ("all",), np.ones((1, 1)))
        started = time.process_time()
        cells = cells_of_catalogue([model], blend, 1)  # type: ignore[list-item]
        made = time.process_time() - started
    if cells is None:
        return 1
    exact = FusedBlend(Panel.of([model]), blend, model.knows_item, cells.of_item)  # type: ignore[list-item]
    print(f"{len(cells.middles):,} cells made in {made:.1f} s\n")
    print(f"| probes | items looked at | recall@{given.k} | microseconds a user | of all |")
    print("| --- | --- | --- | --- | --- |")
    with limited_threads(ComputeConfig(threads=1)):
        wanted, of_all = seconds_of(exact, seen[:EXACT], given.k)
        for probes in (8, 16, 32, 64):
            search = exact.search_of(probes)
            lists, spent = seconds_of(exact.searching(search), seen, given.k)
            share = search.scores_of_user / len(exact.columns)
            found = recall(lists[:EXACT], wanted)
            print(f"| {probes} | {share:.2%} | {found:.4f} | {1e6 * spent:.0f} | {spent / of_all:.2f} |", flush=True)
    print(f"| all | 100% | 1 | {1e6 * of_all:.0f} | 1 |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
