"""Sums of money, one a currency: what is of two currencies is never added.

Here: the columns to ask for, and the order of lists. Not here: adding up, and how a sum is written
(holding/words.py).
"""

from sqlalchemy import ColumnElement, FromClause, case, func

from holding.tables import Posting, Record
from holding.words import Sums
from rules.values.canonical import dumps, sha256_hex


def most_first(sums: Sums) -> tuple[int, int]:
    """The order of lists: the most money of the books first, then the most of others."""
    home = sums.get("", 0)
    return -home, home - sum(sums.values())


def check_figure(sums: Sums) -> int:
    """One figure that tells two sums apart, whatever is of which currency; it is never shown."""
    return int(sha256_hex(dumps(sums))[:12], 16)


def of_held(single: FromClause) -> tuple[ColumnElement[str], ColumnElement[int]]:
    """Currency and amount of a held record, from rows that have the `book` of its holds."""
    home = single.c.book.is_not(None)
    return (
        case((home, ""), else_=func.coalesce(Record.currency, "")).label("currency"),
        func.coalesce(single.c.book, Record.amount).label("minor"),
    )


def of_posting() -> tuple[ColumnElement[str], ColumnElement[int]]:
    """Currency and amount of a posting."""
    home = Posting.book.is_not(None)
    return (
        case((home, ""), else_=func.coalesce(Posting.currency, "")).label("currency"),
        func.coalesce(Posting.book, Posting.amount).label("minor"),
    )
