"""Where a reading stands: a moment to begin at, or the row that was read last.

Here: both as data and as text, and a moment as a column of text has it. Not here: asking what
follows (database.py).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

_SAMPLE: Final = re.compile(
    r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
Key = int | str | Decimal


@dataclass(frozen=True, slots=True)
class Start:
    """All that changed at this moment or later. `sample` is a moment as the column writes it, where
    it is a text.
    """

    moment: datetime
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """All that follows this row: its moment as it is kept, then its id."""

    moved: datetime | str
    key: Key


def place_of(told: dict[str, str]) -> Place | Start:
    """A place out of its text."""
    if "start" in told:
        return Start(datetime.fromisoformat(told["start"]), told.get("sample", ""))
    moved = told["moved"] if told["as"] == "text" else datetime.fromisoformat(told["moved"])
    key: Key = told["key"]
    if told["key_as"] != "text":
        key = int(told["key"]) if told["key_as"] == "whole" else Decimal(told["key"])
    return Place(moved, key)


def told(place: Place | Start) -> dict[str, str]:
    """A place as text, so that the same row is found again."""
    if isinstance(place, Start):
        return {"start": place.moment.isoformat(), "sample": place.sample}
    moved, key = place.moved, place.key
    words = {int: "whole", Decimal: "decimal"}
    return {
        "moved": moved if isinstance(moved, str) else moved.isoformat(),
        "as": "text" if isinstance(moved, str) else "moment",
        "key": str(key),
        "key_as": words.get(type(key), "text"),
    }


def moment_of(value: object, zone: ZoneInfo) -> datetime | None:
    """The moment of a cursor; one that names no zone is of the source's. None: it is none."""
    if isinstance(value, str):
        if not _SAMPLE.fullmatch(value):
            return None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def like(sample: str, moment: datetime, zone: ZoneInfo) -> str:
    """A moment written as a sample is, so that texts compare as moments do; to the minute, for
    a text may have less than seconds.
    """
    shape = _SAMPLE.fullmatch(sample)
    between, offset = (shape[1], shape[2]) if shape else (" ", None)
    here = datetime.fromisoformat(sample).tzinfo if offset else zone
    return moment.astimezone(here).strftime(f"%Y-%m-%d{between}%H:%M")
