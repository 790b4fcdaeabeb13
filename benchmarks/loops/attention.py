"""Self-attention over the likes of a user."""

from __future__ import annotations

from benchmarks.loops.sequence import first_vectors, sequence_loop
from benchmarks.loops.twin import EPOCHS, NO_LIMIT, SEED, Loop
from models.scorer import TrainingData
from models.sequential.attention import Attention, AttentionConfig, first_weights
from models.sequential.attention_network import encode
from models.sequential.training_config import TrainingConfig


def loop(data: TrainingData) -> Loop:
    """Return the loop on all likes in their order."""
    config = AttentionConfig(training=TrainingConfig(epochs=EPOCHS, max_steps=NO_LIMIT))
    start = first_weights(first_vectors(data, config.embedding_size), config, SEED)
    return sequence_loop(Attention(config), encode, start, config.last, config.training, data)
