"""A packed file as a stream that ends in a refusal once it grows beyond what its size may become, or stops within a line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from tasks.ingest.delivery import SourceConfig
from tasks.ingest.settled import require_ended


class _Metered(io.RawIOBase):
    """Counts what it hands out, and raises ValueError beyond the most there may be."""

    def __init__(self, stream: pa.NativeFile, most: int) -> None:
        self.stream, self.left, self.last_byte = stream, most, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n_bytes = int(self.stream.readinto(buffer))
        self.left -= n_bytes
        if self.left < 0:
            raise ValueError("it grows far more than packed files do ([source.limits] max_expansion)")
        if n_bytes:
            self.last_byte = bytes(buffer[n_bytes - 1 : n_bytes])
        return n_bytes


@contextmanager
def unpacked(path: Path, compression: str | None, config: SourceConfig, *, whole: bool = False) -> Iterator[BinaryIO]:
    """Open a file as the bytes it was packed from, within the limits of the settings.

    A packed file that is read whole must end its last line: a text cut short can be packed soundly.
    """
    if compression is None:
        with path.open("rb") as plain:
            yield plain
        return
    with pa.input_stream(str(path), compression=compression) as stream:
        metered = _Metered(stream, config.limits.most_bytes(path.stat().st_size))
        yield io.BufferedReader(metered, 1 << 20)
        if whole and config.require_final_newline:
            require_ended(path, metered.last_byte)
