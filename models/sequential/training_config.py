"""How long sequence networks learn, from what, and how cautiously."""

from __future__ import annotations

from pydantic import BaseModel, Field


class TrainingConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How a sequence network learns; every like of every sequence is one thing to learn from."""

    ahead: int = Field(5, ge=1)
    """Likes to foresee after each like: what comes soon says nearly as much of taste as what comes next, and is more."""

    ahead_decay: float = Field(0.7, gt=0, le=1)
    """What a like to foresee still counts for each further step away."""

    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of the numbers hidden inside the network while it learns: what keeps it from learning single sequences by heart."""

    learning_rate: float = Field(3e-3, gt=0)
    """Step size of Adam at its highest; it falls to zero along a cosine."""

    batch_size: int = Field(32, ge=1)
    """Stretches of sequences learned from at a time, each as long as the network looks back."""

    epochs: int = Field(4, ge=1)
    """How often every like is learned from, at most."""

    max_steps: int = Field(600, ge=1)
    """Batches learned from, at most: where likes are many, an epoch shows only as many as an equal part of these can hold."""

    warm_share: float = Field(0.15, gt=0, le=1)
    """Share of the batches that a network learns from which starts as one that has learned from all but the newest likes."""

    full_softmax_items: int = Field(8000, ge=0)
    """Largest catalogue of which every item is compared with what follows; beyond it some are drawn."""

    negatives: int = Field(1024, ge=1)
    """Items drawn for each batch where the catalogue is larger than that."""

    def warm(self) -> TrainingConfig:
        """Return how to learn on: fewer batches, and steps as much smaller, for what is known already must not be shaken."""
        share = self.warm_share
        shorter = {"epochs": max(1, round(self.epochs * share)), "max_steps": max(1, round(self.max_steps * share))}
        return self.model_copy(update={**shorter, "learning_rate": self.learning_rate * share})

    def of_a_step(self) -> TrainingConfig:
        """Return what a single step goes by: alike for trainings that differ only in how long and how fast they learn."""
        return self.model_copy(update={"epochs": 1, "max_steps": 1, "learning_rate": 1.0, "warm_share": 1.0})
