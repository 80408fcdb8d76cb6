"""What came out of a record, as the expectations of a test.

Here: expectations of an outcome, its title, and whether two outcomes are one for a test. Not here:
comparing an outcome with expectations (expectations.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from grammar import nodes as n
from grammar.layout.written import can_be_quoted
from grammar.parsing.build_expressions import DIGITS
from rules.checker.tests_and_samples import known_reasons
from rules.outcomes.outcome import Decision, Document, Outcome
from rules.testing.expectations import BLOCKED
from rules.testing.recorded_values import CODE, DAY, NOWHERE, NUMBER, Secrets, route_name
from rules.types.outside_schemas import DocumentSchema, FieldSchema, Schemas
from rules.types.symbol_table import Index
from rules.values.posting_states import PostingState

Line: TypeAlias = tuple[int, tuple[n.FieldIs, ...]]
MOST_NAMED = 20
"""Lines of a document that are named: all of them, or none."""
_STATES: Final = {
    PostingState.READY: "ready",
    PostingState.POSTED: "posted",
    PostingState.IGNORED: "ignore",
    PostingState.DROPPED: "drop",
    PostingState.WAITING: "wait",
}
_BECOMES: Final = {
    PostingState.READY: "is ready",
    PostingState.POSTED: "is posted",
    PostingState.IGNORED: "is ignored",
    PostingState.DROPPED: "is dropped",
    PostingState.WAITING: "waits",
    PostingState.HELD: "is held",
}
_STOPPED: Final = {"hold": "is held", "approve": "needs approval", "reject": "is rejected"}
_DONE: Final = {
    "credit_note": "credit_note",
    "update": "update",
    "void": "void",
    "create": "new_document",
}


def difference(wanted: Outcome, found: Outcome, hidden: Secrets) -> str | None:
    """The first route that comes to something else; None: none does. Values of documents that hold
    a hidden one are not compared.
    """
    others = {one.route: one for one in found.decisions}
    for one in wanted.decisions:
        other = others.get(one.route)
        if other is None or _shape(one) != _shape(other) or not _alike(one, other, hidden):
            return one.route
    return None


def _shape(one: Decision) -> tuple[object, ...]:
    findings = frozenset((f.rule, f.severity, f.owner) for f in one.findings)
    wait = (one.wait.kind, one.wait.route, one.wait.until) if one.wait else None
    return one.state, findings, wait, tuple((s.action, s.route, s.rule) for s in one.plan)


def _alike(one: Decision, other: Decision, hidden: Secrets) -> bool:
    """Whether what is sent is the same."""
    if one.state != PostingState.READY:
        return True
    pairs = zip(one.plan, other.plan, strict=True)
    return all(_same(a.document, b.document, hidden) for a, b in pairs)


def _same(one: Document | None, other: Document | None, hidden: Secrets) -> bool:
    if one is None or other is None:
        return one is other
    if len(one.lines) != len(other.lines):
        return False
    rows = zip((one.fields, *one.lines), (other.fields, *other.lines), strict=True)
    return all(_same_row(a, b, hidden) for a, b in rows)


def _same_row(one: Mapping[str, str], other: Mapping[str, str], hidden: Secrets) -> bool:
    return one.keys() == other.keys() and all(
        value == other[name] or hidden.within(value) for name, value in one.items()
    )


def expectations(
    outcome: Outcome, index: Index, zone: ZoneInfo, schemas: Schemas
) -> tuple[n.Expect, ...]:
    """What is expected of each route."""
    known, found = known_reasons(index), list[n.Expect]()
    for one in outcome.decisions:
        route = route_name(one.route)
        schema = schemas.document(route.target, route.document)
        found += _expected(one, known, zone, schema)
    return tuple(found)


def _expected(
    one: Decision, known: Collection[str], zone: ZoneInfo, schema: DocumentSchema | None
) -> Iterator[n.Expect]:
    route = route_name(one.route)

    def says(kind: str, **more: Any) -> n.Expected:
        of = {"role": None, "until": None, "route": None, "reason": None, **more}
        of["reason"] = of["reason"] if of["reason"] in known else None
        return n.Expected(kind, again=None, span=NOWHERE, **of)

    done = _done(one)
    if done is not None:
        yield n.Expect(route, says(done.kind, reason=done.rule), (), (), NOWHERE)
    elif one.state == PostingState.WAITING:
        yield n.Expect(route, _waits(one, says, zone), (), (), NOWHERE)
    elif one.state in _STATES:
        head, lines = _contents(one, schema)
        yield n.Expect(route, says(_STATES[one.state]), head, lines, NOWHERE)
    findings = dict.fromkeys((f.severity, f.owner, f.rule, f.code) for f in one.findings)
    for severity, owner, rule, code in findings:
        if severity == "approve":
            said = says("approve", role=owner)
        elif severity == "hold" and code != BLOCKED:
            said = says("hold", role=owner, reason=rule)
        else:
            said = says("block" if severity == "hold" else severity, reason=rule)
        yield n.Expect(route, said, (), (), NOWHERE)


@dataclass(frozen=True, slots=True)
class _Done:
    """What a table has done about what is posted, and its row's rule."""

    kind: str
    rule: str


def _done(one: Decision) -> _Done | None:
    if one.state != PostingState.READY:
        return None
    by_rule = {step.action: step.rule for step in one.plan if step.rule}
    if by_rule.keys() >= {"credit_note", "create"}:
        return _Done("credit_and_new", by_rule["credit_note"])
    for action, kind in _DONE.items():
        if action in by_rule:
            return _Done(kind, by_rule[action])
    return None


def _waits(one: Decision, says: Callable[..., n.Expected], zone: ZoneInfo) -> n.Expected:
    wait = one.wait
    if wait is not None and wait.until is not None and not wait.until.second:
        return says("wait_until", until=wait.until.astimezone(zone).replace(tzinfo=None))
    if wait is not None and wait.route:
        return says("wait_for", route=route_name(wait.route))
    return says("wait")


def _contents(
    one: Decision, schema: DocumentSchema | None
) -> tuple[tuple[n.FieldIs, ...], tuple[Line, ...]]:
    """The document field by field, and line by line where these are few."""
    if one.state != PostingState.READY or one.document is None:
        return (), ()
    header, of_line = (schema.header, schema.lines) if schema else ((), ())
    rows = [tuple(_fields(row, of_line)) for row in one.document.lines]
    named = rows if len(rows) <= MOST_NAMED and all(rows) else []
    return tuple(_fields(one.document.fields, header)), tuple(enumerate(named, 1))


def _fields(row: Mapping[str, str], schema: Sequence[FieldSchema]) -> Iterator[n.FieldIs]:
    types = {field.name: field.type for field in schema}
    for name, value in row.items():
        if value and CODE.fullmatch(name) and can_be_quoted(value):
            yield n.FieldIs(name, _value(value, types.get(name, "text")), NOWHERE)


def _value(said: str, type_: str) -> n.Literal:
    """A number and a date bare, where the target has such a field."""
    if type_ == "date" and DAY.fullmatch(said):
        return n.Literal("date", date.fromisoformat(said), NOWHERE)
    if type_ != "text" and NUMBER.fullmatch(said) and len(said) <= DIGITS:
        return n.Literal("number", Decimal(said), NOWHERE)
    return n.Literal("text", said, NOWHERE)


def title(outcome: Outcome) -> str:
    """One line for people: the record, and what becomes of it."""
    told = (f"{one.route.partition('.')[2]} {_short(one)}" for one in outcome.decisions)
    return f"{outcome.number}: {', '.join(told)}"


def _short(one: Decision) -> str:
    done = _done(one)
    if done is not None:
        return f"takes {done.kind.replace('_', ' ')} because {done.rule}"
    stop = next((f for f in one.findings if f.severity != "warn"), None)
    if stop is None:
        return _BECOMES[one.state]
    return f"{_STOPPED[stop.severity]} because {stop.rule}"
