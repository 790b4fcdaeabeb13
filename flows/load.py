"""Load: bring the tables of a published night into PostgreSQL, as `nightly load` and as what follows a night."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from flows.console import say
from flows.settings import Settings
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.load.postgres import Loaded


def load_tables(workspace: Workspace, settings: Settings, run_date: date | None = None) -> Loaded:
    """Load a published date, or what is served, into the database that the settings name.

    A night that was published while an earlier one was being loaded is loaded after it: the last load stays. Raises UsageError and
    StorageError; what was loaded before is then still what readers see.
    """
    from tasks.load.postgres import load
    from tasks.postgres import Address
    from tasks.served_night import served_night

    config = settings.load.postgres
    address = Address.told(config.uri_variable, os.environ.get(config.uri_variable))
    night, loaded = served_night(workspace, run_date), None
    while loaded is None or night.run_id != loaded.run_id:
        loaded = load(night, config, address)
        night = served_night(workspace, run_date)
    return loaded


def show_load(root: Path, run_date: date | None, settings: Settings, as_json: bool) -> int:
    """Load a night and print what the database holds now."""
    loaded = load_tables(Workspace(root.resolve()), settings, run_date)
    if as_json:
        say(json.dumps(asdict(loaded), sort_keys=True, default=str))
        return 0
    say(f"loaded · {loaded.run_date} · run {loaded.run_id} into schema {loaded.schema}")
    for name, rows in loaded.rows.items():
        say(f"  {name:<18}{rows:>12,} rows")
    return 0
