"""Whole recommenders made of the layers: from ids and features to the best of each user's candidates."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras

from models.layers.collaborative_user_item_embedding import CollaborativeUserItemEmbedding
from models.layers.deep_feature_ranking import DeepFeatureRanking
from models.layers.deep_feature_tower import DeepFeatureTower
from models.layers.great_circle_proximity import GreatCircleProximity
from models.layers.learnable_weighted_combination import LearnableWeightedCombination
from models.layers.normalized_dot_product_similarity import NormalizedDotProductSimilarity
from models.layers.recommender_model import RecommenderModel
from models.layers.seeds import seeds
from models.layers.top_k_recommendation_selector import TopKRecommendationSelector


class Pipeline(NamedTuple):
    """Two models over the same layers and the same dictionary of inputs.

    Every input is named: `user_id` (batch, 1), `item_id` (batch, candidates) and `item_mask` (batch, candidates), which is false for
    padding and for what must not be recommended.
    """

    scorer: RecommenderModel
    """-> scores (batch, candidates), -inf where masked; train this one, with `CandidateSoftmax`, say."""

    recommender: RecommenderModel
    """-> item ids and scores, (batch, k) each, best first; -1 and -inf where candidates run out."""


def collaborative_pipeline(
    num_users: int,
    num_items: int,
    num_candidates: int,
    embedding_dim: int = 32,
    l2_reg: float = 1e-4,
    k: int = 10,
    seed: int | None = None,
) -> Pipeline:
    """Return the recommender that knows ids alone: their vectors, the cosine of both, the k best candidates."""
    inputs = id_inputs(num_candidates)
    embedding = CollaborativeUserItemEmbedding(num_users, num_items, embedding_dim, l2_reg, seed)
    users, items = embedding([inputs["user_id"], inputs["item_id"]], item_mask=inputs["item_mask"])
    return pipeline(inputs, NormalizedDotProductSimilarity(name="collaborative")([users, items]), k)


def hybrid_pipeline(
    num_users: int,
    num_items: int,
    num_candidates: int,
    user_features: int,
    item_features: int,
    third: Literal["deep", "nearby"] = "deep",
    length_km: float = 10.0,
    embedding_dim: int = 32,
    k: int = 10,
    seed: int | None = None,
) -> Pipeline:
    """Return the recommender that blends ids, features and a third score, by shares it learns.

    The two further inputs are `user_features` (batch, user_features) and `item_features` (batch, candidates, item_features). The third
    score is that of a network over both (`deep`), or how near an item is (`nearby`), for which `user_place` (batch, 2) and `item_place`
    (batch, candidates, 2) are given in degrees. All three scores lie between -1 and 1, so that the shares compare like with like.
    With a `seed`, what it starts from and what dropout hides depend on nothing else.
    """
    inputs = id_inputs(num_candidates)
    inputs["user_features"] = keras.Input((user_features,), name="user_features")
    inputs["item_features"] = keras.Input((num_candidates, item_features), name="item_features")
    drawn = seeds(seed)
    embedding = CollaborativeUserItemEmbedding(num_users, num_items, embedding_dim, seed=next(drawn))
    by_ids = NormalizedDotProductSimilarity(name="collaborative")(
        embedding([inputs["user_id"], inputs["item_id"]], item_mask=inputs["item_mask"])
    )
    user_tower, item_tower = (DeepFeatureTower(embedding_dim, seed=next(drawn), name=f"{whose}_tower") for whose in ("user", "item"))
    by_features = NormalizedDotProductSimilarity(name="content")([user_tower(inputs["user_features"]), item_tower(inputs["item_features"])])
    if third == "deep":
        scored = DeepFeatureRanking(embedding_dim, seed=next(drawn))([inputs["user_features"], inputs["item_features"]])
        third_score = keras.layers.Activation("tanh", name="third")(scored)
    elif third == "nearby":
        inputs["user_place"] = keras.Input((2,), name="user_place")
        inputs["item_place"] = keras.Input((num_candidates, 2), name="item_place")
        near = GreatCircleProximity(length_km)([inputs["user_place"], inputs["item_place"]])
        third_score = keras.layers.Rescaling(2.0, offset=-1.0, name="third")(near)
    else:
        raise ValueError(f"third must be 'deep' or 'nearby', got {third!r}")
    return pipeline(inputs, LearnableWeightedCombination(3, name="blend")([by_ids, by_features, third_score]), k)


def id_inputs(num_candidates: int) -> dict[str, Any]:
    """Return the inputs every pipeline has."""
    return {
        "user_id": keras.Input((1,), dtype="int64", name="user_id"),
        "item_id": keras.Input((num_candidates,), dtype="int64", name="item_id"),
        "item_mask": keras.Input((num_candidates,), dtype="bool", name="item_mask"),
    }


def pipeline(inputs: dict[str, Any], scores: Any, k: int) -> Pipeline:
    """Mask scores (batch, candidates), select the k best, and make models of both."""
    masked = keras.ops.where(inputs["item_mask"], scores, -float("inf"))
    best = TopKRecommendationSelector(k)(masked, item_ids=inputs["item_id"])
    return Pipeline(RecommenderModel(inputs, masked), RecommenderModel(inputs, list(best)))
