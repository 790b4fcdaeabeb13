"""The command line itself, and what several of its verbs take; nothing heavy is imported here."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

app = App(
    name="nightly",
    help="Turn a shop's interactions into verified top-K recommendation tables, night after night.",
    help_format="plaintext",  # Markdown would take longer to load than the rest of the command line
)
RUNNING = Group("This run")

Workspace = Annotated[Path, Parameter(name=["--workspace", "-w"], help="The workspace folder.")]
RunDate = Annotated[date | None, Parameter(help="The night's date, YYYY-MM-DD; default: today, UTC.", group=RUNNING)]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the result as one JSON object.")]
