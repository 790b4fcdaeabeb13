"""What the gate may know of a night, what it must not fall below, and how one of its rules answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from models.bootstrap import BootstrapConfig, Comparison, Interval
from models.metrics import ListMetrics


class GateConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """What tonight's models and lists must not fall below."""

    intervals: BootstrapConfig = BootstrapConfig(resamples=4000, confidence=0.998)
    """How the intervals to judge by are drawn: so wide that an equally good model is refused once in a thousand nights."""

    min_holdout_users: int = Field(20, ge=2)
    """Users without whom nothing can be judged at all."""

    min_new_users: int = Field(200, ge=2)
    """Users without whom two sets of models are not compared: those with events newer than the data of the served, or pinned, models."""

    max_loss: float = Field(0.01, ge=0)
    """Share of the served models' NDCG that may be lost even when the loss is certain: many users make trifles certain."""

    min_slice_users: int = Field(100, ge=20)
    """Users a segment needs to be judged by itself."""

    max_slice_loss: float = Field(0.05, ge=0)
    """Share of NDCG that one segment may lose against popularity or the served models even when the loss is certain."""

    max_rot: float = Field(0.05, ge=0, le=1)
    """Share of NDCG that may be lost over many nights, against the best of the late ones and against the pinned models; 1 lets all pass."""

    min_trailing_nights: int = Field(3, ge=2)
    """Published nights without which there is no trailing band."""

    band_width: float = Field(3.0, gt=0)
    """How many robust standard deviations below the median of the trailing nights the band ends."""

    min_band: float = Field(0.1, ge=0, lt=1)
    """Share of the median the band spans at least: a few nights may agree by chance."""

    min_coverage: float = Field(0.01, ge=0, le=1)
    """Share of the catalogue lists must show, out of what so many lists can show at all."""

    min_distinct_lists: float = Field(0.005, ge=0, le=1)
    """Number of different lists per user; low, since users with the same single event rightly share a list."""

    max_commonest_list: float = Field(0.5, gt=0, le=1)
    """Share of users who may be given the very same list."""

    min_effective_lists: float = Field(1.5, ge=1)
    """Items shown, rarely shown ones counting less, in lengths of a list: 1 where everybody is shown the same."""

    max_constant_lists: float = Field(0.05, ge=0, le=1)
    """Share of users whose whole list may have one and the same score."""

    min_overlap: float = Field(0.1, ge=0, le=1)
    """Share of what was served and is still fit to be shown that tonight's lists must show again; 0 lets any change pass."""

    overlap_band: float = Field(0.25, gt=0, lt=1)
    """Share of its late median by which the overlap may fall before it is warned of; a fall of twice that is refused."""

    popularity_after_days: int | None = Field(None, ge=1)
    """Days after which a last good table is too old: a night that the gate refuses then serves popularity alone; what another step held
    stays held. Unset: never."""


@dataclass(frozen=True)
class Slice:
    """Tonight's models set against a rival on the users of one segment; the difference has no ends where these were too few."""

    segment: str
    rival: str
    comparison: Comparison


@dataclass(frozen=True)
class Evidence:
    """All the gate may know of a night; intervals and comparisons are drawn as `GateConfig.intervals` says.

    `ndcg` is the cross-fitted blend's NDCG at k over the holdout; `popularity` compares it with recommending what is popular, on the
    same users. `champion` compares tonight's models with the served ones on users with events newer than the served models' data;
    where it is None and something is served, `no_champion` says why. `trailing_ndcg` holds the NDCG at k of recent published nights with
    the same kind of holdout, but for those whose tables were withdrawn or showed popularity as the last resort.
    `reference` compares tonight's models with those pinned long ago; where it is None, `no_reference` says why. `judged` counts the
    judged users of each segment, `constant_lists` is the share of them whose list has one score throughout.
    """

    k: int
    ndcg: Interval
    popularity: Comparison
    champion: Comparison | None
    trailing_ndcg: tuple[float, ...]
    lists: ListMetrics
    constant_lists: float = 0.0
    no_champion: str = ""
    slices: tuple[Slice, ...] = ()
    reference: Comparison | None = None
    no_reference: str = "no models are pinned as a reference yet"
    judged: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One rule of the gate: what was measured, what it was measured against, and both in words; None where nothing was measured."""

    name: str
    passed: bool
    value: float | None
    limit: float | None
    sentence: str


def not_judged(name: str, sentence: str) -> Check:
    """Let pass what cannot be measured, and say so."""
    return Check(name, passed=True, value=None, limit=None, sentence=sentence)
