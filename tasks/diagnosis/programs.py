"""The programs: Python, the packages we are installed with, those the last night ran with, and who wrote the warehouse."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from tasks.diagnosis.finding import Finding, Scene, some
from tasks.workspace import MANIFEST_VERSION

US = "nightly-recs"

SETUP = "make setup"
"""What installs the versions that were tested together; typed in the project's folder."""

EXTRAS = ("", "postgres", "mlflow")
"""Groups of packages that a night may use; those of the others are for people who work on the project."""

HEADER = slice(8, 12), slice(52, 84)
"""Where a DuckDB file says that it is one, and which version made it."""


def versions(scene: Scene) -> Iterator[Finding]:
    """Compare Python and the installed packages with what the project asks for, and with what the last night ran with."""
    amiss = [*_unfit(), *_newer(scene)]
    yield from amiss
    changed = _changed(scene.current.get("versions", {}) if scene.current else {})
    if changed and not amiss:
        sentence = f"other than on the night of {scene.current['run_date']}: {some(changed)}"  # type: ignore[index]
        yield Finding("versions", "warn", sentence, f"{SETUP}; or nothing, where that was meant: the next published night settles it")
    elif not amiss:
        yield Finding("versions", "ok", f"Python {platform.python_version()} and every package are in the range that the project asks for")


def _unfit() -> Iterator[Finding]:
    try:
        asked, python = metadata.requires(US) or [], metadata.metadata(US)["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Finding("versions", "warn", f"{US} is not installed here, so nobody can tell which versions it needs", SETUP)
        return
    if python and platform.python_version() not in SpecifierSet(python, prereleases=True):
        yield Finding("versions", "bad", f"Python {platform.python_version()}, and {python} is needed", f"{SETUP}; with another Python")
    missing, outside = [], []
    for requirement in map(Requirement, asked):
        groups = [extra for extra in EXTRAS if requirement.marker is None or requirement.marker.evaluate({"extra": extra})]
        version = installed(requirement.name) if groups else None
        if groups and version is None and "" in groups:
            missing.append(requirement.name)
        elif version is not None and not requirement.specifier.contains(version, prereleases=True):
            outside.append(f"{requirement.name} {version} ({requirement.specifier})")
    if missing:
        yield Finding("versions", "bad", f"not installed: {some(missing)}", SETUP)
    if outside:
        yield Finding("versions", "bad", f"out of the range in which they work together: {some(outside)}", SETUP)


def installed(name: str) -> str | None:
    """Return the installed version of a package, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _newer(scene: Scene) -> Iterator[Finding]:
    """Name the manifests that a later version of this program wrote: what they mean is not known here."""
    found = [night["run_date"] for night in scene.published if int(night.get("schema_version", 0)) > MANIFEST_VERSION]
    if found:
        step = f"git pull && {SETUP}; or go back to the version that published before"
        yield Finding("versions", "bad", f"a newer version of {US} published {some(found)}; this one may misread it", step)


def _changed(then: dict[str, Any]) -> list[str]:
    now = {name: platform.python_version() if name == "python" else installed(name) for name in then}
    return [f"{name} {version} -> {now[name]}" for name, version in then.items() if now[name] != version]


def warehouse(scene: Scene) -> Iterator[Finding]:
    """Read in the header of the working store who made it; it is not opened, since a night may have it open."""
    store = scene.workspace.warehouse
    if not store.is_file():
        yield Finding("warehouse", "ok", "not there; the next night makes it again from raw/")
        return
    with store.open("rb") as file:
        head = file.read(HEADER[1].stop)
    size, maker = f"{store.stat().st_size / 1e6:,.1f} MB", head[HEADER[1]].rstrip(b"\0").decode("ascii", "replace")
    if head[HEADER[0]] != b"DUCK":
        yield Finding("warehouse", "ok", f"{size}, damaged; the next night moves it aside and makes it again from raw/, which takes longer")
    elif _is_later(maker, installed("duckdb")):
        sentence = f"written by DuckDB {maker}, and {installed('duckdb')} may not read it"
        yield Finding("warehouse", "warn", sentence, f"rm {store}; it is a cache, and the next night makes it again from raw/")
    else:
        yield Finding("warehouse", "ok", f"{size}, written by DuckDB {maker}; a cache that any night makes again from raw/")


def _is_later(one: str, other: str | None) -> bool:
    try:
        return Version(one).release[:2] > Version(other or "").release[:2]
    except InvalidVersion:
        return False
