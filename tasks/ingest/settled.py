"""Is a file whole? A producer that is still writing is left in peace; one that promises a hash is held to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.ingest.pulled import covered
from tasks.refusals import InputRefusedError
from tasks.storage import file_hash

UNFINISHED = (".partial", ".part", ".tmp", ".temp", ".filepart", ".crdownload", ".writing")
SIDECAR = ".sha256"
DONE = "_SUCCESS"


def is_delivery(path: Path) -> bool:
    """Tell a delivered file from what lies beside it: hidden files, hashes, and the mark that a job has ended."""
    return path.is_file() and not path.name.startswith(".") and path.suffix.lower() != SIDECAR and path.name != DONE


def still_written(path: Path, settle_seconds: float, require_sidecar: bool, at: datetime | None) -> str | None:
    """Say why a file is taken to be still being written at an instant (UTC, without zone); None for one that is not.

    A change that lies in the future tells of a clock that is wrong, not of a producer at work: such a file is settled. Without
    an instant the age of a file says nothing.
    """
    if path.suffix.lower() in UNFINISHED:
        return f"its name ends in {path.suffix}"
    if covered(path) is not None:
        return None  # ours: it has its name because it is whole
    if require_sidecar and not sidecar(path).is_file():
        return f"{sidecar(path).name} is not there yet"
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    except FileNotFoundError:
        return "it was taken away"
    if at and timedelta(0) <= at - changed < timedelta(seconds=settle_seconds):
        return f"it changed less than {settle_seconds:g} seconds before the run began"
    return None


def sidecar(path: Path) -> Path:
    """Return where a producer may put the hash of a file."""
    return path.with_name(path.name + SIDECAR)


def promised_hash(path: Path) -> str | None:
    """Return the sha256 that a sidecar holds, in the form of `sha256sum`; None without one."""
    try:
        words = path.read_text(errors="replace").split(maxsplit=1)
    except FileNotFoundError:
        return None
    return words[0].lower() if words else ""


def require_promised(path: Path, sha256: str) -> None:
    """Raise InputRefusedError for a file that is not the one its sidecar tells of."""
    promised = promised_hash(sidecar(path))
    if promised not in (None, sha256):
        hint = f"deliver it again whole, or remove {sidecar(path).name} if it is outdated"
        raise InputRefusedError(str(path), f"sha256 {promised} (from {sidecar(path).name})", sha256, hint)


def require_ended(path: Path, last_byte: bytes) -> None:
    """Raise InputRefusedError for a text whose last line is not ended."""
    if last_byte not in (b"\n", b"\r"):
        hint = "deliver it again whole; where files never end in a newline: [source] require_final_newline = false"
        raise InputRefusedError(str(path), "a newline after the last row", "none: the file may be cut short", hint)


def require_unchanged(path: Path, sha256: str) -> None:
    """Raise InputRefusedError for a file that is no longer what it was when the night first looked: its producer is at work."""
    try:
        found = file_hash(path)
    except FileNotFoundError:
        found = "no file any more"
    if found != sha256:
        hint = "it stays where it is; run again when its producer has ended: nightly run"
        raise InputRefusedError(str(path), f"a file that rests (sha256 {sha256})", f"{found}: it is still being written", hint)
