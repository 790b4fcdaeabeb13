"""Claims about who is in which variant: the select that is published, against MD5 by hand."""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from models.experiment import POINTS, ranges
from models.experiment_statistics import sample_ratio_p
from tasks.experiment.assignment import variant_names, variant_of_users
from tasks.experiment.config import ExperimentConfig, VariantConfig

MANY = pa.array(range(100_000))


def experiment(*shares: float, salt: str = "spring") -> ExperimentConfig:
    """Return an experiment whose variants are called a, b, c and so on."""
    variants = tuple(VariantConfig(name=chr(97 + number), share=share) for number, share in enumerate(shares))
    return ExperimentConfig(name="any", salt=salt, variants=variants)


def by_hand(user_id: object, config: ExperimentConfig) -> int:
    """Find the variant of one user from the definition."""
    point = int(md5(f"{config.salted_by}:{user_id}".encode(), usedforsecurity=False).hexdigest()[:8], 16)
    return next(one.variant for one in ranges(config.shares) if one.first <= point < one.below)


def found(user_ids: list[object], config: ExperimentConfig) -> list[int]:
    """Return the variants of users by the published select."""
    return variant_of_users(pa.array(user_ids), config).tolist()


@settings(max_examples=25)
@given(
    st.one_of(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True), st.lists(st.text(), unique=True)),
    st.text(min_size=1),
    st.sampled_from([(1.0,), (0.5, 0.5), (0.9, 0.1), (0.2, 0.7, 0.1), (0.25, 0.25, 0.25, 0.25)]),
)
def test_the_select_is_md5_by_hand(user_ids: list[object], salt: str, shares: tuple[float, ...]) -> None:
    """Whole numbers and any text, in any order, as ids, and any text as salt."""
    config = experiment(*shares, salt=salt)
    kind = pa.int64() if user_ids and isinstance(user_ids[0], int) else pa.string()
    assert variant_of_users(pa.array(user_ids, kind), config).tolist() == [by_hand(user_id, config) for user_id in user_ids]


def test_a_whole_number_and_its_text_are_the_same_user() -> None:
    """A source may change the type of its ids; nobody then changes their variant."""
    config = experiment(0.5, 0.5)
    assert found([1, 22, 333], config) == found(["1", "22", "333"], config)


@pytest.mark.parametrize(("user", "point"), [(1, 0xC993CC13), ("8", 0xD2D27B70)])
def test_known_points_stay_where_they_are(user: object, point: int) -> None:
    """md5('spring:1') begins with c993cc13, md5('spring:8') with d2d27b70: a share that ends behind it holds the user, one before not."""
    assert found([user], experiment(1 - (point + 1) / POINTS, (point + 1) / POINTS)) == [1]
    assert found([user], experiment(1 - point / POINTS, point / POINTS)) == [0]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10**9), unique=True, min_size=2), st.data())
def test_nobody_changes_their_variant_when_others_come_or_go(user_ids: list[object], data: st.DataObject) -> None:
    config = experiment(0.4, 0.3, 0.3)
    some = data.draw(st.permutations(user_ids).map(lambda order: order[: len(order) // 2]))
    everybody = dict(zip(user_ids, found(user_ids, config), strict=True))
    assert found(some, config) == [everybody[user_id] for user_id in some] if some else True


def test_who_is_in_a_variant_stays_when_its_share_grows() -> None:
    """From one in ten to one in five: nobody leaves it, and the users of the third variant stay where they are."""
    before, after = (variant_of_users(MANY, experiment(*shares)) for shares in ((0.8, 0.1, 0.1), (0.7, 0.2, 0.1)))
    for variant in (1, 2):
        assert (after[before == variant] == variant).all()
    joined = before != after
    assert (before[joined] == 0).all()
    assert np.count_nonzero(joined) == pytest.approx(10_000, abs=400)


def test_experiments_with_different_salts_know_nothing_of_each_other() -> None:
    """Of 100,000 users the variant in one says nothing about the one in the other; with the same salt it says everything."""

    def both(salt: str) -> float:
        one, other = variant_of_users(MANY, experiment(0.5, 0.3, 0.2)), variant_of_users(MANY, experiment(0.6, 0.4, salt=salt))
        together: NDArray[np.intp] = np.bincount(one.astype(np.intp) * 2 + other, minlength=6).reshape(3, 2)
        return float(chi2_contingency(together).pvalue)

    assert both("autumn") > 0.01
    assert both("spring") < 1e-9


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.6, 0.1, 0.3), (0.1, 0.8, 0.1)])
def test_shares_are_met_within_what_chance_explains(shares: tuple[float, ...]) -> None:
    counts = np.bincount(variant_of_users(MANY, experiment(*shares)), minlength=len(shares))
    p_value = sample_ratio_p(counts, shares)
    assert p_value is not None
    assert p_value > 0.01


def test_without_an_experiment_nobody_is_in_a_variant() -> None:
    nothing = ExperimentConfig()
    assert variant_of_users(pa.array(["a", "b"]), nothing).tolist() == [-1, -1]
    assert variant_names(np.array([-1, -1], np.int8), nothing).to_pylist() == [None, None]
    assert variant_names(np.array([1, 0], np.int8), experiment(0.5, 0.5)).to_pylist() == ["b", "a"]
