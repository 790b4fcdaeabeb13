"""One folder, one writer: where everything of a shop's nights lives."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from tasks.refusals import LockHeldError, StorageError, UsageError
from tasks.storage import write_bytes, write_json

Source = Literal["interactions", "items", "users"]
SOURCES: tuple[Source, ...] = ("interactions", "items", "users")


@dataclass(frozen=True)
class Workspace:
    """The layout of a workspace; holds paths and reads its small files, writes nothing but what `create` and `lock` need."""

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "nightly.toml"

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def latest(self) -> Path:
        return self.root / "latest"

    @property
    def pointer(self) -> Path:
        return self.root / "current.json"

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def runs(self) -> Path:
        return self.root / "runs.jsonl"

    @property
    def staging(self) -> Path:
        return self.root / ".staging"

    @property
    def history(self) -> Path:
        return self.root / ".history"

    @property
    def set_aside(self) -> Path:
        return self.root / "set_aside"

    def inbox(self, source: Source) -> Path:
        """Return the folder where deliveries of one source arrive."""
        return self.root / "inbox" / source

    def table(self, name: str, run_date: date) -> Path:
        """Return the file that serves one table for one date."""
        return self.tables / name / f"run_date={run_date}" / "part-0.parquet"

    def report(self, run_date: date) -> Path:
        """Return the folder that holds the report of one date."""
        return self.root / "reports" / f"run_date={run_date}"

    def relative(self, path: Path) -> str:
        """Name a file of the workspace the way manifests and messages do."""
        return path.relative_to(self.root).as_posix()

    def create(self, settings: str) -> None:
        """Lay out a new workspace; a folder that already is one is left as it is.

        Raises UsageError where the folder holds something else, StorageError where it cannot be written.
        """
        if self.settings_file.exists():
            raise UsageError(str(self.root), "a new workspace", "a workspace already", f"nightly status --workspace {self.root}")
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise UsageError(str(self.root), "an empty or missing folder", "other files", "choose a folder of its own for the workspace")
        try:
            for source in SOURCES:
                self.inbox(source).mkdir(parents=True, exist_ok=True)
            write_bytes(self.settings_file, settings.encode())
        except OSError as error:
            raise StorageError(
                str(self.root), "a folder this user may write to", str(error), "check its owner and the free space"
            ) from error

    def require(self) -> None:
        """Raise UsageError unless the folder is a workspace."""
        if not self.settings_file.is_file():
            raise UsageError(str(self.root), "a workspace (nightly.toml)", "none", f"nightly init {self.root}")

    @contextmanager
    def lock(self, purpose: str, since: datetime) -> Iterator[None]:
        """Be the only writer for as long as the block lasts; the kernel frees the lock of a killed process.

        Raises LockHeldError at once when another process writes, naming it.
        """
        holder = self.root / ".lock.json"
        try:
            with FileLock(self.root / ".lock", timeout=0):
                who = {
                    "pid": os.getpid(),
                    "host": socket.gethostname(),
                    "since": f"{since:%Y-%m-%dT%H:%M:%SZ}",
                    "purpose": purpose,
                }
                write_json(holder, who)
                try:
                    yield
                finally:
                    holder.unlink(missing_ok=True)
        except Timeout:
            raise LockHeldError(str(self.root), "no other run", _describe(holder), "wait for it to end, then try again") from None
        except PermissionError as error:
            raise StorageError(str(self.root), "a folder this user may write to", str(error), "check its owner and permissions") from error

    def manifest(self, run_id: str) -> dict[str, Any] | None:
        """Read the manifest of a published run, None where that run published nothing."""
        path = self.manifests / f"{run_id}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def current(self) -> dict[str, Any] | None:
        """Read the manifest that `current.json` points to, None before the first publication."""
        if not self.pointer.is_file():
            return None
        return self.manifest(json.loads(self.pointer.read_text())["run_id"])

    def published(self) -> list[dict[str, Any]]:
        """Read the manifests that serve a date, oldest date first."""
        found = [json.loads(path.read_text()) for path in self.manifests.glob("*.json")]
        serving = {manifest["run_date"]: manifest for manifest in sorted(found, key=lambda m: (m["run_date"], m["published_at"]))}
        return [serving[run_date] for run_date in sorted(serving)]

    def last_published_before(self, run_date: date) -> dict[str, Any] | None:
        """Read the manifest of the newest date published before `run_date`: the champion of that night."""
        earlier = [manifest for manifest in self.published() if manifest["run_date"] < run_date.isoformat()]
        return earlier[-1] if earlier else None

    def attempts(self) -> list[dict[str, Any]]:
        """Read one entry per finished attempt, oldest first; a line torn by a crash is passed over."""
        if not self.runs.is_file():
            return []
        entries = []
        for line in self.runs.read_text().splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return entries


def _describe(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
    except (OSError, json.JSONDecodeError):
        return "a run that has just started"
    return f"{who['purpose']} (pid {who['pid']} on {who['host']}, since {who['since']})"
