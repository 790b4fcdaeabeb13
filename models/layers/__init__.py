"""Keras layers for recommenders, one a file; TensorFlow loads with the first layer that is asked for, not with this package."""

from __future__ import annotations

import importlib
from typing import Any

HOMES = {
    "CollaborativeUserItemEmbedding": "collaborative_user_item_embedding",
    "CosineSimilarityExplainer": "cosine_similarity_explainer",
    "DeepFeatureRanking": "deep_feature_ranking",
    "DeepFeatureTower": "deep_feature_tower",
    "GreatCircleProximity": "great_circle_proximity",
    "LearnableWeightedCombination": "learnable_weighted_combination",
    "NormalizedDotProductSimilarity": "normalized_dot_product_similarity",
    "TopKRecommendationSelector": "top_k_recommendation_selector",
    "YsMean": "ys_mean",
}
"""Layer -> module of this package."""


def __getattr__(name: str) -> Any:
    """Import a layer on first use (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
