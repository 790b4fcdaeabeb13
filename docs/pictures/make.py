"""Take the pictures of pages that README and docs show: of the generator's shop, in a headless Chromium.

    .venv/bin/python -m docs.pictures.make

makes a shop of four weeks of nights in the temporary folder (about five minutes), some of which go wrong, and writes the PNG files beside
this one. With --workspace it takes the pictures of nights that are there. Prefect's pictures are taken by `make_prefect.py`.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

import flows.attempt
from flows.attempt import Options
from flows.console import say
from flows.demo import MARK
from flows.nightly import run_night
from flows.settings import default_file, load_settings, set_in_file
from tasks.report import render_again
from tasks.report.index import write_index
from tasks.shop import Shop, ShopConfig, write_bad_delivery, write_delivery
from tasks.storage import remove
from tasks.workspace import Workspace
from tests.browser.chromium import MISSING, PHONE, Chromium, installed

HERE = Path(__file__).parent
LARGEST = 300_000
"""Bytes of a picture: it is read over a telephone, and kept in the history of the repository for good."""

MARGIN = 32

SHOP = ShopConfig(start=date(2025, 11, 3), history_days=35, days=64)
HOUR = time(3)
"""When the nights run, on the morning after."""

QUICK = ["ease", "als", "transitions", "content_knn", "popularity"]
"""Models of all nights but the last few, which have every model."""

WHOLE = 3
TORN, MENDED, MISSED = {9, 20}, {9}, {14}
"""Nights, counted from the first, whose delivery is torn; those of them for which it is sent again in time; and those that nobody runs."""


@dataclass(frozen=True)
class Picture:
    """One picture: of which page, from where on, and how wide and high."""

    name: str
    page: Path
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    part: str = "body"
    """What stands at the top, as a CSS selector."""
    unfolds: str = ""
    """What is opened before, as a CSS selector."""


def main() -> None:
    """Make the shop where none is given, and take every picture."""
    parser = argparse.ArgumentParser(description="Take the pictures of pages that README and docs show.")
    parser.add_argument("--workspace", type=Path, help="take them of this workspace, and run no night")
    given = parser.parse_args().workspace
    workspace = Workspace(given.resolve()) if given else _shop(Workspace(Path(tempfile.gettempdir()).resolve() / "my-shop"))
    newest = workspace.published()[-1]
    moment = datetime.fromisoformat(newest["published_at"].removesuffix("Z")) + timedelta(hours=4)
    page = render_again(workspace, date.fromisoformat(newest["run_date"]))
    for name, size in _taken(_pictures(page, write_index(workspace, moment)), moment):
        say(f"{name}: {size / 1000:,.0f} kB{'' if size <= LARGEST else ', TOO LARGE'}")


def _pictures(page: Path, index: Path) -> list[Picture]:
    return [
        Picture("report-light", page, 1280, 1400),
        Picture("report-dark", page, 1280, 1400, scheme="dark"),
        Picture("report-phone", page, PHONE, 1400),
        Picture("report-look-up", page, 1280, 900, part="#look-up h2", unfolds="#look-up details:first-of-type"),
        Picture("index", index, 1280, 1350),
        Picture("index-phone", index, PHONE, 1400),
    ]


def _taken(pictures: list[Picture], clock: datetime) -> Iterator[tuple[str, int]]:
    """Take the pictures and return their names and sizes, one by one."""
    programs = installed()
    if programs is None:
        raise SystemExit("{} is missing. On Debian: {}".format(*MISSING))
    with tempfile.TemporaryDirectory() as profile, Chromium(programs, Path(profile)) as chromium:
        for picture in pictures:
            chromium.open(picture.page, width=picture.width, scheme=picture.scheme, clock=clock)
            if picture.unfolds:
                chromium.run("document.querySelector(arguments[0]).open = true", picture.unfolds)
            left, top = chromium.run(
                "const box = document.querySelector(arguments[0]).getBoundingClientRect(); return [box.left + scrollX, box.top + scrollY]",
                picture.part,
            )
            x, y = max(0, left - MARGIN), max(0, top - MARGIN)
            clip = {"x": x, "y": y, "width": picture.width - x, "height": picture.height, "scale": 1}
            shot = chromium.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
            path = HERE / f"{picture.name}.png"
            path.write_bytes(base64.b64decode(shot["data"]))
            yield path.name, path.stat().st_size


def _shop(workspace: Workspace) -> Workspace:
    """Run the nights of a shop, each at its own hour, in a folder that may be removed."""
    if (workspace.root / MARK).is_file():
        remove(workspace.root)
    workspace.create(default_file(threads=2))
    (workspace.root / MARK).touch()
    set_in_file(workspace.settings_file, "train", "models", QUICK)
    shop = Shop(SHOP)
    for number, day in enumerate(SHOP.delivery_dates):
        if number == len(SHOP.delivery_dates) - WHOLE:
            workspace.settings_file.write_bytes(default_file(threads=2).encode())
        if number in TORN:
            write_bad_delivery(shop, day, workspace.root / "inbox")
            _run(workspace, day, minutes=0)
        write_delivery(shop, day, workspace.root / "inbox")
        if number in MENDED:
            _run(workspace, day, minutes=90)
        elif number not in TORN | MISSED:
            _run(workspace, day, minutes=0)
    return workspace


def _run(workspace: Workspace, day: date, minutes: int) -> None:
    """Run one night as if it were the morning after it."""
    moment = datetime.combine(day + timedelta(days=1), HOUR) + timedelta(minutes=minutes)
    flows.attempt.now = lambda: moment
    command = f"nightly run --workspace {workspace.root} --run-date {day}"
    ending = run_night(workspace.root, day, load_settings(workspace.root), Options(), command=command)
    say(f"{day}: {ending.ending}: {ending.reason}")


if __name__ == "__main__":
    main()
