"""Claims about what the metrics table says of an experiment."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import sql
from tasks.experiment.assignment import variant_names, variant_of_users
from tasks.experiment.config import ExperimentConfig, VariantConfig
from tasks.experiment.rows import difference_rows, range_rows, split_rows, users_of_variants
from tasks.tables import TABLES

DAY = date(2026, 1, 5)
CONFIG = ExperimentConfig(
    name="spring", variants=tuple(VariantConfig(name=name, share=share) for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)))
)


def test_users_and_shares_are_told_of_each_variant_and_their_ratio_of_all() -> None:
    counts = users_of_variants(np.array([0, 0, 0, 1, 2, 0] * 10, np.int8), CONFIG)
    assert counts == (40, 10, 10)
    told = {(row["segment"], row["metric"]): (row["value"], row["n_users"]) for row in split_rows(DAY, CONFIG, counts)}
    p_value, n_users = told.pop(("__all__", "sample_ratio_p"))
    assert p_value == pytest.approx(np.exp(-65 / 18))  # 100 / 30 + 64 / 18 + 4 / 12 = 65 / 9, with 2 degrees of freedom
    assert n_users == 60
    assert told == {
        ("variant: a", "users"): (40, 40), ("variant: a", "share"): (0.5, 40), ("variant: b", "users"): (10, 10),
        ("variant: b", "share"): (0.3, 10), ("variant: c", "users"): (10, 10), ("variant: c", "share"): (0.2, 10),
    }  # fmt: skip


def test_a_planted_difference_is_told_with_its_interval_and_what_could_be_noticed() -> None:
    """The variant that is better by 0.1 is found, the one that is the control's twin is not; each against the control."""
    rng = np.random.default_rng(4)
    values = {"a": rng.random(5000), "b": rng.random(3000) + 0.1, "c": rng.random(2000)}
    told = {(row["segment"], row["metric"]): row for row in difference_rows(DAY, "ndcg", 10, values)}
    better, same = told["variant: b", "ndcg_difference"], told["variant: c", "ndcg_difference"]
    assert 0 < better["low"] < better["value"] < better["high"]
    assert same["low"] < 0 < same["high"]
    assert (better["n_users"], better["k"]) == (8000, 10)
    least = told["variant: b", "ndcg_detectable_difference"]
    assert least["value"] == pytest.approx(2.8016 * np.sqrt((1 / 12) * (1 / 5000 + 1 / 3000)), rel=0.03)
    assert len(told) == 4


def test_too_few_users_make_no_rows() -> None:
    assert difference_rows(DAY, "ndcg", 10, {"a": np.ones(3), "b": np.zeros(0)}) == []
    (row,) = difference_rows(DAY, "ndcg", 10, {"a": np.ones(3), "b": np.zeros(1)})
    assert (row["metric"], row["value"], row["low"]) == ("ndcg_difference", -1.0, None)


def test_rows_fit_the_table_and_tell_others_the_rule() -> None:
    """From the published ranges and the salt alone, the published select finds everybody's variant again; no key occurs twice."""
    user_ids = pa.array([f"user {number}" for number in range(500)])
    variant = variant_of_users(user_ids, CONFIG)
    counts = users_of_variants(variant, CONFIG)
    rows = split_rows(DAY, CONFIG, counts) + range_rows(DAY, CONFIG, counts)
    rows += difference_rows(DAY, "ndcg", 10, {name: np.arange(5.0) for name in CONFIG.names})
    schema = TABLES["metrics"].schema({}, {"run_id": "night"})
    metrics = pa.Table.from_pylist(rows).select(schema.names).cast(schema)
    keys = metrics.group_by(list(TABLES["metrics"].key)).aggregate([])
    assert keys.num_rows == metrics.num_rows
    with duckdb.connect() as reader:
        reader.register("metrics", metrics)
        reader.register("users", pa.table({"user_id": user_ids}))
        reader.execute(PUBLISHED_RANGES)
        found = reader.sql(sql.read("experiment.variant_of_a_user"), params={"salt": "spring"}).to_arrow_table()
    told = dict(zip(found["user_id"].to_pylist(), found["variant"].to_pylist(), strict=True))
    assert told == dict(zip(user_ids.to_pylist(), variant_names(variant, CONFIG).to_pylist(), strict=True))


PUBLISHED_RANGES = """
create view variants as
select
    replace(segment, 'variant: ', '') as variant,
    max(value) filter (where metric = 'point_from') as point_from,
    max(value) filter (where metric = 'point_below') as point_below
from metrics
where ranking like 'experiment %' and metric in ('point_from', 'point_below')
group by segment, k
"""
