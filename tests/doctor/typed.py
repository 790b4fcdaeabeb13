"""What people type: the question to the doctor, and the commands it names."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from flows import attempt, clock
from flows.cli import app

Doctor = Callable[..., dict[str, Any]]


def carried_out(step: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type what a next step says, up to the remark behind it, on a day of the tiny world."""
    for typed in step.partition(";")[0].split(" && "):
        words = shlex.split(typed)
        if words[0] != "nightly":
            subprocess.run(words, check=True, timeout=60)
            continue
        with monkeypatch.context() as context:
            for module in (clock, attempt):
                context.setattr(module, "now", lambda: at)
            assert app(words[1:], exit_on_error=False, result_action="return_value") == 0, typed
