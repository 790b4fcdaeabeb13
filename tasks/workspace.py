"""One folder, one writer: where everything of a shop's nights lives."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from tasks.refusals import StorageError, UsageError
from tasks.storage import make_folders, write_bytes

log = logging.getLogger("nightly")

Source = Literal["interactions", "items", "users"]
SOURCES: tuple[Source, ...] = ("interactions", "items", "users")

MANIFEST_VERSION = 2
"""The `schema_version` of the manifests that this program writes; it reads those before it too."""


@dataclass(frozen=True)
class Workspace:
    """The layout of a workspace; holds paths and reads its small files, writes nothing but what `create` needs."""

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

    @property
    def reference(self) -> Path:
        """Name the file that names the set of models against which slow rot is measured."""
        return self.root / "reference.json"

    @property
    def pointer_log(self) -> Path:
        """Name the file with a line for every move of the pointer."""
        return self.history / "pointer.jsonl"

    @property
    def latest_note(self) -> Path:
        """Name the file that tells which run latest/ was filled from."""
        return self.root / ".latest.json"

    @property
    def open_attempt(self) -> Path:
        """Name the file that tells of an attempt for as long as it is under way."""
        return self.root / ".attempt.json"

    @property
    def retired(self) -> Path:
        """Name the folder with the manifests of nights whose tables retention has removed: what they recorded still counts."""
        return self.history / "manifests"

    def manifest_file(self, run_id: str) -> Path:
        """Return where the manifest of a run stands while it serves its date."""
        return self.manifests / f"{run_id}.json"

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
                make_folders(self.inbox(source))
            write_bytes(self.settings_file, settings.encode())
        except OSError as error:
            raise StorageError(
                str(self.root), "a folder this user may write to", str(error), "check its owner and the free space"
            ) from error

    def require(self) -> None:
        """Raise UsageError unless the folder is a workspace, under a name that the libraries below can open."""
        try:
            str(self.root).encode()
        except UnicodeEncodeError as error:
            told = "set PYTHONUTF8=1, or a locale such as C.UTF-8, or rename the folder"
            raise UsageError(ascii(str(self.root)), "a path that is text", "bytes that this locale cannot read", told) from error
        if not self.settings_file.is_file():
            raise UsageError(str(self.root), "a workspace (nightly.toml)", "none", f"nightly init {self.root}")

    def manifest(self, run_id: str) -> dict[str, Any] | None:
        """Read the manifest of a run that serves its date, None where it does not."""
        return _read_manifest(self.manifest_file(run_id))

    def current(self) -> dict[str, Any] | None:
        """Read the manifest that `current.json` points to, None before the first publication or where one of the two is damaged."""
        target = read_json(self.pointer) or {}
        return self.manifest(str(target.get("run_id")))

    def manifests_of(self, run_date: str) -> list[dict[str, Any]]:
        """Read the manifests of one date: one, or two while the one takes the place of the other."""
        return [manifest for manifest in self._manifests() if manifest["run_date"] == run_date]

    def published(self) -> list[dict[str, Any]]:
        """Read the manifests that serve a date, oldest date first; one that is damaged is passed over with a warning."""
        serving = {manifest["run_date"]: manifest for manifest in self._manifests()}
        return [serving[run_date] for run_date in sorted(serving)]

    def remembered(self) -> list[dict[str, Any]]:
        """Read what every date was published as, oldest first: the manifests that serve one, and those of dates that were removed since."""
        retired = {manifest["run_date"]: manifest for manifest in self._manifests(self.retired)}
        known = retired | {manifest["run_date"]: manifest for manifest in self._manifests()}
        return [known[run_date] for run_date in sorted(known)]

    def _manifests(self, folder: Path | None = None) -> list[dict[str, Any]]:
        read = (_read_manifest(path) for path in sorted((folder or self.manifests).glob("[!.]*.json")))
        return sorted((manifest for manifest in read if manifest), key=lambda manifest: (manifest["run_date"], manifest["published_at"]))

    def champion_of(self, run_date: date, inputs_id: str = "") -> dict[str, Any] | None:
        """Read the manifest that a night of `run_date` has to beat.

        For a date made again it is what it had to beat the first time, at least where its inputs are the same; else what is served,
        where that is of an earlier date; else the newest date published before it. They differ after a rollback: what was rolled back
        is no measure for the nights that follow.
        """
        current, day, published = self.current(), run_date.isoformat(), self.published()
        earlier = [manifest for manifest in published if manifest["run_date"] < day]
        goes_on = current is not None and current["run_date"] < day
        for made in (manifest for manifest in published if manifest["run_date"] == day):
            beaten = next((manifest for manifest in earlier if manifest["run_id"] == made.get("champion")), None)
            if beaten is not None and (made["inputs_id"] == inputs_id or not goes_on):
                return beaten
        return current if goes_on else earlier[-1] if earlier else None

    def attempts(self) -> list[dict[str, Any]]:
        """Read one entry per finished attempt, oldest first; a line torn by a crash is passed over.

        An attempt that was stopped while it published has two lines: its own, and that of whoever carried the publication out.
        """
        if not self.runs.is_file():
            return []
        entries = dict[str, dict[str, Any]]()
        for line in self.runs.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(entry, dict):
                entries[str(entry.get("attempt_id", line))] = entry
        return list(entries.values())


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a small file of ours; None where it is missing, and with a warning where it is damaged."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return None
    return content if isinstance(content, dict) else None


def is_whole(attempt: dict[str, Any]) -> bool:
    """Tell whether an entry of runs.jsonl says what an attempt says; a hand, or a disk, may have left another object there."""
    return all(isinstance(attempt.get(name), str) for name in ("attempt_id", "run_id", "run_date", "started_at"))


def _read_manifest(path: Path) -> dict[str, Any] | None:
    content = read_json(path)
    try:
        if content is None or _is_manifest(content):
            return content
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    log.warning("%s is damaged: it does not say what a manifest says", path)
    return None


def _is_manifest(content: dict[str, Any]) -> bool:
    """Tell whether a file says what every reader of manifests relies on, and names no file outside the workspace."""
    date.fromisoformat(content["run_date"])
    paths = [PurePosixPath(table["path"]) for table in content["tables"].values() if table["sha256"]]
    known = {"run_id", "published_at", "data_through", "model_version"} <= content.keys()
    return known and not any(path.is_absolute() or ".." in path.parts for path in paths)
