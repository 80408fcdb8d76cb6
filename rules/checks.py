"""Checks: what must be true of a record, or of each of its lines.

Here: CheckProgram (verdicts and the one finding of a check), and the findings that gaps become.
Not here: gates, duplicates, approvals (gates.py, duplicates.py, approvals.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from grammar import nodes as n
from rules.index import Scope
from rules.interpret import Compiler
from rules.lists import mentions
from rules.outcome import Finding, Verdict
from rules.requirement import (
    HIT,
    NOT_APPLICABLE,
    PASS,
    ROUTE_WORDS,
    UNKNOWN,
    Condition,
    message_of,
    texts,
)
from rules.run import Run
from rules.unknown import Gap, Unknown
from rules.words import parse_message

SEVERITY = {"warn": "warn", "reject": "reject"}


@dataclass(slots=True)
class Said:
    """What one rule said for one route."""

    verdicts: list[Verdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def for_route(self, route: str) -> Said:
        """The same, said for another route."""
        verdicts = [
            Verdict(
                v.rule,
                v.kind,
                route,
                v.result,
                v.span,
                v.operands,
                v.line,
                v.text,
                v.released,
            )
            for v in self.verdicts
        ]
        return Said(verdicts, [replace(f, route=route) for f in self.findings])


def gap_finding(
    gap: Gap, route: str, *, severity: str = "hold", lines: tuple[int, ...] = ()
) -> Finding:
    """The finding that a gap becomes, for the owner of what is missing."""
    return Finding(
        code=gap.code,
        error_class=gap.error_class,
        rule=gap.rule,
        route=route,
        severity=severity,
        owner=gap.owner,
        message=gap.message,
        clears="itself",
        cause_key=gap.cause_key,
        cause_label=gap.cause_label,
        would_pass=gap.would_pass,
        span=gap.span,
        lines=lines,
    )


class CheckProgram:
    """One check of one record kind."""

    def __init__(self, compiler: Compiler, check: n.Check) -> None:
        scope = Scope(compiler.index, compiler.record, line=check.each_line)
        self.check = check
        self.owner = check.action.role or compiler.owner
        self.severity = SEVERITY.get(check.action.kind, "hold")
        self.clears = clears_word(check.clears)
        make = {"rule": check.name, "owner": self.owner}
        self.when = Condition(compiler, check.when, scope, **make) if check.when else None
        self.requires = [Condition(compiler, r, scope, **make) for r in check.requires]
        parts, _ = parse_message(check.say, check.span)
        self.message, self.label = message_of(compiler, parts, scope)
        self.by_route = any(map(_asks_route, (check.when, *check.requires, *parts)))
        self.period = any(mentions(r, "period") for r in check.requires)

    def judge(self, run: Run, route: str) -> Said:
        """All verdicts of the check, and at most one finding, with its lines."""
        said = Said()
        hits: list[tuple[Condition, int | None]] = []
        gaps: dict[Gap, list[int]] = {}
        message = would = ""
        released = self.clears.startswith("by:") and (route, self.check.name) in run.facts.releases
        for line in self._places(run):
            for condition, result in self._results(run, gaps, line):
                operands = texts(condition.operands, run)
                text = ""
                if result is HIT:
                    text = self.message(run)
                    hits.append((condition, line))
                    if not message:
                        message, would = text, condition.would_pass(run)
                free = released and result in (HIT, UNKNOWN)
                said.verdicts.append(
                    Verdict(
                        self.check.name,
                        "check",
                        route,
                        result,
                        condition.span,
                        operands,
                        line,
                        text,
                        free,
                    )
                )
        if hits and not released:
            said.findings.append(self._finding(run, route, message, would, hits))
        said.findings += [
            f for gap, lines in gaps.items() if (f := self._gap(gap, route, lines, released))
        ]
        return said

    def _places(self, run: Run) -> Iterator[int | None]:
        if not self.check.each_line:
            yield None
            return
        run.spend(len(run.lines))
        for number, row in enumerate(run.lines, start=1):
            run.line = row
            yield number

    def _results(
        self, run: Run, gaps: dict[Gap, list[int]], line: int | None
    ) -> Iterator[tuple[Condition, str]]:
        applies = True if self.when is None else self.when.run(run)
        if applies is not True and self.when is not None:
            yield self.when, UNKNOWN if type(applies) is Unknown else NOT_APPLICABLE
            keep(gaps, applies, line)
            return
        answers = [(c, c.run(run)) for c in self.requires]
        fails = any(value is False for _, value in answers)
        for condition, value in answers:
            if type(value) is Unknown:
                if not fails:
                    keep(gaps, value, line)
                yield condition, UNKNOWN
            else:
                yield condition, PASS if value else HIT

    def _finding(
        self,
        run: Run,
        route: str,
        message: str,
        would: str,
        hits: list[tuple[Condition, int | None]],
    ) -> Finding:
        lines = tuple(sorted({line for _, line in hits if line is not None}))
        if len(lines) > 1:
            shown = ", ".join(str(line) for line in lines[:20])
            message = f"{message} (lines {shown}{', …' if len(lines) > 20 else ''})"
        found = Finding(
            code="CHK01",
            error_class="business_rule",
            rule=self.check.name,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=message,
            clears=self.clears,
            cause_key=f"rule:{self.check.name}",
            cause_label=self.label,
            would_pass=would,
            span=hits[0][0].span,
            lines=lines,
        )
        return self._locked(run, found) if self.period else found

    def _locked(self, run: Run, found: Finding) -> Finding:
        """A failing question about the period is of its own class and grouped by month."""
        if run.route.period != "locked" or type(run.route.day) is Unknown:
            return found
        month, target = f"{run.route.day:%Y-%m}", run.route.target
        return replace(
            found,
            code="PER01",
            error_class="period_locked",
            cause_key=f"period:{target}:{month}",
            cause_label=f"Period {month} of {target} is locked",
            would_pass=f"period {month} of {target} is open, or the document has a later date",
        )

    def _gap(self, gap: Gap, route: str, lines: list[int], released: bool) -> Finding | None:
        severity = "warn" if self.severity == "warn" else "hold"
        if gap.kind != "field":
            found = gap_finding(gap, route, severity=severity, lines=tuple(lines))
            return None if gap.silent else found
        if released:
            return None
        return Finding(
            code="CHK02",
            error_class="missing_field",
            rule=self.check.name,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=f"{gap.rule} is missing: {self.label}",
            clears=self.clears,
            cause_key=gap.cause_key,
            cause_label=f"{gap.rule} is missing for {self.check.name}",
            would_pass=gap.would_pass,
            span=self.check.span,
            lines=tuple(lines),
        )


def clears_word(clears: n.Clears) -> str:
    """How a finding ends: itself, never, by:TEAM."""
    return f"by:{clears.role}" if clears.kind == "by" else clears.kind


def keep(gaps: dict[Gap, list[int]], value: Any, line: int | None) -> None:
    """Note the reasons of an unknown value, and the line they were met on."""
    if type(value) is Unknown:
        for gap in value.gaps:
            lines = gaps.setdefault(gap, [])
            if line is not None and line not in lines[-1:]:
                lines.append(line)


def _asks_route(node: Any) -> bool:
    return any(mentions(node, word) for word in ROUTE_WORDS)
