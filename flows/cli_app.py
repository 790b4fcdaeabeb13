"""The command line itself, and what several of its verbs take; nothing heavy is imported here.

A verb is a function under `@app.command(group=...)`, in a module that `flows.cli` imports. Its docstring is its help: one line that stands
in the list of verbs, more where there is more to say, and `Examples:`. It takes `Json`, and need not know of `--quiet` and `--verbose`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from flows.help_pages import HelpPages, examples_of, paragraphs_of
from tasks.refusals import UsageError

if TYPE_CHECKING:
    from flows.settings import Settings

BEGIN = Group("To begin", sort_key=1)
EVERY_NIGHT = Group("Every night", sort_key=2)
LOOK = Group("Look", sort_key=3)
MEND = Group("Mend", sort_key=4)
ASK = Group("Ask", sort_key=5)
PREFECT = Group("Prefect", sort_key=6)
EVERYWHERE = Group("Everywhere", sort_key=100)
RUNNING = Group("This run", sort_key=50)
"""Headings of the help, of verbs and of their parameters."""

WHERE_TO_BEGIN = "Begin with: nightly demo; with your own data: nightly init FOLDER"

app = App(
    name="nightly",
    help="Turn a shop's interactions into verified top-K recommendation tables.",
    help_format="plaintext",  # Markdown would take longer to load than the rest of the command line
    help_formatter=HelpPages(),
    help_epilogue=WHERE_TO_BEGIN,
    version=lambda: versions(),
    suppress_keyboard_interrupt=False,  # what a signal means is said by `flows.console.guarded`
)
app.meta.suppress_keyboard_interrupt = False
app["--help"].group = app["--version"].group = EVERYWHERE
app["--help"].help, app["--version"].help = "Say what a verb does, with examples.", "Say which versions are installed."

Workspace = Annotated[
    Path, Parameter(name=["--workspace", "-w"], env_var="NIGHTLY_WORKSPACE", help="The workspace folder; default: the one you are in.")
]
RunDate = Annotated[date | None, Parameter(help="The night's date, YYYY-MM-DD; default: today, UTC.", group=RUNNING)]
Flag = Parameter(negative="", show_default=False)
"""What is not so unless it is asked for."""

Json = Annotated[bool, Flag, Parameter(name="--json", help="Print the result as one JSON object.")]

_Quiet = Annotated[bool, Flag, Parameter(name=["--quiet", "-q"], group=EVERYWHERE, help="Only the result, warnings and errors.")]
_Verbose = Annotated[bool, Flag, Parameter(name=["--verbose", "-v"], group=EVERYWHERE, help="More lines, and tracebacks.")]


@app.meta.default
def command_line(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    quiet: _Quiet = False,
    verbose: _Verbose = False,
    json: Annotated[bool, Flag, Parameter(name="--json", show=False)] = False,
) -> int:
    """Take what holds for every verb from before or behind it, and carry the verb out; returns its exit code."""
    from flows.console import speak

    if quiet and verbose:
        raise UsageError("--quiet and --verbose", "one of them", "both", "leave one out")
    chain, _, rest = app.parse_commands(words)
    speak(quiet=quiet, verbose=verbose, as_json=json or "--json" in rest)
    told = [*chain, "--json", *rest] if json and chain else [*words]
    return int(app(told, exit_on_error=False, print_error=False, result_action="return_value") or 0)


def settings_of(workspace: Path, on_bad_file: str | None = None) -> Settings:
    """Read the settings of a folder that must be a workspace; what is given goes before the environment and nightly.toml."""
    from flows.settings import load_settings
    from tasks.workspace import Workspace as Layout

    Layout(workspace.resolve()).require()
    return load_settings(workspace.resolve(), **({"source": {"on_bad_file": on_bad_file}} if on_bad_file else {}))


def lay_out_help(verbs: App = app) -> None:
    """Let the help of every verb be its docstring, or the sentence it was given, with the docstring's examples at the end."""
    for _, verb in each_verb(verbs):
        said = cleandoc(getattr(verb.default_command, "__doc__", None) or "")
        if cleandoc(verb.help) == said:
            verb.help = paragraphs_of(said)
        verb.help_epilogue = examples_of(said)


def each_verb(verbs: App = app, *above: str) -> Iterator[tuple[str, App]]:
    """Yield every verb that can be carried out by its whole name, those within others too, such as `import movielens`."""
    for name in verbs:
        if not name.startswith("-"):
            verb = verbs[name]
            if verb.default_command:
                yield " ".join((*above, name)), verb
            yield from each_verb(verb, *above, name)


def versions() -> str:
    """Return one line a library that decides a night's bytes, this program first."""
    import platform
    from importlib import metadata

    names = ("duckdb", "pyarrow", "numpy", "scipy", "tensorflow", "prefect")
    lines = [f"nightly-recs {metadata.version('nightly-recs')}", f"Python {platform.python_version()}"]
    return "\n".join([*lines, *(f"{name} {metadata.version(name)}" for name in names)])
