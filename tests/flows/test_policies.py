"""Claims about policies in a whole night."""

from __future__ import annotations

from tasks.shop import write_delivery
from tests.conftest import SMALL_SHOP, WITHOUT_NETWORKS


def test_a_policy_that_cannot_be_carried_out_ends_the_night_before_anything_is_trained(workspace, shop, run):
    """Exit 2, with the setting by name and what could be named instead; the step that would train has left no receipt."""
    day = SMALL_SHOP.delivery_dates[0]
    workspace.settings_file.write_text(f'{WITHOUT_NETWORKS}\n[[policies.caps]]\nname = "a"\nby = "categry"\nmost = 2\n')
    write_delivery(shop, day, workspace.root / "inbox")
    ending = run(workspace, day)
    assert (ending.exit_code, ending.next_step) == (2, "name one of: category")
    assert "policies.caps.a" in ending.reason
    assert {path.stem for path in workspace.staging.rglob("*.json")} >= {"prepare"}
    assert not {path.stem for path in workspace.staging.rglob("*.json")} & {"train", "declare"}
