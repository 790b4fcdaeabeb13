"""Claims about what is told of short lists."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from models.holdout import Events
from models.left_out import LISTED, Candidates
from models.policies.limits import REASONS, Reason
from tasks.prepare import SegmentConfig
from tasks.prepare.training_set import TrainingSet
from tasks.score.audience import BestUsers
from tasks.score.coverage import write_coverage
from tasks.score.recommendations import Served, left_short_by
from tasks.score.recommender import Lists

CAPPED, INELIGIBLE = 3, 4
RULES = (*REASONS, Reason("capped", "caps.genres"), Reason("ineligible", "eligibility.age"))
SEEN = 1


def lists_of(length: list[int], absent: list[tuple[int, int]]) -> Lists:
    """Return lists so long, of users 0, 1, ..., and the codes of candidates that were left out, each with its user."""
    user = np.repeat(np.arange(len(length)), length)
    told = [*((int(one), LISTED) for one in user), *absent]
    of, code = (np.array(column) for column in zip(*sorted(told), strict=True))
    n_rows, zeros = len(user), np.zeros(len(user))
    found = Candidates(of, np.ones(len(of), np.int16), np.zeros(len(of), np.int32), np.zeros(len(of), np.float32), code.astype(np.int8))
    families, rows = np.zeros((4, n_rows)), np.zeros(n_rows, np.int32)
    rung = np.zeros(len(length), np.int8)
    return Lists(user, rows.astype(np.int16), rows, families, zeros, rows, np.array(length), rung, found)


def test_rules_are_named_where_they_left_out_candidates_of_a_short_list():
    """Each rule once, in the order in which they are asked; a full list, and what was only seen, name none."""
    absent = [(0, INELIGIBLE), (0, CAPPED), (0, CAPPED), (1, CAPPED), (2, SEEN), (3, INELIGIBLE)]
    lists = lists_of([1, 2, 1, 0], absent)
    assert left_short_by(lists, RULES, 2) == {0: ("caps.genres", "eligibility.age"), 3: ("eligibility.age",)}


def test_nothing_is_named_where_there_are_no_rules():
    assert left_short_by(lists_of([1, 0], [(0, SEEN), (1, SEEN)]), REASONS, 2) == {}


@pytest.mark.parametrize(
    ("opens", "expected"),
    [
        (
            False,
            {
                "a": "only 1 of 3 recommendable items are new to the user, known to a model and not left out by caps.genres",
                "c": "only 0 of 3 recommendable items are new to the user and known to a model",
            },
        ),
        (
            True,
            {
                "a": "only 1 of 3 recommendable items are not kept out as seen, known to a model and not left out by caps.genres",
                "c": "only 0 of 3 recommendable items are not kept out as seen and known to a model",
            },
        ),
    ],
)
def test_a_short_list_has_its_reason(night, opens, expected):
    """The reason names the rules that left items out, and does not call new what was met and may be shown again."""
    at, flags = night(), pa.array([True, True, True, False])
    none, nobody = np.zeros(0, np.int32), sp.csr_matrix((3, 4), dtype=np.int8)
    known = TrainingSet(
        users=pa.table({"user_id": ["a", "b", "c"]}),
        items=pa.table({"item_id": [1, 2, 3, 4], "is_known": flags, "is_available": flags}),
        events=Events(none, none, none.astype(np.bool_), None),
        weight=none,
        value=none,
        fit=none.astype(np.bool_),
        holdout=none.astype(np.bool_),
        item_descriptions=None,
        user_descriptions=None,
        segments=SegmentConfig(),
        open_again=nobody if opens else None,
    )
    shown = np.array([True, True, False, False])
    served = Served(np.array([1, 2, 0]), np.zeros(3, np.int8), shown, BestUsers(1, RULES), {0: ("caps.genres",)})
    write_coverage(at, known, served, None, 2)
    rows = pq.read_table(at.staged_table("coverage")).to_pylist()
    assert {row["subject"]: row["reason"] for row in rows if row["fact"] == "short_list"} == expected
