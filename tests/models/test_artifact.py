"""Claims about `models.artifact`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from models.artifact import (
    CONFIG_FILE,
    ArtifactError,
    Layout,
    folder_hash,
    read_arrays,
    read_config,
    read_csr,
    write_arrays,
    write_config,
    write_csr,
)

LAYOUTS = {"vectors": Layout(np.float32, ("items", "factors")), "known": Layout(np.bool_, ("items",))}
ARRAYS = {"vectors": np.arange(6, dtype=np.float32).reshape(3, 2), "known": np.array([True, False, True])}


class Config(BaseModel, frozen=True, extra="forbid"):
    """One hyper-parameter."""

    reg: float = 1.0


def test_arrays_come_back(tmp_path: Path) -> None:
    """What was written is read: values, shapes and dtypes."""
    write_arrays(tmp_path / "a.npz", ARRAYS)
    found = read_arrays(tmp_path / "a.npz", LAYOUTS)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_bytes_depend_on_content_alone(tmp_path: Path) -> None:
    """Neither the order of names nor the memory layout nor the clock shows in the bytes."""
    write_arrays(tmp_path / "a.npz", ARRAYS)
    write_arrays(tmp_path / "b.npz", {"vectors": np.asfortranarray(ARRAYS["vectors"]), "known": ARRAYS["known"]})
    write_arrays(tmp_path / "c.npz", dict(reversed(ARRAYS.items())))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()
    with ZipFile(tmp_path / "a.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_object_array_is_refused(tmp_path: Path) -> None:
    """What only a pickle could hold is not written."""
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "a.npz", {"anything": np.array([{}])})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"known": ARRAYS["known"]}, "expected the arrays known, vectors, found known"),
        ({**ARRAYS, "more": ARRAYS["known"]}, "expected the arrays known, vectors, found known, more, vectors"),
        ({**ARRAYS, "vectors": np.zeros((3, 2))}, r"expected vectors as float32 \(items, factors\), found float64 \(3, 2\)"),
        ({**ARRAYS, "vectors": np.zeros(3, np.float32)}, r"expected vectors as float32 \(items, factors\), found float32 \(3,\)"),
        ({**ARRAYS, "known": np.zeros(4, np.bool_)}, r"expected known as bool \(items\), items = 3, found bool \(4,\)"),
    ],
)
def test_other_arrays_are_refused(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    """The error says which file, what was expected and what was found."""
    write_arrays(tmp_path / "a.npz", arrays)
    with pytest.raises(ArtifactError, match=rf"a\.npz: {message}"):
        read_arrays(tmp_path / "a.npz", LAYOUTS)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short", b"\x80\x04N."])
def test_an_unreadable_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    """A file that is missing, empty, cut short or no archive at all gives one clear error."""
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.npz: expected a readable \.npz file, found (no such file|BadZipFile)"):
        read_arrays(tmp_path / "a.npz", LAYOUTS)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), change=st.integers(1, 255), shortened=st.booleans())
def test_damage_is_noticed_or_harmless(place: int, change: int, shortened: bool, tmp_path: Path) -> None:
    """A changed byte or a cut end either raises an ArtifactError or leaves every value as it was."""
    file = tmp_path / "a.npz"
    write_arrays(file, ARRAYS)
    content = bytearray(file.read_bytes())
    place %= len(content)
    content[place] ^= change
    file.write_bytes(content[:place] if shortened else content)
    try:
        found = read_arrays(file, LAYOUTS)
    except ArtifactError as error:
        assert str(file) in str(error)  # noqa: PT017  either outcome is right, and pytest.raises demands one
    else:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array, strict=True)


def test_a_sparse_matrix_comes_back_sorted(tmp_path: Path) -> None:
    """A matrix whose entries stand in any order is written in the one order, and read as the same matrix."""
    unsorted = sp.csr_matrix((np.array([1, 2, 3], np.float32), [2, 0, 1], [0, 2, 2, 3]), shape=(3, 4))
    write_csr(tmp_path / "a.npz", unsorted)
    write_csr(tmp_path / "b.npz", unsorted.sorted_indices())
    found = read_csr(tmp_path / "a.npz", (3, 4))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert found.has_sorted_indices
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.toarray(), unsorted.toarray())


def test_a_sparse_matrix_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A matrix must have the shape its reader counts on."""
    write_csr(tmp_path / "a.npz", sp.csr_matrix((3, 4), dtype=np.float32))
    with pytest.raises(ArtifactError, match=r"expected a matrix of shape \(4, 4\), found one of shape \(3, 4\)"):
        read_csr(tmp_path / "a.npz", (4, 4))


def test_a_sparse_matrix_that_points_outside_is_refused(tmp_path: Path) -> None:
    """Entries in columns that do not exist are caught when reading, not when scoring."""
    arrays = {"data": np.ones(1, np.float32), "indices": np.array([9], np.int32), "indptr": np.array([0, 1]), "shape": np.array([1, 4])}
    write_arrays(tmp_path / "a.npz", arrays)
    with pytest.raises(ArtifactError, match="expected a well-formed sparse matrix"):
        read_csr(tmp_path / "a.npz", (1, 4))


def test_a_configuration_comes_back(tmp_path: Path) -> None:
    """What was configured is read, and the same configuration gives the same bytes."""
    write_config(tmp_path, "model", Config(reg=0.1))
    first = (tmp_path / CONFIG_FILE).read_bytes()
    assert read_config(tmp_path, "model", Config) == Config(reg=0.1)
    write_config(tmp_path, "model", Config(reg=0.1))
    assert (tmp_path / CONFIG_FILE).read_bytes() == first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "a JSON object with `model` and `config`, found JSONDecodeError"),
        ("[]", "a JSON object with `model` and `config`, found TypeError"),
        ('{"model": "model"}', "a JSON object with `model` and `config`, found KeyError"),
        ('{"model": "other", "config": {}}', "an artifact of model, found one of other"),
        ('{"model": "model", "config": {"reg": "much"}}', "a configuration of model, found 1 validation error"),
        ('{"model": "model", "config": {"alpha": 1}}', "a configuration of model, found 1 validation error"),
    ],
)
def test_another_configuration_is_refused(content: str, message: str, tmp_path: Path) -> None:
    """The error says which file, what was expected and what was found."""
    (tmp_path / CONFIG_FILE).write_text(content)
    with pytest.raises(ArtifactError, match=rf"config\.json: expected {message}"):
        read_config(tmp_path, "model", Config)


def test_a_folder_hash_covers_names_and_contents(tmp_path: Path) -> None:
    """The hash is of the sorted relative names and the files' own hashes; other names or contents give another."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    lines = [f"{name}\0{hashlib.sha256(content).hexdigest()}\n" for name, content in (("a", b"1"), ("b/two", b"2"))]
    before = folder_hash(tmp_path)
    assert before == hashlib.sha256("".join(lines).encode()).hexdigest()
    (tmp_path / "a").rename(tmp_path / "c")
    renamed = folder_hash(tmp_path)
    (tmp_path / "c").write_bytes(b"3")
    assert len({before, renamed, folder_hash(tmp_path)}) == 3


def test_a_missing_folder_has_no_hash(tmp_path: Path) -> None:
    """A folder that is not there is an error, not an empty folder."""
    with pytest.raises(ArtifactError, match="nowhere: expected a folder, found none"):
        folder_hash(tmp_path / "nowhere")
