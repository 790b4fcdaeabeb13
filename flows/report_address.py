"""Where a night's report is found by somebody who reads about it elsewhere, say in Prefect."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class ReportConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How reports are found. Nothing here changes a published byte."""

    url: str | None = Field(None, pattern="^https?://")
    """Where the workspace's folder reports/ is served, if it is, such as http://reports.example/my-shop: Prefect then links to it.
    Unset, Prefect links to the file, which opens on the machine that has it."""


def report_address(report: Path, config: ReportConfig) -> str:
    """Return the address of a report's page, which lies in its night's folder under reports/."""
    if config.url is None:
        return report.resolve().as_uri()
    return f"{config.url.rstrip('/')}/{report.parent.name}/{report.name}"
