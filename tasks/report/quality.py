"""How good the night's lists are: the ladder, the metrics of every segment, what policies cost and how variants differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from models.bootstrap import Interval
from models.metrics import METRICS
from tasks.experiment.rows import RANKING
from tasks.measured import Ladder
from tasks.policies.cost import WITHOUT_ANY
from tasks.rankings import BLEND
from tasks.report.account import Measured
from tasks.report.drawing import Bar, interval_bars
from tasks.report.telling import Telling
from tasks.tables import EVERYBODY

VARIANT = "variant: "


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder with its drawing."""

    rung: Ladder
    bar: Bar | None


@dataclass(frozen=True)
class Grid:
    """Metrics in rows and columns; a cell is None where nothing was measured."""

    title: str
    corner: str
    columns: list[str]
    rows: list[tuple[str, list[Interval | None]]]


@dataclass(frozen=True)
class Cost:
    """What lists would gain or lose without a rule: NDCG, and the shares of lists and of their items that would be others."""

    rule: str
    ndcg: Interval | None
    lists_changed: float | None
    items_changed: float | None
    bar: Bar | None


@dataclass(frozen=True)
class Variant:
    """One variant of an experiment as one night tells of it; the first one is the control, from which others differ."""

    name: str
    users: float | None = None
    share: float | None = None
    difference: Interval | None = None
    detectable: float | None = None


@dataclass(frozen=True)
class Split:
    """The variants of one night, and how likely chance alone deals users so unevenly; None where that was not measured."""

    of_date: str
    is_tonight: bool
    p_value: float | None
    variants: list[Variant]


def ladder(telling: Telling) -> list[Rung]:
    """Draw the ladder of baselines, the best ranking first."""
    evaluated = telling.story.evaluated
    if evaluated is None:
        return []
    return [Rung(rung, bar) for rung, bar in zip(evaluated.ladder, interval_bars([rung.ndcg for rung in evaluated.ladder]), strict=True)]


def metric_grids(telling: Telling) -> list[Grid]:
    """Lay out what was measured: the blend by segment, every ranking by segment, and the blend at every list length."""
    story = telling.story
    # What is said of earlier nights stands in the same table.
    facts = [fact for fact in telling.metrics if fact.of_date == telling.account.run_date and fact.metric in METRICS]
    if story.evaluated is None or not facts:
        return []
    k = story.evaluated.k
    place = {rung.ranking: index for index, rung in enumerate(story.evaluated.ladder)}
    segments = {EVERYBODY: -1} | {row.segment: index for index, row in enumerate(story.blended.segments if story.blended else ())}
    facts.sort(key=lambda fact: segments.get(fact.segment, len(segments)))
    blend = [fact for fact in facts if fact.ranking == BLEND]
    # Lists with and without policies are told of by themselves.
    ranked = [fact for fact in facts if (fact.metric, fact.k) == ("ndcg", k) and not fact.ranking.startswith(("with ", "without "))]
    ndcg = sorted(ranked, key=lambda fact: place.get(fact.ranking, len(place)))
    everybody = [fact for fact in blend if fact.segment == EVERYBODY]
    at_k = [fact for fact in blend if fact.k == k]
    grids = [
        _grid(f"The blend at {k}, by segment", "segment", at_k, _segment, lambda fact: fact.metric, METRICS),
        _grid(f"NDCG@{k} of every ranking, by segment", "ranking", ndcg, _ranking(ndcg), _name),
        _grid("The blend at every list length", "length", everybody, lambda fact: str(fact.k), lambda fact: fact.metric, METRICS),
    ]
    return [grid for grid in grids if grid.rows]


def policy_costs(telling: Telling) -> list[Cost]:
    """Return what the lists would be like without any policy, and without each one, the dearest first."""
    told: dict[str, dict[str, Measured]] = {}
    for fact in telling.metrics:
        if fact.ranking.startswith("without ") and fact.segment == EVERYBODY:
            told.setdefault(fact.ranking, {}).setdefault(fact.metric, fact)
    costs = {ranking: facts for ranking, facts in told.items() if "ndcg_cost" in facts}
    names = sorted(costs, key=lambda name: (name != WITHOUT_ANY, -costs[name]["ndcg_cost"].value, name))
    drawn = interval_bars([costs[name]["lists_changed"].interval if "lists_changed" in costs[name] else _NOTHING for name in names])
    return [_cost(name, costs[name], bar) for name, bar in zip(names, drawn, strict=True)]


_NOTHING = Interval(None, None, None, 0)


def _cost(name: str, facts: Mapping[str, Measured], bar: Bar | None) -> Cost:
    lists, items = (facts[metric].value if metric in facts else None for metric in ("lists_changed", "items_changed"))
    rule = "all of them" if name == WITHOUT_ANY else name.removeprefix("without ")
    return Cost(rule, facts["ndcg_cost"].interval, lists, items, bar)


def experiment(telling: Telling) -> list[Split]:
    """Return how users are dealt to the variants tonight, and how the lists of earlier nights turned out; the newest night first."""
    told: dict[str, dict[str, dict[str, Measured]]] = {}
    for fact in telling.metrics:
        if fact.ranking.startswith(f"{RANKING} "):
            told.setdefault(str(fact.of_date), {}).setdefault(fact.segment, {})[fact.metric] = fact
    return [_split(day, told[day], is_tonight=day == str(telling.account.run_date)) for day in sorted(told, reverse=True)]


def _split(day: str, told: Mapping[str, Mapping[str, Measured]], *, is_tonight: bool) -> Split:
    ratio = told.get(EVERYBODY, {}).get("sample_ratio_p")
    of_variants = {segment.removeprefix(VARIANT): facts for segment, facts in told.items() if segment != EVERYBODY}
    return Split(day, is_tonight, ratio.value if ratio else None, [_variant(name, facts) for name, facts in of_variants.items()])


def _variant(name: str, facts: Mapping[str, Measured]) -> Variant:
    least = next((fact for metric, fact in facts.items() if metric.endswith("_detectable_difference")), None)
    difference = next((fact for metric, fact in facts.items() if metric.endswith("_difference") and fact is not least), None)
    users, share = facts.get("users"), facts.get("share")
    return Variant(
        name,
        users.value if users else None,
        share.value if share else None,
        difference.interval if difference else None,
        least.value if least else None,
    )


def _name(fact: Measured) -> str:
    return "everybody" if fact.segment == EVERYBODY else fact.segment


def _segment(fact: Measured) -> str:
    """Name a segment with the users judged in it."""
    return f"{_name(fact)} ({fact.n_users:,})"


def _ranking(facts: Sequence[Measured]) -> Callable[[Measured], str]:
    """Return what names a ranking, with the users it was judged on where these are others than those of the blend."""
    users = {fact.ranking: fact.n_users for fact in facts if fact.segment == EVERYBODY}
    others = {name: f"{name} ({n_users:,} users)" for name, n_users in users.items() if n_users != users.get(BLEND)}
    return lambda fact: others.get(fact.ranking, fact.ranking)


def _grid(
    title: str,
    corner: str,
    facts: Sequence[Measured],
    row: Callable[[Measured], str],
    column: Callable[[Measured], str],
    order: Sequence[str] = (),
) -> Grid:
    cells = {(row(fact), column(fact)): fact.interval for fact in facts}
    columns = list(dict.fromkeys(name for _, name in cells))
    if order:
        columns.sort(key=list(order).index)
    names = list(dict.fromkeys(name for name, _ in cells))
    return Grid(title, corner, columns, [(name, [cells.get((name, heading)) for heading in columns]) for name in names])
