"""A setting that does not fit is found in a minute: the line it stands in, and what was meant."""

import pytest

from flows.setting_faults import line_of
from flows.settings import load_settings
from tasks.near_miss import nearest
from tasks.refusals import UsageError

MISTAKES = [
    ("[tran]\nmodel = ['ease']\n", 1, "did you mean [train] models?"),
    ("# models\n[train]\nmodel = ['ease']\n", 3, "did you mean [train] models?"),
    ("[train]\nmodels = [\n  'eese',\n]\n", 2, 'did you mean "ease"?'),
    ("[score]\nk = 5\n[train.als]\niteratons = 3\n", 4, "did you mean [train.als] iterations?"),
    ("[evaluate]\nmodels = ['ease']\n", 2, "did you mean [train] models?"),
    ("seeed = 3\n", 1, "did you mean seed?"),
    ("[policies.diversty]\nstrength = 1.0\n", 1, "did you mean [policies.diversity]?"),
    ("train.als.iteratons = 3\n", 1, "did you mean [train.als] iterations?"),
]


@pytest.mark.parametrize(("text", "line", "hint"), MISTAKES)
def test_a_mistake_in_the_file_is_named_with_its_line_and_what_was_meant(workspace, text, line, hint):
    workspace.settings_file.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_settings(workspace.root)
    assert f"{workspace.settings_file}, line {line}, setting" in refused.value.where
    assert hint in refused.value.next_step


def test_a_section_pasted_a_second_time_is_answered_with_where_its_lines_belong(workspace):
    workspace.settings_file.write_text("[source]\nuser_id_type = 'text'\n[source]\ntimezone = 'UTC'\n")
    with pytest.raises(UsageError, match=r"line 3.*further up"):
        load_settings(workspace.root)


def test_an_unfit_value_is_named_with_its_line_and_nothing_is_guessed(workspace):
    workspace.settings_file.write_text("\n[score]\nk = 'many'\n")
    with pytest.raises(UsageError, match=r"line 3, setting score\.k: .*Next: correct line 3 of"):
        load_settings(workspace.root)


@pytest.mark.parametrize(
    "text",
    [
        '[source.postgres]\nuri_variable = "postgresql://ada:s3cret@db/shop"\n',
        '[load.postgres]\nuri_variable = "postgresql://ada:s3@cret@db/shop"\n',
        '[mlflow]\ntracking_uri_variable = "https://s3cret@mlflow.example"\n',
        '[source.postgres]\nuri = "postgresql://ada:s3cret@db/shop"\n',
        '[source.postgres]\npassword = "s3cret"\n',
        '[source.postgress]\nuri = "postgresql://ada:s3cret@db/shop"\npassword = "s3cret"\n',
    ],
)
def test_a_password_that_stands_in_the_file_is_not_repeated(workspace, text):
    """An address where its variable's name should be is refused, and what is refused is logged."""
    workspace.settings_file.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_settings(workspace.root)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("NIGHTLY__TRAN__MODELS", "NIGHTLY__TRAIN__MODELS"),
        ("NIGHTLY__TRAN__ALS__REG", "NIGHTLY__TRAIN__ALS__REG"),
        ("NIGHTLY__TRAIN__MODEL", "NIGHTLY__TRAIN__MODELS"),
        ("NIGHTLY__SCORE__PPOPULAR", "NIGHTLY__SCORE__POPULAR"),
    ],
)
def test_a_mistyped_variable_is_answered_with_the_nearest(workspace, monkeypatch, name, meant):
    monkeypatch.setenv(name, "3")
    with pytest.raises(UsageError) as refused:
        load_settings(workspace.root)
    assert name in refused.value.where
    assert f"did you mean {meant}?" in refused.value.next_step


def test_a_flag_that_does_not_fit_is_not_looked_for_in_the_file(workspace, monkeypatch):
    workspace.settings_file.write_text("[tune]\nwindows = 3\n")
    monkeypatch.setenv("NIGHTLY__TUNE__WINDOWS", "4")
    with pytest.raises(UsageError, match=r"^setting tune\.windows: .*Next: correct the flag"):
        load_settings(workspace.root, tune={"windows": -1})


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("seed",), 1),
        (("train", "als", "reg"), 4),
        (("train",), 3),
        (("train", "als", "alpha"), 3),
        (("policies", "boosts", "1", "factor"), 9),
        (("policies", "boosts", "1", "other"), 8),
        (("keeping", "dates"), None),
    ],
)
def test_a_key_is_found_by_its_line_else_its_table(keys, line):
    text = "seed = 1\n\n[train.als]  # factors\nreg = 1.0\n\n[[policies.boosts]]\nfactor = 2.0\n[[policies.boosts]]\nfactor = 3.0\n"
    assert line_of(text, keys) == line


def test_nothing_is_guessed_where_nothing_is_near():
    assert nearest("xyzzy", ["train", "score"]) is None
    assert nearest("SCOER", ["train", "score"]) == "score"
