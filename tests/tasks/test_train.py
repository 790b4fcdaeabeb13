"""Claims about `tasks.train`: what makes a model one that a night can train."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from tasks.train import NETWORKS, SCORERS, ModelName, TrainConfig
from tests.models.knowledge.test_contract_without_likes import SCORERS as WITHOUT_LIKES
from tests.models.scorers import SCORERS as HELD_TO_THE_CONTRACT

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("name", sorted({*SCORERS, *get_args(ModelName)}))
def test_a_model_is_known_everywhere_or_nowhere(name: str) -> None:
    """It can be trained, named in `[train] models` and set in a section of its name; it is held to the contract and documented."""
    assert name in SCORERS, "tasks/train.py: SCORERS"
    assert name in get_args(ModelName), "tasks/train.py: ModelName"
    assert get_type_hints(TrainConfig).get(name) is type(SCORERS[name]().config), "tasks/train.py: a field of TrainConfig"
    assert name in {**HELD_TO_THE_CONTRACT, **WITHOUT_LIKES}, "tests/models/scorers.py"
    assert f"`{name}`" in PAGE, "docs/architecture.md"


def test_networks_are_models() -> None:
    """Whatever TensorFlow is prepared for can be trained."""
    assert set(SCORERS) >= NETWORKS
