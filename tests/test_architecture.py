"""What keeps the house in order beside the import contracts: light starts, and names that say something."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.shop import Shop, write_delivery
from tasks.workspace import Workspace
from tests.conftest import SMALL_SHOP

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "keras", "great_expectations", "prefect", "matplotlib")


def loaded_after(code: str) -> set[str]:
    listed = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(listed.stdout.split())


def test_help_loads_nothing_heavy():
    """`nightly --help` must answer at once: not even pandas, DuckDB, SciPy or pydantic are loaded."""
    code = "from flows.cli import app\napp.meta('--help', result_action='return_value', exit_on_error=False)"
    assert not loaded_after(code) & {*HEAVY, "pandas", "duckdb", "scipy", "pydantic", "pyarrow"}


@pytest.mark.parametrize("module", ["flows.nightly", "flows.settings", "flows.backfill", "flows.republish"])
def test_heavy_libraries_load_only_with_the_step_that_needs_them(module):
    assert not loaded_after(f"import {module}") & set(HEAVY)


def test_a_night_without_networks_never_loads_tensorflow(tmp_path):
    workspace, day = Workspace(tmp_path / "shop"), SMALL_SHOP.delivery_dates[0]
    workspace.create('[train]\nmodels = ["ease", "popularity"]\n')
    write_delivery(Shop(SMALL_SHOP), day, workspace.root / "inbox")
    night = (
        "from datetime import date\nfrom pathlib import Path\nfrom flows.attempt import Options\nfrom flows.nightly import run_night\n"
        f"from flows.settings import load_settings\nroot = Path({str(workspace.root)!r})\n"
        f"ending = run_night(root, date.fromisoformat({str(day)!r}), load_settings(root), Options())\n"
        "assert ending.ending == 'published', ending.reason"
    )
    loaded = loaded_after(night)
    assert "great_expectations" in loaded
    assert not loaded & {"tensorflow", "keras", "prefect"}


@pytest.mark.parametrize("module", ["flows.status", "flows.verify", "flows.rollback", "flows.gc", "flows.doctor"])
def test_the_operators_commands_load_no_engine(module):
    """They are for the day on which an engine, or its file, is what is broken."""
    assert not loaded_after(f"import {module}") & {*HEAVY, "duckdb", "pandas", "pyarrow"}


def test_no_module_has_a_name_that_says_nothing():
    names = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager"}
    modules = [path for package in ("flows", "tasks", "models", "sql") for path in (ROOT / package).rglob("*.py")]
    assert not [path for path in modules if names & {path.stem, path.parent.name}]


def test_modules_stay_small_enough_to_read():
    modules = [path for package in ("flows", "tasks", "models", "sql") for path in (ROOT / package).rglob("*.py")]
    assert {path.relative_to(ROOT).as_posix(): n for path in modules if (n := len(path.read_text().splitlines())) > 300} == {}


def test_every_relation_says_its_grain_and_is_one_select():
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        text = path.read_text()
        assert text.startswith("-- "), path
        assert ";" not in "\n".join(line for line in text.splitlines() if not line.startswith("--")), path
