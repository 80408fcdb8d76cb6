"""The response types of the API, converted to JSON and to OpenAPI schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Final, Literal, Union, get_args, get_origin, get_type_hints

from holding.worklist.open_holds import Waiting
from holding.worklist.search import Whereabouts
from rules.values.cause_keys import Clearing


@dataclass(frozen=True, slots=True)
class Holds:
    """Open holds, and what `after` asks for next (None: these are the last)."""

    holds: tuple[Waiting, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Found(Whereabouts):
    """One record; `page` is its address for people, amounts are in minor units."""

    page: str


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a number, the newest first."""

    records: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class NotApproved:
    """A posting that was left, with the status that its own call would have had."""

    id: int
    number: str
    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Consents:
    """Ids of what was approved and of what of it is ready to go; what waits for more, and what was
    left out.
    """

    approved: tuple[int, ...]
    ready: tuple[int, ...]
    waiting: tuple[NotApproved, ...]
    refused: tuple[NotApproved, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """The hold that an act was about, and the sentence of the trace."""

    hold: int
    said: str


@dataclass(frozen=True, slots=True)
class OneDone:
    """One of many holds that an act was done to."""

    id: int
    number: str
    said: str


@dataclass(frozen=True, slots=True)
class OneLeft:
    """One of many holds that an act was refused for."""

    id: int
    number: str
    status: int
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Acts:
    """What came of each of many holds."""

    done: tuple[OneDone, ...]
    left: tuple[OneLeft, ...]


FORMS: Final[Mapping[str, type]] = {
    "listing": Holds,
    "records": Records,
    "approve": Consents,
    "do_many": Acts,
}
"""The form of each answer that is no `Act`, by its view."""


def to_plain(value: object) -> object:
    """An answer as plain JSON; times are in UTC, with their offset (ISO 8601)."""
    if is_dataclass(value) and not isinstance(value, (type, Clearing)):
        return {one.name: to_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [to_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def schema_of(form: object) -> dict[str, object]:
    """The schema of what `told` makes of a value of this type."""
    if get_origin(form) in (Union, UnionType):
        parts = [schema_of(one) for one in get_args(form)]
        return {"anyOf": parts}
    if get_origin(form) is tuple:
        return {"type": "array", "items": schema_of(get_args(form)[0])}
    if get_origin(form) is Literal:
        return {"type": "string", "enum": list(get_args(form))}
    if isinstance(form, type) and is_dataclass(form) and form is not Clearing:
        hints = get_type_hints(form)
        told_of = {one.name: schema_of(hints[one.name]) for one in fields(form)}
        return {"type": "object", "required": list(told_of), "properties": told_of}
    if isinstance(form, type) and issubclass(form, Enum):
        return {"type": "string", "enum": [str(one) for one in form]}
    return dict(_PLAIN.get(form, {"type": "string"}))


_PLAIN: Final[Mapping[object, Mapping[str, str]]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    NoneType: {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}
