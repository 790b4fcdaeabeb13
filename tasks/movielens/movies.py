"""Movies become items, users become users; both fit in memory."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable

import pyarrow as pa

from tasks.movielens.layouts import Layout, Tag
from tasks.movielens.published import Published

TAGS_PER_ITEM = 50
"""A popular movie has thousands of tags, most of them given once; these many of the most given ones describe it."""

TEXTS = pa.list_(pa.string())
ITEMS = pa.schema({"item_id": pa.int64(), "title": pa.string(), "year": pa.int32(), "genres": TEXTS})

# "(1995)", "(2006-2007)" with a hyphen or an en dash, "(2011-)"; the last one in the title counts, since words may follow it: "(1995) (V)".
YEAR = re.compile(r"\((\d{4})(?:[-\u2013]\d{0,4})?\)")


def items_of(published: Published, layout: Layout) -> pa.Table:
    """Read the movies in their published order, with the tags people gave them where the data set has tags.

    A tag may be younger than the ratings a model is judged on, and so tell it of the future: fine for serving tonight's table,
    to be kept out of a comparison on old dates.
    """
    movies = list(layout.movies.read(published))
    columns = {
        "item_id": [movie.item_id for movie in movies],
        "title": [movie.title for movie in movies],
        "year": [_year(movie.title) for movie in movies],
        "genres": [movie.genres for movie in movies],
    }
    items = pa.table(columns, schema=ITEMS)
    if layout.tags is None or layout.tags.name not in published:
        return items
    given = most_given_tags(layout.tags.read(published))
    return items.append_column("tags", pa.array([given.get(movie.item_id, []) for movie in movies], TEXTS))


def most_given_tags(tags: Iterable[Tag]) -> dict[int, list[str]]:
    """Collect each item's tags in lower case, the most given first and equals by alphabet."""
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for tag in tags:
        text = tag.text.strip().lower()
        if text:
            counts[tag.item_id][sys.intern(text)] += 1
    return {item: sorted(given, key=lambda text: (-given[text], text))[:TAGS_PER_ITEM] for item, given in counts.items()}


def users_of(published: Published, layout: Layout) -> pa.Table | None:
    """Read what the data set says of its users, None where it says nothing."""
    if layout.users is None or layout.users.name not in published:
        return None
    return pa.Table.from_pylist(list(layout.users.read(published)))


def _year(title: str) -> int | None:
    years = YEAR.findall(title)
    return int(years[-1]) if years else None
