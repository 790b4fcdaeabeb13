"""PostgreSQL, as a source of deliveries and as a place for published tables: addresses, connections, and what errors mean."""

from __future__ import annotations

from tasks.postgres.address import Address
from tasks.postgres.connection import Connection, connected, literal

__all__ = ["Address", "Connection", "connected", "literal"]
