"""Compare the outcome of a test with its expectations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.layout.written import outcome_text
from grammar.text.characters import duration
from rules.decisions.decision_tables import RetryAnswer
from rules.outcomes import Decision, Document, Finding, Step
from rules.testing.test_steps import Told
from rules.values.canonical import PostingState, number_text
from rules.values.cause_keys import NEVER

_STATES = {"ready": "ready", "posted": "posted", "ignore": "ignored", "drop": "dropped"}
_SEVERITIES = {
    "approve": "approve",
    "hold": "hold",
    "review": "hold",
    "warn": "warn",
    "reject": "reject",
}


_STEPS = {
    "update": ("update",),
    "void": ("void",),
    "credit_note": ("credit_note",),
    "credit_and_new": ("credit_note", "create"),
    "new_document": ("create",),
}
"""The steps that an action of a table becomes."""
_CORRECTIONS = {"update", "void", "credit_note"}
BLOCKED = "STL02"
"""The finding of `block`: it holds, but for nobody, so that no review or hold stands for it."""


class Expectations:
    """The expectations of one test, compared with how its story ended."""

    def __init__(self, test: nodes.Test, told: Told, zone: ZoneInfo) -> None:
        self.test = test
        self.zone = zone
        self.retry = told.retry
        self.decisions = {d.route: d for d in told.outcome.decisions}
        self.named: dict[str, set[int]] = {}
        self.steps: set[tuple[str, int]] = set()  # which steps of the plan of a route are named

    def failure(self) -> str:
        """The first thing that is otherwise, or an empty text."""
        for expect in self.test.expects:
            said = self._one(expect)
            if said:
                return said
        return self._unnamed()

    def _one(self, expect: nodes.Expect) -> str:
        route = str(expect.route) if expect.route else self._only_route()
        decision = self.decisions.get(route)
        if decision is None:
            return self._taken_back(expect, route)
        self.named.setdefault(route, set())
        if self.retry is not None and expect.outcome is not None:
            return _retried(expect.outcome, self.retry(route.partition(".")[0]))
        said = self._outcome(expect.outcome, decision) if expect.outcome else ""
        return said or self._fields(expect, decision)

    def _taken_back(self, expect: nodes.Expect, route: str) -> str:
        """A document of a reversing route: it stands in the plan of the route it takes back."""
        said = f"nothing is decided for {route or 'a record without a route'}"
        for decision in self.decisions.values():
            for number, step in enumerate(decision.plan):
                if step.route == route and step.document is not None:
                    said = _document(expect, step.document)
                    if not said:
                        self.named.setdefault(decision.route, set())
                        self.steps.add((decision.route, number))
                        return ""
        return said

    def _only_route(self) -> str:
        return next(iter(self.decisions)) if len(self.decisions) == 1 else ""

    def _outcome(self, expected: nodes.Expected, decision: Decision) -> str:
        kind = expected.kind
        if kind in _STEPS or kind == "block":
            return self._done(expected, decision)
        if kind in _STATES:
            fine = decision.state == _STATES[kind] or self._left(expected, decision)
        elif kind.startswith("wait"):
            fine = self._waits(expected, decision)
        elif kind in _SEVERITIES:
            return self._finding(expected, decision)
        else:
            return f"'{kind}' cannot be expected in this version of the language"
        return "" if fine else f"expected {outcome_text(expected)}, but {describe(decision)}"

    def _left(self, expected: nodes.Expected, decision: Decision) -> bool:
        """Whether a table answered so about what is posted."""
        return any(s.action == expected.kind and _for(expected, s) for s in decision.plan)

    def _done(self, expected: nodes.Expected, decision: Decision) -> str:
        """An action of a table: each of its steps must be in the plan, and no other of its kind."""
        wanted = _STEPS.get(expected.kind, ("block",))
        found = [(i, s) for i, s in enumerate(decision.plan) if _for(expected, s)]
        kinds = {s.action for _, s in found if s.action in {*wanted, "create"} and s.rule}
        if kinds != set(wanted):
            return f"expected {outcome_text(expected)}, but {describe(decision)}"
        self.steps |= {(decision.route, i) for i, s in found if s.action in wanted}
        if expected.kind == "block":
            never = {i for i, f in enumerate(decision.findings) if f.clears == NEVER}
            self.named[decision.route] |= never
        return ""

    def _waits(self, expected: nodes.Expected, decision: Decision) -> bool:
        wait = decision.wait
        if decision.state != PostingState.WAITING or wait is None:
            return False
        if expected.kind == "wait_until" and expected.until is not None:
            local = expected.until.replace(tzinfo=self.zone).astimezone(UTC)
            return wait.until == local
        return expected.kind == "wait" or wait.route == str(expected.route)

    def _finding(self, expected: nodes.Expected, decision: Decision) -> str:
        for number, finding in enumerate(decision.findings):
            if _is(expected, finding):
                self.named[decision.route].add(number)
                return ""
        return f"expected {outcome_text(expected)}, but {describe(decision)}"

    def _unnamed(self) -> str:
        """A finding that nobody expected."""
        for route, named in self.named.items():
            for number, finding in enumerate(self.decisions[route].findings):
                same = any(_same(finding, self.decisions[route].findings[k]) for k in named)
                if number not in named and not same:
                    return f"not expected: {_say(finding)}"
            ready = self.decisions[route].state == PostingState.READY
            for number, step in enumerate(self.decisions[route].plan if ready else ()):
                if step.action in _CORRECTIONS and (route, number) not in self.steps:
                    return f"not expected: {_step(step)}"
        return ""

    def _fields(self, expect: nodes.Expect, decision: Decision) -> str:
        if not expect.head and not expect.lines:
            return ""
        kind = expect.outcome.kind if expect.outcome else ""
        own = [s.document for s in decision.plan if s.action == kind and kind in _CORRECTIONS]
        document = own[0] if own else decision.document
        if document is None:
            return f"there is no document: {describe(decision)}"
        return _document(expect, document)


def _document(expect: nodes.Expect, document: Document) -> str:
    """What of a document is otherwise."""
    said = _compare(expect.head, document.fields, "")
    lines = expect.lines
    if not said and lines and {i for i, _ in lines} != set(range(1, len(document.lines) + 1)):
        return f"the document has {len(document.lines)} lines: name all of them"
    for number, fields in lines:
        said = said or _compare(fields, document.lines[number - 1], f"line {number} ")
    return said


def _retried(expected: nodes.Expected, answer: RetryAnswer | None) -> str:
    """The answer to an error: trying again, or what comes in its place."""
    if answer is None:
        return "no row of a retry table answers that error"
    if expected.again is not None:
        fine = answer.kind == "try_again" and answer.again == expected.again
    else:
        fine = (answer.kind, answer.role) == (expected.kind, expected.role)
    if fine:
        return ""
    role = f" for {answer.role}" if answer.role else ""
    pause = f" after {duration(answer.pause)}" if answer.pause else ""
    return f"expected {outcome_text(expected)}, but {answer.kind.replace('_', ' ')}{role}{pause}"


def _for(expected: nodes.Expected, step: Step) -> bool:
    return expected.reason is None or expected.reason == step.rule


def _step(step: Step) -> str:
    because = f" because {step.rule}" if step.rule else ""
    return f"{step.action.replace('_', ' ')}{because}: {step.reason}"


def describe(decision: Decision) -> str:
    """A decision in one clause."""
    if decision.findings and decision.state in {
        PostingState.HELD,
        PostingState.POSTED,
        PostingState.IGNORED,
    }:
        return "; ".join(_say(f) for f in decision.findings)
    if any(step.action in _CORRECTIONS for step in decision.plan):
        return "; ".join(_step(step) for step in decision.plan)
    return f"it is {decision.state} ({decision.reason})"


def _say(finding: Finding) -> str:
    owner = f" {'by' if finding.severity == 'approve' else 'for'} {finding.owner}"
    return f"{finding.severity}{owner} because {finding.rule}: {finding.message}"


def _is(expected: nodes.Expected, finding: Finding) -> bool:
    if finding.severity != _SEVERITIES[expected.kind] or finding.code == BLOCKED:
        return False
    if expected.role is not None and finding.owner != expected.role:
        return False
    return expected.reason is None or finding.rule == expected.reason


def _same(one: Finding, other: Finding) -> bool:
    """One rule may give several findings of one kind; naming it names them all."""
    return (one.rule, one.severity, one.owner) == (other.rule, other.severity, other.owner)


def _compare(fields: tuple[nodes.FieldIs, ...], have: Mapping[str, str], where: str) -> str:
    for field in fields:
        text = have.get(field.name)
        if text is None:
            return f"{where}{field.name} is not in the document"
        want = field.value
        if not _equal(want, text):
            value = want.name if isinstance(want, nodes.Word) else _text(want.value)
            return f"{where}{field.name} is {text}, expected {value}"
    return ""


def _equal(want: nodes.Value, text: str) -> bool:
    value = want.name if isinstance(want, nodes.Word) else want.value
    if isinstance(value, Decimal):
        try:
            return Decimal(text) == value
        except InvalidOperation:
            return False
    return _text(value) == text


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
