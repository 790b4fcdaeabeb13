"""What an experiment on lists compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isclose, isfinite
from typing import Any, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from models.policies.policies import MOST_CODES
from tasks.near_miss import nearest
from tasks.policies.config import PoliciesConfig

FOR_EVERYBODY = frozenset({"unavailable_where", "seen", "fatigue"})
"""Policies that a variant cannot have of its own: they say what items and histories are, before anybody is asked."""


def in_force(settings: Mapping[str, Any], variant: str | None) -> dict[str, Any]:
    """Return the settings of a night, as its manifest tells them, with the policies of one variant of its experiment in their place."""
    told = settings.get("experiment", {}).get("variants", ())
    own = next((one["policies"] for one in told if one["name"] == variant and one.get("policies")), None)
    if own is None:
        return dict(settings)
    shared = settings.get("policies", {})
    return {**settings, "policies": {**own, **{name: shared[name] for name in sorted(FOR_EVERYBODY & shared.keys())}}}


class VariantConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """One way to make lists, for a share of the users; what it leaves out is as for everybody."""

    name: str = Field(min_length=1)
    """What the tables call it."""

    share: float = Field(gt=0, le=1)
    """Share of the users who get it; those of all variants add up to 1."""

    models: tuple[str, ...] | None = Field(None, min_length=1)
    """Models of `[train]` that speak in it; the others are silent, and their weight goes to these."""

    weights: dict[str, float] = {}
    """Weights of its models in all segments, in place of the learned ones; models without weight are silent."""

    policies: PoliciesConfig | None = None
    """A whole table like `[policies]`, in place of it, but for what holds for everybody: `unavailable_where`, `seen` and `fatigue`."""

    @field_validator("weights")
    @classmethod
    def _weigh_something(cls, weights: dict[str, float]) -> dict[str, float]:
        if weights and not (all(isfinite(weight) and weight >= 0 for weight in weights.values()) and any(weights.values())):
            raise ValueError("weights are not negative, and one of them is above 0")
        return weights

    @field_validator("policies")
    @classmethod
    def _what_holds_for_everybody_stays(cls, policies: PoliciesConfig | None) -> PoliciesConfig | None:
        set_here = [name for name in sorted(FOR_EVERYBODY) if policies and getattr(policies, name) != getattr(PoliciesConfig(), name)]
        if set_here:
            raise ValueError(f"{set_here[0]} holds for everybody: set it under [policies]")
        return policies

    @model_validator(mode="after")
    def _weights_are_of_its_models(self) -> Self:
        silent = [model for model in self.weights if self.models is not None and model not in self.models]
        if silent:
            raise ValueError(
                f"{self.name} gives {silent[0]} a weight and leaves it out of its models; name it there or take its weight away"
            )
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Return every model that it names."""
        return (*(self.models or ()), *self.weights)


class ExperimentConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Lists made in several ways on the same night, each for some of the users. Without a name there is no experiment."""

    name: str = ""
    """What the experiment is called."""

    salt: str | None = Field(None, min_length=1)
    """What decides, with the id of a user, the variant that they are in; the name unless given. Another salt deals everybody anew."""

    variants: tuple[VariantConfig, ...] = ()
    """The variants as tables `[[experiment.variants]]`, the control first."""

    @model_validator(mode="after")
    def _variants_fit_together(self) -> Self:
        if bool(self.name) != bool(self.variants):
            raise ValueError("an experiment has a name and variants: give both or neither")
        twice = [name for name, count in Counter(variant.name for variant in self.variants).items() if count > 1]
        if twice:
            raise ValueError(f"each variant has a name of its own, {twice[0]} names several")
        total = sum(variant.share for variant in self.variants)
        if self.variants and not isclose(total, 1, rel_tol=0, abs_tol=1e-9):
            raise ValueError(f"the shares of the variants add up to 1, not to {total:g}")
        return self

    @property
    def salted_by(self) -> str:
        """Return the salt."""
        return self.salt or self.name

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the variants, the control first."""
        return tuple(variant.name for variant in self.variants)

    @property
    def shares(self) -> tuple[float, ...]:
        """Return the shares of the variants, in their order."""
        return tuple(variant.share for variant in self.variants)

    def __bool__(self) -> bool:
        return bool(self.variants)

    @classmethod
    def split(cls, told: Mapping[str, Any]) -> Self:
        """Return how an experiment split users, as a manifest tells it: names and shares, whatever else settings of its time meant."""
        variants = [{name: one[name] for name in ("name", "share")} for one in told.get("variants", ())]
        return cls.model_validate({"name": told.get("name", ""), "variants": variants})

    def policies(self, shared: PoliciesConfig) -> dict[str | None, PoliciesConfig]:
        """Return the policies of every variant by its name, given the shared ones; these alone, under None, where no experiment runs."""
        if not self:
            return {None: shared}
        kept = {name: getattr(shared, name) for name in FOR_EVERYBODY}
        return {one.name: one.policies.model_copy(update=kept) if one.policies else shared for one in self.variants}

    def require_few_rules(self, shared: PoliciesConfig) -> None:
        """Raise ValueError where all variants together have more rules than reasons can be told apart."""
        reasons = {reason for policies in self.policies(shared).values() for reason in policies.reasons()}
        if len(reasons) > MOST_CODES:
            raise ValueError(f"no more than {MOST_CODES} rules in all variants together, found {len(reasons)}")

    def require_models(self, trained: Sequence[str]) -> None:
        """Raise ValueError, naming the closest model, where a variant names one that is not among those of `[train]`."""
        for variant in self.variants:
            unknown = [model for model in variant.named if model not in trained]
            if unknown:
                near = nearest(unknown[0], trained)
                meant = f"did you mean {near}?" if near else f"there are {', '.join(trained)}"
                raise ValueError(f"variant {variant.name} names {unknown[0]}, which is no model of [train]: {meant}")
