"""The folder: what stands where something else belongs, whose its files are, who writes to it, and what nobody names."""

from __future__ import annotations

import json
import os
import pwd
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tasks.diagnosis.finding import Finding, Scene, some
from tasks.moments import moment
from tasks.orphans import orphans
from tasks.publication import NOTE
from tasks.workspace import SOURCES, Workspace, read_json

HELD_HOURS = 6
"""How long a lock may be held before somebody should look; the largest nights take less."""


def shapes(scene: Scene) -> Iterator[Finding]:
    """Find folders where files belong, and the other way round: no command can write there."""
    at = scene.workspace
    files = [at.settings_file, at.pointer, at.runs, at.reference, at.warehouse, at.latest_note, at.open_attempt, at.pointer_log]
    files += [at.root / ".lock", at.root / ".lock.json", at.raw / "id_types.json", *at.manifests.glob("[!.]*.json")]
    amiss = [(path, "a folder", "a file") for path in files if path.is_dir()]
    amiss += [(path, "a file", "a folder") for path in _folders(at) if path.exists() and not path.is_dir()]
    for path, found, expected in amiss:
        aside = at.root.with_name(f"{at.root.name}-{path.name.lstrip('.')}")
        step = f"mv {shlex.quote(str(path))} {shlex.quote(str(aside))}; then ask again"
        yield Finding("files", "bad", f"{at.relative(path)} is {found}, and should be {expected}", step)
    if not at.settings_file.exists():
        step = f"restore nightly.toml from a backup; or: touch {shlex.quote(str(at.settings_file))}, and every default counts"
        yield Finding("files", "bad", "nightly.toml is gone; the manifests of published nights tell what was set", step)
    elif not amiss:
        yield Finding("files", "ok", "files are files, and folders are folders")


def _folders(at: Workspace) -> list[Path]:
    inboxes = [at.root / "inbox", *map(at.inbox, SOURCES)]
    return [*inboxes, at.raw, at.tables, at.latest, at.manifests, at.models, at.staging, at.history, at.root / "reports"]


def owners(scene: Scene) -> Iterator[Finding]:
    """Find what this user may not read or write, and files that belong to another user than the workspace does."""
    root, me = scene.workspace.root, os.geteuid()
    owner = root.stat().st_uid
    closed = [path for path in (root, *_folders(scene.workspace)) if path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        names = some([path.relative_to(root).as_posix() for path in closed])
        step = f"sudo -u {_name(owner)} {scene.command('doctor')}; or, to hand it over: sudo chown -R {_name(me)} {shlex.quote(str(root))}"
        yield Finding("owner", "bad", f"{_name(me)} may not read or write {names}; the workspace belongs to {_name(owner)}", step)
        return
    strange = [path for path in _kept(scene.workspace) if path.lstat().st_uid != owner]
    if strange:
        names = some([path.relative_to(root).as_posix() for path in strange])
        step = f"sudo chown -R {_name(owner)} {shlex.quote(str(root))}; and run nights as that user alone"
        yield Finding("owner", "warn", f"{len(strange)} files belong to others than {_name(owner)}: {names}", step)
    elif me != owner:
        step = f"sudo -u {_name(owner)} {scene.command('run')}; what {_name(me)} writes here, {_name(owner)} may not be able to replace"
        yield Finding("owner", "warn", f"you are {_name(me)}, and the workspace belongs to {_name(owner)}", step)
    else:
        yield Finding("owner", "ok", f"everything belongs to {_name(owner)}")


def _kept(at: Workspace) -> Iterator[Path]:
    """Yield what nights write; the inbox belongs to producers."""
    for path in sorted(at.root.iterdir()):
        if path.name != "inbox":
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from sorted(path.rglob("*"))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"


def lock(scene: Scene) -> Iterator[Finding]:
    """Say who holds the lock and since when, and whether its note still tells the truth."""
    holder = scene.at_work
    if holder is None:
        yield Finding("lock", "ok", "free")
        return
    who = read_json(scene.workspace.root / ".lock.json") or {}
    began = _began(who.get("pid"))
    since = moment(str(who["since"]))
    hours = (scene.now - since).total_seconds() / 3600
    here = who.get("host") == os.uname().nodename
    if here and began is not None and (began - since).total_seconds() > 60:
        yield Finding("lock", "ok", f"free: {holder} ended long ago, and its number is another program's by now")
    elif hours < HELD_HOURS:
        yield Finding("lock", "ok", f"held by {holder}")
    elif here:
        step = f"kill {who['pid']}; it ends cleanly, and the next run goes on from its finished steps"
        yield Finding("lock", "warn", f"held for {hours:.0f} hours by {holder}", step)
    else:
        step = f"{scene.command('run')}; it finds out whether the lock is still held, and is refused with exit 5 if so"
        yield Finding("lock", "warn", f"noted for {hours:.0f} hours by {holder}, on another machine or in a container that is gone", step)


def _began(pid: object) -> datetime | None:
    """Return when a process began (UTC, without zone); None where the system does not tell."""
    try:
        ticks = int(Path(f"/proc/{int(str(pid))}/stat").read_text().rpartition(")")[2].split()[19])
        booted = next(int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return datetime.fromtimestamp(booted + ticks / os.sysconf("SC_CLK_TCK"), UTC).replace(tzinfo=None)


def attempt(scene: Scene) -> Iterator[Finding]:
    """Find an attempt that was killed, and a publication that was cut off."""
    at = scene.workspace
    if scene.at_work:
        return
    half = [path.name for path in sorted(at.staging.glob("*")) if (path / NOTE).is_file()]
    entry = read_json(at.open_attempt)
    dated = entry is not None and isinstance(entry.get("run_date"), str)
    again = scene.command("run", "--run-date", entry["run_date"]) if entry and dated else scene.command("run")
    if half:
        torn = [name for name in half if not _is_json(at.staging / name / NOTE)]
        if torn:
            step = f"mv {shlex.quote(str(at.staging / torn[0]))} {shlex.quote(str(at.root))}-publication; then: {again}"
            yield Finding("attempt", "bad", f"killed while it published, and its note is damaged: .staging/{torn[0]}", step)
            return
        yield Finding("attempt", "warn", f"killed while it published ({', '.join(half)}); the next start carries it out to its end", again)
    elif entry:
        yield Finding("attempt", "warn", f"the attempt of {entry.get('started_at')} was killed; its finished steps are kept", again)
    elif at.open_attempt.exists():
        step = f"rm {shlex.quote(str(at.open_attempt))}; then: {again}"
        yield Finding("attempt", "warn", f"an attempt was killed, and its note {at.open_attempt.name} is damaged", step)
    else:
        yield Finding("attempt", "ok", "none was cut off")


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def orphaned(scene: Scene) -> Iterator[Finding]:
    """Find files that nothing names."""
    if scene.at_work:
        yield Finding("orphans", "ok", "not looked for while a run is at work")
        return
    found = [f"{scene.workspace.relative(orphan.path)} ({orphan.why})" for orphan in orphans(scene.workspace)]
    if found:
        yield Finding("orphans", "warn", f"{len(found)}: {some(found)}", scene.command("gc", "--orphans"))
    else:
        yield Finding("orphans", "ok", "none")
