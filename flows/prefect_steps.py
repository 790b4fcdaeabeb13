"""Steps as Prefect tasks: each is seen, timed and logged in Prefect, and keeps the receipts that make a killed night resume."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.context import TagsContext
from prefect.exceptions import TerminationSignal
from prefect.logging.handlers import APILogHandler
from prefect.states import State
from prefect.tasks import Task

from flows.prefect_progress import Progress
from tasks.night import AnyReceipt, Night, Receipt, plain
from tasks.refusals import StorageError

RETRIES = {"ingest": 2}
"""Only what reaches outside the workspace may succeed when tried again; all else would fail the same way."""

RETRY_DELAY_SECONDS = 10.0


def as_prefect_task(step: Callable[..., AnyReceipt], night: Night, *inputs: Any) -> AnyReceipt:
    """Carry out one step as a Prefect task, unless an earlier attempt of the same night left its receipt.

    Prefect sees the receipts as inputs, which draws the night's graph; it hashes, caches, pickles and stores nothing.
    """
    name = step.__name__

    def carry_out(*inputs: Any) -> AnyReceipt:
        return plain(step, night, *inputs)

    recorded = task(
        carry_out,
        name=name,
        description=step.__doc__,
        task_run_name=f"{name} {night.run_date}",
        cache_policy=NO_CACHE,
        persist_result=False,
        result_serializer="json",
        retries=RETRIES.get(name, 0),
        retry_delay_seconds=RETRY_DELAY_SECONDS,
        retry_condition_fn=_is_worth_a_retry,
    )
    try:
        # A task with tags asks the API for a slot of each before it begins: a server that dies in the night would take the step with it.
        with TagsContext(current_tags=set()):
            receipt: AnyReceipt = recorded(*inputs)
    except TerminationSignal as signal:
        # The attempt records a SystemExit as terminated; `terminated` turns it back into what Prefect acts upon.
        raise SystemExit(143) from signal
    return receipt


def _is_worth_a_retry(_task: Task[Any, Any], _task_run: TaskRun, state: State[Any]) -> bool:
    """Tell a disk or server that may come back from a delivery that will be just as bad in ten seconds."""
    return isinstance(state.result(raise_on_failure=False), OSError | StorageError)


@dataclass
class PrefectRunner:
    """Carries out steps as Prefect tasks, moves the bar that shows how far the run is, and remembers receipts for the summary."""

    progress: Progress
    receipts: dict[str, Receipt] = field(default_factory=dict)

    def __call__(self, step: Callable[..., AnyReceipt], night: Night, *inputs: Any) -> AnyReceipt:
        receipt = as_prefect_task(step, night, *inputs)
        self.receipts[step.__name__] = receipt
        self.progress.done(step.__name__, night)
        return receipt


@contextmanager
def terminated() -> Iterator[None]:
    """Give Prefect its own signal back once the attempt has been recorded, so that a cancelled run is shown as cancelled."""
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__cause__, TerminationSignal):
            raise stop.__cause__ from None
        raise


@contextmanager
def logged_to_prefect() -> Iterator[None]:
    """Show what the night logs among the flow run's logs for as long as the block lasts, also without any setting of Prefect's."""
    logger = logging.getLogger("nightly")
    level = logger.level
    handler = None if any(isinstance(known, APILogHandler) for known in logger.handlers) else APILogHandler()
    if handler is not None:
        logger.addHandler(handler)
    # The root logger, which would decide otherwise, lets only warnings through.
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)
