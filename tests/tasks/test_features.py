import numpy as np
import pytest

from tasks.prepare.features import FeatureConfig, build_features, kind_of

CONFIG = FeatureConfig()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1995", "2001", "1995"], "number"),
        (["9.5", "10", "x", *["3"] * 40], "number"),
        (["Action|Comedy", "Drama", "Comedy"], "categories"),
        (['["Action", "Comedy"]', '["Drama"]'], "categories"),
        (["CH", "DE", "CH", "CH"], "categories"),
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
