"""Fixtures of the fault benches."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.counts import count

__all__ = ["count"]


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk in memory where there is one: thousands of syncs are none of a test's business."""
    memory = Path("/dev/shm")  # noqa: S108 - looked for, and never relied on
    if not memory.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="nightly-faults-", dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
