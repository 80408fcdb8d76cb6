"""What a test expects against what came out.

Here: Expectations: the first thing that is not as expected, in words. Not here: building the
world of the test (samples.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.canonical import number_text
from rules.outcome import Decision, Finding, Outcome

_STATES = {"ready": "ready", "posted": "posted", "ignore": "ignored", "drop": "dropped"}
_SEVERITIES = {
    "approve": "approve",
    "hold": "hold",
    "review": "hold",
    "warn": "warn",
    "reject": "reject",
}


class Expectations:
    """The expectations of one test, compared with one outcome."""

    def __init__(self, test: n.Test, outcome: Outcome, zone: ZoneInfo) -> None:
        self.test = test
        self.zone = zone
        self.decisions = {d.route: d for d in outcome.decisions}
        self.named: dict[str, set[int]] = {}

    def failure(self) -> str:
        """The first thing that is otherwise, or an empty text."""
        for expect in self.test.expects:
            said = self._one(expect)
            if said:
                return said
        return self._unnamed()

    def _one(self, expect: n.Expect) -> str:
        route = str(expect.route) if expect.route else self._only_route()
        decision = self.decisions.get(route)
        if decision is None:
            return f"nothing is decided for {route or 'a record without a route'}"
        self.named.setdefault(route, set())
        said = self._outcome(expect.outcome, decision) if expect.outcome else ""
        return said or self._fields(expect, decision)

    def _only_route(self) -> str:
        return next(iter(self.decisions)) if len(self.decisions) == 1 else ""

    def _outcome(self, expected: n.Expected, decision: Decision) -> str:
        kind = expected.kind
        if kind in _STATES:
            fine = decision.state == _STATES[kind]
        elif kind.startswith("wait"):
            fine = self._waits(expected, decision)
        elif kind in _SEVERITIES:
            return self._finding(expected, decision)
        else:
            return f"'{kind}' cannot be expected in this version of the language"
        return "" if fine else f"expected {_words(expected)}, but {describe(decision)}"

    def _waits(self, expected: n.Expected, decision: Decision) -> bool:
        wait = decision.wait
        if decision.state != "waiting" or wait is None:
            return False
        if expected.kind == "wait_until" and expected.until is not None:
            local = expected.until.replace(tzinfo=self.zone).astimezone(UTC)
            return wait.until == local
        return expected.kind == "wait" or wait.route == str(expected.route)

    def _finding(self, expected: n.Expected, decision: Decision) -> str:
        for number, finding in enumerate(decision.findings):
            if _is(expected, finding):
                self.named[decision.route].add(number)
                return ""
        return f"expected {_words(expected)}, but {describe(decision)}"

    def _unnamed(self) -> str:
        """A finding that nobody expected."""
        for route, named in self.named.items():
            for number, finding in enumerate(self.decisions[route].findings):
                same = any(_same(finding, self.decisions[route].findings[k]) for k in named)
                if number not in named and not same:
                    return f"not expected: {_say(finding)}"
        return ""

    def _fields(self, expect: n.Expect, decision: Decision) -> str:
        if not expect.head and not expect.lines:
            return ""
        document = decision.document
        if document is None:
            return f"there is no document: {describe(decision)}"
        said = _compare(expect.head, document.fields, "")
        lines = expect.lines
        if not said and lines and {i for i, _ in lines} != set(range(1, len(document.lines) + 1)):
            return f"the document has {len(document.lines)} lines: name all of them"
        for number, fields in lines:
            said = said or _compare(fields, document.lines[number - 1], f"line {number} ")
        return said


def describe(decision: Decision) -> str:
    """A decision in one clause."""
    if decision.findings and decision.state in {"held", "posted", "ignored"}:
        return "; ".join(_say(f) for f in decision.findings)
    return f"it is {decision.state} ({decision.reason})"


def _say(finding: Finding) -> str:
    owner = f" {'by' if finding.severity == 'approve' else 'for'} {finding.owner}"
    return f"{finding.severity}{owner} because {finding.rule}: {finding.message}"


def _words(expected: n.Expected) -> str:
    link = {"approve": "by", "review": "by"}.get(expected.kind, "for")
    role = f" {link} {expected.role}" if expected.role else ""
    reason = f" because {expected.reason}" if expected.reason else ""
    until = f" {expected.until:%Y-%m-%d %H:%M}" if expected.until else ""
    route = f" {expected.route}" if expected.route else ""
    return f"{expected.kind.replace('_', ' ')}{role}{reason}{until}{route}"


def _is(expected: n.Expected, finding: Finding) -> bool:
    if finding.severity != _SEVERITIES[expected.kind]:
        return False
    if expected.role is not None and finding.owner != expected.role:
        return False
    return expected.reason is None or finding.rule == expected.reason


def _same(one: Finding, other: Finding) -> bool:
    """One rule may give several findings of one kind; naming it names them all."""
    return (one.rule, one.severity, one.owner) == (other.rule, other.severity, other.owner)


def _compare(fields: tuple[n.FieldIs, ...], have: Mapping[str, str], where: str) -> str:
    for field in fields:
        text = have.get(field.name)
        if text is None:
            return f"{where}{field.name} is not in the document"
        want = field.value
        if not _equal(want, text):
            value = want.name if isinstance(want, n.Word) else _text(want.value)
            return f"{where}{field.name} is {text}, expected {value}"
    return ""


def _equal(want: n.Value, text: str) -> bool:
    value = want.name if isinstance(want, n.Word) else want.value
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
