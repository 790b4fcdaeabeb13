"""What a run does about a Prefect server that dies while it runs: it ends as if there were none, at once, instead of trying for minutes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.prefect_api import api_is_alive

log = logging.getLogger("nightly")


def tell_prefect(what: str, tell: Callable[[], Any]) -> Any:
    """Tell Prefect something and return what came of it; that it cannot take it is a warning and None, never the end of a night."""
    # Prefect's client would try again for a minute.
    if dead := dead_api():
        log.warning("%s: no API answers at %s", what, dead)
        return None
    try:
        return tell()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong here must not undo a publication
        log.warning("%s: %s", what, error)
        return None


def dead_api() -> str:
    """Return the address of Prefect's API where nobody answers, nothing where somebody does or where there is none."""
    address = str(PREFECT_API_URL.value() or "")
    return address if address and not api_is_alive(address) else ""


def give_up_on(address: str, patience: ExitStack) -> None:
    """Have Prefect's client try everything only once from now on, until `patience` is closed, and forget what it would still tell.

    It tries five times to report a run's end, twice, and each event of each step for seven seconds and more: minutes after publication.
    """
    log.warning("not recorded in Prefect: no API answers at %s", address)
    patience.enter_context(temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}))
    for worker in list(EventsWorker._instances.values()):
        # Its task is Prefect's own affair; should it be called otherwise one day, the process merely ends later.
        with suppress(AttributeError):
            worker._loop.call_soon_threadsafe(worker._task.cancel)
