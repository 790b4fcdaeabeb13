"""Report: tell the whole night on one page that opens anywhere, whether it published or not."""

from __future__ import annotations

import logging

from tasks.night import Night, Receipt
from tasks.report.page import render
from tasks.report.story import Story
from tasks.storage import move, remove, write_bytes

__all__ = ["Reported", "Story", "report"]
log = logging.getLogger("nightly")


class Reported(Receipt, frozen=True):
    """Where the page is, and the folder of Data Docs beside it where there is one; both relative to the workspace."""

    page: str
    data_docs: str | None


def report(night: Night, story: Story) -> Reported:
    """Write the night's page, and keep the Data Docs of its validation beside it."""
    folder = night.workspace.report(night.run_date)
    docs = _keep_data_docs(night, story)
    page = folder / "index.html"
    write_bytes(page, render(night, story, docs).encode())
    log.info("report: %s", night.workspace.relative(page))
    kept = night.workspace.relative(folder / "data_docs") if docs else None
    return Reported(files=night.hashed(page), page=night.workspace.relative(page), data_docs=kept)


def _keep_data_docs(night: Night, story: Story) -> str | None:
    """Move the Data Docs beside the page; returns how the page links to them, None where there are none."""
    source, target = night.staging / "data_docs", night.workspace.report(night.run_date) / "data_docs"
    if source.is_dir():
        remove(target)
        move(source, target)
    elif story.validated is None:
        # The docs that lie here tell of another attempt than the page will.
        remove(target)
    entries = sorted(target.rglob("index.html"), key=lambda path: len(path.parts))
    return entries[0].relative_to(target.parent).as_posix() if entries else None
