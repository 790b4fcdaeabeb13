"""Claims about the store in memory: it reads a workspace and nothing else, and writes nowhere in it."""

from __future__ import annotations

import duckdb
import pytest

from tasks.in_memory import in_memory
from tasks.refusals import StorageError


def test_nothing_beyond_the_workspace_is_read(workspace, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(duckdb.PermissionException), in_memory(workspace.root) as store:
        store.execute(f"create table stolen as from '{tmp_path}/secret.csv'")


def test_a_file_that_is_gone_is_a_fault_of_storage(workspace):
    with pytest.raises(StorageError, match="files that can be read"), in_memory(workspace.root) as store:
        store.arrow("explain.alike_users", recommendations=f"{workspace.root}/none.parquet", asked="1", most=1)


def test_what_does_not_fit_into_memory_goes_elsewhere(workspace):
    with in_memory(workspace.root) as store:
        store.execute("create table settings as select value from duckdb_settings() where name = 'temp_directory'")
        (row,) = store.table("settings").to_pylist()
    assert row["value"]
    assert str(workspace.root) not in row["value"]
