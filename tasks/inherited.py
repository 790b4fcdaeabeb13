"""What tonight inherits of the models that the last night published: some are judged as they are, others go on from where they stand."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.abilities import Lasting, WarmScorer
from models.scorer import Scorer
from tasks.champion import last_instant
from tasks.item_numbers import numbers_then
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet

log = logging.getLogger("nightly")

DECIDING = ("train", "seed", "compute")
"""Settings that decide what models learn from given events."""


class Inherited(NamedTuple):
    """Published models by name, in tonight's numbers: `lasting` ones learned from just tonight's fit slice, `starts` from most of it."""

    lasting: Mapping[str, Scorer]
    starts: Mapping[str, Scorer]


NOTHING = Inherited({}, {})


def inherited(night: Night, known: TrainingSet, kinds: Mapping[str, type[Scorer]], cold_every: int) -> Inherited:
    """Return what the published models are good for tonight; often nothing. `kinds` are the classes of the models by name.

    They were made by the same code, libraries and settings, have seen nothing of what is held out, and no more than `cold_every` nights
    ago everything was learned from nothing.
    """
    card, manifest = _card(night), night.champion_manifest()
    if card is None or manifest is None or not _made_alike(night, manifest) or card["warm_nights"] + 1 >= cold_every:
        return NOTHING
    times, data_through = known.events.occurred_at, card["data_through"]
    if times is None or data_through is None or np.any((times <= last_instant(data_through)) & ~known.fit):
        return NOTHING
    folder = night.workspace.models / str(night.warm_from)
    numbers = numbers_then(folder, known.items["item_id"])
    same = card["learned_from"] == fingerprint(known, known.fit)
    found: dict[str, Scorer] = {}
    for name in (model["name"] for model in card["models"]):
        kind = kinds[name]
        if issubclass(kind, Lasting) and (same or issubclass(kind, WarmScorer)):
            found[name] = kind.load(folder / name).renumbered(numbers)
    if same:
        log.info("train: %s as published for %s, which learned from exactly these events", ", ".join(found), manifest["run_date"])
        return Inherited(found, {})
    log.info("train: %s go on from those published for %s", ", ".join(found) or "no models", manifest["run_date"])
    return Inherited({}, found)


def warm_nights(night: Night) -> int:
    """Return how many nights in a row models went on from those of the night before, up to the ones tonight starts from."""
    card = _card(night)
    return int(card["warm_nights"]) if card else 0


def fingerprint(known: TrainingSet, rows: NDArray[np.bool_]) -> str:
    """Hash the marked events, (events,), and the ids they are about: alike however many users and items without events there are."""
    digest = sha256()
    for numbers, ids in ((known.events.user[rows], known.users["user_id"]), (known.events.item[rows], known.items["item_id"])):
        there = np.bincount(numbers, minlength=len(ids)) > 0
        digest.update("\n".join(map(str, pc.filter(ids, pa.array(there)).to_pylist())).encode())
        digest.update((np.cumsum(there) - 1).astype(np.int32)[numbers].tobytes())
    for values in (known.events.occurred_at, known.events.positive, known.weight, known.value):
        digest.update(b"" if values is None else values[rows].tobytes())
    return digest.hexdigest()


def _card(night: Night) -> dict[str, Any] | None:
    path = night.workspace.models / str(night.warm_from) / "card.json"
    if night.warm_from is None or not path.is_file():
        return None
    card: dict[str, Any] = json.loads(path.read_text())
    return card if {"learned_from", "warm_nights"} <= card.keys() else None


def _made_alike(night: Night, manifest: dict[str, Any]) -> bool:
    now = night.origin
    settings = all(manifest["settings"].get(name) == now["settings"].get(name) for name in DECIDING)
    return settings and all(manifest[name] == now[name] for name in ("code", "versions", "composition"))
