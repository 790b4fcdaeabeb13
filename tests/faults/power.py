"""A power cut: of a file stays what was synced, or more; of a folder's unsynced entries any subset of the changes, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.disks import CountingDisk, Primitive

Chance = Callable[[int], int]
"""Picks one of n possibilities, 0 to n - 1; the first is always that nothing unsynced stays."""

WORST: Chance = lambda n: 0  # noqa: ARG005, E731
BEST: Chance = lambda n: n - 1  # noqa: E731


@dataclass(frozen=True)
class Held:
    """A file now holds this."""

    thing: int
    content: bytes


@dataclass(frozen=True)
class Named:
    """A thing took a name in a folder, and with it left another one where it was renamed; without a thing, the name went."""

    folder: int
    name: str
    thing: int | None
    left: tuple[int, str] | None = None


@dataclass(frozen=True)
class Synced:
    """What a file holds, or the names in a folder, are on the disk."""

    thing: int


Event = Held | Named | Synced
ROOT = 0


@dataclass
class _Disk:
    """Folders and files by number: the names in folders, and what files hold."""

    names: dict[int, dict[str, int]] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        if isinstance(event, Held):
            self.content[event.thing] = event.content
        elif isinstance(event, Named):
            if event.left is not None and event.left[0] in self.names:
                self.names[event.left[0]].pop(event.left[1], None)
            folder = self.names.setdefault(event.folder, {})
            if event.thing is None:
                folder.pop(event.name, None)
            else:
                folder[event.name] = event.thing


class RecordingDisk(CountingDisk):
    """A disk that remembers each moment of a folder; what it holds at first is on the disk for sure.

    What libraries write beside it is noticed when it, or the folder it is in, is synced, linked or renamed.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.events = root, list[Event]()
        self._now, self._next = _Disk({ROOT: {}}), ROOT + 1
        for path in sorted(root.rglob("*")):
            self._find(path)
        self.began = len(self.events)

    def carry_out(self, primitive: Primitive, action: Callable[[], Any], part: Callable[[], Any] | None = None) -> Any:
        if not primitive.path.is_relative_to(self.root):
            return action()
        if primitive.name in ("link", "replace", "sync", "extend") and primitive.path.exists():
            self._find(primitive.path)
        if primitive.name == "sync" and primitive.path.is_dir():
            self._list(primitive.path)
        result = super().carry_out(primitive, action, part)
        self._remember(primitive)
        return result

    def _remember(self, did: Primitive) -> None:
        if did.name == "sync":
            self._add(Synced(self._find(did.path)))
            return
        folder, name = self._find(did.path.parent), did.path.name
        thing = self._now.names[folder].get(name)
        if did.name == "create" and thing is not None:
            self._add(Held(thing, b""))
        elif did.name in ("create", "make_folder", "extend"):
            self._find(did.path)
        elif did.name == "write":
            thing = self._find(did.path, look=False)
            self._add(Held(thing, self._now.content[thing] + did.content))
        elif did.name in ("link", "replace") and did.target is not None:
            left = (folder, name) if did.name == "replace" else None
            self._add(Named(self._find(did.target.parent), did.target.name, thing, left))
        elif did.name in ("unlink", "remove_folder"):
            self._add(Named(folder, name, None))

    def _find(self, path: Path, *, look: bool = True) -> int:
        """Return the number of what is at a path, noticing on the way what was not known of it."""
        thing, here = ROOT, self.root
        for name in path.relative_to(self.root).parts:
            folder, here = thing, here / name
            known = self._now.names[folder].get(name)
            if known is None:
                known, self._next = self._next, self._next + 1
                if here.is_dir():
                    self._now.names[known] = {}
                else:
                    self._add(Held(known, here.read_bytes()))
                self._add(Named(folder, name, known))
            thing = known
        if look and path.is_file() and path.read_bytes() != self._now.content.get(thing):
            self._add(Held(thing, path.read_bytes()))
        return thing

    def _list(self, path: Path) -> None:
        """Notice the names that came and went in a folder without being asked for."""
        folder, found = self._find(path), {part.name for part in path.iterdir()}
        for name in sorted(found - self._now.names[folder].keys()):
            self._find(path / name)
        for name in sorted(self._now.names[folder].keys() - found):
            self._add(Named(folder, name, None))

    def _add(self, event: Event) -> None:
        self.events.append(event)
        self._now.apply(event)


def power_loss(disk: RecordingDisk, moment: int, chance: Chance, target: Path) -> None:
    """Build, in a fresh folder, what a power cut after the first `moment` events may leave of the recorded folder."""
    kept, now = _Disk({ROOT: {}}), _Disk({ROOT: {}})
    pending = dict[int, list[tuple[int, Named]]]()
    for number, event in enumerate(disk.events[:moment]):
        now.apply(event)
        if number < disk.began:
            kept.apply(event)
        elif isinstance(event, Named):
            pending.setdefault(event.folder, []).append((number, event))
        elif isinstance(event, Synced) and event.thing in now.content:
            kept.content[event.thing] = now.content[event.thing]
        elif isinstance(event, Synced):
            for _, change in pending.pop(event.thing, []):
                kept.apply(change)
    for _, change in sorted((each for changes in pending.values() for each in changes), key=lambda each: each[0]):
        if chance(2):
            kept.apply(change)
    _build(kept, now, ROOT, chance, target)


def _build(kept: _Disk, now: _Disk, folder: int, chance: Chance, target: Path) -> None:
    target.mkdir()
    for name, thing in sorted(kept.names.get(folder, {}).items()):
        if thing in now.content:
            versions = _versions(kept.content.get(thing, b""), now.content[thing])
            (target / name).write_bytes(versions[chance(len(versions))])
        else:
            _build(kept, now, thing, chance, target / name)


def _versions(synced: bytes, latest: bytes) -> list[bytes]:
    """Return what a file may hold: what was synced, a part of what was written since, that much of nothing, or all of it."""
    if synced == latest:
        return [latest]
    begin = len(synced) if latest.startswith(synced) else 0
    half = (begin + len(latest)) // 2
    return [synced, latest[:half], latest[:begin] + bytes(len(latest) - begin), latest]
