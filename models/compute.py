"""How many threads the numeric libraries use, fixed because another number gives other bytes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import TypeVar

import scipy.linalg  # noqa: F401  # loads SciPy's own BLAS: only libraries that are loaded already can be limited
from pydantic import BaseModel, Field
from threadpoolctl import ThreadpoolController, threadpool_limits

Part = TypeVar("Part")
Result = TypeVar("Result")

BLAS = ThreadpoolController().select(user_api="blas")
"""NumPy's and SciPy's, which are loaded by now; looking for them takes milliseconds, and there are hundreds of loops a night."""

AHEAD = 2
"""Parts per thread that may be done or under way before the first of them is taken: results wait in memory."""


class ComputeConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How much of the machine a night computes with."""

    threads: int = Field(2, ge=1)
    """Threads of BLAS, LAPACK, OpenMP and TensorFlow. A constant, never the number of cores: two machines with this number in common
    agree to the byte."""

    memory_gb: float | None = Field(None, gt=0)
    """Memory a night may take, in GB of 10^9 bytes; unset, what machine and control group offer when it begins. It changes no published
    byte: it bounds SQL and how much is done side by side, and a night that would take more is refused before it trains."""


@contextmanager
def limited_threads(config: ComputeConfig) -> Iterator[None]:
    """Let BLAS, LAPACK and OpenMP use the configured number of threads inside the block, and what they used before after it."""
    with threadpool_limits(limits=config.threads):
        yield


def side_by_side(work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """Do independent parts at the same time, as `in_order` does, and return all that becomes of them."""
    return list(in_order(work, parts))


def in_order(work: Callable[[Part], Result], parts: Iterable[Part], at_once: int | None = None) -> Generator[Result]:
    """Do independent parts at the same time and yield what becomes of them in their order, a few ahead of who takes it.

    As many are done at once as BLAS may use threads now, or fewer where `at_once` says so, each on one BLAS thread. Sparse products and
    whatever goes number by number use one core by themselves, and BLAS calls too small to be shared are slower on several threads that
    wait for each other than on one. The bytes depend neither on the number of threads nor on `at_once`. Where BLAS is limited to one
    thread already, by a caller who runs threads of its own, the parts are done in turn and no limit is touched: limits hold for the whole
    process.
    """
    threads = max((library["num_threads"] for library in BLAS.info()), default=1)
    if threads == 1:
        yield from map(work, parts)
        return
    threads = min(threads, at_once or threads)
    with BLAS.limit(limits=1), ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for part in parts:
                ahead.append(pool.submit(work, part))
                if len(ahead) > AHEAD * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def configure_tensorflow(config: ComputeConfig, seed: int) -> None:
    """Make TensorFlow use the configured threads, deterministic kernels and one seed for Python, NumPy and itself.

    TensorFlow fixes its threads when it first computes: a later call in the same process changes the seed and leaves the number, which
    the deterministic kernels used here do not depend on.
    """
    with _chatter_held_back():
        import keras  # takes seconds to import; only steps that train networks pay for it
        import tensorflow as tf

        with suppress(RuntimeError):
            tf.config.threading.set_inter_op_parallelism_threads(config.threads)
            tf.config.threading.set_intra_op_parallelism_threads(config.threads)
        tf.config.list_physical_devices()
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


@contextmanager
def _chatter_held_back() -> Iterator[None]:
    """Keep what TensorFlow's C++ part writes to stderr while it starts from the operator's eyes, unless it fails.

    It speaks before any setting of its own takes effect (TensorFlow 2.21), of things nobody who reads a night's log can act on.
    """
    kept = os.dup(2)
    with TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
