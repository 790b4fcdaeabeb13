"""Claims about `nightly plan VERB`: it tells what the verb then does, refuses what it refuses, and writes nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import attempt, clock
from flows.cli import app
from tasks.lock import locked
from tasks.refusals import NightError
from tasks.storage import file_hash
from tasks.workspace import Workspace
from tests.doctor.broken_workspaces import cut
from tests.faults import tiny_night
from tests.faults.noons import SERVED, TODAY, noon, publish_all
from tests.faults.tiny_night import day

Typed = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish four nights of the tiny world, each at noon of its own day; nobody may change them."""
    return publish_all(tmp_path_factory.mktemp("plan") / "shop")


@pytest.fixture
def shop(published_once: Path, tmp_path: Path) -> Workspace:
    """Return a copy of the four nights, with a fifth delivery in the inbox."""
    shutil.copytree(published_once, tmp_path / "shop")
    tiny_night.deliver(tmp_path / "shop", TODAY)
    return Workspace(tmp_path / "shop")


@pytest.fixture
def typed(shop: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Return what types a command on the shop at noon of the fifth day, with nights of the tiny world; its code and what it says."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("flows.nightly.night", tiny_night.tiny)
    monkeypatch.setattr("flows.plan.NIGHT", "tiny")
    for module in (clock, attempt):
        monkeypatch.setattr(module, "now", lambda: noon(TODAY))
    tiny_night.warm()

    def type_it(words: str) -> tuple[int, Any]:
        capsys.readouterr()
        line = [*words.split(), "--workspace", str(shop.root)]
        code = app(line, exit_on_error=False, print_error=False, result_action="return_value")
        said = capsys.readouterr().out
        return int(code or 0), json.loads(said) if "--json" in line else said

    return type_it


def everything(root: Path) -> dict[str, tuple[int, str]]:
    """Return all that a workspace consists of, with the times of files and folders."""
    found = {str(path): (path.lstat().st_mtime_ns, file_hash(path) if path.is_file() else "") for path in root.rglob("*")}
    return found | {".": (root.stat().st_mtime_ns, "")}


UNCHANGED = f"run --run-date {SERVED}"

VERBS = (
    "",
    "run",
    UNCHANGED,
    f"run --run-date {day(1)} --replace",
    "run --if-new",
    "refresh",
    "retrain",
    "republish {version} --run-date {today}",
    f"backfill --from {day(0)} --to {day(TODAY)}",
    f"rollback --to {day(1)}",
    "gc",
    "gc --orphans",
    "import movielens {films}",
)


@pytest.mark.parametrize("as_json", ["", "--json"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_plan_of_any_verb_writes_nothing_whoever_is_at_work(shop: Workspace, typed: Typed, films: Path, verb: str, as_json: str) -> None:
    """The workspace is the same to the byte and to the nanosecond, inside and at its top, also while a run holds the lock."""
    (shop.tables / "recommendations" / "copy.parquet").write_bytes(b"PAR1")
    if verb == UNCHANGED:
        shop.inbox("interactions").joinpath(f"{day(TODAY)}-0.csv").unlink()
    words = verb.format(version=shop.published()[-1]["model_version"], today=day(TODAY), films=films)
    with locked(shop, "a night", noon(TODAY)):
        before = everything(shop.root)
        _, said = typed(f"plan {words} {as_json}")
        assert everything(shop.root) == before
    assert "at work now: a night" in str(said) or "backfill" in verb


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Return a data set of two ratings, as MovieLens publishes them."""
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,4.0,964982703\n2,10,3.5,964982704\n")
    (tmp_path / "films" / "movies.csv").write_text("movieId,title,genres\n10,A Film (1995),Comedy|Drama\n")
    return tmp_path / "films"


def refusal(typed: Typed, words: str) -> tuple[str, str, str, int]:
    """Return how a command is refused."""
    with pytest.raises(NightError) as refused:
        typed(words)
    error = refused.value
    return error.where, error.expected, error.found, error.exit_code


def _damage_second(shop: Workspace) -> None:
    cut(shop.table("recommendations", day(1)))


def _damage_manifest(shop: Workspace) -> None:
    cut(shop.manifest_file(shop.published()[0]["run_id"]))


def _no_settings(shop: Workspace) -> None:
    shop.settings_file.write_text("[keeping]\ntables_days = 'some'\n")


@pytest.mark.parametrize(
    ("verb", "harm"),
    [
        (f"rollback --to {day(9)}", None),
        (f"rollback --to {day(1)}", _damage_second),
        ("gc", _damage_manifest),
        ("gc", _no_settings),
        ("run", _no_settings),
        (f"run --run-date {day(200)}", None),
        (f"run --run-date {day(3)}", lambda shop: tiny_night.deliver(shop.root, 2, variant=1)),
        (f"backfill --from {day(3)} --to {day(1)}", None),
        ("import movielens /nowhere", None),
    ],
)
def test_a_plan_refuses_in_the_words_of_the_verb(shop: Workspace, typed: Typed, verb: str, harm: Callable[[Workspace], Any] | None) -> None:
    if harm:
        harm(shop)
    assert refusal(typed, f"plan {verb}") == refusal(typed, verb)


def test_a_backfill_whose_dates_would_change_says_so_and_exits_as_the_verb(shop: Workspace, typed: Typed) -> None:
    tiny_night.deliver(shop.root, 2, variant=1)
    code, said = typed(f"plan backfill --from {day(1)} --to {day(TODAY)} --json")
    outcomes = {night["run_date"]: night["outcome"].split()[0] for night in said["nights"]}
    # What waits in the inbox counts for every date that it is older than, and none of those is to change.
    assert outcomes == {str(day(number)): "refused:" for number in (1, 2, 3)} | {str(day(TODAY)): "publishes"}
    assert code == typed(f"backfill --from {day(1)} --to {day(TODAY)}")[0] == 2


def test_a_set_of_models_that_is_gone_or_damaged_is_refused(shop: Workspace, typed: Typed) -> None:
    assert refusal(typed, "plan republish nothing")[0] == "models/nothing"
    version = shop.published()[0]["model_version"]
    (shop.models / version / "blend.json").write_text("{}")
    assert refusal(typed, f"plan republish {version}")[3] == 6


def test_what_a_rollback_is_said_to_replace_is_replaced(shop: Workspace, typed: Typed) -> None:
    _, planned = typed(f"plan rollback --to {day(1)} --json")
    before = everything(shop.latest)
    assert typed(f"rollback --to {day(1)} --json")[0] == 0
    changed = {
        Path(path).stem for path, state in everything(shop.latest).items() if path != "." and before.get(path, (0, ""))[1] != state[1]
    }
    (latest,) = [part for part in planned["replaces"] if part["path"] == "latest/"]
    assert set(latest["what"].split(", ")) == changed
    assert planned["outcome"].endswith(f"now: {SERVED}")
    again = typed(f"plan rollback --to {day(1)} --json")[1]
    assert [part["path"] for part in again["replaces"]] == ["current.json"], "latest/ is right already"


def test_what_a_collection_is_said_to_remove_is_removed_and_a_dry_run_says_the_same(shop: Workspace, typed: Typed) -> None:
    (shop.models / "0123456789abcdef").mkdir()
    _, planned = typed("plan gc --orphans --json")
    told = [(part["path"], part["bytes"]) for part in planned["deletes"]]
    _, dry = typed("gc --orphans --dry-run --json")
    _, done = typed("gc --orphans --json")
    assert told == [(each["what"], each["bytes"]) for each in dry["removed"]] == [(each["what"], each["bytes"]) for each in done["removed"]]
    assert [part["path"] for part in planned["writes"]] == [f".history/manifests/{path.name}" for path in shop.retired.iterdir()]


def test_what_a_night_is_said_to_touch_is_what_it_touches(shop: Workspace, typed: Typed) -> None:
    """Files that were there before and are not the same are told as replaced, new ones as written, those that went as deleted."""
    _, planned = typed("plan run --json")
    before = everything(shop.root)
    assert typed("run")[0] == 0
    after = everything(shop.root)

    def places(paths: set[str]) -> set[str]:
        found = {Path(path).relative_to(shop.root) for path in paths if path != "." and Path(path).suffix and "/.staging" not in path}
        return {place.parts[0] for place in found if place.parts[0] not in (".latest.json", ".lock")}

    told = {kind: {part["path"].split("/")[0] for part in planned[kind]} for kind in ("writes", "replaces", "deletes")}
    same = {path for path in before.keys() & after.keys() if before[path][1] == after[path][1]}
    assert places(set(after.keys() - before.keys())) <= told["writes"]
    assert places(set(before.keys() & after.keys()) - same) <= told["replaces"] | told["writes"]
    assert places(set(before.keys() - after.keys())) == told["deletes"] == {"inbox"}
    assert planned["outcome"].startswith(f"publishes {day(TODAY)}")


def test_a_date_that_is_published_from_the_same_inputs_would_end_unchanged(shop: Workspace, typed: Typed) -> None:
    (shop.inbox("interactions") / f"{day(TODAY)}-0.csv").unlink()
    _, planned = typed(f"plan run --run-date {SERVED} --json")
    assert (planned["outcome"].startswith("ends `unchanged`"), planned["seconds"], planned["steps"]) == (True, 0.0, [])
    assert json.loads(json.dumps(typed(f"run --run-date {SERVED} --json")[1]))["ending"] == "unchanged"
    assert typed("plan run --if-new --json")[1]["outcome"] == "ends `skipped`: nothing new was delivered"


def test_what_an_import_is_said_to_write_is_written(shop: Workspace, typed: Typed, films: Path) -> None:
    _, planned = typed(f"plan import movielens {films} --json")
    before = {path for path in shop.root.rglob("*.parquet") if "inbox" in path.parts}
    assert typed(f"import movielens {films}")[0] == 0
    written = {shop.relative(path) for path in shop.root.rglob("*.parquet") if "inbox" in path.parts and path not in before}
    assert {part["path"] for part in planned["writes"]} == written
    again = typed(f"plan import movielens {films} --json")[1]
    assert {part["path"] for part in again["replaces"]} == written | {"nightly.toml"}


def test_a_plan_begins_with_its_verb_and_ends_with_how_to_do_it(shop: Workspace, typed: Typed) -> None:
    _, said = typed(f"plan rollback --to {day(1)}")
    lines = said.splitlines()
    assert (lines[0], lines[-1]) == ("plan of rollback", f"to do it: nightly rollback --workspace {shop.root} --to {day(1)}")
    assert "nothing was written" in lines[-2]


@pytest.mark.fault("B14")
@pytest.mark.parametrize("verb", ["plan", "doctor"])
def test_a_hostile_name_in_the_inbox_moves_no_cursor_and_makes_no_line(typed: Typed, shop: Workspace, verb: str) -> None:
    """What a producer calls a file is shown, and is neither a command to the terminal nor a line that looks like ours."""
    file = shop.inbox("interactions") / "a\x1b[2J\n  1. rm it all \u202egnp.csv"
    file.write_text("user_id,item_id\n1,2\n")
    os.utime(file, (0, 0))
    _, said = typed(verb)
    assert "a\\x1b[2J\\n  1. rm it all \\u202egnp.csv" in said
    assert said.replace("\n", "").isprintable()
