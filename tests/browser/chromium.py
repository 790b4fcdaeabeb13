"""A headless Chromium that opens a page as a person would have it: wide or narrow, light or dark, on screen or on paper."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, DESK = 390, 1200
MISSING = "Chromium with its chromedriver", "apt-get install chromium chromium-driver"
"""What is missing where `installed` finds nothing, and what brings it on Debian."""

_SMALL_CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text()


class Programs(NamedTuple):
    """The browser, and what drives it."""

    browser: str
    driver: str


def installed() -> Programs | None:
    """Return where Chromium and its driver are on this machine; None where one of them is missing."""
    browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    return Programs(browser, driver) if browser and driver else None


class Chromium:
    """One browser; `open` sets how the next page is seen and forgets what was logged before."""

    def __init__(self, programs: Programs, profile: Path, *further_flags: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = programs.browser
        for flag in (*FLAGS, *further_flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # The driver's path is given: selenium looks for none, and downloads none.
        self.driver = webdriver.Chrome(options=options, service=Service(programs.driver))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.driver.quit()

    def open(
        self,
        page: Path,
        *,
        width: int = DESK,
        scheme: Literal["light", "dark"] = "light",
        media: Literal["screen", "print"] = "screen",
        clock: datetime | None = None,
    ) -> None:
        """Open a file and wait until it is loaded; `clock` (UTC, without zone) is what its scripts are told the time is."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < DESK}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        # Without smooth scrolling, what is looked at has stopped moving.
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        told = f"Date.now = () => Date.parse('{clock:%Y-%m-%dT%H:%M:%SZ}')" if clock else ""
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": told})
        self.driver.get(page.as_uri())
        self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def complaints(self) -> list[str]:
        """Return what the console was told since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses the page asked for since it was opened, its own among them."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def small_contrasts(self) -> list[str]:
        """Return the texts that can be seen and stand out from what is behind them by less than 4.5 to 1."""
        return self.run(_SMALL_CONTRASTS)
