"""Two nights of every published table, small enough to know each answer by heart, written as nights write them.

Three users, six items. The first night serves users 1 and 2; by the second, user 1 has taken up item 12, and item 14 and user 3 are new.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tasks.storage import copy_file, file_hash, make_folders, write_json
from tasks.tables import TABLES
from tasks.tables.writing import write_table
from tasks.workspace import Workspace

FIRST, SECOND = date(2026, 1, 4), date(2026, 1, 5)
LISTS: dict[date, dict[int, list[int]]] = {
    FIRST: {1: [10, 11, 12], 2: [11, 12, 13]},
    SECOND: {1: [11, 10, 14], 2: [11, 12, 13], 3: [10, 11, 12]},
}
"""Night -> user -> items, best first."""

TITLES = {10: "Åland by Ferry", 11: "Bread, slowly", 12: "Chess", 13: "Drums", 14: 'Even "odd" Numbers', 15: "Figs"}
RANGES = {"control": (0, 2**31), "bold": (2**31, 2**32)}
"""Variant of the experiment `spring` -> the points of its users."""

NEWCOMER = 99
"""Somebody of whom the tables know nothing."""

Row = dict[str, Any]


def variant_of(user: int | str) -> str:
    """Return the variant that a user is in, as anybody can work it out."""
    point = int(hashlib.md5(f"spring:{user}".encode(), usedforsecurity=False).hexdigest()[:8], 16)
    return next(name for name, (first, below) in RANGES.items() if first <= point < below)


def _recommendations(night: date) -> Iterator[Row]:
    for user, items in LISTS[night].items():
        dealt = {"variant": variant_of(user)}
        for rank, item in enumerate(items, start=1):
            score = {"score": 4.5 - rank, "blended_score": 4.25 - rank, "collaborative": 3.5 - rank, "knowledge": 0.75, "policy": 0.25}
            rung = {"served_by": "popularity", "collaborative": None, "knowledge": 4.25 - rank} if user == 3 else {"served_by": "blend"}
            because = {"because_item_id": 13 if user == 1 and rank == 1 else None, "reason": "knowledge" if user == 3 else "collaborative"}
            yield {"user_id": user, "rank": rank, "item_id": item, "sequential": None, "content": None} | score | rung | because | dealt


def _wide(night: date) -> Iterator[Row]:
    rows = list(_recommendations(night))
    for user in LISTS[night]:
        mine = [row for row in rows if row["user_id"] == user]
        lists = {"item_ids": [row["item_id"] for row in mine], "scores": [row["score"] for row in mine]}
        yield {"user_id": user, "served_by": mine[0]["served_by"]} | lists


def _exposure(night: date) -> Iterator[Row]:
    ranks = defaultdict(list)
    for items in LISTS[night].values():
        for rank, item in enumerate(items, start=1):
            ranks[item].append(rank)
    for item in TITLES:
        shown, n_lists = ranks[item], len(ranks[item])
        counts = {"n_lists": n_lists, "n_first": shown.count(1), "share": n_lists / len(LISTS[night])}
        yield {"item_id": item, "segment": "__all__", "mean_rank": sum(shown) / n_lists if shown else None} | counts


def _experiment(common: Row) -> Iterator[Row]:
    """Yield what the second night says of the variants of the first, by what people did next."""
    yield common | {"metric": "sample_ratio_p", "k": 0, "value": 0.75}
    for variant in RANGES:
        of = common | {"segment": f"variant: {variant}"}
        yield of | {"metric": "users", "k": 0, "value": 1.0, "n_users": 1}
        yield of | {"metric": "share", "k": 0, "value": 0.5, "n_users": 1}
    yield of | {"metric": "ndcg_difference", "value": 0.125, "low": -0.25, "high": 0.5}
    yield of | {"metric": "ndcg_detectable_difference", "value": 0.5}


def _metrics(night: date) -> Iterator[Row]:
    common = {"segment": "__all__", "metric": "ndcg", "k": 10, "n_users": 2}
    for ranking, value in (("blend", 0.5), ("popularity", 0.25)):
        yield common | {"of_date": night, "ranking": ranking, "value": value, "low": value - 0.125, "high": value + 0.125}
    spread = {"of_date": night, "ranking": f"experiment {night}", "k": 1, "low": None, "high": None}
    for variant, (first, below) in RANGES.items():
        for metric, value in (("point_from", first), ("point_below", below)):
            yield common | spread | {"segment": f"variant: {variant}", "metric": metric, "value": float(value)}
    for ranking, cost, share in (("without policies", 0.03125, 1.0), ("without caps.genres", 0.015625, 0.5)):
        measured = {"of_date": night, "ranking": ranking}
        yield common | measured | {"metric": "ndcg_cost", "value": cost, "low": cost - 0.0078125, "high": cost + 0.0078125}
        yield common | measured | {"metric": "lists_changed", "k": 20, "value": share, "low": share, "high": share}
        yield common | measured | {"metric": "items_changed", "k": 20, "value": share / 4, "low": share / 4, "high": share / 4}
    if night == SECOND:
        yield from _experiment(common | {"of_date": FIRST, "ranking": f"experiment {FIRST}", "low": None, "high": None})
        yield common | {"of_date": FIRST, "ranking": f"published {FIRST}", "value": 0.375, "low": None, "high": None}


def _runs(night: date) -> Iterator[Row]:
    for day in (FIRST, SECOND):
        if day <= night:
            ended = {"ending": "published", "exit_code": 0, "reason": "better than popularity", "verdict": "PUBLISH"}
            yield {"attempt_id": f"of {day}", "run_date": day, "started_at": datetime.combine(day, datetime.min.time())} | ended
    failed = {"ending": "kept_last_good", "exit_code": 3, "reason": "no delivery", "verdict": None, "run_id": None, "checks": None}
    yield {"attempt_id": "early", "run_date": FIRST, "started_at": datetime(2026, 1, 3, 2)} | failed  # noqa: DTZ001 - published so


SAME: dict[str, list[Row]] = {
    "similar_items": [{"item_id": 11, "rank": rank, "similar_item_id": item} for rank, item in ((1, 10), (2, 12))],
    "popular_items": [
        *({"segment": "__all__", "rank": rank, "item_id": item} for rank, item in enumerate((11, 10, 12, 13), start=1)),
        {"segment": "__trending__", "rank": 1, "item_id": 14},
        {"segment": "__new__", "rank": 1, "item_id": 14},
    ],
    "item_audience": [{"item_id": 11, "rank": rank, "user_id": user} for rank, user in enumerate((2, 1, 3), start=1)],
    "weights": [
        {"segment": "0 likes", "model": "popularity", "family": "knowledge", "weight": 1.0, "low": None, "high": None, "loss_without": None}
    ],
    "rejects": [{"source": "interactions", "delivery": "0" * 64, "row_number": 1, "rule": "user_id_missing", "raw_row": ",10,\nvue"}],
}
"""Table -> its rows of either night."""

CHANGES = [
    {"user_id": 1, "item_id": 10, "change": "moved", "rank_before": 1, "rank": 2, "cause": "models", "detail": ""},
    {"user_id": 1, "item_id": 11, "change": "moved", "rank_before": 2, "rank": 1, "cause": "models", "detail": ""},
    {"user_id": 1, "item_id": 12, "change": "left", "rank_before": 3, "rank": None, "cause": "seen", "detail": ""},
    {"user_id": 1, "item_id": 14, "change": "entered", "rank_before": None, "rank": 3, "cause": "new_item", "detail": ""},
    *(
        {"user_id": 3, "item_id": item, "change": "entered", "rank_before": None, "rank": rank, "cause": "new_user", "detail": ""}
        for rank, item in enumerate((10, 11, 12), start=1)
    ),
]
SECOND_ONLY: dict[str, list[Row]] = {
    "changes": CHANGES,
    "why_not": [
        {"user_id": 1, "candidate_rank": 2, "item_id": 12, "score": 3.0, "cause": "seen", "rule": "seen"},
        {"user_id": 1, "candidate_rank": 5, "item_id": 13, "score": 0.5, "cause": "capped", "rule": "caps.genres"},
        {"user_id": 2, "candidate_rank": 4, "item_id": 10, "score": 0.25, "cause": "rank", "rule": ""},
    ],
    "coverage": [
        {"fact": "users_known", "subject": "", "value": 3.0, "reason": ""},
        {"fact": "users_served_by", "subject": "blend", "value": 2.0, "reason": ""},
        {"fact": "short_list", "subject": "1", "value": 3.0, "reason": "few items"},
    ],
    "drift": [
        {"measure": "events", "subject": "", "value": 12.0, "usual": 100.0, "low": 80.0, "high": 120.0, "is_unusual": True, "n_nights": 9},
        {"measure": "users", "subject": "", "value": 3.0, "usual": None, "low": None, "high": None, "is_unusual": False, "n_nights": 1},
    ],
}
"""Table -> its rows of the second night; the first has none."""

MADE = {
    "recommendations": _recommendations,
    "recommendations_wide": _wide,
    "exposure": _exposure,
    "metrics": _metrics,
    "runs": _runs,
}
NULLABLE_TEXT = {"variant", "because_item_id"}


def rows_of(name: str, night: date, id_type: str = "integer") -> list[Row]:
    """Return what a table holds of a night, sorted by its key; what is not told of a row is filled by type."""
    assert name in MADE or name in SAME or name in SECOND_ONLY, f"a new table needs small rows in {__file__}: {name}"
    told = MADE[name](night) if name in MADE else SAME[name] if name in SAME else SECOND_ONLY[name] if night == SECOND else []
    rows = [_filled(name, row, id_type) for row in told]
    return sorted(rows, key=lambda row: tuple(row[part] for part in TABLES[name].key))


def _filled(name: str, row: Mapping[str, Any], id_type: str) -> Row:
    anything: Row = {"string": "text", "float64": 0.5, "int16": 1, "int64": 1, "date32": FIRST}
    filled = {}
    for column in TABLES[name].columns:
        value = row.get(column.name, None if column.name in NULLABLE_TEXT else anything.get(column.kind))
        if id_type == "text" and "_id" in column.kind and value is not None:
            value = [f"№ {one}" for one in value] if isinstance(value, list) else f"№ {value}"
        filled[column.name] = value
    return filled


def publish(workspace: Workspace, id_type: str = "integer") -> Workspace:
    """Write both nights into a folder: tables/, latest/, manifests/ and current.json; beside them a catalogue and today's visitors."""
    for run_id, night in (("first", FIRST), ("second", SECOND)):
        tables = {}
        for name, table in TABLES.items():
            schema = table.schema({"user_id": id_type, "item_id": id_type})
            plain = pa.schema([field.remove_metadata() for field in schema])
            rows = rows_of(name, night, id_type)
            path = write_table(workspace.table(name, night), pa.Table.from_pylist(rows, schema=plain), schema)
            copy_file(path, workspace.latest / f"{name}.parquet")
            tables[name] = {"path": workspace.relative(path), "sha256": file_hash(path), "rows": len(rows), "bytes": path.stat().st_size}
        known = {"run_id": run_id, "run_date": str(night), "published_at": f"{night}T03:00:00Z", "data_through": None}
        write_json(workspace.manifest_file(run_id), known | {"model_version": "m", "tables": tables})
        write_json(workspace.pointer, {"run_id": run_id, "run_date": str(night)})
    make_folders(workspace.root)
    catalogue = {"item_id": list(TITLES), "title": list(TITLES.values())}
    pyarrow.csv.write_csv(pa.table(catalogue), workspace.root / "catalogue.csv")
    pq.write_table(pa.table({"user_id": [1, NEWCOMER]}), workspace.root / "visitors.parquet")
    return workspace
