"""Approvals: who must agree before a document goes.

Here: ApprovalProgram. Not here: whether somebody agreed (holding keeps that, bound to a hash).
"""

from __future__ import annotations

from grammar import nodes as n
from rules.compiler import Compiler
from rules.index import Scope
from rules.outcome import NEEDS_APPROVAL, ApprovalNeed, Finding, Verdict
from rules.requirement import HIT, PASS, UNKNOWN, Condition, Operand, message_of, texts
from rules.run import Run
from rules.said import Said
from rules.unknown import Unknown
from rules.words import parse_message


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

    def judge(self, run: Run, route: str) -> tuple[Said, ApprovalNeed | None]:
        """The verdict, and the need with its finding; an unknown `when` asks."""
        asks = True if self.when is None else self.when.run(run)
        result = UNKNOWN if type(asks) is Unknown else HIT if asks else PASS
        span = self.when.span if self.when else self.declared.span
        operands = texts(self.when.operands, run) if self.when else ()
        text = "" if result == PASS else self.message(run)
        said = Said([Verdict(self.rule, "approve", route, result, span, operands, None, text)])
        if result == PASS:
            return said, None
        said.findings.append(self._finding(run, route, text))
        people = tuple(o.text(run) for o in self.never if type(o.closure(run)) is not Unknown)
        return said, ApprovalNeed(self.rule, self.declared.role, people, text)

    def _finding(self, run: Run, route: str, text: str) -> Finding:
        below = self.when.would_pass(run, want=False) if self.when else ""
        less = f", or {below}" if below else ""
        return Finding(
            code=NEEDS_APPROVAL,
            error_class="business_rule",
            rule=self.rule,
            route=route,
            severity="approve",
            owner=self.declared.role,
            message=text,
            clears=f"by:{self.declared.role}",
            cause_key=f"approve:{self.rule}",
            cause_label=self.label,
            would_pass=f"{self.declared.role} approves{less}",
            span=self.declared.span,
        )
