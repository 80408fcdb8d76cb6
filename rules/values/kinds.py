"""The types of the language, and one raw value as a value of its type.

Here: the types and which of them may meet; how each is read, pure. Not here: what is reckoned with
them (arithmetic.py), fields and their gaps (expressions/record_reading.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from grammar.nodes import Field
from rules.values.numbers import DIGITS


@dataclass(frozen=True, slots=True)
class Type:
    """A type; `states` of a word type; `level` exact, product (unrounded) or fraction: a duration
    is exact where it is surely whole days.

    `currency` of an amount is blank where no one is known beforehand. `written` are the numbers and
    durations that the rules themselves give it, whatever a record holds.
    """

    kind: str
    states: tuple[str, ...] = ()
    level: str = "exact"
    currency: str = ""
    written: tuple[Any, ...] = ()


ANY = Type("any")
YESNO = Type("yesno")
COUNTS = frozenset({"whole", "decimal", "quantity", "number", "percent"})
NUMERIC = COUNTS | {"money"}
ORDERED = NUMERIC | {"date", "moment", "duration", "any"}


WANT = {
    "numeric": "a number",
    "text": "a text",
    "moment": "a moment",
    "count": "a quantity",
    "price": "money",
    "written": "a number or a date",
}
_AMOUNTS = frozenset({"money", "decimal", "number"})
_QUANTITIES = frozenset({"quantity", "whole", "decimal", "number"})
_TEXTS = frozenset({"text", "user", "one_of"})
_FITTING = {
    "numeric": NUMERIC,
    "text": _TEXTS,
    "count": _QUANTITIES,
    "price": _AMOUNTS,
    "written": NUMERIC | {"date"},
}
_POSTED = {
    "text": _TEXTS,
    "user": _TEXTS,
    "one_of": _TEXTS,
    "money": _AMOUNTS,
    "quantity": _QUANTITIES,
    "decimal": frozenset({"decimal", "whole", "number", "percent"}),
    "whole": frozenset({"whole", "number"}),
}
"""Type of a field of a document -> what fits it unasked; any other takes its own type alone."""


def postable(have: Type, want: str) -> bool:
    """Whether a value of a type can stand in a document's field of that one."""
    return have.kind == "any" or have.kind in _POSTED.get(want, {want})


def fits(have: Type, want: str) -> bool:
    """Whether a value of a type can stand where one of that kind is wanted."""
    return have.kind == "any" or have.kind in _FITTING.get(want, {want})


def two_currencies(left: Type, right: Type) -> bool:
    """Whether two amounts are in two currencies that are known beforehand."""
    return left.currency != right.currency and bool(left.currency and right.currency)


def comparable(left: Type, right: Type) -> bool:
    """Whether two types can be compared."""
    kinds = {left.kind, right.kind}
    if two_currencies(left, right):
        return False
    if "any" in kinds or len(kinds) == 1:
        return True
    if "money" in kinds:
        return kinds <= {"money", "number", "decimal"}
    return kinds <= COUNTS or kinds <= {"text", "user", "one_of"}


def say_type(of: Type, beside: Type = ANY) -> str:
    """A type in words; of an amount beside one in another currency, with its own."""
    if two_currencies(of, beside):
        return f"money in {of.currency}"
    return {
        "one_of": "a word",
        "yesno": "a yes or no",
        "many": "a list",
        "money": "money",
        "text": "text",
        "user": "a user",
        "whole": "a whole number",
    }.get(of.kind, f"a {of.kind}")


def post_hint(have: Type, want: str, said: str, *, literal: bool) -> str:
    """What to do about a value, as it is said, that is not of the type of a document's field."""
    if have.kind == "moment" and want == "date":
        return f"Take the day of the moment: date_of({said})."
    if want == "text" and have.kind == "moment":
        return f"Take the day of the moment first: text(date_of({said}))."
    if want == "text" and literal:
        return f'Write "{said}" in quotes.'
    if want == "text" and fits(have, "written"):
        return f"Write text({said}), if it is meant so."
    return "Give a value of that type."


def compare_hint(left: Type, right: Type) -> str:
    """What to do about two types that cannot be compared."""
    if two_currencies(left, right):
        return ONE_CURRENCY
    if {left.kind, right.kind} == {"date", "moment"}:
        return "Take the day of the moment: date_of(x)."
    if "text" in {left.kind, right.kind} and {left.kind, right.kind} & NUMERIC:
        return "A text in quotes is not a number: leave the quotes out, or compare another field."
    return "Both sides must be of one type."


ONE_CURRENCY = "Ask about amounts of one currency: no rate stands between two."
LONGEST_TEXT = 4_000
_NUMBER = re.compile(r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SURROGATE = re.compile("[\ud800-\udfff\x00]")


class BadValueError(ValueError):
    """A value that is not of its type; a reader of records makes a gap of it."""


def clean(text: str) -> str:
    """A text that every database can hold."""
    return text if text.isprintable() else _SURROGATE.sub("\ufffd", text)


def read_text(field: Field, text: str) -> Any:
    """What a text means as the value of a field; BadValueError or ValueError where nothing."""
    return reader_of(field)(text)


def reader_of(field: Field) -> Callable[[Any], Any]:
    """What reads the values of a field."""
    if field.type == "one_of":
        return _states(field)
    return _READERS[field.type]


def _states(field: Field) -> Callable[[Any], Any]:
    known: dict[str, str] = {}
    for state in field.states:
        for word in (state.name, *state.aliases):
            known.setdefault(word.strip().casefold(), state.name)

    def read(raw: Any) -> str:
        found = known.get(raw.strip().casefold()) if isinstance(raw, str) else None
        if found is None:
            raise BadValueError
        return found

    return read


def as_text(raw: Any) -> str:
    """A text that every database can hold."""
    if type(raw) is str and raw.isprintable() and len(raw) <= LONGEST_TEXT:
        return raw  # the usual case: nothing that is printed is a surrogate
    if not isinstance(raw, str) or len(raw) > LONGEST_TEXT or _SURROGATE.search(raw):
        raise BadValueError
    return raw


def _decimal(raw: Any) -> Decimal:
    if isinstance(raw, str) and _NUMBER.fullmatch(text := raw.strip()):
        value = Decimal(text)
        if len(text) <= DIGITS:
            return value
    elif isinstance(raw, Decimal | int) and not isinstance(raw, bool):
        value = _plain_decimal(Decimal(raw) if abs(raw) < 10**DIGITS else None)
    else:
        raise BadValueError
    if len(value.as_tuple().digits) > DIGITS:
        raise BadValueError
    return value


def _plain_decimal(value: Decimal | None) -> Decimal:
    if value is None or not value.is_finite() or value.adjusted() < -DIGITS:
        raise BadValueError
    exponent = value.as_tuple().exponent
    return Decimal(format(value, "f")) if isinstance(exponent, int) and exponent > 0 else value


def _whole(raw: Any) -> Decimal:
    value = _decimal(raw)
    if value != value.to_integral_value():
        raise BadValueError
    return value


def _date(raw: Any) -> date:
    if not isinstance(raw, str) or not _DATE.fullmatch(raw.strip()):
        raise BadValueError
    return date.fromisoformat(raw.strip())


def _moment(raw: Any) -> datetime:
    if not isinstance(raw, str) or len(raw) > 40 or len(raw) < 16:
        raise BadValueError
    value = datetime.fromisoformat(raw.strip())
    if value.tzinfo is None:
        raise BadValueError
    return value.astimezone(UTC)


def _yesno(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = raw.strip().casefold() if isinstance(raw, str) else ""
    if word not in {"yes", "no", "true", "false"}:
        raise BadValueError
    return word in {"yes", "true"}


def _many(raw: Any) -> str:
    if not isinstance(raw, list | tuple):
        raise BadValueError
    return "list"


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "user": as_text,
    "whole": _whole,
    "decimal": _decimal,
    "money": _decimal,
    "quantity": _decimal,
    "date": _date,
    "moment": _moment,
    "yesno": _yesno,
    "many": _many,
}
