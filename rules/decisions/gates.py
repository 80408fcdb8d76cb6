"""Gates and approvals: what a status means for a route, and who must agree.

Here: GateProgram, and the approvals that a document needs. Not here: what the word does to a
decision (record.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from grammar import nodes as n
from grammar.text.editions import Edition
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Condition, Message, Operand, message_of, texts
from rules.expressions.run import Run
from rules.outcomes.findings import Said, gap_finding, keep
from rules.outcomes.outcome import (
    HIT,
    NEEDS_APPROVAL,
    PASS,
    UNKNOWN,
    ApprovalNeed,
    Finding,
    GateSaid,
    Verdict,
)
from rules.phrases.terms import listed
from rules.types.symbol_table import FACTS, Scope
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.clauses import is_so
from rules.values.names import plain
from rules.values.unknown import Gap, Unknown
from rules.values.wording import parse_message

ASKS: Final = "So it needs an approval."
"""What is said behind why it is not known whether it does."""


class ApprovalProgram:
    """One approve declaration of one record kind."""

    def __init__(self, compiler: Compiler, declared: n.Approve) -> None:
        scope = Scope(compiler.index, compiler.record)
        self.declared = declared
        self.rule = f"approve by {declared.role}"
        make = {"rule": self.rule, "owner": declared.role}
        self.when = Condition(compiler, declared.when, scope, **make) if declared.when else None
        self.never = [
            Operand(compiler, n.Name((name,), declared.span), scope) for name in declared.never
        ]
        parts, _ = parse_message(declared.say, declared.span)
        self.message, self.label = message_of(compiler, parts, scope)
        fields = [
            of for name, of in zip(declared.never, self.never, strict=True) if name not in FACTS
        ]
        asked = fields and compiler.index.edition >= Edition.SECOND
        self.maker = fields[0] if asked else None
        role = compiler.index.roles.get(declared.role)
        self.title = role.title if role else declared.role

    def asks(self, run: Run) -> Any:
        """Whether somebody must agree: True, False or unknown."""
        return True if self.when is None else self.when.run(run)

    def judge(self, run: Run, route: str) -> tuple[Said, ApprovalNeed | None]:
        """The verdict, and the need with its finding; an unknown `when` asks."""
        asks = self.asks(run)
        result = UNKNOWN if type(asks) is Unknown else HIT if asks else PASS
        if result == PASS and not run.whole:
            return Said(), None
        span = self.when.span if self.when else self.declared.span
        operands = texts(self.when.operands, run) if self.when else ()
        text = "" if result == PASS else self._words(run, asks)
        said = Said([Verdict(self.rule, "approve", route, result, span, operands, None, text)])
        if result == PASS:
            return said, None
        said.findings.append(self._finding(run, route, text))
        said.findings += [
            replace(
                gap_finding(gap, route),
                message=f"{gap.message} Who made this must not approve it.",
            )
            for gap in self.nameless(run)
        ]
        people = tuple(o.text(run) for o in self.never if type(o.closure(run)) is not Unknown)
        return said, ApprovalNeed(self.rule, self.declared.role, people, text)

    def _words(self, run: Run, asks: Any) -> str:
        """What the rules say; where nobody knows whether it is so, why not: theirs may be false."""
        known = run.bare or type(asks) is not Unknown
        why = {} if known else dict.fromkeys(gap.message for gap in asks.gaps if not gap.silent)
        return f"{' '.join(why)} {ASKS}" if why else self.message(run)

    def nameless(self, run: Run) -> list[Gap]:
        """Why it is unknown who made the record: nobody can be kept from approving his own.

        The first field behind `never` says who that was. Another one may be blank: nobody may have
        edited it, or agreed to it in the source.
        """
        made: dict[Gap, list[int]] = {}
        if self.maker is not None:
            keep(made, self.maker.closure(run), None)
        return [gap for gap in made if not gap.silent]

    def _finding(self, run: Run, route: str, text: str) -> Finding:
        passes = f"{self.title} approves it"
        if run.bare:
            below = self.when.would_pass(run, want=False) if self.when else ""
            passes = f"{self.declared.role} approves{f', or {below}' if below else ''}"
        return Finding(
            code=NEEDS_APPROVAL,
            error_class="business_rule",
            rule=self.rule,
            route=route,
            severity="approve",
            owner=self.declared.role,
            message=text,
            clears=Clearing.by(self.declared.role),
            cause_key=CauseKey(CauseKind.APPROVE, self.rule),
            cause_label=self.label,
            would_pass=passes,
            span=self.declared.span,
        )


RULE: Final = "gate"


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

    def word(self, run: Run) -> GateSaid:
        """What the gate says of the record's status."""
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
        held = row is not None and holds(row)
        released = held and (route, RULE) in run.facts.releases
        result = UNKNOWN if row is None else PASS if passes(row) else HIT
        message, label = self.messages[id(row)] if row is not None else (None, "")
        text = message(run) if message and held else EARLY if row and row.early else ""
        said.verdicts.append(
            Verdict(RULE, "gate", route, result, span, operands, None, text, released)
        )
        if row is not None and held and not released:
            label = label or f"{self.record} is {shown}"
            said.findings.append(self._finding(row, route, shown, text, label, bare=run.bare))
        return said

    def _finding(
        self, row: n.GateRow, route: str, state: str, message: str, label: str, *, bare: bool
    ) -> Finding:
        ready = [s for s, r in self.rows.items() if r.word == "ready"]
        passes = is_so(plain(self.status), "=", listed([plain(s) for s in ready], "or"))
        return Finding(
            code="HLD01",
            error_class="business_rule",
            rule=RULE,
            route=route,
            severity="hold",
            owner=row.owner or "",
            message=message,
            clears=Clearing.by(str(row.owner)),
            cause_key=CauseKey(CauseKind.RULE, f"gate:{self.record}:{state}"),
            cause_label=label,
            would_pass=f"{self.status} is one of {', '.join(ready)}" if bare else passes,
            span=row.span,
        )


def passes(row: n.GateRow) -> bool:
    """Whether a gate says nothing against a record in these statuses."""
    return row.word == "ready"


def holds(row: n.GateRow) -> bool:
    """Whether a gate holds a record in these statuses for a person, until it is released."""
    return row.word == "hold"
