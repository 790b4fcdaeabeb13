"""Declare: hold the policies against tonight's items and users before anything is trained."""

from __future__ import annotations

import logging

from tasks.experiment.config import ExperimentConfig
from tasks.night import Night, Receipt
from tasks.policies.config import PoliciesConfig
from tasks.policies.findings import findings
from tasks.policies.values import described
from tasks.prepare import FeatureConfig, Prepared, training_set
from tasks.score.config import ScoreConfig

log = logging.getLogger("nightly")


class Declared(Receipt, frozen=True):
    """The rules that are in force, as paths in the settings, and what is odd about them."""

    rules: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def declare(
    night: Night,
    prepared: Prepared,
    config: PoliciesConfig,
    experiment: ExperimentConfig,
    features: FeatureConfig,
    score: ScoreConfig,
) -> Declared:
    """Say which rules are in force and which of them can do nothing; raises UsageError where one cannot be carried out at all.

    Rules and findings of an experiment's variant begin with its name.
    """
    known = training_set(night)
    rules, found = [], []
    for variant, policies in experiment.policies(config).items():
        of = "" if variant is None else f"{variant}: "
        has = described(night, known, policies)
        told = findings(policies, known, has, prepared.feature_kinds, features.bands, score.k)
        found += [f"{of}{finding}" for finding in told]
        in_force = [reason.rule for reason in policies.reasons() if reason.rule] + [f"boosts.{boost.name}" for boost in policies.boosts]
        rules += [f"{of}{rule}" for rule in in_force]
    for finding in found:
        log.warning("policies: %s", finding)
    return Declared(rules=tuple(rules), findings=tuple(found))
