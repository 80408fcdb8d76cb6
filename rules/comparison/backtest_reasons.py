"""Why one stored record has the result it has, and which rules never or always fire.

Here: reason (rule, place and words for one route of one record), one_sided. Not here: the counting
(backtest.py), showing it (portal/backtest).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from grammar import nodes as n
from grammar.text.problem import Span
from rules.comparison.backtest import Tally
from rules.comparison.two_sides import Past, Side
from rules.outcomes.outcome import STOPS, Decision, Outcome, VerdictKind
from rules.values.posting_states import PostingState

Declared = Literal["check", "approve"]
_GATES: Final[frozenset[VerdictKind]] = frozenset({"gate", "when", "timing", "after"})


@dataclass(frozen=True, slots=True)
class Reason:
    """What decided: the rule, where it stands (None: no rule speaks of it), and its words."""

    number: str
    rule: str
    span: Span | None
    text: str


@dataclass(frozen=True, slots=True)
class Fired:
    """On how many of the records that it speaks of a rule of the new set fired.

    `kind` is theirs; `declared` says what kind of rule it is.
    """

    kind: str
    declared: Declared
    rule: str
    span: Span
    fired: int
    records: int

    @property
    def book_name(self) -> str:
        """The entry of the rule book that it belongs to."""
        return book_name(self.declared, self.rule, self.kind)


def book_name(declared: Declared, rule: str, kind: str) -> str:
    """The entry of the rule book that a rule of a backtest belongs to."""
    return f"approve {kind}" if declared == "approve" else f"check {rule}"


def reason(side: Side, past: Past, route: str) -> Reason:
    """Why a record is not simply ready under a route, by one of the two rule sets."""
    outcome = side.program.evaluate(past.subject, side.facts(past), side.world(past), past.now)
    decision = next((d for d in outcome.decisions if d.route == route), None)
    if decision is None:
        return Reason(outcome.number, "", None, "no rule posts it")
    return _of(outcome, decision)


def _of(outcome: Outcome, decision: Decision) -> Reason:
    finding = next((f for f in decision.findings if f.severity in STOPS), None)
    if finding is not None:
        return Reason(outcome.number, finding.rule, finding.span, finding.message)
    own = (v for v in outcome.verdicts if v.route == decision.route and v.kind in _GATES)
    verdict = next((v for v in own if v.result != "pass"), None)
    if verdict is not None and decision.state != PostingState.READY:
        return Reason(outcome.number, verdict.rule, verdict.span, decision.reason)
    return Reason(outcome.number, "", None, decision.reason)


def fired(new: Side, tally: Tally) -> tuple[Fired, ...]:
    """How often each check and approval fired, where records came that it speaks of."""
    numbers = {(r.kind, r.name): i for i, r in enumerate(new.program.rules)}
    found: dict[tuple[str, str, str], Fired] = {}
    for declared, rule, record, span in _declared(new.program.ruleset):
        records = tally.judged.get(record, 0)
        if records:
            times = tally.fired.get((record, numbers[declared, rule]), 0)
            found[declared, rule, record] = Fired(record, declared, rule, span, times, records)
    return tuple(found.values())


def _declared(ruleset: n.Ruleset) -> Iterator[tuple[Declared, str, str, Span]]:
    for check in ruleset.checks:
        for record in check.records:
            yield "check", check.name, record.name, check.span
    for approve in ruleset.approvals:
        yield "approve", f"approve by {approve.role}", approve.record, approve.span
