"""The terms of bands of amounts and ages, as a statement over open holds asks for them.

Here: SQL. Not here: where the bands begin and end (bands.py).

Bands that meet are one range, without an end that says nothing: of a choice of several bands
PostgreSQL expects next to nothing, and reads all holds for the first thousand.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, true

from holding.db.models import Hold
from holding.tallies import bands


def of_amounts(chosen: Iterable[int]) -> ColumnElement[bool]:
    """The condition that the amount of a hold is in one of these bands, whichever sign it has."""
    numbers = sorted(set(chosen))
    found: list[ColumnElement[bool]] = [Hold.book.is_(None)] if bands.UNKNOWN in numbers else []
    for least, end in _met(bands.amounts_of(one) for one in numbers if one != bands.UNKNOWN):
        size = func.abs(Hold.book)  # for a range of the column SQLite would leave the order of ages
        far = size >= least if least else Hold.book.is_not(None)
        found.append(far if end is None else and_(size < end, far))
    return or_(false(), *found)


def of_ages(chosen: Iterable[int], midnight: datetime | None) -> ColumnElement[bool]:
    """The condition that a hold is of one of these bands of ages, counted to that midnight."""
    spans = (bands.opened_in(one, midnight) for one in sorted(set(chosen), reverse=True))
    return or_(false(), *(_opened(since, until) for since, until in _met(spans)))


def _opened(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    first: ColumnElement[bool] = true() if since is None else Hold.opened_at >= since
    return first if until is None else and_(first, Hold.opened_at < until)


def _met(spans: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Spans in their order, those that meet as one."""
    last: tuple[Any, Any] | None = None
    for since, until in spans:
        if last is not None and last[1] is not None and last[1] == since:
            last = (last[0], until)
            continue
        if last is not None:
            yield last
        last = (since, until)
    if last is not None:
        yield last
