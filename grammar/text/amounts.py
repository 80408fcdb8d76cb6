"""Amounts of money as people read them: RM 1,204.00, −SGD 12.00.

Here: what a currency is called, an amount in words, an amount that a sentence goes on with. Not
here: which currency an amount is in (rules/expressions/compiler.py), minor units of it
(holding/db/refusal.py).
"""

import re
from decimal import Decimal
from typing import Final

SPACE: Final = "\u00a0"
MINUS: Final = "\u2212"
_SIGNS: Final = {"MYR": "RM", "GBP": "£", "EUR": "€"}
_NUMBER: Final = re.compile(r"(-?)(\d+)(\.\d+)?")
_LARGE: Final = re.compile(r"(?<![\w.,-])-?\d{4,}\.\d\d(?![\w.,-]*\d)")
_LAST_WORD: Final = re.compile(r"(?<![^\s(])([^\s(]+)[ \u00a0]?\Z")


def sign(currency: str) -> str:
    """What people call a currency: RM for MYR, £ for GBP, else the code itself."""
    return _SIGNS.get(currency, currency)


def prefix(currency: str) -> str:
    """What stands before an amount: a symbol directly, letters with a space."""
    mark = sign(currency)
    return f"{mark}{SPACE}" if mark.isalpha() else mark


def grouped(text: str) -> str:
    """A number with its thousands apart, where it is written as an amount is, with two places.

    >>> grouped("10000.00"), grouped("-1301.74"), grouped("20261120"), grouped("(missing)")
    ('10,000.00', '-1,301.74', '20261120', '(missing)')
    """
    number = _NUMBER.fullmatch(text)
    if number is None or len(number[3] or "") != 3:
        return text
    return f"{number[1]}{int(number[2]):,}{number[3]}"


def separated(text: str) -> str:
    """A sentence in which amounts have their thousands apart.

    >>> separated("Total was 960.00, is 10000.00; of 1.1.2026, No. 12345.00-7.")
    'Total was 960.00, is 10,000.00; of 1.1.2026, No. 12345.00-7.'
    """
    return _LARGE.sub(lambda found: grouped(found[0]), text)


def in_currency(value: Decimal, currency: str) -> str:
    """An amount with what its currency is called; without it, where that is not known. It has all
    places that say something, and two at least.

    >>> in_currency(Decimal("1301.7"), "SGD"), in_currency(Decimal("0.0450"), "")
    ('SGD 1,301.70', '0.045')
    """
    value = value or Decimal(0)  # no minus before nothing
    exponent = value.normalize().as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return continued("", f"{value:.{places}f}", currency)


def continued(said: str, text: str, currency: str, *, others: tuple[str, ...] = ()) -> str:
    """A sentence that goes on with an amount, written as a plain number: `-12.00`. Its blanks are
    ordinary ones, since it is also looked for, and read in terminals.

    Where the sentence names a currency last, `RM `, `MYR ` or one of `others`, that becomes what
    stands before the amount: its own currency if it is known, else the one that is named.
    """
    number = _NUMBER.fullmatch(text)
    if number is None:
        return said + text
    named, before = _named_last(said, (currency, *others))
    mark = prefix(currency or named).replace(SPACE, " ")
    places = number[3] or ""
    told = f"{int(number[2]):,}{places}" if len(places) > 2 else f"{number[2]}{places}"
    return f"{before}{MINUS if number[1] else ''}{mark}{told}" if mark else said + grouped(text)


def _named_last(said: str, currencies: tuple[str, ...]) -> tuple[str, str]:
    """The currency that a sentence names last, and the sentence before it; else blank and all."""
    last = _LAST_WORD.search(said)
    for code in (*currencies, *_SIGNS) if last else ():
        if code and last is not None and last[1] in {code, sign(code)}:
            return code, said[: last.start(1)]
    return "", said
