"""Claims about `tasks.tables.compatibility`: what may change under readers, and under which version."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tasks.tables.compatibility import changes, objection

Contract = dict[str, Any]


def contract() -> Contract:
    """Return version 1.4 of a contract on two tables."""
    return {
        "version": "1.4",
        "schema": [
            {
                "name": "lists",
                "physicalName": "tables/lists/run_date=*/part-0.parquet",
                "properties": [
                    {"name": "user_id", "physicalType": "BIGINT", "required": True, "primaryKey": True, "primaryKeyPosition": 1},
                    {"name": "rank", "physicalType": "SMALLINT", "required": True, "primaryKey": True, "primaryKeyPosition": 2},
                    {"name": "reason", "physicalType": "VARCHAR", "required": False},
                ],
            },
            {"name": "runs", "physicalName": "tables/runs/run_date=*/part-0.parquet", "properties": []},
        ],
    }


def column(offered: Contract, place: int) -> dict[str, Any]:
    return offered["schema"][0]["properties"][place]


def swap_key(offered: Contract) -> None:
    column(offered, 0)["primaryKeyPosition"], column(offered, 1)["primaryKeyPosition"] = 2, 1


BREAKS: dict[str, Callable[[Contract], Any]] = {
    "lists.reason (removed)": lambda offered: offered["schema"][0]["properties"].pop(),
    "lists.reason (removed), lists.why (added)": lambda offered: column(offered, 2).update(name="why"),
    "lists.rank (type is BIGINT, was SMALLINT)": lambda offered: column(offered, 1).update(physicalType="BIGINT"),
    "lists.rank (may be null now)": lambda offered: column(offered, 1).update(required=False),
    "lists (key is rank, user_id, was user_id, rank)": swap_key,
    "lists (key is user_id, was user_id, rank)": lambda offered: column(offered, 1).pop("primaryKey"),
    "runs (table removed)": lambda offered: offered["schema"].pop(),
    "runs (moved to elsewhere)": lambda offered: offered["schema"][1].update(physicalName="elsewhere"),
}
NEW_COLUMN = {"name": "variant", "physicalType": "VARCHAR", "required": True}
ADDS: dict[str, Callable[[Contract], Any]] = {
    "lists.variant (added)": lambda offered: offered["schema"][0]["properties"].insert(0, dict(NEW_COLUMN)),
    "drift (table added)": lambda offered: offered["schema"].append({"name": "drift", "physicalName": "tables/drift", "properties": []}),
    "lists.reason (never null any more)": lambda offered: column(offered, 2).update(required=True),
}


def changed(change: Callable[[Contract], Any], version: str = "1.4") -> Contract:
    offered = copy.deepcopy(contract()) | {"version": version}
    change(offered)
    return offered


def test_the_same_contract_is_no_change():
    """Nor is another order of columns or other words for a meaning."""
    offered = changed(lambda told: column(told, 0).update(description="Another sentence."))
    offered["schema"][0]["properties"].reverse()
    assert changes(contract(), offered) == ()
    assert objection(contract(), offered) == ""


@pytest.mark.parametrize("told", ADDS)
@pytest.mark.parametrize(("version", "accepted"), [("1.4", False), ("1.5", True), ("1.3", False)])
def test_what_is_added_raises_the_minor_version(told, version, accepted):
    found = objection(contract(), changed(ADDS[told], version))
    assert (found == "") is accepted
    assert accepted or version == "1.3" or found == f"raise CONTRACT_VERSION to 1.5: {told}"


@pytest.mark.parametrize("told", BREAKS)
@pytest.mark.parametrize("version", ["1.4", "1.5"])
def test_what_breaks_a_reader_needs_a_new_major_and_a_new_path(told, version):
    """No minor version makes it good; what is told is what readers would run into."""
    found = objection(contract(), changed(BREAKS[told], version))
    assert found.startswith("breaking: new major and new path: ")
    assert told.partition(", lists.why")[0] in found


@pytest.mark.parametrize("told", BREAKS)
def test_a_new_major_version_needs_a_new_path_for_every_table(told):
    """Readers of the old version go on reading the old files."""
    offered = changed(BREAKS[told], "2.0")
    assert "still writes tables/lists/" in objection(contract(), offered)
    for table in offered["schema"]:
        table["physicalName"] = f"tables/v2/{table['name']}/run_date=*/part-0.parquet"
    assert objection(contract(), offered) == ""


def test_minor_versions_are_numbers():
    """1.10 comes after 1.9."""
    nine, ten = contract() | {"version": "1.9"}, contract() | {"version": "1.10"}
    assert objection(nine, ten) == ""
    assert "is older than" in objection(ten, nine)
