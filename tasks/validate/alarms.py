"""Do tonight's interactions look like people? Floods of new accounts and items they push read perfectly well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from tasks.refusals import InputRefusedError
from tasks.stage import Staged
from tasks.validate.suites import ValidateConfig
from tasks.warehouse import Warehouse


@dataclass(frozen=True)
class Alarm:
    """What looks wrong, what would be usual, what to do about it, and whether it ends the night."""

    where: str
    usual: str
    found: str
    next_step: str
    refuses: bool

    @property
    def sentence(self) -> str:
        return f"{self.where}: {self.found}; usual is {self.usual}"


def alarms(warehouse: Warehouse, staged: Staged, tonight: date, config: ValidateConfig) -> tuple[Alarm, ...]:
    """Return everything about the new deliveries of interactions that does not look like people."""
    if not any(volume.is_new and volume.source == "interactions" for volume in staged.volumes):
        return ()
    return (*_new_accounts(warehouse, tonight, config), *_popularity_jumps(warehouse, tonight, config))


def require_quiet(raised: Sequence[Alarm]) -> None:
    """Raise InputRefusedError for the first alarm that the settings make a reason to stop."""
    for alarm in raised:
        if alarm.refuses:
            raise InputRefusedError(alarm.where, alarm.usual, alarm.found, alarm.next_step)


def _new_accounts(warehouse: Warehouse, tonight: date, config: ValidateConfig) -> Iterator[Alarm]:
    """Compare the share of tonight's events that new users made with that of earlier nights, by median and MAD."""
    nights = [row for row in warehouse.rows("checks.new_accounts", tonight=tonight) if row["events"] >= config.alarm_from_events]
    # On the very first night everybody is new, which says nothing of later ones.
    shares = [row["of_new_users"] / row["events"] for row in nights[1:] if row["night"] < tonight]
    if len(shares) < config.alarm_from_nights or nights[-1]["night"] != tonight:
        return
    share, usual = nights[-1]["of_new_users"] / nights[-1]["events"], median(shares)
    spread = 1.4826 * median(abs(earlier - usual) for earlier in shares)
    highest = usual + max(config.new_account_margin, 5 * spread)
    if share > highest:
        yield Alarm(
            "interactions",
            f"at most {highest:.0%} of a night's events by users never seen before (median {usual:.0%})",
            f"{share:.0%} of tonight's events by users never seen before",
            "look for a flood of made-up accounts; if they are people: [validation] max_new_account_share = 1",
            share > config.max_new_account_share,
        )


def _popularity_jumps(warehouse: Warehouse, tonight: date, config: ValidateConfig) -> Iterator[Alarm]:
    """Name the items that new users alone lift far above what they were."""
    limits = {"min_events": config.popularity_jump_from_events, "factor": config.popularity_jump_factor}
    for row in warehouse.rows("checks.popularity_jumps", tonight=tonight, **limits):
        yield Alarm(
            f"item {row['item_id']}",
            f"{row['earlier_events'] / row['all_earlier_events']:.2%} of the events, as in the four weeks before",
            f"{row['events'] / row['all_events']:.2%} of tonight's events, {row['of_new_users']:,} of {row['events']:,} by users "
            "never seen before",
            'look for made-up accounts; if they are people: [validation] on_popularity_jump = "warn"',
            config.on_popularity_jump == "refuse",
        )
