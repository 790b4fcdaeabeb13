"""Turn whatever attributes items and users come with into columns a model can learn from.

An attribute is a number, a list of categories or a text; which one is told from its values, or by nightly.toml.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.scorer import WORDS

Kind = Literal["number", "categories", "text", "ignore"]
_WORD = re.compile(r"[^\W_]{2,}")

LONGEST_TEXT = 64
"""Words of a text that are kept in their order."""


class FeatureConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How attributes become feature columns."""

    kinds: dict[str, Kind] = {}
    """Attribute -> how to read it, where the values alone would mislead (a zip code is no number)."""

    separator: str = Field("|", min_length=1)
    """What separates the categories of one value in text files."""

    min_rows: int = Field(2, ge=1)
    """Rows that must share a category or word before it becomes a column; rarer ones say nothing about others."""

    max_columns: int = Field(4000, ge=1)
    """Columns per attribute; the most frequent are kept."""


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
    blocks, names, kinds = [], [], {}
    for attribute in sorted({name for row in attributes for name in row}):
        values = [row.get(attribute) for row in attributes]
        kind = config.kinds.get(attribute) or kind_of([value for value in values if value], config)
        kinds[attribute] = kind
        if kind == "ignore":
            continue
        block, columns = _number(values) if kind == "number" else _tokens(values, kind, config)
        blocks.append(block)
        names += [f"{attribute}={column}" if column else attribute for column in columns]
    matrix = sp.hstack(blocks, format="csr", dtype=np.float32) if blocks else _no_columns(len(attributes))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return Features(matrix, tuple(names), kinds)


def kind_of(values: Sequence[str], config: FeatureConfig) -> Kind:
    """Tell from its values whether an attribute is a number, a list of categories or a text.

    A value that is different in every row and a single word or whole number (a link, another system's id) is ignored: it cannot make
    two rows alike.
    """
    if not values:
        return "ignore"
    distinct = len(set(values)) / len(values)
    if sum(_as_number(value) is not None for value in values) >= 0.95 * len(values):
        is_id = distinct > 0.98 and len(values) > 20 and all(value.isdecimal() for value in values)
        return "ignore" if is_id else "number"
    if any(value.startswith("[") or config.separator in value for value in values):
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


def _number(values: Sequence[str | None]) -> tuple[sp.csr_matrix, list[str]]:
    """Standardise and bound a number; one that is missing or unreadable has no entry, which means the average."""
    numbers = [_as_number(value) if value else None for value in values]
    rows = np.array([row for row, number in enumerate(numbers) if number is not None], np.int64)
    known = np.array([number for number in numbers if number is not None], np.float64)
    spread = known.std() if len(known) else 0.0
    scaled = np.clip((known - known.mean()) / spread, -3, 3) / 3 if spread > 0 else np.zeros_like(known)
    columns = np.zeros(len(rows), np.int64)
    return sp.csr_matrix((scaled.astype(np.float32), (rows, columns)), shape=(len(values), 1)), [""]


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


def _categories(value: str, config: FeatureConfig) -> Iterable[str]:
    parts = _json_list(value) if value.startswith("[") else None
    return (part.strip().lower() for part in (parts if parts is not None else value.split(config.separator)) if part.strip())


def _words(value: str, _config: FeatureConfig) -> Iterable[str]:
    return _WORD.findall(value.lower())


def _json_list(value: str) -> list[str] | None:
    try:
        parts = json.loads(value)
    except ValueError:
        return None
    return [str(part) for part in parts] if isinstance(parts, list) else None
