"""The command line: where it starts, and the verbs of those who look after nights.

Each verb reads its settings, runs something of flows/ and says how it ended. Only the standard library and cyclopts are imported up here:
`nightly --help` answers before a heavy library would have loaded.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import flows.cli_analysts  # the verbs that ask about published tables
import flows.cli_load  # the verb that loads published tables into a database
import flows.cli_nights  # the verbs that begin a workspace and run its nights
import flows.cli_plan  # the verbs that look before others leap
import flows.cli_prefect  # the verbs that set up Prefect
import flows.cli_report  # noqa: F401 - the verb that leads to the pages of nights
from flows.cli_app import BEGIN, LOOK, MEND, Flag, Json, Workspace, app, lay_out_help


def main() -> None:
    """Run the command line and exit with the ending's code."""
    from flows.console import guarded

    sys.exit(guarded(app.meta))


@app.command(group=LOOK)
def status(*, workspace: Workspace = Path(), json: Json = False) -> int:
    """Say what is served, how old it is and how the last nights ended.

    Missing nights are named too. Exits 7 when what is served is older than [keeping] allows, so that a monitor can call it.

    Examples:
        nightly status
        nightly status --workspace my-shop --json
    """
    from flows.clock import now
    from flows.status import show_status

    return show_status(workspace, now(), json)


@app.command(group=MEND)
def verify(*, workspace: Workspace = Path(), json: Json = False) -> int:
    """Hash every file that is served or needed, and name the damaged.

    Says of each damaged file what to type; exits 6 where there are any.

    Examples:
        nightly verify
        nightly verify --json
    """
    from flows.verify import verify as examine

    return examine(workspace, json)


@app.command(group=MEND)
def rollback(
    *, workspace: Workspace = Path(), to: Annotated[date, Parameter(help="The published date to serve again.")], json: Json = False
) -> int:
    """Serve an earlier published date again, until the next night.

    Its files are verified before anything is changed.

    Examples:
        nightly rollback --to 2026-01-05
    """
    from flows.clock import now
    from flows.rollback import roll_back

    return roll_back(workspace, to, now(), json)


@app.command(group=MEND)
def gc(
    *,
    workspace: Workspace = Path(),
    dry_run: Annotated[bool, Flag, Parameter(help="List what would go, and remove nothing.")] = False,
    orphans: Annotated[bool, Flag, Parameter(help="Remove also what nothing names, as `nightly doctor` lists it.")] = False,
    json: Json = False,
) -> int:
    """Remove old dates, models and leftovers, as [keeping] says.

    Never anything of raw/: from that, everything else can be made again.

    Examples:
        nightly gc --dry-run
        nightly gc
    """
    from flows.clock import now
    from flows.gc import collect

    return collect(workspace, now(), json, dry_run=dry_run, with_orphans=orphans)


@app.command(group=BEGIN)
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell you type into.")], *, json: Json = False) -> int:
    """Print what lets your shell complete verbs, flags and choices.

    Load it in the shell's start file, or write it to where the shell looks for completions; print it again after an upgrade.

    Examples:
        source <(nightly completion bash)
        nightly completion zsh > "${fpath[1]}/_nightly"
        nightly completion fish > ~/.config/fish/completions/nightly.fish
    """
    from json import dumps

    from flows.console import say

    script = app.generate_completion(shell=shell)
    say(dumps({"shell": shell, "script": script}) if json else script)
    return 0


lay_out_help()

if __name__ == "__main__":
    main()
