"""What every scorer promises, whatever it learns: `tests/models/scorers.py` lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from models.abilities import Lasting, WarmScorer
from models.artifact import ArtifactError, folder_hash, write_config
from models.collaborative.ease import EaseConfig
from models.moved import moved_rows
from models.scorer import FAMILIES, Described, Scorer, TrainingData, UserBlock
from tests.models.scorers import LASTING, ORDERLESS, SCORERS, WARM
from tests.worlds import Checkerboard, Newcomers, World

Made = Callable[[], Scorer]


def first_unseen(scorer: Scorer, users: UserBlock) -> np.ndarray:
    """Return each user's best item among those they have not liked; (block,)."""
    scores = np.where((users.history.toarray() == 0) & scorer.knows_item, scorer.score(users), -np.inf)
    return scores.argmax(axis=1)


def saved(scorer: Scorer, folder: Path) -> Path:
    """Save a scorer in a new folder and return it."""
    folder.mkdir()
    scorer.save(folder)
    return folder


def test_scores_are_finite_and_of_one_shape(fitted: Scorer, newcomers: Newcomers) -> None:
    """A block is scored against the whole catalogue, in float32, without NaN or infinity."""
    scores = fitted.score(newcomers.everybody)
    assert scores.shape == (newcomers.data.interactions.n_users, newcomers.data.interactions.n_items)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores.any()


def test_what_is_unknown_scores_zero(fitted: Scorer, newcomers: Newcomers) -> None:
    """Masks say what the model knows, one truth value each, and nothing but zero stands elsewhere."""
    users = newcomers.everybody
    knows_user, scores = fitted.knows_user(users), fitted.score(users)
    assert knows_user.dtype == fitted.knows_item.dtype == np.bool_
    assert knows_user.shape == scores.shape[:1]
    assert fitted.knows_item.shape == scores.shape[1:]
    assert not scores[~knows_user].any()
    assert not scores[:, ~fitted.knows_item].any()


def test_nobody_knows_what_has_neither_past_nor_features(fitted: Scorer, newcomers: Newcomers) -> None:
    """An item of which nothing is known is unknown; only models that need no history know a user of whom nothing is known."""
    assert not fitted.knows_item[newcomers.blank_item]
    assert fitted.knows_user(newcomers.everybody)[newcomers.blank_user] == (fitted.family == "knowledge")


def test_an_item_that_nobody_likes_is_known_by_its_features_only(fitted: Scorer, newcomers: Newcomers) -> None:
    """Being seen and disliked teaches nothing about an item, and no interaction at all neither."""
    disliked = newcomers.new_item - 1
    assert fitted.knows_item[[disliked, newcomers.new_item]].tolist() == [fitted.family == "content"] * 2


def test_a_history_of_unknown_items_is_no_history(fitted: Scorer, newcomers: Newcomers) -> None:
    """Whoever likes only what a model has never met is scored as if they liked nothing."""
    stranger = newcomers.data.block(np.array([newcomers.blank_user]), newcomers.data.interactions.histories())
    history = stranger.history.tolil()
    history[0, newcomers.blank_item] = 1
    follower = replace(stranger, history=history.tocsr())
    assert fitted.knows_user(follower).tolist() == fitted.knows_user(stranger).tolist()
    np.testing.assert_array_equal(fitted.score(follower), fitted.score(stranger))


def test_a_loaded_scorer_is_the_saved_one(fitted: Scorer, newcomers: Newcomers, tmp_path: Path) -> None:
    """A scorer read back gives the same scores to the bit, and writes the same bytes."""
    folder = saved(fitted, tmp_path / "saved")
    loaded = type(fitted).load(folder)
    assert folder_hash(saved(loaded, tmp_path / "again")) == folder_hash(folder)
    np.testing.assert_array_equal(loaded.score(newcomers.everybody), fitted.score(newcomers.everybody))
    np.testing.assert_array_equal(loaded.knows_item, fitted.knows_item)
    np.testing.assert_array_equal(loaded.knows_user(newcomers.everybody), fitted.knows_user(newcomers.everybody))
    assert loaded.curves() == fitted.curves()


def test_two_fits_give_the_same_bytes(make: Made, fitted: Scorer, newcomers: Newcomers, tmp_path: Path) -> None:
    """The same data and seed give the same artifact, to a new scorer and to one that has learned something else before."""
    expected = folder_hash(saved(fitted, tmp_path / "first"))
    again = make().fit(newcomers.data, seed=3)
    assert folder_hash(saved(again, tmp_path / "second")) == expected
    happened = newcomers.data.interactions
    again.fit(replace(newcomers.data, interactions=happened.where(happened.user % 3 == 0)), seed=4)
    assert folder_hash(saved(again.fit(newcomers.data, seed=3), tmp_path / "third")) == expected


def test_a_scorer_writes_arrays_and_configuration_only(fitted: Scorer, tmp_path: Path) -> None:
    """No pickle, no program: an artifact is .npz and .json."""
    assert {file.suffix for file in saved(fitted, tmp_path / "saved").iterdir()} == {".npz", ".json"}


def test_a_missing_file_is_named(fitted: Scorer, tmp_path: Path) -> None:
    """Whatever file of an artifact is missing, the error says which."""
    folder = saved(fitted, tmp_path / "saved")
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(ArtifactError, match=file.name):
            type(fitted).load(folder)
        file.write_bytes(content)


def test_an_artifact_of_another_model_is_refused(fitted: Scorer, tmp_path: Path) -> None:
    """A scorer does not take another model's folder for its own."""
    folder = saved(fitted, tmp_path / "saved")
    write_config(folder, "another", EaseConfig())
    with pytest.raises(ArtifactError, match=rf"expected an artifact of {fitted.name}, found one of another"):
        type(fitted).load(folder)


def test_scores_do_not_depend_on_block_mates(fitted: Scorer, newcomers: Newcomers) -> None:
    """A user alone gets the scores they get in a crowd."""
    histories = newcomers.data.interactions.histories()
    together = fitted.score(newcomers.everybody)
    alone = [fitted.score(newcomers.data.block(np.array([user]), histories))[0] for user in range(len(together))]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_an_empty_block_gets_no_scores(fitted: Scorer, newcomers: Newcomers) -> None:
    """No users in, no rows out, and as many columns as ever."""
    nobody = newcomers.data.block(slice(0, 0), newcomers.data.interactions.histories())
    assert fitted.score(nobody).shape == (0, newcomers.data.interactions.n_items)
    assert fitted.knows_user(nobody).shape == (0,)


def test_what_is_not_liked_teaches_nothing(make: Made, fitted: Scorer, newcomers: Newcomers, tmp_path: Path) -> None:
    """Interactions that are not positive can be left out of the training data without changing a byte."""
    happened = newcomers.data.interactions
    liked_only = make().fit(replace(newcomers.data, interactions=happened.where(happened.positive)), seed=3)
    assert folder_hash(saved(liked_only, tmp_path / "liked")) == folder_hash(saved(fitted, tmp_path / "all"))


def test_a_world_without_likes_is_learned_honestly(make: Made, deserted: World, tmp_path: Path) -> None:
    """Where nobody likes anything a scorer fits, saves and loads, and collaborative models know nobody and nothing."""
    scorer = make().fit(deserted.data, seed=3)
    loaded = type(scorer).load(saved(scorer, tmp_path / "saved"))
    assert not loaded.knows_item.any()
    assert not loaded.score(deserted.everybody).any()
    assert scorer.family != "collaborative" or not loaded.knows_user(deserted.everybody).any()


def test_the_withheld_item_comes_first(make_personal: Made, checkerboard: Checkerboard) -> None:
    """Each user's one untouched item of their own colour is what they are recommended first."""
    scorer = make_personal().fit(checkerboard.data, seed=3)
    np.testing.assert_array_equal(first_unseen(scorer, checkerboard.everybody), checkerboard.withheld)


def test_a_user_who_joined_later_is_served_from_their_history(make_personal: Made, checkerboard: Checkerboard) -> None:
    """Users the model was not trained on are recommended what is left of their colour."""
    everybody, happened = checkerboard.everybody, checkerboard.data.interactions
    earlier: TrainingData = replace(checkerboard.data, interactions=happened.where(happened.user >= 4))
    np.testing.assert_array_equal(first_unseen(make_personal().fit(earlier, seed=3), everybody)[:4], checkerboard.withheld[:4])


def test_everybody_is_scored_by_their_taste(make_personal: Made, two_tastes: World) -> None:
    """Where tastes are mixed with chance, items of a user's own taste still score higher on the average."""
    scores = make_personal().fit(two_tastes.data, seed=3).score(two_tastes.everybody)
    by_taste = np.stack([scores[:, two_tastes.item_group == taste].mean(axis=1) for taste in (0, 1)], axis=1)
    np.testing.assert_array_equal(by_taste.argmax(axis=1), two_tastes.user_group)


@pytest.mark.parametrize("name", ORDERLESS)
def test_the_order_of_users_is_irrelevant(name: str, two_tastes: World) -> None:
    """Numbering the users another way gives everybody the same scores, but for rounding."""
    data = two_tastes.data
    number = np.random.default_rng(5).permutation(data.interactions.n_users)
    happened = data.interactions
    order = np.lexsort((happened.item, number[happened.user]))
    names = ("user", "item", "age_days", "weight", "value", "positive")
    columns = {name: getattr(happened, name) for name in names} | {"user": number[happened.user]}
    place = np.argsort(number)
    renumbered = TrainingData(
        replace(happened, **{name: column[order] for name, column in columns.items()}),
        data.items, data.users[place], data.user_segment[place], data.segments,
    )  # fmt: skip
    expected, found = SCORERS[name]().fit(data, seed=3), SCORERS[name]().fit(renumbered, seed=3)
    np.testing.assert_allclose(found.score(two_tastes.everybody), expected.score(two_tastes.everybody), rtol=1e-3, atol=1e-4)


def test_similarity_takes_items_in_any_order(fitted: Scorer, newcomers: Newcomers) -> None:
    """Similarities of some items to others, also stacks of both, are those rows and columns of all; what is unknown is like nothing."""
    everything = np.arange(newcomers.data.interactions.n_items)
    whole = fitted.similarity(everything, everything)
    items, others = np.array([5, 25, 2, 11]), np.array([7, 0, 24])
    part = fitted.similarity(items, others)
    if whole is None:
        assert part is None
        return
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    assert not whole[~fitted.knows_item].any()
    assert not whole[:, ~fitted.knows_item].any()
    assert part is not None
    np.testing.assert_allclose(part, whole[np.ix_(items, others)], rtol=1e-5, atol=1e-6)
    stack, other_stack = np.array([[5, 25], [2, 11], [2, 2]]), np.array([[7, 0, 24], [1, 1, 2], [3, 9, 5]])
    stacked = fitted.similarity(stack, other_stack)
    assert stacked is not None
    np.testing.assert_allclose(stacked, whole[stack[:, :, None], other_stack[:, None, :]], rtol=1e-5, atol=1e-6)


def test_similar_items_share_a_colour(make: Made, checkerboard: Checkerboard) -> None:
    """The other item that speaks most for an item is one that the same users like."""
    everything = np.arange(checkerboard.data.interactions.n_items)
    similarity = make().fit(checkerboard.data, seed=3).similarity(everything, everything)
    if similarity is not None:
        np.fill_diagonal(similarity, -np.inf)
        colour = checkerboard.item_group
        np.testing.assert_array_equal(colour[similarity.argmax(axis=1)], colour)


def test_a_scorer_names_its_family_and_its_curves(fitted: Scorer) -> None:
    """Families are the four of the architecture; curves are finite numbers, one list a name."""
    assert fitted.family in FAMILIES
    assert all(np.isfinite(values).all() for values in fitted.curves().values())


def test_which_models_last_and_which_go_on_is_known() -> None:
    """The lists of the tests are those of the models: no new one goes untested."""
    made = {name: make() for name, make in SCORERS.items()}
    assert {name for name, scorer in made.items() if isinstance(scorer, Lasting)} == set(LASTING)
    assert {name for name, scorer in made.items() if isinstance(scorer, WarmScorer)} == set(WARM)


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_model_learns_from_interactions_alone(name: str, newcomers: Newcomers, tmp_path: Path) -> None:
    """Other descriptions of items and users, and later events that are not learned from, leave every byte as it is."""
    data, happened = newcomers.data, newcomers.data.interactions
    nothing = [Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (happened.n_items, happened.n_users)]
    later = replace(happened, age_days=happened.age_days + 3)
    found = SCORERS[name]().fit(replace(data, interactions=later, items=nothing[0], users=nothing[1]), seed=3)
    expected = SCORERS[name]().fit(data, seed=3)
    assert folder_hash(saved(found, tmp_path / "found")) == folder_hash(saved(expected, tmp_path / "expected"))


@pytest.mark.parametrize("name", LASTING)
def test_a_renumbered_model_says_the_same_of_the_same_items(name: str, newcomers: Newcomers, tmp_path: Path) -> None:
    """Items get other numbers, one that nobody ever touched leaves, two join: scores move along, and of who joins nothing is said."""
    fitted = SCORERS[name]().fit(newcomers.data, seed=3)
    n_items = newcomers.data.interactions.n_items
    stay = np.random.default_rng(1).permutation(np.delete(np.arange(n_items), newcomers.blank_item))
    then = np.insert(stay, [0, 5], -1)
    now = np.array([int(np.flatnonzero(then == item)[0]) if item in stay else -1 for item in range(n_items)])
    users = newcomers.everybody
    moved_history = sp.csr_matrix(users.history.toarray()[:, np.maximum(then, 0)] * (then >= 0), dtype=np.float32)
    recent = np.where(users.recent >= 0, now[users.recent], -1).astype(np.int32)
    tonight = replace(users, history=moved_history, recent=recent)
    moved = fitted.renumbered(then)
    loaded = type(fitted).load(saved(moved, tmp_path / "moved"))
    np.testing.assert_allclose(loaded.score(tonight), moved_rows(fitted.score(users).T, then).T, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(loaded.knows_item, moved_rows(fitted.knows_item, then))
    np.testing.assert_array_equal(loaded.knows_user(tonight), fitted.knows_user(users))


@pytest.mark.parametrize("name", WARM)
def test_a_warm_model_learns_what_is_new(name: str, checkerboard: Checkerboard) -> None:
    """One that has not met some items goes on with all likes and ends where one ends that learned all of them from nothing."""
    happened = checkerboard.data.interactions
    before = happened.where((happened.item >= 2) | (happened.user % 2 == 0))
    judged = SCORERS[name]().fit(replace(checkerboard.data, interactions=before), seed=3)
    warm = SCORERS[name]().fit_from(judged, checkerboard.data, seed=3)
    np.testing.assert_array_equal(first_unseen(warm, checkerboard.everybody), checkerboard.withheld)


def test_als_goes_on_to_where_it_would_have_gone(two_tastes: World, tmp_path: Path) -> None:
    """From the same likes a warm start ends at the very bytes of the cold one, however often: lists never drift from night to night."""
    cold = SCORERS["als"]().fit(two_tastes.data, seed=3)
    warm = SCORERS["als"]().fit_from(cold, two_tastes.data, seed=3)
    for scorer in (warm, SCORERS["als"]().fit_from(warm, two_tastes.data, seed=3)):
        np.testing.assert_array_equal(scorer.item_factors, cold.item_factors)
        assert scorer.curves()["loss"] == cold.curves()["loss"][-1:]
