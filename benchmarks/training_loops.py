"""Samples a second of each of our training loops, beside Keras `fit` with Adam on the same network in the same run.

An epoch is timed with all it brings: drawing batches, negatives, and what a loop watches between epochs. The first epoch, which compiles,
is not counted; of the others the median is.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import scipy.sparse as sp
from cyclopts import App, Parameter

from benchmarks import readme
from benchmarks.loops import LOOPS
from benchmarks.readme import table
from benchmarks.sparse_world import SparseWorldConfig, sparse_world
from benchmarks.splits import Likes
from models.compute import ComputeConfig, configure_tensorflow, limited_threads
from models.scorer import Described, Interactions, TrainingData

if TYPE_CHECKING:
    from benchmarks.loops.twin import Loop

app = App(name="training_loops", help=__doc__, help_format="plaintext")


@app.default
def training_loops(
    *,
    loops: Annotated[tuple[str, ...], Parameter(help=f"Which loops: {', '.join(LOOPS)}.")] = LOOPS,
    users: int = 20_000,
    items: int = 10_000,
    pairs: int = 600_000,
    threads: int = 2,
    write: Annotated[bool, Parameter(negative="", help="Put the table into benchmarks/README.md.")] = False,
) -> int:
    """Measure the loops on a made-up world of this size."""
    configure_tensorflow(ComputeConfig(threads=threads), 1)
    data = made_up(SparseWorldConfig(n_users=users, n_items=items, n_pairs=pairs))
    results = []
    for name in loops:
        with limited_threads(ComputeConfig(threads=threads)):
            result = measured(name, importlib.import_module(f"benchmarks.loops.{name}").loop(data), data)
        print(json.dumps(result), flush=True)
        results.append(result)
    if write:
        world = f"{users:,} users, {items:,} items, {len(data.interactions):,} likes, {threads} threads.\n"
        readme.write("training loops", world, as_table(results))
    return 0


def measured(name: str, loop: Loop, data: TrainingData) -> dict[str, Any]:
    """Train both and return samples a second of each."""
    ours, theirs = loop.samples / our_epoch(loop, data), loop.samples / their_epoch(loop)
    return {
        "loop": name,
        "samples_an_epoch": loop.samples,
        "ours": round(ours),
        "keras": round(theirs),
        "times": round(ours / theirs, 2),
    }


def our_epoch(loop: Loop, data: TrainingData) -> float:
    """Return the median seconds of an epoch of ours, told by its progress lines."""
    ends: list[float] = []

    def progress(line: str) -> None:
        if ": epoch " in line:
            ends.append(time.perf_counter())

    loop.ours.fit(data, 1, progress)
    if len(ends) < 2:
        raise ValueError(f"{loop.ours.name} told of {len(ends)} epochs; at least 2 are needed to time one")
    return float(np.median(np.diff(ends)))


def their_epoch(loop: Loop) -> float:
    """Return the median seconds of an epoch of `fit` with Adam, without the first."""
    import keras

    marks: list[float] = []
    loop.twin.compile(optimizer=keras.optimizers.Adam())
    after_epoch = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: marks.append(time.perf_counter()))
    loop.twin.fit(loop.arrays, batch_size=loop.batch_size, epochs=3, verbose=0, callbacks=[after_epoch])
    return float(np.median(np.diff(marks)))


def made_up(config: SparseWorldConfig) -> TrainingData:
    """Return a made-up world as the arrays that models learn from; items are described by place, topic and brand."""
    world = sparse_world(config)
    likes = Likes.of(world.interactions)
    frame = likes.frame.sort_values(["user", "item"])
    age_days = (frame.occurred_at.max() - frame.occurred_at).dt.total_seconds().to_numpy() / 86_400
    ones, unknown = np.ones(len(frame), np.float32), np.full(len(frame), np.nan, np.float32)
    shape = (len(likes.user_ids), len(likes.item_ids))
    pairs = (part.to_numpy().astype(np.int32) for part in (frame.user, frame.item))
    happened = Interactions(*pairs, age_days, ones, unknown, ones > 0, *shape)
    described = world.items.set_index("item_id").loc[likes.item_ids, ["place", "topic", "brand"]]
    blocks = [one_hot(described[name].to_numpy()) for name in described]
    features = sp.hstack(blocks, format="csr", dtype=np.float32)
    nothing = sp.csr_matrix((shape[0], 0), dtype=np.float32)
    return TrainingData(happened, Described.by(features), Described.by(nothing), np.zeros(shape[0], np.int16), ("everybody",))


def one_hot(values: np.ndarray[Any, Any]) -> sp.csr_matrix:
    """Return one column per value; (rows, values)."""
    _, column = np.unique(values, return_inverse=True)
    return sp.csr_matrix((np.ones(len(values), np.float32), (np.arange(len(values)), column)))


def as_table(results: Sequence[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        [f"`{result['loop']}`", *(f"{result[name]:,}" for name in ("samples_an_epoch", "ours", "keras")), f"{result['times']:.1f}"]
        for result in results
    ]
    return table(["loop", "samples an epoch", "ours, samples/s", "Keras `fit` with Adam, samples/s", "times"], rows)


if __name__ == "__main__":
    app()
