"""What `nightly doctor` learns of the settings, and by them of memory, threads and the inbox, from a process of its own.

To check settings one has to load what a night loads. On some days just that is broken: then the child ends, and the doctor says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from tasks.diagnosis import SETUP, Finding, Level, Scene
from tasks.refusals import NightError
from tasks.retention import KeepingConfig
from tasks.workspace import SOURCES, Workspace

if TYPE_CHECKING:
    from flows.settings import Settings

PATIENCE_SECONDS = 120
"""How long a child may take; it takes about one second, and a disk that hangs makes it wait forever."""

NAMES_A_VARIABLE = "_variable"
"""How a setting's name ends that names the environment variable in which a secret stands."""


@dataclass(frozen=True)
class SettingsTold:
    """What was found by the settings, and the files of the inbox that count as still being written."""

    findings: list[Finding] = field(default_factory=list)
    unfinished: dict[str, str] = field(default_factory=dict)


def ask(root: Path, at: datetime) -> SettingsTold:
    """Let a child look, which may break; its breaking is a finding."""
    here = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}
    command = [sys.executable, "-m", "flows.doctor_settings", str(root), at.isoformat()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS, env=environment)  # noqa: S603
        told = json.loads(done.stdout)
        return SettingsTold([Finding(**each) for each in told["findings"]], told["unfinished"])
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        lines = str(getattr(error, "stderr", "") or error).strip().splitlines()
        sentence = f"cannot be checked: what a night loads does not load ({lines[-1] if lines else error})"
        return SettingsTold([Finding("settings", "bad", sentence, SETUP)])


def look(root: Path, at: datetime) -> SettingsTold:
    """Read the settings as a night would, and look at what depends on them."""
    from flows.nightly import plans
    from flows.settings import load_settings
    from tasks.diagnosis.compute import memory, threads

    try:
        settings = load_settings(root)
    except NightError as refusal:
        sentence = f"{refusal.where}: expected {refusal.expected}; found {refusal.found}"
        return SettingsTold([Finding("settings", "bad", sentence, refusal.next_step)])
    except OSError as error:
        step = f"correct {root / 'nightly.toml'}, or its owner"
        return SettingsTold([Finding("settings", "bad", f"nightly.toml cannot be read: {error}", step)])
    secrets = list(missing_secrets(settings, os.environ))
    known = [Finding("settings", "ok", "nightly.toml can be read, and every setting in it is known")]
    scene = Scene(Workspace(root), KeepingConfig(), at)
    computed = [*memory(scene, settings.compute, plans(settings)), *threads(scene, settings.compute)]
    return SettingsTold([*(secrets or known), *computed], _unfinished(scene, settings))


def missing_secrets(config: BaseModel, environment: Mapping[str, str], section: str = "") -> Iterator[Finding]:
    """Name the settings that point at an environment variable which is not set here; a section with defaults only is not in use."""
    for key, value in config:
        where = f"{section}.{key}" if section else key
        if isinstance(value, BaseModel):
            yield from missing_secrets(value, environment, where)
        elif key.endswith(NAMES_A_VARIABLE) and config != type(config)() and not environment.get(str(value)):
            step = f"export {value}=...; in the environment that starts nights, its schedule's too"
            # Without its source no night begins; what follows a night may fail, and it stays published.
            level: Level = "bad" if where.startswith("source.") else "warn"
            yield Finding("settings", level, f"{where} names the environment variable {value}, which is not set here", step)


def _unfinished(scene: Scene, settings: Settings) -> dict[str, str]:
    from tasks.ingest.settled import is_delivery, still_written

    at, config = scene.workspace, settings.source
    files = [path for source in SOURCES for path in sorted(at.inbox(source).glob("*")) if is_delivery(path)]
    told = {at.relative(path): still_written(path, config.settle_seconds, config.require_sidecar, scene.now) for path in files}
    return {name: why for name, why in told.items() if why}


if __name__ == "__main__":
    print(json.dumps(asdict(look(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])))))  # noqa: T201
