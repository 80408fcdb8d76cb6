"""Gates: what a status means for a route.

Here: GateProgram. Not here: what the word does to a decision (judge.py).
"""

from __future__ import annotations

from grammar import nodes as n
from rules.compiler import Compiler
from rules.index import Scope
from rules.outcome import Finding, Verdict
from rules.requirement import HIT, PASS, UNKNOWN, Message, message_of
from rules.run import Run
from rules.said import Said
from rules.words import parse_message

RULE = "gate"


EARLY = "goes early: this status can still change"
"""What the verdict of a gate says of a status that may go before its record is settled."""


class GateProgram:
    """One gate of one record kind; a record kind without a gate lets everything through."""

    def __init__(self, compiler: Compiler, gate: n.Gate | None, status: str) -> None:
        self.record = compiler.record
        self.status = status
        self.rows: dict[str, n.GateRow] = {}
        self.messages: dict[int, tuple[Message, str]] = {}
        scope = Scope(compiler.index, compiler.record)
        for row in gate.rows if gate else ():
            for state in row.states:
                self.rows.setdefault(state.name, row)
            parts, _ = parse_message(row.say or "", row.span)
            self.messages[id(row)] = message_of(compiler, parts, scope)

    def word(self, run: Run) -> str:
        """ready, wait, hold, ignore or cancel; unknown where the status is none of the gate's."""
        if not self.rows:
            return "ready"
        row = self._row(run)
        return row.word if row else "unknown"

    def _row(self, run: Run) -> n.GateRow | None:
        state = run.head.get(self.status)
        return self.rows.get(state) if isinstance(state, str) else None

    def judge(self, run: Run, route: str, status_word: str) -> Said:
        """The verdict of the gate, and its finding if it holds the record."""
        said = Said()
        if not self.rows:
            return said
        row = self._row(run)
        state = run.head.get(self.status)
        shown = state if isinstance(state, str) else status_word or "(missing)"
        operands: tuple[tuple[str, str], ...] = ((self.status, shown),)
        if status_word and status_word != shown:
            operands += (("source word", status_word),)
        span = row.span if row else next(iter(self.rows.values())).span
        held = row is not None and row.word == "hold"
        released = held and (route, RULE) in run.facts.releases
        result = UNKNOWN if row is None else PASS if row.word == "ready" else HIT
        message, label = self.messages[id(row)] if row is not None else (None, "")
        text = message(run) if message and held else EARLY if row and row.early else ""
        said.verdicts.append(
            Verdict(RULE, "gate", route, result, span, operands, None, text, released)
        )
        if row is not None and held and not released:
            label = label or f"{self.record} is {shown}"
            said.findings.append(self._finding(row, route, shown, text, label))
        return said

    def _finding(self, row: n.GateRow, route: str, state: str, message: str, label: str) -> Finding:
        ready = ", ".join(s for s, r in self.rows.items() if r.word == "ready")
        return Finding(
            code="HLD01",
            error_class="business_rule",
            rule=RULE,
            route=route,
            severity="hold",
            owner=row.owner or "",
            message=message,
            clears=f"by:{row.owner}",
            cause_key=f"rule:gate:{self.record}:{state}",
            cause_label=label,
            would_pass=f"{self.status} is one of {ready}",
            span=row.span,
        )
