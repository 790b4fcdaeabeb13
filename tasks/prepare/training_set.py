"""What the models of a night learn from and are judged by, as files of arrays under the night's staging folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, model_validator

from models.holdout import Events
from models.scorer import Described, Interactions, TrainingData

_DAY_IN_MICROSECONDS = 86_400_000_000.0


class SegmentConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How users are grouped: by how many items they liked."""

    bounds: tuple[int, ...] = (1, 5, 20)
    """Likes at which the next segment begins; the first segment holds those with fewer than the first bound."""

    @model_validator(mode="after")
    def _rising(self) -> SegmentConfig:
        if any(bound < 1 for bound in self.bounds) or list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError("bounds must rise, from 1 at least")
        return self

    @property
    def begins_with_newcomers(self) -> bool:
        """Say whether the first segment holds those who liked nothing, and nobody else."""
        return self.bounds[:1] == (1,)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the segments' names, such as `0 likes`, `1-4 likes`, `5-19 likes`, `20+ likes`."""
        edges = (0, *self.bounds)
        ranges = [f"{low}" if low + 1 == high else f"{low}-{high - 1}" for low, high in zip(edges, self.bounds, strict=False)]
        return tuple(f"{part} likes" for part in (*ranges, f"{edges[-1]}+"))


@dataclass(frozen=True)
class TrainingSet:
    """Everything known tonight, numbered: row n of `users` is user n everywhere, row n of `items` item n.

    users: user_index, user_id. items: item_index, item_id, title, is_known, is_available, available_from in epoch microseconds or null.
    `open_again` holds ones at the pairs, (users, items), that met and may be recommended again, None where everything that was met stays
    out of lists for ever; `tired_of` at those that were shown too often, None where nobody tires of anything.
    """

    users: pa.Table
    items: pa.Table
    events: Events
    weight: NDArray[np.float32]
    value: NDArray[np.float32]
    fit: NDArray[np.bool_]
    holdout: NDArray[np.bool_]
    item_descriptions: Described
    user_descriptions: Described
    segments: SegmentConfig
    open_again: sp.csr_matrix | None = None
    tired_of: sp.csr_matrix | None = None

    @property
    def n_users(self) -> int:
        return self.users.num_rows

    @property
    def n_items(self) -> int:
        return self.items.num_rows

    @property
    def ids(self) -> pa.Schema:
        """Return of what types the ids of users and items are."""
        return pa.schema([self.users.schema.field("user_id"), self.items.schema.field("item_id")])

    @property
    def recommendable(self) -> NDArray[np.bool_]:
        """Mark the items that may appear in a list tonight: known and available; (items,)."""
        return np.asarray(self.items["is_known"]) & np.asarray(self.items["is_available"])

    def training_data(self, part: Literal["fit", "everything"]) -> TrainingData:
        """Return what models learn from: the fit slice while they are judged, everything once they are published."""
        interactions = self.pairs(self.fit if part == "fit" else np.ones(len(self.events), np.bool_))
        likes = np.bincount(interactions.user[interactions.positive], minlength=self.n_users)
        segment = np.searchsorted(np.array(self.segments.bounds), likes, side="right").astype(np.int16)
        return TrainingData(interactions, self.item_descriptions, self.user_descriptions, segment, self.segments.names)

    def pairs(self, rows: NDArray[np.bool_]) -> Interactions:
        """Bring the marked events together by (user, item): the latest time and value, the largest weight, positive if any was."""
        user, item = self.events.user[rows], self.events.item[rows]
        weight, value, positive = self.weight[rows], self.value[rows], self.events.positive[rows]
        if len(user) == 0:
            return Interactions(user, item, np.zeros(0), weight, value, positive, self.n_users, self.n_items)
        starts = np.flatnonzero(np.r_[True, (np.diff(user) != 0) | (np.diff(item) != 0)])
        ends = np.r_[starts[1:], len(user)] - 1
        return Interactions(
            user[starts],
            item[starts],
            self._age_days(rows)[ends],
            np.maximum.reduceat(weight, starts),
            value[ends],
            np.logical_or.reduceat(positive, starts),
            self.n_users,
            self.n_items,
        )

    def _age_days(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        times = self.events.occurred_at
        if times is None:
            return np.zeros(np.count_nonzero(rows))
        # Age counts from the newest event the night sees, never from the clock: the same data decay the same whenever they are read.
        return (times.max() - times[rows]) / _DAY_IN_MICROSECONDS

    def targets(self, rows: NDArray[np.bool_] | None = None) -> sp.csr_matrix:
        """Return the holdout as a (users, items) matrix of ones; `rows` narrows it to some of its events."""
        marked = self.holdout if rows is None else self.holdout & rows
        pairs = self.pairs(marked)
        return pairs.seen()

    def save(self, folder: Path) -> list[Path]:
        """Write everything to a folder; the same content gives the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        times = {} if self.events.occurred_at is None else {"occurred_at": self.events.occurred_at}
        arrays: dict[str, dict[str, NDArray[Any]]] = {
            "events": {"user": self.events.user, "item": self.events.item, "positive": self.events.positive, **times}
            | {"weight": self.weight, "value": self.value, "fit": self.fit, "holdout": self.holdout},
            "item_descriptions": _parts(self.item_descriptions),
            "user_descriptions": _parts(self.user_descriptions),
            "segments": {"bounds": np.array(self.segments.bounds, np.int64)},
        }
        for name, pairs in (("open_again", self.open_again), ("tired_of", self.tired_of)):
            if pairs is not None:
                arrays[name] = {"indices": pairs.indices, "indptr": pairs.indptr}
        for name, content in arrays.items():
            np.savez(folder / f"{name}.npz", allow_pickle=False, **content)
        pq.write_table(self.users, folder / "users.parquet", compression="zstd")
        pq.write_table(self.items, folder / "items.parquet", compression="zstd")
        return sorted(folder.iterdir())


def load_training_set(folder: Path) -> TrainingSet:
    """Read what `TrainingSet.save` wrote."""
    with np.load(folder / "events.npz") as stored:
        content = dict(stored)
    with np.load(folder / "segments.npz") as stored:
        segments = SegmentConfig(bounds=tuple(int(bound) for bound in stored["bounds"]))
    items = pq.read_table(folder / "items.parquet")
    return TrainingSet(
        users=pq.read_table(folder / "users.parquet"),
        items=items,
        events=Events(content["user"], content["item"], content.get("occurred_at"), content["positive"]),
        weight=content["weight"],
        value=content["value"],
        fit=content["fit"],
        holdout=content["holdout"],
        item_descriptions=_described(folder / "item_descriptions.npz"),
        user_descriptions=_described(folder / "user_descriptions.npz"),
        segments=segments,
        open_again=_pairs(folder / "open_again.npz", items.num_rows),
        tired_of=_pairs(folder / "tired_of.npz", items.num_rows),
    )


def _parts(described: Described) -> dict[str, NDArray[Any]]:
    features = described.features
    parts = {"data": features.data, "indices": features.indices, "indptr": features.indptr, "shape": np.array(features.shape, np.int64)}
    return {**parts, "names": np.array(described.names, np.str_), "place": described.place, "words": described.words}


def _pairs(path: Path, n_items: int) -> sp.csr_matrix | None:
    if not path.is_file():
        return None
    with np.load(path) as stored:
        indices, indptr = stored["indices"], stored["indptr"]
    return sp.csr_matrix((np.ones(len(indices), np.int8), indices, indptr), shape=(len(indptr) - 1, n_items))


def _described(path: Path) -> Described:
    with np.load(path) as stored:
        features = sp.csr_matrix((stored["data"], stored["indices"], stored["indptr"]), shape=tuple(stored["shape"]))
        return Described(features, tuple(stored["names"].tolist()), stored["place"], stored["words"])
