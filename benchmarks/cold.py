"""Cold start: items and users that are held out altogether and known by their attributes alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import judge, nights
from benchmarks.compare import OURS, Plan, Result, alone
from benchmarks.rivals import popularity, ranked
from benchmarks.sets import BenchSet

SHARE = 0.1
"""Share of the items, or of the users, that are held out altogether."""

SEED = 5

LONGEST = 1000
"""Rows a list may have: new items are picked out of lists this long, in their order."""


def cold(bench_set: BenchSet, plan: Plan) -> Iterator[Result]:
    """Measure new items where items have attributes, by the night and by each of its content models alone; new users where users have."""
    if bench_set.items is not None:
        found, content = new_items(bench_set, plan, OURS, {})
        yield found
        for model in content:
            yield new_items(bench_set, plan, f"only {model}", alone(model))[0]
    if bench_set.users is not None:
        yield new_users(bench_set, plan)


def new_items(bench_set: BenchSet, plan: Plan, system: str, settings: Mapping[str, str]) -> tuple[Result, list[str]]:
    """Rank items nobody has liked yet among each other, out of long published lists, beside a random order; name the content models, too.

    A like of an item to which the user gave a tag is no target: the tag would tell.
    """
    likes = bench_set.likes
    is_new = _drawn(len(likes.item_ids))
    hidden = is_new[likes.frame.item.to_numpy()]
    settings = {**plan.settings, **settings, "NIGHTLY__SCORE__K": str(min(LONGEST, len(likes.item_ids)))}
    about: Result = {"kind": "cold", "set": bench_set.name, "system": system, "what": "new items", "seed": plan.seeds[0]}
    folder = plan.fresh(bench_set.name, f"new-items-{system.replace(' ', '-')}")
    night = nights.whole_night(bench_set, ~hidden, folder, plan.seeds[0], plan.code, settings, show_tags=True)
    if not night.published:
        return {**about, "kind": "absent", "reason": f"{night.ending['ending']}: {night.ending.get('reason')}"}, []
    weights = night.table("weights")
    content = sorted(weights[weights.family == "content"].model.unique())
    lists = only(nights.places(night.table("recommendations"), likes.user_ids, likes.item_ids), is_new)
    targets = likes.matrix(hidden & ~_tagged(bench_set))
    recall = judge.per_user(lists, targets)["recall@10"]
    by_chance = min(1.0, judge.AT / np.count_nonzero(is_new))
    shown = float((lists[np.diff(targets.indptr) > 0] >= 0).sum(axis=1).mean())
    found = {
        "new": int(is_new.sum()),
        "judged_users": len(recall),
        "recall@10": float(recall.mean()),
        "standard_error": judge.standard_error(recall),
    }
    result = {
        **about,
        **found,
        "beside": "random",
        "theirs": by_chance,
        "times": float(recall.mean()) / by_chance,
        "new_items_a_list": shown,
    }
    return result, content


def new_users(bench_set: BenchSet, plan: Plan) -> Result:
    """Recommend to users of whom only attributes are known, beside what is popular with everybody else."""
    likes = bench_set.likes
    is_new = _drawn(len(likes.user_ids))
    hidden = is_new[likes.frame.user.to_numpy()]
    about: Result = {"kind": "cold", "set": bench_set.name, "system": OURS, "what": "new users", "seed": plan.seeds[0]}
    night = nights.whole_night(bench_set, ~hidden, plan.fresh(bench_set.name, "new-users"), plan.seeds[0], plan.code, plan.settings)
    if not night.published:
        return {**about, "kind": "absent", "reason": f"{night.ending['ending']}: {night.ending.get('reason')}"}
    recommendations = night.table("recommendations")
    lists = nights.places(recommendations, likes.user_ids, likes.item_ids)
    targets, known = likes.matrix(hidden), likes.matrix(~hidden)
    ours, theirs = (judge.per_user(shown, targets)["recall@10"] for shown in (lists, ranked(popularity(known, None, {}), known, judge.AT)))
    rungs = (
        recommendations[recommendations.user_id.isin(likes.user_ids[is_new])].drop_duplicates("user_id").served_by.value_counts().to_dict()
    )
    difference = judge.paired(ours, theirs)
    found = {
        "new": int(is_new.sum()),
        "judged_users": len(ours),
        "recall@10": float(ours.mean()),
        "standard_error": difference.standard_error,
    }
    ends = {"low": difference.low, "high": difference.high, "times": float(ours.mean() / theirs.mean()), "served_by": rungs}
    return {**about, **found, "beside": "popularity", "theirs": float(theirs.mean()), **ends}


def only(lists: NDArray[np.int32], wanted: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Keep the wanted items of every list, in their order and moved up; (users, n), -1 where a list ended."""
    keep = (lists >= 0) & wanted[lists]
    order = np.argsort(~keep, axis=1, kind="stable")
    return np.where(np.take_along_axis(keep, order, 1), np.take_along_axis(lists, order, 1), -1)


def _drawn(n: int) -> NDArray[np.bool_]:
    return np.random.default_rng(SEED).random(n) < SHARE


def _tagged(bench_set: BenchSet) -> NDArray[np.bool_]:
    """Mark the likes of an item to which the same user gave a tag; (likes,)."""
    frame = bench_set.likes.frame
    if bench_set.tags is None:
        return np.zeros(len(frame), np.bool_)
    tagged = pd.MultiIndex.from_frame(bench_set.tags[["user_id", "item_id"]])
    return np.asarray(pd.MultiIndex.from_frame(frame[["user_id", "item_id"]]).isin(tagged))
