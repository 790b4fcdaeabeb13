"""The hot loop of nights whose models are products: the best 100 of 20,000 items for 100,000 users, beside what others offer for it.

    python -m benchmarks.scoring [--users 100000] [--rivals-python .venv/bench/bin/python] [--write]

Every contender is a process of its own and is timed from vectors in memory to lists in memory. `bare product` only multiplies: what no way
that looks at every score can be faster than.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

N_ITEMS, WIDTH, N_SEEN, K = 20_000, 128, 50, 100
AT_ONCE = 1024
SPARE = 50
"""Items a library that cannot leave out what was seen is asked for beyond K."""

CHECKED = 200
"""Users whose lists are held against float64 scores of everything."""

Matrix = NDArray[np.float32]
Lists = NDArray[np.int64]


def product(users: Matrix, items: Matrix, _seen: sp.csr_matrix) -> None:
    """Only multiply, block by block, on all cores."""
    out = np.empty((AT_ONCE, len(items)), np.float32)
    for start in range(0, len(users), AT_ONCE):
        block = users[start : start + AT_ONCE]
        np.matmul(block, items.T, out=out[: len(block)])


def ours(users: Matrix, items: Matrix, seen: sp.csr_matrix) -> Lists:
    """Rank as a night does: a blend, here of one model, with contributions."""
    from benchmarks.one_product import best_lists

    return best_lists(users, items, seen, K)


def argpartition(users: Matrix, items: Matrix, seen: sp.csr_matrix) -> Lists:
    """Multiply and partition: what most people write."""
    lists = np.empty((len(users), K), np.int64)
    for start in range(0, len(users), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        scores = users[rows] @ items.T
        scores[seen[rows].nonzero()] = -np.inf
        found = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, found, 1), axis=1, kind="stable")
        lists[rows] = np.take_along_axis(found, order, 1)
    return lists


def tensorflow(users: Matrix, items: Matrix, seen: sp.csr_matrix) -> Lists:
    """Multiply, mask and `top_k` in TensorFlow."""
    import tensorflow as tf

    lists, turned = np.empty((len(users), K), np.int64), tf.constant(items.T)
    for start in range(0, len(users), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        scores = tf.matmul(users[rows], turned)
        place = np.stack(seen[rows].nonzero(), axis=1)
        scores = tf.tensor_scatter_nd_update(scores, place, np.full(len(place), -np.inf, np.float32))
        lists[rows] = tf.math.top_k(scores, K).indices.numpy()
    return lists


def faiss(users: Matrix, items: Matrix, seen: sp.csr_matrix) -> Lists:
    """Search faiss's exact index for some more items, and drop what was seen."""
    index = importlib.import_module("faiss").IndexFlatIP(WIDTH)
    index.add(items)
    _, found = index.search(users, K + SPARE)
    taken = np.repeat(np.arange(len(users)), np.diff(seen.indptr)) * len(items) + seen.indices
    met = np.isin(np.arange(len(users))[:, None] * len(items) + found, taken)
    return np.take_along_axis(found, np.argsort(met, axis=1, kind="stable")[:, :K], 1)


def faiss_all(users: Matrix, items: Matrix, _seen: sp.csr_matrix) -> None:
    """Search faiss's exact index, seen items included."""
    index = importlib.import_module("faiss").IndexFlatIP(WIDTH)
    index.add(items)
    index.search(users, K)


def implicit(users: Matrix, items: Matrix, seen: sp.csr_matrix) -> Lists:
    """Let implicit recommend what was not seen."""
    factorised = importlib.import_module("implicit.cpu.matrix_factorization_base").MatrixFactorizationBase
    model = factorised.__new__(type("Given", (factorised,), {"fit": None, "save": None}))
    model.user_factors, model.item_factors, model.num_threads = users, items, 0
    lists = [
        model.recommend(
            np.arange(start, min(start + AT_ONCE, len(users))), seen[start : start + AT_ONCE], N=K, filter_already_liked_items=True
        )[0]
        for start in range(0, len(users), AT_ONCE)
    ]
    return np.concatenate(lists)


CONTENDERS: dict[str, tuple[Callable[[Matrix, Matrix, sp.csr_matrix], Any], str | None]] = {
    "bare product": (product, None),
    "ours": (ours, None),
    "faiss, seen dropped": (faiss, "faiss"),
    "faiss, seen kept": (faiss_all, "faiss"),
    "TensorFlow top_k": (tensorflow, None),
    "implicit": (implicit, "implicit"),
    "argpartition": (argpartition, None),
}
"""Name -> what it does, and the package of the rivals' environment that it needs."""

DISTRIBUTIONS = {"faiss": "faiss-cpu"}
"""Package -> the name under which it is installed, where that is another."""


def world(n_users: int) -> tuple[Matrix, Matrix, sp.csr_matrix]:
    """Draw vectors, and what everybody has seen."""
    rng = np.random.default_rng(7)
    users, items = (rng.standard_normal((n, WIDTH), dtype=np.float32) for n in (n_users, N_ITEMS))
    width = N_ITEMS // N_SEEN  # one seen item out of every stretch of the catalogue: sorted, and none twice
    place = (rng.integers(width, size=(n_users, N_SEEN)) + width * np.arange(N_SEEN)).ravel()
    indptr = np.arange(0, len(place) + 1, N_SEEN)
    return users, items, sp.csr_matrix((np.ones(len(place), np.float32), place.astype(np.int32), indptr), shape=(n_users, N_ITEMS))


def wrong_lists(lists: Lists, users: Matrix, items: Matrix, seen: sp.csr_matrix) -> int:
    """Count, among CHECKED users, lists whose float64 scores are not the best there are."""
    some = np.linspace(0, len(users) - 1, CHECKED).astype(int)
    scores = users[some].astype(np.float64) @ items.T.astype(np.float64)
    scores[seen[some].nonzero()] = -np.inf
    best = -np.sort(-scores, axis=1)[:, :K]
    return int(np.count_nonzero(~np.isclose(np.take_along_axis(scores, lists[some], 1), best, rtol=0, atol=1e-4).all(axis=1)))


def measure(name: str, n_users: int) -> None:
    """Run one contender in this process and print what it took."""
    users, items, seen = world(n_users)
    work, package = CONTENDERS[name]
    work(users[:AT_ONCE], items, seen[:AT_ONCE])  # libraries load and compile at their first call
    started = time.perf_counter()
    lists = work(users, items, seen)
    seconds = time.perf_counter() - started
    release = f"{package} {version(DISTRIBUTIONS.get(package, package))}" if package else ""
    wrong = None if lists is None else wrong_lists(lists, users, items, seen)
    print(json.dumps({"seconds": seconds, "wrong": wrong, "release": release}))


@dataclass
class Timed:
    """What one contender took: seconds of each round, how many of its lists are wrong (None where it makes none), and its release."""

    seconds: list[float] = field(default_factory=list)
    wrong: int | None = None
    release: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def timed(names: Iterable[str], n_users: int, rounds: int, rivals_python: Path | None) -> dict[str, Timed]:
    """Time contenders, each a process of its own, round after round in turn; those that need packages nobody has are left out.

    `rivals_python` is the interpreter of the environment with the rivals. Raises RuntimeError where a contender fails.
    """
    found: dict[str, Timed] = {}
    for _, name in itertools.product(range(rounds), names):
        python = sys.executable if CONTENDERS[name][1] is None else rivals_python
        if python is None:
            continue
        command = [str(python), "-m", "benchmarks.scoring", "--only", name, "--users", str(n_users)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {(done.stderr.strip().splitlines() or ['failed without a word'])[-1]}")
        result = json.loads(done.stdout.splitlines()[-1])
        entry = found.setdefault(name, Timed())
        entry.seconds.append(result["seconds"])
        entry.wrong, entry.release = result["wrong"], result["release"]
    return found


def as_table(found: Mapping[str, Timed]) -> str:
    """Return the medians as a Markdown table, the fastest first, with their ratios to the bare product and of ours to them."""
    product, own = found["bare product"].median, found["ours"].median
    lines = ["| way | seconds | of the bare product | ours takes of it | wrong lists |", "| --- | --- | --- | --- | --- |"]
    for name, entry in sorted(found.items(), key=lambda pair: pair[1].median):
        who = f"**{name}**" if name == "ours" else name
        wrong = "" if entry.wrong is None else entry.wrong
        lines.append(f"| {who} | {entry.median:.2f} | {entry.median / product:.2f} | {own / entry.median:.2f} | {wrong} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Time every contender, several rounds in turn, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rivals-python", type=Path, help="interpreter of the environment with faiss and implicit")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        measure(given.only, given.users)
        return 0
    found = timed(CONTENDERS, given.users, given.rounds, given.rivals_python)
    print(as_table(found))
    if given.write:
        from benchmarks.readme import write  # needs packages that the environment of the rivals does not have

        releases = sorted({entry.release for entry in found.values() if entry.release})
        rounds = "one round" if given.rounds == 1 else f"medians of {given.rounds} rounds"
        about = f"{given.users:,} users, {rounds}; beside {', '.join(releases) or 'no library'}.\n"
        write("scoring", about, as_table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
