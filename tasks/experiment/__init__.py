"""Experiments: several ways to make lists on the same night, each for some of the users."""

from tasks.experiment.config import ExperimentConfig, VariantConfig

__all__ = ["ExperimentConfig", "VariantConfig"]
