"""Write docs/reference/command-line.md from the commands in code: `python -m flows.command_line_page > docs/reference/command-line.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from cyclopts import App
from cyclopts.argument import Argument

import flows.cli  # noqa: F401 - it and what it imports have the commands
from flows.cli_app import app

EXITS = {
    0: "`published`, `unchanged` or `skipped`; a question is answered, an order carried out",
    1: "something that nobody foresaw went wrong; the log has it",
    2: "the command or a setting is wrong, or a published date would change without `--replace`",
    3: "a delivery, or the data as a whole, is not fit to learn from; the last good tables stay",
    4: "the gate, or a promise about the tables, said no; the last good tables stay",
    5: "another run is writing to this workspace; `--wait` waits for it",
    6: "a disk, file or server cannot be used or is damaged, or memory does not suffice",
    7: "what is served is too old",
    130: "interrupted, as by Ctrl-C",
    143: "terminated",
}
"""Exit code -> when a command ends with it."""

ALWAYS = (0, 1, 2, 130, 143)
"""Codes that any command may end with."""

ALSO = {
    "run": (3, 4, 5, 6),
    "backfill": (3, 4, 5, 6),
    "refresh": (3, 5, 6),
    "tune": (3, 5, 6),
    "status": (6, 7),
    "plan": (3, 6),
    "verify": (6,),
    "rollback": (5, 6),
    "gc": (5, 6),
    "doctor": (6,),
    "demo": (3, 4, 5, 6),
    "import movielens": (3, 6),
    "init": (6,),
    "explain": (6,),
    "diff": (6,),
    "query": (6,),
    "simulate": (5, 6),
    "report": (6,),
    "completion": (),
    "load": (6,),
    "deploy": (6,),
    "serve": (6,),
}
"""Command -> the codes it may end with beside those."""

HEAD = """\
# Command line

Every command, written from the code by `.venv/bin/python -m flows.command_line_page > docs/reference/command-line.md`; a test fails where
the two differ. `nightly --help` and `nightly COMMAND --help` say the same in a terminal.

The project's commands lie in `.venv/bin/`; with that folder on the `PATH`, `nightly` is enough, and the examples below are written so.
The result goes to stdout, the log and every warning to stderr. `--json` prints the result as one JSON object, for programs. Dates are
written YYYY-MM-DD and are days in UTC. A flag goes before the environment and before `nightly.toml`
([configuration](configuration.md)). Where `PREFECT_API_URL` is set, `nightly run` is recorded there too.

## How commands end

Every refusal says where, what was expected, what was found, and what to type next; [operations](../operations.md) has a runbook for each
code.

| exit code | when |
|---|---|
"""


def command_line_page() -> str:
    """Return the whole page."""
    lines = [f"| {code} | {meaning} |" for code, meaning in EXITS.items()]
    everywhere = [argument for argument in flags(app.meta) if argument.name.startswith("--")] if app.meta.default_command else []
    if everywhere:
        lines += ["", "## Everywhere", "", *_table(everywhere)]
    for name, command in commands(app):
        lines += ["", *_section(name, command)]
    return HEAD + "\n".join(lines) + "\n"


def commands(inside: App, *before: str) -> Iterator[tuple[str, App]]:
    """Yield every command in full, such as `import movielens`, in alphabetical order; one that holds others first, if it does something."""
    for name in sorted(inside):
        if not name.startswith("-"):
            if inside[name].default_command:
                yield " ".join((*before, name)), inside[name]
            yield from commands(inside[name], *before, name)


def exits(name: str) -> list[int]:
    """Return the codes that a command may end with; one within another has those of the other."""
    return sorted({*ALWAYS, *ALSO.get(name, ALSO.get(name.partition(" ")[0], ()))})


def flags(command: App) -> list[Argument]:
    """Return what a command takes, in the order in which its help shows it."""
    return [argument for argument in command.assemble_argument_collection() if argument.show]


def told(command: App) -> tuple[str, list[str]]:
    """Return what a command does, and its examples: the lines below `Examples:` in the docstring of its function."""
    text, _, examples = cleandoc(command.default_command.__doc__ or "").partition("\nExamples:")
    return text.strip(), [line.strip() for line in examples.splitlines() if line.strip()]


def _section(name: str, command: App) -> Iterator[str]:
    text, examples = told(command)
    arguments = flags(command)
    places = "".join(f" {_name(each)}" if each.required else f" [{_name(each)}]" for each in arguments if _has_place(each))
    required = "".join(f" {each.name} {_values(each.hint).upper()}" for each in arguments if each.required and not _has_place(each))
    yield f"## nightly {name}"
    yield f"\n{text.replace('<', '&lt;')}\n"
    options = " [OPTIONS]" if any(not each.required and not _has_place(each) for each in arguments) else ""
    yield f"`nightly {name}{places}{required}{options}`"
    if arguments:
        yield from ("", *_table(arguments))
    if examples:
        yield "\n```sh\n" + "\n".join(examples) + "\n```"
    yield f"\nExit codes: {', '.join(str(code) for code in exits(name))}."


def _table(arguments: Sequence[Argument]) -> Iterator[str]:
    yield "| argument | values | default | meaning |\n|---|---|---|---|"
    yield from (_row(argument) for argument in arguments)


def _row(argument: Argument) -> str:
    names = f"`{_name(argument)}`" if _has_place(argument) else ", ".join(f"`{name}`" for name in argument.names)
    default = "required" if argument.required else _default(argument)
    return f"| {names} | {_values(argument.hint)} | {default} | {(argument.parameter.help or '').replace('|', chr(92) + '|')} |"


def _has_place(argument: Argument) -> bool:
    return argument.index is not None


def _name(argument: Argument) -> str:
    return argument.name.lstrip("-").upper().replace("-", "_")


def _values(hint: Any) -> str:
    """Say which values an argument takes."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_values(part) for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) in (list, tuple):
        return f"{_values(get_args(hint)[0])}, may be repeated"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{each.value}`" for each in hint)
    return {bool: "", date: "date", Path: "path", int: "whole number", float: "number", str: "text"}.get(hint, str(hint))


def _default(argument: Argument) -> str:
    """Say what holds where an argument is not given: what a variable of the environment says, else a value."""
    value = argument.field_info.default
    parts = [f"`{name}`, else" for name in argument.parameter.env_var or ()]
    return " ".join([*parts, *([] if value is None or value is False else [f"`{value}`"])]).removesuffix(", else")


if __name__ == "__main__":
    sys.stdout.write(command_line_page())
