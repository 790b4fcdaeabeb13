"""`nightly query` as people meet it: a question in, a table, JSON or CSV out."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.query import show_query
from tasks.refusals import UsageError
from tasks.workspace import Workspace
from tests.small_tables import publish


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    """Return a workspace with two small nights."""
    return publish(workspace)


@pytest.fixture
def ask(small: Workspace, capsys: pytest.CaptureFixture[str]):
    """Return what asks and gives what is printed."""

    def run(statement: str | None, as_json: bool = False, as_csv: bool = False, most: int = 40) -> str:
        assert show_query(small.root, statement, [], as_json, as_csv, most) == 0
        return capsys.readouterr().out

    return run


def nightly(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", "query", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, input=given)


def test_an_answer_is_a_table_with_numbers_to_the_right(ask):
    assert ask("select user_id, change, rank from changes where user_id = 1 order by item_id").splitlines() == [
        "user_id  change   rank",
        "-------  -------  ----",
        "      1  moved       2",
        "      1  moved       1",
        "      1  left     null",
        "      1  entered     3",
        "4 rows",
    ]


def test_a_long_answer_says_that_there_is_more(ask):
    assert ask("from recommendations", most=2).splitlines()[-1] == "the first 2 rows; more with --rows, all with --csv or --json"
    assert ask("select rank from recommendations where user_id = 1 and rank = 1", most=1).splitlines()[-1] == "1 row"
    assert ask("from changes where user_id = 77").splitlines()[-1] == "0 rows"


def test_a_value_from_a_delivery_moves_no_cursor_and_breaks_no_line(ask):
    """The raw row of the small nights holds a line break; a long value is cut."""
    printed = ask("select raw_row, 'a' || chr(27) || '[2J' as escape, repeat('x', 99) as long from rejects")
    assert len(printed.splitlines()) == 4
    assert ",10,\\nvue" in printed
    assert "a\\x1b[2J" in printed
    assert "x" * 59 + "…" in printed


def test_letters_that_take_two_places_move_no_column(ask):
    printed = ask("select * from (values ('日本', 'x'), ('abcd', 'y')) as given(title, other)").splitlines()
    assert printed[2:4] == ["日本   x", "abcd   y"]


def test_without_a_question_the_tables_are_listed(ask):
    listed = ask(None)
    assert "recommendations_history" in listed
    assert "one row per user and rank" in listed
    (view,) = [view for view in json.loads(ask(None, as_json=True))["views"] if view["view"] == "recommendations_history"]
    assert view == {"view": "recommendations_history", "grain": "one row per user and rank, for each run_date", "rows": 15, "nights": 2}


def test_json_keeps_types_lists_and_nulls(ask):
    """Numbers stay numbers; what JSON cannot say is null or text."""
    told = json.loads(ask("select user_id, item_ids, variant from recommendations_wide where user_id = 1", as_json=True))
    assert told["columns"] == [
        {"name": "user_id", "type": "BIGINT"},
        {"name": "item_ids", "type": "BIGINT[]"},
        {"name": "variant", "type": "VARCHAR"},
    ]
    assert told["rows"] == [{"user_id": 1, "item_ids": [11, 10, 14], "variant": None}]
    odd = "'nan'::double as a, [1.5, 'inf'::double] as b, 2.5::decimal(9, 2) as c, date '2026-01-05' as d, {x: true} as e, interval 1 day f"
    assert json.loads(ask(f"select {odd}", as_json=True))["rows"] == [
        {"a": None, "b": [1.5, None], "c": 2.5, "d": "2026-01-05", "e": {"x": True}, "f": "1 day, 0:00:00"}
    ]


def test_csv_holds_every_row_exactly(ask):
    """Line breaks and quotes come back, null is empty, floats keep every digit."""
    printed = ask("select raw_row, 1 / 3.0::double as third, null as nothing, [1, 2] as list from rejects", as_csv=True, most=0)
    assert list(csv.reader(io.StringIO(printed))) == [["raw_row", "third", "nothing", "list"], [",10,\nvue", repr(1 / 3), "", "[1, 2]"]]
    assert len(ask("from recommendations", as_csv=True, most=1).splitlines()) == 10


def test_the_command_reads_an_argument_or_standard_input(small):
    """A statement may begin with a comment, as those of the cookbook do."""
    question = "-- How many?\nselect count(*) as n from items join recommendations using (item_id)"
    own = ("--with", f"items={small.root / 'catalogue.csv'}", "--csv")
    for asked in (nightly(question, "--workspace", small.root, *own), nightly("-", "--workspace", small.root, *own, given=question)):
        assert (asked.returncode, asked.stdout) == (0, "n\n9\n"), asked.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("select nope from runs",), 'Referenced column "nope" not found'), (("select 1", "--rows", "-1"), "Must be >= 0")],
)
def test_a_wrong_question_exits_2_and_says_why(arguments, told, small):
    done = nightly(*arguments, "--workspace", small.root)
    assert done.returncode == 2
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_be_told_is_refused(small):
    """JSON has one value a name; a file of one's own needs a name."""
    with pytest.raises(UsageError, match="columns with a name of their own"):
        show_query(small.root, "select 1 as a, 2 as a", [], as_json=True, as_csv=False, most=40)
    for given in ("items", "=items.csv", "items="):
        with pytest.raises(UsageError, match="NAME=FILE"):
            show_query(small.root, "select 1", [given], as_json=False, as_csv=False, most=40)


def test_a_folder_without_workspace_or_tables_says_what_to_do(workspace, tmp_path):
    nothing, nowhere = nightly("--workspace", workspace.root), nightly("--workspace", tmp_path)
    assert (nothing.returncode, "nothing is published yet" in nothing.stderr, "nightly run" in nothing.stderr) == (2, True, True)
    assert (nowhere.returncode, "nightly init" in nowhere.stderr) == (2, True)


def test_asking_leaves_no_file_behind(small, ask, tmp_path, monkeypatch):
    """Neither in the workspace nor where the command is typed."""
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    ask("select * from recommendations_history order by score")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_module_loads_no_engine_of_learning():
    code = "import flows.query, sys; print(*sys.modules)"
    root = Path(__file__).parents[2]
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert not {"tensorflow", "keras", "prefect", "great_expectations"} & set(listed.stdout.split())
