"""Doctor: look at everything a night rests on, and say of each thing how it is and what to type."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from flows.console import say
from flows.keeping import load_keeping
from flows.prefect_api import api_is_alive
from tasks.diagnosis import Finding, diagnose
from tasks.refusals import StorageError
from tasks.workspace import Workspace

PENDING = "prefect flow-run ls --state PENDING, then prefect flow-run cancel ID; docs/operations.md#a-run-that-stays-pending"


def show_diagnosis(root: Path, at: datetime, as_json: bool) -> int:
    """Print every finding; returns 6 where one of them is bad."""
    workspace = Workspace(root.resolve())
    workspace.require()
    keeping, fault = load_keeping(workspace.root)
    findings = [*_settings(workspace, fault), *diagnose(workspace, keeping, at), *_prefect()]
    worst = next((level for level in ("bad", "warn") if any(each.level == level for each in findings)), "ok")
    if as_json:
        say(json.dumps({"level": worst, "findings": [asdict(each) for each in findings]}, sort_keys=True))
    else:
        for each in findings:
            say(f"{each.level:<5} {each.subject:<10} {each.sentence}" + (f"\n{'next:':>15}  {each.next_step}" if each.next_step else ""))
    return StorageError.exit_code if worst == "bad" else 0


def _settings(workspace: Workspace, fault: str) -> Iterator[Finding]:
    if fault:
        yield Finding(
            "settings", "bad", f"{fault}: the defaults of [keeping] are used", f"correct {workspace.settings_file}, or the environment"
        )
    else:
        yield Finding("settings", "ok", "nightly.toml and its [keeping] can be read")


def _prefect() -> Iterator[Finding]:
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        yield Finding("prefect", "ok", "not used: PREFECT_API_URL is not set")
    elif api_is_alive(address):
        yield Finding("prefect", "ok", f"answers at {address}; should a run stay Pending there and keep the next from starting:", PENDING)
    else:
        yield Finding("prefect", "warn", f"does not answer at {address}; nights run all the same, not recorded", "start its server")
