"""One raw value of a body as the typed value of its field.

Here: how each type is read, pure. Not here: fields and their gaps (reading.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from grammar.nodes import Field
from rules.numbers import DIGITS

LONGEST_TEXT = 4_000
_NUMBER = re.compile(r"[+-]?[0-9]{1,38}(?:\.[0-9]{1,38})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SURROGATE = re.compile("[\ud800-\udfff\x00]")


class BadValueError(ValueError):
    """A value that is not of its type; a reader of records makes a gap of it."""


def clean(text: str) -> str:
    """A text that every database can hold."""
    return _SURROGATE.sub("\ufffd", text)


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
