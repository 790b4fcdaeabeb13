"""Kill whole nights of a real workspace at random moments, and see that the next run publishes what an undisturbed one would have.

    python -m tests.faults.killed_nights WORKSPACE --run-date YYYY-MM-DD --rounds 20 [--seed 1] [--scratch FOLDER]

The workspace, with its delivery in the inbox and the date not published yet, is copied for each round and itself not touched.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.faults.readers import View, what_readers_see


@dataclass(frozen=True)
class Round:
    """One kill: when, whether the night was still going, what the next run said and whether its bytes are the undisturbed ones."""

    seconds: float
    killed: bool
    ending: str
    same_bytes: bool

    def __str__(self) -> str:
        how = "killed" if self.killed else "had ended"
        return f"{how} after {self.seconds:.1f} s; next run: {self.ending}; {'the same' if self.same_bytes else 'OTHER'} bytes"


def killed_nights(workspace: Path, run_date: str, rounds: int, seed: int, scratch: Path) -> list[Round]:
    """Kill as many nights; fails where a reader met a table that was not whole."""
    k = tomllib.loads((workspace / "nightly.toml").read_text()).get("score", {}).get("k", 20)
    lots, results = random.Random(seed), []
    root = scratch / "undisturbed"
    shutil.copytree(workspace, root)
    began = time.monotonic()
    assert _night(root, run_date).wait() == 0, "the night fails without being killed"
    duration = time.monotonic() - began
    expected = what_readers_see(root, k, settled=True)
    shutil.rmtree(root)
    for number in range(rounds):
        root = scratch / f"round-{number}"
        shutil.copytree(workspace, root)
        results.append(_killed(root, run_date, k, expected, duration * lots.uniform(0.05, 0.95)))
        print(f"round {number + 1} of {rounds}: {results[-1]}", flush=True)  # noqa: T201 - a script's result
        shutil.rmtree(root)
    return results


def _killed(root: Path, run_date: str, k: int, expected: View, moment: float) -> Round:
    night = _night(root, run_date)
    try:
        night.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(night.pid, signal.SIGKILL)
    killed = night.wait() == -signal.SIGKILL
    what_readers_see(root, k, known=expected.dated.values())
    again = _night(root, run_date, output=subprocess.PIPE)
    said, complained = again.communicate()
    assert again.returncode == 0, f"the run after the kill: exit {again.returncode}\n{said}{complained}"
    seen = what_readers_see(root, k, settled=True)
    same = seen.without_clocks() == expected.without_clocks() and seen.run_id == expected.run_id
    return Round(moment, killed, said.split()[0], same)


def _night(root: Path, run_date: str, output: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", "--workspace", str(root), "--run-date", run_date]
    return subprocess.Popen(command, stdout=output, stderr=output, text=True, start_new_session=True)


def main() -> None:
    """Read the command line, kill the nights and exit with 1 where any bytes differed or nobody was killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--run-date", required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path, help="where the copies go; default: a temporary folder")
    given = parser.parse_args()
    if given.scratch:
        given.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.scratch, prefix="killed-nights-") as scratch:
        results = killed_nights(given.workspace.resolve(), given.run_date, given.rounds, given.seed, Path(scratch))
    killed, same = sum(result.killed for result in results), sum(result.same_bytes for result in results)
    print(f"{len(results)} rounds, {killed} killed, {same} with the same bytes, 0 torn")  # noqa: T201 - a script's result
    sys.exit(killed == 0 or same < len(results))


if __name__ == "__main__":
    main()
