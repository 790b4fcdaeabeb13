"""What can go wrong, what the user then sees, and, from the marks on the tests, what holds it: makes docs/faults.md.

    .venv/bin/python -m tests.fault_matrix > docs/faults.md

A test holds a row when it bears `@pytest.mark.fault("A1")`; a module's tests all do when `pytestmark` says so.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One thing that can go wrong, and what the user sees then; `missing` says why no test holds it yet."""

    id: str
    fault: str
    seen: str
    missing: str = ""


GROUPS = {"A": "Crashes and resources", "B": "What is delivered", "C": "Models and lists", "D": "Several at once, schedules, platforms"}

ROWS = (
    Row("A1", "Killed between any two file operations of a publication", "The next start says `recovered`; every table is whole."),
    Row("A2", "Killed between any two system calls, also inside DuckDB and Arrow", "The same."),
    Row("A3", "Killed at any moment of a night", "The next run goes on from the last finished step and publishes the same bytes."),
    Row("A4", "Power cut: what was not synced is lost, in any order", "The same; what was published stays published."),
    Row("A5", "Disk full at any write", "Exit 6: how much is free, how much a night needs, what frees space. The last good tables stay."),
    Row("A6", "The disk answers with an error, or a sync fails", "Exit 6; a failed sync is never believed. The last good tables stay."),
    Row("A7", "Too little memory for the warehouse", "Exit 6, naming the limit and `[warehouse] memory`."),
    Row("A8", "Too little memory for the process, or killed for it", "Exit 6, or `failed: killed` at the next start; the night resumes."),
    Row("A9", "Ctrl-C, or told to stop", "Exit 130 or 143 and one line; the finished steps are kept, and the next run uses them."),
    Row("A10", "The workspace is missing, read-only or somebody else's", "Exit 2 or 6 and one sentence."),
    Row("A11", "The report cannot be written", "A warning; the tables are published."),
    Row(
        "A12",
        "The warehouse file, its log or a small file of ours is damaged",
        "The warehouse moves to `.history/damaged-...`, is rebuilt from `raw/`, and the night goes on. Else exit 6, naming the file.",
    ),
    Row("A13", "A model file is damaged", "The set is refused by its hash before it is used; the message names an intact one."),
    Row(
        "A14",
        "More memory is needed than offered",
        "Exit 6 before anything is trained, or taken in where the last night tells it: what takes how much, and what to lower.",
    ),
    Row(
        "B1",
        "A file that is empty, cut, flipped, mis-encoded or none",
        "Exit 3 naming the file; or, by setting, it is set aside and the night goes on.",
    ),
    Row("B2", "Columns missing, new, renamed, reordered or retyped", "By `[source] on_schema_change`; the message shows the difference."),
    Row("B3", "Events delivered twice; one event id with two contents", "Counted as duplicates; the second content is a row of `rejects`."),
    Row("B4", "A file delivered again, under any name", "Nothing is counted twice."),
    Row("B5", "Late events", "Counted as late and learned from; published dates stay."),
    Row("B6", "Times in the future, before time, without zone, in a clock change", "Rows of `rejects`, each with its rule."),
    Row(
        "B7",
        "The machine's clock is wrong or jumps",
        "A warning when it is behind the data; dates come from the command, durations from a clock that never jumps.",
    ),
    Row("B8", "No file, or a file without rows", "Two messages: no delivery; delivered empty."),
    Row("B9", "A hundred times the usual volume", "Exit 3 before training, with the hint `--allow-volume`; with it, a slower night."),
    Row("B10", "A sliver of the usual volume", "Exit 3: found and usual rows of that weekday."),
    Row("B11", "Unknown users and items; ids that change their type", "Counted; nothing that is not in the catalogue is recommended."),
    Row(
        "B12", "NaN, infinite, negative or huge values", "Rows of `rejects`; a model whose loss is no number stops; no list ever holds one."
    ),
    Row(
        "B13",
        "Floods by one user, by new accounts, on one item",
        "Capped and damped; an alarm in log and report; capped users are listed by hash.",
    ),
    Row("B14", "Hostile text in ids and titles", "Shown as text in the report and the log; over-long values are refused."),
    Row("B15", "The producer is still writing the file", "`still being written`; the file is left for a later night."),
    Row("C1", "Models worse than the served ones", "`kept_last_good`, exit 4, with the numbers."),
    Row("C2", "Models worse than recommending what is popular", "The same."),
    Row("C3", "Good on average, bad for one group of users", "The same, naming the group."),
    Row("C4", "The models saw what they are judged on", "The night stops before it judges."),
    Row("C5", "Nearly the same list for everybody", "`kept_last_good`, exit 4, with the shares."),
    Row("C6", "Lists that change beyond what is usual", "A warning, then exit 4."),
    Row("C7", "Gaps, repeats, short lists, consumed items", "Exit 4, naming the promise and an example."),
    Row("C8", "A model cannot be trained", "By `[train] on_model_failure`: held, or published without it and said so."),
    Row("C9", "Nothing to compare with: the first night", "Floors only, and `first model`."),
    Row("C10", "Too few users to judge by", "`kept_last_good`, exit 4: how many there are and how many it takes."),
    Row("C11", "The same night trained twice", "The same bytes."),
    Row("C12", "A little worse every night", "Held once the sum is certain, naming the night or the reference it has fallen behind."),
    Row("C13", "The last good night is too old", "`status` warns and exits 7; by setting, what is popular is served instead."),
    Row("D1", "Two runs at once", "The second exits 5 at once, naming the first; or waits with `--wait`."),
    Row("D2", "The holder of the lock is killed", "The lock is free at once."),
    Row("D3", "A date is run again", "`unchanged`; nothing is touched."),
    Row("D4", "A date is run again after code, settings or inputs changed", "Exit 2: what would differ, and `--replace`."),
    Row(
        "D5",
        "Backfill in the middle, cut off half way",
        "It goes on where it was; the pointer never moves back; dates built on older input are flagged.",
    ),
    Row("D6", "Readers while a night publishes", "The old table or the new one, each whole."),
    Row(
        "D7",
        "Old dates are removed while somebody reads",
        "What readers may be at work on stays for `[keeping] grace_hours`; open files stay readable.",
    ),
    Row("D8", "Prefect is down, or dies in the night", "The night runs; `not recorded in Prefect`."),
    Row("D9", "Faults of an object store", "", "The workspace is a folder; object stores come later."),
    Row("D10", "Workers of a cluster are lost", "", "One process does everything; clusters come later."),
    Row(
        "D11",
        "A dead run still shown as running in Prefect",
        "Marked as crashed five minutes later; `nightly status` tells the truth at once.",
    ),
    Row("D12", "A night was missed", "`status` shows it with the command; each date runs once, oldest first."),
    Row(
        "D13",
        "A deployment wedged by a pending or killed run",
        "None can be: the lock is freed with its process, and Prefect has no limit to hold.",
    ),
    Row("D14", "A network disk that does not lock or rename", "Exit 6 before anything is touched; `[keeping] trust_disk` overrides."),
)

HEAD = """# What can go wrong

Made by `python -m tests.fault_matrix` from the marks on the tests; a test fails when this page is not true. What to do about each is in
[Operations](operations.md). A test under "slow" runs with `make test-slow`.

Not covered by anything here: a disk that says it has synced and has not; a producer that delivers plausible wrong data within every
band; and quality as real people see it, which no offline measure proves.
"""


@dataclass(frozen=True)
class Held:
    """A test that holds rows: its file and name, and whether it runs only with `make test-slow`."""

    file: str
    name: str
    rows: tuple[str, ...]
    is_slow: bool


def held() -> list[Held]:
    """Read from the source of all tests which rows they hold; nothing is imported."""
    found: list[Held] = []
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        whole = [mark for node in tree.body if _is_pytestmark(node) for mark in _marks(node.value)]  # type: ignore[attr-defined]
        for node in tree.body:
            above = whole + ([mark for one in node.decorator_list for mark in _marks(one)] if isinstance(node, ast.ClassDef) else [])
            tests = node.body if isinstance(node, ast.ClassDef) else [node]
            found += [_held(path, test, above) for test in tests if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")]
            # A state machine of hypothesis: `TestLife = Life.TestCase`, marked by calling the mark on it.
            found += [_machine(path, node, above)] if _is_machine(node) else []
    return [one for one in found if one.rows]


def page() -> str:
    """Write the page: a section a group, a line a row."""
    by_row: dict[str, list[Held]] = defaultdict(list)
    for test in held():
        for row in test.rows:
            by_row[row].append(test)
    parts = [HEAD]
    for letter, title in GROUPS.items():
        parts += [f"\n## {letter}. {title}\n", "| | fault | what the user sees | held by |", "|---|---|---|---|"]
        parts += [_line(row, by_row[row.id]) for row in ROWS if row.id.startswith(letter)]
    return "\n".join(parts) + "\n"


def _line(row: Row, tests: list[Held]) -> str:
    files: dict[tuple[str, bool], int] = defaultdict(int)
    for test in tests:
        files[test.file, test.is_slow] += 1
    names = [f"{count} in `{file}`{' (slow)' if is_slow else ''}" for (file, is_slow), count in sorted(files.items())]
    return f"| {row.id} | {row.fault} | {row.seen or '-'} | {'; '.join(names) or f'nothing: {row.missing}'} |"


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in node.targets)


def _is_machine(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(name, ast.Name) and name.id.startswith("Test") for name in node.targets)


def _marks(node: ast.expr) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every `pytest.mark.<name>(...)` inside an expression: its name and its text arguments."""
    for part in ast.walk(node):
        call, mark = (part, part.func) if isinstance(part, ast.Call) else (None, part)
        if isinstance(mark, ast.Attribute) and isinstance(mark.value, ast.Attribute) and mark.value.attr == "mark":
            arguments = tuple(str(value.value) for value in call.args if isinstance(value, ast.Constant)) if call else ()
            yield mark.attr, arguments


def _held(path: Path, test: ast.FunctionDef, above: list[tuple[str, tuple[str, ...]]]) -> Held:
    return _of(path, test.name, above + [mark for decorator in test.decorator_list for mark in _marks(decorator)])


def _machine(path: Path, node: ast.stmt, above: list[tuple[str, tuple[str, ...]]]) -> Held:
    return _of(path, node.targets[0].id, above + list(_marks(node.value)))  # type: ignore[attr-defined]


def _of(path: Path, name: str, marks: list[tuple[str, tuple[str, ...]]]) -> Held:
    rows = sorted({row for mark, arguments in marks if mark == "fault" for row in arguments})
    return Held(path.relative_to(TESTS.parent).as_posix(), name, tuple(rows), any(mark == "slow" for mark, _ in marks))


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - what this module is for
