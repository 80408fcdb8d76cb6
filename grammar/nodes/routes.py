"""What is posted and what takes it back: post, reversal."""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import time

from grammar.nodes.expressions import Expr
from grammar.nodes.values import Action, RouteName
from grammar.problem import Span


@dataclass(frozen=True, slots=True)
class Immediately:
    """As soon as it is ready."""

    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Daily:
    """At this time after the day of the field `by`."""

    at: time
    by: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Assign:
    """A field of the target and what it gets."""

    name: str
    expr: Expr
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Bill:
    """`bill line.delivered of line.ordered else wait`.

    `expr` less what is billed so far is due; `action` is for as long as a rest of `of` remains.
    """

    expr: Expr
    of: Expr
    action: Action
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Uncompared:
    """`amount not compared because "…"`: the record's own total says something else, and may."""

    reason: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Post:
    """One route: everything about one target document."""

    record: str
    route: RouteName
    number: str
    when: Expr | None
    timing: Immediately | Daily
    after: RouteName | None
    bill: Bill | None
    uncompared: Uncompared | None
    they_own: tuple[str, ...]
    we_own: Action
    fields: tuple[Assign, ...]
    line_fields: tuple[Assign, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Reversal:
    """A route that takes postings of `reversing` back; the fields are what differs from the mirror.

    It has no timing: the tables start it.
    """

    record: str
    route: RouteName
    reversing: RouteName
    number: str
    they_own: tuple[str, ...]
    we_own: Action | None
    fields: tuple[Assign, ...]
    line_fields: tuple[Assign, ...]
    span: Span = _field(compare=False)
