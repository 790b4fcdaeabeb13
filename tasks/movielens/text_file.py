"""The small files of a layout, line by line: movies, tags and users."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from tasks.movielens.published import Published

Fields = list[str]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class TextFile(Generic[Parsed]):
    """What one line of a file means, once it is cut into fields."""

    name: str
    separator: Literal[",", "|", "::"]
    columns: tuple[str, ...]
    """The columns as the data set's README names them; files separated by commas repeat them in their first line."""

    parse: Callable[[Fields], Parsed]
    encoding: Literal["utf-8", "latin-1"] = "utf-8"

    def read(self, published: Published) -> Iterator[Parsed]:
        """Yield what each line means; raises LayoutError at the first that means nothing."""
        expected = f"{self.separator.join(self.columns)} in {self.encoding}"
        with published.reading(self.name, expected) as stream, io.TextIOWrapper(stream, self.encoding, newline="") as text:
            lines = self._cut(text)
            header = self.columns if self.separator != "," else tuple(next(lines, []))
            if header != self.columns:
                raise published.fault(self.name, f"the header {','.join(self.columns)}", ",".join(header) or "an empty file")
            for number, fields in enumerate(lines, start=1):
                try:
                    parsed = self.parse(fields)
                except (ValueError, LookupError) as error:
                    raise published.fault(self.name, f"{expected} in row {number}", f"{fields} ({error})") from error
                yield parsed

    def _cut(self, lines: Iterable[str]) -> Iterator[Fields]:
        if self.separator == ",":
            # Titles with a comma stand in quotes.
            return csv.reader(lines, strict=True)
        return (line.rstrip("\r\n").split(self.separator) for line in lines)


def free_text(parts: Fields) -> str:
    """Put together again what a separator inside a title or tag has cut."""
    if not parts:
        raise ValueError("too few fields")
    return "::".join(parts)
