"""Claims about `tasks.policies.seen`: what was met stays out of lists for as long as the type of the event says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.compute import ComputeConfig
from models.holdout import HoldoutConfig
from tasks.night import Night
from tasks.policies.seen import SeenConfig, barred_as_seen, open_again
from tasks.prepare import FeatureConfig, SegmentConfig, prepare, training_set
from tasks.stage import EventsConfig
from tasks.warehouse import Warehouse, WarehouseConfig, open_warehouse
from tasks.workspace import Workspace

KNOWN_UNTIL = datetime(2026, 1, 6)  # noqa: DTZ001  # UTC by contract
USERS, ITEMS = ("u1", "u2"), ("a", "b", "c")
Event = tuple[str, str, datetime | None, str | None]

moments = st.none() | st.sampled_from([KNOWN_UNTIL - timedelta(days=days, microseconds=back) for days in range(4) for back in (0, 1)][1:])
events = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS), moments, st.none() | st.sampled_from(["view", "purchase", "other"])),
    max_size=12,
)
lengths = st.sampled_from(["forever", "never", 1, 2, 3])
rules = st.builds(SeenConfig, default=lengths, types=st.dictionaries(st.sampled_from(["view", "purchase"]), lengths))


def keeps_out(rule: SeenConfig, happened: datetime | None, kind: str | None) -> bool:
    """Say, one event at a time, whether it keeps its item out of the list of the night that ends on KNOWN_UNTIL."""
    length = rule.types.get(kind, rule.default) if kind is not None else rule.default
    if length == "never":
        return False
    if length == "forever" or happened is None:
        return True
    return happened >= KNOWN_UNTIL - timedelta(days=length)


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[Warehouse, Path]]:
    """Return an open warehouse that knows users and items, and a list of everything for everybody."""
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "shop")
        workspace.create("")
        at = Night(workspace, date(2026, 1, 5), "run", "attempt", KNOWN_UNTIL, None, 0, ComputeConfig())
        with open_warehouse(at) as warehouse:
            for name, ids in (("user", USERS), ("item", ITEMS)):
                index = pa.array(range(len(ids)), pa.int32())
                warehouse.replace(f"training.{name}s", pa.table({f"{name}_index": index, f"{name}_id": list(ids)}))
            everything = workspace.tables / "everything.parquet"
            everything.parent.mkdir(exist_ok=True)
            pairs = [(user, item) for user in USERS for item in ITEMS]
            pq.write_table(pa.table({"user_id": [user for user, _ in pairs], "item_id": [item for _, item in pairs]}), everything)
            yield warehouse, everything


@given(happened=events, rule=rules)
def test_a_pair_is_barred_if_one_of_its_events_bars_it(shop: tuple[Warehouse, Path], happened: list[Event], rule: SeenConfig) -> None:
    """What is barred, what is open and what the promise finds are what an oracle says that looks at one event at a time."""
    warehouse, everything = shop
    types = [("user_id", pa.string()), ("item_id", pa.string()), ("occurred_at", pa.timestamp("us")), ("event_type", pa.string())]
    columns = list(zip(*happened, strict=True)) or [()] * 4
    content = [pa.array(column, kind) for column, (_, kind) in zip(columns, types, strict=True)]
    warehouse.replace("staging.interactions", pa.table(content, names=[name for name, _ in types]))
    met = {(user, item) for user, item, _, _ in happened}
    barred = {(user, item) for user, item, moment, kind in happened if keeps_out(rule, moment, kind)}

    seen = sp.csr_matrix(np.array([[(user, item) in met for item in ITEMS] for user in USERS], np.float32))
    opened = open_again(warehouse, rule, KNOWN_UNTIL)
    assert (opened is None) == (not rule.opens)
    if opened is not None:
        assert pairs_of(opened) == met - barred
    assert pairs_of(barred_as_seen(seen, opened)) == barred
    broken = warehouse.rows("promises.nothing_seen_is_recommended", recommendations=str(everything), **rule.parameters(KNOWN_UNTIL))
    assert sorted((row["user_id"], row["item_id"]) for row in broken) == sorted(barred)


def pairs_of(matrix: sp.csr_matrix) -> set[tuple[str, str]]:
    """Return the stored pairs by their ids."""
    return {(USERS[user], ITEMS[item]) for user, item in zip(*matrix.nonzero(), strict=True)}


def test_what_is_barred_is_barred_as_it_was() -> None:
    """Entries keep their value and kind, and what was never met cannot be opened."""
    seen = sp.csr_matrix(np.array([[1, 1, 0], [0, 1, 1]], np.float32))
    barred = barred_as_seen(seen, sp.csr_matrix(np.array([[0, 1, 1], [0, 0, 0]], np.int8)))
    assert barred.dtype == np.float32
    assert barred.nnz == 3
    np.testing.assert_array_equal(barred.toarray(), [[1, 0, 0], [0, 1, 1]])


def test_only_a_rule_that_opens_something_is_written_into_the_training_set(deliver, stage_inbox, night):
    """A view of a week ago is open again and a purchase is not; without a rule the training set has the files it always had."""
    header = "user_id,item_id,occurred_at,event_type\n"
    deliver("day.csv", header + "1,7,2025-12-29T10:00:00Z,view\n1,8,2025-12-29T10:00:00Z,purchase\n1,9,2026-01-05T10:00:00Z,view\n")
    at = night()
    delivered, staged = stage_inbox(at)

    def prepared(rule: SeenConfig | None):
        given = (at, delivered, staged, EventsConfig(), HoldoutConfig(), SegmentConfig(), FeatureConfig(), WarehouseConfig())
        return prepare(*given, None, rule), training_set(at)

    without, known = prepared(None)
    assert known.open_again is None
    assert prepared(SeenConfig())[0] == without
    with_rule, known = prepared(SeenConfig(types={"view": 3}))
    assert {Path(name).name for name in set(with_rule.files) - set(without.files)} == {"open_again.npz"}
    seen = known.training_data("everything").interactions.seen()
    assert barred_as_seen(seen, known.open_again).indices.tolist() == [1, 2]


@pytest.mark.parametrize("given", [{"default": 0}, {"types": {"view": "sometimes"}}, {"types": {"view": -3}}])
def test_a_rule_that_means_nothing_is_refused(given):
    with pytest.raises(ValidationError):
        SeenConfig(**given)
