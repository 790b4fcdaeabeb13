"""Every scorer that keeps the contract, small enough for tiny worlds: a new model is one line here."""

from __future__ import annotations

from collections.abc import Callable

from models.collaborative.als import Als, AlsConfig
from models.collaborative.ease import Ease, EaseConfig
from models.collaborative.spectral import Spectral, SpectralConfig
from models.content.towers import Towers, TowersConfig
from models.knowledge.popularity import Popularity, PopularityConfig
from models.scorer import Scorer

SCORERS: dict[str, Callable[[], Scorer]] = {
    "ease": lambda: Ease(EaseConfig(reg=2.0)),
    "spectral": lambda: Spectral(SpectralConfig(neighbours=12, rank=4)),
    "als": lambda: Als(AlsConfig(embedding_size=6, iterations=4)),
    "towers": lambda: Towers(TowersConfig(embedding_size=8, hidden=(16,), batch_size=64, learning_rate=0.01)),
    "popularity": lambda: Popularity(PopularityConfig(half_life_days=30.0, pseudo_counts=10.0)),
}

ORDERLESS = ("ease", "spectral", "als", "popularity")
"""Models that learn the same, rounding aside, in whatever order users are numbered; those that draw batches do not."""
