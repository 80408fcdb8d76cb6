"""Define the API's response types and field schemas; convert answers to JSON and to schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from holding.worklist.open_holds import Waiting
from holding.worklist.search import Whereabouts
from rules.values.cause_keys import Clearing

Schema = Mapping[str, Any]

MAX_WHOLE: Final = 10**18 - 1

MAX_TEXT: Final = 500
"""Characters of a text field. A longer text is refused, not cut."""

TEXT: Final[Schema] = {"type": "string"}

FILLED_TEXT: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_TEXT,
    "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
}

WHOLE: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_WHOLE}

OPTIONAL_LOCK: Final[Schema] = {
    **WHOLE,
    "type": ["integer", "null"],
    "description": "As GET /holds returned it.",
}

WITHOUT_NUL: Final = r"^[^\u0000]*$"
"""Pattern that every text of a body matches; the JSON reader refuses others."""

OPTIONAL_DAY: Final[Schema] = {
    "type": ["string", "null"],
    "format": "date",
    "pattern": r"^(19|2\d)\d{2}-\d{2}-\d{2}$",
}

HASH: Final[Schema] = {"type": "string", "pattern": WITHOUT_NUL}

ADDRESS: Final[Schema] = {"type": "string", "maxLength": MAX_TEXT, "pattern": WITHOUT_NUL}

OPTIONAL_ADDRESS: Final[Schema] = {**ADDRESS, "type": ["string", "null"]}


@dataclass(frozen=True, slots=True)
class Holds:
    """One page of open holds, and `next`, the `after` of the next page (None: last page)."""

    holds: tuple[Waiting, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Found(Whereabouts):
    """Describe one record; `page` is its address for people, amounts are in minor units."""

    page: str


@dataclass(frozen=True, slots=True)
class Records:
    """List the records with a number, the newest first."""

    records: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class NotApproved:
    """Describe a posting that was not approved, with the status that a single call would return."""

    id: int
    number: str
    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Consents:
    """List the approved and the ready posting ids, and the waiting and the refused postings."""

    approved: tuple[int, ...]
    ready: tuple[int, ...]
    waiting: tuple[NotApproved, ...]
    refused: tuple[NotApproved, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """The hold that an act changed, and its sentence in the audit trail."""

    hold: int
    said: str


@dataclass(frozen=True, slots=True)
class OneDone:
    """Describe one of many holds on which an act was done."""

    id: int
    number: str
    said: str


@dataclass(frozen=True, slots=True)
class OneLeft:
    """Describe one of many holds on which an act was refused."""

    id: int
    number: str
    status: int
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Acts:
    """List the outcome for each of many holds."""

    done: tuple[OneDone, ...]
    left: tuple[OneLeft, ...]


FORMS: Final[Mapping[str, type]] = {
    "listing": Holds,
    "records": Records,
    "approve": Consents,
    "do_many": Acts,
}
"""View -> the type of its answer, unless that is `Act`."""


def to_plain(value: object) -> object:
    """Return an answer as plain JSON; times are in UTC, with their offset (ISO 8601)."""
    if is_dataclass(value) and not isinstance(value, (type, Clearing)):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_plain(element) for element in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def schema_of(form: object) -> dict[str, object]:
    """Return the schema of what `to_plain` returns for a value of this type."""
    if get_origin(form) in (Union, UnionType):
        parts = [schema_of(part) for part in get_args(form)]
        return {"anyOf": parts}
    if get_origin(form) is tuple:
        return {"type": "array", "items": schema_of(get_args(form)[0])}
    if get_origin(form) is Literal:
        return {"type": "string", "enum": list(get_args(form))}
    if isinstance(form, type) and is_dataclass(form) and form is not Clearing:
        hints = get_type_hints(form)
        properties = {field.name: schema_of(hints[field.name]) for field in fields(form)}
        return {"type": "object", "required": list(properties), "properties": properties}
    if isinstance(form, type) and issubclass(form, Enum):
        return {"type": "string", "enum": [str(member) for member in form]}
    return dict(_PLAIN.get(form, {"type": "string"}))


_PLAIN: Final[Mapping[object, Mapping[str, str]]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    NoneType: {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}


def body_schema(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def list_schema(**fields: Schema) -> Schema:
    """Return the schema of a list of 1 to 1,000 objects with these fields."""
    return {"type": "array", "minItems": 1, "maxItems": 1000, "items": body_schema(fields)}


PROBLEM: Final = body_schema(
    {
        **dict.fromkeys(("type", "title", "code", "what", "why", "todo", "request_id"), TEXT),
        "status": WHOLE,
    },
    changes=schema_of(tuple[NotApproved, ...]),
    refused=schema_of(tuple[NotApproved, ...]),
    left=schema_of(tuple[OneLeft, ...]),
)
"""A refusal. The lists hold what changed (approve), or the refused items with their reasons."""
