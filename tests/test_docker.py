"""The containers are set up as docs/how-to/docker.md says; no test builds or starts them, since that needs Docker and a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import flows.cli  # noqa: F401 - it and what it imports have the commands
from flows.cli_app import app

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
TEXT = (DOCKER / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if service["image"] == "nightly-recs:latest"]
EXAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DOCKER / ".env.example").read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "docker/Dockerfile"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker/docker-compose.yml"],
    ],
    ids=lambda command: command[0],
)
def test_the_linters_have_nothing_to_say(command: list[str]) -> None:
    """Both hold their rules themselves and ask nobody."""
    program = Path(sys.executable).with_name(command[0])
    if not program.exists() and not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([str(program), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_is_in_the_example_and_no_secret_has_a_value() -> None:
    """Whoever copies the example is asked for everything, and nothing secret is given away or guessed."""
    used = set(re.findall(r"\$\{(\w+)", TEXT))
    assert used == set(EXAMPLE)
    secret = {name for name in EXAMPLE if re.search(r"AUTH|PASSWORD", name)}
    assert {EXAMPLE[name] for name in secret} == {""}
    for name in secret:
        assert f"${{{name}:?" in TEXT, "the first use of a secret must say where to set it"
        assert f"${{{name}:-" not in TEXT


def test_nothing_is_reached_from_other_machines() -> None:
    """Only Prefect's page has a port on the host, on its loopback, and its API asks who calls."""
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "prefect-server": ["127.0.0.1:${PREFECT_PORT:-4200}:4200"]
    }
    assert SERVICES["prefect-server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"] == "${PREFECT_AUTH}"
    for name in ("deploy", "worker"):
        assert "PREFECT_AUTH" in SERVICES[name]["environment"]["PREFECT_API_AUTH_STRING"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_little(name: str) -> None:
    """No rights, nothing to write to but volumes and what is forgotten."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)


def test_what_is_waited_for_can_happen() -> None:
    """Who waits for health waits for a service that tells its health; who waits for an end, for one that is not started again after it."""
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], (name, other)
            else:
                assert SERVICES[other]["restart"] in ("no", "on-failure:3"), (name, other)
    assert set(yaml.safe_load(TEXT)["volumes"]) == {"postgres", "data"}
    assert all("limits" in SERVICES[name]["deploy"]["resources"] for name in ("postgres", "prefect-server", "worker"))


@pytest.mark.parametrize("name", [name for name in OURS if SERVICES[name].get("entrypoint") != ["sh", "-c"]])
def test_the_commands_of_the_services_exist(name: str) -> None:
    """`nightly deploy` and Prefect's own commands understand what compose gives them."""
    from prefect.cli import app as _  # noqa: F401 - it registers the commands
    from prefect.cli._app import _app as prefect

    service = SERVICES[name]
    command = prefect if service.get("entrypoint") == ["prefect"] else app
    command.parse_args(service["command"], exit_on_error=False, print_error=False)


def test_the_image_copies_what_the_package_is_made_of_and_nothing_else() -> None:
    """What is copied is let through by .dockerignore, all else is kept out; the health of an image is that of what is served."""
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()}
    let_through = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    health = re.search(r"^HEALTHCHECK .*\\\n +CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert health
    assert "nightly status" in json.loads(health[1])[2]
