"""What no document of a bill in parts ever bills of the header: its last part is out already.

Here: HeaderLeft of one route: the amounts under `due_of` in its header, and the finding where one
is on no document although nothing more is to be billed. Not here: what a document bills of them
(expressions/billed_parts.py), what earlier ones have (billed_before.py).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grammar import nodes as n
from grammar.text.editions import Edition
from rules.expressions.billed_parts import Shares
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, Finding, Verdict
from rules.types.symbol_table import Scope
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.names import plain
from rules.values.wording import say

RULE = "bill_header"
"""What is released of it: that somebody has billed the amount otherwise, or waives it."""


class HeaderLeft:
    """The header amounts that one route bills in parts. Rules of earlier editions do not ask, nor
    do those without a table: they name each difference of the document, this one as well.
    """

    def __init__(self, compiler: Compiler, post: n.Post, *, tabled: bool) -> None:
        self.in_words = compiler.currencies.amount
        scope = Scope(compiler.index, compiler.record, document=True, bills=True)
        asked = post.fields if tabled and compiler.index.edition >= Edition.SEVENTH else ()
        calls = [part for one in asked for part in n.walk(one.expr) if _in_parts(part)]
        self.route, self.span = str(post.route), post.bill.span if post.bill else post.span
        told = post.bill.action.role if post.bill else None
        self.owner = told or post.we_own.role or compiler.owner
        self.amounts = [
            (say(call.args[0]), compiler.guarded(call, scope, RULE, "")) for call in calls
        ]

    def judge(self, run: Run, shares: Shares, standing: tuple[str, ...]) -> Said:
        """A verdict and, unless it is released, a finding for what is on none of the documents that
        stand, by their numbers; `shares` are what a further one would bill, which is nothing.
        """
        said = Said()
        if not self.amounts or shares.final or shares.due or shares.rest is not False:
            return said
        left = self._left(run, shares)
        if not left:
            return said
        text = (
            f"Nothing more of it is to be billed, but {left} is on none of {', '.join(standing)}."
        )
        released = (self.route, RULE) in run.facts.releases
        said.verdicts.append(
            Verdict(RULE, "change", self.route, HIT, self.span, (), None, text, released)
        )
        if not released:
            said.findings.append(self._finding(text))
        return said

    def _left(self, run: Run, shares: Shares) -> str:
        """The amounts with their names; one that nobody can tell is left out."""
        before, run.route.bill = run.route.bill, shares
        try:
            found: list[tuple[str, Any]] = [(name, amount(run)) for name, amount in self.amounts]
        finally:
            run.route.bill = before
        told = {plain(name): a for name, a in found if isinstance(a, Decimal) and a}
        return " and ".join(f"{name} of {self.in_words(run, a)}" for name, a in told.items())

    def _finding(self, text: str) -> Finding:
        return Finding(
            code="BIL02",
            error_class="business_rule",
            rule=RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=text,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, RULE),
            cause_label="A header amount is on no document",
            would_pass="the amount is billed by hand, or waived",  # noqa: S106 - no password
            span=self.span,
        )


def _in_parts(node: object) -> bool:
    return isinstance(node, n.Call) and node.name == "due_of"
