import json
import tomllib

import pytest

from flows.settings import Settings, default_file, load_settings, set_in_file, settings_told
from tasks.refusals import UsageError


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(workspace, monkeypatch):
    assert load_settings(workspace.root).score.k == 20
    workspace.settings_file.write_text("[score]\nk = 5\npopular = 7\n")
    assert load_settings(workspace.root).score.k == 5
    monkeypatch.setenv("NIGHTLY__SCORE__K", "6")
    assert load_settings(workspace.root).score.k == 6
    settings = load_settings(workspace.root, score={"k": 8})
    assert (settings.score.k, settings.score.popular) == (8, 7)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[score]\nkk = 5\n", "score.kk"),
        ("[scores]\nk = 5\n", "scores"),
        ("[score]\nk = 'many'\n", "score.k"),
        ("[train.towers]\nepoch = 3\n", "train.towers.epoch"),
        ("[source]\ntimezone = 'Europe/Zurch'\n", "source.timezone"),
        ("k = = 5\n", "nightly.toml"),
        ("[blend]\nmethod = 'median'\n", "setting blend:"),
        ("[train]\nmodels = ['ease']\n", "train.models"),
    ],
)
def test_an_unknown_or_unfit_key_is_refused_by_name(workspace, text, named):
    workspace.settings_file.write_text(text)
    with pytest.raises(UsageError, match=named.replace(".", r"\.")):
        load_settings(workspace.root)


def test_an_unknown_section_in_the_environment_is_refused(workspace, monkeypatch):
    monkeypatch.setenv("NIGHTLY__SCOER__K", "6")
    with pytest.raises(UsageError, match="NIGHTLY__SCOER__K"):
        load_settings(workspace.root)


def test_the_default_file_reads_as_the_defaults_and_names_every_section(workspace):
    text = default_file(threads=3)
    workspace.settings_file.write_text(text)
    assert load_settings(workspace.root) == Settings(compute={"threads": 3})
    sections = {name for name, field in Settings.model_fields.items() if hasattr(field.annotation, "model_fields")}
    assert sections <= set(tomllib.loads(text))


def test_a_commented_default_becomes_a_setting_in_place(workspace):
    workspace.settings_file.write_text(default_file(threads=2))
    lines = len(workspace.settings_file.read_text().splitlines())
    set_in_file(workspace.settings_file, "events", "positive_from", 4.0)
    assert load_settings(workspace.root).events.positive_from == 4.0
    assert len(workspace.settings_file.read_text().splitlines()) == lines


def test_a_value_is_set_in_its_own_section_and_added_where_it_is_missing(workspace):
    """The same key of another section, and a comment that looks like it, stay as they are."""
    workspace.settings_file.write_text("[train.ease]  # votes\n\n[train.als]\n# reg = 0.5\nreg = 0.03\nalpha = 2.0\n")
    set_in_file(workspace.settings_file, "train.ease", "reg", 5.0)
    set_in_file(workspace.settings_file, "train.als", "reg", 0.1)
    set_in_file(workspace.settings_file, "score", "k", 7)
    assert workspace.settings_file.read_text() == (
        "[train.ease]  # votes\nreg = 5.0\n\n[train.als]\n# reg = 0.5\nreg = 0.1\nalpha = 2.0\n\n[score]\nk = 7\n"
    )
    assert load_settings(workspace.root).train.als.reg == 0.1


def test_what_cannot_change_a_byte_is_no_part_of_the_fingerprint(workspace):
    plain = load_settings(workspace.root).fingerprint()
    assert (
        load_settings(workspace.root, warehouse={"threads": 4}, tune={"windows": 5}, source={"on_bad_file": "set_aside"}).fingerprint()
        == plain
    )
    assert load_settings(workspace.root, score={"k": 5}).fingerprint() != plain


def test_settings_that_a_manifest_tells_are_read_as_they_were(workspace, monkeypatch):
    """Neither a variable nor a file of today adds to them, not even to a table of settings."""
    workspace.settings_file.write_text("[events]\nweights = {view = 1.0}\n[score]\nk = 5\n")
    then = load_settings(workspace.root)
    monkeypatch.setenv("NIGHTLY__SCORE__K", "6")
    monkeypatch.setenv("NIGHTLY__EVENTS__WEIGHTS", '{"purchase": 3.0}')
    monkeypatch.setenv("NIGHTLY__SCORE__POPULAR", "7")
    told = json.loads(json.dumps(then.model_dump(mode="json")))
    assert settings_told(told) == then
    del told["score"]["popular"]
    assert settings_told(told) == then


def test_settings_of_a_manifest_that_are_settings_no_more_are_named():
    with pytest.raises(UsageError, match=r"setting score\.kk of the manifest"):
        settings_told({"score": {"kk": 1}})
