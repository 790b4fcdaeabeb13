"""Every scorer that keeps the contract, small enough for tiny worlds: a new model is one line here."""

from __future__ import annotations

from collections.abc import Callable

from models.collaborative.als import Als, AlsConfig
from models.collaborative.bpr import Bpr, BprConfig
from models.collaborative.ease import Ease, EaseConfig
from models.collaborative.matrix_factorization import MatrixFactorization, MatrixFactorizationConfig
from models.collaborative.nmf import Nmf, NmfConfig
from models.collaborative.spectral import Spectral, SpectralConfig
from models.content.content_knn import ContentKnn, ContentKnnConfig
from models.content.hybrid_bpr import HybridBpr, HybridBprConfig
from models.content.towers import Towers, TowersConfig
from models.knowledge.popularity import Popularity, PopularityConfig
from models.knowledge.trending import Trending, TrendingConfig
from models.scorer import Scorer
from models.sequential.attention import Attention, AttentionConfig
from models.sequential.next_item import NextItem, NextItemConfig
from models.sequential.training_config import TrainingConfig
from models.sequential.transitions import Transitions, TransitionsConfig

BRIEF = TrainingConfig(epochs=12, batch_size=8, learning_rate=0.01)
"""Enough for a network to learn a tiny world."""

SCORERS: dict[str, Callable[[], Scorer]] = {
    "ease": lambda: Ease(EaseConfig(reg=2.0)),
    "spectral": lambda: Spectral(SpectralConfig(neighbours=12, rank=4)),
    "als": lambda: Als(AlsConfig(embedding_size=6, iterations=4)),
    "nmf": lambda: Nmf(NmfConfig(embedding_size=4)),
    "content_knn": lambda: ContentKnn(ContentKnnConfig(embedding_size=6)),
    "matrix_factorization": lambda: MatrixFactorization(MatrixFactorizationConfig(embedding_size=4, batch_size=64, epochs=20)),
    "bpr": lambda: Bpr(BprConfig(embedding_size=4, negatives=4, chunk_size=8, batch_size=16)),
    "hybrid_bpr": lambda: HybridBpr(HybridBprConfig(embedding_size=8, negatives=4, chunk_size=8, batch_size=16, epochs=20)),
    "towers": lambda: Towers(TowersConfig(embedding_size=8, hidden=(16,), batch_size=64, learning_rate=0.01)),
    "next_item": lambda: NextItem(NextItemConfig(embedding_size=8, hidden=(8,), recency_decay=1, stretch=12, training=BRIEF)),
    "attention": lambda: Attention(AttentionConfig(embedding_size=8, hidden=16, recency_decay=1, last=12, training=BRIEF)),
    "transitions": lambda: Transitions(TransitionsConfig(recency_decay=1, fading_days=None)),
    "popularity": lambda: Popularity(PopularityConfig(half_life_days=30.0, pseudo_counts=10.0)),
    "trending": lambda: Trending(TrendingConfig()),
}

IMPERSONAL = ("trending",)
"""Models that tell everybody the same: of them nobody expects that they know a taste."""

ORDERLESS = ("ease", "spectral", "als", "nmf", "content_knn", "transitions", "popularity", "trending")
"""Models that learn the same, rounding aside, in whatever order users are numbered; those that draw batches do not."""

LASTING = ("ease", "spectral", "als", "next_item", "attention", "transitions")
"""Models that learn from interactions alone and can be brought to another numbering of items."""

WARM = ("als", "next_item", "attention")
"""Models that go on from what another one learned."""
