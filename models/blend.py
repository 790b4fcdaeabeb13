"""Blend the scores of several models into one, with weights per user segment that anybody can read.

Every model's scores are first brought to one scale (see `models.voices`), so that no model speaks louder only because its numbers are
larger. A model that knows nothing of a user or an item abstains, and its weight goes to those that speak: all of it where it knows
nothing of the user, the share that the holdout allows where it knows nothing of the item.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray

from models.block_scores import BlockScores
from models.scorer import Family
from models.voices import AS_THEY_ARE, Voice


@dataclass(frozen=True, eq=False)
class Blend:
    """Weights of models per user segment, (segments, models) float64; each row adds up to 1.

    The mean is one of terms that `voice` makes of the models' scores: `heard` first, then `scores` or `contributions` of what it returns.
    `redistributed` is the share, 0 to 1, of a model's weight that goes to the others where it is silent of an item. The rest counts as
    a mean opinion, zero. With all of it an unknown item ranks by what the others say as if all agreed with them, with none of it close to
    the middle of the catalogue, the more so the heavier the silent models.
    """

    models: tuple[str, ...]
    families: tuple[Family, ...]
    segments: tuple[str, ...]
    weights: NDArray[np.float64]
    redistributed: float = 1.0
    voice: Voice = AS_THEY_ARE

    def __post_init__(self) -> None:
        """Refuse what is no set of weights."""
        if self.weights.shape != (len(self.segments), len(self.models)) or len(self.families) != len(self.models):
            raise ValueError(f"a blend of {self.models} for {self.segments} needs a weight for each, got {self.weights.shape}")
        if self.voice.temperatures is not None and len(self.voice.temperatures) != len(self.models):
            raise ValueError(f"a temperature for each of {self.models}, got {self.voice.temperatures}")
        if not (np.all(self.weights >= 0) and np.allclose(self.weights.sum(axis=1), 1, rtol=0, atol=1e-9)):
            raise ValueError(f"the weights of a segment are not negative and add up to 1, got {self.weights.tolist()}")
        if not 0 <= self.redistributed <= 1:
            raise ValueError(f"the share of redistributed weight is between 0 and 1, got {self.redistributed}")
        if unknown := set(self.families) - set(get_args(Family)):
            raise ValueError(f"a blend names families among {get_args(Family)}, got {sorted(unknown)}")

    def heard(self, block: BlockScores, allowed: NDArray[np.bool_]) -> BlockScores:
        """Turn a block's standardised scores into the terms this blend adds up; allowed (block, items) marks what may be shown."""
        return self.voice.of(block, allowed)

    def scores(self, block: BlockScores, segment: NDArray[np.integer]) -> NDArray[np.float32]:
        """Blend a block's scores; (block, items), -inf where no model speaks. segment (block,) indexes the rows of the weights."""
        weights = self.weights[segment]
        # Where a model is silent its z is zero: one product per user adds up what the others say, whichever they are.
        blended = np.matmul(weights.astype(np.float32)[:, None, :], block.z.transpose(1, 0, 2))[:, 0]
        counted, group = self._counted(weights, block)
        blended *= _of_items((1 / counted).astype(np.float32), group)
        if np.isinf(counted).any():
            blended[np.broadcast_to(_of_items(np.isinf(counted), group), blended.shape)] = -np.inf
        return blended

    def contributions(self, block: BlockScores, segment: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.float64]:
        """Split the blended scores of items (block, k) into what each model adds; (models, block, k), NaN where a model abstains.

        They add up to the blended score, up to its float32 rounding. Of item -1, which pads short lists, every model abstains.
        """
        weights = self.weights[segment]
        counted, group = self._counted(weights, block)
        user = np.arange(len(items))[:, None]
        counted = counted[user, group[items]]
        speaks = block.user_speaks[:, :, None] & block.item_speaks[:, items] & (items >= 0) & np.isfinite(counted)
        return np.where(speaks, weights.T[:, :, None] / counted * block.z[:, user, items], np.nan)

    def to_json(self) -> str:
        """Write the blend as JSON that reads back to the very same weights."""
        names = {"models": self.models, "families": self.families, "segments": self.segments}
        mean = {"weights": self.weights.tolist(), "redistributed": self.redistributed, "voice": asdict(self.voice)}
        return json.dumps({**names, **mean}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what `to_json` wrote."""
        content = json.loads(text)
        weights = np.array(content["weights"], np.float64).reshape(len(content["segments"]), len(content["models"]))
        models, families, segments = (tuple(content[kind]) for kind in ("models", "families", "segments"))
        scale, temperatures = content["voice"]["scale"], content["voice"]["temperatures"]
        voice = Voice(scale, None if temperatures is None else tuple(temperatures))
        return cls(models, families, segments, weights, content["redistributed"], voice)

    def _counted(self, weights: NDArray[np.float64], block: BlockScores) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Add up the weights (block, models) that count for each user and group of items, infinity where no model speaks.

        A group holds the items that the same models speak of: there are few. Returns (block, groups) and the group of each item, (items,).
        """
        first, group = item_groups(block.item_speaks)
        of_user = np.where(block.user_speaks.T, weights, 0)
        return self.counted(of_user, block.item_speaks[:, first]), group

    def counted(self, weights: NDArray[np.float64], speaks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Add up the weights that count for each user and group of items, infinity where no model speaks; (block, groups).

        weights (block, models) are zero where a model does not speak to a user; speaks (models, groups) says which speak of a group.
        """
        heard = weights @ speaks.astype(np.float64)
        silence = weights.sum(axis=1, keepdims=True) - heard
        return np.where(heard > 0, heard + (1 - self.redistributed) * silence, np.inf)


def item_groups(item_speaks: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Put items that the same models speak of, (models, items), into one group; return the first item of each and the group of every item.

    There are few: in each of them weights are counted alike.
    """
    voices = np.left_shift(1, np.arange(len(item_speaks))) @ item_speaks
    _, first, group = np.unique(voices, return_index=True, return_inverse=True)
    return first, group


def _of_items(of_groups: NDArray[np.generic], group: NDArray[np.intp]) -> NDArray[np.generic]:
    """Spread values of groups (block, groups) over their items; (block, items), or (block, 1) where all items are of one group."""
    return of_groups if of_groups.shape[1] == 1 else np.take(of_groups, group, axis=1)
