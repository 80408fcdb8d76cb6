"""Define the nodes of roles, consts, sources, targets, maps, units, records and links."""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import date
from decimal import Decimal

from grammar.nodes.expressions import Action, Expr, Literal, Missing
from grammar.text.problem import Span


@dataclass(frozen=True, slots=True)
class State:
    """A status in plain words, with the source's own spellings."""

    name: str
    aliases: tuple[str, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class ByTeam:
    """The team that alone may: complete a field, or change the entries of a table."""

    role: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A stored field; `mark` is key, family, dated, optional or None.

    `completed` names the team that may complete a blank or unreadable value, or is None.
    """

    name: str
    type: str
    states: tuple[State, ...]
    of: str | None
    mark: str | None
    span: Span = _field(compare=False)
    completed: ByTeam | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A field that is worked out."""

    name: str
    expr: Expr
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """What arrives: `from` a source, or the lines `of` another record."""

    name: str
    source: str | None
    parent: str | None
    fields: tuple[Field | Computed, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Link:
    """Other records of the family as a list with an end.

    `theirs` is the field of the `other` record that equals `ours`, a field of `record`; with
    `of_lines` one of its lines, so that each line may join records of its own.
    """

    name: str
    record: str
    other: str
    theirs: str
    ours: str
    of_lines: bool
    where: Expr | None
    most: int
    action: Action
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Role:
    """A team that owns holds and gives approvals."""

    name: str
    title: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Silence:
    """A finding of style, by its code, that a declaration is meant to have, and why."""

    code: str
    name: str
    reason: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class ConstRow:
    """The value of a const from a day on."""

    since: date
    value: Literal
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Const:
    """A named value with its dates."""

    name: str
    rows: tuple[ConstRow, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from: its currency and its time zone."""

    name: str
    currency: str
    zone: str
    missing: Missing
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Where documents go: how it rounds (`per_line` or `at_the_end`), and what it tolerates."""

    name: str
    rounding: str
    places: Decimal
    tolerance: Decimal
    tolerance_action: Action
    missing: Missing
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Csv:
    """The file whose rows fill a map at first, and its two columns."""

    path: str
    from_column: str
    to_column: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class MapRow:
    """One entry written in the rules."""

    key: str
    value: Literal
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Map:
    """A look-up; `match` holds exact, trimmed, any_case, any_punctuation."""

    name: str
    match: tuple[str, ...]
    csv: Csv | None
    rows: tuple[MapRow, ...]
    missing: Missing
    span: Span = _field(compare=False)
    kept: ByTeam | None = None


@dataclass(frozen=True, slots=True)
class UnitBase:
    """The unit that stock is counted in, of everything or of one item."""

    unit: str
    item: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class UnitRow:
    """`1 CTN of "TEA-1" = 48 PCS`."""

    count: Decimal
    unit: str
    item: str | None
    base_count: Decimal
    base_unit: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Units:
    """The table of conversions."""

    bases: tuple[UnitBase, ...]
    rows: tuple[UnitRow, ...]
    csv: str | None
    missing: Missing
    span: Span = _field(compare=False)
    kept: ByTeam | None = None
