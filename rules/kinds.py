"""The types of the language, and which may meet.

Here: Type, and the rules of comparing, adding and multiplying. Not here: walking an expression
(types.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Type:
    """A type; `states` of a word type; `level` exact, product (unrounded) or fraction."""

    kind: str
    states: tuple[str, ...] = ()
    level: str = "exact"


ANY = Type("any")
YESNO = Type("yesno")
COUNTS = frozenset({"whole", "decimal", "quantity", "number", "percent"})
NUMERIC = COUNTS | {"money"}
ORDERED = NUMERIC | {"date", "moment", "duration", "any"}
LEVELS = ("exact", "product", "fraction")


WANT = {"numeric": "a number", "text": "a text", "moment": "a moment"}


def fits(have: Type, want: str) -> bool:
    """Whether a value of a type can stand where one of that kind is wanted."""
    if have.kind == "any":
        return True
    if want == "numeric":
        return have.kind in NUMERIC
    if want == "text":
        return have.kind in {"text", "user", "one_of"}
    return have.kind == want


def comparable(left: Type, right: Type) -> bool:
    """Whether two types can be compared."""
    kinds = {left.kind, right.kind}
    if "any" in kinds or len(kinds) == 1:
        return True
    if "money" in kinds:
        return kinds <= {"money", "number", "decimal"}
    return kinds <= COUNTS or kinds <= {"text", "user", "one_of"}


def worst(*levels: str) -> str:
    """The least exact of some levels."""
    return max(levels, key=LEVELS.index)


def product(op: str, left: Type, right: Type) -> Type | None:
    """The type of a product or a quotient; None where there is none."""
    kinds = {left.kind, right.kind}
    if not kinds <= NUMERIC:
        return None
    level = worst(left.level, right.level)
    if op == "*":
        if left.kind == right.kind == "money":
            return None
        level = worst(level, "product") if "money" in kinds else level
        return Type(_stronger(left.kind, right.kind), level=level)
    if right.kind == "money" and left.kind != "money":
        return None
    kind = "decimal" if left.kind == right.kind else left.kind
    return Type(kind, level="fraction")


def total(op: str, left: Type, right: Type) -> Type | None:
    """The type of a sum or a difference; None where there is none."""
    kinds = {left.kind, right.kind}
    if kinds <= COUNTS or kinds <= {"money", "number", "decimal"}:
        kind = _stronger(left.kind, right.kind)
        return Type(kind, level=worst(left.level, right.level))
    if right.kind == "duration" and left.kind in {"date", "moment", "duration"}:
        return Type(left.kind)
    if op == "-" and len(kinds) == 1 and left.kind in {"date", "moment"}:
        return Type("duration")
    return None


def _stronger(left: str, right: str) -> str:
    order = ("number", "whole", "percent", "decimal", "quantity", "money")
    return max(left, right, key=order.index)


def say_type(of: Type) -> str:
    """A type in words."""
    return {
        "one_of": "a word",
        "yesno": "a yes or no",
        "many": "a list",
        "money": "money",
        "text": "text",
        "user": "a user",
    }.get(of.kind, f"a {of.kind}")


def compare_hint(left: Type, right: Type) -> str:
    """What to do about two types that cannot be compared."""
    if {left.kind, right.kind} == {"date", "moment"}:
        return "Take the day of the moment: date_of(x)."
    if "text" in {left.kind, right.kind} and {left.kind, right.kind} & NUMERIC:
        return "A text in quotes is no number: leave the quotes out, or compare another field."
    return "Both sides must be of one type."


def arith_hint(op: str, left: Type, right: Type) -> str:
    """What to do about two types that cannot be calculated with."""
    if op == "*" and left.kind == right.kind == "money":
        return "Money times money is nothing: multiply money by a quantity, a number or a percent."
    if "percent" in {left.kind, right.kind}:
        return "A percent is multiplied: x * 6%."
    if "text" in {left.kind, right.kind}:
        return "Texts are not calculated with."
    return "Only numbers of one kind are added; dates take durations such as 31d."
