import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from models.content.content_knn import ContentKnn
from models.scorer import Described
from tasks.prepare.features import FeatureConfig, build_features, kind_of
from tests.worlds import newcomers

CONFIG = FeatureConfig()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1995", "2001", "1995"], "number"),
        (["9.5", "10", "x", *["3"] * 40], "number"),
        (["Action|Comedy", "Drama", "Comedy"], "categories"),
        (['["Action", "Comedy"]', '["Drama"]'], "categories"),
        (["CH", "DE", "CH", "CH"], "categories"),
        (["[0.5, 1, -2.25]", "[0.1, 0.2, 0.3]"], "vector"),
        (["[1, 2, 3]", "[4, 5, 6]"], "categories"),
        (["[0.5, 0.5]", "[0.1, 0.2]"], "categories"),
        (["[0.5, 0.5, 0.5]", "[0.1, 0.2]"], "categories"),
        (["[REC] from the film", "Another film of the kind", "One more film entirely"], "text"),
        (["A short film", "The second film of two", "Another one entirely"], "text"),
        ([f"isbn{n:09d}" for n in range(30)], "ignore"),
        ([str(9_780_000 + n) for n in range(30)], "ignore"),
        ([], "ignore"),
    ],
)
def test_what_an_attribute_is_shows_in_its_values(values, kind):
    assert kind_of(values, CONFIG) == kind


def test_a_setting_decides_where_values_mislead():
    """A zip code reads as a number and is a category."""
    rows = [{"zip": "8001"}, {"zip": "8001"}, {"zip": "9000"}, {"zip": "9000"}]
    assert build_features(rows, CONFIG).names == ("zip",)
    assert build_features(rows, FeatureConfig(kinds={"zip": "categories"})).names == ("zip=8001", "zip=9000")


def test_rows_that_share_a_category_are_alike_and_others_are_not():
    rows = [{"genres": "Drama|War"}, {"genres": "War|Drama"}, {"genres": "Comedy"}, {"genres": "Comedy"}, {}]
    alike = (lambda matrix: (matrix @ matrix.T).toarray())(build_features(rows, CONFIG).matrix)
    assert alike[0, 1] == pytest.approx(1)
    assert alike[0, 2] == 0
    assert not alike[4].any()


def test_every_attribute_of_a_row_has_length_one_at_most():
    rows = [
        {"title": "one two three four", "genre": "a"},
        {"title": "one two three five", "genre": "a"},
        {"title": "six", "genre": "b"},
    ] * 3
    features = build_features(rows, CONFIG)
    for attribute in ("title", "genre"):
        columns = [n for n, name in enumerate(features.names) if name.startswith(f"{attribute}=")]
        assert np.sqrt(features.matrix[:, columns].multiply(features.matrix[:, columns]).sum(axis=1)).max() <= 1 + 1e-6


def test_a_missing_number_means_the_average():
    matrix = build_features(
        [{"year": "1990"}, {"year": "2010"}, {}, {"year": "nan"}], FeatureConfig(kinds={"year": "number"})
    ).matrix.toarray()
    assert matrix[0, 0] == -matrix[1, 0] != 0
    assert matrix[2, 0] == matrix[3, 0] == 0


def test_the_order_of_rows_decides_nothing_but_the_order_of_rows():
    rows = [{"genre": "a", "year": "1990"}, {"genre": "b", "year": "2000"}, {"genre": "a"}, {"genre": "b", "year": "1995"}]
    forwards, backwards = build_features(rows, CONFIG), build_features(rows[::-1], CONFIG)
    assert forwards.names == backwards.names
    assert np.array_equal(forwards.matrix.toarray(), backwards.matrix.toarray()[::-1])


def test_a_vector_has_a_column_for_each_number_and_length_one():
    """Vectors of any unit come to one length; an item that lacks one, or brings a broken one, has no entries."""
    rows = [{"picture": "[3.0, 0.0, 4.0]"}, {}, {"picture": "[1.0, 2.0]"}, {"picture": "[0, 0, 0]"}, {"picture": "[NaN, 1.0, 1.0]"}]
    features = build_features(rows, FeatureConfig(kinds={"picture": "vector"}))
    assert features.names == ("picture[0]", "picture[1]", "picture[2]")
    np.testing.assert_allclose(features.matrix.toarray(), [[0.6, 0, 0.8], *[[0] * 3] * 4], rtol=1e-6)


def test_a_new_item_with_the_vector_of_an_old_one_is_recommended_like_it():
    """Vectors given from outside reach items that nobody has touched; where tastes follow them, so do recommendations."""
    world = newcomers()
    rng = np.random.default_rng(1)
    pictures = rng.normal(size=(len(world.item_group), 8)) + 2 * (world.item_group == 0)[:, None]
    pictures[world.new_item] = pictures[0]
    rows = [{"picture": json.dumps(vector.tolist())} for vector in pictures]
    features = build_features(rows, CONFIG)
    assert features.kinds == {"picture": "vector"}
    scorer = ContentKnn().fit(replace(world.data, items=Described.by(features.matrix, features.names)), seed=0)
    scores = scorer.score(world.everybody)
    np.testing.assert_allclose(scores[:, world.new_item], scores[:, 0], rtol=1e-4)
    fans = (world.user_group == 0) & scorer.knows_user(world.everybody)
    assert (scores[fans, world.new_item] > scores[fans][:, world.item_group == 1].mean(axis=1)).mean() > 0.9


def test_a_setting_for_vectors_where_there_are_none_gives_no_columns():
    """Nothing to read is no reason to fail."""
    assert build_features([{"picture": "a"}, {}], FeatureConfig(kinds={"picture": "vector"})).names == ()


def test_bands_of_a_number_are_columns_of_their_own():
    """A bound belongs to the band above it; a band is there though nothing lies in it; what has no number lies in none."""
    rows = [{"price": "9.99"}, {"price": "10"}, {"price": "24"}, {}]
    features = build_features(rows, FeatureConfig(bands={"price": (10, 25)}))
    assert features.names == ("price", "price=below 10", "price=10 to 25", "price=from 25")
    np.testing.assert_array_equal(features.matrix.toarray()[:, 1:], [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("bounds", [(), (2, 1), (1, 1), (float("inf"),)])
def test_bands_need_bounds_that_rise(bounds):
    with pytest.raises(ValidationError, match="bands of 'price'"):
        FeatureConfig(bands={"price": bounds})
