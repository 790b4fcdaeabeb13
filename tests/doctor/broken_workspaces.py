"""Workspaces of the tiny world, each broken in one way, with what `nightly doctor` says of it and what mends it.

The table in docs/operations.md#what-doctor-says is made of these; test_broken_workspaces.py breaks and mends each for real.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.settings import set_in_file
from tasks.deliveries import raw_rows
from tasks.storage import write_json
from tasks.workspace import Workspace
from tests.faults import tiny_night
from tests.faults.children import exit_code
from tests.faults.disks import CountingDisk, DyingDisk
from tests.faults.noons import NIGHTS, SERVED, TODAY, noon, publish
from tests.faults.tiny_night import day


@dataclass(frozen=True)
class Broken:
    """One way in which a workspace breaks; `at` is the day on which somebody asks, `by_hand` does what no command can."""

    symptom: str
    harm: Callable[[Workspace, pytest.MonkeyPatch], Any]
    subject: str
    says: str
    types: str
    by_hand: Callable[[Workspace, pytest.MonkeyPatch], Any] | None = None
    at: int = TODAY
    hashes: bool = False
    level: str = "bad"

    @property
    def row(self) -> str:
        """Return the line that the table in docs/operations.md has for it."""
        return f"| {self.symptom} | `{self.level}` `{self.subject}`: {self.says} | {self.types} |"


def flip(path: Path) -> None:
    """Turn one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edited(path: Path, **values: Any) -> None:
    """Change what a small file says."""
    write_json(path, json.loads(path.read_text()) | values)


def manifest_of(shop: Workspace) -> Path:
    """Return the manifest of the served night."""
    return shop.manifests / f"{json.loads(shop.pointer.read_text())['run_id']}.json"


def first_rows(shop: Workspace) -> Path:
    """Return the rows of the first day's delivery."""
    note = next(path for path in (shop.raw / "interactions").glob("*.json") if json.loads(path.read_text())["name"].startswith(str(day(0))))
    return raw_rows(shop, "interactions", note.stem)


def _deliver_again(shop: Workspace) -> None:
    tiny_night.deliver(shop.root, 0)


def killed_while_publishing(shop: Workspace, _patch: pytest.MonkeyPatch) -> None:
    """Deliver today's file, and let the night die when half of its tables are served."""
    _killed(shop, lambda target: "/tables/" in target and "/.staging/" not in target, 0.5)


def killed_early(shop: Workspace, _patch: pytest.MonkeyPatch) -> None:
    """Deliver today's file, and let the night die after its first step."""
    _killed(shop, lambda target: target.endswith(".json") and "/.staging/" in target, 0)


def _killed(shop: Workspace, concerns: Callable[[str], bool], share: float) -> None:
    """Let today's night die at one of the renames that concern us; which, a rehearsal tells."""
    tiny_night.deliver(shop.root, TODAY)
    rehearsal, log = shop.root.with_name("rehearsal"), CountingDisk()
    shutil.copytree(shop.root, rehearsal)
    publish(rehearsal, TODAY, log)
    shutil.rmtree(rehearsal)
    moves = [number for number, step in enumerate(log.log, start=1) if step.name == "replace" and concerns(str(step.target))]
    assert exit_code(publish, shop.root, TODAY, DyingDisk(moves[int(share * len(moves))], "after")) < 0


def nearly_full(shop: Workspace, patch: pytest.MonkeyPatch) -> None:
    """Put ten megabytes of what was replaced long ago on a disk of little more than that."""
    old = shop.history / "2025-09-01T02-00-00Z-abc" / "recommendations.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"\0" * 10_000_000)
    whole = used(shop) + 1000
    patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(whole, used(shop), whole - used(shop)))


def used(shop: Workspace) -> int:
    """Return what the files of a workspace weigh."""
    return sum(path.stat().st_size for path in shop.root.rglob("*") if path.is_file() and path.stat().st_nlink == 1)


def too_small(shop: Workspace, _patch: pytest.MonkeyPatch) -> None:
    """Tell of a last night of two million events, and allow the next one half a gigabyte."""
    last = shop.attempts()[-1]
    sizes = {"n_users": 100_000, "n_items": 10_000, "n_events": 2_000_000, "n_recommendable": 10_000, "n_liked_items": 10_000}
    with shop.runs.open("a") as file:
        file.write(json.dumps(last | {"attempt_id": "large", "sizes": sizes}) + "\n")
    set_in_file(shop.settings_file, "compute", "memory_gb", 0.5)


def _old(path: Path) -> None:
    path.write_text("user_id,item_id\n")
    os.utime(path, (0, noon(TODAY - 1).timestamp()))


def _same_size(shop: Workspace, _patch: pytest.MonkeyPatch) -> None:
    flip(shop.table("recommendations", SERVED))


ROLL_BACK = f"`nightly rollback --workspace my-shop --to {SERVED}`"
NEXT_NIGHT = "`nightly run --workspace my-shop`"

BROKEN = (
    Broken(
        "The pointer is damaged",
        lambda shop, _: shop.pointer.write_bytes(b"{"),
        "pointer", "current.json, or the manifest it names, is damaged or gone", ROLL_BACK,
    ),
    Broken(
        "The manifest of the served night is damaged",
        lambda shop, _: cut(manifest_of(shop)),
        "pointer", "which is damaged", f"`rm my-shop/manifests/RUN.json && nightly run --workspace my-shop --run-date {SERVED}`",
    ),
    Broken(
        "A folder stands where the pointer belongs",
        lambda shop, _: (shop.pointer.unlink(), shop.pointer.mkdir()),
        "files", "current.json is a folder, and should be a file", "`mv my-shop/current.json my-shop-current.json`, then as above",
    ),
    Broken(
        "A served table is cut short",
        lambda shop, _: cut(shop.table("recommendations", day(1))),
        "tables", "not of the size its manifest says", f"`nightly run --workspace my-shop --run-date {day(1)}`",
    ),
    Broken(
        "A served table has a flipped bit (`--hashes`)",
        _same_size,
        "hashes", "expected sha256", f"`nightly run --workspace my-shop --run-date {SERVED}`", hashes=True,
    ),
    Broken(
        "A file in `latest/` was replaced by hand",
        lambda shop, _: (shop.latest / "recommendations.parquet").write_bytes(b"PAR1"),
        "pointer", "latest/ is not what current.json names", ROLL_BACK, level="warn",
    ),
    Broken(
        "A file in `latest/` has a flipped bit (`--hashes`)",
        lambda shop, _: flip(shop.latest / "recommendations.parquet"),
        "hashes", "expected sha256", ROLL_BACK, hashes=True,
    ),
    Broken(
        "Rows under `raw/` are gone",
        lambda shop, _: first_rows(shop).unlink(),
        "raw", "are gone", "deliver the file again, `rm my-shop/raw/interactions/SHA.json`, and the next night takes it in",
        by_hand=lambda shop, _: (_deliver_again(shop), first_rows(shop).with_suffix(".json").unlink(), publish(shop.root, TODAY)),
    ),
    Broken(
        "Killed while it published",
        killed_while_publishing,
        "attempt", "killed while it published", f"`nightly run --workspace my-shop --run-date {day(TODAY)}`", level="warn",
    ),
    Broken(
        "Killed before it published",
        killed_early,
        "attempt", "was killed; its finished steps are kept", f"`nightly run --workspace my-shop --run-date {day(TODAY)}`", level="warn",
    ),
    Broken(
        "The note of a killed attempt is damaged",
        lambda shop, _: shop.open_attempt.write_bytes(b"{"),
        "attempt", "its note .attempt.json is damaged", "`rm my-shop/.attempt.json`", level="warn",
    ),
    Broken(
        "The disk is nearly full",
        nearly_full,
        "space", "MB free; a night like the last writes about", "`nightly gc --workspace my-shop`",
    ),
    Broken(
        "The clock is in the past",
        lambda _shop, _: None,
        "clock", "there are data or nights of", "set the clock right",
        by_hand=lambda _shop, _: None, at=NIGHTS - 2, level="warn",
    ),
    Broken(
        "No night for a week",
        lambda _shop, _: None,
        "freshness", f"what is served is of {SERVED}, 8 days ago", NEXT_NIGHT, at=NIGHTS + 7, level="warn",
    ),
    Broken(
        "Nights were missed",
        lambda _shop, _: None,
        "nights", f"missed: {day(TODAY)} to {day(NIGHTS + 6)}",
        f"`nightly backfill --workspace my-shop --from {day(TODAY)} --to {day(NIGHTS + 6)}`", at=NIGHTS + 7, level="warn",
    ),
    Broken(
        "`nightly.toml` has a typo",
        lambda shop, _: shop.settings_file.write_text(shop.settings_file.read_text() + "[kepping]\ntables_days = 9\n"),
        "settings", "kepping", "correct the setting it names",
        by_hand=lambda shop, _: shop.settings_file.write_text(shop.settings_file.read_text().partition("[kepping]")[0]),
    ),
    Broken(
        "`nightly.toml` is gone",
        lambda shop, _: shop.settings_file.rename(shop.root.with_name("backup.toml")),
        "files", "nightly.toml is gone", "restore it from a backup",
        by_hand=lambda shop, _: shop.root.with_name("backup.toml").rename(shop.settings_file),
    ),
    Broken(
        "Prefect's address is dead",
        lambda _shop, patch: patch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api"),
        "prefect", "does not answer at http://127.0.0.1:9/api", "`prefect server start`, or `unset PREFECT_API_URL`",
        by_hand=lambda _shop, patch: patch.delenv("PREFECT_API_URL"), level="warn",
    ),
    Broken(
        "A newer version published",
        lambda shop, _: edited(manifest_of(shop), schema_version=3),
        "versions", "a newer version of nightly-recs published", "`git pull && make setup`",
        by_hand=lambda shop, _: edited(manifest_of(shop), schema_version=2),
    ),
    Broken(
        "Packages are other than last night",
        lambda shop, _: edited(manifest_of(shop), versions={"python": "3.11.0", "duckdb": "1.9.9"}),
        "versions", "duckdb 1.9.9 ->", "`make setup`, or nothing: the next published night settles it",
        by_hand=lambda shop, _: publish(shop.root, TODAY), level="warn",
    ),
    Broken(
        "The folder `models/` was removed",
        lambda shop, _: shutil.rmtree(shop.models),
        "models", "of the served night, is gone or damaged", NEXT_NIGHT, level="warn",
    ),
    Broken(
        "The pinned models are gone",
        lambda shop, _: edited(shop.reference, model_version="0123456789abcdef"),
        "reference", "the models that reference.json names are gone", "`rm my-shop/reference.json`", level="warn",
    ),
    Broken(
        "Memory is too small",
        too_small,
        "memory", "tonight does not fit", "lower what it names, or raise `memory_gb` in `[compute]`",
        by_hand=lambda shop, _: set_in_file(shop.settings_file, "compute", "memory_gb", 8),
    ),
    Broken(
        "Files that nothing names",
        lambda shop, _: (shop.tables / "recommendations" / "copy.parquet").write_bytes(b"PAR1"),
        "orphans", "no manifest names it", "`nightly gc --workspace my-shop --orphans`", level="warn",
    ),
    Broken(
        "A producer died while writing",
        lambda shop, _: _old(shop.inbox("interactions") / "today.csv.part"),
        "inbox", "nobody wrote to it for", "`rm my-shop/inbox/interactions/today.csv.part`", level="warn",
    ),
    Broken(
        "A folder of the inbox is gone",
        lambda shop, _: shop.inbox("items").rmdir(),
        "inbox", "nothing can be delivered", "`mkdir -p my-shop/inbox/items`", level="warn",
    ),
    Broken(
        "The record of attempts is lost",
        lambda shop, _: shop.runs.write_bytes(b"\xff\x00"),
        "record", "is lost", "restore `runs.jsonl` from a backup, or nothing: the next night begins a new one",
        by_hand=lambda shop, _: publish(shop.root, TODAY), level="warn",
    ),
)  # fmt: skip
