"""The documentation's pages, their fenced blocks, and what a reader would type; `python -m tests.documentation.pages` counts it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from tests.documentation.exceptions import NOT_EXECUTED

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md")
LANGUAGES = {"", "cron", "csv", "ini", "json", "jsonl", "mermaid", "postgresql", "python", "sh", "sql", "text", "toml", "yaml"}
"""Languages of blocks; `postgresql` is executed by tests/postgres/test_page.py, all else by the tests beside this file."""

FENCE = re.compile(r"^(?P<margin> *)(?P<marks>`{3,}|~{3,}) *(?P<language>[^\s`]*).*$")


class Block(NamedTuple):
    """A fenced block: its page, its first line, the heading of the part it stands in, its language and text."""

    page: Path
    line: int
    part: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Command(NamedTuple):
    """What a reader types at once, in a block of its own or after other commands."""

    page: Path
    line: int
    part: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def words(self) -> list[str]:
        """Return its first line in words, without comments, nor the variables set before it."""
        parts = shlex.split(self.text.splitlines()[0], comments=True)
        while parts and re.fullmatch(r"[A-Z_]+=.*", parts[0], re.DOTALL):
            parts.pop(0)
        return parts

    @property
    def program(self) -> str:
        """Return the program's name without its folder."""
        return self.words[0].removeprefix(".venv/bin/")

    @property
    def reason_not_to(self) -> str | None:
        """Return why a test does not execute it, None where one does."""
        typed = self.text.replace(".venv/bin/", "")
        return next((reason for pattern, reason in NOT_EXECUTED.items() if re.match(pattern, typed)), None)


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, also those inside lists; raises ValueError where one is not ended."""
    part, fence, begin, inside = "", None, 0, list[str]()
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if fence is None:
            part = line.lstrip("# ") if line.startswith("## ") else part
            fence, begin, inside = FENCE.match(line), number + 1, []
        elif re.fullmatch(rf" *{fence['marks']}", line):
            yield Block(page, begin, part, fence["language"], dedent("\n".join(inside)) + "\n")
            fence = None
        else:
            inside.append(line)
    if fence:
        raise ValueError(f"{page}:{begin}: the block has no end")


def commands(block: Block) -> Iterator[Command]:
    """Yield what is typed in a block of shell; lines that belong together, by a backslash or a here-document, are one."""
    lines = block.text.splitlines()
    place = 0
    while place < len(lines):
        begin = place
        while lines[place].endswith("\\"):
            place += 1
        ends = re.search(r"<<-? *['\"]?(\w+)", lines[place])
        while ends and lines[place].strip() != ends[1]:
            place += 1
        place += 1
        text = "\n".join(lines[begin:place])
        if text.strip() and not text.lstrip().startswith("#"):
            yield Command(block.page, block.line + begin, block.part, text)


BLOCKS = tuple(block for page in PAGES for block in blocks(page))
COMMANDS = tuple(command for block in BLOCKS if block.language == "sh" for command in commands(block))


def of_language(language: str) -> list[Block]:
    """Return the blocks of one language."""
    return [block for block in BLOCKS if block.language == language]


def of_program(name: str) -> list[Command]:
    """Return what is typed that starts a program, executed or not."""
    return [command for command in COMMANDS if command.program == name]


def told() -> str:
    """Say how much of the documentation tests execute."""
    executed = [command for command in COMMANDS if not command.reason_not_to]
    reasons = Counter(command.reason_not_to for command in COMMANDS if command.reason_not_to)
    lines = [f"{len(PAGES)} pages, {len(BLOCKS)} blocks", f"{len(executed)} of {len(COMMANDS)} commands are executed; not so:"]
    lines += [f"  {count:3} {reason}" for reason, count in reasons.most_common()]
    return "\n".join([*lines, *(f"{len(of_language(name))} blocks of {name or 'plain text'}" for name in sorted(LANGUAGES - {"sh"}))])


if __name__ == "__main__":
    print(told())  # noqa: T201 - it is what was asked for
