"""What the words of a text say in their order, in plain arrays: what the Keras layer of the same weights computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.artifact import Layout, read_arrays, write_arrays

LAYOUTS = {
    "table": Layout(np.float32, ("words", "word_size")),
    "kernel": Layout(np.float32, ("window", "word_size", "filters")),
    "bias": Layout(np.float32, ("filters",)),
}

ROWS_AT_ONCE = 2048
"""Texts read at a time: bounds what stands in memory before pooling."""


@dataclass(frozen=True)
class TextReader:
    """Every word becomes a vector, a convolution looks for patterns of neighbouring words, and pooling says how much of each there is.

    `table` holds the vectors of words, `kernel` the patterns, (window, word_size, filters), `bias` is (filters,).
    """

    table: NDArray[np.float32]
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __call__(self, words: NDArray[np.int32]) -> NDArray[np.float32]:
        """Read texts (rows, longest), -1 behind their ends; (rows, 2 * filters): the largest answer to each pattern, and the mean one.

        How far the padding goes changes nothing; a text without words becomes zeros.
        """
        read = np.zeros((len(words), 2 * len(self.bias)), np.float32)
        if words.shape[1]:
            for start in range(0, len(words), ROWS_AT_ONCE):
                read[start : start + ROWS_AT_ONCE] = self._pooled(words[start : start + ROWS_AT_ONCE])
        return read

    def save(self, file: Path) -> None:
        """Write the vectors of words and the patterns."""
        write_arrays(file, {"table": self.table, "kernel": self.kernel, "bias": self.bias})

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read back the vectors of words and the patterns."""
        return cls(**read_arrays(file, LAYOUTS))

    def _pooled(self, words: NDArray[np.int32]) -> NDArray[np.float32]:
        is_word = (words >= 0)[:, :, None]
        window, length = len(self.kernel), words.shape[1]
        before = (window - 1) // 2
        vectors = np.pad(self.table[np.maximum(words, 0)] * is_word, ((0, 0), (before, window - 1 - before), (0, 0)))
        found = sum((vectors[:, place : place + length] @ self.kernel[place] for place in range(window)), self.bias)
        found = np.maximum(found, 0) * is_word
        return np.concatenate([found.max(axis=1), found.sum(axis=1) / np.maximum(is_word.sum(axis=1), 1)], axis=1)
