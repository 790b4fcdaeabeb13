"""The reference: models pinned long ago, scored beside tonight's on the same users, so that slow losses add up to something seen.

`reference.json` names the set; the first publication writes it. Where it is removed, the next publication pins its own set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend
from models.holdout import NEVER
from models.metrics import ranking_metrics
from tasks.champion import last_instant
from tasks.earlier_models import earlier_models
from tasks.inspection import reference_fault
from tasks.judging import Audience, JudgingConfig, NoScoresError, sample_of
from tasks.model_set import set_fault
from tasks.night import Night
from tasks.prepare.training_set import TrainingSet
from tasks.rankings import Judge, rank

REPIN = "remove reference.json to pin the next published set"


@dataclass(frozen=True)
class Pinned:
    """The pinned models' NDCG at k of some judged users, `users` being their places among these; `why_not` where there is none."""

    ndcg: NDArray[np.float64]
    users: NDArray[np.intp]
    why_not: str = ""


def judge_reference(
    night: Night, known: TrainingSet, audience: Audience, users: NDArray[np.intp], k: int, judging: JudgingConfig, *, by_days: bool
) -> Pinned:
    """Let the pinned models rank for as many of the judged users as the settings allow.

    Only users whose held-out likes are all newer than the pinned models' data are asked: the others' answers these may have been told.
    """
    nobody = Pinned(np.zeros(0), np.zeros(0, np.intp))
    places, why_not = _comparable(night, known, users, by_days=by_days)
    if why_not:
        return replace(nobody, why_not=why_not)
    if not judging.max_reference_users:
        return replace(nobody, why_not="[judging] max_reference_users = 0 does without them")
    places = places[sample_of(known, users[places], judging.max_reference_users)]
    version = json.loads(night.workspace.reference.read_text())["model_version"]
    folder = night.workspace.models / version
    blend = Blend.from_json((folder / "blend.json").read_text())
    chosen, half = users[places], np.zeros(len(places), np.int8)
    judge = Judge(audience, earlier_models(folder, known), {"pinned": (blend,)}, k, judging.users_at_once, room=night.room)
    try:
        lists = np.concatenate(rank(judge, chosen, half).lists["pinned"])
    except NoScoresError as error:
        return replace(nobody, why_not=f"{error.found}; {REPIN}")
    return Pinned(ranking_metrics(lists, known.targets()[chosen], k)["ndcg"], places)


def _comparable(night: Night, known: TrainingSet, users: NDArray[np.intp], *, by_days: bool) -> tuple[NDArray[np.intp], str]:
    """Return the places of the users the pinned models can be asked about, and why there are none."""
    nobody = np.zeros(0, np.intp)
    if not night.workspace.reference.is_file():
        return nobody, "no models are pinned as a reference yet"
    damaged = f"reference.json cannot be read; {REPIN}"
    if reference_fault(night.workspace):
        return nobody, damaged
    pinned = json.loads(night.workspace.reference.read_text())
    fault = set_fault(night.workspace, pinned["model_version"])
    if fault:
        return nobody, f"{fault.file} is not what it was (expected {fault.expected}; found {fault.found}); {REPIN}"
    card = json.loads((night.workspace.models / pinned["model_version"] / "card.json").read_text())
    if tuple(card["segment_bounds"]) != known.segments.bounds:
        return nobody, f"they were made for other user segments; {REPIN}"
    if known.events.occurred_at is None or pinned["data_through"] is None:
        return nobody, "without times nothing tells what they had seen"
    begins = np.full(known.n_users, NEVER)
    np.minimum.at(begins, known.events.user[known.holdout], known.events.occurred_at[known.holdout])
    if by_days:
        # Whoever they had seen in the held-out days, they knew more of those days than tonight's models.
        begins[:] = begins.min(initial=NEVER)
    try:
        known_until = last_instant(pinned["data_through"])
    except ValueError:
        return nobody, damaged
    places = np.flatnonzero(begins[users] > known_until)
    return places, "" if len(places) else f"their data reach to {pinned['data_through']}, into what is held out"
