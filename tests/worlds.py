"""Tiny worlds with a known right answer, as the arrays that models learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from models.scorer import RECENT, Described, Histories, Interactions, TrainingData, UserBlock


@dataclass(frozen=True)
class World:
    """What a model learns from, and the group that each user and each item belongs to."""

    data: TrainingData
    user_group: NDArray[np.intp]
    item_group: NDArray[np.intp]

    @property
    def everybody(self) -> UserBlock:
        """Return all users of the world as one block."""
        return self.data.block(slice(None), self.data.interactions.histories())


@dataclass(frozen=True)
class Checkerboard(World):
    """A world where `withheld` holds the one item of their own colour that a user has not touched; (users,)."""

    withheld: NDArray[np.intp]


@dataclass(frozen=True)
class Newcomers(World):
    """A world with an item and a user nobody has heard of but who are described, and with two of whom nothing is known at all."""

    new_item: int
    blank_item: int
    new_user: int
    blank_user: int


def interactions(
    user: ArrayLike,
    item: ArrayLike,
    shape: tuple[int, int],
    positive: ArrayLike = True,
    age_days: ArrayLike = 0,
    weight: ArrayLike = 1,
    value: ArrayLike = np.nan,
) -> Interactions:
    """Bring pairs into the order that models expect; single values hold for all pairs, and `shape` is (users, items)."""
    users, items = np.asarray(user, np.int32), np.asarray(item, np.int32)
    order = np.lexsort((items, users))
    facts = (np.broadcast_to(np.asarray(fact, kind), users.shape)[order]
             for fact, kind in ((age_days, np.float64), (weight, np.float32), (value, np.float32), (positive, np.bool_)))  # fmt: skip
    return Interactions(users[order], items[order], *facts, *shape)


def training_data(
    happened: Interactions,
    item_group: ArrayLike | None = None,
    user_group: ArrayLike | None = None,
    segments: Sequence[str] = ("everybody",),
) -> TrainingData:
    """Describe items and users by the group they belong to, -1 for those without; a user's segment is the segment of that number."""
    items = np.full(happened.n_items, -1) if item_group is None else np.asarray(item_group)
    users = np.full(happened.n_users, -1) if user_group is None else np.asarray(user_group)
    segment = np.clip(users, 0, len(segments) - 1).astype(np.int16)
    described = (Described.by(_one_column_per_group(group)) for group in (items, users))
    return TrainingData(happened, *described, segment, tuple(segments))


def strangers(likes: sp.csr_matrix) -> UserBlock:
    """Let users come of whom nothing is known but what they like, (users, items), and not in which order."""
    histories = Histories(
        likes,
        sp.csr_matrix(likes.shape, dtype=np.float32),
        np.full((likes.shape[0], RECENT), -1, np.int32),
        np.zeros((likes.shape[0], RECENT), np.float32),
    )
    nothing = Described.by(sp.csr_matrix((likes.shape[0], 0), dtype=np.float32))
    return UserBlock(histories.likes, histories.ratings, histories.recent, histories.gap_days, nothing, np.zeros(likes.shape[0], np.int16))


def _one_column_per_group(group: NDArray[np.intp]) -> sp.csr_matrix:
    described = np.flatnonzero(group >= 0)
    ones = np.ones(len(described), np.float32)
    return sp.csr_matrix((ones, (described, group[described])), shape=(len(group), int(group.max(initial=1)) + 1))


def checkerboard(n_users: int = 20, n_items: int = 16) -> Checkerboard:
    """Let even users like even items and odd users odd ones, all of their colour but one, which is theirs to be recommended."""
    user_colour, item_colour = np.arange(n_users) % 2, np.arange(n_items) % 2
    withheld = (np.arange(n_users) // 2 * 2) % n_items + user_colour
    likes = user_colour[:, None] == item_colour
    likes[np.arange(n_users), withheld] = False
    user, item = np.nonzero(likes)
    happened = interactions(user, item, likes.shape, age_days=np.random.default_rng(11).permutation(len(user)))
    return Checkerboard(training_data(happened, item_colour, user_colour, ("even", "odd")), user_colour, item_colour, withheld)


def two_tastes(n_users: int = 40, n_items: int = 24, seed: int = 7) -> World:
    """Let each half of the users like most of one half of the items and little of the other; they see some items they do not like."""
    rng = np.random.default_rng(seed)
    user_taste, item_taste = np.arange(n_users) % 2, np.arange(n_items) * 2 // n_items
    chance = np.where(user_taste[:, None] == item_taste, 0.6, 0.1)
    user, item = np.nonzero(rng.random(chance.shape) < chance)
    liked = rng.random(len(user)) < 0.9
    liked[item == n_items - 1] = False  # everybody who sees the last item dislikes it
    age, weight = rng.integers(0, 60, len(user)), rng.choice([0.5, 1, 2], len(user))
    happened = interactions(user, item, chance.shape, liked, age, weight)
    return World(training_data(happened, item_taste, user_taste, ("first taste", "second taste")), user_taste, item_taste)


def newcomers() -> Newcomers:
    """Add to the two tastes an item and a user with a taste but no past, and two with neither."""
    world = two_tastes()
    past = world.data.interactions
    item_group, user_group = np.append(world.item_group, [0, -1]), np.append(world.user_group, [0, -1])
    happened = replace(past, n_users=len(user_group), n_items=len(item_group))
    data = training_data(happened, item_group, user_group, world.data.segments)
    new_item, new_user = past.n_items, past.n_users
    return Newcomers(data, user_group, item_group, new_item, new_item + 1, new_user, new_user + 1)


def deserted() -> World:
    """Keep what happened in the two tastes, but let nobody like anything."""
    world = two_tastes()
    past = world.data.interactions
    return replace(world, data=replace(world.data, interactions=replace(past, positive=np.zeros(len(past), np.bool_))))
