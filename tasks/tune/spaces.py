"""What `nightly tune` may change, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any, Self, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from tasks.train import ModelName, TrainConfig

Value = bool | int | float | str


class Space(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Where the best value of one setting is looked for: between two bounds, or among choices."""

    low: float | None = None
    """Smallest value tried."""

    high: float | None = None
    """Largest value tried."""

    log: bool = False
    """Whether doubling a value matters as much whether it is small or large."""

    choices: tuple[Value, ...] = ()
    """The values tried, in place of bounds."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        bounded = self.low is not None and self.high is not None
        if bounded == bool(self.choices) or (not bounded and (self.low, self.high) != (None, None)):
            raise ValueError("either low and high, or choices")
        if self.low is not None and self.high is not None and (self.low >= self.high or (self.log and self.low <= 0)):
            raise ValueError("low below high, and above 0 where log is true")
        return self

    def holding(self, present: Value) -> Space:
        """Widen the space until it holds the present value: the search begins there, wherever that is."""
        if self.low is None or self.high is None:
            return self if present in self.choices else self.model_copy(update={"choices": (present, *self.choices)})
        number = float(present)
        return self.model_copy(update={"low": min(self.low, number), "high": max(self.high, number)})


SPACES: dict[str, Space] = {
    "ease.reg": Space(low=5, high=5000, log=True),
    "spectral.rank": Space(low=16, high=512, log=True),
    "spectral.low_pass_weight": Space(low=0, high=1),
    "als.embedding_size": Space(low=16, high=256, log=True),
    "als.alpha": Space(low=0.5, high=200, log=True),
    "als.reg": Space(low=0.001, high=1, log=True),
    "als.iterations": Space(low=2, high=20, log=True),
    "bpr.learning_rate": Space(low=0.01, high=0.5, log=True),
    "bpr.reg": Space(low=1e-5, high=0.1, log=True),
    "bpr.exponent": Space(low=0, high=1),
    "matrix_factorization.reg": Space(low=0.0001, high=1, log=True),
    "matrix_factorization.learning_rate": Space(low=0.01, high=0.5, log=True),
    "nmf.embedding_size": Space(low=16, high=256, log=True),
    "nmf.reg": Space(low=0.001, high=10, log=True),
    "nmf.damping": Space(low=0, high=0.5),
    "transitions.window": Space(low=1, high=50, log=True),
    "transitions.step_decay": Space(low=0.5, high=1),
    "transitions.backwards": Space(low=0, high=1),
    "transitions.from_power": Space(low=0, high=1),
    "transitions.to_power": Space(low=0, high=1),
    "transitions.shrinkage": Space(low=0.1, high=100, log=True),
    "transitions.recency_decay": Space(low=0.3, high=1),
    "next_item.recency_decay": Space(low=0.3, high=1),
    "content_knn.reg": Space(low=0.01, high=100, log=True),
    "content_knn.half_life_likes": Space(low=0.5, high=50, log=True),
    "towers.embedding_size": Space(choices=(32, 64, 128)),
    "towers.dropout": Space(low=0, high=0.7),
    "towers.temperature": Space(low=0.03, high=0.5, log=True),
    "towers.learning_rate": Space(low=0.0003, high=0.02, log=True),
    "popularity.pseudo_counts": Space(low=1, high=100_000, log=True),
    "nearby.length_km": Space(low=1, high=500, log=True),
}
"""Setting of [train] -> where its best value is looked for. A new model takes part in tuning by a line here."""


class TuneConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How `nightly tune` searches; nothing here changes a night."""

    minutes: float = Field(30.0, gt=0)
    """Time after which no further trial begins, shared evenly among the models."""

    trials: int = Field(50, ge=1)
    """Trials of each model, the present settings and those of an earlier, interrupted search included."""

    models: tuple[ModelName, ...] = ()
    """Models to tune; empty means all that take part in a night and have something to tune."""

    windows: int = Field(3, ge=1)
    """Windows of time each trial is judged in, newest first; more of them steady the judgement and cost as much each."""

    min_users: int = Field(20, ge=2)
    """Users a window needs to count."""

    spaces: dict[str, dict[str, Space]] = {}
    """Model -> setting -> where to look, beside and before the bounds that are built in."""

    @field_validator("spaces", mode="before")
    @classmethod
    def _dotted(cls, given: object) -> object:
        """Take `training.epochs` for one setting, though TOML reads a table within a table."""
        if not isinstance(given, dict):
            return given
        return {model: dict(_leaves(table)) if isinstance(table, dict) else table for model, table in given.items()}

    @model_validator(mode="after")
    def _known(self) -> Self:
        for model, settings in self.spaces.items():
            for name, space in settings.items():
                _check(model, name, space)
        return self

    def of(self, model: str) -> dict[str, Space]:
        """Return what may be tuned of one model, setting -> space, by name."""
        built_in = {key.removeprefix(f"{model}."): space for key, space in SPACES.items() if key.startswith(f"{model}.")}
        return dict(sorted((built_in | self.spaces.get(model, {})).items()))


def _check(model: str, name: str, space: Space) -> None:
    """Refuse a space of something that is no setting of [train], or with values that this setting cannot have."""
    if model not in get_args(ModelName):
        raise ValueError(f"{model}.{name} is no setting of [train]; its models are {', '.join(get_args(ModelName))}")
    section = section_of(TrainConfig(), model)
    if name not in (known := tuple(_settings(section))):
        raise ValueError(f"{model}.{name} is no setting of [train]; those of {model} are {', '.join(known)}")
    for value in space.choices or (space.low, space.high):
        try:
            with_values(section, {name: value})
        except ValidationError as error:
            raise ValueError(f"{model}.{name} cannot be {value}: {error.errors()[0]['msg']}") from error


def section_of(config: TrainConfig, model: str) -> BaseModel:
    """Return the config of one model, as [train.<model>] shows it."""
    section = getattr(config, model)
    assert isinstance(section, BaseModel)  # noqa: S101  # by construction of TrainConfig
    return section


def value_of(section: BaseModel, name: str) -> Any:
    """Return the present value of a setting; `training.epochs` is one of a section within."""
    return reduce(getattr, name.split("."), section)


def with_values(section: BaseModel, values: dict[str, Any]) -> BaseModel:
    """Return a model's config with other values, checked like those of nightly.toml."""
    content = section.model_dump()
    for name, value in values.items():
        *within, last = name.split(".")
        reduce(dict.__getitem__, within, content)[last] = value
    return type(section).model_validate(content)


def _settings(section: BaseModel) -> Iterator[str]:
    """Yield the settings of a config by name, those of sections within as `section.name`."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from (f"{name}.{inner}" for inner in _settings(value))
        else:
            yield name


def _leaves(table: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the spaces of a table of tables under their dotted names."""
    for name, value in table.items():
        if isinstance(value, dict) and value and not set(value) & set(Space.model_fields):
            yield from ((f"{name}.{inner}", space) for inner, space in _leaves(value))
        else:
            yield name, value
