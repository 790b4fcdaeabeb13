"""What the documentation says is so: its queries run, its commands parse, its links lead somewhere, and nothing goes unsaid."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import duckdb
import pytest
import yaml
from cyclopts import App, CycloptsError
from pydantic import BaseModel

from flows.cli import app
from flows.settings import Settings, default_file, load_settings
from models.policies.limits import Cause
from tasks.experiment import ExperimentConfig
from tasks.policies.config import PoliciesConfig
from tasks.query import asked
from tasks.refusals import NightError
from tasks.tables import TABLES
from tasks.tables_page import SQL_TYPES, tables_page
from tasks.validate.deliveries import HINTS
from tasks.workspace import Workspace
from tests.small_tables import publish

ROOT = Path(__file__).parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()


class Example(NamedTuple):
    """One fenced block, or one line of it."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fenced(language: str) -> list[Example]:
    """Return every fenced block of a language, from all pages."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            found.append(Example(page, text.count("\n", 0, block.start()) + 2, block[1]))
    return found


def typed() -> list[Example]:
    """Return every line that a reader would type into a shell."""
    return [
        Example(block.page, block.line + place, line)
        for block in fenced("sh")
        for place, line in enumerate(block.text.splitlines())
        if line.strip()
    ]


def words(line: str) -> list[str]:
    """Cut a typed line into words, without the variables set before it."""
    parts = shlex.split(line)
    while parts and re.fullmatch(r"[A-Z_]+=.*", parts[0]):
        parts.pop(0)
    return parts


TYPED = typed()
NIGHTLY = [line for line in TYPED if words(line.text)[0] in ("nightly", ".venv/bin/nightly")]
PREFECT_RUNS = [line for line in TYPED if words(line.text)[1:3] == ["deployment", "run"]]
MAKE = [line for line in TYPED if words(line.text)[0] == "make"]


# --- the tables -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny workspace with two published dates."""
    return publish(Workspace(tmp_path_factory.mktemp("published"))).root


@pytest.mark.parametrize("query", fenced("sql"), ids=str)
def test_every_query_finds_rows_in_a_published_workspace(query: Example, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pasted into DuckDB inside a workspace, a query of the documentation runs and has something to show."""
    monkeypatch.chdir(published)
    with duckdb.connect() as connection:
        assert connection.sql(query.text).fetchall()


@pytest.mark.parametrize("line", [line for line in NIGHTLY if words(line.text)[1:2] == ["query"]], ids=str)
def test_every_question_finds_rows_in_a_published_workspace(line: Example, published: Path, tmp_path: Path) -> None:
    """What is typed behind `nightly query` is answered."""
    with asked(Workspace(published), words(line.text)[2], {}, tmp_path) as answer:
        assert list(answer.rows)


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


def verbs(commands: App, *before: str) -> Iterator[str]:
    """Yield every command in full, such as `import movielens`."""
    for name in commands:
        if not name.startswith("-"):
            inner = list(verbs(commands[name], *before, name))
            yield from inner or [" ".join((*before, name))]


@pytest.mark.parametrize("verb", list(verbs(app)))
def test_every_verb_is_shown(verb: str) -> None:
    """The README or the runbooks have an example of every command; the demo is started by make."""
    shown = README + OPERATIONS
    assert f"nightly {verb} " in shown or (verb == "demo" and "make demo" in shown)


@pytest.mark.parametrize("line", NIGHTLY, ids=str)
def test_every_command_parses(line: Example) -> None:
    """No example names a command or flag that does not exist."""
    app.parse_args(words(line.text)[1:], exit_on_error=False, print_error=False)


def test_a_command_with_an_unknown_flag_does_not_parse() -> None:
    """The test above can fail."""
    with pytest.raises(CycloptsError):
        app.parse_args(["run", "--no-such-flag"], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("line", MAKE, ids=str)
def test_every_make_target_exists(line: Example) -> None:
    """`make X` in the documentation is a target of the Makefile."""
    assert re.search(rf"^{words(line.text)[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", PREFECT_RUNS, ids=str)
def test_every_deployment_takes_its_parameters(line: Example) -> None:
    """`prefect deployment run` in the documentation names a deployment of prefect.yaml and parameters of its flow."""
    name, *rest = words(line.text)[3:]
    flow, _, deployment = name.partition("/")
    deployed = {entry["name"]: entry["entrypoint"] for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert deployed[deployment] == f"flows.deployments.{flow}"
    (function,) = [
        node
        for node in ast.parse((ROOT / "flows" / "deployments.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == flow
    ]
    given = {part.partition("=")[0] for part in rest if part != "--param"}
    assert given <= {argument.arg for argument in function.args.args}


@pytest.mark.parametrize("block", fenced("python"), ids=str)
def test_every_import_of_an_example_in_python_exists(block: Example) -> None:
    """Examples in Python are whole programs: they compile, and what they import is there."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, name.name) for name in node.names)


# --- the settings -----------------------------------------------------------------------------------------------------


def settings(config: type[BaseModel], *before: str) -> Iterator[tuple[str, str | None]]:
    """Yield every setting in full with its meaning; a section's is the docstring of its class."""
    for name, field in config.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield ".".join((*before, name)), type(default).__doc__
            yield from settings(type(default), *before, name)
        else:
            yield ".".join((*before, name)), field.description


@pytest.mark.parametrize(("name", "meaning"), list(settings(Settings)))
def test_every_setting_has_a_meaning_in_the_default_file(name: str, meaning: str | None) -> None:
    """nightly.toml says of each setting and section what it does."""
    assert meaning
    assert f"# {meaning.splitlines()[0]}" in default_file(threads=2), name


@pytest.mark.parametrize("block", fenced("toml"), ids=str)
def test_every_example_of_settings_is_valid(block: Example, tmp_path: Path) -> None:
    """An example of nightly.toml loads."""
    (tmp_path / "nightly.toml").write_text(block.text)
    load_settings(tmp_path)


@pytest.mark.parametrize("line", [line for line in TYPED if "NIGHTLY__" in line.text], ids=str)
def test_every_setting_by_environment_is_valid(line: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting given before a command loads."""
    for name, value in re.findall(r"(NIGHTLY__\w+)=(\S+)", line.text):
        monkeypatch.setenv(name, value)
    load_settings(tmp_path)


def named(config: type[BaseModel]) -> Iterator[str]:
    """Yield the names of all settings below a section, those of its rules too."""
    for name, field in config.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from named(part)


def shown(value: Any) -> Iterator[str]:
    """Yield the names of all that is set in an example."""
    for name, part in value.items() if isinstance(value, dict) else ((None, part) for part in value) if isinstance(value, list) else ():
        yield from [name] if name else []
        yield from shown(part)


@pytest.mark.parametrize(("page", "section"), [("policies", PoliciesConfig), ("experiments", ExperimentConfig)])
def test_examples_or_sentences_show_every_setting_of_policies_and_experiments(page: str, section: type[BaseModel]) -> None:
    """No rule can be set that its page does not name."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    in_examples = {name for block in fenced("toml") if block.page.stem == page for name in shown(tomllib.loads(block.text))}
    in_sentences = set(re.findall(r"`(\w+)`", text))
    of_policies = set(named(PoliciesConfig)) if section is ExperimentConfig else set()
    assert set(named(section)) - of_policies - in_examples - in_sentences == set()


@pytest.mark.parametrize("cause", [cause for cause in get_args(Cause) if cause != "rank"])
def test_the_page_of_policies_knows_every_cause(cause: str) -> None:
    """Whatever keeps a candidate from a list, docs/policies.md names it."""
    assert f"`{cause}`" in (ROOT / "docs" / "policies.md").read_text()


# --- nothing unsaid ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", HINTS)
def test_the_runbooks_know_every_rule(rule: str) -> None:
    """Whatever rule refuses a row, docs/operations.md says what to do about it."""
    assert f"`{rule}`" in OPERATIONS


@pytest.mark.parametrize("refusal", NightError.__subclasses__(), ids=lambda refusal: refusal.__name__)
def test_the_runbooks_know_every_exit_code(refusal: type[NightError]) -> None:
    """Each way to end without publishing has a runbook."""
    assert re.search(rf"^## .*\(exit {refusal.exit_code}\)$", OPERATIONS, re.MULTILINE)


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
