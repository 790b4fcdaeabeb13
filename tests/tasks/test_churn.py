"""Claims about `tasks.churn` and its query, against counting by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sql
from models.evidence import GateConfig
from tasks.churn import churn
from tasks.gate import Gated
from tasks.refusals import NightHeldError
from tasks.storage import file_hash, write_json

SERVED = "(1, 1, 10), (1, 2, 20), (1, 3, 30), (1, 4, 40), (2, 1, 20), (2, 2, 50), (3, 1, 10), (4, 1, 40)"
TONIGHT = "(1, 1, 30), (1, 2, 50), (2, 1, 50), (2, 2, 20), (4, 1, 20)"


@pytest.mark.fault("C6")
def test_only_what_may_still_be_shown_counts(tmp_path):
    """Items gone from the catalogue or met since are nobody's change, and who has no list tonight is not counted.

    Of user 1's four items one is not available and one was met since: of 10 and 30, 30 is shown again. User 2 keeps both, user 3 has no
    list, of user 4 nothing could be shown again.
    """
    connection = duckdb.connect()
    for relation, rows in {
        "training.items": "(10, true), (20, true), (30, true), (40, false), (50, true)) as t (item_id, is_available",
        "staging.interactions": "(1, 20), (3, 50)) as t (user_id, item_id",
    }.items():
        connection.execute(f"create schema {relation.partition('.')[0]}")
        connection.execute(f"create table {relation} as select *, true as is_known from (values {rows})")  # noqa: S608
    paths = {"served": str(tmp_path / "served.parquet"), "recommendations": str(tmp_path / "tonight.parquet")}
    for path, rows in zip(paths.values(), (SERVED, TONIGHT), strict=True):
        connection.execute(f"copy (select * from (values {rows}) as t (user_id, rank, item_id)) to '{path}' (format parquet)")  # noqa: S608
    assert connection.execute(sql.read("checks.kept_places"), paths | {"k": 4}).fetchall() == [(2, 1, 1), (2, 2, 1)]
    assert connection.execute(sql.read("checks.kept_places"), paths | {"k": 1}).fetchall() == [(1, 0, 1), (1, 1, 1)]


MERIT = Gated(publish=True, reason="no worse", speaker=None, checks=())
OF_MERIT = {"k": 10, "ndcg": 0.1, "holdout": "days", "speaker": None, "overlap": None}
NOTHING_KEPT = SimpleNamespace(arrow=lambda *_, **__: pa.table({"n_users": [1], "kept": [0], "places": [1]}))
"""A warehouse that counts one user, to whom nothing that was served is shown again."""


@pytest.fixture
def changed(night):
    """Return a night whose lists share nothing with those served before, of which that quality is known; and the served file."""

    def make(quality):
        at = night(champion="before")
        served, staged = at.workspace.table("recommendations", at.run_date.replace(day=4)), at.staged_table("recommendations")
        for path in (served, staged):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"user_id": [1], "item_id": [1]}), path)
        tables = {"recommendations": {"path": at.workspace.relative(served), "sha256": file_hash(served)}}
        facts = {"published_at": "2026-01-05T03:00:00Z", "data_through": None, "model_version": "m", "tables": tables}
        write_json(at.workspace.manifest_file("before"), {"run_id": "before", "run_date": "2026-01-04", "quality": quality} | facts)
        return at, served

    return make


@pytest.mark.fault("C6")
def test_after_models_that_were_asked_for_by_hand_the_lists_may_change(changed):
    """What `republish` served has no quality: the next ordinary night is published, and says how much it changes."""
    found = churn(changed(None)[0], NOTHING_KEPT, 10, GateConfig(), MERIT)
    assert (found.passed, found.value, found.sentence) == (True, 0.0, "0.0% is shown again; other models speak tonight")
    with pytest.raises(NightHeldError, match="of what was served and may still be shown"):
        churn(changed(OF_MERIT)[0], NOTHING_KEPT, 10, GateConfig(), MERIT)


@pytest.mark.fault("C6")
def test_lists_are_not_compared_with_a_damaged_file(changed):
    """A served file that was cut is named; it is not read, and holds no night."""
    at, served = changed(OF_MERIT)
    served.write_bytes(served.read_bytes()[:-8])
    found = churn(at, NOTHING_KEPT, 10, GateConfig(), MERIT)
    assert (found.passed, found.value) == (True, None)
    assert f"{at.workspace.relative(served)} is not what was served" in found.sentence


@pytest.mark.fault("C6")
def test_lists_change_when_people_decide_so(changed):
    """A rule that is new tonight, or one by which users tire of items, makes lists change: it is said and held against nobody."""
    for policies, sentence in (
        ({"caps": [{"name": "a", "by": "genre", "most": 1}]}, "other policies are in force tonight"),
        ({"fatigue": {"nights": 3}}, "what was shown too often is left out"),
    ):
        at, _ = changed(OF_MERIT)
        manifest = at.workspace.manifest("before") | {"settings": {"policies": policies if "fatigue" in policies else {}}}
        write_json(at.workspace.manifest_file("before"), manifest)
        tonight = replace(at, origin={"settings": {"policies": policies}})
        found = churn(tonight, NOTHING_KEPT, 10, GateConfig(), MERIT)
        assert (found.passed, found.sentence) == (True, f"0.0% is shown again; {sentence}")
