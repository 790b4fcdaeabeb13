"""Check: prove every promise of the published tables on the staged files, before anybody can read them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import sql
from models.evidence import Check, GateConfig
from tasks.churn import churn
from tasks.derive import Derived
from tasks.experiment.config import ExperimentConfig
from tasks.gate import Gated
from tasks.ingest import Delivered
from tasks.night import Night, Receipt
from tasks.policies.config import PoliciesConfig
from tasks.policies.evidence import write_evidence
from tasks.refusals import NightHeldError
from tasks.score import Scored
from tasks.tables import TABLES, Table
from tasks.tables.writing import write_table
from tasks.warehouse import WarehouseConfig, open_warehouse

log = logging.getLogger("nightly")

STAGED = tuple(name for name in TABLES if name != "runs")
"""`runs` is written while publishing, since it tells how this attempt went."""


class Checked(Receipt, frozen=True):
    """Every staged table, proven: file -> hash, and how many rows each holds."""

    rows: dict[str, int]
    checks: tuple[str, ...]
    overlap: float | None = None
    """Share of what was served before, and may still be shown, that is shown again; None where nothing tells."""
    churn: Check | None = None
    """What the rule on the overlap says."""


def check(
    night: Night,
    delivered: Delivered,
    scored: Scored,
    _derived: Derived,
    limits: WarehouseConfig,
    gate: GateConfig | None = None,
    gated: Gated | None = None,
    policies: PoliciesConfig | None = None,
    experiment: ExperimentConfig | None = None,
) -> Checked:
    """Prove schema, order, finiteness and every promise of the staged tables, and that the lists have not changed beyond belief.

    Raises NightHeldError naming the table, the promise and an example of what breaks it.
    """
    by_variant = (experiment or ExperimentConfig()).policies(policies or PoliciesConfig())
    with open_warehouse(night, limits) as warehouse:
        rejects = _rejects(warehouse.table("staging.rejects"), delivered)
        write_table(night.staged_table("rejects"), rejects, TABLES["rejects"].schema({}, {"run_id": night.run_id}))
        for name in STAGED:
            _check_contract(night, TABLES[name], delivered.id_types)
        available = {name: str(night.staged_table(name)) for name in STAGED} | {"k": scored.k}
        available |= write_evidence(night, by_variant, delivered.id_types)
        available |= (policies or PoliciesConfig()).seen.parameters(night.known_until)
        names = promises()
        for name in names:
            violations = warehouse.arrow(f"promises.{name}", **_needed(name, available))
            if violations.num_rows:
                raise _broken(night, name, violations)
        overlap = churn(night, warehouse, scored.k, gate or GateConfig(), gated)
    rows = {name: int(pq.read_metadata(night.staged_table(name)).num_rows) for name in STAGED}
    log.info("check: %d promises hold on %d recommendations", len(names), rows["recommendations"])
    files = night.hashed(*(night.staged_table(name) for name in STAGED))
    return Checked(files=files, rows=rows, checks=names, overlap=overlap.value, churn=overlap)


def promises() -> tuple[str, ...]:
    """Return the names of all promises: files under sql/promises whose select finds what breaks them."""
    return tuple(
        sorted(entry.name.removesuffix(".sql") for entry in (resources.files("sql") / "promises").iterdir() if entry.name.endswith(".sql"))
    )


def _needed(name: str, available: Mapping[str, Any]) -> dict[str, Any]:
    named = set(re.findall(r"\$(\w+)", sql.read(f"promises.{name}")))
    return {key: value for key, value in available.items() if key in named}


def _rejects(refused: pa.Table, delivered: Delivered) -> pa.Table:
    """Add the files that could not be read at all to the refused rows."""
    files = [
        {"source": file.source, "source_file": file.name, "delivery": file.sha256}
        | {"row_number": 0, "rule": "file_unreadable", "raw_row": file.reason}
        for file in delivered.set_aside
    ]
    return pa.concat_tables([refused, pa.Table.from_pylist(files, schema=refused.schema)]) if files else refused


def _check_contract(night: Night, table: Table, id_types: Mapping[Any, str]) -> None:
    path, expected = night.staged_table(table.name), table.schema(id_types)
    with pq.ParquetFile(path) as found:
        if not found.schema_arrow.equals(expected):
            next_step = "report this as a bug; nothing was published"
            raise NightHeldError(str(path), f"the schema of {table.name}", str(found.schema_arrow), next_step)
        keys = found.read(list(table.key)).select(list(table.key))
        if not ascends(keys):
            _require_key(path, table, keys)
        # Column by column: all of a table of many users would take gigabytes.
        for name in (field.name for field in expected if pa.types.is_floating(field.type)):
            if not np.isfinite(found.read([name])[name].drop_null().to_numpy()).all():
                next_step = "nothing was published; see the report"
                raise NightHeldError(str(path), f"finite values in {name}", "NaN or infinity", next_step)


def _require_key(path: Path, table: Table, keys: pa.Table) -> None:
    """Raise NightHeldError where the rows are not sorted by the key or hold one twice, by sorting and counting everything."""
    if keys.sort_by([(name, "ascending") for name in table.key]) != keys:
        raise NightHeldError(
            str(path), f"rows sorted by {', '.join(table.key)}", "another order", "report this as a bug; nothing was published"
        )
    if keys.group_by(list(table.key)).aggregate([]).num_rows != keys.num_rows:
        raise NightHeldError(str(path), f"one row per {', '.join(table.key)}", "a key twice", "report this as a bug; nothing was published")


def ascends(keys: pa.Table) -> bool:
    """Say whether every row is greater than the one before: sorted, and none twice. Rows with nulls are not told apart and deny it."""
    rises = pa.chunked_array([pa.repeat(False, max(0, keys.num_rows - 1))])
    for column in reversed(keys.columns):
        before, after = column.slice(0, max(0, keys.num_rows - 1)), column.slice(1)
        rises = pc.or_(pc.greater(after, before), pc.and_(pc.equal(after, before), rises))
    return pc.all(pc.fill_null(rises, False), min_count=0).as_py() is True


def _broken(night: Night, name: str, violations: pa.Table) -> NightHeldError:
    promise = name.replace("_", " ")
    example = violations.slice(0, 1).to_pylist()[0]
    found = f"{violations.num_rows} violations, e.g. {example}"
    return NightHeldError(
        f"{night.workspace.relative(night.staging)}/tables", promise, found, "nothing was published; report this with the run's id"
    )
