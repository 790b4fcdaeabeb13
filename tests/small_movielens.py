"""A made-up set in the layout of MovieLens: no film of it exists. Ids and times are such that docs/tutorial.md can be followed with it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

GENRES = ("Comedy", "Drama", "Thriller", "Western")
N_USERS, N_FILMS, RATINGS_EACH = 150, 400, 40
NEWEST = 1_537_799_250
"""2018-09-24T14:27:30Z, when the last rating of the small MovieLens was given."""


def write_zip(path: Path) -> Path:
    """Write `ratings.csv` and `movies.csv` as they are published, packed; users rate films of their own genre higher."""
    draw = np.random.default_rng(20180924)
    genre = draw.integers(len(GENRES), size=N_FILMS)
    fame = 1 / (1 + draw.permutation(N_FILMS) / 20)
    ratings = ["userId,movieId,rating,timestamp"]
    for user in range(N_USERS):
        liked = genre == user % len(GENRES)
        chance = fame * np.where(liked, 6, 1)
        films = draw.choice(N_FILMS, RATINGS_EACH, replace=False, p=chance / chance.sum())
        stars = np.clip(np.round(2 * draw.normal(np.where(liked[films], 4.4, 2.8), 0.6)) / 2, 0.5, 5)
        began = NEWEST - draw.integers(1, 400) * 86_400 if user else NEWEST - 60 * (RATINGS_EACH - 1)
        ratings += [
            f"{user + 1},{film + 1},{star},{began + 60 * place}" for place, (film, star) in enumerate(zip(films, stars, strict=True))
        ]
    films = [f"{film + 1},Film {film + 1} (1990),{GENRES[genre[film]]}" for film in range(N_FILMS)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml-latest-small/ratings.csv", "\n".join(ratings) + "\n")
        archive.writestr("ml-latest-small/movies.csv", "\n".join(["movieId,title,genres", *films]) + "\n")
    return path
