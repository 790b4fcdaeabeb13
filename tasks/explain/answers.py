"""What is told of one user of one night: frozen facts, for a page and for JSON alike."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, computed_field

from models.scorer import FAMILIES
from tasks.raw_facts import Event, Id, Instant, Item

PARTS = (*FAMILIES, "policy")
"""What a score is the sum of."""

CLOSE = 1e-6
"""How far a score may lie from the sum of its parts; the promise that a night checks before it publishes."""

Standing = Literal["recommended", "left_out", "seen", "unknown", "unavailable", "below_candidates"]


class Place(BaseModel, frozen=True):
    """One place of the list: the item, what its score is made of and what speaks for it."""

    rank: int
    item_id: Id
    title: str | None = None
    score: float
    blended_score: float
    collaborative: float | None = None
    sequential: float | None = None
    content: float | None = None
    knowledge: float | None = None
    policy: float
    reason: str
    because_item_id: Id | None = None
    because_title: str | None = None
    served_by: str
    variant: str | None = None

    @property
    def parts(self) -> dict[str, float | None]:
        """Return the four families and policies, each with what it adds; None where it abstains."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def gap(self) -> float:
        """Return how far the score lies from the sum of its parts."""
        return abs(self.score - sum(part or 0.0 for part in self.parts.values()))


class LeftOut(BaseModel, frozen=True):
    """A candidate that is not recommended: its place among all that was scored, the cause and the setting that says so."""

    candidate_rank: int
    item_id: Id
    title: str | None = None
    score: float
    cause: str
    rule: str


class Changed(BaseModel, frozen=True):
    """What became of an item in the list since the night before, and why."""

    item_id: Id
    title: str | None = None
    change: str
    rank_before: int | None = None
    rank: int | None = None
    cause: str
    detail: str


class Did(Event, frozen=True):
    """One thing the user did, with the title of the item."""

    title: str | None = None


class Popular(BaseModel, frozen=True):
    """One place of what is popular with everybody."""

    rank: int
    item_id: Id
    title: str | None = None
    score: float


class Resemblance(BaseModel, frozen=True):
    """How strongly one item speaks for another, as `similar_items` says it; `rank` is the other's place among its similar items."""

    item_id: Id
    rank: int
    similar_item_id: Id
    score: float


class Shown(BaseModel, frozen=True):
    """To how many users an item is shown at all, as `exposure` counts everybody."""

    n_lists: int
    n_first: int
    share: float


class ItemAnswer(BaseModel, frozen=True):
    """Where one item stands with the user: why it is in the list or is not, and what would have to change.

    `contributions` are the parts of the score, largest first, of a recommended item only; `missing` is how much a candidate scored below
    the last place of the list, and `most_there` the part that adds most to that place. `shown` is None where the date was published
    without the table exposure, and where the item could not be recommended to anybody.
    """

    item: Item
    standing: Standing
    because: tuple[str, ...]
    would_have_to_change: tuple[str, ...] = ()
    place: Place | None = None
    candidate: LeftOut | None = None
    changed: Changed | None = None
    contributions: tuple[tuple[str, float], ...] = ()
    resemblances: tuple[Resemblance, ...] = ()
    missing: float | None = None
    most_there: str | None = None
    shown: Shown | None = None
    did: tuple[Event, ...] = ()


class Explanation(BaseModel, frozen=True):
    """What a night published for one user, why, what changed, and what the user had done.

    `why_not` and `changes` are None where the date was published without these tables. Of somebody nobody has heard of, `is_known` is
    false and only `popular` and `alike` have something to say.
    """

    user_id: Id
    run_date: date
    run_id: str
    model_version: str
    data_through: str | None
    known_until: Instant
    k: int | None
    is_known: bool
    recommendations: tuple[Place, ...] = ()
    short_because: str | None = None
    why_not: tuple[LeftOut, ...] | None = None
    changes: tuple[Changed, ...] | None = None
    changed_since: date | None = None
    history: tuple[Did, ...] = ()
    n_events: int = 0
    popular: tuple[Popular, ...] = ()
    alike: tuple[Id, ...] = ()
    item: ItemAnswer | None = None

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation writes it
    @property
    def largest_gap(self) -> float:
        """Return how far a score of the list lies from the sum of its parts at most."""
        return max((place.gap for place in self.recommendations), default=0.0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sums_hold(self) -> bool:
        """Tell whether every score of the list is the sum of its parts."""
        return self.largest_gap <= CLOSE
