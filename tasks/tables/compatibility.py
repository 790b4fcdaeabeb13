"""May a reader of one version of the contract read the next one? Two contracts are compared column by column, whatever wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BREAKING = "breaking: new major and new path"


@dataclass(frozen=True)
class Change:
    """One way in which a contract differs from the one that readers rely on; `where` is a table or `table.column`."""

    where: str
    what: str
    breaks: bool


def changes(relied_on: Mapping[str, Any], offered: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what sets two contracts apart for a reader who goes by names; both as the data of docs/contract.yaml.

    Meanings, promises and the order of columns are left out of account.
    """
    before, after = _by_name(relied_on["schema"]), _by_name(offered["schema"])
    return (
        *(Change(name, "table removed", breaks=True) for name in before if name not in after),
        *(change for name in before if name in after for change in _changes_of_table(before[name], after[name])),
        *(Change(name, "table added", breaks=False) for name in after if name not in before),
    )


def objection(relied_on: Mapping[str, Any], offered: Mapping[str, Any]) -> str:
    """Say why a contract may not take the place of the one that readers rely on; empty where it may.

    What is added raises the number behind the dot. What breaks a reader raises the one before it, and every table moves to a path of
    its own, beside the one that readers know.
    """
    found = changes(relied_on, offered)
    before, after = _version(relied_on), _version(offered)
    if after < before:
        return f"version {offered['version']} is older than {relied_on['version']}, which readers rely on"
    if after[0] > before[0]:
        kept = sorted(_paths(relied_on) & _paths(offered))
        return f"{BREAKING}: version {offered['version']} still writes {', '.join(kept)}" if kept else ""
    broken = [f"{change.where} ({change.what})" for change in found if change.breaks]
    if broken:
        return f"{BREAKING}: {', '.join(broken)}"
    if found and after == before:
        added = ", ".join(f"{change.where} ({change.what})" for change in found)
        return f"raise CONTRACT_VERSION to {before[0]}.{before[1] + 1}: {added}"
    return ""


def _changes_of_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    table, relied_on, offered = before["name"], _by_name(before["properties"]), _by_name(after["properties"])
    if before["physicalName"] != after["physicalName"]:
        yield Change(table, f"moved to {after['physicalName']}", breaks=True)
    if _key(before) != _key(after):
        yield Change(table, f"key is {', '.join(_key(after))}, was {', '.join(_key(before))}", breaks=True)
    for name, column in relied_on.items():
        if name not in offered:
            yield Change(f"{table}.{name}", "removed", breaks=True)
            continue
        now = offered[name]
        if column["physicalType"] != now["physicalType"]:
            yield Change(f"{table}.{name}", f"type is {now['physicalType']}, was {column['physicalType']}", breaks=True)
        if column["required"] != now["required"]:
            yield Change(f"{table}.{name}", "never null any more" if now["required"] else "may be null now", breaks=not now["required"])
    yield from (Change(f"{table}.{name}", "added", breaks=False) for name in offered if name not in relied_on)


def _by_name(elements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {element["name"]: element for element in elements}


def _key(table: Mapping[str, Any]) -> tuple[str, ...]:
    places = {column["primaryKeyPosition"]: column["name"] for column in table["properties"] if column.get("primaryKey")}
    return tuple(places[place] for place in sorted(places))


def _paths(contract: Mapping[str, Any]) -> set[str]:
    return {table["physicalName"] for table in contract["schema"]}


def _version(contract: Mapping[str, Any]) -> tuple[int, int]:
    major, minor = str(contract["version"]).split(".")
    return int(major), int(minor)
