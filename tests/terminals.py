"""A terminal for a command: a real pseudo-terminal of some width, and all that was written to it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def screen(written: str) -> list[str]:
    """Return the rows that stand on a terminal in the end, and above it: what is wiped is gone, colours are left out."""
    rows, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\r\n\x1b]+", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, rows = row + 1, [*rows, ""] if row + 1 == len(rows) else rows
        elif part.endswith("A"):
            row = max(0, row - int(part[2:-1] or 1))
        elif part == "\x1b[2K":
            rows[row] = ""
        elif not part.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + part + rows[row][column + len(part) :]
            column += len(part)
    return [each.rstrip() for each in rows]


def on_terminal(
    arguments: Sequence[object],
    *,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "flows.cli"),
    until: tuple[str, Callable[[int], None]] | None = None,
    piped: bool = False,
) -> tuple[int, str, str]:
    """Run a command with its standard error on a terminal; return its exit code, what stood on the terminal, and its standard output.

    Its output goes to the terminal too unless it is piped. Once `until[0]` has been seen, `until[1]` is called with the process's id.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    shielded = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "COLUMNS", "TERM")}  # noqa: TID251
    process = subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        stdin=theirs,
        stdout=subprocess.PIPE if piped else theirs,
        stderr=theirs,
        env={**shielded, "TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})},
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody writes to it any more
            break
        if not part:
            break
        seen += part
        if until is not None and until[0].encode() in seen:
            until[1](process.pid)
            until = None
    printed = process.communicate(timeout=60)[0] or b""
    os.close(ours)
    return process.returncode, seen.decode(errors="replace"), printed.decode()
