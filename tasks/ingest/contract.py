"""Which columns a source may bring, found by name: delivered headers are matched, never trusted by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

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

CUSTOMARY = {
    "user_id": ("user", "customer", "client", "member", "visitor", "buyer", "account"),
    "item_id": ("item", "product", "sku", "article", "movie", "film", "track", "book"),
}
"""Parts of the names under which ids commonly come, for the example that a refusal gives."""

LONGEST_NAME = 200
"""Characters of a column's name; attributes carry their names in every row."""

SHOWN = 20
"""Columns that a message lists."""


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

    What becomes of columns that interactions should not have is `on_schema_change`'s to say; of items and users, further columns are
    attributes. Raises InputRefusedError that shows how the header differs and names the setting that maps or ignores a column.
    """
    renamed = config.columns.get(source, {})
    # What interactions bring beyond our columns nobody learns from; attributes of items and users are learned from.
    ignored = config.ignore.get(source, []) if source == "interactions" else []
    _require_sound(where, source, header, config)
    theirs = {name: renamed.get(name, name) for name in CONTRACT[source]}
    ours = {name: their for name, their in theirs.items() if their in header and (their not in ignored or name in REQUIRED[source])}
    needed = [name for name in theirs if name in REQUIRED[source] or (name in renamed and theirs[name] not in ignored)]
    absent = [theirs[name] for name in needed if name not in ours]
    further = [name for name in header if name not in ours.values()]
    unknown = [name for name in further if source == "interactions" and name not in ignored]
    likely = _renamed(absent or [name for name in CONTRACT[source] if name not in ours], unknown or further)
    if absent:
        seems = likely.get(absent[0]) or _by_custom(absent[0], unknown or header)
        hint = f'map it in nightly.toml, e.g. [source.columns.{source}] {absent[0]} = "{seems}"'
        missing = f"the column{'s' if len(absent) > 1 else ''} {_list(absent)}"
        raise InputRefusedError(where, missing, f"the columns {_list(header)}{_told(absent, unknown, likely)}", hint)
    # A column that was renamed is one lost and one new: only what is plainly new is taken in.
    if unknown and (config.on_schema_change == "freeze" or (config.on_schema_change == "evolve" and likely)):
        hint = (
            f"map it with [source.columns.interactions], or ignore it: [source.ignore] interactions = {(ignored + unknown)[:SHOWN]}; "
            'or take in whatever comes: [source] on_schema_change = "evolve"'
        )
        raise InputRefusedError(where, f"only the columns {_list(CONTRACT[source])}", f"also {_list(unknown)}{_told([], [], likely)}", hint)
    dropped = unknown if config.on_schema_change == "discard_row" else ()
    return Columns(ours, tuple(name for name in further if name not in dropped))


def _require_sound(where: str, source: Source, header: list[str], config: SourceConfig) -> None:
    """Raise InputRefusedError for a setting that maps no column of ours, and for a header that cannot be told apart or is too large."""
    unknown_keys = sorted(set(config.columns.get(source, {})) - set(CONTRACT[source]))
    if unknown_keys:
        raise InputRefusedError(
            f"nightly.toml [source.columns.{source}]", f"names among {_list(CONTRACT[source])}", _list(unknown_keys), "correct the setting"
        )
    again = "remove it and deliver again; if the file is right: [source.limits]"
    if len(header) > config.limits.max_columns:
        raise InputRefusedError(where, f"at most {config.limits.max_columns:,} columns", f"{len(header):,}", again)
    if any(len(name) > LONGEST_NAME for name in header):
        raise InputRefusedError(where, f"column names of at most {LONGEST_NAME} characters", "a longer one", "rename it and deliver again")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise InputRefusedError(where, "each column once", f"{_list(twice)} more than once", "remove the double column and deliver again")


def _renamed(absent: Sequence[str], further: Sequence[str]) -> dict[str, str]:
    """Return the absent columns that seem to have come under another name -> that name."""
    plain = {name.lower().replace("-", "_").strip(): name for name in further}
    found = {name: get_close_matches(name.lower(), plain, n=1, cutoff=0.7) for name in absent}
    return {name: plain[close[0]] for name, close in found.items() if close}


def _by_custom(ours: str, theirs: Sequence[str]) -> str:
    """Return the delivered column whose name is the likeliest for one of ours, the first where none speaks for itself."""
    named = [name for name in theirs if any(word in name.lower() for word in CUSTOMARY.get(ours, ()))]
    return (named or theirs or ["their_name"])[0]


def _told(absent: list[str], unknown: list[str], likely: dict[str, str]) -> str:
    parts = [("missing", absent), ("new", unknown), ("renamed, it seems", [f"{ours} to {theirs}" for ours, theirs in likely.items()])]
    return "".join(f"; {what}: {_list(names)}" for what, names in parts if names)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(name or "(no name)" for name in names[:SHOWN]) if names else "none"
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN:,} more"
