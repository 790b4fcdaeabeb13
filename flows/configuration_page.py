"""Write docs/reference/configuration.md from the settings in code.

`python -m flows.configuration_page > docs/reference/configuration.md`; a test holds the two together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any

from flows.settings import PREFIX, Settings

HEAD = f"""\
# Configuration

Everything that can be set, written from the settings in code by
`.venv/bin/python -m flows.configuration_page > docs/reference/configuration.md`; a test fails where the two differ.

Settings stand in `nightly.toml` in the workspace; `nightly init` writes one that shows each with its default, commented out. What is
given to a command as a flag goes before the environment, the environment before the file, and the file before the default. A name that
is not on this page is refused, wherever it stands.

In the environment a setting is called `{PREFIX}<SECTION>__<KEY>`, as the tables say below each name. Lists and tables are written
there as JSON:

```sh
{PREFIX}SCORE__K=10 {PREFIX}EVALUATE__KS='[10, 20]' .venv/bin/nightly plan --workspace my-shop
```

The tables give the name of a setting, the values it takes, its default, and what it means. *(unset)* is no value: leave the line out.

| setting | values | default | meaning |
|---|---|---|---|
"""

COLUMNS = "| setting | values | default | meaning |\n|---|---|---|---|"
PARTS = "| key | values | default | meaning |\n|---|---|---|---|"
BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true`, `false`", "null": "(unset)"}
Schema = Mapping[str, Any]


def configuration_page() -> str:
    """Return the whole page."""
    schema = Settings.model_json_schema()
    page = _Page(schema["$defs"])
    settings = {name: part for name, part in schema["properties"].items() if "$ref" not in part}
    rows = [page.row((), name, part) for name, part in settings.items()]
    sections = [line for name, part in schema["properties"].items() if "$ref" in part for line in page.section((name,), part)]
    return HEAD + "\n".join([*rows, *sections]) + "\n"


class _Page:
    """Sections of the page; what lists consist of is described where it occurs first."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions
        self.described: dict[str, str] = {}

    def section(self, path: tuple[str, ...], part: Schema) -> Iterator[str]:
        """Yield the lines of a section, of the sections inside it, and of the tables its lists consist of."""
        name, inside = ".".join(path), self._meant(part)
        self.described.setdefault(part["$ref"], name)
        yield from ("", f"## [{name}]", "", self._text(inside))
        default = part.get("default") or {}
        plain = {key: each for key, each in inside["properties"].items() if "$ref" not in each}
        if plain:
            yield from ("", COLUMNS)
            yield from (self.row(path, key, each, default) for key, each in plain.items())
        for key, each in plain.items():
            yield from self._entries((*path, key), each)
        for key, each in inside["properties"].items():
            if "$ref" in each:
                yield from self.section((*path, key), {**each, "default": default.get(key, each.get("default"))})

    def row(self, path: tuple[str, ...], name: str, part: Schema, defaults: Mapping[str, Any] | None = None) -> str:
        """Return the row of one setting, with the name it has in the environment."""
        variable = PREFIX + "__".join((*path, name)).upper()
        default = (defaults or {}).get(name, part.get("default"))
        return f"| `{name}`<br>`{variable}` | {self._values(part)} | {_toml(default)} | {self._text(part)} |"

    def _entries(self, path: tuple[str, ...], part: Schema) -> Iterator[str]:
        """Yield what the tables of a list, or of a table by name, consist of; not again where that is said above."""
        for reference in sorted(set(_references(part)) - self.described.keys()):
            name, inside = ".".join(path), self.definitions[reference.rpartition("/")[2]]
            self.described[reference] = name
            heading = f"[[{name}]]" if part.get("type") == "array" else f"In [{name}]"
            yield from ("", f"### {heading}", "", self._text(inside), "", PARTS)
            for key, each in inside["properties"].items():
                default = "required" if key in inside.get("required", ()) else _toml(each.get("default"))
                yield f"| `{key}` | {self._values(each)} | {default} | {self._text(each)} |"
            for key, each in inside["properties"].items():
                yield from self._entries((*path, key), each)

    def _values(self, part: Schema) -> str:
        """Say which values a setting takes."""
        if "$ref" in part:
            inside = self._meant(part)
            return self._values(inside) if "enum" in inside else f"table as [{self.described.get(part['$ref'], 'below')}]"
        if "enum" in part or "const" in part:
            return ", ".join(_toml(value) for value in part.get("enum", [part.get("const")]))
        if "anyOf" in part:
            return " or ".join(dict.fromkeys(self._values(each) for each in part["anyOf"]))
        if part.get("type") == "array":
            inner = part.get("items", {})
            return f"list {'from' if 'enum' in inner else 'of'} {self._values(inner)}"
        if part.get("type") == "object":
            inner = self._values(part.get("additionalProperties", {}))
            names = part.get("propertyNames", {}).get("enum")
            return f"table: {' or '.join(f'`{name}`' for name in names) if names else 'name'} = {inner}"
        form = {"date": "date"}.get(part.get("format", ""), TYPES.get(part.get("type", ""), "value"))
        bounds = [text.format(part[bound]) for bound, text in BOUNDS.items() if bound in part]
        return " ".join([form, ", ".join(bounds)]).strip().replace("|", "\\|")

    def _meant(self, part: Schema) -> Schema:
        return self.definitions[part["$ref"].rpartition("/")[2]]

    def _text(self, part: Schema) -> str:
        told = part.get("description") or (self._meant(part).get("description") if "$ref" in part else "") or ""
        parts = " ".join(cleandoc(told).split()).replace("|", "\\|").split("`")
        return "`".join(text if number % 2 else text.replace("<", "&lt;") for number, text in enumerate(parts))  # every second one is code


def _references(part: Any) -> Iterator[str]:
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "$ref":
            yield value
        else:
            yield from _references(value)


def _toml(value: Any) -> str:
    """Write a value as nightly.toml has it."""
    if value is None:
        return "(unset)"
    return f"`{_written(value)}`".replace("|", "\\|")


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(part) for part in value) + "]"
    return json.dumps(value)


if __name__ == "__main__":
    sys.stdout.write(configuration_page())
