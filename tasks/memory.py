"""How much memory a night may take: what the settings say, else what the machine offers when the night begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from models.compute import ComputeConfig

GB = 10**9

UNITS = {"GB": GB, "MB": 10**6, "kB": 10**3, "B": 1}


class Offered(NamedTuple):
    """Bytes this process may hold altogether, and who says so."""

    bytes: int
    by: str


def offered(config: ComputeConfig, system: Path = Path("/")) -> Offered:
    """Return what the settings allow; where they do not say, the least that the control group and the machine have to give.

    Linux is asked for the limits of the process's control group, of either version and at every level, and for the memory that is
    available beside what this process holds already; any other system for all it has. `system` is where /proc and /sys are found.
    """
    if config.memory_gb is not None:
        return Offered(int(config.memory_gb * GB), "[compute] memory_gb")
    limits = [Offered(limit, "the control group") for limit in _group_limits(system)]
    return min([*limits, _of_machine(system)])


def all_there_is(system: Path = Path("/")) -> Offered:
    """Return what there is, whoever holds it now: the least of the control group's limits and the machine's memory."""
    total = _kilobytes(system / "proc" / "meminfo", "MemTotal") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([*(Offered(limit, "the control group") for limit in _group_limits(system)), Offered(total, "the machine")])


def spelled_bytes(n_bytes: float) -> str:
    """Write a number of bytes for people, in the largest unit of which there is one."""
    unit = next((unit for unit, size in UNITS.items() if n_bytes >= size), "B")
    return f"{n_bytes / UNITS[unit]:,.{1 if unit != 'B' else 0}f} {unit}"


def resident_bytes(system: Path = Path("/")) -> int:
    """Return what this process holds now; 0 where the system does not tell."""
    return _kilobytes(system / "proc" / "self" / "status", "VmRSS") or 0


def _of_machine(system: Path) -> Offered:
    available = _kilobytes(system / "proc" / "meminfo", "MemAvailable")
    if available is None:
        return Offered(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "the machine, all it has")
    return Offered(available + resident_bytes(system), "the machine, what is available now")


def _group_limits(system: Path) -> Iterator[int]:
    """Yield the limits of the group the process is in and of all groups around it."""
    for line in _lines(system / "proc" / "self" / "cgroup"):
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            root, name = system / "sys" / "fs" / "cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            root, name = system / "sys" / "fs" / "cgroup" / "memory", "memory.limit_in_bytes"
        else:
            continue
        # Inside a container the path may be that of the host: only what lies above the mount is found, which is the container's own.
        inner = PurePosixPath(group.lstrip("/"))
        for folder in (inner, *inner.parents):
            yield from (int(text) for text in _lines(root / folder / name) if text.isdigit())


def _kilobytes(file: Path, name: str) -> int | None:
    """Read a line such as `MemAvailable:  1234 kB`, in bytes."""
    found = (line.split() for line in _lines(file))
    return next((int(words[1]) * 1024 for words in found if words[:1] == [f"{name}:"]), None)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
