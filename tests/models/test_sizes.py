"""Claims about `models.sizes` and about what every model says it needs: estimates are held to what is measured."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from models.compute import ComputeConfig, limited_threads
from models.scorer import Described, Interactions, Scorer, TrainingData
from models.sizes import POPULARITY_SKEW, Sizes, distinct_pairs
from tasks.train import NETWORKS, SCORERS, TrainConfig

FACTOR = 2.0
"""How far an estimate may be off, either way."""

SLACK = 64 << 20
"""Bytes by which it may be off besides: what libraries hold for themselves."""

SMALL = {
    "ease": (4000, 4000, 100_000),
    "als": (40_000, 4000, 200_000),
    "spectral": (10_000, 6000, 200_000),
    "transitions": (10_000, 4000, 250_000),
    "content_knn": (20_000, 4000, 200_000),
    "nmf": (60_000, 3000, 100_000),
}
"""Model of arrays alone -> users, items and pairs at which its own arrays outweigh the slack."""


def world(n_users: int, n_items: int, n_pairs: int, item_columns: int = 2500, user_columns: int = 300) -> TrainingData:
    """Make up likes whose popularity falls by the assumed law, in a random order of time."""
    rng = np.random.default_rng(5)
    share = np.arange(1, n_items + 1) ** -POPULARITY_SKEW
    item = np.minimum(np.searchsorted(np.cumsum(share / share.sum()), rng.random(n_pairs)), n_items - 1)
    pair = np.unique(rng.integers(0, n_users, n_pairs) * n_items + item)
    user, item = (part.astype(np.int32) for part in np.divmod(pair, n_items))
    told = np.ones(len(pair), np.float32)
    happened = Interactions(user, item, rng.random(len(pair)) * 300, told, told * np.nan, told > 0, n_users, n_items)
    described = (_described(rng, rows, columns) for rows, columns in ((n_items, item_columns), (n_users, user_columns)))
    return TrainingData(happened, *described, np.zeros(n_users, np.int16), ("all",))


def _described(rng: np.random.Generator, n_rows: int, n_columns: int) -> Described:
    row = np.repeat(np.arange(n_rows), 4)
    columns = sp.csr_matrix((np.ones(len(row), np.float32), (row, rng.integers(0, n_columns, len(row)))), shape=(n_rows, n_columns))
    return Described.by(columns)


def made(name: str) -> Scorer:
    """Make a model with its default settings, but for how long it learns, which takes no memory."""
    config = getattr(TrainConfig(), name)
    brief = {field: 1 for field in ("iterations", "epochs") if field in type(config).model_fields}
    brief |= {"max_steps": 20} if "max_steps" in type(config).model_fields else {}
    if "training" in type(config).model_fields:
        brief["training"] = config.training.model_copy(update={"epochs": 1, "max_steps": 10})
    return SCORERS[name](config.model_copy(update=brief))  # type: ignore[call-arg]


def assert_close(estimated: int, measured: int) -> None:
    """Hold an estimate to the stated tolerance."""
    assert estimated <= FACTOR * measured + SLACK, f"about {estimated >> 20} MB were expected, {measured >> 20} MB were taken"
    assert measured <= FACTOR * estimated + SLACK, f"about {estimated >> 20} MB were expected, {measured >> 20} MB were taken"


def test_pairs_that_are_met_are_counted_as_the_sum_over_all_pairs_says() -> None:
    """Items of like popularity are taken together, which moves the sum by little, from few draws to more than there are pairs."""
    share = np.arange(1, 401) ** -POPULARITY_SKEW
    share /= share.sum()
    for draws in (50, 5000, 500_000):
        exact = -np.expm1(-draws * np.outer(share, share)).sum()
        assert distinct_pairs(400, draws) == pytest.approx(exact, rel=0.05, abs=1)
    assert distinct_pairs(0, 10) == distinct_pairs(10, 0) == 0


@pytest.mark.parametrize("name", SMALL)
def test_a_model_of_arrays_needs_what_it_says(name: str) -> None:
    """What NumPy and SciPy allocate while it is fitted is within the tolerance of what it said."""
    data, scorer = world(*SMALL[name]), made(name)
    tracemalloc.start()
    try:
        with limited_threads(ComputeConfig()):
            scorer.fit(data, seed=1)
        _, measured = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_close(scorer.needs(Sizes.of(data, data.interactions.n_items)).fitting, measured)


FITTED_ALONE = """
import sys
from pathlib import Path
from models.compute import ComputeConfig, configure_tensorflow, limited_threads
from tasks.train import NETWORKS
from tests.models.test_sizes import made, world

def of_process(name):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)) * 1024

name, *size = sys.argv[1:]
data, scorer = world(*map(int, size)), made(name)
if name in NETWORKS:
    configure_tensorflow(ComputeConfig(), 1)
before = of_process("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
with limited_threads(ComputeConfig()):
    scorer.fit(data, 1)
print(of_process("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells and resets the peak of a process")
@pytest.mark.parametrize("name", [*SMALL, *sorted(NETWORKS)])
def test_a_process_that_fits_a_model_grows_by_what_it_says(name: str) -> None:
    """The same for whole processes, networks included, at a size where constants no longer hide the rest."""
    size = (60_000, 9000, 600_000)
    done = subprocess.run([sys.executable, "-c", FITTED_ALONE, name, *map(str, size)], check=True, capture_output=True, text=True)
    data = world(*size)
    assert_close(made(name).needs(Sizes.of(data, data.interactions.n_items)).fitting, int(done.stdout))


@pytest.mark.parametrize("name", SCORERS)
def test_more_to_learn_from_never_needs_less(name: str) -> None:
    """Twice the users, items and events need at least what half of them needed."""
    half = Sizes(n_users=1000, n_items=800, n_events=9000, n_recommendable=800, n_liked_items=700, item_columns=40, user_columns=9)
    doubled = {field: 2 * getattr(half, field) for field in ("n_users", "n_items", "n_events", "n_recommendable", "n_liked_items")}
    small, large = (made(name).needs(sizes) for sizes in (half, half.model_copy(update=doubled)))
    assert large.fitting >= small.fitting > 0
    assert large.kept >= small.kept > 0
