"""Values and what is done: words, literals, routes, actions, the owner of what is missing."""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from grammar.problem import Span


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word used as a value: a status, `open`, `locked`."""

    name: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out; `kind` is number, percent, duration, date, moment, text or yes_no."""

    kind: str
    value: Decimal | timedelta | date | datetime | str | bool
    span: Span = _field(compare=False)


Value: TypeAlias = Word | Literal


@dataclass(frozen=True, slots=True)
class RouteName:
    """A target and its document type: `aiaccount.sales_invoice`."""

    target: str
    document: str
    span: Span = _field(compare=False)

    def __str__(self) -> str:
        return f"{self.target}.{self.document}"


@dataclass(frozen=True, slots=True)
class Action:
    """What is done: `hold` for a role, `review` by a role, warn, reject, ignore, drop, wait, block,
    and in decision tables update, void, new_document, credit_note, credit_and_new, look_up.
    """

    kind: str
    role: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """Who owns what is not there, and what that person is told."""

    action: Action
    say: str
    span: Span = _field(compare=False)
