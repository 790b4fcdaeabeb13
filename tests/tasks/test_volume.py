from __future__ import annotations

from datetime import date, timedelta

import pytest

from tasks.ingest.volume import VolumeConfig, volume_band

MONDAY = date(2026, 1, 5)


def history(*rows: int) -> list[tuple[date, int]]:
    """Return one delivery a night, the last one the night before MONDAY."""
    return [(MONDAY - timedelta(days=len(rows) - place), count) for place, count in enumerate(rows)]


@pytest.mark.parametrize("rows", [30, 100_000])
def test_three_percent_and_a_hundredfold_of_the_usual_are_outside(rows):
    """A partial and a doubled-up delivery lie outside the band of a steady shop."""
    band = volume_band(history(*[1000] * 7), MONDAY, VolumeConfig())
    assert band is not None
    assert band.usual == 1000
    assert not band.low <= rows <= band.high


def test_within_a_factor_of_five_passes_however_steady_the_shop():
    """Seven equal deliveries leave no spread; a sale or a holiday must not stop the night."""
    band = volume_band(history(*[1000] * 7), MONDAY, VolumeConfig())
    assert (band.low, band.high) == (200, 5000)


def test_beyond_a_factor_of_thirty_nothing_passes_however_uneven_the_shop():
    """Volumes that vary wildly widen the band only so far."""
    band = volume_band(history(1, 10, 100, 1000, 10_000, 100_000, 1_000_000), MONDAY, VolumeConfig())
    assert band.high <= 31 * band.usual


def test_the_band_starts_with_the_eighth_delivery():
    """Before there is too little to compare with."""
    assert volume_band(history(*[1000] * 6), MONDAY, VolumeConfig()) is None
    assert volume_band(history(*[1000] * 7), MONDAY, VolumeConfig()) is not None


def test_one_bulk_load_does_not_move_the_band():
    """The first delivery is often years of history; the median passes over it."""
    assert volume_band(history(1_000_000, *[1000] * 7), MONDAY, VolumeConfig()).usual == 1000


def test_mondays_are_compared_with_mondays_after_four_weeks():
    """A shop that sells tenfold on Mondays is usual on Mondays, and only once four of them are known."""
    days = [(MONDAY - timedelta(days=back), 10_000 if back % 7 == 0 else 1000) for back in range(1, 29)]
    assert volume_band(days, MONDAY, VolumeConfig()).usual == 10_000
    assert volume_band([entry for entry in days if entry[0] > MONDAY - timedelta(days=28)], MONDAY, VolumeConfig()).usual == 1000


def test_the_order_of_the_history_does_not_matter():
    """The band is a property of what was delivered, not of how the notes were listed."""
    days = history(10, 2000, 300, 40, 500, 600, 70)
    assert volume_band(days, MONDAY, VolumeConfig()) == volume_band(days[::-1], MONDAY, VolumeConfig())
