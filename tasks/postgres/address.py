"""The address of a server, with its password: whoever shows one shows it without."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tasks.refusals import UsageError
from tasks.without_secrets import spelled, without_secrets

SCHEMES = ("postgresql://", "postgres://")
PATIENCE = {"connect_timeout": "15", "keepalives_idle": "60", "keepalives_interval": "15", "keepalives_count": "4"}
"""Seconds, and how many times: by default a server that went away in the middle of an answer is waited for two hours."""


@dataclass(frozen=True)
class Address:
    """Where a server is; `variable` is the environment variable that told so."""

    variable: str
    uri: str = field(repr=False)

    @classmethod
    def told(cls, variable: str, uri: str | None) -> Address:
        """Read what an environment variable holds; raises UsageError where that is nothing, or no address."""
        next_step = f"export {variable}=postgresql://user:password@host:5432/database; the variable's name is set in nightly.toml"
        if not uri:
            raise UsageError(f"environment variable {variable}", "the address of a PostgreSQL server", "nothing", next_step)
        if not uri.startswith(SCHEMES):
            raise UsageError(f"environment variable {variable}", "an address that begins with postgresql://", "something else", next_step)
        return cls(variable, uri)

    def __str__(self) -> str:
        return spelled(self.uri)

    @property
    def dialled(self) -> str:
        """Return the address as it is connected to: a host that says nothing is given up, unless the address has an opinion."""
        query = self.uri.partition("?")[2]
        asked = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
        patience = "&".join(f"{name}={value}" for name, value in PATIENCE.items() if name not in asked)
        return f"{self.uri}{'&' if query else '?'}{patience}" if patience else self.uri

    def scrubbed(self, text: str) -> str:
        """Return a message of the server or the driver without what nobody may read."""
        return without_secrets(text, self.uri)
