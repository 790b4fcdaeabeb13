"""Fixtures for models: tiny worlds, and every scorer in turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.scorer import Scorer
from tests import worlds
from tests.models.scorers import IMPERSONAL, SCORERS

Made = Callable[[], Scorer]


@pytest.fixture(scope="session")
def checkerboard() -> worlds.Checkerboard:
    """Return the world where each user lacks one item of their own colour."""
    return worlds.checkerboard()


@pytest.fixture(scope="session")
def two_tastes() -> worlds.World:
    """Return the world of two tastes."""
    return worlds.two_tastes()


@pytest.fixture(scope="session")
def newcomers() -> worlds.Newcomers:
    """Return the world of two tastes that two items and two users have just joined."""
    return worlds.newcomers()


@pytest.fixture(scope="session")
def deserted() -> worlds.World:
    """Return the world where nobody likes anything."""
    return worlds.deserted()


@pytest.fixture(scope="session", params=sorted(SCORERS))
def make(request: pytest.FixtureRequest) -> Made:
    """Return the maker of each scorer in turn; what it makes has learned nothing yet."""
    return SCORERS[request.param]


@pytest.fixture(scope="session", params=sorted(SCORERS.keys() - set(IMPERSONAL)))
def make_personal(request: pytest.FixtureRequest) -> Made:
    """Return the maker of each scorer in turn that tells different people different things."""
    return SCORERS[request.param]


@pytest.fixture(scope="session")
def fitted(make: Made, newcomers: worlds.Newcomers) -> Scorer:
    """Return each scorer in turn, fitted to the world with newcomers; tests must not change it."""
    return make().fit(newcomers.data, seed=3)
