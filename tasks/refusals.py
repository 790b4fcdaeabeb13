"""The ways a night can end without publishing, each with its exit code."""

from __future__ import annotations


class NightError(Exception):
    """A foreseen ending that is not a publication.

    The message names the file or table, what was expected, what was found and what to type next.
    """

    exit_code = 1
    ending = "failed"

    def __init__(self, where: str, expected: str, found: str, next_step: str) -> None:
        self.where, self.expected, self.found, self.next_step = where, expected, found.rstrip("."), next_step
        super().__init__(f"{where}: expected {expected}; found {self.found}. Next: {next_step}")

    def __reduce__(self) -> tuple[type[NightError], tuple[str, str, str, str]]:
        """Survive the trip between Prefect's threads and processes."""
        return type(self), (self.where, self.expected, self.found, self.next_step)


class UsageError(NightError):
    """The command, the settings or the date cannot be carried out as given."""

    exit_code = 2


class InputRefusedError(NightError):
    """A delivery or the data as a whole is not fit to learn from; what is served stays."""

    exit_code = 3
    ending = "kept_last_good"


class NightHeldError(NightError):
    """The gate or the contract said no to tonight's tables; what is served stays."""

    exit_code = 4
    ending = "kept_last_good"


class LockHeldError(NightError):
    """Another run is writing to this workspace."""

    exit_code = 5
    ending = "none"


class StorageError(NightError):
    """A disk, folder or server that the night needs cannot be used."""

    exit_code = 6
