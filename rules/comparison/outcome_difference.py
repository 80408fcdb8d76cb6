"""What two outcomes of one record decide differently, route by route.

Here: state, findings and document of each route under both. Pure. Not here: judging, and many
records at once (backtest.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.outcomes.outcome import STOPS, Decision, Document, Outcome
from rules.values.canonical import Plain
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class Side:
    """What one outcome decides for a route: its state, and code and rule of what stops it."""

    state: PostingState
    findings: tuple[tuple[str, str], ...]

    def to_json(self) -> Plain:
        """As it is stored."""
        return {"state": self.state.value, "findings": [list(one) for one in self.findings]}


@dataclass(frozen=True, slots=True)
class FieldPair:
    """A field of the document with another value; `line` counts from 1, and is None for its head.
    A blank value: there is none.
    """

    name: str
    line: int | None
    was: str
    would: str


@dataclass(frozen=True, slots=True)
class RouteDifference:
    """A route whose answer differs; a side is None where the rules have no such route."""

    route: str
    was: Side | None
    would: Side | None
    fields: tuple[FieldPair, ...]

    @property
    def verdict_differs(self) -> bool:
        """Whether it is more than a value of the document."""
        return self.was != self.would


def sides(outcome: Outcome) -> dict[str, Side]:
    """Route -> what is decided."""
    return {one.route: _side(one) for one in outcome.decisions}


def differences(before: Outcome, after: Outcome) -> tuple[RouteDifference, ...]:
    """The routes that differ, by their names; none where both decide the same."""
    was, would = sides(before), sides(after)
    old, new = _documents(before), _documents(after)
    found = (
        RouteDifference(
            route,
            was.get(route),
            would.get(route),
            tuple(_fields(old.get(route), new.get(route))),
        )
        for route in sorted({*was, *would})
    )
    return tuple(one for one in found if one.verdict_differs or one.fields)


def _side(decision: Decision) -> Side:
    stops = {(f.code, f.rule) for f in decision.findings if f.severity in STOPS}
    return Side(decision.state, tuple(sorted(stops)))


def _documents(outcome: Outcome) -> dict[str, Document]:
    return {one.route: one.document for one in outcome.decisions if one.document is not None}


def _fields(old: Document | None, new: Document | None) -> Iterator[FieldPair]:
    """Where both have a document: that there is one at all follows from the state."""
    if old is None or new is None:
        return
    yield from _pairs(None, _head(old), _head(new))
    for at in range(max(len(old.lines), len(new.lines))):
        mine, theirs = (one.lines[at] if at < len(one.lines) else {} for one in (old, new))
        yield from _pairs(at + 1, mine, theirs)


def _head(document: Document) -> Mapping[str, str]:
    own = {
        "number": document.number,
        "date": document.date.isoformat(),
        "party": document.party,
        "currency": document.currency,
        "amount": str(document.amount),
    }
    return {**own, **document.fields}


def _pairs(line: int | None, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[FieldPair]:
    for name in dict.fromkeys([*old, *new]):
        was, would = old.get(name, ""), new.get(name, "")
        if was != would:
            yield FieldPair(name, line, was, would)
