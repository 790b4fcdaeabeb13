"""Write what was measured into benchmarks/README.md, between two marks: figures only with the machine, the versions and the command."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.compare import OURS, Result

README = Path(__file__).with_name("README.md")
VERSIONS = ("numpy", "scipy", "tensorflow", "keras", "duckdb", "pandas", "pyarrow")
METRICS = ("ndcg@10", "recall@10", "ndcg@20", "recall@20", "map@10", "mrr@10", "coverage@10")


def replaced(text: str, name: str, figures: str) -> str:
    """Put new figures between the marks of `name`; raises ValueError where the marks are missing."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, opening, rest = text.partition(begin)
    _, closing, after = rest.partition(end)
    if not opening or not closing:
        raise ValueError(f"expected the marks {begin} and {end}")
    return f"{before}{begin}\n{figures.strip()}\n{end}{after}"


def write(name: str, *parts: str) -> None:
    """Put what a bench measured, and how, between its marks in the README."""
    today = datetime.now(UTC).date()  # noqa: TID251  # a bench dates its figures
    README.write_text(replaced(README.read_text(), name, "\n".join([conditions(command_line(), today), *parts])))
    print(f"Written into {README}")


def conditions(command: str, today: date) -> str:
    """Say where, when, with what and how the figures came about."""
    packages = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    machine = f"{processor()}, {os.cpu_count()} cores, {memory_gib():.0f} GiB, {platform.system()} {platform.machine()}"
    return f"Measured on {today} on {machine}; Python {platform.python_version()}, {packages}.\n\n```sh\n{command}\n```\n"


def processor() -> str:
    """Name the processor as the system does."""
    described = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in described.read_text().splitlines() if line.startswith("model name")]
        if described.exists()
        else []
    )
    return names[0] if names else platform.processor() or "an unnamed processor"


def memory_gib() -> float:
    """Return the memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def quality_tables(results: Sequence[Result]) -> str:
    """Return one section a set: the lists of each system, what the night cost, and cold start at the end."""
    names = list(dict.fromkeys(result["set"] for result in results))
    return "\n".join(part for name in names for part in _section(name, [result for result in results if result["set"] == name]))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _section(name: str, results: Sequence[Result]) -> list[str]:
    of = {
        kind: [result for result in results if result["kind"] == kind] for kind in ("set", "lists", "difference", "night", "cold", "absent")
    }
    parts = [f"### {name}\n"]
    parts += [_described(result) for result in of["set"]]
    if of["lists"]:
        parts.append(
            table(["system", "N@10", "R@10", "N@20", "R@20", "MAP@10", "MRR@10", "coverage@10", "seconds", "peak GB"], _rows(of["lists"]))
        )
    if of["difference"]:
        rows = [[result["system"], result["metric"], *_signed(result)] for result in of["difference"]]
        parts.append("Our mean over the seeds minus theirs, paired user by user:\n")
        parts.append(table(["against", "metric", "difference", "95 % interval", "standard error", "in %"], rows))
    parts += _costs(of["night"])
    parts += [_cold(result) for result in of["cold"]]
    parts += [f"Not measured: {result.get('what', result['system'])}: {result['reason']}.\n" for result in of["absent"]]
    return parts


def _described(result: Result) -> str:
    ways = {"last_one_out": "each user's last like is the test", "random": "a seeded tenth of each user's likes is the test"}
    known = ", ".join(result["attributes_of"]) or "nothing"
    sizes = f"{result['likes']:,} likes, {result['users']:,} users, {result['items']:,} items"
    return f"{sizes}; {ways[result['protocol']]}, {result['judged_users']:,} users judged; known beside the likes: {known}.\n"


def _rows(lists: Sequence[Result]) -> list[list[str]]:
    rows = []
    for result in lists:
        who = f"**{OURS}**, seed {result['seed']}" if result["system"] == OURS else result["system"] + _parameters(result)
        figures = [f"{result[metric]:.4f}" for metric in METRICS]
        rows.append([who, *figures, f"{result['seconds']:.1f}", f"{result['peak_bytes'] / 2**30:.2f}"])
    return rows


def _parameters(result: Result) -> str:
    chosen = ", ".join(f"{name} {value:g}" for name, value in result.get("parameters", {}).items() if not isinstance(value, bool))
    return f" ({chosen})" if chosen else ""


def _signed(result: Result) -> list[str]:
    share = result["mean"] / result["theirs"] if result["theirs"] else float("nan")
    return [f"{result['mean']:+.4f}", f"{result['low']:+.4f} to {result['high']:+.4f}", f"{result['standard_error']:.4f}", f"{share:+.1%}"]


def _costs(nights: Sequence[Result]) -> list[str]:
    if not nights:
        return []
    first = nights[0]
    seconds = ", ".join(f"`{model}` {' + '.join(f'{value:.1f}' for value in took)}" for model, took in first["model_seconds"].items())
    rankings = ", ".join(f"`{ranking}` {value:.4f}" for ranking, value in first["rankings"].items())
    return [
        f"Seconds of training (to be judged + to be published), seed {first['seed']}: {seconds}.\n",
        f"NDCG@10 on the night's own holdout (table `metrics`), seed {first['seed']}: {rankings}.\n",
    ]


def _cold(result: Result) -> str:
    who = f"{result['new']:,} {result['what']}, known by attributes alone, {result['judged_users']:,} users judged"
    ours = f"recall@10 {result['recall@10']:.4f} (standard error {result['standard_error']:.4f})"
    theirs = f"{result['beside']} {result['theirs']:.4f}: {result['times']:.1f} times"
    if result["what"] == "new items":
        further = f"a list of at most 1,000 holds {result['new_items_a_list']:.0f} of them"
    else:
        further = f"paired difference {result['low']:+.4f} to {result['high']:+.4f}; served by {result['served_by']}"
    by = "" if result["system"] == OURS else f", {result['system']}"
    return f"{who}{by}: {ours}, {theirs}; {further}.\n"


def command_line() -> str:
    """Return how this program was started, without the paths of this machine."""
    arguments = [argument if "/" not in argument else "PATH" for argument in sys.argv[1:]]
    module = Path(sys.argv[0]).stem
    return " ".join([".venv/bin/python", "-m", f"benchmarks.{module}", *arguments])
