"""The tables of lists: what is recommended to whom, what could have been, and what is said of items."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.tables.contract import EVERYBODY, Column, Table

TRENDING = "__trending__"
NEW = "__new__"


def _families() -> Iterable[Column]:
    answers = {
        "collaborative": "what people like them like",
        "sequential": "what follows what they just did",
        "content": "what resembles their taste",
        "knowledge": "what holds without any history",
    }
    for family, answer in answers.items():
        yield Column(family, "float64", f"What this family ({answer}) adds to the score; null where it abstains.", nullable=True)


LISTS = (
    Table(
        "recommendations",
        "one row per user and rank",
        ("user_id", "rank"),
        (
            Column("user_id", "user_id", "The user, as in the source."),
            Column("rank", "int16", "Place in the list; 1 is best, no gaps."),
            Column(
                "item_id",
                "item_id",
                "The recommended item, as in the source; known, available, and not what the user has met and may not be shown again.",
            ),
            Column("score", "float64", "What ranks the list: the sum of the five contributions; comparable within one list only."),
            Column("blended_score", "float64", "The score before policies: the sum of the four families."),
            *_families(),
            Column("policy", "float64", "What policies (boosts, diversity, quotas) add to the score."),
            Column("reason", "string", "The contribution that adds most."),
            Column(
                "because_item_id",
                "item_id",
                "The item of the user's history that speaks most for this one, where one does.",
                nullable=True,
            ),
            Column("served_by", "string", "Rung of the cold-start ladder: blend, history, attributes, segment_popularity or popularity."),
            Column("variant", "string", "The variant of the experiment that the user is in; null where none runs.", nullable=True),
            Column("model_version", "string", "The set of models and weights that made the list; a folder under models/."),
            Column("run_id", "string", "The night that made the list; a file under manifests/."),
        ),
        example="list_of_one_user",
    ),
    Table(
        "recommendations_wide",
        "one row per user; none unless [score] wide asks for them",
        ("user_id",),
        (
            Column("user_id", "user_id", "The user, as in the source."),
            Column("item_ids", "list<item_id>", "The recommended items, best first."),
            Column("scores", "list<float64>", "Their scores, in the same order."),
            Column("served_by", "string", "Rung of the cold-start ladder, as in recommendations."),
            Column("variant", "string", "The variant of the experiment that the user is in; null where none runs.", nullable=True),
            Column("model_version", "string", "The set of models and weights that made the list."),
            Column("run_id", "string", "The night that made the list."),
        ),
        example="wide_lists",
    ),
    Table(
        "why_not",
        "one row per user and candidate that is not recommended, though it scored among the best 3 K",
        ("user_id", "candidate_rank"),
        (
            Column("user_id", "user_id", "The user, as in the source."),
            Column(
                "candidate_rank",
                "int16",
                "Place among all that was scored for the user, before anything was left out; places missing here are recommended.",
            ),
            Column("item_id", "item_id", "The candidate; of items that are unavailable only the most liked are scored."),
            Column("score", "float64", "What it scored: the four families and boosts, in float32; comparable within one list only."),
            Column(
                "cause",
                "string",
                "Why it is absent: seen, unavailable, blocked, own_item, ineligible, tired_of, below_minimum, capped, "
                "diversified, displaced, or rank where others simply scored higher.",
            ),
            Column("rule", "string", "The setting that says so, such as caps.genres; empty for rank."),
        ),
        example="absent_items",
    ),
    Table(
        "similar_items",
        "one row per item and rank",
        ("item_id", "rank"),
        (
            Column("item_id", "item_id", "The item looked at."),
            Column("rank", "int16", "Place in the list; 1 is most similar, no gaps."),
            Column("similar_item_id", "item_id", "Another item, known and available."),
            Column("score", "float64", "How strongly the one speaks for the other; comparable within one list only."),
            Column("reason", "string", "The family that compares the two."),
        ),
        example="similar_to_the_favourite",
    ),
    Table(
        "popular_items",
        "one row per user segment and rank",
        ("segment", "rank"),
        (
            Column(
                "segment",
                "string",
                f"The users counted, by how much they liked so far; {EVERYBODY} is everybody and never empty. {TRENDING} holds what is "
                f"liked more often lately than it used to be, {NEW} what few have met yet, the newest first.",
            ),
            Column("rank", "int16", "Place in the list; 1 is most popular, no gaps."),
            Column("item_id", "item_id", "A known and available item."),
            Column(
                "score",
                "float64",
                f"Popularity on a log scale, older likes fading as configured; of {TRENDING} its rise on a log scale; of {NEW} the days "
                "before the newest event at which it was first met or became available, as a negative number.",
            ),
        ),
        example="popular_with_everybody",
    ),
    Table(
        "item_audience",
        "one row per item and rank",
        ("item_id", "rank"),
        (
            Column("item_id", "item_id", "The item; known and available."),
            Column("rank", "int16", "Place in the list; 1 is the user whom it suits most, no gaps."),
            Column("user_id", "user_id", "A user who may be shown the item and among whose best 3 K candidates it is."),
            Column("score", "float64", "What the item scored for the user, as in why_not; never rises with the rank."),
        ),
        example="audience_of_one_item",
    ),
)
