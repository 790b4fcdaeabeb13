"""Claims about `tasks.policies.evidence`: what the masks keep from lists is what the promises find in them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from tasks.policies.build import build_policies
from tasks.policies.config import PoliciesConfig
from tasks.policies.evidence import write_evidence
from tasks.warehouse import open_warehouse

IDS = {"user_id": "integer", "item_id": "integer"}


def violations(at, config: PoliciesConfig, promise: str) -> list[dict]:
    """Recommend everything to everybody and return what a promise finds."""
    user, item = (part.ravel() for part in np.meshgrid(np.arange(1, 5), np.arange(1, 6), indexing="ij"))
    everything = at.night.staging / "everything.parquet"
    pq.write_table(pa.table({"user_id": user, "item_id": item, "variant": pa.nulls(len(user), pa.string())}), everything)
    available = {**write_evidence(at.night, {None: config}, IDS), "recommendations": str(everything)}
    asked = {"caps_are_kept": {"policy_rules", "item_values"}}.get(promise, {"policy_rules", "item_values", "user_values"})
    parameters = {name: available[name] for name in (*asked, "recommendations")}
    with open_warehouse(at.night) as warehouse:
        return warehouse.rows(f"promises.{promise}", **parameters)


COUNTRY = {"name": "country", "match": {"user": "Country", "item": "ships_to"}}
AGE = {"name": "age", "item": "AGE=18", "user": "adult=Yes"}


@pytest.mark.parametrize(
    "rules", [[COUNTRY], [{**COUNTRY, "missing": "refuse"}], [AGE], [{**AGE, "missing": "refuse"}], [AGE, {**COUNTRY, "missing": "refuse"}]]
)
def test_the_promise_on_eligibility_finds_just_what_the_mask_keeps_out(prepared_for, rules):
    """Two readings of one sentence, in SQL and in NumPy, for every user and item."""
    config = PoliciesConfig(eligibility=rules)
    at = prepared_for(config)
    policies = build_policies(at.night, at.known, config, seen=sp.csr_matrix((4, 5), dtype=np.float32))
    found = {(row["user_id"], row["item_id"]) for row in violations(at, config, "only_eligible_items_are_recommended")}
    assert found == {(user + 1, item + 1) for user, item in zip(*np.nonzero(policies.ineligible[policies.kind]), strict=True)}
    assert found


def test_the_promise_on_blocks_finds_just_what_the_mask_keeps_out(prepared_for):
    """Items that nobody is shown, and those that some are not."""
    config = PoliciesConfig(own_items="seller", blocks={"items": ["3"], "users_attribute": "hides", "items_attribute": "not_for"})
    at = prepared_for(config)
    policies = build_policies(at.night, at.known, config, seen=sp.csr_matrix((4, 5), dtype=np.float32))
    kept_out = (policies.barred.toarray() > 0) | (policies.closed > 0)
    found = violations(at, config, "nothing_blocked_is_recommended")
    assert {(row["user_id"], row["item_id"]) for row in found} == {
        (user + 1, item + 1) for user, item in zip(*np.nonzero(kept_out), strict=True)
    }
    assert {row["rule"] for row in found} == {"own_items", "blocks.items", "blocks.users_attribute", "blocks.items_attribute"}


def test_the_promise_on_caps_counts_what_the_groups_count(prepared_for):
    """Of everything, two items are comedies and two dramas; one of each is too many where one is allowed."""
    config = PoliciesConfig(caps=[{"name": "genres", "by": "Genres", "most": 1}])
    found = violations(prepared_for(config), config, "caps_are_kept")
    assert {(row["value"], row["n_items"]) for row in found} == {("comedy", 2), ("drama", 2)}
    assert len(found) == 8


def test_without_policies_promises_have_nothing_to_prove(prepared_for):
    """The tables they ask for are there, with no rows."""
    config = PoliciesConfig()
    at = prepared_for(config)
    for promise in ("caps_are_kept", "nothing_blocked_is_recommended", "only_eligible_items_are_recommended"):
        assert violations(at, config, promise) == []
