"""Facts and settings that are not what they were, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tasks.diff import Difference

LONGEST = 80
"""Characters of a value that a page shows."""


def setting_lines(differing: Iterable[Difference]) -> list[str]:
    """Return a line for each setting, by its path, with what it was and what it is."""
    return [f"setting {each.what}: {values(each)}" for each in differing]


def values(each: Difference) -> str:
    """Return what a thing was and what it is, each cut where it is long."""
    return " -> ".join(_shown(value) for value in (each.before, each.after))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
