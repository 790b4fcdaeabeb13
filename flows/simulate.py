"""Simulate: score the night that is served once more under other policies, beside the workspace's files, without training anything."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime
from importlib import metadata
from pathlib import Path

from flows import identity
from flows.clock import now
from flows.nightly import prepared_from
from flows.policy_file import read_policies
from flows.settings import Settings, load_settings, settings_told
from tasks.adopt import adopt
from tasks.apart import set_apart
from tasks.deliveries import accepted, set_aside_on
from tasks.diff import made_from
from tasks.experiment import ExperimentConfig
from tasks.ingest import ingest
from tasks.lock import locked
from tasks.memory import offered
from tasks.moments import moment
from tasks.night import Night, plain
from tasks.policies.config import PoliciesConfig
from tasks.policies.declare import declare
from tasks.policies.fatigue import lists_shown
from tasks.publish import LIBRARIES
from tasks.refusals import UsageError
from tasks.score import score
from tasks.served_night import ServedNight, served_night
from tasks.simulation import Simulated, Told, compare_with_published, simulated_night
from tasks.stage import stage
from tasks.storage import canonical_json, remove, text_hash
from tasks.storage_faults import named_faults
from tasks.warehouse import sharing_warehouse
from tasks.workspace import Workspace

log = logging.getLogger("nightly")


def run_simulation(root: Path, policy: Path, user: str | None = None, most: int = 10) -> Simulated:
    """Make the lists of the served night under the policies of a file, and compare them with the published ones.

    Nothing outside `simulation/` changes. Raises UsageError where the file, the user or the policies make no sense, StorageError where
    something the night was made from is gone.
    """
    workspace = Workspace(root.resolve())
    workspace.require()
    policies = read_policies(policy)
    with locked(workspace, "simulate", now()), named_faults(workspace):
        served = served_night(workspace)
        if user is not None and served.user(user) is None:
            raise UsageError(f"user {user}", "an id as the night has them", f"ids are {served.id_types['user_id']}s", "name another user")
        published, notes = _published_settings(served)
        settings = published.model_copy(update={"policies": policies, "experiment": ExperimentConfig()})
        notes += [*_notes(served, published, policies)]
        for note in notes:
            log.warning("simulate: %s", note)
        night = _night(served, settings)
        findings = _scored(night, settings, str(served.manifest["model_version"]))
        made = simulated_night(served, night.staging / "tables", night.run_id)
        then, anew = ({"settings": {"policies": one.model_dump(mode="json")}} for one in (published.policies, policies))
        told = Told(policies=made_from(then, anew).settings, findings=findings, notes=tuple(notes))
        return compare_with_published(served, made, told, user, most)


def _published_settings(served: ServedNight) -> tuple[Settings, list[str]]:
    """Return the settings the night was published with, or the workspace's where these are not to be had, and what to say of that."""
    try:
        if served.settings:
            return settings_told(served.settings), []
        fault = "it was published without them"
    except UsageError as error:
        fault = str(error)
    note = f"the settings of the night of {served.run_date} cannot be read, those of the workspace stand in for them: {fault}"
    return load_settings(served.workspace.root), [note]


def _notes(served: ServedNight, published: Settings, policies: PoliciesConfig) -> Iterator[str]:
    """Yield what keeps the simulated lists from being the published ones beside the policies."""
    if published.experiment and not (served.manifest.get("quality") or {}).get("speaker"):
        yield f"the night ran the experiment {published.experiment.name}: the simulated lists are those of everybody, without variants"
    if policies.minimum.chance or published.policies.minimum.chance:
        yield "policies.minimum is not simulated, since chances are measured while a night is judged: the simulated lists are as without it"
    then, versions = served.manifest.get("versions", {}), {name: metadata.version(name) for name in LIBRARIES}
    others = [name for name, version in versions.items() if then.get(name) != version]
    others += ["nightly-recs"] if served.manifest.get("code") != identity.code_version() else []
    if others:
        yield f"the night was made by another version of {', '.join(others)}: some of what differs may come from that"
    known = {delivery.sha256 for delivery in accepted(served.workspace)}
    known |= {file.sha256 for file in set_aside_on(served.workspace, served.run_date)}
    gone = [file["name"] for sha256, file in served.manifest.get("inputs", {}).items() if sha256 not in known]
    if gone:
        yield f"{len(gone)} deliveries the night was made from are gone and not simulated with: {', '.join(sorted(gone)[:5])}"


def _night(served: ServedNight, settings: Settings) -> Night:
    """Set a workspace apart and begin the night there; its run_id tells of all but the policies, so that all but scoring is kept."""
    workspace, folder, day = served.workspace, served.workspace.root / "simulation" / "at_work", served.run_date
    shown = list(lists_shown(workspace, day, settings.policies.fatigue, settings.events.impressions))
    further = [workspace.models / str(served.manifest["model_version"]), workspace.manifests, *(one.file for one in shown)]
    apart = set_apart(workspace, folder, served.manifest.get("inputs"), further)
    origin = {
        "simulated": served.run_id,
        "settings": {name: part for name, part in settings.deciding().items() if name != "policies"},
        "shown": [one.run_id for one in shown],
        "code": identity.code_version(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "deliveries": sorted(delivery.sha256 for delivery in accepted(apart)),
    }
    run_id, seed, memory = text_hash(canonical_json(origin))[:16], settings.seed, offered(settings.compute)
    night = Night(apart, day, run_id, uuid.uuid4().hex[:12], _started_at(served), None, seed, settings.compute, memory=memory)
    for path in apart.staging.glob("*"):
        if path != night.staging:
            remove(path)
    return night


def _started_at(served: ServedNight) -> datetime:
    """Return when the published night began, as far as is known: what lay in the future then still does."""
    attempts = [entry for entry in served.workspace.attempts() if entry.get("run_id") == served.run_id and entry["ending"] == "published"]
    told = attempts[-1]["started_at"] if attempts else served.manifest["published_at"]
    return moment(str(told))


def _scored(night: Night, settings: Settings, model_version: str) -> tuple[str, ...]:
    """Carry out the steps that the policies of the night are scored by; returns what is odd about these."""
    source = settings.source.model_copy(update={"files": {}})
    with sharing_warehouse():
        delivered = plain(ingest, night, source, settings.volume, True, settings.warehouse)
        staged = plain(stage, night, delivered, source, settings.events, settings.warehouse)
        prepared = prepared_from(night, delivered, staged, settings, plain)
    findings: tuple[str, ...] = ()
    if settings.has_policies:
        findings = plain(declare, night, prepared, settings.policies, settings.experiment, settings.features, settings.score).findings
    adopted = plain(adopt, night, prepared, model_version)
    popularity, id_types = settings.train.popularity, delivered.id_types
    plain(score, night, prepared, adopted, settings.score, popularity, id_types, settings.policies, settings.experiment, None)
    return findings
