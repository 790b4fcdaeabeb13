"""Which rows of a growing relation are new: those beyond the last value of its cursor, and those before it that were committed late."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date

from tasks.ingest.pull_statements import Asked
from tasks.ingest.pulled import Covered
from tasks.postgres import Connection

log = logging.getLogger("nightly")


@dataclass(frozen=True)
class Slice:
    """The rows of one delivery: what it covers, and their condition; none where it is everything."""

    told: Covered
    condition: str = ""


@dataclass(frozen=True)
class Horizon:
    """How far a night sees: to the end of its date, UTC; times without a zone are of `zone`."""

    run_date: date
    zone: str | None


def new_rows(connection: Connection, asked: Asked, horizon: Horizon, last: Covered | None) -> Slice | None:
    """Return the rows that the last pull has not covered; None where there are none.

    Where the rows shortly before its end are no longer those it covered, some were committed late: they are all read again, and the
    night tells the copies as such.
    """
    after = last.through if last else None
    if last is None or after is None:
        is_late, lowest = False, "true"
    elif not _is_known(connection, asked, horizon, after):
        return None  # a date that lies before what was taken in
    else:
        is_late, lowest = _window(connection, asked, after) != last.window, asked.beyond(after)
    known = asked.known(horizon.run_date, horizon.zone)
    newest = connection.rows(asked.statement("newest", f"{known} and {lowest}"))[0][0]
    if is_late and after is not None:
        log.info("pull: %s came late or changed; the last rows are read again", asked.source)
        newest, lowest = newest or after, asked.shortly_before(after)
    if newest is None:
        return None
    through = str(newest)
    told = Covered(
        asked=asked.config.asked,
        cursor=asked.config.cursor,
        after=after,
        through=through,
        window=_window(connection, asked, through),
    )
    return Slice(told, f"{lowest} and {asked.up_to(through)}")


def _is_known(connection: Connection, asked: Asked, horizon: Horizon, value: str) -> bool:
    return bool(connection.rows(f"select 1 where {asked.known(horizon.run_date, horizon.zone, value)}"))


def _window(connection: Connection, asked: Asked, through: str) -> tuple[int, str]:
    count, fingerprint = connection.rows(asked.statement("window", asked.window(through)))[0]
    return int(count), str(fingerprint)
