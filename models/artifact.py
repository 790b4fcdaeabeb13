"""Arrays and configurations of scorers on disk: plain `.npz` and `.json`, whose bytes depend on their content alone."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

CONFIG_FILE = "config.json"

UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What NumPy and zipfile raise on files that are missing, cut short or altered."""

ConfigType = TypeVar("ConfigType", bound=BaseModel)


class ArtifactError(ValueError):
    """A file of an artifact is not what its scorer wrote."""

    def __init__(self, file: Path, expected: str, found: str) -> None:
        super().__init__(f"{file}: expected {expected}, found {found}")


class Layout(NamedTuple):
    """What a stored array must look like: its dtype, and one name per axis.

    Axes of one name have one length throughout a file, so that `(items,)` and `(items, factors)` cannot drift apart.
    """

    dtype: Any
    axes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{np.dtype(self.dtype).name} ({', '.join(self.axes)})"


CSR_LAYOUTS = {
    "data": Layout(np.float32, ("entries",)),
    "indices": Layout(np.int32, ("entries",)),
    "indptr": Layout(np.int64, ("row ends",)),
    "shape": Layout(np.int64, ("axes",)),
}


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, in order of their names; the same arrays give the same bytes, for numpy dates every entry 1980-01-01."""
    ordered = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    with file.open("wb") as out:
        np.savez(out, allow_pickle=False, **ordered)


def read_arrays(file: Path, layouts: Mapping[str, Layout]) -> dict[str, NDArray[Any]]:
    """Read exactly the arrays that `layouts` names, and refuse a file that holds anything else."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = sorted(name.removesuffix(".npy") for name in archive.namelist())
        if names != sorted(layouts):
            raise ArtifactError(file, f"the arrays {', '.join(sorted(layouts))}", ", ".join(names) or "none")
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in layouts}
    except ArtifactError:
        raise
    except UNREADABLE as error:
        raise ArtifactError(file, "a readable .npz file", _what_went_wrong(error)) from error
    _check_layouts(file, arrays, layouts)
    return arrays


def _check_layouts(file: Path, arrays: Mapping[str, NDArray[Any]], layouts: Mapping[str, Layout]) -> None:
    lengths: dict[str, int] = {}
    for name, layout in layouts.items():
        array = arrays[name]
        fits = array.dtype == layout.dtype and array.ndim == len(layout.axes)
        fits = fits and all(lengths.setdefault(axis, length) == length for axis, length in zip(layout.axes, array.shape, strict=True))
        if not fits:
            known = "".join(f", {axis} = {lengths[axis]}" for axis in dict.fromkeys(layout.axes) if axis in lengths)
            raise ArtifactError(file, f"{name} as {layout}{known}", f"{array.dtype.name} {array.shape}")


def write_csr(file: Path, matrix: sp.csr_matrix) -> None:
    """Write a sparse float32 matrix, its entries sorted by row, then column."""
    matrix = matrix.sorted_indices()
    arrays = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array(matrix.shape)}
    write_arrays(file, {name: arrays[name].astype(layout.dtype, copy=False) for name, layout in CSR_LAYOUTS.items()})


def read_csr(file: Path, shape: tuple[int, int]) -> sp.csr_matrix:
    """Read a sparse float32 matrix and check that it has this shape and hangs together."""
    arrays = read_arrays(file, CSR_LAYOUTS)
    found = tuple(int(length) for length in arrays["shape"])
    if found != shape:
        raise ArtifactError(file, f"a matrix of shape {shape}", f"one of shape {found}")
    try:
        matrix = sp.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ArtifactError(file, "a well-formed sparse matrix", _what_went_wrong(error)) from error
    return matrix


def write_config(folder: Path, model: str, config: BaseModel) -> None:
    """Write which model an artifact belongs to and with which hyper-parameters it was trained."""
    described = {"model": model, "config": config.model_dump(mode="json")}
    (folder / CONFIG_FILE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8", newline="\n")


def read_config(folder: Path, model: str, config_type: type[ConfigType]) -> ConfigType:
    """Read back the hyper-parameters of an artifact, and refuse one that belongs to another model."""
    file = folder / CONFIG_FILE
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        found = str(described["model"])
        config = described["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(file, "a JSON object with `model` and `config`", _what_went_wrong(error)) from error
    if found != model:
        raise ArtifactError(file, f"an artifact of {model}", f"one of {found}")
    try:
        return config_type.model_validate(config)
    except ValidationError as error:
        raise ArtifactError(file, f"a configuration of {model}", str(error)) from error


def folder_hash(folder: Path) -> str:
    """Name a folder by its content: the SHA-256 over the sorted relative names of its files, each with its own SHA-256."""
    if not folder.is_dir():
        raise ArtifactError(folder, "a folder", "none")
    whole = hashlib.sha256()
    for name, file in sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file()):
        with file.open("rb") as content:
            whole.update(f"{name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _what_went_wrong(error: Exception) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
