"""What one rule said for one route: its verdicts and its findings.

Here: Said, the finding that a gap becomes, and how a finding ends. Not here: the rules that say it
(checks.py, gates.py, duplicates.py, approvals.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from grammar import nodes as n
from rules.outcome import Finding, Verdict
from rules.requirement import HIT
from rules.unknown import Gap, Unknown


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


def has_said(said: Said, labels: Collection[str]) -> bool:
    """Whether a check that looks at one of these has failed, and stops the record."""
    stops = {f.rule for f in said.findings if f.severity in {"hold", "reject"}}
    checks = [v for v in said.verdicts if v.kind == "check"]
    failed = {v.rule for v in checks if v.result == HIT and (v.released or v.rule in stops)}
    return any(v.rule in failed and {*labels} & {name for name, _ in v.operands} for v in checks)


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
