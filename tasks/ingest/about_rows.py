"""How many rows a delivered file has, without reading it: what plans are made from."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SAMPLE = 8 << 20
"""Bytes of a text, unpacked, that are looked at."""

PACKED = {".gz": "gzip", ".zst": "zstd"}


def about_rows(path: Path) -> int:
    """Return what a Parquet footer says, or the size of a text over the length of its first lines; exact where these are all it has.

    Raises OSError or pyarrow.ArrowException where the file cannot be read.
    """
    if path.suffix.lower() == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    size, compression = path.stat().st_size, PACKED.get(path.suffix.lower())
    with path.open("rb") as stream:
        text = pa.CompressedInputStream(pa.PythonFile(stream, "r"), compression) if compression else stream
        sample = text.read(SAMPLE)
        # Of a packed file it is the packed bytes read so far that tell which part of it the sample is.
        looked_at = size if len(sample) < SAMPLE else min(size, stream.tell())
    lines = sample.count(b"\n") + (len(sample) < SAMPLE and not sample.endswith(b"\n"))
    headed = Path(path.stem if compression else path).suffix.lower() in (".csv", ".tsv")
    return max(0, round(lines * size / max(1, looked_at)) - headed)
