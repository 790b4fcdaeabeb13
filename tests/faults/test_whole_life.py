"""Nights, late deliveries, kills, rollbacks and removals in any order, against a reference that fits on a page."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.faults import tiny_night
from tests.faults.children import exit_code
from tests.faults.counts import Count
from tests.faults.disks import DyingDisk
from tests.faults.readers import what_readers_see

DATES = st.integers(0, 5)


class WholeLife(RuleBasedStateMachine):
    """The reference: which deliveries are waiting and kept, which dates are published and from what, where the pointer is."""

    happened: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
        self.folder = Path(tempfile.mkdtemp(prefix="nightly-faults-", dir=memory))
        self.root = self.folder / "shop"
        tiny_night.new_workspace(self.root)
        self.contents = dict[str, tuple[int, bytes]]()
        self.waiting, self.kept = set[str](), dict[str, int]()
        self.published, self.pointer = dict[int, frozenset[str]](), None
        self.deliver(0)

    @rule(number=DATES)
    def deliver(self, number: int) -> None:
        """Deliver a day's events: on time, late or early."""
        variant = sum(of == number for of, _ in self.contents.values())
        content = tiny_night.delivery(number, variant)
        tiny_night.deliver(self.root, number, variant)
        self.contents[sha256(content).hexdigest()] = (number, content)
        self.waiting.add(sha256(content).hexdigest())

    @rule(number=DATES, replace=st.booleans())
    def run(self, number: int, replace: bool) -> None:
        inputs, before = self._inputs(number), self.published.get(number)
        was_cut_off = str(tiny_night.day(number)) in {one["run_date"] for one in self._written_down()}
        ending = tiny_night.run(self.root, number, replace=replace)
        if before == inputs:
            assert ending.ending == ("published" if was_cut_off else "unchanged"), ending
        elif before is not None and not replace:
            assert ending.exit_code == 2, ending
        elif not inputs:
            assert (ending.ending, ending.exit_code) == ("kept_last_good", 3), ending
        else:
            assert ending.ending == "published", ending
            self._publish(number, inputs)
        self._check(ending.ending)

    @rule(first=DATES, last=DATES)
    def backfill(self, first: int, last: int) -> None:
        """Run a range of dates in order; those already published from other inputs stay."""
        for number in range(first, last + 1):
            self.run(number, replace=False)

    @rule(number=DATES, at=st.integers(1, 330))
    def killed(self, number: int, at: int) -> None:
        """Kill a run of a date at one of its primitives; what it had written down as decided counts as published."""
        inputs = self._inputs(number)
        code = exit_code(tiny_night.run, self.root, number, DyingDisk(at), replace=True)
        assert code in (0, -signal.SIGKILL)
        what_readers_see(self.root, tiny_night.K, known=self._staged())
        for note in (self.root / "raw" / "interactions").glob("*.json"):
            night = json.loads(note.read_text())["first_night"]
            self.kept[note.stem] = next(of for of in range(10) if str(tiny_night.day(of)) == night)
        self.waiting -= self.kept.keys()
        if inputs and inputs != self.published.get(number) and inputs in self._decided(number):
            self._publish(number, inputs)
        self.happened["killed" if code else "run to its end before the kill"] += 1

    @precondition(lambda self: self.published)
    @rule(data=st.data())
    def rollback(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.published)), "to")
        assert tiny_night.rolled_back(self.root, number).exit_code == 0
        self.pointer = number
        self._check("rollback")

    @precondition(lambda self: self.published)
    @rule()
    def gc(self) -> None:
        """Keep the served date, the newest two, and all less than two days older than the newest."""
        assert tiny_night.collected(self.root, 0).exit_code == 0
        newest = max(self.published)
        stay = {self.pointer, *sorted(self.published)[-2:], *(number for number in self.published if number >= newest - 2)}
        self.published = {number: inputs for number, inputs in self.published.items() if number in stay}
        self._check("gc")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _inputs(self, number: int) -> frozenset[str]:
        """Return what counts on a date: what it took in itself, what is waiting, and what happened up to its end."""
        kept = {name for name, first in self.kept.items() if first == number or self.contents[name][0] <= number}
        return frozenset(kept | self.waiting)

    def _publish(self, number: int, inputs: frozenset[str]) -> None:
        self.kept |= dict.fromkeys(self.waiting, number)
        self.waiting = set()
        self.published[number] = inputs
        self.pointer = number if self.pointer is None else max(self.pointer, number)

    def _check(self, what: str) -> None:
        """Compare what readers see with the reference."""
        self.happened[what] += 1
        seen = what_readers_see(self.root, tiny_night.K, settled=True)
        assert seen.dates == {str(tiny_night.day(number)) for number in self.published}
        assert seen.run_date == (None if self.pointer is None else str(tiny_night.day(self.pointer)))
        manifests = [json.loads(path.read_text()) for path in (self.root / "manifests").glob("*.json")]
        made_from = {manifest["run_date"]: set(manifest["inputs"]) for manifest in manifests}
        assert made_from == {str(tiny_night.day(number)): set(inputs) for number, inputs in self.published.items()}
        for number, inputs in self.published.items():
            path = self.root / "tables" / "recommendations" / f"run_date={tiny_night.day(number)}" / "part-0.parquet"
            rows = pq.read_table(path, columns=["user_id", "item_id"], partitioning=None).to_pylist()
            lists = {user: [row["item_id"] for row in rows if row["user_id"] == user] for user in range(tiny_night.USERS)}
            assert lists == tiny_night.ranking(self._events(number, inputs))

    def _events(self, number: int, inputs: frozenset[str]) -> list[tuple[int, int]]:
        rows = [row for name in inputs for row in csv.DictReader(self.contents[name][1].decode().splitlines())]
        end = str(tiny_night.day(number + 1))
        return [(int(row["user_id"]), int(row["item_id"])) for row in rows if row["occurred_at"] < end]

    def _decided(self, number: int) -> list[frozenset[str]]:
        """Return from what a date's publications were made that are carried out or written down."""
        manifests = [*self._written_down(), *(json.loads(path.read_text()) for path in (self.root / "manifests").glob("*.json"))]
        return [frozenset(one["inputs"]) for one in manifests if one["run_date"] == str(tiny_night.day(number))]

    def _written_down(self) -> list[dict[str, Any]]:
        """Return the manifests of publications that the next start carries out to their end."""
        return [json.loads(path.read_text())["manifest"] for path in (self.root / ".staging").glob("*/publication/note.json")]

    def _staged(self) -> set[str]:
        return {sha256(path.read_bytes()).hexdigest() for path in (self.root / ".staging").rglob("*.parquet")}


@pytest.mark.fault("D5")
def test_a_whole_life_goes_as_the_reference_says(count: Count) -> None:
    """Eight short lives here; the slow lane lives longer."""
    _live(count, examples=8, steps=10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("D5")
def test_a_long_life_goes_as_the_reference_says(count: Count) -> None:
    _live(count, examples=60, steps=20)


def _live(count: Count, examples: int, steps: int) -> None:
    WholeLife.happened = Counter()
    WholeLife.TestCase.settings = settings(max_examples=examples, stateful_step_count=steps, phases=[Phase.generate])
    WholeLife.TestCase().runTest()
    for what, number in WholeLife.happened.items():
        count(f"D5 in a whole life: {what}", number)
    assert {"killed", "published", "unchanged", "rollback", "gc"} <= WholeLife.happened.keys()
