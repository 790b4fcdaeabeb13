"""Claims about `tasks.evaluate` and what becomes of its finding: a blend that loses is not served."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks import trial
from tasks.champion import since_then
from tasks.rankings import rank
from tasks.shop import write_delivery
from tests.conftest import SMALL_SHOP

LOSING = """
[train]
models = ["ease", "popularity"]

[blend]
method = "weighted_mean"
weights = {ease = 0.0, popularity = 1.0}
compare = ["z_mean"]

[gate]
min_new_users = 30

[gate.intervals]
confidence = 0.6
"""


@pytest.fixture
def fallen_back(workspace, shop, run):
    """Publish a night whose blend is told to hear popularity alone, though EASE knows better."""
    workspace.settings_file.write_text(LOSING)
    day = SMALL_SHOP.delivery_dates[0]
    write_delivery(shop, day, workspace.root / "inbox")
    ending = run(workspace, day)
    assert ending.ending == "published", ending.reason
    return workspace, ending, day


def test_a_blend_that_loses_to_a_single_model_is_not_served(fallen_back):
    """The gate says so, the published weights are that model's, and so is the blend kept with the models."""
    workspace, ending, day = fallen_back
    assert ending.reason.startswith("the blend loses to ease, which is served alone")
    weights = pq.read_table(workspace.table("weights", day)).to_pylist()
    warm = {row["model"]: row["weight"] for row in weights if row["segment"] == "20+ likes"}
    assert warm["ease"] > 0.999
    kept = json.loads((workspace.models / ending.model_version / "blend.json").read_text())
    assert kept["weights"][-1][kept["models"].index("ease")] > 0.999


def test_every_kind_of_blend_and_newcomers_are_measured_beside_the_models(fallen_back):
    """The metrics hold the compared blends for everybody, and all rankings for users whose history was hidden."""
    workspace, _, day = fallen_back
    metrics = pq.read_table(workspace.table("metrics", day)).to_pylist()
    rankings = {segment: {row["ranking"] for row in metrics if row["segment"] == segment} for segment in ("__all__", "0 likes")}
    assert {"blend", "z_mean", "ease", "popularity"} <= rankings["__all__"]
    assert {"blend", "z_mean", "ease", "popularity"} <= rankings["0 likes"]
    of_new = {row["ranking"]: row["value"] for row in metrics if (row["segment"], row["metric"], row["k"]) == ("0 likes", "recall", 10)}
    assert of_new["blend"] == of_new["popularity"] > of_new["ease"] == 0


def test_a_night_that_compares_no_other_blends_is_measured_all_the_same(workspace, shop, run):
    """Without blends to compare, the metrics hold the published one and the models."""
    workspace.settings_file.write_text(LOSING.replace('["z_mean"]', "[]"))
    day = SMALL_SHOP.delivery_dates[0]
    write_delivery(shop, day, workspace.root / "inbox")
    ending = run(workspace, day)
    assert ending.ending == "published", ending.reason
    metrics = pq.read_table(workspace.table("metrics", day)).to_pylist()
    assert {row["ranking"] for row in metrics} == {"blend", "ease", "popularity"}


def test_a_model_that_is_served_alone_is_compared_with_the_served_table(fallen_back, shop, run, monkeypatch):
    """Its lists, not those of the blend that lost to it, are set beside what the night before served."""
    workspace, _, _ = fallen_back
    ranked, compared = [], []

    def watched_rank(judge, *how, **more):
        found = rank(judge, *how, **more)
        ranked.append((tuple(scorer.name for scorer in judge.scorers), found.fresh))
        return found

    def watched_since_then(lists, *others):
        compared.append(np.concatenate(lists))
        return since_then(lists, *others)

    monkeypatch.setattr(trial, "rank", watched_rank)
    monkeypatch.setattr(trial, "since_then", watched_since_then)
    day = SMALL_SHOP.delivery_dates[1]
    write_delivery(shop, day, workspace.root / "inbox")
    ending = run(workspace, day)
    assert ending.reason.startswith("the blend loses to ease, which is served alone")
    of_models = {models: fresh for models, fresh in ranked if fresh}
    assert {models: set(fresh) for models, fresh in of_models.items()} == {("ease", "popularity"): {"blend"}, ("ease",): {"ease"}}
    np.testing.assert_array_equal(compared[0], np.concatenate(of_models[("ease",)]["ease"]))
    assert "yesterday" in {row["ranking"] for row in pq.read_table(workspace.table("metrics", day)).to_pylist()}
