"""The ways in which a model's scores can enter a weighted mean: as they are, as probabilities, their logarithms, or ranks.

A voice turns the standardised scores of a block into terms that a `Blend` adds up. Probabilities and ranks are taken among the items a
user may be shown: what is masked holds no mass and takes no place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.block_scores import BlockScores
from models.top_k import top_k

Scale = Literal["standardised", "probability", "log_probability", "reciprocal_rank"]

PLACES = 200
"""Places of a model's list that count when ranks are added up; further down ranks say nothing."""

RANK_OFFSET = 60.0
"""How gently reciprocal ranks fall (Cormack, Clarke and Buettcher 2009)."""


@dataclass(frozen=True)
class Voice:
    """How scores enter the mean.

    `temperatures`, one a model, divide standardised scores before their softmax. Without them the softmax is taken of the scores as
    the models gave them: then whichever model deals in the largest numbers rules.
    """

    scale: Scale = "standardised"
    temperatures: tuple[float, ...] | None = None

    def of(self, block: BlockScores, allowed: NDArray[np.bool_]) -> BlockScores:
        """Return the block with its terms in place of `z`; allowed (block, items) marks what each user may be shown."""
        if self.scale == "standardised":
            return block
        terms = np.zeros_like(block.z)
        for model in range(len(terms)):
            spoken = block.speaks(model) & allowed
            if self.scale == "reciprocal_rank":
                _add_reciprocal_ranks(np.where(spoken, block.z[model], np.float32(-np.inf)), terms[model])
                continue
            factor = block.deviation[model][:, None] if self.temperatures is None else np.float32(1 / self.temperatures[model])
            log_share = log_softmax(np.where(spoken, block.z[model] * factor, np.float32(-np.inf)))
            terms[model][spoken] = (np.exp(log_share) if self.scale == "probability" else log_share)[spoken]
        return replace(block, z=terms)


AS_THEY_ARE = Voice()
"""Standardised scores are averaged as they are."""


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of each row's softmax, (rows, items); -inf has no share, and a row of nothing else stays as it is."""
    largest = logits.max(axis=1, keepdims=True, initial=np.float32(-np.inf))
    shifted = logits - np.where(np.isfinite(largest), largest, np.float32(0))
    total = np.exp(shifted).sum(axis=1, keepdims=True, dtype=np.float64)
    return shifted - np.log(np.where(total > 0, total, 1)).astype(np.float32)


def _add_reciprocal_ranks(scores: NDArray[np.float32], terms: NDArray[np.float32]) -> None:
    items, _ = top_k(scores, min(PLACES, max(1, scores.shape[1])))
    row, rank = np.nonzero(items >= 0)
    terms[row, items[row, rank]] = (1 / (RANK_OFFSET + 1 + rank)).astype(np.float32)
