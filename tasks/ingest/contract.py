"""Which columns a source may bring, found by name: delivered headers are matched, never trusted by position."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from tasks.ingest.delivery import SourceConfig
from tasks.refusals import InputRefusedError
from tasks.workspace import Source

CONTRACT: dict[Source, tuple[str, ...]] = {
    "interactions": ("user_id", "item_id", "occurred_at", "event_type", "value", "event_id"),
    "items": ("item_id", "title", "available_from", "available_until", "lat", "lon"),
    "users": ("user_id", "lat", "lon"),
}
REQUIRED: dict[Source, tuple[str, ...]] = {"interactions": ("user_id", "item_id"), "items": ("item_id",), "users": ("user_id",)}


def raw_schema(source: Source) -> pa.Schema:
    """Return the columns of a source under raw/: every value as the text that was delivered, attributes as one JSON object."""
    texts = [pa.field(name, pa.string()) for name in (*CONTRACT[source], "attributes")]
    return pa.schema([pa.field("row_number", pa.int64(), nullable=False), pa.field("malformed", pa.string()), *texts])


@dataclass(frozen=True)
class Columns:
    """How the columns of one delivered file read: ours -> theirs, and the further ones that are attributes."""

    ours: dict[str, str]
    attributes: tuple[str, ...]


def match_columns(where: str, source: Source, header: list[str], config: SourceConfig) -> Columns:
    """Match a delivered header with the contract of its source.

    Raises InputRefusedError that names duplicate, missing or unknown columns and the setting that maps or ignores them.
    """
    renamed = config.columns.get(source, {})
    unknown_keys = sorted(set(renamed) - set(CONTRACT[source]))
    if unknown_keys:
        raise InputRefusedError(
            f"nightly.toml [source.columns.{source}]", f"names among {_list(CONTRACT[source])}", _list(unknown_keys), "correct the setting"
        )
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise InputRefusedError(where, "each column once", f"{_list(twice)} more than once", "remove the double column and deliver again")
    ours = {name: renamed.get(name, name) for name in CONTRACT[source] if renamed.get(name, name) in header}
    absent = [renamed.get(name, name) for name in CONTRACT[source] if name in (*REQUIRED[source], *renamed) and name not in ours]
    if absent:
        hint = f'map it in nightly.toml, e.g. [source.columns.{source}] {absent[0]} = "{header[0] if header else "their_name"}"'
        raise InputRefusedError(where, f"the column {_list(absent)}", f"the columns {_list(header)}", hint)
    further = [name for name in header if name not in ours.values()]
    ignored = config.ignore.get(source, [])
    if source == "interactions":
        unknown = [name for name in further if name not in ignored]
        if unknown:
            hint = f"map it with [source.columns.interactions], or ignore it: [source.ignore] interactions = {unknown}"
            raise InputRefusedError(where, f"only the columns {_list(CONTRACT[source])}", f"also {_list(unknown)}", hint)
    return Columns(ours, tuple(further))


def _list(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(name or "(no name)" for name in names) if names else "none"
