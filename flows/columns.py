"""Columns of text for a terminal: aligned, no wider than a page, with the widest texts cut where they would be."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from tasks.refusals import spelled_out

WIDTH = 100
"""Characters of a line."""

SHORTEST = 8
"""Characters that a column keeps at least where lines are too long."""

BETWEEN = "  "


def columns(heads: Sequence[str], rows: Sequence[Sequence[Any]], right: str = "") -> list[str]:
    """Lay out rows under their heads, a line each; `right` names the columns that end at one edge, numbers above all.

    None shows as nothing. Where a line would be longer than a page, the widest texts are cut. Characters that would move the cursor
    are spelled out.
    """
    texts = [[_text(cell) for cell in row] for row in (heads, *rows)]
    at_right = [head in right.split() for head in heads]
    widths = widths_of(texts)
    while sum(widths) + len(BETWEEN) * (len(widths) - 1) > WIDTH and max(_cuttable(widths, at_right)) > SHORTEST:
        cuttable = _cuttable(widths, at_right)
        widths[cuttable.index(max(cuttable))] -= 1
    return [aligned(row, widths, at_right) for row in texts]


def widths_of(texts: Sequence[Sequence[str]]) -> list[int]:
    """Return how many places of a terminal each column of texts takes."""
    return [max(map(_width, column)) for column in zip(*texts, strict=True)]


def aligned(texts: Sequence[str], widths: Sequence[int], at_right: Sequence[bool]) -> str:
    """Lay out the texts of one row, each in the width of its column, cut where it is wider."""
    return BETWEEN.join(map(_fitted, texts, widths, at_right)).rstrip()


def _cuttable(widths: Sequence[int], at_right: Sequence[bool]) -> list[int]:
    return [0 if right else width for width, right in zip(widths, at_right, strict=True)]


def wrapped(text: str, first: str = "", then: str = "  ") -> list[str]:
    """Break a sentence into lines of a page at its spaces; a word longer than a line stays whole."""
    lines, line = [], first
    for word in spelled_out(text).split():
        if line.strip() and line != first and _width(f"{line} {word}") > WIDTH:
            lines.append(line)
            line = then + word
        else:
            line = f"{line} {word}" if line.strip() and line != first else f"{line}{word}"
    return [*lines, line]


def _text(cell: Any) -> str:
    return "" if cell is None else spelled_out(str(cell))


def _width(text: str) -> int:
    """Count the places that a text takes on a terminal: letters of East Asia take two, marks above others none."""
    return sum(0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def _fitted(text: str, width: int, right: bool) -> str:
    if _width(text) > width:
        while _width(text) > width - 1:
            text = text[:-1]
        text += "…"
    space = " " * (width - _width(text))
    return space + text if right else text + space
