"""What no document is posted with unasked: no lines, negative quantities, a negative total.

Here: Unusual of one route, which holds such a record unless the route allows it by a word. Not
here: whether amounts are right (rules/documents), and the words (the clause `allows` of a post).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from grammar import nodes as n
from grammar.text.amounts import separated
from grammar.text.editions import Edition
from grammar.text.problem import Span
from rules.documents.columns import Shape
from rules.documents.totals import Own
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, NOT_APPLICABLE, Finding, Verdict
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index, Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind, Clearing

NO_LINES, QUANTITIES, TOTALS = "no_lines", "negative_quantities", "negative_totals"
UNUSUAL = (NO_LINES, QUANTITIES, TOTALS)
"""The words of `allows`, and the rules that hold what no word allows."""
CODE = "VAL03"
_TITLES = {
    NO_LINES: "Without lines",
    QUANTITIES: "A negative quantity",
    TOTALS: "A negative total",
}


def possible(index: Index, record: str) -> frozenset[str]:
    """Which of it the records of a kind can have at all."""
    found = {TOTALS}
    if index.lines_field(record) is not None:
        found.add(NO_LINES)
    if _quantities(index, record):
        found.add(QUANTITIES)
    return frozenset(found)


def counting(index: Index, record: str) -> frozenset[Span]:
    """Where checks of a record kind count its lines."""
    lines = index.lines_field(record)
    mine = (c for c in index.ruleset.checks if any(word.name == record for word in c.records))
    asked = (one for c in mine for one in c.requires)
    return frozenset(one.span for one in asked if lines and _counts(one, lines.name))


def _counts(expr: Any, lines: str) -> bool:
    if isinstance(expr, n.Call) and expr.name == "count" and expr.where is None:
        return any(isinstance(one, n.Name) and one.path == (lines,) for one in expr.args)
    return any(_counts(part, lines) for part in n.inner(expr))


def is_held_without_lines(said: Said, counting: frozenset[Span]) -> bool:
    """Whether something stops a record and says that it has no lines: these rules, or a check where
    it counts them.
    """
    stops = {f.rule for f in said.findings if f.severity in {"hold", "reject"}}
    failed = [v for v in said.verdicts if v.result == HIT and v.rule in stops]
    return any(v.rule == NO_LINES or v.span in counting for v in failed)


class Unusual:
    """The question of one route; in rules of earlier editions nobody asks it."""

    def __init__(
        self, compiler: Compiler, post: n.Post, shape: Shape, schemas: Schemas | None
    ) -> None:
        index, record = compiler.index, compiler.record
        self.route, self.record, self.owner = str(post.route), record, compiler.owner
        self.asked = index.edition >= Edition.THIRD
        self.allowed = post.allows.what if post.allows is not None else ()
        self.span = post.span
        self.said_at = post.allows.span if post.allows is not None else post.span
        self.listed = index.lines_field(record) is not None
        self.quantities = _quantities(index, record)
        self.totals = list(self._totals(compiler, post, shape, schemas))

    @staticmethod
    def _totals(
        compiler: Compiler, post: n.Post, shape: Shape, schemas: Schemas | None
    ) -> Iterator[tuple[str, Any]]:
        """The total of the record, and that of the document where it is made in another way."""
        scope = Scope(compiler.index, compiler.record, document=True)
        name = _stated(compiler.index, compiler.record, schemas)
        if name:
            yield name, compiler.field(name, scope)
        given = next((a for a in post.fields if a.name == shape.amount), None)
        if given is None or post.bill is not None:
            return
        if not (isinstance(given.expr, n.Name) and given.expr.path == (name,)):
            yield given.name, compiler.guarded(given.expr, scope, TOTALS, "")

    def seen(self, run: Run) -> bool:
        """Whether there is anything that a word must allow."""
        if not self.asked:
            return False
        if not run.lines and self.listed:
            return True
        for name in self.quantities:
            for row in run.lines:
                value = row[name]
                if not (value.__class__ is Decimal and value >= 0) and _below(value):
                    return True
        for _, closure in self.totals:
            value = closure(run)
            if not (value.__class__ is Decimal and value >= 0) and _below(value):
                return True
        return False

    def judge(self, run: Run) -> Said:
        """A finding for each that no word allows, and a verdict also for what one allows."""
        said = Said()
        for rule, found, lines in self._found(run) if self.asked else ():
            allowed = rule in self.allowed
            released = (self.route, rule) in run.facts.releases
            shown = ((_TITLES[rule], found),)  # counted by a digest, so it stays as it is
            text = found if run.bare else separated(found)
            span = self.said_at if allowed else self.span
            result = NOT_APPLICABLE if allowed else HIT
            told = f"{text} The rules allow it: {_words(rule)}." if allowed else text
            line = lines[0] if lines else None
            said.verdicts.append(
                Verdict(rule, "field", self.route, result, span, shown, line, told, released)
            )
            if not allowed and not released:
                said.findings.append(self._finding(rule, text, lines))
        return said

    def _found(self, run: Run) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """The rule, what was found in words, and the lines where it is."""
        if self.listed and not run.lines:
            yield NO_LINES, f"This {self.record.replace('_', ' ')} has no lines.", ()
        for name in self.quantities:
            below = [(no, row[name]) for no, row in enumerate(run.lines, 1) if _below(row[name])]
            if below:
                no, value = below[0]
                others = len(below) - 1
                more = f", and on {others} more line{'s'[: others - 1]}" if others else ""
                text = f"The {name.replace('_', ' ')} is {number_text(value)} on line {no}{more}."
                yield QUANTITIES, text, tuple(no for no, _ in below)
                break
        for name, closure in self.totals:
            value = closure(run)
            if _below(value):
                yield TOTALS, f"The {name.replace('_', ' ')} is {_shown(value)}.", ()
                break

    def _finding(self, rule: str, text: str, lines: tuple[int, ...]) -> Finding:
        message = f"{text} Nothing is posted so unless the rules or a person allow it."
        return Finding(
            code=CODE,
            error_class="bad_value",
            rule=rule,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=message,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, rule),
            cause_label=_TITLES[rule],
            would_pass=f"it is not so, or the route says: allows {_words(rule)}",
            span=self.span,
            lines=lines,
        )


def _stated(index: Index, record: str, schemas: Schemas | None) -> str:
    """The field in which a record states its total, or its only amount; blank where in none."""
    own = Own.of(index, record, schemas)
    own = own.read(index, record) if own is not None else None
    if own is not None:
        return own.total
    field = index.fields[record].get("amount")
    return "amount" if isinstance(field, n.Field) and field.type == "money" else ""


def _quantities(index: Index, record: str) -> tuple[str, ...]:
    lines = index.line_records.get(record)
    fields = lines.fields if lines is not None else ()
    return tuple(f.name for f in fields if isinstance(f, n.Field) and f.type == "quantity")


def _below(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and value < 0


_NUMBERS = (Decimal, Fraction)


def _shown(value: Any) -> str:
    return number_text(value, 2) if isinstance(value, Decimal) else str(value)


def _words(rule: str) -> str:
    return rule.replace("_", " ")
