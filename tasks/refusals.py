"""The ways a night can end without publishing, each with its exit code."""

from __future__ import annotations


def spelled_out(text: str) -> str:
    """Write characters that are not seen, but move a terminal's cursor or turn the order of words, as their escapes."""
    return text if text.isprintable() else "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


class NightError(Exception):
    """A foreseen ending that is not a publication.

    The message names the file or table, what was expected, what was found and what to type next, in one line: names and values in
    it may come from a delivery.
    """

    exit_code = 1
    ending = "failed"

    def __init__(self, where: str, expected: str, found: str, next_step: str) -> None:
        parts = (where, expected, found.rstrip("."), next_step)
        self.where, self.expected, self.found, self.next_step = (spelled_out(part) for part in parts)
        super().__init__(f"{self.where}: expected {self.expected}; found {self.found}. Next: {self.next_step}")

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


class WarehouseDamagedError(StorageError):
    """The working store was damaged and has been moved aside; what a night needs of it is made again from raw/."""
