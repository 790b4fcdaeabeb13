"""Claims about `models.compute`."""

from __future__ import annotations

import subprocess
import sys
from time import sleep

import numpy as np
import pytest
from pydantic import ValidationError
from threadpoolctl import threadpool_info

from models.compute import ComputeConfig, in_order, limited_threads, side_by_side


def blas_threads() -> list[int]:
    """Return how many threads each loaded BLAS may use now; NumPy and SciPy bring one each."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_every_blas_is_limited_inside_the_block_and_free_after_it() -> None:
    """NumPy's and SciPy's BLAS use the configured number of threads, and then what they used before."""
    before = blas_threads()
    for threads in (1, 3):
        with limited_threads(ComputeConfig(threads=threads)):
            assert blas_threads() == [threads] * len(before)
    assert blas_threads() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_parts_done_side_by_side_run_on_one_blas_thread_each(threads: int) -> None:
    """Results come in the order of the parts, BLAS has one thread meanwhile, and its old number afterwards."""
    with limited_threads(ComputeConfig(threads=threads)):
        done = side_by_side(lambda part: (part * part, set(blas_threads())), range(6))
        assert done == [(part * part, {1}) for part in range(6)]
        assert set(blas_threads()) == {threads}


def test_results_side_by_side_do_not_depend_on_the_number_of_threads() -> None:
    """The same parts give the same bytes on one thread and on several."""
    rng = np.random.default_rng(1)
    stacks = [rng.standard_normal((50, 40, 40), dtype=np.float32) for _ in range(5)]
    found = []
    for threads in (1, 2, 4):
        with limited_threads(ComputeConfig(threads=threads)):
            found.append(np.stack(side_by_side(np.linalg.inv, stacks)))
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_stands_side_by_side_than_is_asked_for(at_once: int) -> None:
    """With four threads and room for fewer parts, no more are ever under way, each still on one BLAS thread."""
    under_way, most = set[int](), set[int]()

    def work(part: int) -> set[int]:
        under_way.add(part)
        most.add(len(under_way))
        sleep(0.005)
        under_way.discard(part)
        return set(blas_threads())

    with limited_threads(ComputeConfig(threads=4)):
        assert list(in_order(work, range(12), at_once)) == [{1}] * 12
    assert max(most) == at_once


def test_no_threads_at_all_is_refused() -> None:
    """A night computes with one thread or more."""
    with pytest.raises(ValidationError):
        ComputeConfig(threads=0)


CONFIGURED_TWICE = """
import sys
from models.compute import ComputeConfig, configure_tensorflow
assert "tensorflow" not in sys.modules
drawn = []
for seed in (1, 1, 2):
    configure_tensorflow(ComputeConfig(threads=2), seed)
    import tensorflow as tf
    drawn.append(float(tf.random.normal(())))
assert drawn[0] == drawn[1] != drawn[2], drawn
assert tf.config.threading.get_intra_op_parallelism_threads() == tf.config.threading.get_inter_op_parallelism_threads() == 2
"""


@pytest.mark.slow
def test_tensorflow_is_configured_when_asked_for_and_as_often_as_one_likes() -> None:
    """TensorFlow loads with its configuration only; configured again after it has computed, it starts from the seed again."""
    subprocess.run([sys.executable, "-c", CONFIGURED_TWICE], check=True)
