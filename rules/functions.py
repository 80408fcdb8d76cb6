"""The library functions of the language, each with its source.

Here: what a function gives for known arguments, and its signature. Not here: unknown arguments
(interpret.py), functions that need the world, such as in_base (interpret.py).

Sources: rounding is commercial, halves away from zero. `is_tin` follows the LHDN e-Invoice FAQ on
tax identification numbers: individuals IG and digits, others one of the listed prefixes and a
number without leading zero that ends in 0, 14 characters at most, and the four general TINs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rules.numbers import Number, add, divide, multiply, subtract

NUMBER = "a number"
TEXT = "text"

GENERAL_TINS = frozenset({f"EI000000000{n}0" for n in (1, 2, 3, 4)})
_INDIVIDUAL = re.compile(r"IG[0-9]{1,12}")
_COMPANY = re.compile(r"(?:C|CS|D|F|FA|PT|TA|TC|TN|TR|TP|J|LE)[1-9][0-9]*0")
_LONGEST_TIN = 14


@dataclass(frozen=True, slots=True)
class Function:
    """A pure function of known values; `takes` names its arguments for messages."""

    name: str
    takes: tuple[str, ...]
    gives: str  # a type word, or `first`: the type of the first argument
    run: Callable[..., Any]
    words: str
    level: str = "exact"
    many: bool = False


def is_tin(text: str) -> bool:
    """Whether a text has the form of a Malaysian tax identification number.

    >>> is_tin("C25845632020"), is_tin("CS0123450"), is_tin("EI00000000010")
    (True, False, True)
    """
    if text in GENERAL_TINS:
        return True
    fits = _INDIVIDUAL.fullmatch(text) or _COMPANY.fullmatch(text)
    return bool(fits) and len(text) <= _LONGEST_TIN


def is_whole(value: Number) -> bool:
    """Whether a number has nothing behind the point."""
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return value.denominator == 1


def words(text: str) -> str:
    """A text without control characters and with single spaces between its words."""
    kept = (" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in text)
    return " ".join("".join(kept).split())


def net(gross: Number, rate: Number) -> Number:
    """What is left of an amount that contains a tax at this rate."""
    return divide(gross, add(Decimal(1), rate))


def tax(amount: Number, rate: Number) -> Number:
    """The tax on an amount at this rate."""
    return multiply(amount, rate)


def absolute(value: Number) -> Number:
    """The distance from zero."""
    return value if value >= 0 else subtract(Decimal(0), value)


_ALL = (
    Function("is_whole", (NUMBER,), "yesno", is_whole, "is a whole number"),
    Function("is_tin", (TEXT,), "yesno", is_tin, "has the form of a TIN"),
    Function("words", (TEXT,), "text", words, "is clean text"),
    Function("abs", (NUMBER,), "first", absolute, ""),
    Function("min", (NUMBER, NUMBER), "first", min, "", many=True),
    Function("max", (NUMBER, NUMBER), "first", max, "", many=True),
    Function("net", (NUMBER, NUMBER), "first", net, "", level="fraction"),
    Function("tax", (NUMBER, NUMBER), "first", tax, "", level="product"),
)
PURE: dict[str, Function] = {f.name: f for f in _ALL}

AGGREGATES = ("sum", "count", "any", "all", "latest")
WORLDLY = ("round", "in_base", "price_in_base", "base_unit", "number_of", "date_of", "due_of")
LATER = ("e_invoice_class",)
"""Functions of the language that this version does not know yet."""

NAMES = frozenset({*PURE, *AGGREGATES, *WORLDLY})
