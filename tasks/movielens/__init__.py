"""Turn any published MovieLens data set into files of the inbox.

Known are 100k (`u.data`), 1m and 10m (`::` between fields) and the CSV layout of latest, latest-small, 20m, 25m and 32m, each as
a folder or as the zip it is downloaded as. Links and genome files are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from tasks.movielens.layouts import LayoutName, layout_of
from tasks.movielens.movies import items_of, users_of
from tasks.movielens.published import LayoutError, open_published
from tasks.movielens.ratings import write_interactions
from tasks.storage import move, sync_file

__all__ = ["POSITIVE_FROM", "LayoutError", "MovieLensImport", "import_movielens"]

POSITIVE_FROM = 4.0
"""Stars from which a rating counts as liking; belongs into the settings of a workspace that holds MovieLens."""


@dataclass(frozen=True)
class MovieLensImport:
    """What was found and what now lies in the inbox; `n_users` counts described users, 0 where the layout has none."""

    layout: LayoutName
    files: tuple[Path, ...]
    n_interactions: int
    n_items: int
    n_users: int
    positive_from: float = POSITIVE_FROM


def import_movielens(path: Path, inbox: Path) -> MovieLensImport:
    """Write the data set in a folder or zip as Parquet into an inbox: all of its files, or none.

    The same data set gives the same bytes, however it is packed. Raises LayoutError for anything that is no such data set.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    with open_published(path) as published, TemporaryDirectory(dir=inbox, prefix=".movielens-") as folder:
        layout, staged = layout_of(published), Path(folder)
        tables = {"items": items_of(published, layout), "users": users_of(published, layout)}
        for source, table in tables.items():
            if table is not None:
                pq.write_table(table, staged / source, compression="zstd")
        n_interactions = write_interactions(published, layout.ratings, staged / "interactions")
        files = tuple(_deliver(file, inbox) for file in sorted(staged.iterdir()))
    n_items, n_users = (0 if table is None else len(table) for table in tables.values())
    return MovieLensImport(layout.name, files, n_interactions, n_items, n_users)


def _deliver(staged: Path, inbox: Path) -> Path:
    target = inbox / staged.name / "movielens.parquet"
    sync_file(staged)
    move(staged, target)
    return target
