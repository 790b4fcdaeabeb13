"""Claims about `tasks.memory` and `tasks.needs`: what is offered, by whom, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.blend_training import BlendConfig
from models.compute import ComputeConfig
from models.sizes import Sizes
from tasks.judging import JudgingConfig
from tasks.memory import Offered, offered, resident_bytes
from tasks.needs import Plans, excess, needs, require_room
from tasks.refusals import StorageError
from tasks.score import ScoreConfig
from tasks.train import TrainConfig
from tasks.warehouse import WarehouseConfig

KB = 1024


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Return a root whose /proc tells of 1000 kB available and 200 kB held by this process, and of no group."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 1000 kB\n")
    (tmp_path / "proc" / "self" / "status").write_text("Name:\tpython\nVmHWM:\t300 kB\nVmRSS:\t200 kB\n")
    return tmp_path


def grouped(system: Path, line: str, limits: dict[str, str]) -> Path:
    """Put the process into a control group and set the limits of groups, file -> content."""
    (system / "proc" / "self" / "cgroup").write_text(f"{line}\n")
    for name, content in limits.items():
        file = system / "sys" / "fs" / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return system


def test_without_a_setting_the_machine_offers_what_is_available_beside_what_we_hold(system):
    assert offered(ComputeConfig(), system) == Offered(1200 * KB, "the machine, what is available now")
    assert resident_bytes(system) == 200 * KB


def test_the_setting_is_believed_whatever_the_machine_has(system):
    assert offered(ComputeConfig(memory_gb=2.5), system) == Offered(2_500_000_000, "[compute] memory_gb")


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("0::/", {"memory.max": "700000"}),
        ("0::/pod/night", {"pod/night/memory.max": "max", "pod/memory.max": "700000"}),
        ("0::/of/the/host", {"memory.max": "700000"}),
        ("4:cpu,memory:/box", {"memory/box/memory.limit_in_bytes": "700000", "memory/memory.limit_in_bytes": "9223372036854771712"}),
    ],
    ids=["version 2", "a group around it", "a path of the host", "version 1"],
)
def test_the_tightest_control_group_counts(system, line, limits):
    assert offered(ComputeConfig(), grouped(system, line, limits)) == Offered(700_000, "the control group")


def test_a_group_without_limit_or_with_more_than_there_is_leaves_it_to_the_machine(system):
    for content in ("max", "99999999999"):
        assert offered(ComputeConfig(), grouped(system, "0::/", {"memory.max": content})).bytes == 1200 * KB


def test_a_system_that_tells_nothing_offers_what_it_has(tmp_path):
    assert offered(ComputeConfig(), tmp_path).by == "the machine, all it has"


@pytest.mark.parametrize(("memory", "limit"), [("4GB", 4 * 10**9), ("512 MiB", 512 * KB**2), ("1.5KB", 1500), ("8TB", 5 * 10**9)])
def test_sql_gets_what_is_set_and_half_of_what_is_offered_at_most(memory, limit):
    assert WarehouseConfig(memory=memory).limit(Offered(10**10, "a test")) == limit


def plans(**train: object) -> Plans:
    """Return default settings, but for those of training."""
    return Plans(TrainConfig(**train), BlendConfig(), JudgingConfig(), ScoreConfig(), WarehouseConfig())


def catalogue(n_items: int, n_events: int = 100_000) -> Sizes:
    """Return the sizes of a night with 10,000 users who liked every item of the catalogue."""
    return Sizes(n_users=10_000, n_items=n_items, n_events=n_events, n_recommendable=n_items, n_liked_items=n_items)


@pytest.mark.fault("A14")
def test_a_matrix_of_items_that_does_not_fit_is_refused_with_what_takes_how_much():
    """30,000 items by 30,000 are 3.6 GB; the message names them, what is offered and which setting makes it fit, and that is so."""
    memory, large = Offered(4_000_000_000, "[compute] memory_gb"), catalogue(30_000)
    with pytest.raises(StorageError, match=r"30,000 items.*ease.*4\.0 GB offered by \[compute\] memory_gb.*ease_up_to_items"):
        require_room(large, plans(models=("ease", "popularity"), ease_up_to_items=50_000), memory)
    require_room(large, plans(models=("ease", "popularity"), ease_up_to_items=10_000), memory)


@pytest.mark.fault("A14")
def test_what_is_said_to_be_lowered_lowers_it():
    """Where the users judged at once are too many, fewer fit."""
    memory, large = Offered(2_000_000_000, "a test"), catalogue(60_000)
    many = plans(models=("popularity",))._replace(judging=JudgingConfig(users_at_once=8000))
    with pytest.raises(StorageError, match="judging"):
        require_room(large, many, memory)
    require_room(large, many._replace(judging=JudgingConfig(users_at_once=64)), memory)


def test_nobody_is_told_to_do_without_popularity():
    """It is all there is for who is unknown: where its counts are the most, only memory helps."""
    memory = Offered(500_000_000, "a test")
    need = excess(needs(catalogue(500), plans(models=("popularity",)), memory), memory)
    assert need is not None
    assert "popularity out" not in need.advice
    assert need.advice.startswith("run on a machine with more memory")


def test_a_night_without_networks_does_without_tensorflow():
    memory = Offered(10**10, "a test")
    light, heavy = (needs(catalogue(500), plans(models=models), memory) for models in (("popularity",), ("popularity", "attention")))
    train = [next(need.bytes for need in expected if need.step == "train") for expected in (light, heavy)]
    assert train[1] - train[0] > 500 << 20
    assert excess(light, memory) is None
