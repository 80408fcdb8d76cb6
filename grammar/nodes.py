"""The syntax tree of the rules language: frozen values, each with the place it was read from.

Two nodes are equal when they say the same, wherever they stand: `span` takes no part in
comparing. Not here: how text becomes nodes (`parse.py`) and what they mean (the `rules` package).
"""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias

from grammar.problem import Span

# ---- words, values, actions ---------------------------------------------------------------------


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
    """What is done: hold for a role, review by a role, warn, reject, ignore, drop, wait, block."""

    kind: str
    role: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """Who owns what is not there, and what that person is told."""

    action: Action
    say: str
    span: Span = _field(compare=False)


# ---- expressions --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """A field, const, fact or bare word: `("line", "sku")`, `("total",)`."""

    path: tuple[str, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function or a map applied: `debtor(customer)`, `any(lines where qty > 0)`."""

    name: str
    args: tuple["Expr", ...]
    where: "Expr | None"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`, op one of = <> < <= > >=."""

    left: "Expr"
    op: str
    right: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`left in (a, b)`."""

    left: "Expr"
    values: tuple["Value", ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Known:
    """`x is known`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """`x is missing`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`a and b and …`."""

    parts: tuple["Expr", ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`a or b or …`."""

    parts: tuple["Expr", ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Arith:
    """`left op right`, op one of + - * /."""

    op: str
    left: "Expr"
    right: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """`-x`."""

    expr: "Expr"
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Otherwise:
    """`x otherwise y`: y where x is missing."""

    expr: "Expr"
    default: "Expr"
    span: Span = _field(compare=False)


Expr: TypeAlias = (
    Literal
    | Name
    | Call
    | Compare
    | Member
    | Known
    | Absent
    | AllOf
    | AnyOf
    | Not
    | Arith
    | Negative
    | Otherwise
)
Value: TypeAlias = Word | Literal


# ---- names and surroundings ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Role:
    """A team that owns holds and gives approvals."""

    name: str
    title: str
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


# ---- records ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class State:
    """A status in plain words, with the source's own spellings."""

    name: str
    aliases: tuple[str, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A stored field; `mark` is key, family, dated, optional or None."""

    name: str
    type: str
    states: tuple[State, ...]
    of: str | None
    mark: str | None
    span: Span = _field(compare=False)


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


# ---- look-ups and units -------------------------------------------------------------------------


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
    """A look-up; `match` holds exact, trimmed, any_case."""

    name: str
    match: tuple[str, ...]
    csv: Csv | None
    rows: tuple[MapRow, ...]
    missing: Missing
    span: Span = _field(compare=False)


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


# ---- readiness ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateRow:
    """What some statuses mean; `word` is ready, wait, hold, ignore or cancel."""

    word: str
    states: tuple[Word, ...]
    owner: str | None
    say: str | None
    span: Span = _field(compare=False)


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


# ---- routes -------------------------------------------------------------------------------------


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
class Post:
    """One route: everything about one target document."""

    record: str
    route: RouteName
    number: str
    when: Expr | None
    timing: Immediately | Daily
    after: RouteName | None
    they_own: tuple[str, ...]
    we_own: Action
    fields: tuple[Assign, ...]
    line_fields: tuple[Assign, ...]
    span: Span = _field(compare=False)


# ---- samples and tests --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A field of a sample and its value."""

    name: str
    value: Value
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class IsValue:
    """`status = paid`."""

    name: str
    value: Value
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class IsRecords:
    """`seen = (november)`."""

    name: str
    samples: tuple[str, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class IsMissing:
    """`paid_at is missing`."""

    name: str
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class LineValue:
    """`line 1.uom = "TIN"`."""

    line: int
    name: str
    value: Value
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class TargetShows:
    """`aiaccount.sales_invoice.Customer = "Cash"`."""

    route: RouteName
    field: str
    value: Value
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class IsPosted:
    """`aiaccount.sales_invoice is posted as "NS-1001"`."""

    route: RouteName
    number: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class NotPosted:
    """`aiaccount.sales_invoice is missing`."""

    route: RouteName
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """`debtor("C-77") = "300-C077"`: an entry of a map."""

    table: str
    key: str
    value: Literal
    span: Span = _field(compare=False)


Fact: TypeAlias = (
    IsValue | IsRecords | IsMissing | LineValue | TargetShows | IsPosted | NotPosted | Entry
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A record with its clock (in the zone of its source) and its world."""

    name: str
    record: str
    at: datetime
    sets: tuple[Pair, ...]
    lines: tuple[tuple[Pair, ...], ...]
    facts: tuple[Fact, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class FieldIs:
    """`Quantity = 80`: what the document must hold."""

    name: str
    value: Value
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome; `kind` is ready, posted, approve, wait_until, wait_for or an action."""

    kind: str
    role: str | None
    until: datetime | None
    route: RouteName | None
    reason: str | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Expect:
    """One expectation: an outcome, and what stands in the document."""

    route: RouteName | None
    outcome: Expected | None
    head: tuple[FieldIs, ...]
    lines: tuple[tuple[int, tuple[FieldIs, ...]], ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Test:
    """A sample, what is different this time, and what must come out."""

    __test__ = False  # not a test class of pytest

    title: str
    given: str
    at: datetime | None
    facts: tuple[Fact, ...]
    expects: tuple[Expect, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All declarations of all files, in the order they were read."""

    roles: tuple[Role, ...] = ()
    consts: tuple[Const, ...] = ()
    sources: tuple[Source, ...] = ()
    targets: tuple[Target, ...] = ()
    records: tuple[Record, ...] = ()
    maps: tuple[Map, ...] = ()
    units: tuple[Units, ...] = ()
    gates: tuple[Gate, ...] = ()
    checks: tuple[Check, ...] = ()
    duplicates: tuple[Duplicates, ...] = ()
    approvals: tuple[Approve, ...] = ()
    posts: tuple[Post, ...] = ()
    samples: tuple[Sample, ...] = ()
    tests: tuple[Test, ...] = ()
