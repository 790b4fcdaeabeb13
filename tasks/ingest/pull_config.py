"""Where PostgreSQL holds what a night takes in: a table or a select per source, and how its new rows are told."""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from tasks.without_secrets import VariableName
from tasks.workspace import SOURCES, Source


class PullConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """One source in the database; without a table or a query it is not read from there."""

    table: str | None = None
    """Table or view, such as shop.orders; a name with capitals or dots in it stands in double quotes."""

    query: str | None = None
    """A select of yours instead of a table."""

    cursor: str | None = None
    """Column that grows with every new or changed row (updated_at, a growing id): only rows beyond the last one taken in are read. Without
    it the whole table is read each night, and counts as delivered where it differs from the last."""

    overlap_minutes: int = Field(60, ge=0)
    """How long after others a row may be committed and still be found, where the cursor is a time."""

    overlap_ids: int = Field(10_000, ge=0)
    """The same where the cursor is a number: how far behind the newest."""

    @property
    def is_set(self) -> bool:
        return self.table is not None or self.query is not None

    @property
    def asked(self) -> str:
        """Return what is read, as people wrote it."""
        return self.table or (self.query or "").strip().rstrip(";").rstrip()

    @model_validator(mode="after")
    def _one_of_both(self) -> PullConfig:
        if self.table is not None and self.query is not None:
            raise ValueError("either `table` or `query`, not both")
        if not self.is_set and self.cursor is not None:
            raise ValueError("a `cursor` needs a `table` or a `query`")
        if self.is_set and not self.asked.strip():
            raise ValueError("a `table` or `query` that is not empty")
        return self


class PostgresConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A PostgreSQL database to take deliveries from, beside the inbox; see docs/postgresql.md."""

    uri_variable: VariableName = "NIGHTLY_POSTGRES_URI"
    """Name of the environment variable that holds the address, postgresql://user:password@host/database; it never stands in this file."""

    statement_timeout_seconds: float = Field(1800, ge=0)
    """A statement that takes longer is given up; 0 waits for ever."""

    retries: int = Field(3, ge=0)
    """How often a server that does not answer is asked again, after 1, 2, 4 ... seconds."""

    interactions: PullConfig = PullConfig()
    items: PullConfig = PullConfig()
    users: PullConfig = PullConfig()

    @property
    def sources(self) -> dict[Source, PullConfig]:
        """Return what is read from the database; empty where it is not used."""
        return {source: config for source in SOURCES if (config := getattr(self, source)).is_set}
