"""Addresses and messages of servers, fit to be logged: a password may stand in an address, and an address in a message."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlencode

from pydantic import AfterValidator

SECRET = ("password", "sslpassword")
"""Parameters of an address that nobody may read."""

HIDDEN = "***"

_ADDRESS = re.compile(r"(?P<scheme>[\w+]+)://(?:(?P<who>.*)@)?(?P<where>[^@]*)", re.DOTALL)
_BROKEN = re.compile("[@/?#:]")


def _named(variable: str) -> str:
    if not re.fullmatch(r"\w+", variable):
        raise ValueError("the name of an environment variable that holds the address, not the address itself")
    return variable


VariableName = Annotated[str, AfterValidator(_named)]
"""A setting that says in which environment variable a secret stands: names are logged and shown, so that nothing else may stand there."""


def spelled(uri: str) -> str:
    """Write an address without its passwords.

    A password may hold any sign, also those that end it: whatever stands before the last @ but the user's name is taken for one. On the
    web the name itself may be a token.
    """
    parts = _ADDRESS.fullmatch(uri)
    if parts is None:
        return uri
    user = (parts["who"] or "").partition(":")[0] if _shows_user(uri) else ""
    where, _, query = parts["where"].partition("?")
    asked = urlencode([(name, value) for name, value in parse_qsl(query) if name not in SECRET])
    return f"{parts['scheme']}://{user}{'@' if user else ''}{where}{f'?{asked}' if asked else ''}"


def without_secrets(text: str, uri: str) -> str:
    """Take an address and its passwords out of a text, in every way in which they, or what is left of them, may be written there."""
    parts = _ADDRESS.fullmatch(uri)
    if parts is None:
        return text
    password = (parts["who"] or "").partition(":")[2] if _shows_user(uri) else parts["who"] or ""
    query = parts["where"].partition("?")[2]
    written = [password, *(value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name in SECRET)]
    pieces = [piece for piece in _BROKEN.split(password) if len(piece) > 1]
    text = text.replace(uri, spelled(uri))
    for secret in sorted({*written, *map(unquote, written), *pieces}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN) if secret else text
    return text


def _shows_user(uri: str) -> bool:
    return uri.startswith("postgres")
