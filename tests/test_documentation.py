"""What the documentation says is so: its queries run, its commands parse, its links lead somewhere, and nothing goes unsaid."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from cyclopts import CycloptsError

import flows.cli  # noqa: F401 - it and what it imports have the commands
from flows.cli_app import app
from flows.command_line_page import ALSO, EXITS, command_line_page, flags, told
from flows.command_line_page import commands as verbs
from tasks.refusals import NightError
from tasks.tables import TABLES
from tasks.tables_page import SQL_TYPES, tables_page
from tasks.validate.deliveries import HINTS
from tasks.workspace import Workspace
from tests.documentation.exceptions import NOT_EXECUTED
from tests.documentation.pages import BLOCKS, COMMANDS, PAGES, ROOT, Block, Command, of_program
from tests.small_tables import publish

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
VERBS = dict(verbs(app))
PREFECT = of_program("prefect")
EVERYWHERE = {"--help", "--version", "--quiet", "-q", "--verbose", "-v"}
"""What every command takes."""

PREFECT_RUNS = [command for command in PREFECT if command.words[1:3] == ["deployment", "run"]]


# --- the tables -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny workspace with two published dates."""
    return publish(Workspace(tmp_path_factory.mktemp("published"))).root


def test_the_page_of_the_tables_is_up_to_date() -> None:
    """docs/tables.md is what the schema in code says; else: .venv/bin/python -m tasks.tables_page > docs/tables.md."""
    assert (ROOT / "docs" / "tables.md").read_text() == tables_page()


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_documented_with_its_type_and_meaning(table: Any, published: Path) -> None:
    """Each published column has a row with the type that DuckDB gives it and a whole sentence."""
    section = tables_page().split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    with duckdb.connect() as connection:
        described = connection.sql(f"describe from '{published}/latest/{table.name}.parquet'").fetchall()
    assert list(rows) == [name for name, *_ in described]
    for column, (_, kind, *_) in zip(table.columns, described, strict=True):
        assert kind in SQL_TYPES[column.kind].split(" or ")
        assert column.meaning.endswith(".")
        assert column.meaning in section


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    """Else: .venv/bin/python -m flows.command_line_page > docs/reference/command-line.md."""
    assert (ROOT / "docs" / "reference" / "command-line.md").read_text() == command_line_page()


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_and_flag_has_a_meaning(verb: str) -> None:
    """Nothing that can be typed is without a sentence, and every command says which exit codes it has beside the usual ones."""
    meaning, _ = told(VERBS[verb])
    assert meaning.endswith(".")
    for flag in flags(VERBS[verb]):
        assert (flag.parameter.help or "").rstrip().endswith((".", ";")), flag.name
    assert {verb, verb.partition(" ")[0]} & ALSO.keys(), "flows/command_line_page.py says which exit codes a command has"


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_shown_in_a_page(verb: str) -> None:
    """Some page has an example of every command; the demo is started by make."""
    shown = [" ".join(command.words[1:]) for command in of_program("nightly")]
    assert any(f"{line} ".startswith(f"{verb} ") for line in shown) or (verb == "demo" and of_program("make"))


@pytest.mark.parametrize("command", of_program("nightly"), ids=str)
def test_every_command_parses(command: Command) -> None:
    """No example names a command or flag that does not exist, whether it is executed or not."""
    words = [word for word in command.words[1:] if word not in EVERYWHERE]
    ends = next((place for place, word in enumerate(words) if word in ("|", ">", ">>", "2>", "2>&1", "&&", ";")), len(words))
    app.parse_args(words[:ends], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language != "sh" and ".venv/bin/nightly " in block.text], ids=str)
def test_commands_for_cron_and_services_parse(block: Block) -> None:
    """What another program shall type, by a crontab or a unit of systemd, is understood too."""
    for line in re.findall(r"\.venv/bin/nightly ([^\n>&|]*)", block.text):
        app.parse_args([word for word in line.split() if word not in EVERYWHERE], exit_on_error=False, print_error=False)


def test_a_command_with_an_unknown_flag_does_not_parse() -> None:
    """The test above can fail."""
    with pytest.raises(CycloptsError):
        app.parse_args(["run", "--no-such-flag"], exit_on_error=False, print_error=False)


def spans() -> list[tuple[str, str]]:
    """Return what the pages call `nightly ...` in the middle of a sentence, each with its page."""
    found = {page: set(re.findall(r"`(?:\.venv/bin/)?nightly ([a-z][^`\n]*)`", page.read_text())) for page in PAGES}
    return [(str(page.relative_to(ROOT)), span) for page, inside in found.items() for span in sorted(inside)]


@pytest.mark.parametrize(("page", "span"), spans())
def test_commands_in_sentences_exist(page: str, span: str) -> None:
    """`nightly gc --orphans` in a sentence names a command, and flags that it takes."""
    verb = next((verb for verb in sorted(VERBS, key=len, reverse=True) if f"{span} ".startswith(f"{verb} ")), None)
    assert verb, f"{page}: nightly {span}"
    known = {name for flag in flags(VERBS[verb]) for name in flag.names}
    assert set(re.findall(r"(?<=\s)--[a-z-]+", span)) <= known | EVERYWHERE, f"{page}: nightly {span}"


@pytest.mark.parametrize("refusal", NightError.__subclasses__(), ids=lambda refusal: refusal.__name__)
def test_the_runbooks_and_the_reference_know_every_exit_code(refusal: type[NightError]) -> None:
    """Each way to end without publishing has a runbook."""
    assert re.search(rf"^## .*\(exit {refusal.exit_code}\)$", OPERATIONS, re.MULTILINE)
    assert refusal.exit_code in EXITS


@pytest.mark.parametrize("command", of_program("make"), ids=str)
def test_every_make_target_exists(command: Command) -> None:
    """`make X` in the documentation is a target of the Makefile."""
    assert re.search(rf"^{command.words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in of_program("python") if command.words[1:3] == ["-m", "pytest"]], ids=str)
def test_every_test_that_a_page_has_people_run_exists(command: Command) -> None:
    """`python -m pytest tests/...` in the documentation names files and folders that are there."""
    named = [word for word in command.words[3:] if word.startswith("tests/")]
    assert named
    assert [word for word in named if not (ROOT / word).exists()] == []


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_help_knows_every_target_of_the_pages() -> None:
    """Whatever a page tells people to make, `make help` explains."""
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {command.words[1] for command in of_program("make")} <= set(re.findall(r"^ +([a-z-]+)", listed, re.MULTILINE)) | {"help"}


@pytest.mark.parametrize("command", PREFECT, ids=str)
def test_every_command_for_prefect_parses(command: Command) -> None:
    """What nobody executes here without a server is at least understood by Prefect's own command line."""
    from prefect.cli import app as _  # noqa: F401 - it registers the commands
    from prefect.cli._app import _app as prefect

    words = [word for word in command.words[1:] if word not in ("--no-prompt", "--prompt")]
    prefect.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("command", PREFECT_RUNS, ids=str)
def test_every_deployment_takes_its_parameters(command: Command) -> None:
    """`prefect deployment run` in the documentation names a deployment of prefect.yaml and parameters of its flow."""
    name, *rest = command.words[3:]
    flow, _, deployment = name.partition("/")
    deployed = {entry["name"]: entry["entrypoint"] for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert deployed[deployment] == f"flows.deployments.{flow}"
    (function,) = [
        node
        for node in ast.parse((ROOT / "flows" / "deployments.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == flow
    ]
    given = {part.partition("=")[0] for part in rest if not part.startswith("--")}
    assert given <= {argument.arg for argument in function.args.args}


@pytest.mark.parametrize("pattern", NOT_EXECUTED)
def test_every_reason_not_to_execute_is_used(pattern: str) -> None:
    """An exception that no page needs any more goes."""
    typed = [command.text.replace(".venv/bin/", "") for command in COMMANDS]
    assert any(re.match(pattern, text) for text in typed)


# --- nothing unsaid ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", HINTS)
def test_the_runbooks_know_every_rule(rule: str) -> None:
    """Whatever rule refuses a row, docs/operations.md says what to do about it."""
    assert f"`{rule}`" in OPERATIONS


# --- the pages --------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Return what headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file or heading of this project resolves."""
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_no_machine(page: Path) -> None:
    """Nothing in the documentation holds only on the machine it was written on."""
    found = re.findall(r"(?<![\w.*])/(?:work|home|root|tmp|Users|mnt|opt)\b\S*|\.\./shared\S*|\S*index-url\S*", page.read_text())
    assert found == []
