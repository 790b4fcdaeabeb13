"""Claims about times as text: whatever the unit and the zone, the text is the one Arrow gives."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.spelled_times import FRACTIONS, spelled_by_day

moments = st.one_of(st.none(), st.integers(-3_000_000_000, 4_000_000_000), st.integers(-70_000_000_000, 260_000_000_000))


@given(st.lists(moments, max_size=30), st.sampled_from(sorted(FRACTIONS)), st.sampled_from([None, "UTC", "Europe/Zurich"]), st.booleans())
def test_times_are_spelled_as_arrow_spells_them(seconds: list[int | None], unit: str, zone: str | None, whole: bool) -> None:
    per_second = 10 ** FRACTIONS[unit]
    largest = 2**63 // per_second - 1  # nanoseconds end in 2262
    ticks = [None if at is None else max(-largest, min(largest, at)) * per_second + (0 if whole else at % per_second) for at in seconds]
    column = pa.array(ticks, pa.int64()).cast(pa.timestamp(unit, zone))
    assert spelled_by_day(column).to_pylist() == column.cast(pa.string()).to_pylist()


@pytest.mark.parametrize("unit", sorted(FRACTIONS))
def test_an_empty_column_is_spelled_too(unit: str) -> None:
    assert spelled_by_day(pa.array([], pa.timestamp(unit, "UTC"))).type == pa.string()
