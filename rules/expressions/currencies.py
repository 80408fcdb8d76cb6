"""Amounts carry their currency: two of them never meet as numbers.

Here: Currencies of one record kind, at run time: in which currency a record is, what becomes of the
amounts of a linked record in another one, and of a number of the rules that stands beside an amount
in another one. Not here: what the checker knows beforehand (rules/values/kinds.py, by the currency
of a type).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from grammar.text.amounts import in_currency
from grammar.text.editions import Edition
from grammar.text.problem import Span
from rules.expressions.record_reading import Content
from rules.expressions.run import Run
from rules.types.symbol_table import CURRENCY, Scope, stored_currency
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.unknown import Gap, Unknown
from rules.values.wording import say

if TYPE_CHECKING:
    from rules.expressions.compiler import Compiler
    from rules.expressions.lookups import Closure

CODE = "CUR01"


class Currencies:
    """The currency of the records of one kind; rules of earlier editions do not ask for it."""

    def __init__(self, compiler: Compiler) -> None:
        index, record = compiler.index, compiler.record
        source = index.sources.get(index.records[record].source or "")
        self.compiler, self.record = compiler, record
        self.asked = index.edition >= Edition.THIRD
        self.source, self.base = (source.name, source.currency) if source else ("", "")
        self.told = stored_currency(index, record)
        lines = index.line_records.get(record)
        self._head, self._line = (
            [f.name for f in fields if isinstance(f, n.Field) and f.type == "money"]
            for fields in (index.records[record].fields, lines.fields if lines else ())
        )

    def of(self, head: dict[str, Any]) -> str:
        """The currency of a record: what it says itself, else that of its source."""
        own = head.get(CURRENCY) if self.told else None
        return own.strip().upper() if isinstance(own, str) and own.strip() else self.base

    def amount(self, run: Run, value: Decimal) -> str:
        """An amount of the record in words, with what its currency is called."""
        return number_text(value, 2) if run.bare else in_currency(value, self.of(run.head))

    def linked(self, content: Content, ours: str, *, link: n.Link, owner: str, whose: str) -> None:
        """Amounts of a linked record in another currency are unknown to the judged record."""
        theirs = self.of(content.head)
        if not self.asked or not ours or not theirs or ours == theirs:
            return
        message = f"{link.name}: {whose} is in {theirs}, this {_plain(link.record)} in {ours}."
        gone = Unknown(_gap(link.name, owner, message, (theirs, ours), link.span))
        for row, names in ((content.head, self._head), *((r, self._line) for r in content.lines)):
            for name in names:
                if type(row[name]) is not Unknown:
                    row[name] = gone

    def number(self, node: n.Expr, beside: n.Expr, scope: Scope) -> Closure | None:
        """What gives a number of the rules that stands beside an amount: it counts in the currency
        of the source, so it is unknown where the record is in another. None where it has no
        currency to mind: it is an amount itself, or zero, or the record never says its own.
        """
        if not self.asked or not self.told or (isinstance(node, n.Literal) and not node.value):
            return None
        kinds = (self.compiler.type(node, scope).kind, self.compiler.type(beside, scope).kind)
        if kinds != ("number", "money"):
            return None
        value, text, base = self.compiler.expr(node, scope), say(node), self.base
        as_told = base if base == base.strip().upper() else None  # as most records say it

        def asked(run: Run) -> Any:
            if run.head.get(CURRENCY) == as_told or (own := self.of(run.head)) == base:
                return value(run)
            message = (
                f"{text} counts in {self.base}, as all amounts of {self.source} do, and this "
                f"{_plain(self.record)} is in {own}."
            )
            return Unknown(
                _gap(CURRENCY, self.compiler.owner, message, (own, self.base), node.span)
            )

        return asked


NOT_COMPARED = "Amounts of two currencies are not compared."


def _gap(rule: str, owner: str, message: str, pair: tuple[str, str], span: Span) -> Gap:
    both = " and ".join(pair)
    return Gap(
        kind="fact",
        rule=rule,
        code=CODE,
        error_class="business_rule",
        owner=owner,
        message=f"{message} {NOT_COMPARED}",
        cause_key=CauseKey(CauseKind.RULE, f"{CURRENCY}:{'-'.join(pair)}"),
        cause_label=f"Amounts in {both} beside each other",
        would_pass=f'both are in {pair[1]}, or a rule asks that first: currency = "{pair[1]}"',
        span=span,
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")
