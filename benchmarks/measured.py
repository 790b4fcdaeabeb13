"""Run a command and say how long it took and how much memory it held: `python -I -S measured.py RESULT.json COMMAND ...`.

A process of its own and a small one: on Linux a child's peak begins with the memory of the parent that started it.
"""

import json
import os
import sys
import time


def measure(result: str, command: list[str]) -> int:
    """Run a command, write its seconds and peak bytes as JSON, return its exit code."""
    started = time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ)  # noqa: TID251  # handed on as it is
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - started
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with open(result, "w") as file:  # noqa: PTH123  # pathlib would be the largest part of this process
        json.dump({"seconds": round(seconds, 2), "peak_bytes": peak}, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(measure(sys.argv[1], sys.argv[2:]))
