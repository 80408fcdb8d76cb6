"""Define the nodes of samples and tests, and `Ruleset`, which holds all declarations."""

from dataclasses import dataclass
from dataclasses import field as _field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from grammar.nodes.expressions import Literal, RouteName, Value
from grammar.nodes.routes import (
    Approve,
    Cancel,
    Check,
    Duplicates,
    Edit,
    Gate,
    Post,
    Retry,
    Reversal,
    TryAgain,
)
from grammar.nodes.setup import Const, Link, Map, Record, Role, Silence, Source, Target, Units
from grammar.text.problem import Span


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


@dataclass(frozen=True, slots=True)
class SetUp:
    """`1 CTN of "TEA-1" = 24 PCS in autocount`: how a target counts one of its items."""

    count: Decimal
    unit: str
    item: str
    base_count: Decimal
    base_unit: str
    target: str
    span: Span = _field(compare=False)


Fact: TypeAlias = (
    IsValue | IsRecords | IsMissing | LineValue | TargetShows | IsPosted | NotPosted | Entry | SetUp
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
    """The outcome; `kind` is ready, posted, approve, wait_until, wait_for or an action.

    `again` has the details where the kind is try_again.
    """

    kind: str
    role: str | None
    until: datetime | None
    route: RouteName | None
    reason: str | None
    again: TryAgain | None
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Expect:
    """One expectation: an outcome and the document's content."""

    route: RouteName | None
    outcome: Expected | None
    head: tuple[FieldIs, ...]
    lines: tuple[tuple[int, tuple[FieldIs, ...]], ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Then:
    """What happens after every ready document was posted, optionally at another time."""

    at: datetime | None
    facts: tuple[Fact, ...]
    span: Span = _field(compare=False)


@dataclass(frozen=True, slots=True)
class Test:
    """A sample, what is different this time, what happens then, and what must come out."""

    __test__ = False  # not a test class of pytest

    title: str
    given: str
    at: datetime | None
    facts: tuple[Fact, ...]
    steps: tuple[Then, ...]
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
    links: tuple[Link, ...] = ()
    maps: tuple[Map, ...] = ()
    units: tuple[Units, ...] = ()
    gates: tuple[Gate, ...] = ()
    checks: tuple[Check, ...] = ()
    duplicates: tuple[Duplicates, ...] = ()
    approvals: tuple[Approve, ...] = ()
    edits: tuple[Edit, ...] = ()
    cancels: tuple[Cancel, ...] = ()
    retries: tuple[Retry, ...] = ()
    posts: tuple[Post, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    samples: tuple[Sample, ...] = ()
    tests: tuple[Test, ...] = ()
    silences: tuple[Silence, ...] = ()
