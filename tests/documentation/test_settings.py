"""The settings are documented whole: in their page, in the default file, in examples that load and in sentences."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from flows.configuration_page import configuration_page
from flows.settings import PREFIX, Settings, default_file, load_settings
from models.policies.limits import Cause
from tasks.experiment import ExperimentConfig
from tasks.policies.config import PoliciesConfig
from tests.documentation.pages import COMMANDS, ROOT, Block, Command, of_language


def settings(config: type[BaseModel], *before: str) -> Iterator[tuple[str, str | None]]:
    """Yield every setting in full with its meaning; a section's is the docstring of its class."""
    for name, field in config.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield ".".join((*before, name)), type(default).__doc__
            yield from settings(type(default), *before, name)
        else:
            yield ".".join((*before, name)), field.description


def test_the_page_of_the_settings_is_up_to_date() -> None:
    """Else: .venv/bin/python -m flows.configuration_page > docs/reference/configuration.md."""
    assert (ROOT / "docs" / "reference" / "configuration.md").read_text() == configuration_page()


def test_every_setting_is_in_the_page_with_values_and_a_meaning() -> None:
    """By the name it has in the environment; those of the rules in lists, by their own."""
    rows = re.findall(r"^\| `(\w+)`(?:<br>`(\w+)`)? \| (.*) \| (.*) \| (.*) \|$", configuration_page(), re.MULTILINE)
    plain = {name for name, _ in settings(Settings)} - {name for name, _ in sections(Settings)}
    assert {variable for _, variable, *_ in rows if variable} == {PREFIX + name.upper().replace(".", "__") for name in plain}
    assert [name for name, _, values, default, meaning in rows if not (values and default and len(meaning) > 10)] == []


def sections(config: type[BaseModel], *before: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every section in full with its class."""
    for name, field in config.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield ".".join((*before, name)), type(default)
            yield from sections(type(default), *before, name)


@pytest.mark.parametrize(("name", "meaning"), list(settings(Settings)))
def test_every_setting_has_a_meaning_in_the_default_file(name: str, meaning: str | None) -> None:
    """nightly.toml says of each setting and section what it does."""
    assert meaning
    assert f"# {meaning.splitlines()[0]}" in default_file(threads=2), name


@pytest.mark.parametrize("block", of_language("toml"), ids=str)
def test_every_example_of_settings_is_valid(block: Block, tmp_path: Path) -> None:
    """An example of nightly.toml loads."""
    (tmp_path / "nightly.toml").write_text(block.text)
    load_settings(tmp_path)


@pytest.mark.parametrize("line", [command for command in COMMANDS if "NIGHTLY__" in command.text], ids=str)
def test_every_setting_by_environment_is_valid(line: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting given before a command loads."""
    for name, value in re.findall(r"(NIGHTLY__\w+)=('[^']*'|\S+)", line.text):
        monkeypatch.setenv(name, value.strip("'"))
    load_settings(tmp_path)


def named(config: type[BaseModel]) -> Iterator[str]:
    """Yield the names of all settings below a section, those of its rules too."""
    for name, field in config.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from named(part)


def shown(value: Any) -> Iterator[str]:
    """Yield the names of all that is set in an example."""
    for name, part in value.items() if isinstance(value, dict) else ((None, part) for part in value) if isinstance(value, list) else ():
        yield from [name] if name else []
        yield from shown(part)


@pytest.mark.parametrize(("page", "section"), [("policies", PoliciesConfig), ("experiments", ExperimentConfig)])
def test_examples_or_sentences_show_every_setting_of_policies_and_experiments(page: str, section: type[BaseModel]) -> None:
    """No rule can be set that its page does not name."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    in_examples = {name for block in of_language("toml") if block.page.stem == page for name in shown(tomllib.loads(block.text))}
    in_sentences = set(re.findall(r"`(\w+)`", text))
    of_policies = set(named(PoliciesConfig)) if section is ExperimentConfig else set()
    assert set(named(section)) - of_policies - in_examples - in_sentences == set()


@pytest.mark.parametrize("cause", [cause for cause in get_args(Cause) if cause != "rank"])
def test_the_page_of_policies_knows_every_cause(cause: str) -> None:
    """Whatever keeps a candidate from a list, docs/policies.md names it."""
    assert f"`{cause}`" in (ROOT / "docs" / "policies.md").read_text()
