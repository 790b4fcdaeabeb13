"""What makes two runs the same run, and what is said where they are not."""

from __future__ import annotations

import pytest

from flows.settings import set_in_file
from tasks.storage import file_hash
from tests.faults import tiny_night
from tests.faults.tiny_night import day, deliver, new_workspace, run


@pytest.fixture
def shop(tmp_path):
    """Return a workspace of the tiny world with two published nights."""
    workspace = new_workspace(tmp_path / "shop")
    for number in (0, 1):
        deliver(workspace.root, number)
        assert run(workspace.root, number).ending == "published"
    return workspace


@pytest.fixture
def _settings_read_anew(monkeypatch):
    monkeypatch.setattr(tiny_night, "_settings", tiny_night._settings.__wrapped__)


@pytest.mark.fault("D3", "B5")
def test_a_date_is_not_changed_by_a_delivery_of_later_events(shop):
    """The first date ran before the second day was delivered; nothing it can see has changed since."""
    assert run(shop.root, 0).ending == "unchanged"


@pytest.mark.fault("B5", "D4")
def test_a_late_delivery_would_change_the_dates_it_has_events_for_and_no_others(shop):
    before = file_hash(shop.table("recommendations", day(0)))
    deliver(shop.root, 1, variant=1)
    refused = run(shop.root, 1)
    assert (refused.exit_code, refused.ending) == (2, "failed")
    assert f"1 more delivered: interactions/{day(1)}-1.csv" in refused.reason
    assert run(shop.root, 1, replace=True).ending == "published"
    assert run(shop.root, 0).ending == "unchanged"
    assert file_hash(shop.table("recommendations", day(0))) == before


@pytest.mark.fault("D4")
@pytest.mark.usefixtures("_settings_read_anew")
def test_a_changed_setting_is_named_with_both_values(shop):
    text = shop.settings_file.read_text()
    shop.settings_file.write_text(f"seed = 7\n{text}")
    refused = run(shop.root, 0)
    assert refused.exit_code == 2
    assert "setting seed: 20261121 -> 7" in refused.reason
    assert "--replace" in refused.reason


@pytest.mark.fault("D4")
@pytest.mark.usefixtures("_settings_read_anew")
def test_a_setting_that_decides_no_byte_changes_no_date(shop):
    set_in_file(shop.settings_file, "warehouse", "threads", 1)
    set_in_file(shop.settings_file, "keeping", "tables_days", 5)
    set_in_file(shop.settings_file, "compute", "memory_gb", 1.5)
    assert run(shop.root, 0).ending == "unchanged"


@pytest.mark.fault("D3")
def test_a_served_file_that_was_damaged_is_made_again_with_the_same_bytes(shop):
    served = shop.table("recommendations", day(1))
    before, content = file_hash(served), bytearray(served.read_bytes())
    content[len(content) // 2] ^= 1
    served.write_bytes(content)
    assert run(shop.root, 1).ending == "published"
    assert file_hash(served) == before
    assert run(shop.root, 1).ending == "unchanged"


@pytest.mark.fault("D5")
def test_after_a_rollback_tonight_has_to_beat_what_is_served(shop):
    """The night that was rolled back is no measure for those that follow it."""
    from tasks.pointer import point

    first, second = shop.published()
    assert shop.champion_of(day(2)) == second
    point(shop, first, at="2026-01-07T03:00:00Z")
    assert shop.champion_of(day(2)) == first


@pytest.mark.fault("D3", "D5")
def test_a_date_made_again_has_to_beat_what_it_had_to_beat_the_first_time(shop):
    """Rolled back, gone on from there, damaged: the repaired tables are the same bytes, not those of a night measured by another."""
    first, _ = shop.published()
    assert tiny_night.rolled_back(shop.root, 0).exit_code == 0
    deliver(shop.root, 2)
    assert run(shop.root, 2).ending == "published"
    assert shop.champion_of(day(2)) == first
    served = shop.table("recommendations", day(2))
    before = file_hash(served)
    served.unlink()
    assert run(shop.root, 2).ending == "published"
    assert file_hash(served) == before
    assert shop.champion_of(day(1)) == first
    assert shop.champion_of(day(3))["run_date"] == str(day(2))
