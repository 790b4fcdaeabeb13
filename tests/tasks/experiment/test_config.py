"""Claims about the settings of an experiment: what does not fit together is refused with what to write instead."""

from __future__ import annotations

import pytest

from flows.settings import load_settings
from tasks.experiment import ExperimentConfig
from tasks.experiment.config import in_force
from tasks.policies.config import PoliciesConfig
from tasks.policies.sections import CapConfig
from tasks.refusals import UsageError

EXPERIMENT = """
[experiment]
name = "spring"

[[experiment.variants]]
name = "control"
share = 0.9

[[experiment.variants]]
name = "bold"
share = 0.1
models = ["ease", "popularity"]
weights = {ease = 2, popularity = 1}

[[experiment.variants.policies.caps]]
name = "genres"
by = "genres"
most = 3
"""


def test_an_experiment_reads_as_written(workspace):
    workspace.settings_file.write_text(EXPERIMENT)
    experiment = load_settings(workspace.root).experiment
    assert (experiment.names, experiment.shares, experiment.salted_by) == (("control", "bold"), (0.9, 0.1), "spring")
    control, bold = experiment.variants
    assert (control.models, control.weights, control.policies) == (None, {}, None)
    assert (bold.models, bold.weights) == (("ease", "popularity"), {"ease": 2.0, "popularity": 1.0})
    assert bold.policies == PoliciesConfig(caps=(CapConfig(name="genres", by="genres", most=3),))


def test_without_a_name_there_is_no_experiment(workspace):
    workspace.settings_file.write_text("")
    assert not load_settings(workspace.root).experiment


def test_an_experiment_is_part_of_what_decides_a_night(workspace):
    """Another share, salt or variant is another night."""
    told = set()
    for text in (
        EXPERIMENT,
        EXPERIMENT.replace('name = "spring"', 'name = "spring"\nsalt = "s"'),
        EXPERIMENT.replace("ease = 2", "ease = 3"),
    ):
        workspace.settings_file.write_text(text)
        told.add(load_settings(workspace.root).fingerprint())
    assert len(told) == 3


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("share = 0.1", "share = 0.2", "shares of the variants add up to 1, not to 1.1"),
        ("share = 0.1", "share = 0", "greater than 0"),
        ('"control"', '"bold"', "bold names several"),
        ('name = "spring"', "", "a name and variants"),
        ("share = 0.1", "shares = 0.1", "experiment.variants.1.share"),
        ('models = ["ease", "popularity"]', "models = []", "at least 1 item"),
        ('models = ["ease", "popularity"]', 'models = ["popularity"]', "bold gives ease a weight and leaves it out of its models"),
        ("{ease = 2, popularity = 1}", "{ease = 0}", "one of them is above 0"),
        ("{ease = 2, popularity = 1}", "{ease = 2, popularity = -1}", "not negative"),
        ("{ease = 2, popularity = 1}", "{ease = inf}", "not negative"),
    ],
)
def test_what_does_not_fit_together_is_refused(workspace, written, instead, told):
    assert written in EXPERIMENT
    workspace.settings_file.write_text(EXPERIMENT.replace(written, instead, 1))
    with pytest.raises(UsageError) as refused:
        load_settings(workspace.root)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ('["ease", "populrity"]', "variant bold names populrity, which is no model of [train]: did you mean popularity?"),
        ('["ease", "bpr"]', "variant bold names bpr, which is no model of [train]"),
    ],
)
def test_a_model_that_is_not_trained_is_refused_with_the_closest_that_is(workspace, models, told):
    """A misspelt one, and one that exists and is not among those of [train]."""
    text = EXPERIMENT.replace('["ease", "popularity"]', models).replace("{ease = 2, popularity = 1}", "{ease = 2}")
    workspace.settings_file.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_settings(workspace.root)
    assert told in str(refused.value)


def test_shares_that_add_up_but_for_rounding_are_taken(workspace):
    thirds = "".join(f'\n[[experiment.variants]]\nname = "{name}"\nshare = {1 / 3}\n' for name in "abc")
    workspace.settings_file.write_text(f'[experiment]\nname = "thirds"\n{thirds}')
    assert load_settings(workspace.root).experiment.names == ("a", "b", "c")


def test_a_manifest_tells_how_users_were_split(workspace):
    """Its settings hold every default, also those of policies that no variant may set, and what a later version may not know."""
    workspace.settings_file.write_text(EXPERIMENT)
    experiment = load_settings(workspace.root).experiment
    told = load_settings(workspace.root).deciding()["experiment"] | {"unheard_of": 1}
    split = ExperimentConfig.split(told)
    assert (split.names, split.shares) == (experiment.names, experiment.shares)
    assert not ExperimentConfig.split({})


@pytest.mark.parametrize(("variant", "most"), [("bold", 3), ("control", 5), (None, 5), ("gone", 5)])
def test_a_manifest_tells_the_policies_in_force_for_a_variant(workspace, variant, most):
    """Those of the variant if it has its own, but for what holds for everybody."""
    shared = '[policies.fatigue]\nnights = 2\n[[policies.caps]]\nname = "genres"\nby = "genres"\nmost = 5\n'
    workspace.settings_file.write_text(EXPERIMENT + shared)
    found = in_force(load_settings(workspace.root).deciding(), variant)["policies"]
    assert ([cap["most"] for cap in found["caps"]], found["fatigue"]["nights"]) == ([most], 2)


def test_likeness_in_a_variant_is_told_by_what_speaks_in_it(workspace):
    """Refused before a night begins, not once lists are made."""
    workspace.settings_file.write_text(f'{EXPERIMENT}[experiment.variants.policies.diversity]\nstrength = 0.1\nby = "als"\n')
    with pytest.raises(UsageError, match=r"must be one of descriptions, popularity"):
        load_settings(workspace.root)
