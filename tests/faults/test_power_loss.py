"""After a power cut readers see whole tables; what was told to be published is there, and the next run makes good."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faults import tiny_night
from tests.faults.acts import ACTS, Act
from tests.faults.counts import Count
from tests.faults.power import BEST, WORST, Chance, RecordingDisk, power_loss
from tests.faults.readers import View, what_readers_see
from tests.faults.sweep import Undisturbed, assert_done, assert_old_or_new, undisturbed

ids = [act.name for act in ACTS]


def cut(act: Act, known: Undisturbed, folder: Path, *, every: int, lots: int) -> int:
    """Cut the power at each `every`-th moment of an act, several times with other luck; returns how many images were read."""
    root, tried = folder / "recorded", 0
    shutil.copytree(known.template, root)
    disk = RecordingDisk(root)
    assert act.act(root, disk).exit_code == 0
    moments = sorted({*range(disk.began + every // 2, len(disk.events), every), len(disk.events)})
    for moment in moments:
        chances: list[tuple[str, Chance]] = [("the worst", WORST), ("the best", BEST)]
        chances += [(f"seed {seed}", random.Random(1000 * moment + seed).randrange) for seed in range(lots)]
        for luck, chance in chances[tried % 2 : tried % 2 + 1] + chances[2:]:
            image = folder / "image"
            try:
                power_loss(disk, moment, chance, image)
                seen = assert_old_or_new(image, known)
                if moment == len(disk.events):
                    assert seen.run_id == known.after.run_id, "told to be published, and lost"
                ending = act.act(image, None)
                assert (ending.ending, ending.exit_code) in {("published", 0), ("unchanged", 0)}, ending
                assert_done(image, known)
            except Exception as error:
                error.add_note(f"{act.name}: power cut after event {moment} of {len(disk.events)}, luck: {luck}: {disk.events[moment - 1]}")
                raise
            shutil.rmtree(image)
            tried += 1
    return tried


@pytest.fixture(params=ACTS, ids=ids)
def act(request: pytest.FixtureRequest) -> Act:
    found: Act = request.param
    return found


@pytest.mark.fault("A4")
def test_the_power_fails(act: Act, memory_path: Path, count: Count) -> None:
    """At a few moments here; at each, twice with other luck, in the slow lane."""
    count(f"A4 power cuts: {act.name}", cut(act, undisturbed(act, memory_path), memory_path, every=60, lots=1))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("A4")
def test_the_power_fails_at_any_moment(act: Act, memory_path: Path, count: Count) -> None:
    count(f"A4 power cuts: {act.name}", cut(act, undisturbed(act, memory_path), memory_path, every=1, lots=1))


class PowerCuts(RuleBasedStateMachine):
    """Nights, replacements and power cuts in any order: what was told to be published never goes back."""

    cuts = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="nightly-faults-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108
        self.images, self.root = 0, self.folder / "0"

    @initialize()
    def begin(self) -> None:
        tiny_night.new_workspace(self.root)
        self.disk: RecordingDisk | None = None
        self.told: View = View()
        self.next, self.last, self.since, self.variants = 0, 0, 0, dict[int, int]()

    @rule()
    def a_new_date(self) -> None:
        self._deliver(self.next, 0)
        self._run(self.next)
        self.variants[self.next], self.next = 0, self.next + 1

    @precondition(lambda self: self.variants)
    @rule(data=st.data())
    def a_date_again(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.variants)), "date")
        self.variants[number] += 1
        self._deliver(number, self.variants[number])
        self._run(number)

    @precondition(lambda self: self.disk is not None)
    @rule(data=st.data())
    def the_power_fails(self, data: st.DataObject) -> None:
        """During the last night, or right after it; then that night is run again."""
        assert self.disk is not None
        number, disk, self.disk = self.last, self.disk, None
        moment = data.draw(st.integers(self.since, len(disk.events)), "moment")
        lots = random.Random(data.draw(st.integers(0, 2**32), "luck"))
        self.images += 1
        image = self.folder / str(self.images)
        power_loss(disk, moment, lots.randrange, image)
        known = {*self.before.dated.values(), *self.told.dated.values()}
        seen = what_readers_see(image, tiny_night.K, known=known)
        assert seen.run_id in (self.before.run_id, self.told.run_id)
        assert moment < len(disk.events) or seen.run_id == self.told.run_id, "told to be published, and lost"
        shutil.rmtree(self.root)
        self.root = image
        ending = tiny_night.run(self.root, number, replace=True)
        assert ending.ending in ("published", "unchanged"), ending
        after = what_readers_see(self.root, tiny_night.K, settled=True)
        assert after.without_clocks() == self.told.without_clocks()
        self.told = after
        type(self).cuts += 1

    @invariant()
    def readers_see_what_was_told(self) -> None:
        if self.disk is not None:
            assert what_readers_see(self.root, tiny_night.K, settled=True) == self.told

    def _deliver(self, number: int, variant: int) -> None:
        file = tiny_night.deliver(self.root, number, variant)
        if self.disk is not None:
            # A producer that does not see its files to the disk loses them itself.
            self.disk.sync(file)
            self.disk.sync(file.parent)

    def _run(self, number: int) -> None:
        self.before, self.last = self.told, number
        # What earlier nights left unsynced may still be lost with this one.
        self.disk = self.disk or RecordingDisk(self.root)
        self.since = len(self.disk.events)
        ending = tiny_night.run(self.root, number, self.disk, replace=True)
        assert ending.ending == "published", ending
        self.told = what_readers_see(self.root, tiny_night.K, settled=True)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


@pytest.mark.fault("A4")
def test_power_cuts_in_any_order(count: Count) -> None:
    """Eight short lives here; the slow lane lives longer."""
    _live(count, examples=8, steps=8)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.fault("A4")
def test_power_cuts_in_any_order_for_long(count: Count) -> None:
    _live(count, examples=60, steps=12)


def _live(count: Count, examples: int, steps: int) -> None:
    PowerCuts.cuts = 0
    PowerCuts.TestCase.settings = settings(max_examples=examples, stateful_step_count=steps, phases=[Phase.generate])
    machine = PowerCuts.TestCase()
    machine.runTest()
    count("A4 power cuts in a life of nights", PowerCuts.cuts)
