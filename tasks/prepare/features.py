"""Turn whatever attributes items and users come with into columns a model can learn from.

An attribute is a number, a list of categories, a text or a vector given from outside; which one is told from its values, or by
nightly.toml.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field, field_validator

from models.scorer import WORDS
from tasks.prepare.vectors import are_vectors, json_list, unit_vectors

Kind = Literal["number", "categories", "text", "vector", "ignore"]
_WORD = re.compile(r"[^\W_]{2,}")

LONGEST_TEXT = 64
"""Words of a text that are kept in their order."""

MOST = 0.95
"""Share of the values that must be numbers, or vectors of one length, for the attribute to be one; the others count as missing."""


class FeatureConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How attributes become feature columns."""

    kinds: dict[str, Kind] = {}
    """Attribute -> how to read it, where the values alone would mislead (a zip code is no number)."""

    bands: dict[str, tuple[float, ...]] = {}
    """Number -> bounds, rising, at which its next band begins. Each band becomes a column beside the number's own, such as
    `price=below 10`, `price=10 to 25`, `price=from 25`: what rules can name, and what a straight line cannot say."""

    separator: str = Field("|", min_length=1)
    """What separates the categories of one value in text files."""

    min_rows: int = Field(2, ge=1)
    """Rows that must share a category or word before it becomes a column; rarer ones say nothing about others."""

    max_columns: int = Field(4000, ge=1)
    """Columns per attribute; the most frequent are kept."""

    @field_validator("bands")
    @classmethod
    def _rising(cls, bands: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        for attribute, bounds in bands.items():
            if not bounds or not all(map(math.isfinite, bounds)) or list(bounds) != sorted(set(bounds)):
                raise ValueError(f"bands of {attribute!r}: at least one bound, and each above the one before, got {bounds}")
        return bands


class _Block(NamedTuple):
    """The columns of one attribute, (rows, columns), and their names."""

    matrix: sp.csr_matrix
    names: list[str]


@dataclass(frozen=True)
class Features:
    """Feature columns of all rows, float32 (rows, columns), what each column is called and how each attribute was read."""

    matrix: sp.csr_matrix
    names: tuple[str, ...]
    kinds: dict[str, Kind]


def build_features(attributes: Sequence[dict[str, str]], config: FeatureConfig) -> Features:
    """Build the feature columns of rows (items or users) from their attributes as delivered.

    Each attribute is scaled so that a row's columns of it have length 1 at most: a long text speaks no louder than one genre.
    """
    blocks: list[_Block] = []
    kinds: dict[str, Kind] = {}
    for attribute in sorted({name for row in attributes for name in row}):
        values = [row.get(attribute) for row in attributes]
        kind = config.kinds.get(attribute) or kind_of([value for value in values if value], config)
        kinds[attribute] = kind
        if kind != "ignore":
            blocks.append(_columns(attribute, values, kind, config))
        if attribute in config.bands:
            blocks.append(_bands(attribute, values, config.bands[attribute]))
    matrix = sp.hstack([block.matrix for block in blocks], format="csr", dtype=np.float32) if blocks else _no_columns(len(attributes))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return Features(matrix, tuple(name for block in blocks for name in block.names), kinds)


def kind_of(values: Sequence[str], config: FeatureConfig) -> Kind:
    """Tell from its values whether an attribute is a number, a list of categories, a text or a vector.

    A vector is a JSON list of three or more numbers, as many in every row; lists of whole numbers are codes of categories. A value that
    is different in every row and a single word or whole number (a link, another system's id) is ignored: it cannot make two rows alike.
    """
    if not values:
        return "ignore"
    distinct = len(set(values)) / len(values)
    if sum(_as_number(value) is not None for value in values) >= MOST * len(values):
        is_id = distinct > 0.98 and len(values) > 20 and all(value.isdecimal() for value in values)
        return "ignore" if is_id else "number"
    lists = [parts for value in values if (parts := json_list(value)) is not None]
    if are_vectors(lists, MOST * len(values)):
        return "vector"
    if lists or any(config.separator in value for value in values):
        return "categories"
    words = sum(len(_WORD.findall(value)) for value in values) / len(values)
    if distinct > 0.9 and len(values) > 20 and words < 1.5:
        return "ignore"
    return "text" if words >= 2 and distinct > 0.5 else "categories"


def words_in_order(attributes: Sequence[dict[str, str]], kinds: dict[str, Kind]) -> NDArray[np.int32]:
    """Number the words of each row's texts in their order, (rows, longest), -1 behind the end; see `Described.words`.

    The number is a hash of the word: the same every night, whatever else there is to read.
    """
    texts = sorted(name for name, kind in kinds.items() if kind == "text")
    rows = [[word for name in texts for word in _WORD.findall(row.get(name, "").lower())][:LONGEST_TEXT] for row in attributes]
    words = np.full((len(rows), max(map(len, rows), default=0)), -1, np.int32)
    for row, found in enumerate(rows):
        words[row, : len(found)] = [zlib.crc32(word.encode()) % WORDS for word in found]
    return words


def _no_columns(n_rows: int) -> sp.csr_matrix:
    return sp.csr_matrix(np.zeros((n_rows, 0), np.float32))


def _as_number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _columns(attribute: str, values: Sequence[str | None], kind: Kind, config: FeatureConfig) -> _Block:
    if kind == "number":
        return _Block(_number(values), [attribute])
    if kind == "vector":
        matrix = unit_vectors(values)
        return _Block(matrix, [f"{attribute}[{column}]" for column in range(matrix.shape[1])])
    matrix, tokens = _tokens(values, kind, config)
    return _Block(matrix, [f"{attribute}={token}" for token in tokens])


def _number(values: Sequence[str | None]) -> sp.csr_matrix:
    """Standardise and bound a number; one that is missing or unreadable has no entry, which means the average."""
    rows, known = _numbers(values)
    spread = known.std() if len(known) else 0.0
    scaled = np.clip((known - known.mean()) / spread, -3, 3) / 3 if spread > 0 else np.zeros_like(known)
    columns = np.zeros(len(rows), np.int64)
    return sp.csr_matrix((scaled.astype(np.float32), (rows, columns)), shape=(len(values), 1))


def _bands(attribute: str, values: Sequence[str | None], bounds: tuple[float, ...]) -> _Block:
    """Mark the band of each number with a one; a band has its column whether any row lies in it or not, for rules may name it."""
    rows, column = bands_of(values, bounds)
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, column)), shape=(len(values), len(bounds) + 1))
    return _Block(matrix, [f"{attribute}={band}" for band in band_names(bounds)])


def band_names(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """Return what the bands between some bounds are called, the lowest first."""
    between = (f"{low:g} to {high:g}" for low, high in pairwise(bounds))
    return (f"below {bounds[0]:g}", *between, f"from {bounds[-1]:g}")


def bands_of(values: Sequence[str | None], bounds: tuple[float, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that hold a readable number, ascending, and the band each lies in."""
    rows, known = _numbers(values)
    return rows, np.searchsorted(np.array(bounds), known, side="right").astype(np.int64)


def _numbers(values: Sequence[str | None]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the rows that hold a readable number, and the numbers."""
    numbers = [_as_number(value) if value else None for value in values]
    rows = np.array([row for row, number in enumerate(numbers) if number is not None], np.int64)
    return rows, np.array([number for number in numbers if number is not None], np.float64)


def _tokens(values: Sequence[str | None], kind: Kind, config: FeatureConfig) -> tuple[sp.csr_matrix, list[str]]:
    """Weigh categories or words by how rare they are (tf-idf), each row scaled to length 1."""
    split = _words if kind == "text" else _categories
    rows = [sorted(set(split(value, config))) if value else [] for value in values]
    counts = Counter(token for row in rows for token in row)
    common = sorted((token for token, count in counts.items() if count >= config.min_rows), key=lambda token: (-counts[token], token))
    column = {token: index for index, token in enumerate(common[: config.max_columns])}
    pairs = [(row, column[token]) for row, tokens in enumerate(rows) for token in tokens if token in column]
    row_index, column_index = (np.array(part, np.int64) for part in (zip(*pairs, strict=True) if pairs else ((), ())))
    rarity = np.array([math.log(1 + len(values) / counts[token]) for token in column], np.float32)
    matrix = sp.csr_matrix((rarity[column_index], (row_index, column_index)), shape=(len(values), len(column)), dtype=np.float32)
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64)).ravel()
    scale = sp.diags(np.divide(1, length, out=np.zeros_like(length), where=length > 0).astype(np.float32))
    return (scale @ matrix).tocsr(), list(column)


def listed(value: str, separator: str) -> Iterable[str]:
    """Return what a delivered text lists, as it is spelled there: the parts of a JSON list, or what stands between separators."""
    parts = json_list(value)
    texts = map(str, parts) if parts is not None else value.split(separator)
    return (part.strip() for part in texts if part.strip())


def _categories(value: str, config: FeatureConfig) -> Iterable[str]:
    return (part.lower() for part in listed(value, config.separator))


def _words(value: str, _config: FeatureConfig) -> Iterable[str]:
    return _WORD.findall(value.lower())
