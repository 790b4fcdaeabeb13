"""Night after night with something going wrong in most of them, no byte differs from nights without faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.counts import Count
from tests.faults.soak import FAULTS, soak


@pytest.mark.fault("A1", "A4", "A5", "A6", "D5")
def test_eight_nights_with_faults(memory_path: Path, count: Count) -> None:
    for what, number in soak(memory_path, nights=8, seed=8).items():
        count(f"soak: {what}", number)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("A1", "A4", "A5", "A6", "D5")
def test_sixty_nights_with_faults(memory_path: Path, count: Count) -> None:
    happened = soak(memory_path, nights=60, seed=60)
    for what, number in happened.items():
        count(f"soak: {what}", number)
    assert set(FAULTS) <= happened.keys()
