"""What the site needs beyond docs/: the pages of the project's other folders, an index of each folder that is linked, and fitting links.

The Markdown stays as repositories show it; MkDocs calls the functions below while it builds (`hooks` in mkdocs.yml).
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/README.md": "benchmarks/index.md",
    **{str(path.relative_to(ROOT)): str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("benchmarks/*.svg"))},
}
"""File that is not in docs/ but in the site -> its place there."""

LINK = re.compile(r"(?P<mark>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
INDEXES = {
    "decisions": "Why it is built this way, one decision a page.",
    "definitions": "The published tables, as other engines declare them.",
}
"""Folder of docs/ -> the sentence above the list of its files."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures from outside docs/, and the indexes of folders."""
    for path, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    for folder, sentence in INDEXES.items():
        files.append(File.generated(config, f"{folder}/index.md", content=_index(folder, sentence)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to where their files stand in the site; what the site does not have stays as words."""
    del config
    place = page.file.src_uri
    lies = next((path for path, moved in OUTSIDE.items() if moved == place), f"docs/{place}")

    def pointed(link: re.Match[str]) -> str:
        if not link["target"] or re.match(r"[a-z]+:", link["target"]):
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(lies), link["target"]))
        there = OUTSIDE.get(path, path.removeprefix("docs/"))
        there = f"{there}/index.md" if there in INDEXES else there
        if files.get_file_from_path(there) is None:
            # A file of the project that is no page, such as its code. What is missing altogether stays a link: the build then warns.
            return link["words"] if (ROOT / path).exists() else link[0]
        return f"{link['mark']}[{link['words']}]({posixpath.relpath(there, posixpath.dirname(place) or '.')}{link['anchor'] or ''})"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)  # every second one is code
    return "".join(part if number % 2 else LINK.sub(pointed, part) for number, part in enumerate(parts))


def _index(folder: str, sentence: str) -> str:
    lines = [f"# {folder.capitalize()}", "", sentence, ""]
    for path in sorted((ROOT / "docs" / folder).iterdir()):
        title = path.read_text().partition("\n")[0].removeprefix("# ") if path.suffix == ".md" else path.name
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
