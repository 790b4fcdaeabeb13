"""How a workspace is kept, read without the libraries a night needs, and also where its nightly.toml is broken."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError, TomlConfigSettingsSource

from tasks.retention import KeepingConfig


class _Kept(BaseSettings):
    """The one section of the settings that the operator's commands need; the others are none of their business."""

    model_config = SettingsConfigDict(
        extra="ignore", env_prefix="NIGHTLY__", env_nested_delimiter="__", nested_model_default_partial_update=True
    )

    keeping: KeepingConfig = KeepingConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment before the file, as `flows.settings` does."""
        del init_settings, dotenv_settings, file_secret_settings
        return env_settings, TomlConfigSettingsSource(settings_cls)


def load_keeping(root: Path) -> tuple[KeepingConfig, str]:
    """Read [keeping] of a workspace; where that cannot be read, the defaults and a sentence that says so."""

    class Here(_Kept):
        model_config = SettingsConfigDict(toml_file=root / "nightly.toml")

    try:
        return Here().keeping, ""
    except SettingsError as error:
        return KeepingConfig(), f"NIGHTLY__KEEPING in the environment cannot be read ({error})"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fault = str(error)
    except ValidationError as error:
        first = error.errors()[0]
        fault = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return KeepingConfig(), f"nightly.toml cannot be read ({fault})"
