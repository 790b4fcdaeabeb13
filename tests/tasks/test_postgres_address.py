"""The address of a server: read from one variable, shown without its password, and what the server's errors mean."""

from __future__ import annotations

import sys

import pytest

from tasks.mirror import mirror
from tasks.mirror_config import MlflowConfig
from tasks.postgres import Address, connected
from tasks.postgres.connection import UnavailableError, fault, first_line
from tasks.refusals import UsageError

URI = "postgresql://reader:p%40ss%2Fword@db.example:5433/shop?sslmode=require&sslpassword=other"


def test_an_address_is_shown_without_its_passwords() -> None:
    """Neither str nor repr tell them; who, where and how stays."""
    address = Address.told("SHOP", URI)
    assert str(address) == "postgresql://reader@db.example:5433/shop?sslmode=require"
    assert "ss" not in repr(address).replace("Address", "")


@pytest.mark.parametrize("told", [URI, "p@ss/word", "p%40ss%2Fword", 'invalid "other" in connection'])
def test_messages_lose_passwords_however_they_are_written(told: str) -> None:
    """A driver may quote the whole address, or the password as it was typed or as it was meant."""
    shown = Address.told("SHOP", URI).scrubbed(f"Failed to connect: {told}")
    assert not any(secret in shown for secret in ("p@ss", "p%40ss", "other"))


@pytest.mark.parametrize("password", ["pa#ssw0rd", "pa/ssw0rd", "pa?ssw0rd", "pa@ssw0rd", "pa:ssw0rd"])
def test_a_password_that_breaks_its_address_is_not_shown_either(password: str) -> None:
    """Nobody has told the operator to write %23 for #; what the driver takes for a host is then part of the password."""
    address = Address.told("SHOP", f"postgresql://reader:{password}@db.example/shop")
    assert str(address) == "postgresql://reader@db.example/shop"
    assert "ssw0rd" not in address.scrubbed('could not translate host name "ssw0rd@db.example"')


def test_what_is_no_address_is_not_repeated() -> None:
    """A variable that holds something else may hold a password: the refusal names the variable only."""
    for wrong in (None, "", "host=db password=s3cret", "mysql://me:s3cret@db/shop"):
        with pytest.raises(UsageError, match="environment variable SHOP") as raised:
            Address.told("SHOP", wrong)
        assert "s3cret" not in str(raised.value)


def test_a_host_that_says_nothing_is_given_up() -> None:
    """Unless the address itself says how long to wait; everything else in it stays."""
    dialled = Address.told("SHOP", URI).dialled
    assert dialled.startswith(f"{URI}&connect_timeout=15&")
    assert "connect_timeout=15" not in Address.told("SHOP", f"{URI}&connect_timeout=1").dialled
    assert Address.told("SHOP", "postgresql:///shop").dialled.startswith("postgresql:///shop?connect_timeout=15")


@pytest.mark.parametrize(
    ("state", "told", "passes", "next_step"),
    [
        ("57P03", "FATAL:  the database system is starting up", True, "start the server"),
        ("", "connection to server at 10.0.0.1, port 5432 failed: Connection refused", True, "start the server"),
        ("", "PQgetCopyData() failed: server closed the connection unexpectedly", True, "start the server"),
        ("", "FATAL:  the database system is not yet accepting connections", True, "start the server"),
        ("40001", "ERROR:  could not serialize access", True, "start the server"),
        ("28P01", 'FATAL:  password authentication failed for user "reader"', False, "correct the address in SHOP"),
        ("42501", "ERROR:  permission denied for table orders", False, "grant"),
        ("57014", "ERROR:  canceling statement due to statement timeout", False, "statement_timeout_seconds"),
        ("55P03", "ERROR:  canceling statement due to lock timeout", False, "pg_stat_activity"),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(state: str, told: str, passes: bool, next_step: str) -> None:
    """Each error comes with what to do about it."""
    found = fault(Address.told("SHOP", URI), state, told)
    assert isinstance(found, UnavailableError) is passes
    assert next_step in found.next_step


def test_an_error_is_told_in_its_own_sentence() -> None:
    """Without what driver and library put around it."""
    assert (
        first_line("INVALID_DATA: [libpq] Failed to execute query 'select 1/0': ERROR:  division by zero\n. SQLSTATE: 22012")
        == "division by zero"
    )


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages are optional; who configures them without installing them is told what to type."""
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(UsageError, match=r"make setup.*pip install '\.\[postgres\]'"), connected(Address("SHOP", URI), 1, read_only=True):
        pass
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"make setup.*pip install '\.\[mlflow\]'"):
        mirror([], MlflowConfig(mirror=True), "http://mlflow.example")
