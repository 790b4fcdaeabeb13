import json

import pytest

from tasks.storage import append_line, link_file, write_bytes, write_json


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "folder" / "file"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"k": 1})
    with pytest.raises(TypeError):
        write_json(path, {("no", "key"): 1})
    assert json.loads(path.read_text()) == {"k": 1}


def test_a_line_torn_by_a_crash_does_not_swallow_the_next(tmp_path):
    path = tmp_path / "runs.jsonl"
    append_line(path, '{"n": 1}')
    with path.open("a") as stream:
        stream.write('{"n": 2, "cut')
    append_line(path, '{"n": 3}')
    assert path.read_text().splitlines() == ['{"n": 1}', '{"n": 2, "cut', '{"n": 3}']


def test_a_linked_file_stays_where_it_was(tmp_path):
    source, target = tmp_path / "staged", tmp_path / "served" / "part-0.parquet"
    source.write_bytes(b"rows")
    link_file(source, target)
    assert source.read_bytes() == target.read_bytes() == b"rows"
    source.unlink()
    assert target.read_bytes() == b"rows"
