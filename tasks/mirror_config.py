"""Which MLflow server mirrors the nights."""

from __future__ import annotations

from pydantic import BaseModel, Field

from tasks.without_secrets import VariableName


class MlflowConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A mirror of every night in MLflow, for those who compare models there; see docs/mlflow.md. The workspace stays the record."""

    mirror: bool = False
    """Mirror every night that was published or held; a mirror that fails is a warning."""

    tracking_uri_variable: VariableName = "MLFLOW_TRACKING_URI"
    """Name of the environment variable that holds the tracking address, such as http://mlflow.example:5000 or sqlite:////srv/mlflow.db."""

    experiment: str = Field("nightly-recs", min_length=1)
    """Experiment that holds the nights; it is made where it is missing."""
