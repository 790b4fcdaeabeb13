"""How much one delivered file may hold: beyond it a file is refused or a row set aside, whatever its producer meant."""

from __future__ import annotations

from pydantic import BaseModel, Field


class LimitsConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Bounds that keep a hostile or broken file from filling the memory."""

    max_rows: int = Field(500_000_000, ge=1)
    """Rows of one file; a file with more is refused."""

    max_columns: int = Field(1_000, ge=1)
    """Columns of one file; a file with more is refused."""

    max_id_bytes: int = Field(1_024, ge=1)
    """Longest user_id, item_id or event_id in bytes of UTF-8; a row with a longer one is set aside."""

    max_text_bytes: int = Field(65_536, ge=1)
    """Longest title or other value, and all attributes of a row together, in bytes of UTF-8; a row with a longer one is set aside."""

    max_malformed_rows: int = Field(100_000, ge=1)
    """Rows of one file that cannot be told into columns; with more of them the whole file is refused."""

    max_expansion: int = Field(200, ge=1)
    """How many times its size a file may grow when it is unpacked; a file that grows more is refused, beyond its first 64 MiB."""

    def most_bytes(self, size: int) -> int:
        """Return how many bytes a file of a size may become."""
        return max(64 << 20, size * self.max_expansion)
