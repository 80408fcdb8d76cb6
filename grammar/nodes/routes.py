"""Define the nodes of gates, checks, duplicates, approvals, routes and decision tables."""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import time, timedelta
from typing import Final, Literal, TypeAlias

from grammar.nodes.expressions import Action, Expr, RouteName, Said, Value, Word
from grammar.text.problem import Span

GateWord: TypeAlias = Literal["ready", "wait", "hold", "ignore", "cancel"]
"""What a gate says of a status."""

OF_LINE: Final = "line."
"""What a field of the lines is named with, where fields of both stand: `line.price`."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """The meaning of some statuses.

    `early` marks a ready row whose statuses may still change.
    """

    word: GateWord
    states: tuple[Word, ...]
    owner: str | None
    say: Said | None
    span: Span = _field(compare=False)
    early: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """Which status may go."""

    record: str
    route: RouteName | None
    rows: tuple[GateRow, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Clears:
    """How a finding goes away: by `itself`, `by` a role, or `never`."""

    kind: str
    role: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Check:
    """What must be true; one of `requires` is one fact."""

    name: str
    records: tuple[Word, ...]
    each_line: bool
    route: RouteName | None
    when: Expr | None
    requires: tuple[Expr, ...]
    action: Action
    say: Said
    clears: Clears
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Unique:
    """Fields that must be unique.

    `where` is history, target or number_in_target; with target, `fields` are the target's
    fields. `like` names
    for each field the map whose match compares it, blank for a plain comparison.
    """

    fields: tuple[str, ...]
    like: tuple[str, ...]
    where: str
    span: Span = _field(compare=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return each field as written, with the map that compares it."""
        pairs = zip(self.fields, self.like, strict=True)
        return tuple(f"{field} as {table}" if table else field for field, table in pairs)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What makes a record a duplicate."""

    records: tuple[Word, ...]
    route: RouteName | None
    uniques: tuple[Unique, ...]
    action: Action
    say: Said
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Approve:
    """Who must agree before it goes, and who must not be the one."""

    record: str
    route: RouteName | None
    when: Expr | None
    role: str
    never: tuple[str, ...]
    say: Said
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """`try 5 times from 30s then hold for it_support`: the pause grows, then a person looks."""

    times: int
    pause: timedelta
    then: Action
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - Any is a name of the typing module
    """`-`: every value, a missing one too."""

    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Among:
    """`amounts, party`: one of these."""

    values: tuple[Value, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """`<= cancel_window`; a word names a const. `op` is one of = <> < <= > >=."""

    op: str
    value: Value
    span: Span = _field(compare=False)


Cell: TypeAlias = Any_ | Among | Compared


@dataclass(frozen=True, slots=True)
class TableRow:
    """What is done where every cell holds; one cell for each column."""

    cells: tuple[Cell, ...]
    action: Action | TryAgain
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table: the names of its columns, without the last (`do`), and its rows."""

    head: tuple[str, ...]
    rows: tuple[TableRow, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Fields whose changes are answered alike; one of the lines is named `line.price`."""

    name: str
    fields: tuple[Word, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """What happens when something posted changes: the strictest row of the changed groups."""

    record: str
    route: RouteName | None
    groups: tuple[Group, ...]
    table: Table
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """What happens when something posted is cancelled."""

    records: tuple[Word, ...]
    route: RouteName | None
    table: Table
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """What happens when a target answers with an error."""

    target: str
    table: Table
    span: Span = _field(compare=False)


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
    """`amount not compared because "…"`: the record's own total may differ."""

    reason: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Allows:
    """What is posted although it is unusual: no_lines, negative_quantities, negative_totals."""

    what: tuple[str, ...]
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
    allows: Allows | None
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
