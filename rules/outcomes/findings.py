"""What one rule said for one route, and an outcome as lines to read.

Here: Said, the finding that a gap becomes, how a finding ends, what its cause is called, findings
put together with the strictest first, and which rule line said what with the operands it saw. Not
here: the rules that say it (expressions/checks.py, decisions/gates.py, decisions/duplicates.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from grammar import nodes as n
from rules.outcomes.outcome import (
    HIT,
    SEVERITIES,
    STOPS,
    Finding,
    Outcome,
    Severity,
    Verdict,
    VerdictKind,
    VerdictResult,
)
from rules.values.cause_keys import ITSELF, Clearing, HowCleared
from rules.values.names import plain
from rules.values.unknown import Gap, Unknown
from rules.values.wording import HOLE, titled


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One verdict beside the line of the rules that gave it."""

    route: str
    rule: str
    kind: VerdictKind
    result: VerdictResult
    file: str
    line: int
    column: int
    source: str  # the text of the rule line
    operands: tuple[tuple[str, str], ...]
    record_line: int | None
    text: str
    released: bool

    @property
    def where(self) -> str:
        """file:line:column."""
        return f"{self.file}:{self.line}:{self.column}"


def lines(outcome: Outcome, sources: Mapping[str, str]) -> tuple[TraceLine, ...]:
    """Every verdict of an outcome with its rule line; `sources` are the rule files, by path."""
    split = {path: text.splitlines() for path, text in sources.items()}
    found = []
    for verdict in outcome.verdicts:
        span = verdict.span
        text = split.get(span.file, [])
        source = text[span.line - 1].strip() if 0 < span.line <= len(text) else ""
        found.append(
            TraceLine(
                route=verdict.route,
                rule=verdict.rule,
                kind=verdict.kind,
                result=verdict.result,
                file=span.file,
                line=span.line,
                column=span.column,
                source=source,
                operands=verdict.operands,
                record_line=verdict.line,
                text=verdict.text,
                released=verdict.released,
            )
        )
    return tuple(found)


@dataclass(slots=True)
class Said:
    """What one rule said for one route."""

    verdicts: list[Verdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, more: Said) -> None:
        """What another rule said."""
        self.verdicts += more.verdicts
        self.findings += more.findings

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


def has_said(said: Said, labels: Collection[str]) -> bool:
    """Whether a check that looks at one of these has failed, and stops the record."""
    stops = {f.rule for f in said.findings if f.severity in {"hold", "reject"}}
    checks = [v for v in said.verdicts if v.kind == "check"]
    failed = {v.rule for v in checks if v.result == HIT and (v.released or v.rule in stops)}
    return any(v.rule in failed and {*labels} & {name for name, _ in v.operands} for v in checks)


NAMED: Final = 2
"""So many names in the place of values still read as a sentence."""


def title_of(finding: Finding) -> str:
    """What the cause of a finding is called where its records stand together.

    The title of what the rule says, or the words of it; where they name more than two things that
    differ from record to record, which makes no sentence about many, what kind of rule it is.
    Approvals keep theirs: one team may be asked for several, which no name tells apart.
    """
    label = finding.cause_label
    if label.count(HOLE) <= NAMED:
        return titled(label)
    if finding.code == "CHK01":
        return f"The check “{plain(finding.rule)}” did not pass"
    if finding.code == "CHK02":
        return label.partition(": ")[0]
    return "Possible duplicate" if finding.code == "DUP01" else titled(label)


def gap_finding(
    gap: Gap, route: str, *, severity: Severity = "hold", lines: tuple[int, ...] = ()
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
        clears=ITSELF,
        cause_key=gap.cause_key,
        cause_label=gap.cause_label,
        would_pass=gap.would_pass,
        span=gap.span,
        lines=lines,
    )


def merge(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each finding once, with all its lines, the strongest first, else in the order found."""
    found: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        key = (finding.severity, finding.code, finding.rule, finding.cause_key, finding.route)
        before = found.get(key)
        if before is None:
            found[key] = finding
        elif before.lines != finding.lines:
            lines = tuple(sorted({*before.lines, *finding.lines}))
            found[key] = replace(before, lines=lines)
    return tuple(sorted(found.values(), key=lambda f: SEVERITIES.index(f.severity)))


def strictest(findings: Iterable[Finding]) -> Finding | None:
    """The first that stops the record, of findings in the order of `merge`."""
    return next((f for f in findings if f.severity in STOPS), None)


def clearing_of(declared: n.Clears) -> Clearing:
    """How a finding of a check ends."""
    return Clearing(HowCleared(declared.kind), declared.role or "")


def keep(gaps: dict[Gap, list[int]], value: Any, line: int | None) -> None:
    """Note the reasons of an unknown value, and the line they were met on."""
    if type(value) is Unknown:
        for gap in value.gaps:
            lines = gaps.setdefault(gap, [])
            if line is not None and line not in lines[-1:]:
                lines.append(line)
