"""The total that a record itself states, beside the document that is made of it.

Here: OwnTotal (the record's total, with or without what the source calls rounding) and
OwnTotalProgram, the proof of a total that the header of a document names. Not here: what the lines
come to (rounding.py).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from rules.documents.totals import Own
from rules.expressions.compiler import Compiler
from rules.expressions.lookups import Closure
from rules.expressions.run import Run
from rules.outcomes.findings import Said, has_said
from rules.outcomes.outcome import HIT, NOT_APPLICABLE, PASS, Finding, Verdict, VerdictResult
from rules.types.symbol_table import Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.numbers import CONTEXT
from rules.values.wording import MISSING

OWN_TOTAL = "own_total"


class OwnTotal:
    """The total of a record, by the field that its source gives it in."""

    def __init__(self, compiler: Compiler, own: Own) -> None:
        scope = Scope(compiler.index, compiler.record)
        span = compiler.index.fields[compiler.record][own.total].span
        self.own = own
        self.labels = {own.total, own.tax, own.rounding} - {""}
        self.assign = n.Assign(own.total, n.Name((own.total,), span), span)
        self.total = compiler.guarded(self.assign.expr, scope, OWN_TOTAL, "")
        self.rounding: Closure | None = None
        if own.rounding:
            rounding = n.Name((own.rounding,), span)
            self.rounding = compiler.guarded(rounding, scope, OWN_TOTAL, "")

    def near(self, run: Run, amount: Any) -> Any:
        """The total; without what the source calls rounding where that is nearer to the amount."""
        total: Any = self.total(run)
        part: Any = self.rounding(run) if self.rounding is not None else None
        if not part or type(part) is not Decimal or type(total) is not Decimal:
            return total
        if type(amount) is not Decimal:
            return total
        less = CONTEXT.subtract(total, part)
        return less if abs(CONTEXT.subtract(less, amount)) < abs(total - amount) else total


class OwnTotalProgram:
    """The proof that the total in a document's header is the record's own."""

    def __init__(
        self, compiler: Compiler, post: n.Post, target: n.Target, told: OwnTotal, head: n.Assign
    ) -> None:
        scope = Scope(compiler.index, compiler.record, document=True, bills=post.bill is not None)
        self.told, self.target, self.route, self.name = told, target, str(post.route), head.name
        self.owner = target.tolerance_action.role or compiler.owner
        self.in_words = compiler.currencies.amount
        self.total = compiler.guarded(head.expr, scope, OWN_TOTAL, "")

    @staticmethod
    def of(
        compiler: Compiler,
        post: n.Post,
        *,
        total: str,
        target: n.Target | None,
        told: OwnTotal | None,
    ) -> OwnTotalProgram | None:
        """The proof of a route; None where its header names no total, or just the record's own."""
        head = next((a for a in post.fields if a.name == total), None)
        if head is None or target is None or told is None or post.bill is not None:
            return None
        if head.expr == told.assign.expr:
            return None
        return OwnTotalProgram(compiler, post, target, told, head)

    def is_exact(self, run: Run) -> bool:
        """Whether both are the same."""
        total = self.total(run)
        return bool(self.told.near(run, total) == total)

    def judge(self, run: Run, said: Said) -> Said:
        """Nothing where both are the same, where one is missing, which its field tells, or where a
        check that stops the record has found it.
        """
        total = self.total(run)
        own = self.told.near(run, total)
        if not isinstance(total, Decimal) or not isinstance(own, Decimal) or total == own:
            return Said()
        if has_said(said, self.told.labels):
            return Said()
        left, words = CONTEXT.subtract(total, own), self.in_words
        text = (
            f"{self.name} is {words(run, total)}, but the record says {self.told.own.total} "
            f"{words(run, own)}: {words(run, abs(left))} {'more' if left > 0 else 'less'}."
        )
        released = (self.route, OWN_TOTAL) in run.facts.releases
        result = PASS if abs(left) <= self.target.tolerance else HIT
        verdict = self._verdict(result, total, own, text)
        if released or result == PASS:
            return Said([replace(verdict, released=released)])
        return Said([verdict], [self._finding(text)])

    def _verdict(self, result: VerdictResult, total: Decimal, own: Decimal, text: str) -> Verdict:
        shown = ((self.name, _money(total)), (self.told.own.total, _money(own)))
        span = self.target.tolerance_action.span
        return Verdict(OWN_TOTAL, "rounding", self.route, result, span, shown, None, text)

    def _finding(self, text: str) -> Finding:
        action = self.target.tolerance_action
        return Finding(
            code="RND04",
            error_class="business_rule",
            rule=OWN_TOTAL,
            route=self.route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=self.owner,
            message=text,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, OWN_TOTAL),
            cause_label=f"The total for {self.target.name} is not the record's own",
            would_pass=f"{self.name} is what the record says in {self.told.own.total}",
            span=action.span,
        )


def not_compared(run: Run, route: str, said: n.Uncompared, told: OwnTotal) -> Said:
    """That the rules leave the comparison out, and why."""
    total = told.total(run)
    shown = ((told.own.total, _money(total) if isinstance(total, Decimal) else MISSING),)
    text = f"The amount is not compared with {told.own.total}: “{said.reason}”"
    return Said(
        [Verdict(OWN_TOTAL, "rounding", route, NOT_APPLICABLE, said.span, shown, None, text)]
    )


def _money(value: Decimal) -> str:
    return number_text(value, 2)
