"""What people who read the published tables see: written from the documents alone, with pandas, pyarrow and json."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

TABLES = (
    *("recommendations", "recommendations_wide", "why_not", "similar_items", "popular_items", "item_audience"),
    *("changes", "exposure", "metrics", "weights", "coverage", "drift", "rejects", "runs"),
)
_PROVEN = set[tuple[str, int, str]]()
"""Contents read to their end before, by table, k and hash: the same bytes are as whole the second time."""

CLOCKS = "runs"
"""The one table that tells when things happened, and so has other bytes each time."""


@dataclass(frozen=True)
class View:
    """What is served: to readers of `current.json`, of a date's folder, and of latest/; table -> sha256."""

    run_id: str | None = None
    run_date: str | None = None
    pointed: Mapping[str, str] = field(default_factory=dict)
    dated: Mapping[tuple[str, str], str] = field(default_factory=dict)
    latest: Mapping[str, str] = field(default_factory=dict)

    @property
    def dates(self) -> set[str]:
        """Return the dates of which something is served."""
        return {run_date for run_date, _ in self.dated}

    def without_clocks(self) -> dict[tuple[str, str], str]:
        """Return (date, table) -> sha256 of what equal inputs give equal bytes of."""
        return {key: sha256 for key, sha256 in self.dated.items() if key[1] != CLOCKS}


def what_readers_see(root: Path, k: int, *, settled: bool = False, known: Collection[str] = ()) -> View:
    """Read everything a reader may, and fail where anything is torn.

    In the middle of a publication a table may be one of the `known` hashes instead of its manifest's. `settled` says that nobody is
    writing and nothing has crashed since the last recovery: then every table is its manifest's, and latest/ follows the pointer.
    """
    manifests = {path.stem: json.loads(path.read_text()) for path in sorted((root / "manifests").glob("*.json"))}
    dated = {}
    for path in sorted((root / "tables").glob("*/*/*.parquet")):
        table, folder = path.relative_to(root / "tables").parts[:2]
        assert path.name == "part-0.parquet", f"a glob finds {path}"
        assert folder.startswith("run_date="), f"a glob finds {path}"
        dated[folder.removeprefix("run_date="), table] = whole(path, table, k)
    named = {table["sha256"] for manifest in manifests.values() for table in manifest["tables"].values()}
    if settled:
        assert set(dated.values()) <= named, "a served file that no manifest names"
        expected = {(one["run_date"], name): table["sha256"] for one in manifests.values() for name, table in one["tables"].items()}
        assert dated == expected, "served tables are not those of the manifests"
        assert len({one["run_date"] for one in manifests.values()}) == len(manifests), "a date with two manifests"
    latest = {path.stem: whole(path, path.stem, k) for path in sorted((root / "latest").glob("*.parquet"))}
    pointer = root / "current.json"
    if not pointer.exists():
        assert not settled or not manifests, "nights are published and nothing is pointed at"
        return View(dated=dated, latest=latest)
    current = json.loads(pointer.read_text())
    manifest = json.loads((root / current["manifest"]).read_text())
    assert (manifest["run_id"], manifest["run_date"]) == (current["run_id"], current["run_date"])
    pointed = {name: _as_manifest_says(root, name, table, k, () if settled else known) for name, table in manifest["tables"].items()}
    assert set(pointed) == set(TABLES)
    assert not settled or latest == pointed, "latest/ does not follow the pointer"
    return View(manifest["run_id"], manifest["run_date"], pointed, dated, latest)


def whole(path: Path, table: str, k: int) -> str:
    """Return the hash of a table's file, once it is proven to be of one run, readable to its end and complete for every user."""
    content = path.read_bytes()
    digest = sha256(content).hexdigest()
    if (table, k, digest) not in _PROVEN:
        found = pq.read_table(BytesIO(content), page_checksum_verification=True, use_threads=False)
        assert found.schema.metadata[b"table"].decode() == table, f"{path} holds another table"
        if table == "recommendations":
            _complete(found.to_pandas(), found.schema.metadata[b"run_id"].decode(), k)
        _PROVEN.add((table, k, digest))
    return digest


def _complete(rows: pd.DataFrame, run_id: str, k: int) -> None:
    assert set(rows["run_id"]) == {run_id}, "rows of two runs in one table"
    assert (rows.groupby("user_id").size() == k).all(), "a user without all rows"
    assert (rows.groupby("user_id")["rank"].apply(list).map(lambda ranks: ranks == list(range(1, k + 1)))).all(), "ranks with gaps"


def _as_manifest_says(root: Path, name: str, table: dict[str, Any], k: int, known: Collection[str]) -> str:
    path = root / table["path"]
    found = whole(path, name, k)
    expected = found == table["sha256"] or found in known or (name == CLOCKS and known)
    assert expected, f"{path} is not what the manifest says, nor what is being published"
    assert found != table["sha256"] or (pq.read_metadata(path).num_rows, path.stat().st_size) == (table["rows"], table["bytes"])
    return found
