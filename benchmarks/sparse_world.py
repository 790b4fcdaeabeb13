"""A made-up sparse world with a large catalogue: tastes in two depths, popularity, and items that follow one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, Field


class SparseWorldConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How large the world is and how much of it is pattern; as it stands, a catalogue too large for an item x item inverse."""

    seed: int = 11

    n_users: int = Field(30_000, ge=1)
    n_items: int = Field(40_000, ge=2)
    n_pairs: int = Field(800_000, ge=1)
    """About how many different (user, item) pairs there are."""

    n_places: int = Field(60, ge=1)
    """Broad tastes: an item is of one, a user mostly lives in one."""

    n_topics: int = Field(600, ge=1)
    """Narrow tastes inside the broad ones; a user has a few."""

    topics_per_user: int = Field(4, ge=1)

    topic_share: float = Field(0.55, ge=0, le=1)
    """Share of choices inside the user's own narrow tastes."""

    place_share: float = Field(0.25, ge=0, le=1)
    """Share of choices inside the user's broad taste; what is left over falls on the whole catalogue by popularity."""

    follow_share: float = Field(0.2, ge=0, le=1)
    """Share of choices that are replaced by the planted successor of the item chosen before."""

    popularity_skew: float = Field(0.8, ge=0)
    """Exponent of Zipf's law over the items of a topic."""

    fewest: int = Field(5, ge=1)
    """Likes that even the least active user has."""

    days: int = Field(180, ge=1)


@dataclass(frozen=True)
class SparseWorld:
    """Interactions (user_id, item_id, occurred_at), items (item_id, place, topic, brand), and what is true: the successor of each item."""

    interactions: pd.DataFrame
    items: pd.DataFrame
    successor: NDArray[np.int64]


def sparse_world(config: SparseWorldConfig) -> SparseWorld:
    """Make up a world; the same configuration makes the same one."""
    rng = np.random.default_rng(config.seed)
    topic = rng.integers(config.n_topics, size=config.n_items)
    place_of_topic = np.arange(config.n_topics) % config.n_places
    popularity = rng.permutation(np.arange(1, config.n_items + 1) ** -config.popularity_skew)
    successor = _successors(topic, rng)
    n_likes = _activity(config, rng)
    user = np.repeat(np.arange(config.n_users), n_likes)
    item = _choices(config, user, topic, place_of_topic, popularity, rng)
    follows = (rng.random(len(user)) < config.follow_share) & (user == np.roll(user, 1))
    item[follows] = successor[np.roll(item, 1)[follows]]
    moment = rng.random(len(user)) * config.days * 86_400
    moment = moment[np.lexsort((moment, user))].astype("int64")
    interactions = pd.DataFrame(
        {"user_id": user, "item_id": item, "occurred_at": pd.to_datetime(1_735_689_600 + moment, unit="s", utc=True)}
    )
    described = {
        "item_id": np.arange(config.n_items),
        "place": np.char.add("place ", place_of_topic[topic].astype(str)),
        # One in five is filed under a wrong topic, as in real catalogues.
        "topic": np.char.add("topic ", np.where(rng.random(config.n_items) < 0.2, rng.permutation(topic), topic).astype(str)),
        "brand": np.char.add("brand ", rng.integers(2000, size=config.n_items).astype(str)),
    }
    return SparseWorld(interactions.drop_duplicates(["user_id", "item_id"]).reset_index(drop=True), pd.DataFrame(described), successor)


def _activity(config: SparseWorldConfig, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw how many likes each user has: log-normal, with a floor, and about `n_pairs` in all, repeats allowed for."""
    share = rng.lognormal(0, 0.8, config.n_users)
    wanted = max(config.n_pairs * 1.08 - config.fewest * config.n_users, 0)
    return config.fewest + np.rint(share / share.sum() * wanted).astype(np.int64)


def _successors(topic: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Chain the items of each topic into a random ring: every item has one successor, of its own topic."""
    ring = np.lexsort((rng.random(len(topic)), topic))
    start = np.r_[True, topic[ring][1:] != topic[ring][:-1]]
    following = np.roll(ring, -1)
    last = np.roll(start, -1)
    following[last] = ring[start]
    successor = np.empty(len(topic), np.int64)
    successor[ring] = following
    return successor


def _choices(
    config: SparseWorldConfig,
    user: NDArray[np.int64],
    topic: NDArray[np.int64],
    place_of_topic: NDArray[np.int64],
    popularity: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw one item per row of `user`: from one of their topics, from their place, or from everywhere; (likes,)."""
    home = rng.integers(config.n_places, size=config.n_users)
    of_place = [np.flatnonzero(place_of_topic == place) for place in range(config.n_places)]
    # Most narrow tastes lie in the broad one; one in four is from elsewhere.
    own = np.stack([rng.choice(of_place[place], config.topics_per_user) for place in home])
    own = np.where(rng.random(own.shape) < 0.25, rng.integers(config.n_topics, size=own.shape), own)
    way = rng.random(len(user))
    mine = own[user, rng.integers(config.topics_per_user, size=len(user))]
    near = np.stack([rng.choice(of_place[place], 64) for place in range(config.n_places)])[home[user], rng.integers(64, size=len(user))]
    chosen_topic = np.where(way < config.topic_share, mine, near)
    inside = _by_popularity(chosen_topic, topic, popularity, rng)
    anywhere = np.searchsorted(np.cumsum(popularity), rng.random(len(user)) * popularity.sum())
    return np.where(way < config.topic_share + config.place_share, inside, np.minimum(anywhere, config.n_items - 1))


def _by_popularity(
    wanted: NDArray[np.int64], topic: NDArray[np.int64], popularity: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw an item of each wanted topic, the popular ones oftener: inverse of the cumulated popularity, topic after topic."""
    order = np.argsort(topic, kind="stable")
    cumulated = np.cumsum(popularity[order])
    ends = np.searchsorted(topic[order], np.arange(topic.max() + 1), side="right")
    upper = cumulated[np.maximum(ends - 1, 0)]
    lower = np.r_[0, upper[:-1]]
    # A topic without items hands its share to the topic before.
    place = np.searchsorted(cumulated, lower[wanted] + rng.random(len(wanted)) * (upper - lower)[wanted], side="right")
    return order[np.minimum(place, len(order) - 1)]
