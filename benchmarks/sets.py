"""The sets the bench knows: where each is found, what counts as liking, what is known of items and users, how it is split."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from benchmarks.sparse_world import SparseWorldConfig, sparse_world
from benchmarks.splits import Likes, Protocol
from tasks.shop import Shop, ShopConfig

LIKED_FROM = 4
"""Ratings from here on are likes; the others are left out, for us and for every rival."""

ML_100K_WHEEL = "recbole==1.2.1"
"""A package whose wheel carries MovieLens-100K; the set's own site asks for a form."""

NO_TIMES = date(2026, 1, 1)
"""The run date of a set without times."""


class SetMissingError(Exception):
    """A set is not where it was looked for; the message says how to bring it."""


@dataclass(frozen=True)
class BenchSet:
    """One set: `likes` of all parts; `items` and `users` with an id column and one column per attribute, None where nothing is known.

    `tags` are (user_id, item_id, tag), kept apart because a tag someone gives to an item tells that they met it. `factors` is how long the
    rivals' vectors are, and `ease_l2` holds the values among which the validation part chooses for EASE.
    """

    name: str
    likes: Likes
    protocol: Protocol
    items: pd.DataFrame | None = None
    users: pd.DataFrame | None = None
    tags: pd.DataFrame | None = None
    factors: int = 64
    ease_l2: tuple[float, ...] = (100, 200, 500)

    @property
    def run_date(self) -> date:
        """The day after the last event, so that a night knows all that was delivered."""
        if "occurred_at" not in self.likes.frame:
            return NO_TIMES
        return self.likes.frame.occurred_at.max().date() + timedelta(days=1)


def ml_100k(folder: Path | None) -> BenchSet:
    """Read MovieLens-100K in RecBole's layout (`ml-100k.inter`, `.item`, `.user`); fetched with pip where no folder is given."""
    if folder is None:
        folder = _unpacked_wheel()
    if not (folder / "ml-100k.inter").is_file():
        raise SetMissingError(
            f"ml-100k: no ml-100k.inter in {folder}; unpack the wheel of {ML_100K_WHEEL}, or leave --ml-100k out to fetch it"
        )
    ratings = _columns(folder / "ml-100k.inter", ["user_id", "item_id", "rating", "occurred_at"])
    items = _columns(folder / "ml-100k.item", ["item_id", "title", "year", "genres"], text=["title", "genres"])
    items["genres"] = items.genres.str.replace(" ", "|")
    users = _columns(folder / "ml-100k.user", ["user_id", "age", "gender", "occupation", "zip_code"], text=["zip_code"])
    users["zip_area"] = "area " + users.pop("zip_code").str[:1]
    likes = _likes(ratings)
    return BenchSet("ml-100k", likes, "last_one_out", _known(items, likes), users[users.user_id.isin(likes.user_ids)], ease_l2=(100,))


def ml_latest_small(folder: Path | None) -> BenchSet:
    """Read MovieLens latest-small in its published layout: ratings.csv, movies.csv, tags.csv."""
    where = _required("ml-latest-small", folder, "ratings.csv", "https://grouplens.org/datasets/movielens/latest/")
    ratings = pd.read_csv(where / "ratings.csv").set_axis(["user_id", "item_id", "rating", "occurred_at"], axis=1)
    items = pd.read_csv(where / "movies.csv").set_axis(["item_id", "title", "genres"], axis=1)
    items["year"] = pd.to_numeric(items.title.str.extract(r"\((\d{4})\)\s*$")[0]).astype("Int64")
    items["genres"] = items.genres.where(items.genres != "(no genres listed)")
    tags = pd.read_csv(where / "tags.csv")[["userId", "movieId", "tag"]].set_axis(["user_id", "item_id", "tag"], axis=1)
    likes = _likes(ratings)
    return BenchSet("ml-latest-small", likes, "last_one_out", _known(items, likes), tags=tags, ease_l2=(100, 200, 500))


def goodbooks(folder: Path | None) -> BenchSet:
    """Read goodbooks-10k: ratings and books, each as CSV or Parquet; it has no times."""
    where = _required("goodbooks-10k", folder, "ratings.*", "https://github.com/zygmuntz/goodbooks-10k")
    ratings, books = _table(where, "ratings").rename(columns={"book_id": "item_id"}), _table(where, "books")
    items = pd.DataFrame(
        {
            "item_id": books.book_id,
            "title": books.title,
            "authors": books.authors.str.replace(", ", "|"),
            "year": books.original_publication_year.astype("Int64"),
            "language": books.language_code,
            "words": books.title,
        }
    )
    likes = _likes(ratings)
    return BenchSet("goodbooks-10k", likes, "random", _known(items, likes), factors=128, ease_l2=(200,))


def shop(_folder: Path | None) -> BenchSet:
    """Let the imaginary shop of `nightly demo` be open for its days; each first (user, item) counts."""
    made_up = Shop(ShopConfig(dirty_share=0))
    delivery = made_up.deliver(made_up.config.delivery_dates[0])
    # What is sold out could be in a rival's list, never in ours.
    items, users = delivery.items.to_pandas().drop(columns=["available_from", "available_until"]), delivery.users.to_pandas()
    events = delivery.interactions.to_pandas().sort_values("event_id", kind="stable")
    likes = Likes.of(events[["user_id", "item_id", "occurred_at"]])
    return BenchSet("shop", likes, "last_one_out", _known(items, likes), users[users.user_id.isin(likes.user_ids)])


def sparse(_folder: Path | None) -> BenchSet:
    """Make up a sparse set whose catalogue is too large for EASE."""
    world = sparse_world(SparseWorldConfig())
    return BenchSet("sparse", Likes.of(world.interactions), "last_one_out", world.items, ease_l2=())


SETS: dict[str, Callable[[Path | None], BenchSet]] = {
    "ml-100k": ml_100k,
    "ml-latest-small": ml_latest_small,
    "goodbooks-10k": goodbooks,
    "shop": shop,
    "sparse": sparse,
}


def _likes(ratings: pd.DataFrame) -> Likes:
    liked = ratings[ratings.rating >= LIKED_FROM]
    if "occurred_at" in liked:
        liked = liked.assign(occurred_at=pd.to_datetime(liked.occurred_at.astype("int64"), unit="s", utc=True))
    return Likes.of(liked.drop(columns="rating"))


def _known(items: pd.DataFrame, likes: Likes) -> pd.DataFrame:
    """Keep the items of the catalogue: what nobody likes in any part is ranked by no rival either."""
    return items[items.item_id.isin(likes.item_ids)].reset_index(drop=True)


def _columns(file: Path, names: list[str], text: list[str] | None = None) -> pd.DataFrame:
    frame = pd.read_csv(file, sep="\t").iloc[:, : len(names)].set_axis(names, axis=1)
    return frame.astype(dict.fromkeys(text or [], "str"))


def _table(folder: Path, name: str) -> pd.DataFrame:
    parquet = folder / f"{name}.parquet"
    return pd.read_parquet(parquet) if parquet.is_file() else pd.read_csv(folder / f"{name}.csv")


def _required(name: str, folder: Path | None, pattern: str, source: str) -> Path:
    if folder is None or not list(folder.glob(pattern)):
        raise SetMissingError(
            f"{name}: not found in {folder or 'any folder given'}; download it from {source} and name its folder with --{name}"
        )
    return folder


def _unpacked_wheel() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ml-100k-"))
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), ML_100K_WHEEL],
        capture_output=True,
        text=True,
    )
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise SetMissingError(f"ml-100k: pip could not fetch {ML_100K_WHEEL}: {fetched.stderr.strip().splitlines()[-1:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if "/dataset_example/ml-100k/" in name])
    return folder / "recbole" / "dataset_example" / "ml-100k"
