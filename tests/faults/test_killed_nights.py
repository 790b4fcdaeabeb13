"""A whole night, real models and all, is killed at any moment; the next run goes on from there and publishes the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.shop import Shop, write_delivery
from tasks.workspace import Workspace
from tests.conftest import SMALL_SETTINGS, SMALL_SHOP
from tests.faults.counts import Count
from tests.faults.killed_nights import killed_nights


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("A3")
def test_a_night_killed_at_any_moment(tmp_path: Path, count: Count) -> None:
    """Six rounds with a fixed seed; the script takes any workspace and as many rounds as wanted."""
    workspace = Workspace(tmp_path / "shop")
    workspace.create(SMALL_SETTINGS)
    day = SMALL_SHOP.delivery_dates[0]
    write_delivery(Shop(SMALL_SHOP), day, workspace.root / "inbox")
    results = killed_nights(workspace.root, str(day), rounds=6, seed=3, scratch=tmp_path)
    assert all(result.same_bytes for result in results), results
    count("A3 whole nights killed", sum(result.killed for result in results))
