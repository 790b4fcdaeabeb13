"""One headless Chromium and one shop, whose every title and name means harm, for all tests that open pages."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from flows.attempt import Options
from flows.nightly import run_night
from flows.settings import load_settings
from tasks.report.index import write_index
from tasks.shop import Shop, write_delivery
from tasks.workspace import Workspace
from tests.browser.chromium import MISSING, Chromium, installed
from tests.conftest import SMALL_SHOP
from tests.faults.lanes import need

FIRST, SECOND = SMALL_SHOP.delivery_dates[:2]
PAGES = ("index.html", f"run_date={FIRST}/index.html", f"run_date={SECOND}/index.html")
"""The index, the page of a published night and that of a held one, below reports/."""

THREE_MODELS = """
[train]
models = ["ease", "content_knn", "popularity"]

[blend]
resamples = 2
"""
"""Settings of nights whose pages have every section, and no more to wait for."""

HOSTILE = (
    '<script>document.title="owned"</script>',
    '<img src=x onerror="document.title=`owned`;alert(1)">',
    '</style><script>document.title="owned"</script><style>',
    "</script><script>document.title='owned'</script>",
    '" onmouseover="alert(1)" autofocus onfocus="alert(2)',
    "<a href=javascript:alert(1)>free</a>",
    "javascript:alert(1)",
    "\u202etxt.exe",
    "{{ 7 * 7 }}${alert(1)}",
    "<iframe src=https://example.org></iframe><svg onload=alert(1)>",
)
"""What a title, an id or the name of a file may be."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Start the one browser of a session, with a profile of its own that is thrown away."""
    programs = installed()
    need(programs is not None, *MISSING)
    assert programs is not None
    with Chromium(programs, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="session")
def hostile_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a shop of hostile titles, users and files: its first night is published, its second is held for a torn file."""
    workspace = Workspace(tmp_path_factory.mktemp("hostile") / "shop")
    workspace.create(THREE_MODELS)
    for path in write_delivery(Shop(SMALL_SHOP), FIRST, workspace.root / "inbox"):
        if path.suffix == ".jsonl":
            _rename_items(path)
        else:
            _rename_users(path)
    first = run_night(workspace.root, FIRST, load_settings(workspace.root), Options())
    assert first.ending == "published", first.reason
    (workspace.inbox("interactions") / "<img src=x onerror=alert(1)>.csv").write_text("user_id,item_id\n1,2\n3,")
    second = run_night(workspace.root, SECOND, load_settings(workspace.root), Options())
    assert "onerror" in second.reason
    write_index(workspace, datetime.combine(SECOND + timedelta(days=1), time(7)))
    return workspace


def hostile(number: int) -> str:
    """Return one of the hostile texts, made unique."""
    return f"{HOSTILE[number % len(HOSTILE)]} {number}"


def _rename_items(path: Path) -> None:
    items = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(item | {"title": hostile(item["item_id"]), "category": list(HOSTILE[:3])}) + "\n" for item in items))


def _rename_users(path: Path) -> None:
    """Give every other user a hostile id, and leave a row that is refused and quotes one."""
    with path.open(newline="") as stream:
        names, *rows = csv.reader(stream)
    place = names.index("user_id")
    for row in rows:
        if row[place].isdecimal() and int(row[place]) % 2:
            row[place] = hostile(int(row[place]) // 2)
    if "occurred_at" in names:
        rows.append([HOSTILE[0] if name == "occurred_at" else "1002" if name == "user_id" else "500001" for name in names])
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([names, *rows])
