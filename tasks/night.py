"""One night: what identifies it, and the receipts its steps leave so that a killed night resumes where it was.

Between steps travel receipts (names, paths, hashes, counts), never tables. A step whose receipt still verifies is skipped.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_type_hints

import pyarrow.parquet as pq
from pydantic import BaseModel

from models.compute import ComputeConfig
from tasks.memory import Offered, offered, resident_bytes
from tasks.progress import PROGRESS, StepEnded, step_told
from tasks.storage import canonical_json, file_hash, text_hash, write_json
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


class Receipt(BaseModel, frozen=True, extra="forbid"):
    """What a step leaves behind: enough for the next step to find its input, and to tell whether it is still there."""

    files: dict[str, str] = {}
    """Files written, relative to the workspace -> sha256."""

    relations: dict[str, int] = {}
    """Warehouse relations written -> rows."""


AnyReceipt = TypeVar("AnyReceipt", bound=Receipt)


@dataclass(frozen=True)
class Night:
    """One run for one `run_date`.

    `run_id` is the hash of everything that decides tonight's bytes, `inputs_id` the same without `champion`, the run_id of the night it
    has to beat, and `warm_from`, the version of that night's set of models where it is whole; `origin` is what both are hashed from, as
    the manifest tells it; `started_at` is the only reading of the clock, `began` the same moment on the clock that never jumps; `memory`
    is what the night may take, read once like the clock.
    """

    workspace: Workspace
    run_date: date
    run_id: str
    attempt_id: str
    started_at: datetime
    champion: str | None
    seed: int
    compute: ComputeConfig
    inputs_id: str = ""
    warm_from: str | None = None
    origin: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    memory: Offered = field(default_factory=lambda: offered(ComputeConfig()))

    @property
    def elapsed(self) -> timedelta:
        """How long the attempt has been going, whatever has happened to the clock meanwhile."""
        return timedelta(seconds=time.monotonic() - self.began)

    @property
    def known_until(self) -> datetime:
        """The instant before which events are seen tonight: the end of `run_date`, as a UTC time without zone."""
        return datetime.combine(self.run_date, datetime.min.time()) + timedelta(days=1)

    @property
    def room(self) -> int:
        """How many bytes more the night may take now; what is made of it must not change a published byte."""
        return max(0, self.memory.bytes - resident_bytes())

    @property
    def staging(self) -> Path:
        return self.workspace.staging / self.run_id

    def staged_table(self, name: str) -> Path:
        """Return where tonight's version of a published table waits until it is served."""
        return self.staging / "tables" / f"{name}.parquet"

    def champion_manifest(self) -> dict[str, Any] | None:
        """Read the manifest of the night to beat."""
        return self.workspace.manifest(self.champion) if self.champion else None

    def hashed(self, *paths: Path) -> dict[str, str]:
        """Return what a receipt says of files just written."""
        return {self.workspace.relative(path): file_hash(path) for path in paths}

    def verifies(self, receipt: Receipt) -> bool:
        """Tell whether everything a receipt names is still there, byte for byte."""
        for name, expected in receipt.files.items():
            path = self.workspace.root / name
            if not path.is_file() or file_hash(path) != expected:
                return False
        if receipt.relations:
            from tasks.warehouse import holds

            return holds(self, receipt.relations)
        return True


class Runner(Protocol):
    """How steps are carried out: plainly, as Prefect tasks, later on a cluster."""

    def __call__(self, step: Callable[..., AnyReceipt], night: Night, *inputs: Any) -> AnyReceipt: ...


@dataclass(frozen=True)
class StepRecord:
    """How long one step took, how much memory the process had used by its end, and the rows and bytes that the step wrote."""

    step: str
    seconds: float
    peak_bytes: int
    resumed: bool
    rows: int = 0
    bytes: int = 0


def plain(step: Callable[..., AnyReceipt], night: Night, *inputs: Any) -> AnyReceipt:
    """Carry out one step here and now, unless an earlier attempt of the same night left its receipt."""
    name = step.__name__
    path = night.staging / f"{name}.json"
    built_on = text_hash(canonical_json([_plain(value) for value in inputs]))
    earlier = _earlier_receipt(path, get_type_hints(step)["return"], built_on, night)
    if earlier is not None:
        log.info("%s: done by an earlier attempt", name)
        PROGRESS.debug(StepEnded(name))
        return earlier
    log.info("%s: started", name)
    started = time.monotonic()
    with step_told(name, night):
        receipt = step(night, *inputs)
    seconds, written = time.monotonic() - started, _written(night, receipt)
    entry = {"step": name, "seconds": round(seconds, 3), "peak_bytes": peak_bytes(), "attempt_id": night.attempt_id}
    write_json(path, {**entry, **written, "built_on": built_on, "receipt": receipt.model_dump(mode="json")})
    log.info("%s: done in %.1f s%s", name, seconds, f", {written['rows']:,} rows" if written["rows"] else "")
    return receipt


def step_records(night: Night) -> list[StepRecord]:
    """Read how long the steps of this night took so far, in the order in which they ended."""
    entries = [(path.stat().st_mtime_ns, json.loads(path.read_text())) for path in night.staging.glob("*.json")]
    return [
        StepRecord(
            entry["step"],
            entry["seconds"],
            entry["peak_bytes"],
            entry["attempt_id"] != night.attempt_id,
            entry.get("rows", 0),
            entry.get("bytes", 0),
        )
        for _, entry in sorted(entries, key=lambda pair: pair[0])
    ]


def peak_bytes() -> int:
    """Return the most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _written(night: Night, receipt: Receipt) -> dict[str, int]:
    """Count the rows of the relations a step wrote, of its Parquet files where it wrote none, and the bytes of all its files."""
    files = [night.workspace.root / name for name in receipt.files]
    rows = sum(receipt.relations.values()) or sum(pq.read_metadata(path).num_rows for path in files if path.suffix == ".parquet")
    return {"rows": rows, "bytes": sum(path.stat().st_size for path in files)}


def _earlier_receipt(path: Path, kind: type[AnyReceipt], built_on: str, night: Night) -> AnyReceipt | None:
    if not path.is_file():
        return None
    try:
        entry = json.loads(path.read_text())
        receipt = kind.model_validate(entry["receipt"])
    except ValueError:
        return None
    return receipt if entry["built_on"] == built_on and night.verifies(receipt) else None


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value
