"""Good deliveries in every format, and the ways in which a file is damaged before it arrives."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [(user, item) for user in range(1, 41) for item in range(1, 11)]
"""Four hundred rows, so that half of a file is more than its header."""


def _csv(delimiter: str) -> bytes:
    lines = [("user_id", "item_id", "occurred_at"), *((user, item, f"2026-01-05T{item:02}:00:00Z") for user, item in ROWS)]
    return "".join(delimiter.join(map(str, line)) + "\n" for line in lines).encode()


def _jsonl() -> bytes:
    rows = ({"user_id": user, "item_id": item, "occurred_at": f"2026-01-05T{item:02}:00:00Z"} for user, item in ROWS)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _parquet() -> bytes:
    columns = {"user_id": [user for user, _ in ROWS], "item_id": [item for _, item in ROWS]}
    times = [f"2026-01-05T{item:02}:00:00Z" for _, item in ROWS]
    buffer = io.BytesIO()
    pq.write_table(pa.table({**columns, "occurred_at": times}), buffer, write_page_checksum=True)
    return buffer.getvalue()


GOOD: dict[str, bytes] = {
    "day.csv": _csv(","),
    "day.tsv": _csv("\t"),
    "day.jsonl": _jsonl(),
    "day.parquet": _parquet(),
    "day.csv.gz": gzip.compress(_csv(","), mtime=0),
    "day.jsonl.gz": gzip.compress(_jsonl(), mtime=0),
}


def _flipped(seed: int) -> Callable[[bytes], bytes]:
    def flip(content: bytes) -> bytes:
        changed, chance = bytearray(content), random.Random(seed)
        for _ in range(3):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)

    return flip


def _inserted(what: bytes) -> Callable[[bytes], bytes]:
    def insert(content: bytes) -> bytes:
        # Behind a line's beginning where there are lines, else in the middle.
        place = content.find(b"\n", len(content) // 2) + 1 or len(content) // 2
        return content[:place] + what + content[place:]

    return insert


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "no byte": lambda _: b"",
    "half of it": lambda content: content[: len(content) // 2],
    "the end cut": lambda content: content[:-7],
    "other magic": lambda content: b"PK\x03\x04" + content[4:],
    "bad utf-8": _inserted(b"\xff\xfe"),
    "nul bytes": _inserted(b"\0\0"),
    "an open quote": _inserted(b'"'),
    "a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "carriage returns alone": lambda content: content.replace(b"\n", b"\r"),
    "utf-16": lambda content: content.decode("latin-1").encode("utf-16"),
    "twice in one": lambda content: content + content,
    **{f"three bits flipped, seed {seed}": _flipped(seed) for seed in range(4)},
}
