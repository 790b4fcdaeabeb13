"""The demo: a generated shop, three nights, one of them with a delivery that is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import sql
from flows.attempt import Ending, Options
from flows.console import say
from flows.nightly import run_night
from flows.settings import default_file, load_settings
from tasks.progress import reached
from tasks.shop import Shop, ShopConfig, write_bad_delivery, write_delivery
from tasks.storage import remove
from tasks.workspace import Workspace

MARK = ".demo"
"""The file that tells a demo's workspace, which may be removed, from one with real data."""

AS_IT_SHOULD = ["published", "kept_last_good", "published", "published"]
"""How its nights end."""

QUERIES = ("list_of_one_user", "how_good_was_last_night", "refused_rows")


def run_demo(root: Path, as_json: bool) -> int:
    """Run three nights of a small shop and print where everything is; returns 0 if they ended as they should."""
    tell = _say_nothing if as_json else say
    workspace = Workspace(root.resolve())
    if (workspace.root / MARK).is_file():
        tell(f"The demo of an earlier time in {root} is removed")
        remove(workspace.root)
    workspace.create(default_file(threads=os.cpu_count() or 1))
    (workspace.root / MARK).touch()
    shop = Shop(ShopConfig())
    tell(f"A shop of {shop.config.n_users} users and {shop.config.n_items} items opens in {root}")
    endings = []
    for ending in _nights(workspace, shop, tell):
        endings.append(ending)
        reached("nights", len(endings), len(AS_IT_SHOULD))
    exit_code = 0 if [ending.ending for ending in endings] == AS_IT_SHOULD else 1
    if as_json:
        nights = [ending.model_dump(mode="json") for ending in endings]
        say(json.dumps({"exit_code": exit_code, "workspace": str(root), "nights": nights}))
    else:
        say(_where(root, endings[-1]))
    return exit_code


def _nights(workspace: Workspace, shop: Shop, tell: Callable[[str], None]) -> Iterator[Ending]:
    """Run the first three nights; the second night's delivery is cut off, is refused, and is delivered again whole."""
    first, second, third = shop.config.delivery_dates[:3]
    yield _night(workspace, shop, first, tell, "the whole history is delivered")
    write_bad_delivery(shop, second, workspace.root / "inbox")
    yield _run(workspace, second, tell, "the delivery was cut off on its way")
    yield _night(workspace, shop, second, tell, "it is delivered again, whole")
    yield _night(workspace, shop, third, tell, "a day like any other")


def _night(workspace: Workspace, shop: Shop, day: date, tell: Callable[[str], None], what: str) -> Ending:
    write_delivery(shop, day, workspace.root / "inbox")
    return _run(workspace, day, tell, what)


def _run(workspace: Workspace, day: date, tell: Callable[[str], None], what: str) -> Ending:
    tell(f"\nNight of {day}: {what}")
    command = f"nightly run --workspace {workspace.root} --run-date {day}"
    ending = run_night(workspace.root, day, load_settings(workspace.root), Options(), command=command)
    tell(f"  {ending.ending}: {ending.reason}")
    return ending


def _say_nothing(_line: str) -> None:
    """Print nothing: one object is promised."""


def _where(root: Path, last: Ending) -> str:
    lines = [f"\nTables: {root}/tables   newest: {root}/latest   report: {last.report}"]
    lines.append(f"\nThree queries to paste into DuckDB, started inside {root}:")
    lines += [f"\n{sql.read(f'consumers.{name}').strip()};" for name in QUERIES]
    return "\n".join(lines)
