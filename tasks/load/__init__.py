"""Load: bring the published tables of a night into a database, whole, in one transaction."""

from __future__ import annotations
