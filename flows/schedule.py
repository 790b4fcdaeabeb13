"""When nights are run: a cron line in a time zone, proven before Prefect sees it, and what the changing of the clocks does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tasks.refusals import UsageError

CHANGING_HOURS = (1, 2)
"""In these hours of the night clocks are put forward and back, nearly everywhere where they are."""


@dataclass(frozen=True)
class Schedule:
    """A cron line, and the zone that it is read in and that gives nights their dates."""

    cron: str
    timezone: str

    def require(self) -> None:
        """Raise UsageError for a zone that is not known or a line that is no cron line."""
        from prefect.client.schemas.schedules import CronSchedule

        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            expected = "a name of the IANA time zone database, such as Europe/Zurich"
            raise UsageError("--timezone", expected, repr(self.timezone), "correct it; UTC needs no thought about clocks") from error
        try:
            CronSchedule(cron=self.cron, timezone=self.timezone)
        except ValueError as error:
            expected = "five fields: minute, hour, day, month, day of the week"
            raise UsageError("--cron", expected, repr(self.cron), 'correct it; every night at two is "0 2 * * *"') from error

    def warning(self, year: int) -> str | None:
        """Say what happens when clocks change, None where they do not or no night begins about then."""
        zone = ZoneInfo(self.timezone)
        offsets = {datetime(year, month, 1, 12, tzinfo=zone).utcoffset() for month in range(1, 13)}
        if len(offsets) == 1 or not set(CHANGING_HOURS) & set(_hours(self.cron)):
            return None
        # Measured with Prefect 3.8: what is set for the hour that is left out runs an hour early, of two equal hours it takes the first.
        return (
            f"clocks change in {self.timezone} between 01:00 and 03:00: in spring a night set for the hour that is left out begins an hour "
            "early, in autumn it has begun when that hour comes again. "
            'A later hour, such as --cron "30 3 * * *", or --timezone UTC avoids both'
        )


def _hours(cron: str) -> Iterator[int]:
    """Yield the hours that a cron line names; of a shorthand such as @daily none, it begins at midnight."""
    fields = cron.split()
    for part in fields[1].split(",") if len(fields) > 1 else ():
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            first, last = "0", "23"
        # A bare hour with a step, as in 5/6, goes on to the end of the day.
        yield from range(int(first), int(last or (23 if step else first)) + 1, int(step or 1))
