"""Report: tell the whole night on one page that opens anywhere, whether it published or not."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

from tasks.night import Night, Receipt
from tasks.report.account import account_of, read_account, write_account
from tasks.report.index import write_index
from tasks.report.page import render
from tasks.report.story import Story
from tasks.report.telling import Telling
from tasks.storage import move, remove, write_bytes
from tasks.workspace import Workspace

__all__ = ["Reported", "Story", "render_again", "report"]
log = logging.getLogger("nightly")


class Reported(Receipt, frozen=True):
    """Where the page is, and the folder of Data Docs beside it where there is one; both relative to the workspace."""

    page: str
    data_docs: str | None


def report(night: Night, story: Story) -> Reported:
    """Write the night's page and what it is made of, keep the Data Docs of its validation beside it, and bring the index up to date.

    An index that cannot be written is a warning.
    """
    _keep_data_docs(night, story)
    account = account_of(night, story)
    write_account(night.workspace, account)
    telling = Telling(night.workspace, account, _data_docs(night.workspace, night.run_date))
    page = _write_page(telling)
    try:
        write_index(night.workspace, night.started_at + night.elapsed)
    except Exception as error:  # noqa: BLE001 - tonight's page is written, whatever lies in the way of the one over all nights
        log.warning("report: the page is written, but not reports/index.html: %s", error)
    log.info("report: %s", night.workspace.relative(page))
    kept = night.workspace.relative(page.parent / "data_docs") if telling.docs else None
    return Reported(files=night.hashed(page), page=night.workspace.relative(page), data_docs=kept)


def render_again(workspace: Workspace, run_date: date) -> Path:
    """Write the page of a night anew, as this version tells it, from what was kept beside it and the tables it published.

    Of a night that published nothing, what only its staged tables held is not told again. Raises UsageError where the date has no night
    or no account of it, StorageError where the account is damaged.
    """
    return _write_page(Telling(workspace, read_account(workspace, run_date), _data_docs(workspace, run_date)))


def _write_page(telling: Telling) -> Path:
    page = telling.workspace.report(telling.account.run_date) / "index.html"
    write_bytes(page, render(telling).encode(), without_lock=True)  # `nightly report` writes it too, also while a night is at work
    return page


def _keep_data_docs(night: Night, story: Story) -> None:
    """Move the Data Docs beside the page; those of an earlier attempt go where the page will tell of another one."""
    source, target = night.staging / "data_docs", night.workspace.report(night.run_date) / "data_docs"
    if source.is_dir():
        remove(target)
        move(source, target)
    elif story.validated is None:
        remove(target)


def _data_docs(workspace: Workspace, run_date: date) -> str | None:
    """Return how a page links to the Data Docs beside it, None where there are none."""
    folder = workspace.report(run_date)
    entries = sorted(folder.glob("data_docs/**/index.html"), key=lambda path: len(path.parts))
    return entries[0].relative_to(folder).as_posix() if entries else None
