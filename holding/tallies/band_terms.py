"""The terms of bands of amounts and ages, as a statement over open holds asks for them.

Here: SQL. Not here: where the bands begin and end (bands.py).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, true

from holding.tables import Hold
from holding.tallies import bands


def of_amount(band: int) -> ColumnElement[bool]:
    """The condition that the amount of a hold is in a band."""
    if band == bands.UNKNOWN:
        return Hold.book.is_(None)
    least, end = bands.amounts_of(band)
    size = func.abs(Hold.book)
    return size >= least if end is None else and_(size >= least, size < end)


def of_age(band: int, midnight: datetime | None) -> ColumnElement[bool]:
    """The condition that a hold is of a band of ages, counted to that midnight."""
    since, until = bands.opened_in(band, midnight)
    first = true() if since is None else Hold.opened_at >= since
    return first if until is None else and_(first, Hold.opened_at < until)
