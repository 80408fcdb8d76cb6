"""What may go: gate, check, duplicates, approve."""

from dataclasses import dataclass
from dataclasses import field as _field

from grammar.nodes.expressions import Expr
from grammar.nodes.values import Action, RouteName, Word
from grammar.problem import Span


@dataclass(frozen=True, slots=True)
class GateRow:
    """What some statuses mean; `word` is ready, wait, hold, ignore or cancel.

    `early` is a ready row that says by its word that these statuses may still change.
    """

    word: str
    states: tuple[Word, ...]
    owner: str | None
    say: str | None
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
    say: str
    clears: Clears
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Unique:
    """`where` is history, target (then `fields` are those of the target) or number_in_target."""

    fields: tuple[str, ...]
    where: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What makes a record a duplicate."""

    records: tuple[Word, ...]
    route: RouteName | None
    uniques: tuple[Unique, ...]
    action: Action
    say: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Approve:
    """Who must agree before it goes, and who must not be the one."""

    record: str
    route: RouteName | None
    when: Expr | None
    role: str
    never: tuple[str, ...]
    say: str
    span: Span = _field(compare=False)
