"""The expected refusal as a value, and helpers that word amounts, lists and durations."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, FromClause, case, func

from grammar.text.characters import MINUS, prefix
from holding.db.models import Posting, Record
from holding.db.models.columns import from_minor, places_of
from rules.values.canonical import dumps, sha256_hex

Sums = Mapping[str, int]
"""Currency -> minor units of it; "" is the currency of the company's books."""

Key = TypeVar("Key", bound=Hashable)

LONG_ANSWER: Final = 200
"""Letters of what is read at one look."""

WIDE: Final = "\u2e80"  # from here on a character is as wide as two Latin ones

HEAD: Final = re.compile(r"(.*?(?:[.;](?=\s)|[。；]))\s*(\S.*)", re.DOTALL)

CLAUSE: Final = re.compile(r"(?:(?<=[.;])\s+|(?<=[。；])\s*)(?=\S)|(?P<parenthesis>[()（）])")

CLOSING: Final = frozenset(")）")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, and what to do next; `status` is what a page or hook answers,
    `act` what the person lacks a role for, and can ask an administrator for.
    """

    code: str
    message: str
    hint: str = ""
    status: int = 409
    act: str = ""

    @property
    def words(self) -> str:
        """Why and what to do, in one line."""
        return f"{self.message} {self.hint}".strip()


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


def by_key(rows: Iterable[tuple[Key, str, int | None]]) -> dict[Key, Sums]:
    """What each key amounts to, of its amounts; those that are not known are left out."""
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    for key, currency, minor in rows:
        if minor is not None:
            found[key][currency] = found[key].get(currency, 0) + int(minor)
    return dict(found)


def added(parts: Iterable[Sums]) -> Sums:
    """Several sums as one."""
    rows = ((None, currency, minor) for part in parts for currency, minor in part.items())
    return by_key(rows).get(None, {})


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 record`, `37 records`; `many` where an s is not enough: `2 entries`, `2 records are`."""
    return f"{count:,} {one if count == 1 else many or several(one)}"


def several(noun: str) -> str:
    """`customers`, `tax codes`, `currencies`."""
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def digits(minor: int, currency: str) -> str:
    """1,204.00, without sign and currency."""
    return f"{abs(from_minor(minor, currency)):,.{places_of(currency)}f}"


def money(minor: int | None, currency: str) -> str:
    """RM 1,204.00 or £1,204.00; the minus is U+2212; nothing known is said so."""
    if minor is None:
        return "without an amount"
    return f"{MINUS if minor < 0 else ''}{prefix(currency)}{digits(minor, currency)}"


def currencies(found: Sums, books: str) -> tuple[tuple[str, int], ...]:
    """(currency, minor units) of each sum that is not nothing, that of the books first; nothing at
    all is said in the currency of the books.
    """
    told = added([{code or books: minor} for code, minor in found.items()])
    listed = sorted(told.items(), key=lambda pair: (pair[0] != books, pair[0]))
    return tuple((code, minor) for code, minor in listed if minor) or ((books, 0),)


def sums(found: Sums, books: str, *, signed: bool = False) -> str:
    """RM 12,345.00 + SGD 120.00: one sum a currency, never added; `signed`: a plus stands before a
    gain.
    """
    (code, minor), *others = currencies(found, books)
    first = f"{'+' if signed and minor > 0 else ''}{money(minor, code)}"
    rest = (f"{MINUS if n < 0 else '+'} {money(abs(n), other)}" for other, n in others)
    return " ".join([first, *rest])


def duration(minutes: int) -> str:
    """2 d 5 h, 5 h or 12 min."""
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h" if hours else f"{minutes} min"


def in_a_row(words: Iterable[str]) -> str:
    """Words as a sentence names them: all but the last joined by commas, the last by “and”."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def listed(words: Iterable[str]) -> str:
    """Words in one line."""
    return ", ".join(words)


def headed(text: str) -> tuple[str, str]:
    """An answer as what is read at once, and the rest of a long one.

    >>> headed("Yes; short."), headed("Yes, by number; " + "x" * 200)[0]
    (('Yes; short.', ''), 'Yes, by number;')
    """
    width = len(text) + sum(one >= WIDE for one in text)
    found = HEAD.fullmatch(text) if width > LONG_ANSWER else None
    return (found[1], found[2]) if found else (text, "")


def clauses(text: str) -> list[str]:
    """Its sentences and parts between semicolons; those inside parentheses stay together. Gone
    through once, from the end, for an answer about a thousand lines has as many.
    """
    found: list[str] = []
    end, inside = len(text), False
    for one in reversed([*CLAUSE.finditer(text)]):
        if one["parenthesis"]:
            inside = one["parenthesis"] in CLOSING
        elif not inside:
            found.append(text[one.end() : end])
            end = one.start()
    return [text[:end], *reversed(found)]
