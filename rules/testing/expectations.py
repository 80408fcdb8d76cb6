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
from rules.testing.test_steps import StoryEnd
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
"""The steps of each table action."""
_CORRECTIONS = {"update", "void", "credit_note"}
BLOCKED = "STL02"
"""The finding of `block`: it holds the record without an owner, so no review or hold matches it."""


class Expectations:
    """Compare the expectations of one test with the end of its story."""

    def __init__(self, test: nodes.Test, end: StoryEnd, zone: ZoneInfo) -> None:
        self.test = test
        self.zone = zone
        self.retry = end.retry
        self.decisions = {d.route: d for d in end.outcome.decisions}
        self.named: dict[str, set[int]] = {}
        self.steps: set[tuple[str, int]] = set()  # (route, index) of the plan steps that are named

    def failure(self) -> str:
        """Return the first difference, or an empty text."""
        for expect in self.test.expects:
            difference = self._compare_one(expect)
            if difference:
                return difference
        return self._first_unexpected()

    def _compare_one(self, expect: nodes.Expect) -> str:
        route = str(expect.route) if expect.route else self._only_route()
        decision = self.decisions.get(route)
        if decision is None:
            return self._compare_reversal(expect, route)
        self.named.setdefault(route, set())
        if self.retry is not None and expect.outcome is not None:
            return _retried(expect.outcome, self.retry(route.partition(".")[0]))
        difference = self._outcome(expect.outcome, decision) if expect.outcome else ""
        return difference or self._fields(expect, decision)

    def _compare_reversal(self, expect: nodes.Expect, route: str) -> str:
        """Compare a document of a reversing route, which is in the plan of the route that it
        reverses.
        """
        difference = f"nothing is decided for {route or 'a record without a route'}"
        for decision in self.decisions.values():
            for number, step in enumerate(decision.plan):
                if step.route == route and step.document is not None:
                    difference = _compare_document(expect, step.document)
                    if not difference:
                        self.named.setdefault(decision.route, set())
                        self.steps.add((decision.route, number))
                        return ""
        return difference

    def _only_route(self) -> str:
        return next(iter(self.decisions)) if len(self.decisions) == 1 else ""

    def _outcome(self, expected: nodes.Expected, decision: Decision) -> str:
        kind = expected.kind
        if kind in _STEPS or kind == "block":
            return self._compare_steps(expected, decision)
        if kind in _STATES:
            fine = decision.state == _STATES[kind] or self._has_action(expected, decision)
        elif kind.startswith("wait"):
            fine = self._waits(expected, decision)
        elif kind in _SEVERITIES:
            return self._finding(expected, decision)
        else:
            return f"'{kind}' cannot be expected in this version of the language"
        return "" if fine else f"expected {outcome_text(expected)}, but {describe(decision)}"

    def _has_action(self, expected: nodes.Expected, decision: Decision) -> bool:
        """Check whether a table's action about the posted document matches."""
        return any(s.action == expected.kind and _has_reason(expected, s) for s in decision.plan)

    def _compare_steps(self, expected: nodes.Expected, decision: Decision) -> str:
        """Compare a table action: each of its steps must be in the plan, and no other of its
        kinds.
        """
        actions = _STEPS.get(expected.kind, ("block",))
        steps = [(i, s) for i, s in enumerate(decision.plan) if _has_reason(expected, s)]
        kinds = {s.action for _, s in steps if s.action in {*actions, "create"} and s.rule}
        if kinds != set(actions):
            return f"expected {outcome_text(expected)}, but {describe(decision)}"
        self.steps |= {(decision.route, i) for i, s in steps if s.action in actions}
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
            if _matches(expected, finding):
                self.named[decision.route].add(number)
                return ""
        return f"expected {outcome_text(expected)}, but {describe(decision)}"

    def _first_unexpected(self) -> str:
        """Return the first finding or step that no expectation names, or an empty text."""
        for route, named_numbers in self.named.items():
            for number, finding in enumerate(self.decisions[route].findings):
                is_repeated = any(
                    _is_same_kind(finding, self.decisions[route].findings[index])
                    for index in named_numbers
                )
                if number not in named_numbers and not is_repeated:
                    return f"not expected: {_finding_text(finding)}"
            is_ready = self.decisions[route].state == PostingState.READY
            for number, step in enumerate(self.decisions[route].plan if is_ready else ()):
                if step.action in _CORRECTIONS and (route, number) not in self.steps:
                    return f"not expected: {_step_text(step)}"
        return ""

    def _fields(self, expect: nodes.Expect, decision: Decision) -> str:
        if not expect.head and not expect.lines:
            return ""
        kind = expect.outcome.kind if expect.outcome else ""
        documents = [s.document for s in decision.plan if s.action == kind and kind in _CORRECTIONS]
        document = documents[0] if documents else decision.document
        if document is None:
            return f"there is no document: {describe(decision)}"
        return _compare_document(expect, document)


def _compare_document(expect: nodes.Expect, document: Document) -> str:
    """Return how a document differs, or an empty text."""
    difference = _compare(expect.head, document.fields, "")
    lines = expect.lines
    if not difference and lines and {i for i, _ in lines} != set(range(1, len(document.lines) + 1)):
        return f"the document has {len(document.lines)} lines: name all of them"
    for number, fields in lines:
        difference = difference or _compare(fields, document.lines[number - 1], f"line {number} ")
    return difference


def _retried(expected: nodes.Expected, answer: RetryAnswer | None) -> str:
    """Compare a retry answer: another try, or the action in its place."""
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


def _has_reason(expected: nodes.Expected, step: Step) -> bool:
    return expected.reason is None or expected.reason == step.rule


def _step_text(step: Step) -> str:
    because = f" because {step.rule}" if step.rule else ""
    return f"{step.action.replace('_', ' ')}{because}: {step.reason}"


def describe(decision: Decision) -> str:
    """Return a decision in one clause."""
    if decision.findings and decision.state in {
        PostingState.HELD,
        PostingState.POSTED,
        PostingState.IGNORED,
    }:
        return "; ".join(_finding_text(f) for f in decision.findings)
    if any(step.action in _CORRECTIONS for step in decision.plan):
        return "; ".join(_step_text(step) for step in decision.plan)
    return f"it is {decision.state} ({decision.reason})"


def _finding_text(finding: Finding) -> str:
    owner = f" {'by' if finding.severity == 'approve' else 'for'} {finding.owner}"
    return f"{finding.severity}{owner} because {finding.rule}: {finding.message}"


def _matches(expected: nodes.Expected, finding: Finding) -> bool:
    if finding.severity != _SEVERITIES[expected.kind] or finding.code == BLOCKED:
        return False
    if expected.role is not None and finding.owner != expected.role:
        return False
    return expected.reason is None or finding.rule == expected.reason


def _is_same_kind(finding: Finding, other: Finding) -> bool:
    """Check whether two findings are of one kind. Naming one finding names all findings of its
    kind.
    """
    return (finding.rule, finding.severity, finding.owner) == (
        other.rule,
        other.severity,
        other.owner,
    )


def _compare(fields: tuple[nodes.FieldIs, ...], row: Mapping[str, str], where: str) -> str:
    for field in fields:
        text = row.get(field.name)
        if text is None:
            return f"{where}{field.name} is not in the document"
        expected = field.value
        if not _equal(expected, text):
            value = expected.name if isinstance(expected, nodes.Word) else _text(expected.value)
            return f"{where}{field.name} is {text}, expected {value}"
    return ""


def _equal(expected: nodes.Value, text: str) -> bool:
    value = expected.name if isinstance(expected, nodes.Word) else expected.value
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
