"""Bands of amounts and of ages, by which a list of holds can be narrowed.

Here: in which band an amount or a moment is, and where each begins and ends. Pure. Not here: what
the bands are called (holding/narrowing/facets.py), when ages are worked out (passing_days.py).

Ages are counted in days that have begun since a hold was opened, up to the midnight that is noted
for the company: so the tally and a list that is read beside it cannot disagree.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

AMOUNTS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
"""Where the bands of amounts end, in minor units of the books, whichever sign the amount has."""
UNKNOWN: Final = len(AMOUNTS) + 1  # the band of what has no amount in the currency of the books
DAYS: Final = (0, 2, 7, 30)
"""How many days before midnight the bands of ages end: today, up to 2, 7, 30 days; then older."""

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)  # nothing was opened before


def of_amount(book: int | None) -> int:
    """The band of an amount of the books, in minor units."""
    if book is None:
        return UNKNOWN
    return sum(abs(book) >= edge for edge in AMOUNTS)


def amounts_of(band: int) -> tuple[int, int | None]:
    """From which amount a band goes, and up to which, that one not included; None: without end."""
    edges = (0, *AMOUNTS, None)
    return edges[band] or 0, edges[band + 1]


def edges(midnight: datetime | None) -> Sequence[datetime]:
    """The moments at which bands of ages meet, the newest first; while no midnight is noted all
    holds are of the first.
    """
    return [midnight - timedelta(days=days) if midnight else BEGINNING for days in DAYS]


def of_age(opened_at: datetime, midnight: datetime | None) -> int:
    """The band of a hold that was opened then."""
    return sum(opened_at < edge for edge in edges(midnight))


def opened_in(band: int, midnight: datetime | None) -> tuple[datetime | None, datetime | None]:
    """From when, and until when, that moment not included, the holds of a band were opened; None:
    without end.
    """
    found = [None, *edges(midnight), None]
    return found[band + 1], found[band]
