"""Import what a later step needs while an earlier one waits for SQL and the disk."""

from __future__ import annotations

import importlib
from threading import Thread


def preload(module: str) -> None:
    """Begin to import a module on a thread of its own; whoever imports it afterwards waits for what is left of that, or gets its error."""
    Thread(target=_import, args=(module,), name=f"preload {module}").start()


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception:  # noqa: BLE001  # raised again, where it can be told, by the step that needs the module
        return
