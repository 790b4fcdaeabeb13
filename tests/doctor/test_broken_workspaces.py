"""What `nightly doctor` says of a workspace that is broken in one way, or that others are at work in, and what mends it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from flows.clock import now
from flows.doctor import show_diagnosis
from flows.doctor_settings import look
from tasks.workspace import Workspace
from tests.doctor.broken_workspaces import BROKEN, Broken
from tests.doctor.typed import Doctor, carried_out
from tests.faults import children, tiny_night
from tests.faults.doomed import NOBODY
from tests.faults.noons import TODAY, noon

ROOT = Path(__file__).parents[2]


def as_documented(step: str, shop: Workspace) -> str:
    """Write what is typed as the table in the documentation does."""
    typed = step.partition(";")[0].replace(str(shop.root), "my-shop")
    return re.sub(r"[0-9a-f]{16}\.json", "RUN.json", re.sub(r"[0-9a-f]{64}\.json", "SHA.json", typed))


def test_a_sound_workspace_has_nothing_to_do(shop: Workspace, doctor: Doctor) -> None:
    found = doctor(shop, hashes=True)
    assert (found["exit"], found["level"], found["to_do"]) == (0, "ok", [])


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.symptom.replace("`", ""))
def test_a_broken_workspace_is_diagnosed_and_the_next_command_mends_it(
    broken: Broken, shop: Workspace, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken.harm(shop, monkeypatch)
    found = doctor(shop, broken.at, hashes=broken.hashes)
    finding = next(each for each in found["findings"] if each["subject"] == broken.subject and each["level"] != "ok")
    assert (finding["level"], broken.says in finding["sentence"]) == (broken.level, True), finding
    assert found["exit"] == (6 if broken.level == "bad" else 0)
    if broken.by_hand:
        assert finding["next_step"]
        broken.by_hand(shop, monkeypatch)
        assert doctor(shop, TODAY, hashes=broken.hashes)["to_do"] == []
        return
    assert broken.types.split("`")[1] == as_documented(finding["next_step"], shop)
    for _ in range(4):
        if found["to_do"]:
            carried_out(found["to_do"][0]["next_step"], noon(broken.at), monkeypatch)
            found = doctor(shop, broken.at, hashes=broken.hashes)
    assert (found["to_do"], found["exit"]) == ([], 0)


def test_the_table_in_the_documentation_is_what_the_doctor_says() -> None:
    """docs/operations.md has one line for each of the workspaces above, in their order, and no other."""
    section = (ROOT / "docs" / "operations.md").read_text().split("\n### What doctor says\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| symptom")]
    assert rows == [broken.row for broken in BROKEN] + [HELD, CLOSED]


# --- others at work, other users --------------------------------------------------------------------------------------

HELD = "| A run holds the lock for hours | `warn` `lock`: held for | `kill 4711` |"
CLOSED = (
    "| A file in the inbox may not be read | `bad` `inbox`: may not be read by this user "
    "| `sudo chmod a+r my-shop/inbox/interactions/today.csv` |"
)


@pytest.fixture
def holder(shop: Workspace) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lock until it is told to stop."""
    code = (
        "import sys, time; from pathlib import Path; from flows.clock import now; from flows.console import guarded\n"
        "from tasks.lock import locked; from tasks.workspace import Workspace\n"
        "def hold(**_):\n    with locked(Workspace(Path(sys.argv[1])), 'night for 2026-01-09', now()):\n"
        "        print('held', flush=True); time.sleep(100)\nsys.exit(guarded(hold))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(shop.root)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_held_for_hours_is_told_with_who_holds_it_and_its_command_frees_it(
    shop: Workspace, holder: subprocess.Popen[str], doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = next(each for each in doctor(shop, now())["findings"] if each["subject"] == "lock")
    assert (fresh["level"], f"pid {holder.pid}" in fresh["sentence"]) == ("ok", True)
    later = now() + timedelta(hours=7)
    found = next(each for each in doctor(shop, later)["findings"] if each["subject"] == "lock")
    assert (found["level"], found["sentence"].startswith("held for 7 hours by night for 2026-01-09")) == ("warn", True)
    assert found["next_step"].startswith(f"kill {holder.pid};")
    carried_out(found["next_step"], later, monkeypatch)
    assert holder.wait(30) == 143
    assert next(each for each in doctor(shop, later)["findings"] if each["subject"] == "lock")["sentence"] == "free"


def test_nobody_is_told_to_kill_a_process_that_bears_a_dead_ones_number(shop: Workspace, doctor: Doctor) -> None:
    """The note is older than the process: it was written by another one of that number."""
    who = {"pid": os.getpid(), "host": os.uname().nodename, "since": "2026-01-01T02:00:00Z", "purpose": "night for 2026-01-01"}
    (shop.root / ".lock.json").write_text(json.dumps(who))
    found = next(each for each in doctor(shop)["findings"] if each["subject"] == "lock")
    assert (found["level"], "another program's by now" in found["sentence"]) == ("ok", True)


def examined_as_nobody(root: Path, said: Path) -> None:
    """Ask the doctor without the rights of the super-user."""
    look(root, noon(TODAY))
    with said.open("w") as stream:
        os.dup2(stream.fileno(), 1)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    from flows import doctor

    doctor.ask = look
    raise SystemExit(show_diagnosis(root, noon(TODAY), as_json=True))


@pytest.mark.skipif(os.geteuid() != 0, reason="only the super-user can become somebody else")
def test_files_that_this_user_may_not_read_are_named(
    shop: Workspace, memory_of_all: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything belongs to us but a delivery that root left closed; what is typed opens it."""
    root = memory_of_all / "shop"
    shutil.copytree(shop.root, root)
    delivered = tiny_night.deliver(root, TODAY)
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.chown(delivered, 0, 0)
    delivered.chmod(0o600)
    said = memory_of_all / "said"
    assert children.exit_code(examined_as_nobody, root, said) == 6
    told = json.loads(said.read_text())
    (todo,) = told["to_do"]
    assert "may not be read by this user" in todo["because"]
    assert todo["next_step"].startswith(f"sudo chmod a+r {delivered};")
    subprocess.run(shlex.split(todo["next_step"].partition(";")[0])[1:], check=True)
    assert children.exit_code(examined_as_nobody, root, said) == 0
    # And to root, who is not the owner, the doctor says so.
    owner = next(each for each in doctor(Workspace(root))["findings"] if each["subject"] == "owner")
    assert owner["next_step"].startswith("sudo -u nobody nightly run" if owner["level"] == "warn" else "")


@pytest.fixture
def memory_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder that every user of the machine may enter."""
    folder = Path("/tmp") / f"nightly-doctor-{os.getpid()}-{time.monotonic_ns()}"  # noqa: S108 - pytest's own are closed to others
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
