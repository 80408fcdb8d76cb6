"""Checks: what must be true of a record, or of each of its lines.

Here: CheckProgram: the verdicts and the one finding of a check. Not here: what a rule says, and the
findings that gaps become (outcomes/findings.py); gates, duplicates, approvals (in files of their
names).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from grammar import nodes as n
from rules.expressions.aggregates import words_of
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import (
    Condition,
    is_everywhere,
    lasting,
    message_of,
    texts,
    told,
)
from rules.expressions.run import Run
from rules.outcomes.findings import Said, clearing_of, gap_finding, keep
from rules.outcomes.outcome import (
    HIT,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Finding,
    Severity,
    Verdict,
    VerdictResult,
)
from rules.outcomes.summary import Numbers
from rules.types.symbol_table import Scope
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.clauses import is_locked, period_opens
from rules.values.names import month_name, term
from rules.values.unknown import Gap, Unknown
from rules.values.wording import parse_message

SEVERITY: Mapping[str, Severity] = {"warn": "warn", "reject": "reject"}
LINES_TOLD = 5
"""On so many lines a check says what would make it pass."""


Row = tuple[Any, ...]
"""What was answered: the number of the condition, the line, the value, and the operands' values.

The value is True or False, or an Unknown; that of a `when` is never True. Operands that are left
out are asked when the row is told.
"""


class CheckProgram:
    """One check of one record kind; its conditions are numbered from `first` on.

    `bit` is what a glance says it with.
    """

    def __init__(self, compiler: Compiler, check: n.Check, first: int, bit: int) -> None:
        scope = Scope(compiler.index, compiler.record, line=check.each_line)
        self.check, self.first, self.bit = check, first, bit
        self.owner = check.action.role or compiler.owner
        self.severity = SEVERITY.get(check.action.kind, "hold")
        self.clears = clearing_of(check.clears)
        make = {"rule": check.name, "owner": self.owner}
        self.when = Condition(compiler, check.when, scope, **make) if check.when else None
        self.requires = [Condition(compiler, r, scope, **make) for r in check.requires]
        self.conditions = [*([self.when] if self.when else ()), *self.requires]
        parts, _ = parse_message(check.say, check.span)
        self.message, self.label = message_of(compiler, parts, scope)
        self.by_route = not lasting((check.when, *check.requires, *parts))
        self.everywhere = is_everywhere(check)
        self.period = "period" in words_of(check.requires)

    def ask(self, run: Run) -> list[Row]:
        """The rows of the check, one condition after the other, for the header or each line."""
        rows: list[Row] = []
        if not self.check.each_line:
            self._ask(run, None, rows)
            return rows
        run.spend(len(run.lines))
        for number, row in enumerate(run.lines, start=1):
            run.line = row
            self._ask(run, number, rows)
        return rows

    def _ask(self, run: Run, line: int | None, rows: list[Row]) -> None:
        number = self.first
        if self.when is not None:
            applies = self.when.run(run)
            if applies is not True:
                rows.append((number, line, applies))
                return
            number += 1
        rows += [(number + i, line, c.run(run)) for i, c in enumerate(self.requires)]

    def judge(self, run: Run, route: str, rows: list[Row]) -> Said:
        """All verdicts of the check, and at most one finding, with its lines."""
        said = Said()
        hits: list[tuple[Condition, int | None]] = []
        gaps: dict[Gap, list[int]] = {}
        message = ""
        released = self.clears.by_people and (route, self.check.name) in run.facts.releases
        failing = self._failing(rows)
        for row in rows:
            line: int | None = row[1]
            if line is not None:
                run.line = run.lines[line - 1]
            condition = self.conditions[row[0] - self.first]
            result = self._result(condition, row[2])
            operands = condition.operands
            seen = told(operands, run, row[3:]) if len(row) > 3 else texts(operands, run)
            text = ""
            if result is HIT:
                text = self.message(run)
                hits.append((condition, line))
                message = message or text
            elif result is UNKNOWN and line not in failing:
                keep(gaps, row[2], line)
            free = released and result in (HIT, UNKNOWN)
            said.verdicts.append(
                Verdict(
                    self.check.name, "check", route, result, condition.span, seen, line, text, free
                )
            )
        if hits and not released:
            said.findings.append(self._finding(run, route, message, hits))
        said.findings += [
            f for gap, lines in gaps.items() if (f := self._gap(run, gap, route, lines, released))
        ]
        return said

    def _failing(self, rows: list[Row]) -> set[int | None]:
        """The lines that fail for certain: what is unknown of them is no news."""
        return {r[1] for r in rows if r[2] is False and self._required(r)}

    def _required(self, row: Row) -> bool:
        return self.when is None or row[0] != self.first

    def _result(self, condition: Condition, value: Any) -> VerdictResult:
        if type(value) is Unknown:
            return UNKNOWN
        if condition is self.when:
            return NOT_APPLICABLE
        return PASS if value else HIT

    def _finding(
        self,
        run: Run,
        route: str,
        message: str,
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
            cause_key=CauseKey(CauseKind.RULE, self.check.name),
            cause_label=self.label,
            would_pass=self._would_pass(run, hits),
            span=hits[0][0].span,
            lines=lines,
        )
        return self._locked(run, found) if self.period else found

    def _would_pass(self, run: Run, hits: list[tuple[Condition, int | None]]) -> str:
        """What would make all of its conditions pass, on the first lines that fail."""
        lines = list(dict.fromkeys(line for _, line in hits))
        wishes: dict[str, list[str]] = {}
        for line in lines[:LINES_TOLD]:
            if line is not None:
                run.line = run.lines[line - 1]
            told = dict.fromkeys(w for c in self.requires if (w := c.would_pass(run)))
            wishes.setdefault("; ".join(told), []).append(str(line))
        if len(wishes) == 1 and len(lines) <= LINES_TOLD:
            return next(iter(wishes))
        told_all = [f"line {', '.join(of)}: {wish}" for wish, of in wishes.items()]
        return "; ".join([*told_all, "…"] if len(lines) > LINES_TOLD else told_all)

    def _locked(self, run: Run, found: Finding) -> Finding:
        """A failing question about the period is of its own class and grouped by month."""
        closed, target = run.route.closed, run.route.target
        if run.route.period != "locked" or closed is None:
            return found
        key = CauseKey.period(target, f"{closed:%Y-%m}")
        month = month_name(key.month)
        until = run.world.targets[target].locked_through or closed
        return replace(
            found,
            code="PER01",
            error_class="period_locked",
            cause_key=key,
            cause_label=is_locked(month, target),
            would_pass=period_opens(month, target, _next_open(until)),
        )

    def _gap(
        self, run: Run, gap: Gap, route: str, lines: list[int], released: bool
    ) -> Finding | None:
        severity: Severity = "warn" if self.severity == "warn" else "hold"
        if gap.kind != "field":
            found = gap_finding(gap, route, severity=severity, lines=tuple(lines))
            return None if gap.silent else found
        if released:
            return None
        if lines:
            run.line = run.lines[lines[0] - 1]
        named = term(gap.rule)
        field = named[:1].upper() + named[1:]
        return Finding(
            code="CHK02",
            error_class="missing_field",
            rule=self.check.name,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=_missing(field, self.message(run)),
            clears=self.clears,
            cause_key=gap.cause_key,
            cause_label=_missing(field, self.label),
            would_pass=gap.would_pass,
            span=self.check.span,
            lines=tuple(lines),
        )


def _missing(label: str, words: str) -> str:
    return f"{label} is missing: {words}"


def numbered(compiler: Compiler, checks: list[n.Check], numbers: Numbers) -> list[CheckProgram]:
    """The checks of one record kind, their conditions numbered one after the other."""
    found: list[CheckProgram] = []
    first = 0
    for check in checks:
        found.append(CheckProgram(compiler, check, first, numbers.bit("check", check.name)))
        first += len(found[-1].conditions)
    return found


def _next_open(until: date) -> str:
    """The first open day, unless all days that there are are locked."""
    return "" if until == date.max else str(until + timedelta(days=1))
