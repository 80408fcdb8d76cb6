"""The expected refusal as a value, and helpers that word amounts, lists and durations."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, case, func

from grammar.text.characters import MINUS, currency_prefix
from holding.db.models import Posting
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
    """Why something was not done, and what to do next.

    `status` is the HTTP status. `act` is the permission that the person lacks and can request.
    """

    code: str
    message: str
    hint: str = ""
    status: int = 409
    act: str = ""

    @property
    def words(self) -> str:
        """Return message and hint in one line."""
        return f"{self.message} {self.hint}".strip()


def most_first(sums: Sums) -> tuple[int, int]:
    """Return the sort key of lists: highest amount in the books' currency first, then other
    amounts.
    """
    home = sums.get("", 0)
    return -home, home - sum(sums.values())


def check_figure(sums: Sums) -> int:
    """Return one number that distinguishes two sums, including their currencies.

    It is never shown.
    """
    return int(sha256_hex(dumps(sums))[:12], 16)


def of_posting() -> tuple[ColumnElement[str], ColumnElement[int]]:
    """Return the columns for currency and amount of a posting."""
    home = Posting.book.is_not(None)
    return (
        case((home, ""), else_=func.coalesce(Posting.currency, "")).label("currency"),
        func.coalesce(Posting.book, Posting.amount).label("minor"),
    )


def by_key(rows: Iterable[tuple[Key, str, int | None]]) -> dict[Key, Sums]:
    """Return the sums by key; unknown amounts are left out."""
    sums_by_key: dict[Key, dict[str, int]] = defaultdict(dict)
    for key, currency, minor in rows:
        if minor is not None:
            sums_by_key[key][currency] = sums_by_key[key].get(currency, 0) + int(minor)
    return dict(sums_by_key)


def added(parts: Iterable[Sums]) -> Sums:
    """Return several sums as one."""
    rows = ((None, currency, minor) for part in parts for currency, minor in part.items())
    return by_key(rows).get(None, {})


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """Return a count with its noun: `1 record`, `37 records`.

    `plural_form` is an irregular plural: `2 entries`.
    """
    return f"{count:,} {singular if count == 1 else plural_form or several(singular)}"


def several(noun: str) -> str:
    """Return the plural of a noun: `customers`, `tax codes`, `currencies`."""
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def digits(minor: int, currency: str) -> str:
    """Return an amount as `1,204.00`, without sign and currency."""
    return f"{abs(from_minor(minor, currency)):,.{places_of(currency)}f}"


def money(minor: int | None, currency: str) -> str:
    """Return an amount as `RM 1,204.00`, with U+2212 for minus, or a text if it is unknown."""
    if minor is None:
        return "without an amount"
    return f"{MINUS if minor < 0 else ''}{currency_prefix(currency)}{digits(minor, currency)}"


def currencies(amounts: Sums, books: str) -> tuple[tuple[str, int], ...]:
    """Return (currency, minor units) of each sum that is not zero, the books' currency first.

    Without any, zero in the books' currency.
    """
    by_currency = added([{code or books: minor} for code, minor in amounts.items()])
    listed = sorted(by_currency.items(), key=lambda pair: (pair[0] != books, pair[0]))
    return tuple((code, minor) for code, minor in listed if minor) or ((books, 0),)


def sums(amounts: Sums, books: str, *, signed: bool = False) -> str:
    """Return the sums as text, such as `RM 12,345.00 + SGD 120.00`.

    `signed` adds a plus to a gain.
    """
    (code, minor), *others = currencies(amounts, books)
    first = f"{'+' if signed and minor > 0 else ''}{money(minor, code)}"
    other_texts = (f"{MINUS if n < 0 else '+'} {money(abs(n), other)}" for other, n in others)
    return " ".join([first, *other_texts])


def seconds_since(since: datetime, now: datetime) -> float:
    """Return an age in seconds, never negative: the clock may have been set back since."""
    return max(0.0, (now - since).total_seconds())


def duration(minutes: int) -> str:
    """Return a duration as `2 d 5 h`, `5 h` or `12 min`; after the clock was set back, `0 min`."""
    minutes = max(0, minutes)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h" if hours else f"{minutes} min"


def in_a_row(words: Iterable[str]) -> str:
    """Join words with commas and a final “and”."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def listed(words: Iterable[str]) -> str:
    """Join words with commas."""
    return ", ".join(words)


def headed(text: str) -> tuple[str, str]:
    """Split a long answer into a short head and the rest; the rest of a short answer is blank.

    >>> headed("Yes; short."), headed("Yes, by number; " + "x" * 200)[0]
    (('Yes; short.', ''), 'Yes, by number;')
    """
    width = len(text) + sum(character >= WIDE for character in text)
    head_match = HEAD.fullmatch(text) if width > LONG_ANSWER else None
    return (head_match[1], head_match[2]) if head_match else (text, "")


def clauses(text: str) -> list[str]:
    """Split a text into its sentences and parts between semicolons; parentheses stay together.

    It scans once from the end, because the text may have thousands of parts.
    """
    parts: list[str] = []
    end, inside = len(text), False
    for match in reversed([*CLAUSE.finditer(text)]):
        if match["parenthesis"]:
            inside = match["parenthesis"] in CLOSING
        elif not inside:
            parts.append(text[match.end() : end])
            end = match.start()
    return [text[:end], *reversed(parts)]
