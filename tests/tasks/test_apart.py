"""Claims about `tasks.apart`: what is laid out, and that nothing done there reaches the workspace."""

from __future__ import annotations

import os
import shutil
from datetime import date

import pytest

from tasks.apart import set_apart
from tasks.deliveries import accepted
from tasks.pointer import pointer_moves
from tasks.storage import append_line, file_hash, remove, write_bytes
from tasks.workspace import Workspace
from tests.published_nights import accept

MONDAY = date(2026, 1, 5)


@pytest.fixture
def known(workspace: Workspace) -> list[str]:
    """Accept three deliveries and keep a set of models and a move of the pointer; returns the hashes of the deliveries."""
    deliveries = accept(workspace, "interactions", "one", MONDAY, [{"user_id": "1", "item_id": "1"}])
    deliveries |= accept(workspace, "interactions", "two", MONDAY, []) | accept(workspace, "items", "all", MONDAY, [])
    write_bytes(workspace.models / "v1" / "als" / "weights.npz", b"weights")
    append_line(workspace.pointer_log, '{"at": "2026-01-06T00:00:00Z", "run_id": "a", "run_date": "2026-01-05"}')
    return list(deliveries)


def contents(workspace: Workspace) -> dict[str, str]:
    files = [path for path in workspace.root.rglob("*") if path.is_file() and "apart" not in path.parts]
    return {str(path): file_hash(path) for path in files}


@pytest.mark.parametrize("can_link", [True, False])
def test_it_holds_what_was_accepted_and_what_is_asked_for(workspace, known, monkeypatch, can_link):
    if not can_link:
        monkeypatch.setattr(os, "link", _refused)
    apart = set_apart(workspace, workspace.root / "apart", further=[workspace.models / "v1"])
    assert accepted(apart) == accepted(workspace)
    assert pointer_moves(apart) == pointer_moves(workspace)
    copies = [path for path in apart.root.rglob("*") if path.is_file()]
    assert {path.relative_to(apart.root) for path in copies} == {
        path.relative_to(workspace.root)
        for folder in (workspace.raw, workspace.models, workspace.history)
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert {path.stat().st_nlink for path in copies if path != apart.pointer_log} == {2 if can_link else 1}
    assert not [path for path in apart.root.rglob("*") if path.is_symlink()]


def _refused(*_paths: str) -> None:
    raise OSError("this disk has no links")


def test_it_holds_no_other_deliveries_than_those_asked_for(workspace, known):
    apart = set_apart(workspace, workspace.root / "apart", deliveries=known[:1] + known[2:])
    assert [delivery.sha256 for delivery in accepted(apart)] == [known[0], known[2]]
    assert set_apart(workspace, workspace.root / "apart", deliveries=[]).raw.is_dir()
    assert accepted(apart) == []


def test_what_is_written_there_or_removed_stays_there(workspace, known):
    """A file replaced, a line added, a link followed by nobody: the workspace is what it was."""
    before = contents(workspace)
    apart = set_apart(workspace, workspace.root / "apart", further=[workspace.models / "v1"])
    write_bytes(apart.models / "v1" / "als" / "weights.npz", b"others")
    append_line(apart.pointer_log, "{}")
    (apart.root / "link").symlink_to(workspace.models)
    assert contents(workspace) == before
    set_apart(workspace, apart.root)
    assert not apart.models.exists()
    remove(apart.root)
    assert contents(workspace) == before


def test_a_link_where_a_folder_is_laid_out_is_not_followed(workspace, known):
    """Whoever put it there: it goes, and what it leads to stays."""
    before, folder = contents(workspace), workspace.root / "apart"
    folder.mkdir()
    (folder / "raw").symlink_to(workspace.raw)
    apart = set_apart(workspace, folder)
    assert not apart.raw.is_symlink()
    shutil.rmtree(apart.raw)
    assert contents(workspace) == before


def test_what_is_not_there_is_left_out(workspace):
    apart = set_apart(workspace, workspace.root / "apart", further=[workspace.models / "gone"])
    assert list(apart.root.iterdir()) == []
