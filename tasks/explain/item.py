"""Where one item stands with a user: in the list, left out with a cause, or not even a candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.experiment.config import in_force
from tasks.explain.answers import Changed, ItemAnswer, LeftOut, Place, Resemblance, Shown, Standing
from tasks.explain.causes import Case, advice, is_unavailable, seen_is_over
from tasks.raw_facts import Event, Id, Item
from tasks.served_night import ServedNight


@dataclass(frozen=True)
class Known:
    """What is known of a user's night: the published rows, everything the user did, newest first, and the items by their ids."""

    night: ServedNight
    places: Sequence[Place]
    why_not: Sequence[LeftOut] | None
    changes: Sequence[Changed] | None
    events: Sequence[Event]
    items: Mapping[Id, Item]


def answer(known: Known, item: Id, resemblances: Sequence[Resemblance], shown: Shown | None) -> ItemAnswer:
    """Say where an item stands; `resemblances` are of it and the item it is recommended because of, `shown` is about everybody."""
    place = next((place for place in known.places if place.item_id == item), None)
    case = Case(
        item=known.items[item],
        candidate=next((candidate for candidate in known.why_not or () if candidate.item_id == item), None),
        places=known.places,
        events=[event for event in known.events if event.item_id == item],
        holders=known.items,
        settings=in_force(known.night.settings, known.places[0].variant if known.places else None),
        known_until=known.night.known_until,
    )
    standing, because, change = _recommended(place, resemblances) if place else _absent(known, case, shown)
    parts = {name: part for name, part in place.parts.items() if part is not None} if place else {}
    return ItemAnswer(
        item=case.item,
        standing=standing,
        because=tuple(because),
        would_have_to_change=tuple(change),
        place=place,
        candidate=case.candidate,
        changed=next((changed for changed in known.changes or () if changed.item_id == item), None),
        contributions=tuple(sorted(parts.items(), key=lambda part: -part[1])),
        resemblances=tuple(resemblances),
        missing=case.missing,
        most_there=case.most_there if case.candidate else None,
        shown=shown,
        did=tuple(case.events),
    )


def _recommended(place: Place, resemblances: Sequence[Resemblance]) -> tuple[Standing, list[str], list[str]]:
    why = [f"it is in place {place.rank}; {place.reason} adds most to its score"]
    if place.because_item_id is not None:
        title = f" ({place.because_title})" if place.because_title else ""
        why.append(f"of what the user did, {place.because_item_id}{title} speaks most for it")
    for each in resemblances:
        why.append(f"among what resembles {each.item_id}, {each.similar_item_id} is in place {each.rank}, strength {each.score:.4f}")
    return "recommended", why, []


def _absent(known: Known, case: Case, shown: Shown | None) -> tuple[Standing, list[str], list[str]]:
    if case.candidate is not None:
        at = f"it is in place {case.candidate.candidate_rank} of all that was scored, and not recommended: {case.candidate.cause}"
        rule = f" ({case.candidate.rule})" if case.candidate.rule else ""
        why, change = advice(case, case.candidate.cause)
        return "left_out", [f"{at}{rule}", *why], change
    if not case.item.is_known:
        return "unknown", ["the catalogue of that night did not know it"], ["deliver it with the items"]
    if is_unavailable(case):
        return "unavailable", *advice(case, "unavailable")
    if shown is None and known.night.has("exposure"):
        if known.night.deliveries("items"):
            return "unavailable", *advice(case, "unavailable")
        return "unknown", ["nobody had met it by then"], ["deliver an interaction with it, or deliver it with the items"]
    if case.events and not seen_is_over(case):
        why, change = advice(case, "seen")
        also = [] if known.why_not is None else ["it was not among the best candidates of the user either"]
        return "seen", why + also, change
    return "below_candidates", *_below(known)


def _below(known: Known) -> tuple[list[str], list[str]]:
    if known.why_not is None:
        least = f"; the last place of the list scored {known.places[-1].score:.4f}" if known.places else ""
        return [f"it is not in the list; that date was published without the table why_not, which names other candidates{least}"], []
    best = f"the best {3 * known.night.k}" if known.night.k else "the best 3 K"
    scores = [candidate.score for candidate in known.why_not] + [place.score for place in known.places]
    least = f": below {min(scores):.4f}" if scores else ""
    last = f"; the last place of the list scored {known.places[-1].score:.4f}" if known.places else ""
    change = "its score would have to rise: more likes by people like this user, or points of a rule in [[policies.boosts]]"
    return [f"it scored below {best} of the user{least}{last}; no rule was asked about it"], [change]
