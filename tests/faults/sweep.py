"""A sweep: the same act with a fault at the first thing it asks of the disk, at the second, and so on until none is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.attempt import Ending
from tasks.disk import Disk
from tests.faults import tiny_night
from tests.faults.disks import CountingDisk, Primitive
from tests.faults.readers import CLOCKS, View, what_readers_see


@dataclass(frozen=True)
class Act:
    """Something done to a workspace, and what it takes to get there; `act` is a function of a module, so that a child can run it."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path, Disk | None], Ending]


@dataclass(frozen=True)
class Undisturbed:
    """What an act does when nothing goes wrong: everything asked of the disk, and what readers saw before and see afterwards."""

    template: Path
    log: list[Primitive]
    before: View
    after: View

    def known(self) -> set[str]:
        """Return the hashes of all tables before and after."""
        return {*self.before.dated.values(), *self.after.dated.values()}

    def copies(self, numbers: Iterator[int] | range, folder: Path) -> Iterator[tuple[int, Path]]:
        """Yield each number with a fresh workspace to do the act in."""
        for number in numbers:
            root = folder / f"{number}"
            shutil.copytree(self.template, root)
            yield number, root
            shutil.rmtree(root)


def undisturbed(act: Act, folder: Path) -> Undisturbed:
    """Prepare a workspace and do the act in a copy of it."""
    template, root, disk = folder / "template", folder / "undisturbed", CountingDisk()
    tiny_night.new_workspace(template)
    act.prepare(template)
    shutil.copytree(template, root)
    ending = act.act(root, disk)
    assert ending.exit_code == 0, ending
    after = what_readers_see(root, tiny_night.K, settled=True)
    return Undisturbed(template, disk.log, what_readers_see(template, tiny_night.K, known=after.dated.values()), after)


def assert_old_or_new(root: Path, known: Undisturbed) -> View:
    """Fail unless each table is the one from before or the one from after, whole, and the pointer likewise."""
    seen = what_readers_see(root, tiny_night.K, known=known.known())
    for key in {*seen.dated, *known.before.dated}:
        if key[1] != CLOCKS:
            choices = {known.before.dated.get(key), known.after.dated.get(key)}
            assert seen.dated.get(key) in choices, f"{key} is neither the table from before nor the one from after"
    assert seen.run_id in (known.before.run_id, known.after.run_id)
    return seen


def assert_done(root: Path, known: Undisturbed) -> None:
    """Fail unless readers see what they would have seen without the fault, and nothing is left of it."""
    seen = what_readers_see(root, tiny_night.K, settled=True)
    assert seen.without_clocks() == known.after.without_clocks()
    assert (seen.run_id, seen.run_date) == (known.after.run_id, known.after.run_date)
    staging = root / ".staging"
    # A page half written is written anew with the next one of its date; its name begins with a dot, and nobody reads it.
    left = [path for path in root.rglob("*.partial") if not path.is_relative_to(root / "reports")]
    left += [path for path in (root / ".attempt.json", root / ".lock.json") if path.exists()]
    left += [path for path in staging.rglob("*") if path.is_file()] if staging.exists() else []
    assert not left, f"left behind: {left}"
