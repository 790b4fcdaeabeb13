"""What promises about policies are proven by: the rules as rows, beside the values that `prepare` kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.night import Night
from tasks.policies.config import PoliciesConfig, named_by
from tasks.policies.sections import Value
from tasks.prepare.named_values import values_file, values_schema
from tasks.storage import make_folders

RULES = pa.schema(
    [
        ("kind", pa.string()),
        ("name", pa.string()),
        ("variant", pa.string()),
        ("item_attribute", pa.string()),
        ("item_value", pa.string()),
        ("user_attribute", pa.string()),
        ("user_value", pa.string()),
        ("is_strict", pa.bool_()),
        ("most", pa.int32()),
    ]
)
"""One row per rule that the published tables alone can prove: its kind, its name in the settings, and what it says.

A rule without a variant holds for everybody.
"""


def write_evidence(night: Night, policies: Mapping[str | None, PoliciesConfig], id_types: Mapping[Any, str]) -> dict[str, str]:
    """Write the rules of every variant as a table; returns the names by which promises ask for it and for the values, and the files."""
    folder, training = night.staging / "policies", night.staging / "training"
    make_folders(folder)
    rules = folder / "rules.parquet"
    rows = [{**row, "variant": variant} for variant, config in policies.items() for row in rule_rows(config)]
    pq.write_table(pa.Table.from_pylist(rows, schema=RULES), rules)
    names = named_by(policies.values())
    found = {"policy_rules": str(rules)}
    for kind, named in (("item", names.items), ("user", names.users)):
        path = values_file(training, kind)  # type: ignore[arg-type]  # of two words
        if not named:
            path = values_file(folder, kind)  # type: ignore[arg-type]
            id_type = pa.int64() if id_types[f"{kind}_id"] == "integer" else pa.string()
            pq.write_table(values_schema(kind, id_type).empty_table(), path)  # type: ignore[arg-type]
        found[f"{kind}_values"] = str(path)
    return found


def rule_rows(config: PoliciesConfig) -> Iterator[dict[str, Any]]:
    """Yield the rules that lists can be held against, attributes and values in lower case, ids as they are."""
    blocks = config.blocks
    yield from ({"kind": "blocked_item", "name": "blocks.items", "item_value": item} for item in blocks.items)
    if config.own_items:
        yield {"kind": "users_of_item", "name": "own_items", "item_attribute": config.own_items.lower()}
    if blocks.items_attribute:
        yield {"kind": "users_of_item", "name": "blocks.items_attribute", "item_attribute": blocks.items_attribute.lower()}
    if blocks.users_attribute:
        yield {"kind": "items_of_user", "name": "blocks.users_attribute", "user_attribute": blocks.users_attribute.lower()}
    for cap in config.caps:
        yield {"kind": "cap", "name": f"caps.{cap.name}", "item_attribute": cap.by.lower(), "most": cap.most}
    for rule in config.eligibility:
        yield {
            "kind": "eligibility",
            "name": f"eligibility.{rule.name}",
            "item_attribute": rule.item_attribute,
            "item_value": Value.of(rule.item).value if rule.item else None,
            "user_attribute": rule.user_attribute,
            "user_value": Value.of(rule.user).value if rule.user else None,
            "is_strict": rule.missing == "refuse",
        }
