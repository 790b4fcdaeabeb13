"""What the shop knows of its items and users: features that carry the planted tastes, the users' only faintly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.shop.config import ShopConfig
from tasks.shop.planted import NEVER, Planted

THEMES = {
    "garden": ("Trowel", "Planter", "Rake", "Trellis", "Seedling", "Shears"),
    "kitchen": ("Skillet", "Whisk", "Teapot", "Grater", "Ladle", "Casserole"),
    "camping": ("Tent", "Lantern", "Hammock", "Stove", "Rucksack", "Compass"),
    "music": ("Ukulele", "Metronome", "Songbook", "Drumstick", "Capo", "Harmonica"),
    "cycling": ("Saddle", "Pannier", "Bell", "Pump", "Helmet", "Mudguard"),
    "reading": ("Novel", "Atlas", "Bookend", "Diary", "Almanac", "Bookmark"),
    "painting": ("Easel", "Palette", "Canvas", "Brush", "Pastel", "Sketchbook"),
    "sewing": ("Thimble", "Yarn", "Needle", "Ribbon", "Loom", "Button"),
    "games": ("Chessboard", "Dice", "Puzzle", "Domino", "Deck", "Timer"),
    "astronomy": ("Telescope", "Star Map", "Tripod", "Eyepiece", "Orrery", "Globe"),
    "woodwork": ("Chisel", "Plane", "Mallet", "Clamp", "Sander", "Vice"),
    "coffee": ("Grinder", "Kettle", "Filter", "Carafe", "Tamper", "Mug"),
}
"""A taste is shown by its theme; tastes beyond the last theme begin again with a number."""

ADJECTIVES = ("Blue", "Bright", "Classic", "Copper", "Folding", "Handy", "Little", "Northern", "Quiet", "Sturdy")
SHELF_LABELS = ("bestseller", "gift", "refurbished", "seasonal")
COUNTRIES = ("DE", "ES", "FR", "IT", "NL", "PL", "SE")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")

LABELLED_SHARE = 0.3
"""Share of items that bear, beside their theme, a label that says nothing of their taste."""

TYPICAL_SHARE = 0.4
"""Share of users whose country (or age band) is the one their first taste suggests; of the others it is chance."""

TIMES = pa.timestamp("us", "UTC")
ITEM_SCHEMA = pa.schema(
    {
        "item_id": pa.int64(),
        "title": pa.string(),
        "category": pa.list_(pa.string()),
        "price": pa.float64(),
        "available_from": TIMES,
        "available_until": TIMES,
    }
)
USER_SCHEMA = pa.schema({"user_id": pa.int64(), "country": pa.string(), "age_band": pa.string()})


@dataclass(frozen=True)
class Catalogue:
    """Every item and user the shop will ever have; one row each, in the order of their ids and so of their arrival."""

    planted: Planted
    items: pa.Table
    users: pa.Table

    def items_arriving(self, first_day: int, last_day: int) -> pa.Table:
        """Return the rows of the items that arrive within some days, both ends included."""
        return _arriving(self.items, self.planted.item_since, first_day, last_day)

    def users_arriving(self, first_day: int, last_day: int) -> pa.Table:
        """Return the rows of the users that arrive within some days, both ends included."""
        return _arriving(self.users, self.planted.user_since, first_day, last_day)


def describe(config: ShopConfig, planted: Planted) -> Catalogue:
    """Give the planted items and users the features under which the shop delivers them."""
    return Catalogue(planted, _items(config, planted), _users(config, planted))


def midnights(config: ShopConfig, days: NDArray[np.int32]) -> NDArray[np.datetime64]:
    """Return the first instant of days counted from the opening of the shop, in microseconds UTC."""
    return np.datetime64(config.start, "us") + days.astype("timedelta64[D]")


def theme_of(taste: int) -> str:
    """Name a taste the way categories do."""
    turn, theme = divmod(taste, len(THEMES))
    return list(THEMES)[theme] + (f" {turn + 1}" if turn else "")


def _items(config: ShopConfig, planted: Planted) -> pa.Table:
    rng = np.random.default_rng([config.seed, 2])
    usual_price = rng.uniform(5, 120, size=config.n_tastes)[planted.item_taste]
    stays = planted.item_until == NEVER
    return pa.table(
        {
            "item_id": planted.item_ids,
            "title": _titles(planted, rng),
            "category": _categories(planted, rng),
            "price": np.round(usual_price * rng.lognormal(sigma=0.3, size=config.n_items), 2),
            "available_from": pa.array(midnights(config, planted.item_since), TIMES),
            "available_until": pa.array(midnights(config, np.where(stays, 0, planted.item_until)), TIMES, mask=stays),
        },
        schema=ITEM_SCHEMA,
    )


def _titles(planted: Planted, rng: np.random.Generator) -> list[str]:
    nouns = list(THEMES.values())
    n_items = len(planted.item_taste)
    adjective, noun = rng.integers(len(ADJECTIVES), size=n_items), rng.integers(len(nouns[0]), size=n_items)
    return [
        f"{ADJECTIVES[adjective[item]]} {nouns[taste % len(nouns)][noun[item]]} {item + 1}"
        for item, taste in enumerate(planted.item_taste.tolist())
    ]


def _categories(planted: Planted, rng: np.random.Generator) -> list[list[str]]:
    n_items = len(planted.item_taste)
    labelled, label = rng.random(n_items) < LABELLED_SHARE, rng.integers(len(SHELF_LABELS), size=n_items)
    return [
        [theme_of(taste), SHELF_LABELS[label[item]]] if labelled[item] else [theme_of(taste)]
        for item, taste in enumerate(planted.item_taste.tolist())
    ]


def _users(config: ShopConfig, planted: Planted) -> pa.Table:
    rng = np.random.default_rng([config.seed, 3])
    suggested = planted.user_tastes[:, 0]

    def attribute(values: tuple[str, ...]) -> NDArray[np.str_]:
        typical = rng.random(config.n_users) < TYPICAL_SHARE
        return np.array(values)[np.where(typical, suggested % len(values), rng.integers(len(values), size=config.n_users))]

    columns = {"user_id": planted.user_ids, "country": attribute(COUNTRIES), "age_band": attribute(AGE_BANDS)}
    return pa.table(columns, schema=USER_SCHEMA)


def _arriving(rows: pa.Table, since: NDArray[np.int32], first_day: int, last_day: int) -> pa.Table:
    begin, end = np.searchsorted(since, [first_day, last_day + 1])
    return rows.slice(int(begin), int(end - begin))
