"""Claims about `tasks.warehouse`: who opens the working store, and how often."""

from __future__ import annotations

import duckdb
import pytest

from tasks.refusals import WarehouseDamagedError
from tasks.warehouse import WarehouseConfig, open_warehouse, sharing_warehouse


@pytest.fixture
def opened(monkeypatch):
    """Return a list that grows by one whenever the store is opened."""
    found, connect = [], duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *given, **options: found.append(given) or connect(*given, **options))
    return found


def test_blocks_share_one_connection_where_they_are_told_to(night, opened):
    """A night opens the store once for its first steps, and gives it back to whoever wants to look at it."""
    with sharing_warehouse():
        for _ in range(3):
            with open_warehouse(night()) as warehouse:
                warehouse.execute("create or replace table raw.probe as select 1 as one")
    assert len(opened) == 1
    with duckdb.connect(night().workspace.warehouse) as alone:
        assert alone.execute("from raw.probe").fetchall() == [(1,)]


def test_a_block_that_may_use_more_gets_a_connection_of_its_own(night, opened):
    with sharing_warehouse():
        for memory in ("100MB", "200MB", "200MB"):
            with open_warehouse(night(), WarehouseConfig(memory=memory)):
                pass
    assert len(opened) == 2


def test_after_damage_the_next_block_opens_a_new_store(night, workspace):
    """The damaged file has moved aside: to go on with the old connection would be to go on with it."""
    with sharing_warehouse():
        with open_warehouse(night()) as warehouse:
            warehouse.execute("create table raw.probe as select 1 as one")
        with pytest.raises(WarehouseDamagedError), open_warehouse(night()):
            raise duckdb.FatalException("checksum of a block is wrong")
        assert not workspace.warehouse.exists()
        with open_warehouse(night()) as warehouse:
            assert not warehouse.has("raw.probe")
