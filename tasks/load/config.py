"""Where published tables are loaded, and which."""

from __future__ import annotations

from pydantic import BaseModel, Field, field_validator

from tasks.tables import TABLES
from tasks.without_secrets import VariableName


class LoadPostgresConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A PostgreSQL database that holds what is served, filled by `nightly load`; see docs/postgresql.md."""

    after_publish: bool = False
    """Load the tables of every night once they are published; a load that fails is a warning, and the night stays published."""

    uri_variable: VariableName = "NIGHTLY_LOAD_POSTGRES_URI"
    """Name of the environment variable that holds the address, postgresql://user:password@host/database; it never stands in this file."""

    schema_name: str = Field("nightly", min_length=1, max_length=63)
    """Schema of the tables; it is made where it is missing."""

    tables: tuple[str, ...] = ()
    """Published tables to load; none listed means all of them."""

    statement_timeout_seconds: float = Field(1800, ge=0)
    """A statement that takes longer is given up, and the load with it; 0 waits for ever."""

    retries: int = Field(3, ge=0)
    """How often a server that does not answer is asked again, after 1, 2, 4 ... seconds."""

    @field_validator("tables")
    @classmethod
    def _published(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(tables) - set(TABLES))
        if unknown:
            raise ValueError(f"published tables, among {', '.join(TABLES)}; not {', '.join(unknown)}")
        return tables


class LoadConfig(BaseModel, frozen=True, extra="forbid"):
    """Where published tables go beside the workspace."""

    postgres: LoadPostgresConfig = LoadPostgresConfig()
