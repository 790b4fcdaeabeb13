"""Claims about files of policies: what is read of them, and that a slip is told by file and key."""

from __future__ import annotations

import pytest

from flows.policy_file import read_policies
from flows.settings import default_file, set_in_file
from tasks.policies.config import PoliciesConfig
from tasks.refusals import UsageError


def test_a_whole_file_of_settings_is_read_for_its_policies_alone(tmp_path):
    """An experiment in it, and settings that would not do, are nobody's business here."""
    file = tmp_path / "all.toml"
    file.write_text(default_file(2))
    for section, key, value in (("policies.fatigue", "nights", 2), ("experiment", "name", "half"), ("score", "k", -1)):
        set_in_file(file, section, key, value)
    assert read_policies(file) == PoliciesConfig.model_validate({"fatigue": {"nights": 2}})


def test_a_file_without_policies_declares_none(tmp_path):
    (tmp_path / "none.toml").write_text("")
    assert not read_policies(tmp_path / "none.toml").declared


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[policy]\n", r"bad\.toml: policy: .*did you mean policies\?"),
        ("[policies]\ncap = []\n", r"bad\.toml: policies\.cap: expected a known setting"),
        ('[[policies.caps]]\nname = "a"\nby = "b"\nmots = 2\n', r"bad\.toml: policies\.caps\.0\.mots: expected a known setting; found 2"),
        ('[[policies.caps]]\nname = "a"\nby = "b"\nmost = 0\n', r"bad\.toml: policies\.caps\.0\.most: .*greater than or equal to 1"),
        ("[policies\n", r"bad\.toml: expected valid TOML"),
        ("\udcff", r"bad\.toml: expected text in UTF-8"),
    ],
)
def test_a_slip_is_told_by_file_and_key(tmp_path, text, said):
    (tmp_path / "bad.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=said):
        read_policies(tmp_path / "bad.toml")


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_what_cannot_be_read_is_told(tmp_path, name):
    with pytest.raises(UsageError, match="a file of policies that can be read"):
        read_policies(tmp_path / name)
