"""A setting that is unknown or unfit: where it was set, to the line of nightly.toml, and what may have been meant."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tasks.near_miss import nearest
from tasks.refusals import UsageError
from tasks.without_secrets import HIDDEN

_WHO = re.compile(r'(?<=://)[^"]*(?=@)')
"""The user and the password of an address."""

Keys = tuple[str, ...]
"""Where a setting stands: ("train", "als", "reg")."""


def unfit_setting(
    error: ValidationError, settings: type[BaseModel], file: Path, flags: Mapping[str, Any], environment: Mapping[str, str], prefix: str
) -> UsageError:
    """Return the refusal of the first setting that does not fit; a flag goes before the environment, that before the file."""
    first = error.errors()[0]
    keys = tuple(str(part) for part in first["loc"])
    meant = _meant(settings, keys, first)
    variable, line = _variable(environment, prefix, keys), None
    if _within(flags, keys):
        place, correct = "", "correct the flag"
    elif variable:
        place, correct = f"environment variable {variable}, ", "unset or correct it"
        meant = f"{prefix}{'__'.join(meant).upper()}" if isinstance(meant, tuple) else meant
    else:
        line = line_of(file.read_text() if file.is_file() else "", keys)
        place, correct = (f"{file}, line {line}, ", f"correct line {line} of {file}") if line else ("", f"correct {file}")
    told = _written(settings, meant) if isinstance(meant, tuple) else meant
    expected = "a known setting" if first["type"] == "extra_forbidden" else str(first["msg"])
    found = _found(keys[-1] if keys else "", first["input"])
    return UsageError(f"{place}setting {'.'.join(keys)}", expected, found, f"did you mean {told}? {correct}" if told else correct)


def _found(key: str, value: object) -> str:
    """Write a value as it was found, without passwords: refusals are logged, and shown to many."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)}: {_found(name, part)}" for name, part in value.items()) + "}"
    return json.dumps(HIDDEN) if "password" in key.lower() else _WHO.sub(HIDDEN, json.dumps(value, default=str))


def not_toml(error: tomllib.TOMLDecodeError) -> str:
    """Return what to do about a file that is no TOML: sections that stand twice are what people paste most."""
    if "twice" in str(error):
        return "put the lines below it into the section of that name further up, and remove this one"
    return "correct the line named"


def unknown_variable(name: str, settings: type[BaseModel], prefix: str) -> UsageError:
    """Return the refusal of an environment variable whose section does not exist."""
    section, *rest = name.removeprefix(prefix).lower().split("__")
    near = _near_path(settings, (), section, {rest[0]: None} if rest else None)
    hint = f"did you mean {prefix}{'__'.join((*near, *rest[len(near) - 1 :])).upper()}? " if near else ""
    return UsageError(f"environment variable {name}", f"{prefix}<SECTION>__<KEY>", f"no section {section}", f"{hint}unset or correct it")


def line_of(text: str, keys: Keys) -> int | None:
    """Return the number of the line of a TOML text that sets a key, else of the table it stands in; None where neither is written out."""
    lines = {where: number for number, where in reversed(list(_lines(text)))}
    return next((lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in lines), None)


def _lines(text: str) -> Iterator[tuple[int, Keys]]:
    """Yield the number of each line that begins a table or a value, and of what; tables of an array are numbered from 0."""
    table: Keys = ()
    seen: dict[Keys, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := re.match(r"\s*(\[\[?)([^\[\]]+)\]", line):
            table = _parts(heading[2])
            if heading[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                yield number, table
                table = (*table, str(seen[table]))
            yield from ((number, table[:end]) for end in range(1, len(table) + 1))
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            parts = _parts(key[1])
            yield from ((number, (*table, *parts[:end])) for end in range(1, len(parts) + 1))


def _parts(dotted: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _meant(settings: type[BaseModel], keys: Keys, fault: Mapping[str, Any]) -> Keys | str | None:
    """Return what may have been meant: another setting by its keys, or another value as it is written."""
    if fault["type"] == "extra_forbidden":
        return _near_path(settings, keys[:-1], keys[-1], fault["input"]) or _elsewhere(settings, keys[-1])
    if fault["type"] == "literal_error":
        near = nearest(str(fault["input"]), re.findall(r"'([^']+)'", fault["ctx"]["expected"]))
        return json.dumps(near) if near else None
    return None


def _near_path(settings: type[BaseModel], parents: Keys, name: str, value: object) -> Keys | None:
    """Return the setting of the same section that is written most like a name; within a section, also like its first unknown key."""
    section = _section(settings, parents)
    near = nearest(name, section.model_fields) if section else None
    if near is None:
        return None
    inner = _section(settings, (*parents, near))
    if inner is not None and isinstance(value, dict):
        keys = [nearest(key, inner.model_fields) for key in value if key not in inner.model_fields]
        if keys and keys[0]:
            return (*parents, near, keys[0])
    return (*parents, near)


def _elsewhere(settings: type[BaseModel], name: str) -> Keys | None:
    """Return the first setting of that very name in any section."""
    return next((keys for keys in _every_setting(settings) if keys[-1] == name), None)


def _every_setting(config: type[BaseModel], *parents: str) -> Iterator[Keys]:
    for name, field in config.model_fields.items():
        yield (*parents, name)
        inner = _config(field.annotation)
        if inner:
            yield from _every_setting(inner, *parents, name)


def _section(settings: type[BaseModel], keys: Sequence[str]) -> type[BaseModel] | None:
    """Return the config that a path of keys leads to; places in a list are passed over."""
    config: type[BaseModel] | None = settings
    for key in keys:
        if config is None or (key not in config.model_fields and not key.isdigit()):
            return None
        config = config if key.isdigit() else _config(config.model_fields[key].annotation)
    return config


def _config(annotation: Any) -> type[BaseModel] | None:
    """Return the config that an annotation speaks of, also as one of several in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _config(part))), None)


def _written(settings: type[BaseModel], keys: Keys) -> str:
    """Return a setting as it stands in nightly.toml: `[train.als] reg`, or `[train]` for a section."""
    if _section(settings, keys):
        return f"[{'.'.join(keys)}]"
    *parents, name = keys
    return f"[{'.'.join(parents)}] {name}" if parents else name


def _variable(environment: Mapping[str, str], prefix: str, keys: Keys) -> str | None:
    """Return the environment variable that set a key, or a section around it."""
    names = {name.upper(): name for name in environment}
    found = (names.get(f"{prefix}{'__'.join(keys[:end])}".upper()) for end in range(len(keys), 0, -1))
    return next((name for name in found if name), None)


def _within(flags: Mapping[str, Any], keys: Keys) -> bool:
    section: Any = flags
    for key in keys:
        if not isinstance(section, Mapping):
            return True  # the value itself was given, and something within it does not fit
        if key not in section:
            return False
        section = section[key]
    return True
