"""Claims about `tasks.inherited`: which nights judge the models that the night before published, and which learn everything anew."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.attempt import Options
from flows.nightly import run_night
from flows.settings import load_settings
from tasks.inherited import fingerprint
from tasks.workspace import Source, Workspace
from tests.models.test_holdout import table
from tests.oracles import Event

FIRST, SECOND, THIRD = (date(2026, 1, 11) + timedelta(days=number) for number in range(3))
N_USERS, N_ITEMS = 30, 24
SETTINGS = """
[train]
models = ["ease", "als", "transitions", "popularity"]
[train.als]
embedding_size = 4
[holdout]
min_users = 10
[score]
k = 5
[blend]
compare = []
resamples = 2
[gate]
min_overlap = 0.0
"""


def days(first: date, last: date) -> str:
    """Write what everybody likes from one day to another: a new item of their own half of the catalogue each day."""
    lines = ["user_id,item_id,occurred_at"]
    for ago in range((last - first).days + 1):
        day = first + timedelta(days=ago)
        for user in range(N_USERS):
            item = (user * 5 + day.toordinal() * 7) % (N_ITEMS // 2) + N_ITEMS // 2 * (user % 2)
            lines.append(f"{user},{item},{day}T12:00:{user:02}Z")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Publish a night of ten days, judged by the last one, once for all tests; nobody may change it."""
    workspace = Workspace(tmp_path_factory.mktemp("first") / "shop")
    workspace.create(SETTINGS)
    (workspace.inbox("interactions") / "before.csv").write_text(days(FIRST - timedelta(days=9), FIRST))
    ending = run_night(workspace.root, FIRST, load_settings(workspace.root), Options())
    assert ending.ending == "published", ending.reason
    return workspace


@pytest.fixture
def published(first_night: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Workspace:
    """Return a copy of the workspace after its first night, with the next day waiting."""
    caplog.set_level(logging.INFO)
    copy = Workspace(shutil.copytree(first_night.root, tmp_path / "copy"))
    (copy.inbox("interactions") / "second.csv").write_text(days(SECOND, SECOND))
    return copy


@pytest.fixture
def deliver(published: Workspace) -> Callable[[str, str, Source], None]:
    """Return a writer of inbox files: their name, their content and, unless they are interactions, their source."""

    def write(name: str, content: str, source: Source = "interactions") -> None:
        (published.inbox(source) / name).write_text(content)

    return write


def card(workspace: Workspace) -> dict[str, Any]:
    """Read what is known of the models that are served."""
    current = workspace.current()
    assert current is not None
    return json.loads((workspace.models / current["model_version"] / "card.json").read_text())


def test_what_learned_from_all_but_tonight_is_judged_on_tonight(published, run, deliver, caplog):
    """Where only a day came in, which is held out, models of the night before are judged; every night counts up from the cold one."""
    assert card(published)["warm_nights"] == 0
    assert run(published, SECOND).ending == "published"
    assert "train: ease, als, transitions as published for 2026-01-11" in caplog.text
    assert card(published)["warm_nights"] == 1
    deliver("third.csv", days(THIRD, THIRD))
    assert run(published, THIRD).ending == "published"
    assert card(published)["warm_nights"] == 2


def test_a_catalogue_that_grows_or_shrinks_in_front_changes_numbers_not_models(published, run, deliver, caplog):
    """New items and users before, between and behind those known move everybody's number; the models are still those of then."""
    deliver("items.csv", "item_id\n" + "\n".join(map(str, range(-2, N_ITEMS + 2))) + "\n", "items")
    deliver("users.csv", "user_id\n-5\n99\n", "users")
    assert run(published, SECOND).ending == "published"
    assert "as published for 2026-01-11" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda shop, _: (shop.root / "nightly.toml").write_text(SETTINGS.replace("embedding_size = 4", "embedding_size = 5")),
        lambda shop, _: (shop.root / "nightly.toml").write_text(SETTINGS.replace("[train]", "[train]\ncold_every = 1", 1)),
        lambda shop, _: shutil.rmtree(shop.models),
        lambda shop, _: next(shop.models.glob("*/als/items.npz")).write_bytes(b"flipped"),
    ],
    ids=["another setting", "a cold night is due", "models gone", "models damaged"],
)
def test_everything_is_learned_anew_where_the_models_would_not_be_the_same(published, run, deliver, caplog, change):
    """Neither events, settings nor bytes that differ are overlooked: then nothing is taken over."""
    change(published, deliver)
    assert run(published, SECOND).ending == "published"
    assert "as published" not in caplog.text
    assert card(published)["warm_nights"] == 0


def test_a_late_event_is_learned_on_top(published, run, deliver, caplog):
    """Models that can, go on from those of the night before; those in closed form are made anew."""
    deliver("late.csv", f"user_id,item_id,occurred_at\n1,3,{FIRST - timedelta(days=2)}T03:00:00Z\n")
    assert run(published, SECOND).ending == "published"
    assert "train: als go on from those published for 2026-01-11" in caplog.text
    assert card(published)["warm_nights"] == 1


def test_models_that_have_seen_what_is_held_out_are_never_judged(published, run, caplog):
    """Too few users on the new day: the day before, which the published models know, is held out too, and everything is learned anew."""
    waiting = published.inbox("interactions") / "second.csv"
    waiting.write_text("".join(waiting.read_text().splitlines(keepends=True)[:6]))
    assert run(published, SECOND).ending == "published"
    assert "as published" not in caplog.text
    assert "go on from" not in caplog.text
    assert card(published)["warm_nights"] == 0


def test_a_warm_night_made_again_is_the_same(published, run):
    """What a night started from is part of its identity: made again from the same, it gives the same models under the same id."""
    ending = run(published, SECOND)
    version = card(published)["model_version"]
    shutil.rmtree(published.tables / "recommendations" / f"run_date={SECOND}")
    again = run(published, SECOND, replace=True)
    assert (again.ending, again.run_id) == ("published", ending.run_id)
    assert card(published)["model_version"] == version


def known(rows: list[Event], spare: int = 0) -> SimpleNamespace:
    """Return what is known of events: as many users and items as have some, and `spare` ones with smaller ids."""
    moved = [replace(row, user=row.user + spare, item=row.item + spare) for row in rows]
    _, events = table(moved)
    ids = pa.chunked_array([pa.array(range(100 - spare, 200))])
    values = np.ones(len(events), np.float32)
    return SimpleNamespace(events=events, users={"user_id": ids}, items={"item_id": ids}, weight=values, value=values)


def test_the_fingerprint_tells_events_apart_and_nothing_else():
    """Users and items without events change nothing; another time, another item or one event less does."""
    base = [Event(user, item, 1000 * user + item, True) for user in range(3) for item in range(2)]

    def hashed(rows: list[Event], spare: int = 0) -> str:
        return fingerprint(known(rows, spare), np.ones(len(rows), np.bool_))

    assert hashed(base, spare=4) == hashed(base)
    others = (base[1:], [*base[1:], Event(0, 0, 7, True)], [*base[1:], Event(0, 5, 0, True)], [*base[1:], Event(0, 0, 0, False)])
    assert len({hashed(rows) for rows in (base, *others)}) == 5
