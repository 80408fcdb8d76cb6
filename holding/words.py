"""Small words of sentences that people read.

Here: counting in words, an amount of money, a length of time. Not here: any sentence.
"""

from typing import Final

from holding.tables.columns import from_minor, places_of

SPACE: Final = "\u00a0"
MINUS: Final = "\u2212"
_SIGNS: Final = {"MYR": "RM"}


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 record`, `37 records`; `many` where an s is not enough: `2 entries`, `2 records are`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sign(currency: str | None) -> str:
    """How a currency is written before an amount: RM for MYR, else the code itself."""
    return _SIGNS.get(currency or "MYR", currency or "MYR")


def digits(minor: int, currency: str | None = "MYR") -> str:
    """1,204.00, without sign and currency."""
    places = places_of(currency or "MYR")
    return f"{abs(from_minor(minor, currency or 'MYR')):,.{places}f}"


def money(minor: int | None, currency: str | None = "MYR") -> str:
    """RM 1,204.00; the minus is U+2212; nothing known is said so."""
    if minor is None:
        return "amount not recorded"
    return f"{MINUS if minor < 0 else ''}{sign(currency)}{SPACE}{digits(minor, currency)}"


def duration(minutes: int) -> str:
    """2 d 5 h, 5 h or 12 min."""
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h" if hours else f"{minutes} min"
