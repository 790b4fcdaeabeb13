"""What a bench tried, in numbers: a sweep that never met its fault proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

PROPERTY = "fault bench"
Count = Callable[[str, int], None]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what all benches tried, added up over tests and processes."""
    told = Counter[str]()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in getattr(report, "user_properties", []):
            if name == PROPERTY:
                told[value[0]] += value[1]
    if told:
        terminalreporter.section("faults tried")
        for what, number in sorted(told.items()):
            terminalreporter.line(f"{number:7,} {what}")


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Return what tells how often a fault was tried; none at all is a failure."""

    def tell(what: str, number: int) -> None:
        assert number > 0, f"{what}: not one was tried"
        record_property(PROPERTY, (what, number))

    return tell
