"""Write a delivery into the inbox of a workspace, whole or as damaged as deliveries sometimes arrive."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa

from tasks.shop.files import Append, Format, open_file
from tasks.shop.shop import Shop
from tasks.storage import move

Damage = Literal["cut_off", "foreign_columns"]


class Formats(NamedTuple):
    """The file format of each source."""

    interactions: Format = "csv"
    items: Format = "jsonl"
    users: Format = "csv"


MIXED = Formats()
ALL_PARQUET = Formats("parquet", "parquet", "parquet")

FOREIGN_COLUMNS = {"user_id": "customer", "item_id": "sku", "occurred_at": "when"}
"""What another system would call our columns."""


def write_delivery(shop: Shop, delivery_date: date, inbox: Path, formats: Formats = MIXED) -> list[Path]:
    """Write what the shop delivers for a date and return the files: interactions always, items and users where some arrived.

    A file appears under its name only when it is complete. Memory holds one day, however long the history is.
    """
    named = {source: inbox / source / f"{source}-{delivery_date}.{ending}" for source, ending in formats._asdict().items()}
    arrived = {"interactions"}
    with ExitStack() as open_files:
        append: dict[str, Append] = {}
        for day in shop.days_of(delivery_date):
            for source, path in named.items():
                rows: pa.Table = getattr(day, source)
                if source not in append:
                    append[source] = open_files.enter_context(open_file(_staged(path), getattr(formats, source), rows.schema))
                append[source](rows)
                arrived |= {source} if len(rows) else set()
    for source, path in named.items():
        if source in arrived:
            move(_staged(path), path)
        else:
            _staged(path).unlink()
    return [path for source, path in named.items() if source in arrived]


def write_bad_delivery(shop: Shop, delivery_date: date, inbox: Path, damage: Damage = "cut_off", formats: Formats = MIXED) -> list[Path]:
    """Write a delivery whose interactions cannot be used, under the names of the sound one: sent again, it takes their place.

    `cut_off` loses the second half of the file, in the middle of a row; `foreign_columns` bears another system's column names.
    """
    paths = write_delivery(shop, delivery_date, inbox, formats)
    interactions = paths[0]
    if damage == "cut_off":
        content = interactions.read_bytes()
        # Half a file may happen to end where a row does; without its last characters the row is torn in any case.
        interactions.write_bytes(content[: len(content) // 2].rstrip(b"}\n"))
    else:
        rows = shop.deliver(delivery_date).interactions
        foreign = rows.rename_columns([FOREIGN_COLUMNS.get(name, name) for name in rows.column_names])
        with open_file(interactions, formats.interactions, foreign.schema) as append:
            append(foreign)
    return paths


def _staged(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.partial")
