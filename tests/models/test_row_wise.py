"""Claims about `models.row_wise`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.distinct_rows import distinct_rows

START = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
PULLS = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
NUMBERS = np.random.default_rng(2).choice([1, 2, 5, 7], size=(4, 20))


@pytest.fixture(scope="module")
def step() -> Any:
    """Return a compiled step that pulls rows in given directions, and the table's class."""
    import tensorflow as tf

    from models.row_wise import Table

    @tf.function(jit_compile=True)
    def pull(table: Table, rows: Any, place: Any, pulls: Any) -> None:
        read = table.read(rows)
        with tf.GradientTape() as tape:
            tape.watch(read)
            loss = tf.reduce_sum(tf.gather(read, place) * pulls)
        table.learn(rows, read, tape.gradient(loss, read), tf.constant(0.3))

    return pull, Table


def dense_adagrad(start: NDArray[np.float32], batches: NDArray[np.intp]) -> NDArray[np.float64]:
    """Take the same steps over the whole table, its gradient written out densely."""
    rows, squares = start.astype(np.float64), np.zeros(len(start))
    for numbers in batches:
        gradient = np.zeros_like(rows)
        for number, pull in zip(numbers, PULLS, strict=True):
            gradient[number] += pull
        squares += (gradient**2).mean(axis=1)
        rows -= 0.3 * gradient / np.sqrt(np.where(squares > 0, squares, 1))[:, None]
    return rows


def test_steps_are_those_of_a_dense_optimizer(step: Any) -> None:
    """Rows held several times in a batch move once, by the sum of what pulls at them, as if the gradient were dense."""
    pull, table_of = step
    table = table_of.of(START)
    for numbers in NUMBERS:
        pull(table, *distinct_rows(numbers, len(START)), PULLS)
    np.testing.assert_allclose(table.learned(), dense_adagrad(START, NUMBERS), rtol=1e-5, atol=1e-5)


def test_only_rows_in_the_batch_are_touched(step: Any) -> None:
    """What a batch does not hold keeps its bytes, and so does the padding row, which stays zero."""
    pull, table_of = step
    table = table_of.of(START)
    pull(table, *distinct_rows(np.where(np.arange(20) % 2, 3, 6), len(START)), PULLS)
    untouched = np.setdiff1d(np.arange(len(START)), [3, 6])
    np.testing.assert_array_equal(table.learned()[untouched], START[untouched])
    assert (table.learned()[[3, 6]] != START[[3, 6]]).all()
    assert not table.rows.numpy()[-1].any()
    assert np.flatnonzero(table.squares.numpy()).tolist() == [3, 6]


def test_a_second_table_of_a_shape_is_not_compiled_again(step: Any) -> None:
    """A step takes tables as arguments: fitting again, or another model, costs no compilation."""
    pull, table_of = step
    for _ in range(2):
        pull(table_of.of(START), *distinct_rows(NUMBERS[0], len(START)), PULLS)
    assert pull.experimental_get_tracing_count() == 1
