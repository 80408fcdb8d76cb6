"""Days as people write them in files: 05/06/2026 is the 5th of June, or the 6th of May; of 05/06/26
the year may come first, too.

Here: which of these a file means, where its own values say so; and the same values with their day
as 2026-06-05. A year of two digits is one of this century. A date that Excel knows, and one that
begins with its whole year, is never in doubt. Not here: which columns hold days (sheet_orders.py),
asking a person (holding/uploads).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from connectors.contract.uploads import DayOrder

_WRITTEN: Final = re.compile(
    r"(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<third>\d{4}|\d{2})"
    r"(?P<rest>(?:[ T]+\d{1,2}:\d\d(?::\d\d)?.*)?)",
    re.ASCII,
)
_CENTURY: Final = "20"
Parts = tuple[str, str, str]


class Said(StrEnum):
    """What the values of a file say together of which number is the day."""

    DAY = "day"
    MONTH = "month"
    NOTHING = "nothing"
    EITHER = "either"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Days:
    """What a file says, the first of its values that can be read in several ways, and in which."""

    said: Said
    example: str = ""
    ways: tuple[DayOrder, ...] = ()

    def order(self, told: str) -> DayOrder | None:
        """How its days are read, if that is known: as its own values say, else as somebody told."""
        if self.said in (Said.DAY, Said.MONTH):
            return DayOrder(self.said.value)
        return DayOrder(told) if self.said is Said.EITHER and told in self.ways else None


def days_of(values: Iterable[object]) -> Days:
    """What these cells say together: only in a way in which all of them can be read. That a year
    comes first no value says alone: it may as well be a typing error.
    """
    written: dict[Parts, str] = {}
    for value in values:
        found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is not None:
            written.setdefault((found["first"], found["second"], found["third"]), found[0])
    each = {parts: read for parts in written if (read := readings(parts))}
    ways = tuple(one for one in DayOrder if all(one in read for read in each.values()))
    several = (parts for parts, read in each.items() if len(set(read.values())) > 1)
    example = next((written[parts] for parts in several), "")
    if not each:
        return Days(Said.DAY if written else Said.NOTHING)
    if not ways:
        return Days(Said.BOTH, example)
    if DayOrder.YEAR not in ways and len(ways) == 1:
        return Days(Said(ways[0].value), example, ways)
    in_doubt = (
        parts
        for parts, read in each.items()
        if len({read[one] for one in ways}) > 1 or ways == (DayOrder.YEAR,)
    )
    first = next(in_doubt, None)
    if first is None:
        return Days(Said.DAY)  # 05/05/2026 is one day either way
    return Days(Said.EITHER, written[first], ways)


def readings(parts: Parts) -> dict[DayOrder, str]:
    """What the three numbers of a day can mean, in ISO form: no month is above 12, no day above
    31. A year of four digits is never at the front.
    """
    first, second, third = (one.zfill(2) for one in parts)
    year = third if len(third) > 2 else f"{_CENTURY}{third}"
    read = {DayOrder.DAY: (year, second, first), DayOrder.MONTH: (year, first, second)}
    if len(third) == 2:
        read[DayOrder.YEAR] = (f"{_CENTURY}{first}", second, third)
    return {
        order: "-".join(told)
        for order, told in read.items()
        if 1 <= int(told[1]) <= 12 and 1 <= int(told[2]) <= 31
    }


def as_iso(value: object, order: DayOrder) -> object:
    """The value with its day as 2026-06-05, and what stands behind it; any other as it is."""
    found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return value
    day = readings((found["first"], found["second"], found["third"])).get(order)
    if day is None:
        return value
    rest = found["rest"].strip()
    if rest:
        hour, _, behind = rest.partition(":")
        rest = f" {hour.zfill(2)}:{behind}"
    return f"{day}{rest}"
