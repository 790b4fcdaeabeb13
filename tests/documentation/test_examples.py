"""What the documentation shows is carried out: commands in the order of their page, queries, programs and samples, in a published shop."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from flows.attempt import Options
from flows.refresh import run_refresh
from flows.settings import load_settings
from tasks.workspace import Workspace
from tests.documentation.exceptions import FOLLOWED_ELSEWHERE
from tests.documentation.pages import BLOCKS, COMMANDS, LANGUAGES, PAGES, ROOT, Block, blocks, commands, of_language
from tests.documentation.reader import PLACEHOLDER, QUICK, Reader, hurried, publish_my_shop, run_the_demo
from tests.small_tables import publish

EXECUTED = [command for command in COMMANDS if not command.reason_not_to]
pytestmark = pytest.mark.timeout(900)  # the first test waits for a dozen nights
HERE = dict.fromkeys(command.page for command in EXECUTED if str(command.page.relative_to(ROOT)) not in FOLLOWED_ELSEWHERE)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder in which `my-shop` has published eight nights and the demo has run, all with what makes nights quick."""
    folder = tmp_path_factory.mktemp("documentation")
    with hurried(), pytest.MonkeyPatch.context() as environment:
        for name, value in QUICK.items():
            environment.setenv(name, value)
        publish_my_shop(folder)
        run_the_demo(folder)
        yield folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny workspace with two published dates and every kind of row."""
    return publish(Workspace(tmp_path_factory.mktemp("small"))).root


@pytest.fixture
def reader(tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Return somebody who types commands in a new folder."""
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    return Reader(tmp_path, published, monkeypatch)


@pytest.mark.parametrize("page", HERE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_do_what_they_should(page: Path, reader: Reader) -> None:
    """Typed in order in a published shop, or in the folder that the page itself begins, every command ends well."""
    for command in EXECUTED:
        if command.page == page:
            reader.types(command)


@pytest.mark.parametrize("query", of_language("sql"), ids=str)
def test_every_query_finds_rows_in_a_published_workspace(
    query: Block, small: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted into DuckDB inside a workspace, a query runs and has something to show."""
    found = []
    for workspace in (small, published / "my-shop"):
        monkeypatch.chdir(workspace)
        with duckdb.connect() as connection:
            found += [] if found else _rows(connection, query.text)
    assert found


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    for statement in duckdb.extract_statements(query):
        connection.execute(statement)
    return connection.fetchall()


@pytest.mark.parametrize("program", of_language("python"), ids=str)
def test_every_program_runs(program: Block, small: Path, reader: Reader, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are whole: those that speak of my-shop run beside it, the others inside a workspace."""
    if '"my-shop"' in program.text:
        shutil.copytree(published / "my-shop", reader.folder / "my-shop")
    else:
        monkeypatch.chdir(small)
    exec(compile(program.text.replace(PLACEHOLDER, reader.model_version), str(program), "exec"), {"__name__": "__main__"})  # noqa: S102 - our own page


@pytest.mark.parametrize("sample", [*of_language("csv"), *of_language("jsonl")], ids=str)
def test_every_sample_of_a_delivery_is_accepted(sample: Block, reader: Reader, published: Path) -> None:
    """Put into the inbox, what a page shows as a delivery is taken in whole."""
    shop = Workspace(reader.folder / "my-shop")
    shutil.copytree(published / "my-shop", shop.root)
    source = "interactions" if {"user_id", "item_id"} <= _columns(sample) else "items" if "item_id" in _columns(sample) else "users"
    (shop.inbox(source) / f"sample.{sample.language}").write_text(sample.text)
    ending = run_refresh(shop.root, None, load_settings(shop.root), Options(allow_volume=True))
    assert ending.exit_code == 0, ending.reason
    assert not [*shop.inbox(source).iterdir()]


def _columns(sample: Block) -> set[str]:
    first = sample.text.partition("\n")[0]
    return set(json.loads(first)) if sample.language == "jsonl" else set(first.split(","))


@pytest.mark.parametrize("sample", [*of_language("json"), *of_language("yaml")], ids=str)
def test_every_sample_can_be_read(sample: Block) -> None:
    """JSON is JSON, and YAML is YAML."""
    (json.loads if sample.language == "json" else yaml.safe_load)(sample.text)


# --- nothing escapes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_what_it_is(block: Block) -> None:
    """A block in an unknown language would be read by no test; nor are commands hidden in one that shows plain text."""
    assert block.language in LANGUAGES
    begins = ("nightly ", ".venv/", "$ ", "make ", "git ", "curl ", "docker ", "prefect ", "pip ", "python ", "cp ", "export ", "select ")
    if block.language in ("", "text"):
        assert [line for line in block.text.splitlines() if line.startswith(begins)] == []


def test_commands_are_told_apart(tmp_path: Path) -> None:
    """Blocks in lists count, lines that belong together are one, comments are none, and a block without an end is noticed."""
    page = tmp_path / "page.md"
    page.write_text(
        "## Part\n\n1. Type\n\n    ```sh\n    # why\n    a \\\n      b\n    cat > x <<END\n    c\n    END\n    d  # that\n    ```\n"
    )
    (block,) = blocks(page)
    assert [command.text for command in commands(block)] == ["a \\\n  b", "cat > x <<END\nc\nEND", "d  # that"]
    assert block.part == "Part"
    page.write_text("```sh\nnightly status\n")
    with pytest.raises(ValueError, match="no end"):
        [*blocks(page)]


def test_a_command_that_fails_is_noticed(reader: Reader) -> None:
    """The first test of this file can fail."""
    (block,) = [Block(PAGES[0], 1, "", "sh", "nightly explain nobody --workspace my-shop")]
    with pytest.raises(AssertionError, match="exit 2"):
        [reader.types(command) for command in commands(block)]


def test_most_commands_are_executed() -> None:
    """What is not executed has a reason, every reason is used, and they are the smaller part by far."""
    assert all(command.reason_not_to or command in EXECUTED for command in COMMANDS)
    assert len(EXECUTED) >= len(COMMANDS) * 0.6
    for page, test in FOLLOWED_ELSEWHERE.items():
        assert not (ROOT / page).exists() or Path(page).name in (ROOT / test).read_text()
