"""Days as people write them in files: 05/06/2026 is the 5th of June, or the 6th of May.

Here: which of both a file means, where its own values say so; and the same values with their day as
2026-06-05. A date that Excel knows, and one that begins with its year, is never in doubt. Not here:
which columns hold days (sheet_orders.py), asking a person (holding/uploads).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from connectors.contract.uploads import DayOrder

_WRITTEN: Final = re.compile(
    r"(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4})"
    r"(?P<rest>(?:[ T]+\d{1,2}:\d\d(?::\d\d)?.*)?)",
    re.ASCII,
)
_MONTHS: Final = 12


class Said(StrEnum):
    """What the values of a file say together of which number is the day."""

    DAY = "day"
    MONTH = "month"
    NOTHING = "nothing"
    EITHER = "either"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Days:
    """What a file says, and the first of its values that can be read both ways."""

    said: Said
    example: str = ""

    def order(self, told: str) -> DayOrder | None:
        """How its days are read, if that is known: as its own values say, else as somebody told."""
        if self.said in (Said.DAY, Said.MONTH):
            return DayOrder(self.said.value)
        known = self.said is Said.EITHER and told in set(DayOrder)
        return DayOrder(told) if known else None


def days_of(values: Iterable[object]) -> Days:
    """What these cells say together. A day above 12 tells all of them which number is which; two
    that tell otherwise than each other tell nothing.
    """
    day = month = written = False
    example = ""
    for value in values:
        found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            continue
        first, second = int(found["first"]), int(found["second"])
        written = True
        day |= first > _MONTHS >= second
        month |= second > _MONTHS >= first
        if not example and first != second and max(first, second) <= _MONTHS:
            example = value.strip() if isinstance(value, str) else ""
    if day and month:
        return Days(Said.BOTH, example)
    if day or month:
        return Days(Said.DAY if day else Said.MONTH, example)
    if example:
        return Days(Said.EITHER, example)
    return Days(Said.DAY if written else Said.NOTHING)  # 05/05/2026 is one day either way


def as_iso(value: object, order: DayOrder) -> object:
    """The value with its day as 2026-06-05, and what stands behind it; any other as it is."""
    found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return value
    parts = (found["first"], found["second"])
    day, month = parts if order is DayOrder.DAY else parts[::-1]
    if not (1 <= int(month) <= _MONTHS and 1 <= int(day) <= 31):
        return value
    rest = found["rest"].strip()
    if rest:
        hour, _, behind = rest.partition(":")
        rest = f" {hour.zfill(2)}:{behind}"
    return f"{found['year']}-{month.zfill(2)}-{day.zfill(2)}{rest}"
