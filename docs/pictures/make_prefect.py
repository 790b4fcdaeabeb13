"""Take the pictures of Prefect's own page: the form of `nightly`, and a finished run with what it shows; of the generator's shop.

    .venv/bin/python -m docs.pictures.make_prefect

starts a server and a worker, runs a night of a generated shop (some minutes), and writes the PNG files beside this one. With --url it takes
them of a server that has run a night already. The page comes with Prefect's wheel; what it would ask of hosts outside is kept from it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from flows.console import say
from flows.doctor_prefect import Server
from tasks.shop import Shop, ShopConfig, write_delivery
from tasks.workspace import Workspace
from tests.browser.chromium import MISSING, Chromium, installed
from tests.prefect_server import NIGHTLY, prefect_server

HERE = Path(__file__).parent
SIZE = (1280, 1500)
PATIENCE_SECONDS = 60
SHOP = ShopConfig(n_users=300, n_items=150, days=22, history_days=20, interactions_per_day=300)


def main() -> None:
    """Run a night where no server is named, and take both pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of Prefect's own page.")
    parser.add_argument("--url", help="take them of this server, such as http://127.0.0.1:4200, and run no night")
    given = parser.parse_args().url
    if given:
        _taken(given.rstrip("/"))
        return
    with tempfile.TemporaryDirectory() as folder, _night(Path(folder)) as url:
        _taken(url)


@contextmanager
def _night(folder: Path) -> Iterator[str]:
    """Run a night of a generated shop on a worker, and go on serving the page that shows it."""
    workspace = Workspace(folder / "my-shop")
    workspace.create("")
    day = SHOP.delivery_dates[0]
    write_delivery(Shop(SHOP), day, workspace.root / "inbox")
    (folder / "prefect").mkdir()
    with prefect_server(folder / "prefect") as server:
        server.run(*NIGHTLY, "deploy", "--workspace", str(workspace.root))
        server.start_worker()
        say(server.state_in_the_end(server.asked_for("nightly", run_date=day))["message"])
        yield server.address.removesuffix("/api")


def _taken(url: str) -> None:
    server = Server(f"{url}/api", {})
    deployment = server.ask("deployments/name/nightly/nightly")["id"]
    completed = {"flow_runs": {"state": {"name": {"any_": ["Completed"]}}, "tags": {"all_": ["ending:published"]}}}
    run = server.ask("flow_runs/filter", completed)[0]["id"]
    with _browser() as browser:
        browser.get(f"{url}/v2/deployments/deployment/{deployment}/run")
        _seen(browser, "Unreadable files")
        _keep(browser, "prefect-form")
        browser.get(f"{url}/v2/runs/flow-run/{run}?tab=Artifacts")
        _seen(browser, "nightly-summary")
        time.sleep(3)  # the graph of the steps is drawn with a sweep
        _keep(browser, "prefect-run")


@contextmanager
def _browser() -> Iterator[webdriver.Chrome]:
    programs = installed()
    if programs is None:
        raise SystemExit("{} is missing. On Debian: {}".format(*MISSING))
    nobody = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    flags = ("--hide-scrollbars", f"--window-size={SIZE[0]},{SIZE[1]}", nobody)
    with tempfile.TemporaryDirectory() as profile, Chromium(programs, Path(profile), *flags) as chromium:
        yield chromium.driver


def _seen(browser: webdriver.Chrome, text: str) -> Any:
    """Wait until a text stands on the page, and return what it stands in."""
    found = expected_conditions.visibility_of_element_located((By.XPATH, f"//*[contains(normalize-space(text()), '{text}')]"))
    return WebDriverWait(browser, PATIENCE_SECONDS).until(found)


def _keep(browser: webdriver.Chrome, name: str) -> None:
    path = HERE / f"{name}.png"
    browser.save_screenshot(str(path))
    say(f"{path.name}: {path.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
