"""What somebody may have meant who typed a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(typed: str, known: Iterable[str]) -> str | None:
    """Return the known name that is written most like what was typed; None where none is much like it."""
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    found = get_close_matches(typed.lower(), lower, n=1)
    return lower[found[0]] if found else None
