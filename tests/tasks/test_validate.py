from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tasks.ingest import keep
from tasks.night import Night
from tasks.refusals import InputRefusedError
from tasks.validate import ValidateConfig, Validated, validate
from tasks.warehouse import WarehouseConfig, open_warehouse

Validate = Callable[..., Validated]


def day(
    n_users: int = 30, n_items: int = 20, when: str = "2026-01-05T10:00:00Z", prefix: str = "u", event_type: str = "click"
) -> list[str]:
    """Return four interactions a user."""
    return [f"{prefix}{user},i{(user * 7 + step) % n_items},{when},{event_type}" for user in range(n_users) for step in range(4)]


def csv(rows: list[str]) -> str:
    """Return a file of these rows."""
    return "\n".join(["user_id,item_id,occurred_at,event_type", *rows]) + "\n"


@pytest.fixture
def judge(night: Callable[..., Night], stage_inbox: Callable[..., Any]) -> Validate:
    """Return a run from inbox to verdict; what passes is kept, as a night would."""

    def run(at: Night | None = None, config: ValidateConfig | None = None, **settings: Any) -> Validated:
        at = at or night()
        delivered, staged = stage_inbox(at, **settings)
        validated = validate(at, delivered, staged, config or ValidateConfig(), WarehouseConfig())
        keep(at, delivered, validated)
        return validated

    return run


def test_a_tiny_shop_passes_and_leaves_data_docs(judge, deliver, workspace):
    """Thirty users and twenty items are enough; the Data Docs list both suites."""
    deliver("day.csv", csv(day()))
    validated = judge()
    assert {suite.name: suite.success for suite in validated.suites} == {"profile": True, "interactions": True}
    assert validated.metrics["interactions"] == 120
    assert validated.metrics["newest_event"] == "2026-01-05T10:00:00Z"
    index = (workspace.root / validated.data_docs / "index.html").read_text()
    assert index.count("<td>passed</td>") == 2


def test_data_docs_load_nothing_from_other_hosts_and_hold_no_ids(judge, deliver, workspace):
    """The pages are passed around and opened on machines without network."""
    deliver("day.csv", csv(day(prefix="secret")))
    folder = workspace.root / judge().data_docs
    for page in folder.rglob("*.html"):
        text = page.read_text()
        assert "secret" not in text
        assert "<script" not in text
        assert 'src="http' not in text
        assert "url('http" not in text
        assert "<link" not in text


@pytest.mark.parametrize(
    ("rows", "weights", "rule", "hint"),
    [
        (day(when="2026-01-05T10:00:00"), {}, "occurred_at_without_zone", "[source] timezone"),
        (day(event_type="wiggle"), {"click": 1.0}, "event_type_unknown (wiggle)", "[events] impressions"),
        ([row.replace("2026-01-05T10:00:00Z", "last tuesday") for row in day()], {}, "occurred_at_unreadable", "whole seconds"),
        ([row.replace("2026", "1926") for row in day()], {}, "occurred_at_too_early", "[source] earliest"),
    ],
)  # fmt: skip
def test_the_rule_that_rejects_most_is_named_with_what_to_do(judge, deliver, rows, weights, rule, hint):
    """A delivery with too many rejected rows is refused by name, rule and remedy."""
    deliver("bad.csv", csv(rows))
    with pytest.raises(InputRefusedError) as refused:
        judge(weights=weights)
    assert refused.value.where == "interactions/bad.csv"
    assert f"120 of 120 rows rejected by {rule}" in refused.value.found
    assert hint in refused.value.next_step


def test_a_refused_night_leaves_its_data_docs_and_names_where_the_report_puts_them(judge, deliver, workspace):
    """The operator finds the proof of a refusal where the message says, once the report has moved it beside its page."""
    deliver("bad.csv", csv(day(when="2026-01-05T10:00:00")))
    with pytest.raises(InputRefusedError, match=r"reports/run_date=2026-01-05/data_docs/index\.html"):
        judge()
    assert "<td>failed</td>" in (workspace.staging / "night-2026-01-05" / "data_docs" / "index.html").read_text()


def test_ids_that_change_type_are_refused_once_the_workspace_has_integers(judge, night, deliver):
    """Integer ids once loaded stay integers; text ids are refused with the reason."""
    deliver("monday.csv", csv([row.removeprefix("u") for row in day()]))
    judge()
    deliver("tuesday.csv", csv(day(when="2026-01-06T10:00:00Z")))
    with pytest.raises(InputRefusedError, match=r"interactions/tuesday\.csv: .*user_id_wrong_type.*stay integers"):
        judge(night(date(2026, 1, 6)))


@pytest.mark.parametrize(
    ("config", "expected", "found"),
    [
        ({"min_interactions": 121}, "at least 121 interactions", "120"),
        ({"min_users": 31}, "at least 31 users", "30"),
        ({"min_items": 21}, "at least 21 items", "20"),
    ],
)
def test_too_little_to_learn_from_is_refused(judge, deliver, config, expected, found):
    """Counts below the configured ones end the night with both numbers."""
    deliver("day.csv", csv(day()))
    with pytest.raises(InputRefusedError) as refused:
        judge(config=ValidateConfig(**config))
    assert refused.value.expected == expected
    assert refused.value.found.startswith(found)


def test_nothing_that_counts_tonight_is_refused(judge, deliver):
    """Every interaction waits for a later night: an empty batch passes all but the counts."""
    deliver("early.csv", csv(day(when="2026-01-06T01:00:00Z")))
    with pytest.raises(InputRefusedError, match="at least 100 interactions; found 0"):
        judge()


def test_an_outdated_catalogue_is_refused(judge, deliver):
    """A catalogue that knows few of the interacted items would empty the lists."""
    deliver("day.csv", csv(day()))
    deliver("items.csv", "item_id,title\ni0,One\n", source="items")
    with pytest.raises(InputRefusedError, match="item of the catalogue; found 4"):
        judge()


def test_a_delivery_with_more_duplicates_than_configured_is_named(judge, night, deliver):
    """Repeats are welcome unless a bound is set; then the delivery is named."""
    deliver("monday.csv", csv(day()))
    judge()
    deliver("again.csv", csv([*day(), "u0,i0,2026-01-06T10:00:00Z,click"]))
    with pytest.raises(InputRefusedError, match=r"interactions/again\.csv: expected at most 50% repeated rows in a new delivery; found 99"):
        judge(night(date(2026, 1, 6)), config=ValidateConfig(max_duplicate_share=0.5))


@pytest.mark.parametrize("integers", [False, True])
def test_swapped_ids_are_refused_once_there_is_history(judge, night, deliver, integers):
    """The header says user_id, the values are items: known only the other way round."""
    rows = day()
    if integers:
        rows = [",".join([str(1000 + int(row.split(",")[0][1:])), row.split(",")[1][1:], *row.split(",")[2:]]) for row in rows]
    deliver("monday.csv", csv(rows))
    judge()
    swapped = [",".join([item, user, "2026-01-06T10:00:00Z", kind]) for user, item, _, kind in (row.split(",") for row in rows)]
    deliver("tuesday.csv", csv(swapped))
    with pytest.raises(
        InputRefusedError, match=r"interactions/tuesday\.csv: .*found 0% known as delivered, 100% with user_id and item_id swapped"
    ):
        judge(night(date(2026, 1, 6)))


def test_swapped_ids_are_refused_with_a_catalogue_alone(judge, deliver):
    """Without history the catalogue tells which column holds items."""
    deliver("items.csv", "item_id\n" + "".join(f"i{item}\n" for item in range(20)), source="items")
    deliver("day.csv", csv([",".join([row.split(",")[1], row.split(",")[0], *row.split(",")[2:]]) for row in day()]))
    with pytest.raises(InputRefusedError, match="user_id and item_id swapped"):
        judge()


def test_new_users_with_known_items_are_not_taken_for_swapped(judge, night, deliver):
    """A night of newcomers passes."""
    deliver("monday.csv", csv(day()))
    judge()
    deliver("tuesday.csv", csv(day(prefix="newcomer", when="2026-01-06T10:00:00Z")))
    assert judge(night(date(2026, 1, 6))).metrics["users"] == 60


def test_rows_that_went_missing_are_refused(night, deliver, stage_inbox):
    """Rows read from the file that no verdict accounts for stop the night, whoever lost them."""
    deliver("day.csv", csv(day()))
    delivered, staged = stage_inbox()
    with open_warehouse(night()) as warehouse:
        warehouse.execute("update staging.volumes set accepted = accepted - 1")
    with pytest.raises(InputRefusedError, match=r"interactions/day\.csv: expected 120 rows, as read from the file; found 119"):
        validate(night(), delivered, staged, ValidateConfig(), WarehouseConfig())


def without_times(rows: list[str]) -> str:
    """Return a file of these rows in which nobody says when."""
    return "user_id,item_id\n" + "".join(",".join(row.split(",")[:2]) + "\n" for row in rows)


@pytest.mark.fault("B6")
def test_the_first_times_do_not_throw_the_history_away(judge, night, deliver):
    """One row with a time would reject all that earlier nights learned from: the delivery is refused, and both ways on are named."""
    deliver("monday.csv", without_times(day()))
    judge()
    deliver("tuesday.csv", csv(day(n_users=1, when="2026-01-06T10:00:00Z")))
    with pytest.raises(InputRefusedError) as refused:
        judge(night(date(2026, 1, 6)))
    assert refused.value.where == "interactions/tuesday.csv"
    assert "the 120 delivered before" in refused.value.expected
    assert refused.value.found == "4 rows with a time"
    assert "[source.ignore] interactions" in refused.value.next_step
    assert "new workspace" in refused.value.next_step


@pytest.mark.fault("B6")
def test_a_column_of_times_that_is_ignored_leaves_the_history_as_it_is(judge, night, deliver):
    """The way on that the refusal names: what the column says is kept, and nothing is dated by it."""
    deliver("monday.csv", without_times(day()))
    judge()
    deliver("tuesday.csv", csv(day(prefix="new", when="2026-01-06T10:00:00Z")))
    assert judge(night(date(2026, 1, 6)), source={"ignore": {"interactions": ["occurred_at"]}}).metrics["interactions"] == 240


@pytest.mark.fault("B6")
def test_a_delivery_without_times_is_refused_once_there_are_some(judge, night, deliver):
    """The other way round: every row of it is rejected by name."""
    deliver("monday.csv", csv(day()))
    judge()
    deliver("tuesday.csv", without_times(day()))
    with pytest.raises(InputRefusedError, match=r"tuesday\.csv: .*120 of 120 rows rejected by occurred_at_missing.*all need one"):
        judge(night(date(2026, 1, 6)))
