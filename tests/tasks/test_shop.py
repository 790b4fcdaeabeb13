from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.shop import ALL_PARQUET, Delivery, Formats, Shop, ShopConfig, write_bad_delivery, write_delivery
from tasks.shop.planted import FIRST_ITEM_ID, FIRST_USER_ID

FIRST_NIGHT = date(2026, 1, 1)
SMALL = ShopConfig(n_users=80, n_items=60, n_tastes=4, days=8, history_days=6, interactions_per_day=100, dirty_share=0.1)


@pytest.fixture(scope="module")
def shop() -> Shop:
    """The shop of the demo, without its dirt."""
    return Shop(ShopConfig(dirty_share=0))


@pytest.fixture(scope="module")
def history(shop: Shop) -> Delivery:
    return shop.deliver(FIRST_NIGHT)


def rows_of(delivery: Delivery) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return users and items of a clean delivery as rows of the planted truth."""
    interactions = delivery.interactions
    return interactions["user_id"].to_numpy() - FIRST_USER_ID, interactions["item_id"].to_numpy() - FIRST_ITEM_ID


def pairs(shop: Shop, delivery: Delivery) -> NDArray[np.bool_]:
    """Mark who took what; (users, items)."""
    taken = np.zeros((shop.config.n_users, shop.config.n_items), bool)
    taken[rows_of(delivery)] = True
    return taken


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- what is planted can be found ---------------------------------------------------------------------------------------


def recall_at_20(scores: NDArray[np.float64], seen: NDArray[np.bool_], withheld: NDArray[np.bool_]) -> float:
    top = np.argsort(np.where(seen, np.inf, -scores), axis=1, kind="stable")[:, :20]
    judged = withheld.any(axis=1)
    hits = np.take_along_axis(withheld, top, axis=1).sum(axis=1)[judged]
    return float((hits / np.minimum(withheld.sum(axis=1)[judged], 20)).mean())


def test_a_personal_model_beats_popularity_and_popularity_beats_chance(shop: Shop, history: Delivery) -> None:
    """On what is new to people the day after the history, EASE finds half as much again as popularity, that twice what chance finds."""
    seen = pairs(shop, history)
    withheld = pairs(shop, shop.deliver(FIRST_NIGHT + timedelta(days=1))) & ~seen
    x = seen.astype(float)
    inverse = np.linalg.inv(x.T @ x + 50 * np.eye(shop.config.n_items))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    ease = recall_at_20(x @ weights, seen, withheld)
    popularity = recall_at_20(np.broadcast_to(x.sum(axis=0), x.shape), seen, withheld)
    chance = recall_at_20(np.random.default_rng(0).random(x.shape), seen, withheld)
    assert withheld.any(axis=1).sum() >= 200
    assert ease > 1.5 * popularity
    assert popularity > 2 * chance


def test_people_take_what_is_to_their_taste(shop: Shop, history: Delivery) -> None:
    """Seven in ten interactions are within the user's planted tastes; among strangers' it were less than one in three."""
    user, item = rows_of(history)
    taste = shop.planted.item_taste[item]
    assert (shop.planted.user_tastes[user] == taste[:, None]).any(axis=1).mean() > 0.7
    assert (shop.planted.user_tastes[np.random.default_rng(0).permutation(user)] == taste[:, None]).any(axis=1).mean() < 0.33


def test_the_successor_comes_next(shop: Shop, history: Delivery) -> None:
    """After an item its planted successor follows about as often as configured, also from one day to the next."""
    user, item = rows_of(history)
    order = np.argsort(user, kind="stable")
    user, item = user[order], item[order]
    same_user = user[1:] == user[:-1]
    followed = item[1:] == shop.planted.successor[item[:-1]]
    assert 0.2 < followed[same_user].mean() < 0.35


def test_a_few_items_make_most_of_the_trade(shop: Shop, history: Delivery) -> None:
    """The best fifth of the items gets half of the interactions."""
    counts = np.sort(np.bincount(rows_of(history)[1], minlength=shop.config.n_items))[::-1]
    assert counts[: shop.config.n_items // 5].sum() > 0.45 * counts.sum()


def test_features_carry_the_taste_of_items_plainly_and_of_users_faintly(shop: Shop, history: Delivery) -> None:
    """The first category names the taste of every item; country and age band only lean towards it."""
    themes = [categories[0] for categories in shop.catalogue.items["category"].to_pylist()]
    assert len(set(zip(themes, shop.planted.item_taste.tolist(), strict=True))) == shop.config.n_tastes
    countries = np.array(shop.catalogue.users["country"].to_pylist())
    of_first_taste = countries[shop.planted.user_tastes[:, 0] == 0]
    assert 0.3 < (of_first_taste == "DE").mean() < 0.8


def test_everything_arrives_before_it_is_traded_and_nothing_is_traded_after_it_left(shop: Shop, history: Delivery) -> None:
    """Each delivery brings its new items and users along; later ones bring some, too."""
    days = history.interactions["event_id"].to_numpy() // 10_000_000
    user, item = rows_of(history)
    assert (shop.planted.user_since[user] <= days).all()
    assert ((shop.planted.item_since[item] <= days) & (days < shop.planted.item_until[item])).all()
    later = [shop.deliver(day) for day in shop.config.delivery_dates[1:]]
    assert len(history.items) + sum(len(delivery.items) for delivery in later) == shop.config.n_items
    assert len(history.users) + sum(len(delivery.users) for delivery in later) == shop.config.n_users
    assert sum(len(delivery.users) for delivery in later) > 0


def test_interactions_lie_on_their_day_in_the_order_of_time(shop: Shop) -> None:
    """A delivery of the second of January holds that day alone, in UTC."""
    times = shop.deliver(date(2026, 1, 2)).interactions["occurred_at"]
    instants = times.cast(pa.int64()).to_numpy()
    midnight = np.datetime64("2026-01-02", "us").astype(np.int64)
    assert (np.diff(instants) >= 0).all()
    assert ((midnight <= instants) & (instants < midnight + 86_400_000_000)).all()


# --- dirt -----------------------------------------------------------------------------------------------------------------


def test_without_the_spoiled_rows_a_dirty_delivery_is_the_clean_one() -> None:
    """Dirt is added, never put in place of sound rows, and is counted by fault."""
    clean = Shop(SMALL.model_copy(update={"dirty_share": 0.0})).deliver(SMALL.delivery_dates[1]).interactions
    dirty = Shop(SMALL).deliver(SMALL.delivery_dates[1])
    assert len(dirty.interactions) == len(clean) + sum(dirty.faults.values())
    sound = {row["event_id"]: row for row in dirty.interactions.to_pylist() if row["event_id"] in set(clean["event_id"].to_pylist())}
    assert [int(row["user_id"]) for row in sound.values()] == clean["user_id"].to_pylist()
    assert [row["occurred_at"] for row in sound.values()] == [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in clean["occurred_at"].to_pylist()]


def test_every_fault_occurs_and_foreign_ids_wait_for_the_second_delivery() -> None:
    """A first load must leave ids integers, so nothing but integers may stand in it."""
    dirty = Shop(SMALL.model_copy(update={"dirty_share": 0.5}))
    first, second = (dirty.deliver(day) for day in SMALL.delivery_dates[:2])
    assert first.faults["foreign_id"] == 0
    assert all(user is None or user.isdigit() for user in first.interactions["user_id"].to_pylist())
    assert all(second.faults.values())


@settings(max_examples=25, deadline=None)
@given(
    n_users=st.integers(1, 30),
    n_tastes=st.integers(1, 5),
    more_items=st.integers(0, 20),
    history_days=st.integers(1, 4),
    interactions_per_day=st.integers(1, 200),
    shares=st.tuples(*[st.sampled_from([0.0, 0.3, 1.0])] * 4),
    seed=st.integers(0, 2**32),
)
def test_any_shop_delivers(
    n_users: int, n_tastes: int, more_items: int, history_days: int, interactions_per_day: int, shares: tuple[float, ...], seed: int
) -> None:
    """However small and odd the shop, its deliveries keep their columns and their counts."""
    follow, taste, leaving, dirty = shares
    config = ShopConfig(
        seed=seed, n_users=n_users, n_items=n_tastes + more_items + 1, n_tastes=n_tastes, days=5, history_days=history_days,
        interactions_per_day=interactions_per_day, visit_length=3, follow_share=follow, taste_share=taste, leaving_share=leaving,
        dirty_share=dirty,
    )  # fmt: skip
    deliveries = [Shop(config).deliver(day) for day in config.delivery_dates]
    assert all(delivery.interactions.column_names == deliveries[0].interactions.column_names for delivery in deliveries)
    assert sum(len(delivery.items) for delivery in deliveries) == config.n_items
    assert sum(len(delivery.users) for delivery in deliveries) == config.n_users


def test_a_date_without_delivery_is_refused() -> None:
    """The message names the dates that exist."""
    with pytest.raises(ValueError, match="from 2026-01-01 to 2026-01-04, got 2026-01-05"):
        Shop(ShopConfig()).deliver(date(2026, 1, 5))


def test_a_shop_with_more_history_than_days_is_refused() -> None:
    """Nonsense is refused when it is written down."""
    with pytest.raises(ValueError, match="history_days"):
        ShopConfig(days=10, history_days=20)


# --- files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formats", [Formats(), ALL_PARQUET, Formats("jsonl", "csv", "jsonl")])
def test_the_same_seed_writes_the_same_bytes(formats: Formats, tmp_path: Path) -> None:
    """Two shops of one seed agree byte for byte, whatever was asked of them before; another seed does not."""
    first, second = SMALL.delivery_dates[:2]
    worn = Shop(SMALL)
    worn.deliver(first)
    write_delivery(worn, second, tmp_path / "a", formats)
    write_delivery(Shop(SMALL), second, tmp_path / "b", formats)
    write_delivery(Shop(SMALL.model_copy(update={"seed": 8})), second, tmp_path / "c", formats)
    assert content(tmp_path / "a") == content(tmp_path / "b") != content(tmp_path / "c")


def test_files_bear_their_date_and_end_whole(tmp_path: Path) -> None:
    """The first delivery has a file for each source, CSV ends with a newline, nothing else is left in the inbox."""
    paths = write_delivery(Shop(SMALL), SMALL.delivery_dates[0], tmp_path)
    assert [path.name for path in paths] == ["interactions-2025-11-08.csv", "items-2025-11-08.jsonl", "users-2025-11-08.csv"]
    assert set(content(tmp_path)) == {f"{path.parent.name}/{path.name}" for path in paths}
    assert all(path.read_bytes().endswith(b"\n") for path in paths)


def test_every_format_says_the_same(tmp_path: Path) -> None:
    """Times are ISO text with Z and lists are joined by | in CSV; JSON Lines and Parquet keep lists."""
    shop, first = Shop(SMALL), SMALL.delivery_dates[0]
    for ending in ("csv", "jsonl", "parquet"):
        write_delivery(shop, first, tmp_path / ending, Formats(ending, ending, ending))
    delivered = shop.deliver(first).items
    assert pq.read_table(tmp_path / "parquet/items").to_pylist() == delivered.to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "jsonl/items/items-2025-11-08.jsonl").read_text().splitlines()]
    assert [line["category"] for line in lines] == delivered["category"].to_pylist()
    cells = pyarrow.csv.read_csv(tmp_path / "csv/items/items-2025-11-08.csv")
    assert cells["category"].to_pylist() == ["|".join(categories) for categories in delivered["category"].to_pylist()]
    assert lines[0]["available_from"] == "2025-11-03T00:00:00Z"


def test_a_delivery_without_arrivals_has_no_such_files(tmp_path: Path) -> None:
    """Nobody new, no file: an empty one would be refused."""
    quiet = SMALL.model_copy(update={"newcomer_share": 0.0})
    assert len(write_delivery(Shop(quiet), quiet.delivery_dates[1], tmp_path)) == 1


@pytest.mark.parametrize("formats", [Formats(), Formats("jsonl"), ALL_PARQUET])
def test_a_cut_off_delivery_ends_inside_a_row(formats: Formats, tmp_path: Path) -> None:
    """What is left starts like the sound file, under its name, and no reader can take it for whole."""
    shop, second = Shop(SMALL), SMALL.delivery_dates[1]
    sound = write_delivery(shop, second, tmp_path / "sound", formats)[0].read_bytes()
    torn = write_bad_delivery(shop, second, tmp_path / "bad", "cut_off", formats)[0]
    assert torn.name == f"interactions-{second}.{formats.interactions}"
    assert sound.startswith(torn.read_bytes())
    assert not torn.read_bytes().endswith((b"\n", b"}", b"PAR1"))


def test_a_delivery_with_foreign_columns_lacks_ours(tmp_path: Path) -> None:
    """Another system's export: readable, but not ours."""
    path = write_bad_delivery(Shop(SMALL), SMALL.delivery_dates[1], tmp_path, "foreign_columns")[0]
    assert pyarrow.csv.read_csv(path).column_names == ["customer", "sku", "when", "event_type", "event_id"]


def test_a_sound_delivery_takes_the_place_of_the_bad_one(tmp_path: Path) -> None:
    """Sent again, it leaves nothing of the bad one behind."""
    shop, second = Shop(SMALL), SMALL.delivery_dates[1]
    write_bad_delivery(shop, second, tmp_path / "twice")
    write_delivery(shop, second, tmp_path / "twice")
    write_delivery(shop, second, tmp_path / "once")
    assert content(tmp_path / "twice") == content(tmp_path / "once")
