"""Doctor: look at everything a night rests on, say of each thing how it is, and end with what to do now."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from flows.console import say
from flows.doctor_prefect import PENDING, prefect_findings
from flows.doctor_settings import SettingsTold, ask
from flows.keeping import load_keeping
from flows.verify import examined
from tasks.diagnosis import Finding, Scene, ToDo, diagnose, to_do
from tasks.inspection import command, examinations
from tasks.refusals import StorageError, spelled_out
from tasks.workspace import Workspace

__all__ = ["PENDING", "show_diagnosis"]


def show_diagnosis(root: Path, at: datetime, as_json: bool, *, hashes: bool = False) -> int:
    """Print every finding, and what to do now, the most urgent first; returns 6 where a finding is bad.

    Files are compared by size; with `hashes` every byte that is served or needed is read, as `verify` does. Nothing is mended, and of
    the workspace nothing is touched but a scratch folder of its own. Raises UsageError for a folder that never was a workspace.
    """
    workspace = Workspace(root.resolve())
    if not any(path.exists() for path in (workspace.settings_file, workspace.pointer, workspace.manifests, workspace.raw)):
        workspace.require()
    log = logging.getLogger("nightly")
    before, log.level = log.level, logging.CRITICAL  # what is read here is told in findings, once
    try:
        scene, findings = _looked_at(workspace, at, hashes=hashes)
    finally:
        log.setLevel(before)
    findings += _hashed(workspace) if hashes else ()  # it takes long, and says how far it is
    worst = next((level for level in ("bad", "warn") if any(each.level == level for each in findings)), "ok")
    if as_json:
        told = {"level": worst, "findings": [asdict(each) for each in findings], "to_do": [asdict(each) for each in to_do(findings)]}
        say(json.dumps(told | {"at_work": scene.at_work}, sort_keys=True))
    else:
        for each in findings:
            say(spelled_out(f"{each.level:<5} {each.subject:<10} {each.sentence}"))
        for line in _what_to_do(to_do(findings), scene):
            say(spelled_out(line))
    return StorageError.exit_code if worst == "bad" else 0


def _looked_at(workspace: Workspace, at: datetime, *, hashes: bool) -> tuple[Scene, list[Finding]]:
    there = workspace.settings_file.is_file()
    keeping, fault = load_keeping(workspace.root if there else Path(os.devnull))
    if fault:
        step = f"correct {workspace.settings_file}, or the environment"
        settings = SettingsTold([Finding("settings", "bad", f"{fault}: the defaults of [keeping] are used", step)])
    else:
        settings = ask(workspace.root, at) if there else SettingsTold()  # the look at the files tells that it is gone
    scene = Scene(workspace, keeping, at, hashes, settings.unfinished)
    findings = [*settings.findings, *diagnose(scene)]
    return scene, [*findings, *prefect_findings(workspace, os.environ, at, bool(scene.at_work))]


def _hashed(workspace: Workspace) -> Iterator[Finding]:
    listed = examinations(workspace)
    found = examined(listed)
    for each in found:
        yield Finding("hashes", "bad", f"{each.file}: expected {each.expected}, found {each.found}", each.next_step)
    if not found:
        total = sum(examination.bytes for examination in listed)
        yield Finding("hashes", "ok", f"{len(listed)} files and sets, {total / 1e6:,.1f} MB: every byte as it was written")


def _what_to_do(things: list[ToDo], scene: Scene) -> Iterator[str]:
    if scene.at_work and things:
        again = command(scene.workspace.root, "doctor")
        yield f"at work: {scene.at_work}; what it is just changing may look wrong, so ask again when it has ended: {again}"
    if not things:
        yield "nothing to do"
        return
    yield "what to do now"
    for number, thing in enumerate(things, start=1):
        yield f"  {number}. {thing.next_step}"
        yield f"     ({thing.because})"
