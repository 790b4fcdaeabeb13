from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tasks.ingest.volume import VolumeConfig, volume_band

MONDAY = date(2026, 1, 5)


def history(*rows: int) -> list[tuple[date, int]]:
    """Return one delivery a night, the last one the night before MONDAY."""
    return [(MONDAY - timedelta(days=len(rows) - place), count) for place, count in enumerate(rows)]


@pytest.mark.fault("B9", "B10")
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


WEEK = np.array([1.0, 0.9, 0.9, 1.0, 1.6, 3.0, 2.4])
"""How busy the days of a week are, Monday first."""


def simulated(seed: int, noise: float, start: int = 1000) -> list[tuple[date, int]]:
    """Return half a year of nightly deliveries of a steady shop with busy weekends; `noise` is the spread of their logarithms."""
    rng = np.random.default_rng(seed)
    days = [MONDAY + timedelta(days=number) for number in range(182)]
    return [(day, max(1, round(start * WEEK[day.weekday()] * float(np.exp(rng.normal(0, noise)))))) for day in days]


@pytest.mark.fault("B9", "B10")
@pytest.mark.parametrize("noise", [0.05, 0.2, 0.35])
def test_half_a_year_of_steady_nights_raises_no_alarm_and_a_broken_one_is_caught(noise):
    """Twenty shops, from the eighth night on: no honest night is refused; a hundredfold night, and 3 % of what is usual, always are."""
    for seed in range(20):
        nights = simulated(seed, noise)
        for place in range(7, len(nights)):
            day, rows = nights[place]
            band = volume_band(nights[:place], day, VolumeConfig())
            assert band.low <= rows <= band.high, (seed, day, rows, band)
            assert rows * 100 > band.high
            assert band.usual * 0.03 < band.low


@pytest.mark.fault("B10")
@pytest.mark.parametrize(("noise", "caught"), [(0.05, 1.0), (0.2, 1.0), (0.35, 0.99)])
def test_three_percent_of_any_night_is_caught_once_weekdays_are_known(noise, caught):
    """After five weeks even what is left of the busiest Saturday is too little; only wildly uneven shops let a few pass."""
    broken = [
        night[1] * 0.03 < volume_band(nights[:place], night[0], VolumeConfig()).low
        for nights in (simulated(seed, noise) for seed in range(20))
        for place, night in enumerate(nights)
        if place >= 35
    ]
    assert np.mean(broken) >= caught


@pytest.mark.fault("B10")
def test_a_weekday_has_a_band_of_its_own():
    """A quiet Tuesday's usual is not that of Saturday, once four weeks are known."""
    nights = simulated(1, 0.1)[:35]
    usual = [volume_band(nights, MONDAY + timedelta(days=35 + weekday), VolumeConfig()).usual for weekday in range(7)]
    assert usual == pytest.approx((1000 * WEEK).tolist(), rel=0.25)
