"""What makes two runs the same run: the hash of everything that decides a night's bytes, and what differs where it is another."""

from __future__ import annotations

import platform
import uuid
from contextlib import suppress
from datetime import date, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from flows.settings import Settings
from tasks.deliveries import Delivery, SetAside, accepted, set_aside_on
from tasks.diff import by_path
from tasks.ingest.delivery import waiting
from tasks.memory import offered
from tasks.model_set import set_fault
from tasks.night import Night
from tasks.policies.fatigue import lists_shown
from tasks.publish import LIBRARIES
from tasks.refusals import InputRefusedError
from tasks.storage import canonical_json, file_hash, text_hash
from tasks.workspace import Workspace


def identify(workspace: Workspace, day: date, settings: Settings, composition: str, started_at: datetime) -> Night:
    """Hash everything that decides tonight's bytes into the run's id."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    inputs = _inputs(workspace, day, settings, started_at)
    origin = {
        "inputs": inputs,
        "settings": settings.model_dump(mode="json"),
        "code": code_version(),
        "composition": composition,
        "versions": {"python": platform.python_version(), **libraries},
    }
    identity = {
        "run_date": day,
        # The name too: it stands in `rejects`, and of several catalogues of one night the last name wins.
        "inputs": sorted([sha256, file["name"]] for sha256, file in inputs.items()),
        "settings": settings.fingerprint(),
        "code": origin["code"],
        "composition": composition,
        "libraries": libraries,
    }
    inputs_id = text_hash(canonical_json(identity))[:16]
    served = workspace.champion_of(day, inputs_id)
    champion = str(served["run_id"]) if served else None
    warm_from = _whole_set(workspace, served)
    # Lists shown before are an input where people tire of them; the champion does not tell of dates replaced since.
    shown = [one.run_id for one in lists_shown(workspace, day, settings.policies.fatigue, settings.events.impressions)]
    before = {"champion": champion, "warm_from": warm_from} | ({"shown": shown} if shown else {})
    return Night(
        workspace=workspace,
        run_date=day,
        run_id=text_hash(canonical_json({**identity, **before}))[:16],
        attempt_id=uuid.uuid4().hex[:12],
        started_at=started_at,
        champion=champion,
        seed=settings.seed,
        compute=settings.compute,
        inputs_id=inputs_id,
        warm_from=warm_from,
        origin=origin,
        memory=offered(settings.compute),
    )


def _whole_set(workspace: Workspace, served: dict[str, Any] | None) -> str | None:
    """Return the version of the models that a night was published with, None where they are gone or damaged: nothing starts from those."""
    version = str(served["model_version"]) if served else None
    return version if version and set_fault(workspace, version) is None else None


def _inputs(workspace: Workspace, day: date, settings: Settings, started_at: datetime) -> dict[str, dict[str, str]]:
    found = [delivery for delivery in accepted(workspace) if delivery.counts_on(day)]
    # Files that contradict each other have no identity; ingest meets the same refusal and the attempt is recorded with it.
    with suppress(InputRefusedError):
        found += waiting(workspace, settings.source, day, started_at)
    files: list[Delivery | SetAside] = [*found, *set_aside_on(workspace, day)]
    return {file.sha256: {"source": file.source, "name": file.name} for file in files}


def code_version() -> str:
    """Hash the source of this program, so that a night made by other code is another night."""
    digest = sha256()
    # From this file, not from the imported packages: run from inside a workspace, `models` may be found as its folder of models.
    root = Path(__file__).parent.parent
    for package in ("flows", "models", "sql", "tasks"):
        folder = root / package
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".jinja")):
            digest.update(f"{path.relative_to(root).as_posix()} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def differences(night: Night, served: dict[str, Any], settings: Settings) -> list[str]:
    """Say in words what tonight would be made from that the served night of its date was not, one sentence a difference."""
    now, then = night.origin, {"inputs": {}, "settings": {}, "code": "", "composition": "", "versions": {}} | served
    found = []
    for what, those, others in (("more", now["inputs"], then["inputs"]), ("fewer", then["inputs"], now["inputs"])):
        names = sorted(f"{file['source']}/{file['name']}" for digest, file in those.items() if digest not in others)
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} others" if len(names) > 5 else "")
            found.append(f"{len(names)} {what} delivered: {shown}")
    before, after = (dict(by_path(part)) for part in (then["settings"], settings.deciding()))
    found += [f"setting {key}: {before.get(key)} -> {value}" for key, value in after.items() if before.get(key) != value]
    found += [
        f"{name} {then['versions'].get(name)} -> {version}"
        for name, version in now["versions"].items()
        if name != "python" and then["versions"].get(name) != version
    ]
    if then["code"] != now["code"]:
        found.append("the code of nightly-recs")
    if then["composition"] != now["composition"]:
        found.append(f"made by {then['composition']!r}, now {now['composition']!r}")
    return found
