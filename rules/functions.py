"""The library functions of the language, each with its source.

Here: what a function gives for known arguments, and its signature. Not here: unknown arguments
(interpret.py), functions that need the world, such as in_base (interpret.py).

Sources: rounding is commercial, halves away from zero (numbers.py). `is_tin` and `e_invoice_class`
follow the tables of the tax office (lhdn.py). `words` keeps what Unicode does not class as control,
format or separator. All other functions are plain arithmetic.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rules.lhdn import is_tin
from rules.numbers import Number, add, divide, multiply, subtract
from rules.spelling import match_key

NUMBER = "a number"
TEXT = "text"


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


def is_whole(value: Number) -> bool:
    """Whether a number has nothing behind the point."""
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return value.denominator == 1


def words(text: str) -> str:
    """A text without control characters and with single spaces between its words."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
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
    Function("match_key", (TEXT,), "text", match_key, "is a key to match by"),
    Function("abs", (NUMBER,), "first", absolute, ""),
    Function("min", (NUMBER, NUMBER), "first", min, "", many=True),
    Function("max", (NUMBER, NUMBER), "first", max, "", many=True),
    Function("net", (NUMBER, NUMBER), "first", net, "", level="fraction"),
    Function("tax", (NUMBER, NUMBER), "first", tax, "", level="product"),
)
PURE: dict[str, Function] = {f.name: f for f in _ALL}

AGGREGATES = ("sum", "count", "any", "all", "latest")
WORLDLY = (
    "round",
    "in_base",
    "price_in_base",
    "base_unit",
    "number_of",
    "date_of",
    "due_of",
    "e_invoice_class",
    "was",
)

NAMES = frozenset({*PURE, *AGGREGATES, *WORLDLY})
