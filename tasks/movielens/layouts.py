"""The four layouts in which MovieLens was published: which files, and what the fields of a line mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from tasks.movielens.codes import AGE_BANDS_OF_1M, GENRES_OF_100K, NO_GENRE, OCCUPATIONS_OF_1M
from tasks.movielens.published import Published
from tasks.movielens.text_file import Fields, TextFile, free_text

LayoutName = Literal["100k", "1m", "10m", "csv"]
Person = dict[str, Any]


class Movie(NamedTuple):
    """One movie as published; the year is part of the title."""

    item_id: int
    title: str
    genres: list[str]


class Tag(NamedTuple):
    """A text somebody gave to a movie."""

    item_id: int
    text: str


class RatingsFile(NamedTuple):
    """The one big file, cut by Arrow: who, what, how much and when, in the names of its columns."""

    name: str
    delimiter: str
    columns: tuple[str, ...]
    has_header: bool = False
    columns_apart: int = 1
    """2 where the separator is `::`: Arrow cuts at single characters and finds an empty column between any two."""


@dataclass(frozen=True)
class Layout:
    """One published layout; `tags` and `users` are None where it never had them."""

    name: LayoutName
    ratings: RatingsFile
    movies: TextFile[Movie]
    tags: TextFile[Tag] | None = None
    users: TextFile[Person] | None = None


def layout_of(published: Published) -> Layout:
    """Tell the layout by its files."""
    if "u.data" in published:
        return ML_100K
    if "ratings.csv" in published:
        return ML_CSV
    return ML_1M if "users.dat" in published else ML_10M


def _movie(fields: Fields) -> Movie:
    item_id, *title, genres = fields
    return Movie(int(item_id), free_text(title), _known(genres.split("|")))


def _movie_of_csv(fields: Fields) -> Movie:
    item_id, title, genres = fields
    return Movie(int(item_id), title, _known(genres.split("|")))


def _movie_of_100k(fields: Fields) -> Movie:
    item_id, title, _released, _on_video, _address, *flags = fields
    return Movie(int(item_id), title, _known([genre for genre, flag in zip(GENRES_OF_100K, flags, strict=True) if flag == "1"]))


def _tag(fields: Fields) -> Tag:
    _user_id, item_id, *text, _tagged_at = fields
    return Tag(int(item_id), free_text(text))


def _tag_of_csv(fields: Fields) -> Tag:
    _user_id, item_id, text, _tagged_at = fields
    return Tag(int(item_id), text)


def _person_of_100k(fields: Fields) -> Person:
    user_id, age, gender, occupation, postcode = fields
    return {"user_id": int(user_id), "gender": gender, "age": int(age), "occupation": occupation, "zip": postcode}


def _person_of_1m(fields: Fields) -> Person:
    user_id, gender, age, occupation, postcode = fields
    words = {"age_band": AGE_BANDS_OF_1M[age], "occupation": OCCUPATIONS_OF_1M[int(occupation)]}
    return {"user_id": int(user_id), "gender": gender, **words, "zip": postcode}


def _known(genres: list[str]) -> list[str]:
    return [genre for genre in genres if genre not in NO_GENRE]


_DAT_RATINGS = RatingsFile("ratings.dat", ":", ("UserID", "MovieID", "Rating", "Timestamp"), columns_apart=2)
_DAT_MOVIES = ("MovieID", "Title", "Genres")
_ITEM_COLUMNS = ("movie id", "movie title", "release date", "video release date", "IMDb URL", *GENRES_OF_100K)

ML_100K = Layout(
    name="100k",
    ratings=RatingsFile("u.data", "\t", ("user id", "item id", "rating", "timestamp")),
    movies=TextFile("u.item", "|", _ITEM_COLUMNS, _movie_of_100k, "latin-1"),
    users=TextFile("u.user", "|", ("user id", "age", "gender", "occupation", "zip code"), _person_of_100k),
)
ML_1M = Layout(
    name="1m",
    ratings=_DAT_RATINGS,
    movies=TextFile("movies.dat", "::", _DAT_MOVIES, _movie, "latin-1"),
    users=TextFile("users.dat", "::", ("UserID", "Gender", "Age", "Occupation", "Zip-code"), _person_of_1m),
)
ML_10M = Layout(
    name="10m",
    ratings=_DAT_RATINGS,
    movies=TextFile("movies.dat", "::", _DAT_MOVIES, _movie),
    tags=TextFile("tags.dat", "::", ("UserID", "MovieID", "Tag", "Timestamp"), _tag),
)
ML_CSV = Layout(
    name="csv",
    ratings=RatingsFile("ratings.csv", ",", ("userId", "movieId", "rating", "timestamp"), has_header=True),
    movies=TextFile("movies.csv", ",", ("movieId", "title", "genres"), _movie_of_csv),
    tags=TextFile("tags.csv", ",", ("userId", "movieId", "tag", "timestamp"), _tag_of_csv),
)
