"""Every published table can be read with DuckDB, pandas, polars and pyarrow: the same rows, lists, nulls and nights in each."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tasks.tables import TABLES
from tasks.workspace import Workspace
from tests.small_tables import FIRST, SECOND, publish, rows_of

Rows = list[dict[str, Any]]


def with_duckdb(path: Path) -> Rows:
    with duckdb.connect() as connection:
        return connection.read_parquet(str(path)).to_arrow_table().to_pylist()


def with_pandas(path: Path) -> Rows:
    return [
        {name: _plain(value) for name, value in row.items()} for row in pd.read_parquet(path, dtype_backend="pyarrow").to_dict("records")
    ]


def with_polars(path: Path) -> Rows:
    return pl.read_parquet(path, hive_partitioning=False).to_dicts()


def with_pyarrow(path: Path) -> Rows:
    return pq.ParquetFile(path).read().to_pylist()


def _plain(value: Any) -> Any:
    if value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.tolist() if isinstance(value, np.ndarray) else value


READERS: dict[str, Callable[[Path], Rows]] = {"duckdb": with_duckdb, "pandas": with_pandas, "polars": with_polars, "pyarrow": with_pyarrow}


@pytest.fixture(scope="module", params=["integer", "text"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    return publish(Workspace(tmp_path_factory.mktemp(request.param)), request.param), request.param


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_as_it_was_written(name, reader, published):
    """Each value of each column: ids of either type, lists, nulls, booleans, dates and times."""
    workspace, id_type = published
    assert READERS[reader](workspace.latest / f"{name}.parquet") == rows_of(name, SECOND, id_type)


def nights_of_duckdb(folder: Path) -> list[Any]:
    with duckdb.connect() as connection:
        found = connection.read_parquet(f"{folder}/*/*.parquet", hive_partitioning=True, union_by_name=True)
        return [night for (night,) in found.project("run_date").fetchall()]


def nights_of_pandas(folder: Path) -> list[Any]:
    return [pd.Timestamp(night).date() for night in pd.read_parquet(folder, columns=["run_date"])["run_date"]]


def nights_of_polars(folder: Path) -> list[Any]:
    return pl.scan_parquet(f"{folder}/*/*.parquet", hive_partitioning=True).select("run_date").collect()["run_date"].to_list()


def nights_of_pyarrow(folder: Path) -> list[Any]:
    night = ds.partitioning(pa.schema([("run_date", pa.date32())]), flavor="hive")
    return ds.dataset(folder, partitioning=night).to_table(columns=["run_date"])["run_date"].to_pylist()


NIGHTS = {"duckdb": nights_of_duckdb, "pandas": nights_of_pandas, "polars": nights_of_polars, "pyarrow": nights_of_pyarrow}


@pytest.mark.parametrize("reader", NIGHTS)
@pytest.mark.parametrize("name", [name for name in TABLES if name != "runs"])
def test_folders_are_nights_to_every_reader(name, reader, published):
    """Over all dates each row knows its night by the name of its folder; a table without rows in one of them is no trouble."""
    workspace, id_type = published
    expected = [night for night in (FIRST, SECOND) for _ in rows_of(name, night, id_type)]
    assert sorted(NIGHTS[reader](workspace.tables / name)) == expected


@pytest.mark.parametrize("kind", ["list", "null", "bool"])
def test_the_small_nights_hold_what_is_hard_to_read(kind):
    """The tests above would prove little on text and numbers alone."""
    values = [value for name in TABLES for row in rows_of(name, SECOND) for value in row.values()]
    assert {"list": any(isinstance(value, list) for value in values), "null": None in values, "bool": True in values}[kind]
