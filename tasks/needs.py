"""How much memory the steps of a night take, summed up from its sizes before they begin, and the refusal where that is too much."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from models.blend_training import BlendConfig
from models.scorer import Scorer
from models.sizes import NUMBER, Sizes, vectors
from tasks.judging import JudgingConfig, lot_bytes
from tasks.memory import GB, Offered
from tasks.refusals import StorageError
from tasks.score.config import ScoreConfig
from tasks.train import NETWORKS, POPULARITY, TrainConfig, models_for
from tasks.warehouse import WarehouseConfig

PROGRAM = 450 << 20
"""Bytes of Python and the libraries that every night loads."""

TENSORFLOW = 600 << 20
"""Bytes more where a network is trained."""

PER_EVENT_IN_SQL = 250
"""Bytes DuckDB holds of an event while it is staged; what is above its limit spills."""

ROWS_SCORED = 2560
"""Rows of numbers, one for each item, that stand for all users scored at once where the catalogue is small."""

PER_ROW_CHECKED = 100
"""Bytes DuckDB holds of a recommendation while its promises are checked."""

PER_EVENT_ON_THE_WAY = 150
"""Bytes of an event on its way out of the store: as Arrow, as numbers, and sorted."""

PER_EVENT = 80
"""Bytes of an event in the training set and in what models are handed of it."""

PER_USER = 500
"""Bytes of a user's latest likes in their order, the gaps between them, and their id."""


class Plans(NamedTuple):
    """The settings that decide how much memory a night takes."""

    train: TrainConfig
    blend: BlendConfig
    judging: JudgingConfig
    score: ScoreConfig
    warehouse: WarehouseConfig


class Need(NamedTuple):
    """What a step takes at most, what the most of that is for, and which setting makes it less, if one does."""

    step: str
    bytes: int
    mostly: str
    remedy: str

    @property
    def advice(self) -> str:
        """Return what to do where it is too much."""
        return "; or ".join(filter(None, (self.remedy, "run on a machine with more memory, or raise [compute] memory_gb")))


def needs(sizes: Sizes, plans: Plans, memory: Offered) -> list[Need]:
    """Return what the steps take, in their order: sums of their largest arrays, good to a factor of about two.

    Blocks of users are counted once, as few as the night can do with: more stand side by side where there is room.
    """
    scorers = models_for(plans.train, sizes)
    known = PER_EVENT * sizes.n_events + PER_USER * sizes.n_users
    loaded = PROGRAM + known + (TENSORFLOW if any(scorer.name in NETWORKS for scorer in scorers) else 0)
    fitting, largest = _fitting(scorers, sizes)
    fit = Need("", loaded + fitting, f"the model {largest}", _without(largest))
    kept = {scorer.name: scorer.needs(sizes).kept for scorer in scorers}
    asked, heaviest = loaded + sum(kept.values()), max(kept, key=lambda name: kept[name])
    lot = lot_bytes(plans.judging.users_at_once, sizes.n_items, len(scorers))
    heard = asked + lot + _candidates(plans, sizes, len(scorers))
    judged = Need("", heard, "what models say to users judged at once", "lower [judging] users_at_once")
    # The vectors of all models that are products stand once more side by side; blocks, which `memory_mb` bounds, beside what is written.
    stacked = sum(kept[scorer.name] for scorer in scorers if hasattr(type(scorer), "item_factors"))
    blocks = min(plans.score.memory_mb << 20, vectors(max(ROWS_SCORED, 2 * sizes.n_items), sizes.n_items))
    scored = Need("", asked + stacked + 2 * blocks, f"all models at once, {heaviest} the largest", _without(heaviest))
    small = Need("", PROGRAM, "the program itself", "")
    checked = small._replace(bytes=PROGRAM + min(plans.warehouse.limit(memory), PER_ROW_CHECKED * sizes.n_users * plans.score.k))
    learned = {"train": fit, "blend": judged, "evaluate": judged, "gate": small, "refit": fit, "score": scored}
    steps = {**learned, "derive": checked, "check": checked, "publish": small}
    later = [need._replace(step=step) for step, need in steps.items()]
    return [*taking_in(sizes.n_events, plans, memory), *later]


def taking_in(n_events: int, plans: Plans, memory: Offered) -> list[Need]:
    """Return what the steps take that bring events into the form models learn from: all that is known before these are counted."""
    sql = min(plans.warehouse.limit(memory), PER_EVENT_IN_SQL * n_events)
    most = PROGRAM + sql + PER_EVENT_ON_THE_WAY * n_events
    told = ("events in SQL", "lower [warehouse] memory") if most > 2 * PROGRAM else ("the program itself", "")
    return [Need(step, most, *told) for step in ("ingest", "stage", "validate", "keep", "prepare")]


def excess(expected: Sequence[Need], memory: Offered) -> Need | None:
    """Return the step that takes most, where that is more than is offered; None where everything fits."""
    most = max(expected, key=lambda need: need.bytes)
    return most if most.bytes > memory.bytes else None


def require_room(sizes: Sizes, plans: Plans, memory: Offered) -> None:
    """Raise StorageError, which says what takes how much and what to lower, where a step does not fit into what is offered."""
    need = excess(needs(sizes, plans, memory), memory)
    if need is None:
        return
    scale = f"{sizes.n_users:,} users, {sizes.n_items:,} items and {sizes.n_events:,} events"
    raise StorageError(
        f"memory for {need.step}",
        f"about {need.bytes / GB:.1f} GB for {scale}, most of it for {need.mostly}",
        f"{memory.bytes / GB:.1f} GB offered by {memory.by}",
        f"{need.advice}; then run again",
    )


def _fitting(scorers: Sequence[Scorer], sizes: Sizes) -> tuple[int, str]:
    """Return the most that fitting models one after the other takes, those that are fitted being kept, and the model it takes most for."""
    told = [scorer.needs(sizes) for scorer in scorers]
    before = accumulate((each.kept for each in told), initial=0)
    most = max(kept + each.fitting for kept, each in zip(before, told, strict=False))
    return most, max(zip(told, scorers, strict=True), key=lambda pair: pair[0].fitting)[1].name


def _without(name: str) -> str:
    if name == POPULARITY:
        return ""  # no night goes without it
    return "lower [train] ease_up_to_items" if name == "ease" else f"leave {name} out of [train] models"


def _candidates(plans: Plans, sizes: Sizes, n_models: int) -> int:
    """Return the bytes of what the weights are learned from: scores of every model for the best items of each, and copies in halves."""
    users = min(plans.judging.max_users, sizes.n_users) + min(plans.judging.max_newcomers, sizes.n_users)
    width = min(sizes.n_items, n_models * plans.blend.candidates + plans.blend.max_targets)
    return 2 * users * width * n_models * (NUMBER + 1)
