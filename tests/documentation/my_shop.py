"""The shop that the documentation speaks of: Ada, a kettle, files to deliver, and eight published nights of January 2026."""

from __future__ import annotations

import csv
import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

USERS = ("ada", "ben", "cleo", *(f"customer-{number:02}" for number in range(4, 61)))
THINGS = ("kettle", "teapot", "cup", "tray", "spoon", "jug", "whisk", "pan", "plate", "bowl")
ITEMS = (*THINGS, *(f"{colour}-{thing}" for colour in ("red", "blue", "green") for thing in THINGS))
FIRST, LAST = date(2026, 1, 4), date(2026, 1, 11)
"""The nights that are published."""

HISTORY_DAYS = 21
EVENTS = ("user_id", "item_id", "occurred_at", "event_type")
OTHER_RULES = """\
[policies]
unavailable_where = {in_stock = ["false"]}

[[policies.caps]]
name = "categories"
by = "category"
most = 3
"""

Event = tuple[str, str, str, str]


def events(day: date) -> list[Event]:
    """Return what people did on a day: who likes what follows from the number of a user, the rest from the same chance each time."""
    chance = random.Random(day.toordinal())
    done = []
    for user in chance.sample(USERS, 24):
        taste = USERS.index(user) % 4
        for item in chance.sample(ITEMS[taste::4] * 5 + ITEMS, 3):
            moment = datetime.combine(day, time(8), UTC) + timedelta(seconds=chance.randrange(12 * 3600))
            done.append((user, item, f"{moment:%Y-%m-%dT%H:%M:%SZ}", chance.choice(("view", "view", "purchase"))))
    return sorted(set(done), key=lambda event: event[2])


def history(until: date) -> Iterator[Event]:
    """Yield three weeks of events that end with a day, oldest first."""
    for age in range(HISTORY_DAYS, -1, -1):
        yield from events(until - timedelta(days=age))


def catalogue() -> Iterator[tuple[str, ...]]:
    """Yield the items as a catalogue file has them, the names of columns first."""
    yield ("item_id", "title", "category", "brand", "in_stock")
    for number, item in enumerate(ITEMS):
        yield (item, item.replace("-", " ").capitalize(), ("kitchen", "table")[number % 2], ("acme", "nord")[number % 3 == 0], "true")


def write_events(path: Path, done: Iterator[Event] | list[Event]) -> None:
    """Write a delivery of interactions."""
    _write(path, [EVENTS, *done])


def write_files(folder: Path) -> None:
    """Write the files that pages take for granted: what somebody would deliver, other rules, and MovieLens in miniature."""
    write_events(folder / "orders.csv", [*history(FIRST)])
    _write(folder / "items.csv", list(catalogue()))
    (folder / "other-rules.toml").write_text(OTHER_RULES)
    write_movielens(folder / "ml-latest-small.zip")
    with zipfile.ZipFile(folder / "ml-latest-small.zip") as archive:
        archive.extractall(folder)


def write_movielens(path: Path) -> None:
    """Write ratings and movies that nobody gave or made, in the layout of ml-latest-small."""
    numbers = {name: number for number, name in enumerate((*USERS, *ITEMS), start=1)}
    stars = {"view": "3.0", "purchase": "5.0"}
    given = {(user, item): (at, kind) for user, item, at, kind in history(FIRST)}
    ratings = [
        (numbers[user], numbers[item], stars[kind], int(datetime.fromisoformat(at).timestamp()))
        for (user, item), (at, kind) in given.items()
    ]
    movies = [(numbers[item], f"The {item.title()} (1999)", ("Comedy", "Drama|Crime")[numbers[item] % 2]) for item in ITEMS]
    tables = {"ratings": [("userId", "movieId", "rating", "timestamp"), *ratings], "movies": [("movieId", "title", "genres"), *movies]}
    tables |= {"tags": [("userId", "movieId", "tag", "timestamp")], "links": [("movieId", "imdbId", "tmdbId")]}
    with zipfile.ZipFile(path, "w") as archive:
        for name, rows in tables.items():
            lines = [",".join(str(value) for value in row) for row in rows]
            archive.writestr(f"ml-latest-small/{name}.csv", "\n".join(lines) + "\n")


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
