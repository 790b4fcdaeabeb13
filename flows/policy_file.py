"""A file of other policies: the [policies] table of a nightly.toml, or of a file that has nothing else."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.setting_faults import not_toml
from flows.settings import Settings
from tasks.near_miss import nearest
from tasks.policies.config import PoliciesConfig
from tasks.refusals import UsageError


def read_policies(file: Path) -> PoliciesConfig:
    """Read the policies of a file; what else a nightly.toml says is passed over, and without [policies] nothing is declared.

    Raises UsageError, naming the file and the key, where it cannot be read, is no TOML, or says what no setting says.
    """
    content = _content(file)
    for name in content:
        if name not in Settings.model_fields:
            near = nearest(name, Settings.model_fields)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"{file}: {name}", "[policies], or another section of a nightly.toml", name, f"{hint}correct it in {file}")
    try:
        return PoliciesConfig.model_validate(content.get("policies", {}))
    except ValidationError as error:
        # A key that is spelled wrong is missing too, under its right name.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        key = ".".join(["policies", *map(str, first["loc"])])
        expected = "a known setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise UsageError(f"{file}: {key}", expected, json.dumps(first["input"], default=str), f"correct it in {file}") from error


def _content(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(str(file), "a file of policies that can be read", error.strerror or str(error), "name another file") from error
    except UnicodeDecodeError as error:
        raise UsageError(str(file), "text in UTF-8", str(error), "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(str(file), "valid TOML", str(error), not_toml(error)) from error
