"""Everything that can be set: each config beside what it configures, gathered here; flag > environment > nightly.toml > default."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError, TomlConfigSettingsSource

from flows.report_address import ReportConfig
from flows.setting_faults import not_toml, unfit_setting, unknown_variable
from models.blend_training import BlendConfig, BlendMethod
from models.compute import ComputeConfig
from models.holdout import HoldoutConfig
from models.verdict import GateConfig
from tasks.evaluate import EvaluateConfig
from tasks.experiment import ExperimentConfig
from tasks.ingest.delivery import SourceConfig
from tasks.ingest.volume import VolumeConfig
from tasks.judging import JudgingConfig
from tasks.load.config import LoadConfig
from tasks.mirror_config import MlflowConfig
from tasks.policies.config import PoliciesConfig, named_by
from tasks.prepare import FeatureConfig, SegmentConfig
from tasks.prepare.named_values import NamedAttributes
from tasks.refusals import UsageError
from tasks.retention import KeepingConfig
from tasks.score import ScoreConfig
from tasks.stage import EventsConfig
from tasks.storage import canonical_json, text_hash, write_bytes
from tasks.train import SCORERS, TrainConfig
from tasks.tune.spaces import TuneConfig
from tasks.validate import ValidateConfig
from tasks.warehouse import WarehouseConfig

PREFIX = "NIGHTLY__"


class Settings(BaseSettings):
    """All settings of a workspace."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    seed: int = Field(20261121, ge=0)
    """Where all randomness begins."""

    source: SourceConfig = SourceConfig()
    volume: VolumeConfig = VolumeConfig()
    events: EventsConfig = EventsConfig()
    validation: ValidateConfig = ValidateConfig()
    holdout: HoldoutConfig = HoldoutConfig()
    segments: SegmentConfig = SegmentConfig()
    features: FeatureConfig = FeatureConfig()
    train: TrainConfig = TrainConfig()
    blend: BlendConfig = BlendConfig()
    judging: JudgingConfig = JudgingConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    score: ScoreConfig = ScoreConfig()
    policies: PoliciesConfig = PoliciesConfig()
    experiment: ExperimentConfig = ExperimentConfig()
    compute: ComputeConfig = ComputeConfig()
    warehouse: WarehouseConfig = WarehouseConfig()
    tune: TuneConfig = TuneConfig()
    keeping: KeepingConfig = KeepingConfig()
    report: ReportConfig = ReportConfig()
    load: LoadConfig = LoadConfig()
    mlflow: MlflowConfig = MlflowConfig()

    @field_validator("blend")
    @classmethod
    def _method_is_there(cls, blend: BlendConfig, others: ValidationInfo) -> BlendConfig:
        known = (*get_args(BlendMethod), *(others.data["train"].models if "train" in others.data else ()))
        if blend.method not in known:
            raise ValueError(f"`method` must be one of {', '.join(known)}")
        return blend

    @field_validator("policies")
    @classmethod
    def _vectors_may_be_there(cls, policies: PoliciesConfig, others: ValidationInfo) -> PoliciesConfig:
        _require_vectors(policies, others)
        return policies

    @field_validator("experiment")
    @classmethod
    def _models_of_variants_are_there(cls, experiment: ExperimentConfig, others: ValidationInfo) -> ExperimentConfig:
        if "train" in others.data:
            experiment.require_models(others.data["train"].models)
        if "policies" in others.data:
            experiment.require_few_rules(others.data["policies"])
        for variant in experiment.variants:
            if variant.policies:
                _require_vectors(variant.policies, others, variant.models)
        return experiment

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put flags before the environment, the environment before the file."""
        del dotenv_settings, file_secret_settings  # pydantic hands them over by name; a workspace has neither
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def has_policies(self) -> bool:
        """Say whether policies are declared, for everybody or for a variant of the experiment."""
        return any(policies.declared for policies in self.experiment.policies(self.policies).values())

    def named_attributes(self) -> NamedAttributes:
        """Return the attributes that policies name."""
        return named_by(self.experiment.policies(self.policies).values())

    def deciding(self) -> dict[str, Any]:
        """Return what decides a night's bytes: not what memory it may use, what a bad file does to the run, how to tune, keep or find.

        Nor from which database rows came, and where tables go afterwards: what was taken in is hashed itself.
        """
        unread = {"on_bad_file", "settle_seconds", "require_sidecar", "postgres"}
        whole = {"warehouse": True, "tune": True, "keeping": True, "report": True, "load": True, "mlflow": True}
        return self.model_dump(mode="json", exclude={**whole, "source": unread, "compute": {"memory_gb"}})

    def fingerprint(self) -> str:
        """Hash what decides a night's bytes."""
        return text_hash(canonical_json(self.deciding()))


def _require_vectors(policies: PoliciesConfig, others: ValidationInfo, heard: Sequence[str] | None = None) -> None:
    """Raise ValueError where likeness is to be told by what has no vectors: no model of `[train]`, or of those heard in a variant."""
    trained = others.data["train"].models if "train" in others.data else ()
    told = [name for name in trained if hasattr(SCORERS[name], "item_factors") and (heard is None or name in heard)]
    if policies.diversity.by not in ("descriptions", *told):
        raise ValueError(f"`diversity.by` must be one of {', '.join(('descriptions', *told))}")


def load_settings(root: Path, **flags: Any) -> Settings:
    """Read the settings of a workspace; raises UsageError that names an unknown or unfit key and where it stands."""
    file = root / "nightly.toml"
    _refuse_unknown_environment()

    class Here(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return Settings.model_construct(**dict(Here(**flags)))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(str(file), "valid TOML", str(error), not_toml(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(str(file), "text in UTF-8", str(error), "save it as UTF-8") from error
    except SettingsError as error:
        raise UsageError(f"environment variables {PREFIX}*", f"{PREFIX}<SECTION>__<KEY>", str(error), "unset or correct it") from error
    except ValidationError as error:
        raise unfit_setting(error, Settings, file, flags, os.environ, PREFIX) from error


def settings_told(told: Mapping[str, Any]) -> Settings:
    """Read the settings that a manifest tells, as they were that night: neither the environment nor a nightly.toml is looked at.

    Raises UsageError, naming the setting, where they are settings of this version no more.
    """

    class Then(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *others: Any, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """Take what is handed over, and nothing else."""
            del settings_cls, others, named
            return (init_settings,)

    try:
        return Settings.model_construct(**dict(Then(**told)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {key} of the manifest", "a setting of this version", first["msg"], "run the night again") from error


def _refuse_unknown_environment() -> None:
    for name in sorted(os.environ):
        section = name.removeprefix(PREFIX).split("__")[0].lower()
        if name.startswith(PREFIX) and section not in Settings.model_fields:
            raise unknown_variable(name, Settings, PREFIX)


def default_file(threads: int) -> str:
    """Write a nightly.toml that shows every setting with its meaning and default, commented out, but for the number of threads.

    Threads are part of a night's identity (LAPACK gives other bytes at other thread counts), so a workspace fixes them once.
    """
    lines = ["# Settings of this workspace. Every line that is commented out shows the default.", ""]
    lines += _lines(Settings, {"compute.threads": threads}, "")
    return "\n".join(lines) + "\n"


def set_in_file(file: Path, section: str, key: str, value: Any) -> None:
    """Set one value in a nightly.toml in place, keeping all else as it is; a section or line that is missing is added."""
    text, line = file.read_text(), f"{key} = {json.dumps(value)}"
    heading = re.search(rf"^\[{re.escape(section)}\][ \t]*(#.*)?$", text, re.MULTILINE)
    if heading is None:
        write_bytes(file, f"{text.rstrip()}\n\n[{section}]\n{line}\n".lstrip().encode())
        return
    following = re.search(r"^\[", text[heading.end() :], re.MULTILINE)
    end = heading.end() + following.start() if following else len(text)
    inside = text[heading.end() : end]
    # A value that is set goes before one that is commented out: the comment may be an example.
    for pattern in (rf"^{re.escape(key)}[ \t]*=.*$", rf"^# {re.escape(key)} =.*$"):
        if re.search(pattern, inside, re.MULTILINE):
            inside = re.sub(pattern, lambda _: line, inside, count=1, flags=re.MULTILINE)
            break
    else:
        inside = f"\n{line}{inside}"
    write_bytes(file, (text[: heading.end()] + inside + text[end:]).encode())


def _lines(config: type[BaseModel], given: dict[str, Any], section: str) -> list[str]:
    plain, tables = [], []
    for name, field in config.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            table = f"{section}.{name}" if section else name
            told = (f"# {line}".rstrip() for line in cleandoc(type(default).__doc__ or "").splitlines())
            tables += [f"[{table}]", *told, *_lines(type(default), given, table)]
            continue
        path = f"{section}.{name}" if section else name
        plain += [f"# {line}" for line in (field.description or "").splitlines()]
        plain.append(f"{name} = {_toml(given[path])}" if path in given else f"# {name} = {_toml(default)}")
    return [*plain, "", *tables]


def _toml(value: Any) -> str:
    if value is None:
        return "(unset)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(value, default=str)
