"""What the forms ask for: the name, the hint and the limits of each field, said once for all flows.

What a field means for one flow is read from that flow's docstring. Prefect shows the fields in the order of the flow's parameters.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone is called {name!r}; one is called 'Europe/Zurich'") from error


def _named(title: str, *examples: str, **limits: Any) -> Any:
    """Name a field; Prefect would put the parameter's own name there, which an extra of the schema overrides."""
    return Field(json_schema_extra={"title": title} | ({"examples": list(examples)} if examples else {}), **limits)


Folder = Annotated[str, _named("Workspace folder", "/srv/my-shop", min_length=1)]
NightDate = Annotated[date | None, _named("Date of the night")]
TimeZone = Annotated[str, AfterValidator(_known_zone), _named("Time zone", "UTC", "Europe/Zurich", min_length=1)]
Replace = Annotated[bool, _named("Replace a published date")]
AllowVolume = Annotated[bool, _named("Accept an unusual volume")]
IfNew = Annotated[bool, _named("Only if something is new")]
Wait = Annotated[bool, _named("Wait for another run")]
OnBadFile = Annotated[Literal["as set", "stop", "set_aside"], _named("Unreadable files")]
"""One list of values: beside an empty one the form would hide them behind a switch."""
ModelVersion = Annotated[str, _named("Set of models", "0f3a9c1d5b7e2468", min_length=1)]
FirstDate = Annotated[date, _named("First date")]
LastDate = Annotated[date, _named("Last date")]
PublishedDate = Annotated[date, _named("Published date")]
