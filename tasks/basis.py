"""What relations of the warehouse were built from, written down beside them: so the next night can tell whether it may go on from them.

A basis is forgotten before anything it speaks of is changed and written anew after the last change: half of a change has none.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tasks.warehouse import Warehouse

AnyBasis = TypeVar("AnyBasis", bound=BaseModel)


def basis_in(warehouse: Warehouse, relation: str, kind: type[AnyBasis]) -> AnyBasis | None:
    """Read the basis that a relation holds; None where there is none that this version of the program can read."""
    if not warehouse.has(relation):
        return None
    try:
        return kind.model_validate_json(warehouse.table(relation)["content"][0].as_py())
    except ValidationError:
        return None


def forget(warehouse: Warehouse, relation: str) -> None:
    """Remove a basis, where there is one."""
    warehouse.execute(f"drop table if exists {relation}")


def remember(warehouse: Warehouse, relation: str, basis: BaseModel) -> None:
    """Write a basis down."""
    warehouse.execute(f"create table {relation} as select $content as content", {"content": basis.model_dump_json()})
    warehouse.stamp(relation)
