"""Templates of statements for PostgreSQL: what a bound value cannot say, such as the names of tables and columns."""

from __future__ import annotations

from functools import cache

import jinja2


@cache
def template(package: str, name: str) -> jinja2.Template:
    """Return a template that lies beside a package's modules; a name in it that is not given raises."""
    loading = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - SQL: every name is quoted, every value a literal
    )
    return loading.get_template(name)
