"""The documentation as a site: built without a warning, whole without a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation.pages import PAGES, ROOT

pytest.importorskip("mkdocs", reason="needs the extra `docs`")
LOADED = re.compile(r"""(?:<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=|@import |url\()["']?((?:https?:)?//[^"')\s>]+)""")
"""What a browser fetches by itself; an address that somebody may click is none of it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site that was built from the pages; a warning would have ended the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # noqa: TID251 - handed down whole
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No font, script, picture or style comes from another server."""
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > len(PAGES)
    assert {(path.name, found) for path in files for found in LOADED.findall(path.read_text())} == set()


def test_a_font_from_elsewhere_would_be_noticed() -> None:
    """The test above can fail."""
    assert LOADED.findall('<link rel="stylesheet" href="https://fonts.example/css">') == ["https://fonts.example/css"]
    assert LOADED.findall("@import url(//fonts.example/css)") == ["//fonts.example/css"]


def test_no_page_draws_with_a_script_from_elsewhere(site: Path) -> None:
    """The theme fetches what draws Mermaid where a page asks it to draw: in the site a drawing stays its source."""
    assert [path.name for path in site.rglob("*.html") if re.search(r'class="[^"]*\bmermaid\b(?! highlight)', path.read_text())] == []


def test_every_page_is_in_the_site_and_in_its_search(site: Path) -> None:
    """Every Markdown file became a page that can be found."""
    places = {location.partition("#")[0] for location in _search(site)}
    assert {"index.html", "reference/command-line.html", "project/readme.html", "decisions/index.html", "definitions/index.html"} <= places
    under_docs = {str(page.relative_to(ROOT / "docs").with_suffix(".html")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert under_docs <= places


def test_what_people_look_for_is_found(site: Path) -> None:
    """The words of an exit code, a flag, a column and a setting lead to pages that explain them."""
    texts = _search(site)
    for words, place in (
        ("--allow-volume", "reference/command-line.html"),
        ("because_item_id", "tables.html"),
        ("NIGHTLY__GATE__MAX_LOSS", "reference/configuration.html"),
        ("another run is writing", "reference/command-line.html"),
    ):
        assert any(words in text and location.startswith(place) for location, text in texts.items()), words


def _search(site: Path) -> dict[str, str]:
    index = json.loads((site / "search" / "search_index.json").read_text())
    return {entry["location"]: re.sub(r"<[^>]+>", "", entry["text"]) for entry in index["docs"]}
