"""Models of the last published night that are what tonight's fit slice would teach: they are judged as they are, not learned again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.scorer import Lasting, Scorer
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet

log = logging.getLogger("nightly")

DECIDING = ("train", "seed", "compute")
"""Settings that decide what models learn from given events."""


def lasting_models(night: Night, known: TrainingSet, kinds: Mapping[str, type[Scorer]], cold_every: int) -> dict[str, Scorer]:
    """Return, by name and in tonight's numbers, the published models that learned from exactly tonight's fit slice; often none.

    `kinds` are the classes of the models by name. They were made by the same code, libraries and settings, and no more than `cold_every`
    nights ago everything was learned from nothing.
    """
    card, manifest = _card(night), night.champion_manifest()
    if card is None or manifest is None or not _made_alike(night, manifest):
        return {}
    if card["warm_nights"] + 1 >= cold_every or card["learned_from"] != fingerprint(known, known.fit):
        return {}
    folder = night.workspace.models / str(night.warm_from)
    then = pq.read_table(folder / "items.parquet")["item_id"]
    numbers = pc.fill_null(pc.index_in(known.items["item_id"], then), -1).to_numpy().astype(np.intp)
    found = {model["name"]: kinds[model["name"]].load(folder / model["name"]) for model in card["models"]}
    lasting: dict[str, Scorer] = {name: scorer.renumbered(numbers) for name, scorer in found.items() if isinstance(scorer, Lasting)}
    log.info("train: %s as published for %s, which learned from exactly these events", ", ".join(lasting), manifest["run_date"])
    return lasting


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
