"""An outcome as lines to read: which rule line said what, with the operands it saw.

Here: lines. Not here: the pages that show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.outcome import Outcome


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One verdict beside the line of the rules that gave it."""

    route: str
    rule: str
    kind: str
    result: str
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
