"""Decision tables: on edit, on cancel, retry."""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import timedelta
from typing import TypeAlias

from grammar.nodes.values import Action, RouteName, Value, Word
from grammar.problem import Span


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
    """Fields whose changes are answered alike."""

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
