"""The demo: a generated shop, three nights, one of them with a delivery that is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import sql
from flows.attempt import Ending, Options
from flows.console import say
from flows.nightly import run_night
from flows.settings import default_file, load_settings
from tasks.shop import Shop, ShopConfig, write_bad_delivery, write_delivery
from tasks.storage import remove
from tasks.workspace import Workspace

MARK = ".demo"
"""The file that tells a demo's workspace, which may be removed, from one with real data."""

QUERIES = ("list_of_one_user", "how_good_was_last_night", "refused_rows")


def run_demo(root: Path) -> int:
    """Run three nights of a small shop and print where everything is; returns 0 if they ended as they should."""
    workspace = Workspace(root.resolve())
    if (workspace.root / MARK).is_file():
        say(f"The demo of an earlier time in {root} is removed")
        remove(workspace.root)
    workspace.create(default_file(threads=os.cpu_count() or 1))
    (workspace.root / MARK).touch()
    shop = Shop(ShopConfig())
    say(f"A shop of {shop.config.n_users} users and {shop.config.n_items} items opens in {root}")
    endings = list(_nights(workspace, shop))
    say(_where(root, endings[-1]))
    as_it_should = [ending.ending for ending in endings] == ["published", "kept_last_good", "published", "published"]
    return 0 if as_it_should else 1


def _nights(workspace: Workspace, shop: Shop) -> Iterator[Ending]:
    """Run the first three nights; the second night's delivery is cut off, is refused, and is delivered again whole."""
    first, second, third = shop.config.delivery_dates[:3]
    yield _night(workspace, shop, first, "the whole history is delivered")
    write_bad_delivery(shop, second, workspace.root / "inbox")
    yield _run(workspace, second, "the delivery was cut off on its way")
    yield _night(workspace, shop, second, "it is delivered again, whole")
    yield _night(workspace, shop, third, "a day like any other")


def _night(workspace: Workspace, shop: Shop, day: date, what: str) -> Ending:
    write_delivery(shop, day, workspace.root / "inbox")
    return _run(workspace, day, what)


def _run(workspace: Workspace, day: date, what: str) -> Ending:
    say(f"\nNight of {day}: {what}")
    command = f"nightly run --workspace {workspace.root} --run-date {day}"
    ending = run_night(workspace.root, day, load_settings(workspace.root), Options(), command=command)
    say(f"  {ending.ending}: {ending.reason}")
    return ending


def _where(root: Path, last: Ending) -> str:
    lines = [f"\nTables: {root}/tables   newest: {root}/latest   report: {last.report}"]
    lines.append(f"\nThree queries to paste into DuckDB, started inside {root}:")
    lines += [f"\n{sql.read(f'consumers.{name}').strip()};" for name in QUERIES]
    return "\n".join(lines)
