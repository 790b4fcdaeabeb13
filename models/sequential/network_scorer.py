"""Any sequence network as a scorer: it learns from the likes of users in their order, and looks at the latest of them to score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from models.artifact import Layout, write_config
from models.scorer import Family, Progress, TrainingData, UserBlock, silent
from models.sequential.item_vectors import first_items, with_new_items
from models.sequential.learned import Learned
from models.sequential.stretches import Sequences
from models.sequential.training_config import TrainingConfig
from models.sizes import COMPILED, PER_LIKE, Needs, Sizes, vectors

if TYPE_CHECKING:
    from models.sequential.sequence_training import Encode

Config = TypeVar("Config", bound=BaseModel)
Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Network:
    """What one sequence network does unlike another; it looks at the `last` likes of users and learns from `stretch` likes in one go."""

    embedding_size: int
    last: int
    stretch: int
    training: TrainingConfig

    first_weights: Callable[[NDArray[np.float32], int], Weights]
    """Takes the items' vectors to start from and a seed; returns the weights before training."""

    state: Callable[[Weights, NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]
    """Takes weights, latest likes (block, last, size) and which are known (block, last); returns the users' states, (block, size)."""

    encode: Callable[[], Encode]
    """Loads TensorFlow and returns the same network as it learns."""

    layouts: Mapping[str, Layout]
    """What the weights beside those of the items look like."""


class NetworkScorer(Generic[Config]):
    """A sequence network that has learned; who inherits from it only says which network that is."""

    name: ClassVar[str]
    family: ClassVar[Family] = "sequential"

    def __init__(self, config: Config, network: Network) -> None:
        self.config, self.network = config, network

    @property
    def knows_item(self) -> NDArray[np.bool_]:
        """Mark the items liked before or after another one; (items,)."""
        return self._learned.knows_item

    def knows_user(self, users: UserBlock) -> NDArray[np.bool_]:
        """Mark the users with a known item among their latest likes; (block,)."""
        return self._learned.knows_user(users, self.network.last)

    def fit(self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Train the network on every like that follows another one; where interactions carry no times there are none."""
        network, sequences = self.network, Sequences.of(data.interactions)
        start = network.first_weights(first_items(data.interactions, sequences, network.embedding_size, seed), seed)
        return self._train(start, sequences, network.training, seed, progress)

    def fit_from(self, judged: Self, data: TrainingData, seed: int, progress: Progress = silent) -> Self:
        """Train on from what another one learned, with a share of the batches; an item new to it starts amid what was liked next to it."""
        sequences, learned = Sequences.of(data.interactions), judged._learned
        start = {**learned.weights, "items": with_new_items(learned.weights["items"], learned.knows_item, sequences)}
        return self._train(start, sequences, self.network.training.warm(), seed, progress)

    def _train(self, start: Weights, sequences: Sequences, config: TrainingConfig, seed: int, progress: Progress) -> Self:
        from models.sequential.sequence_training import train  # loads TensorFlow

        network = self.network
        weights, losses = train(network.encode(), start, sequences, network.stretch, config, seed, self.name, progress)
        self._learned = Learned(weights, sequences.likes_of_items > 0, np.array(losses, np.float64))
        return self

    def renumbered(self, then: NDArray[np.intp]) -> Self:
        """Return the same model behind another numbering of items; `then` (items,) holds the number of each so far, -1 for new ones."""
        moved = type(self)(self.config)  # type: ignore[call-arg]  # which network it is, the class knows
        moved._learned = self._learned.renumbered(then)
        return moved

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Return the items' vectors and, in the last column, how often each follows anyway; zero for items never met; (items, size + 1)."""
        return self._learned.weights["items"] * self._learned.knows_item[:, None]

    def user_factors(self, users: UserBlock) -> NDArray[np.float32]:
        """Return the states of users, the last column one, zero for users without a known like; (block, size + 1)."""
        liked, known = self._learned.latest(users, self.network.last)
        states = self.network.state(self._learned.weights, liked, known)
        return np.column_stack([states, np.ones(len(states), np.float32)]) * known.max(axis=1)[:, None]

    def score(self, users: UserBlock) -> NDArray[np.float32]:
        """Multiply the states of users with all items; (block, items)."""
        return self.user_factors(users) @ self.item_factors.T

    def similarity(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the cosine between the vectors of items; (items, others)."""
        return self._learned.similarity(items, others)

    def needs(self, sizes: Sizes) -> Needs:
        """The items' vectors with what Adam remembers, the likes in their order, and one step's scores."""
        training, width = self.network.training, self.network.embedding_size + 1
        compared = sizes.n_items if sizes.n_items <= training.full_softmax_items else training.negatives
        learned = 8 * vectors(sizes.n_items, width) + vectors(training.batch_size * self.network.stretch, compared)
        return Needs(COMPILED + learned + PER_LIKE * sizes.n_events, vectors(sizes.n_items, width))

    def curves(self) -> dict[str, list[float]]:
        """Return the mean loss of each epoch."""
        return {"loss": self._learned.losses.tolist()}

    def save(self, folder: Path) -> None:
        """Write the network."""
        write_config(folder, self.name, self.config)
        self._learned.save(folder)

    def with_weights_of(self, folder: Path) -> Self:
        """Take what was learned from a folder instead of learning it."""
        self._learned = Learned.load(folder, self.network.layouts)
        return self
