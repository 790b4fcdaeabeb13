"""Fixtures for all tests: a workspace in a temporary folder, nights in it, and deliveries in its inbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from flows.attempt import Ending, Options
from flows.nightly import run_night
from flows.settings import load_settings
from models.compute import ComputeConfig
from tasks.ingest import Delivered, ingest
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.night import Night
from tasks.shop import Shop, ShopConfig, write_delivery
from tasks.stage import EventsConfig, Staged, stage
from tasks.warehouse import WarehouseConfig
from tasks.workspace import Source, Workspace

# The same examples each time, however slow the machine: a red run means a change, not luck.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

MONDAY = date(2026, 1, 5)
Nights = Callable[..., Night]
Deliver = Callable[..., Path]
Run = Callable[..., Ending]
StageInbox = Callable[..., "tuple[Delivered, Staged]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what needs a Prefect server: the longest files; were they last, one process would wait for another."""
    items.sort(key=lambda item: item.get_closest_marker("prefect") is None)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear variables that override nightly.toml or name a workspace: a developer's shell must not decide a test."""
    for name in os.environ.copy():  # noqa: TID251  # tests read the environment only to shield themselves from it
        if name.startswith("NIGHTLY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a new workspace with default settings."""
    created = Workspace(tmp_path / "shop")
    created.create("")
    return created


@pytest.fixture
def night(workspace: Workspace) -> Nights:
    """Return a maker of nights, each run at three the next morning; without arguments, of Monday, 2026-01-05."""

    def make(run_date: date = MONDAY, champion: str | None = None, run_id: str | None = None) -> Night:
        started_at = datetime.combine(run_date + timedelta(days=1), time(3))
        return Night(workspace, run_date, run_id or f"night-{run_date}", "attempt", started_at, champion, 0, ComputeConfig())

    return make


@pytest.fixture
def deliver(workspace: Workspace) -> Deliver:
    """Return a writer of inbox files: their name, their content and, unless they are interactions, their source."""

    def write(name: str, content: str | bytes, source: Source = "interactions") -> Path:
        path = workspace.inbox(source) / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def stage_inbox(night: Nights) -> StageInbox:
    """Return a run of the first two steps over the inbox, with settings of the source and event weights; as of Monday unless told."""

    def run(
        at: Night | None = None, source: dict[str, Any] | None = None, weights: dict[str, float] | None = None
    ) -> tuple[Delivered, Staged]:
        at, settings = at or night(), SourceConfig(**source or {})
        delivered = ingest(at, settings, VolumeConfig(), allow_volume=True)
        return delivered, stage(at, delivered, settings, EventsConfig(weights=weights or {}), WarehouseConfig())

    return run


SMALL_SHOP = ShopConfig(n_users=80, n_items=200, n_tastes=4, start=date(2026, 1, 5), days=24, history_days=20, interactions_per_day=100)
"""A shop whose night takes seconds: enough to learn its tastes from, no more."""

_QUICK = """
[blend]
resamples = 2

[gate]
min_new_users = 30
"""

WITHOUT_NETWORKS = f"""
[train]
models = ["ease", "als", "transitions", "content_knn", "popularity", "nearby", "rules"]
{_QUICK}"""
"""Settings of nights that need seconds; what TensorFlow learns takes most of a small night, and its own tests hold it."""

SMALL_SETTINGS = f"""
[train.towers]
epochs = 2

[train.attention.training]
epochs = 1
{_QUICK}"""
"""Settings of small nights with every model."""


@pytest.fixture
def shop() -> Shop:
    """Return the small shop."""
    return Shop(SMALL_SHOP)


@pytest.fixture
def run() -> Run:
    """Return what carries out one night in this process and says how it ended: `run(workspace, day, replace=True)`."""

    def carry_out(workspace: Workspace, run_date: date, **options: bool) -> Ending:
        return run_night(workspace.root, run_date, load_settings(workspace.root), Options(**options))

    return carry_out


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Publish the first two nights of the small shop without networks, once for all tests; nobody may change it."""
    workspace = Workspace(tmp_path_factory.mktemp("published") / "shop")
    workspace.create(WITHOUT_NETWORKS)
    shop = Shop(SMALL_SHOP)
    for day in SMALL_SHOP.delivery_dates[:2]:
        write_delivery(shop, day, workspace.root / "inbox")
        ending = run_night(workspace.root, day, load_settings(workspace.root), Options())
        assert ending.ending == "published", ending.reason
    return workspace


@pytest.fixture
def published_workspace(published_once: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of a workspace with two published nights, free to change."""
    copy = tmp_path / "copy"
    shutil.copytree(published_once.root, copy)
    return Workspace(copy)
