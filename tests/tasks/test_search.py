"""Claims about large catalogues: a night searches only where the search was measured to be good enough, and says what it did."""

from __future__ import annotations

import errno
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from models.blend import Blend
from models.cells import cells_of_catalogue
from models.compute import BLAS, ComputeConfig, limited_threads
from models.policies.policies import Policies
from models.scorer import Described, TrainingData
from tasks.judging import Audience
from tasks.score import catalogue
from tasks.score.catalogue import _among_cells, most_similar
from tasks.score.config import ScoreConfig
from tasks.score.search import Found, found_by, recall
from tasks.tables import writing
from tests.models.made_up import Multiplied
from tests.worlds import interactions

N_USERS, N_ITEMS = 40, 3000
BLEND = Blend(("a",), ("collaborative",), ("all",), np.ones((1, 1)))


class Everyone(Multiplied):
    """A product of vectors for the users of a block, who are found by their only interaction: user n has met item n."""

    def user_factors(self, users: Any) -> Any:
        return self._users[users.history.indices]

    def knows_user(self, users: Any) -> Any:
        return np.ones(len(users), np.bool_)

    def similarity(self, items: Any, others: Any) -> Any:
        return self.item_factors[items] @ self.item_factors[others].T


def scorer(spread: float) -> Everyone:
    """Put items around thirty middles, as closely as `spread` says, and users near some of the middles."""
    rng = np.random.default_rng(4)
    middles = rng.normal(size=(30, 12))
    items = np.repeat(middles, N_ITEMS // 30, axis=0) + spread * rng.normal(size=(N_ITEMS, 12))
    users = middles[rng.integers(0, 30, N_USERS)] + spread * rng.normal(size=(N_USERS, 12))
    knows_item, knows_user = np.ones(N_ITEMS, np.bool_), np.ones(N_USERS, np.bool_)
    return Everyone("collaborative", users.astype(np.float32), items.astype(np.float32), knows_item, knows_user)


def found(spread: float, **settings: Any) -> Found:
    met = np.arange(N_USERS)
    described = [Described.by(sp.csr_matrix((n, 0), dtype=np.float32)) for n in (N_ITEMS, N_USERS)]
    data = TrainingData(interactions(met, met, (N_USERS, N_ITEMS)), *described, np.zeros(N_USERS, np.int16), ("all",))
    audience = Audience(data, np.ones(N_ITEMS, np.bool_))
    config = ScoreConfig(k=10, **settings)
    policies = Policies.without_rules(audience.seen, audience.recommendable)
    return found_by(audience, [scorer(spread)], BLEND, policies, met, config, config.scores_in_memory(2), seed=1)


def test_small_catalogues_are_not_searched() -> None:
    scored = found(0.2, exact_up_to_items=N_ITEMS)
    assert (scored.cells, scored.searched) == (None, None)


def test_more_cells_are_looked_into_until_enough_is_found(caplog: pytest.LogCaptureFixture) -> None:
    """What is asked for is reached, by no fewer cells the more is asked for, and stands in the log."""
    caplog.set_level("INFO", "nightly")
    some, most = (found(0.2, exact_up_to_items=100, min_search_recall=least).searched for least in (0.5, 0.9))
    assert some is not None
    assert most is not None
    assert not most.exact
    assert 0.9 <= most.recall <= 1
    assert 8 <= some.probes <= most.probes
    assert most.share < 1 / 4
    assert f"looking into {most.probes} of {most.cells} cells finds {100 * most.recall:.1f}% of the best 10" in caplog.text


def test_where_searching_finds_too_little_everything_is_scored() -> None:
    """Items without any structure are not found by looking into a few cells: the lists are the exact ones, and the night says why."""
    given_up = found(50.0, exact_up_to_items=100, min_search_recall=1.0)
    assert given_up.searched is not None
    assert given_up.searched.exact
    assert given_up.searched.recall < 1
    assert given_up.ranker.search is None  # type: ignore[attr-defined]


def test_recall_is_the_share_of_the_wanted_that_is_found() -> None:
    wanted = np.array([[1, 2, 3], [4, -1, -1]], np.int32)
    assert recall(np.array([[3, 9, 1], [-1, 4, 5]], np.int32), wanted) == 3 / 4
    assert recall(np.array([[-1]], np.int32), np.array([[-1]], np.int32)) == 1


def test_cells_find_nearly_all_of_the_similar_items() -> None:
    """Looking around its own cell, an item meets what looking everywhere would have named, and itself never."""
    model = scorer(0.2)
    everything, recommendable = np.arange(N_ITEMS), np.arange(N_ITEMS) % 7 > 0
    cells = cells_of_catalogue([model], BLEND, 1)
    assert cells is not None
    among = _among_cells([model], cells, recommendable, 5, 1 << 20)
    wanted = most_similar([model], everything, everything, recommendable, 5)
    assert recall(among.items, wanted.items) > 0.9
    assert not (among.items == everything[:, None]).any()
    assert recommendable[among.items[among.items >= 0]].all()
    row, place = np.nonzero(among.items == wanted.items)
    np.testing.assert_allclose(among.strength[row, place], wanted.strength[row, place], rtol=1e-5)


@pytest.mark.parametrize("in_cells", [False, True])
def test_similar_items_are_the_same_in_lots_of_any_size_and_lie_in_one_row_group(in_cells, night, monkeypatch) -> None:
    """Lots only bound what stands in memory: the table is that of one lot, and its row groups know nothing of them."""
    model, recommendable = scorer(0.2), np.arange(N_ITEMS) % 7 > 0
    items = pa.table({"item_id": np.arange(N_ITEMS) + 10_000})
    known = SimpleNamespace(items=items, n_items=N_ITEMS, recommendable=recommendable)
    cells = cells_of_catalogue([model], BLEND, 1) if in_cells else None
    written = []
    for at_once in (N_ITEMS, 50):
        monkeypatch.setattr(catalogue, "COMPARED_AT_ONCE", at_once)
        at = night()
        catalogue.write_similar(at, known, [model], cells, ScoreConfig(k=5), {"item_id": "integer"})  # type: ignore[arg-type]
        written.append(pq.ParquetFile(at.staged_table("similar_items")))
    assert [table.num_row_groups for table in written] == [1, 1]
    one, many = (table.read().drop_columns("score") for table in written)
    assert one.num_rows > 4 * N_ITEMS
    assert one == many


@pytest.mark.parametrize(("n_others", "memory", "expected"), [(1000, 1 << 20, 52), (1000, 1 << 30, 128), (10**6, 1 << 20, 1), (0, 1, 1)])
def test_as_many_items_are_compared_at_once_as_fit(n_others: int, memory: int, expected: int) -> None:
    """Twenty bytes a pair, one item in any case, and no more than are worth it."""
    assert catalogue._at_once(n_others, memory) == expected


def test_where_writing_fails_no_more_items_are_compared(night, monkeypatch) -> None:
    """The threads that compared end with the table, not some time later, and BLAS may use as many as before."""
    compared = []

    def full_disk(*_asked: Any, **_how: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    def slowly(*asked: Any) -> Any:
        compared.append(threading.current_thread())
        return most_similar(*asked)

    monkeypatch.setattr(catalogue, "COMPARED_AT_ONCE", 50)
    monkeypatch.setattr(writing, "ROWS_PER_GROUP", 1)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full_disk)
    monkeypatch.setattr(catalogue, "most_similar", slowly)
    known = SimpleNamespace(items=pa.table({"item_id": np.arange(N_ITEMS)}), n_items=N_ITEMS, recommendable=np.ones(N_ITEMS, np.bool_))
    with limited_threads(ComputeConfig(threads=2)):
        before = [library["num_threads"] for library in BLAS.info()]
        with pytest.raises(OSError, match="no space left") as failed:
            catalogue.write_similar(night(), known, [scorer(0.2)], None, ScoreConfig(k=5), {"item_id": "integer"})  # type: ignore[arg-type]
        assert failed.tb is not None  # what failed is still known, as it is while a night reports it
        assert not any(thread.is_alive() for thread in compared)
        assert [library["num_threads"] for library in BLAS.info()] == before
    assert 0 < len(compared) < N_ITEMS // 50
