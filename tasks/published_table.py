"""A table that an earlier night published, read only where it is what was published, and with ids as tonight's are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.intact import fault_of
from tasks.workspace import Workspace

IDS = ("user_id", "item_id")


def intact_table(workspace: Workspace, manifest: dict[str, Any], name: str) -> tuple[Path | None, str]:
    """Return the file of a table of a published night if it has the bytes its manifest names, else why it is not read."""
    table = manifest["tables"].get(name)
    if table is None:
        return None, "nothing was served before"
    path = workspace.root / table["path"]
    fault = fault_of(workspace, path, table["sha256"])
    return (path, "") if fault is None else (None, f"{fault.file} is not what was served (expected {fault.expected}; found {fault.found})")


def same_ids(published: Path, tonight: pa.Schema) -> bool:
    """Tell whether the ids of published lists are of the types that they have tonight, numbers or text."""
    schema = pq.read_schema(published)
    return all(schema.field(name).type == tonight.field(name).type for name in IDS)
