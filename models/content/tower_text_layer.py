"""The layer that learns to read texts; importing this module loads TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from models.content.tower_text import TextReader
from models.scorer import WORDS

AWAKE = keras.initializers.Constant(0.1)
"""Where patterns start: at zero, where all words start, the rectifier would let no gradient through."""


@keras.saving.register_keras_serializable(package="nightly")
class WordConvolution(keras.layers.Layer):
    """Words (batch, longest) int32, -1 behind the end -> (batch, 2 * filters): largest and mean answer to each pattern of words.

    Words are numbers below `WORDS`. They start as zeros: words that training never met cannot be told from each other, nor mislead.
    """

    def __init__(self, filters: int, word_size: int, window: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if min(filters, word_size, window) < 1:
            raise ValueError(f"filters, word_size and window are 1 at least, got {filters}, {word_size} and {window}")
        self.filters, self.word_size, self.window, self.seed = filters, word_size, window, seed

    def build(self, _input_shape: tuple[int | None, ...]) -> None:
        start = keras.initializers.GlorotUniform(self.seed)
        self.table = self.add_weight(name="table", shape=(WORDS, self.word_size), initializer="zeros")
        self.kernel = self.add_weight(name="kernel", shape=(self.window, self.word_size, self.filters), initializer=start)
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer=AWAKE)

    def call(self, words: Any) -> Any:
        """Look up, convolve, and pool over the words that are there."""
        is_word = ops.cast(words >= 0, self.compute_dtype)[:, :, None]
        vectors = ops.take(self.table, ops.maximum(words, 0), axis=0) * is_word
        # No answer is below zero, so that what stands behind the end, set to zero, is never the largest.
        found = ops.relu(ops.conv(vectors, self.kernel, padding="same") + self.bias) * is_word
        mean = ops.sum(found, axis=1) / ops.maximum(ops.sum(is_word, axis=1), 1)
        return ops.concatenate([ops.max(found, axis=1), mean], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return what makes such a layer; weights are not part of it."""
        own = {"filters": self.filters, "word_size": self.word_size, "window": self.window, "seed": self.seed}
        return {**super().get_config(), **own}

    def reader(self) -> TextReader:
        """Return what was learned in plain arrays."""
        return TextReader(*self.get_weights())
