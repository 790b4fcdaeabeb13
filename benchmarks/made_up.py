"""Made-up logs as Parquet files: made once, kept in a folder, delivered as they are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.sparse_world import SparseWorldConfig, sparse_world


@dataclass(frozen=True)
class MadeUp:
    """The files of one world: interactions (user_id, item_id, occurred_at) and items with their attributes."""

    interactions: Path
    items: Path

    @property
    def events(self) -> int:
        return int(pq.read_metadata(self.interactions).num_rows)

    @property
    def last_day(self) -> date:
        """The day of the newest event, UTC: the first date whose night knows all of them."""
        newest = pd.read_parquet(self.interactions, columns=["occurred_at"]).occurred_at.max()
        return date(newest.year, newest.month, newest.day)

    def deliver(self, workspace: Path) -> None:
        """Copy both files into the inbox of a workspace."""
        shutil.copyfile(self.interactions, workspace / "inbox" / "interactions" / "log.parquet")
        shutil.copyfile(self.items, workspace / "inbox" / "items" / "catalogue.parquet")


def large_shop(n_pairs: int, n_users: int, n_items: int) -> SparseWorldConfig:
    """Describe a shop with a hundred narrow tastes, in which everybody who buys has bought some things; a day is a hundredth of its log."""
    return SparseWorldConfig(n_users=n_users, n_items=n_items, n_pairs=n_pairs, n_topics=100, n_places=20, fewest=20, days=90)


def made_up(config: SparseWorldConfig, folder: Path) -> MadeUp:
    """Return the files of a world of exactly `n_pairs` events; what lies in the folder under its sizes is taken as it is.

    Choices repeat, and the more the fuller a world is: as many are drawn as it takes. Raises ValueError where pairs cannot be so many.
    """
    if config.n_pairs > config.n_users * config.n_items // 4:
        raise ValueError(f"expected at most a quarter of {config.n_users:,} x {config.n_items:,} pairs; found {config.n_pairs:,}")
    sizes = f"{config.n_pairs}-pairs-{config.n_users}-users-{config.n_items}-items-{config.days}-days"
    files = MadeUp(folder / f"{sizes}.interactions.parquet", folder / f"{sizes}.items.parquet")
    if not (files.interactions.is_file() and files.items.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        world = sparse_world(config)
        drawn = config.n_pairs
        while len(world.interactions) < config.n_pairs:
            drawn = int(1.1 * drawn * config.n_pairs / len(world.interactions))
            world = sparse_world(config.model_copy(update={"n_pairs": drawn}))
        kept = np.random.default_rng(config.seed).permutation(len(world.interactions))[: config.n_pairs]
        world.items.to_parquet(files.items, index=False)
        world.interactions.iloc[np.sort(kept)].to_parquet(files.interactions, index=False)
    return files
