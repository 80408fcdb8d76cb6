"""What a target makes of the lines of a document, against the total that is sent.

Here: RoundingProgram: the sum in the target's own way of rounding, which is worked out first, the
name of a difference, and what `tolerance` says of it. Not here: rounding a number (numbers.py), the
parts of a bill (bills.py), which fields make a total (totals.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from grammar import nodes as n
from rules.canonical import number_text
from rules.closures import Closure
from rules.columns import Shape
from rules.compiler import Compiler
from rules.expanded import unrounded
from rules.index import Scope
from rules.numbers import CONTEXT, Number, add, rounder
from rules.outcome import Finding, Verdict
from rules.requirement import HIT, PASS, UNKNOWN, Operands, operands_of
from rules.run import Run
from rules.said import Said
from rules.totals import Parts
from rules.words import MISSING, say

ROUNDING, TOLERANCE = "rounding", "tolerance"
PER_LINE, AT_THE_END = "per_line", "at_the_end"
WAYS = {PER_LINE: "per line then sum", AT_THE_END: "sum then round"}
AMOUNTS = "sum of the amounts sent"

_NOTHING = Decimal(0)


def is_rounding(
    total: Decimal, *, expected: Decimal, others: Collection[Decimal], places: Decimal
) -> bool:
    """Whether a total differs by rounding alone: it is another sum, or one last place off.

    >>> sen, sums = Decimal("0.01"), {"expected": Decimal("33.12"), "others": [Decimal("33.13")]}
    >>> [is_rounding(Decimal(t), places=sen, **sums) for t in ("33.13", "33.11", "33.17")]
    [True, True, False]
    """
    return total in others or abs(CONTEXT.subtract(total, expected)) <= places


def summed(columns: Iterable[Iterable[Number]], way: str, places: Decimal) -> Decimal:
    """The sum of the columns of a document, net and tax, say; halves go up.

    Each amount is rounded, or each column once, at its end.

    >>> columns, sen = [[Decimal("10.04")] * 3, [Decimal("1.004")] * 3], Decimal("0.01")
    >>> summed(columns, "per_line", sen), summed(columns, "at_the_end", sen)
    (Decimal('33.12'), Decimal('33.13'))
    """
    total, rounded, plus = _NOTHING, rounder(places), CONTEXT.add
    for column in columns:
        end: Number = _NOTHING
        for amount in column:
            if way == PER_LINE:
                total = plus(total, rounded(amount))
            else:
                end = add(end, amount)
        total = plus(total, rounded(end))
    return total


class RoundingProgram:
    """The proof of the total of one route's documents."""

    def __init__(self, compiler: Compiler, post: n.Post, target: n.Target, parts: Parts) -> None:
        head = Scope(compiler.index, compiler.record, document=True)
        line = replace(head, line=True)
        self.target, self.parts, self.route = target, parts, str(post.route)
        self.owner = target.tolerance_action.role or compiler.owner
        self.labels = {o.label for o in operands_of(compiler, parts.total.expr, head)}
        self.total = compiler.guarded(parts.total.expr, head, ROUNDING, "")
        adjusted = parts.rounding_line
        self.adjusted = compiler.guarded(adjusted.expr, head, ROUNDING, "") if adjusted else None
        self.own = self._ways(compiler, parts.columns, line)
        self.columns = self._ways(compiler, parts.reckoned, line) if parts.reckoned else self.own
        asked = parts.reckoned or parts.columns
        exact = tuple(unrounded(expr, line, target.places) for expr in asked)
        self.asked = asked if target.rounding == PER_LINE else exact

    def _ways(
        self, compiler: Compiler, exprs: tuple[n.Expr, ...], scope: Scope
    ) -> dict[str, list[Closure]]:
        exact = [unrounded(expr, scope, self.target.places) for expr in exprs]
        return {
            PER_LINE: [compiler.guarded(expr, scope, ROUNDING, "") for expr in exprs],
            AT_THE_END: [compiler.guarded(expr, scope, ROUNDING, "") for expr in exact],
        }

    @staticmethod
    def of(
        compiler: Compiler, post: n.Post, shape: Shape, target: n.Target | None
    ) -> RoundingProgram | None:
        """The proof of a route, or None where its documents do not show how a total is made."""
        parts = Parts.of(compiler, post, shape)
        return RoundingProgram(compiler, post, target, parts) if target and parts else None

    def is_exact(self, run: Run, amounts: list[Number]) -> bool:
        """Whether the total is just what the target makes of these values of `asked`, by line."""
        line = self.adjusted(run) if self.adjusted else _NOTHING
        columns = [amounts[at :: len(self.asked)] for at in range(len(self.asked))]
        expected = summed(columns, self.target.rounding, self.target.places)
        return bool(self.total(run) == expected and line == _NOTHING)

    def judge(self, run: Run, said: Said) -> Said:
        """The verdict, and a finding where the difference is above what is tolerated.

        What a check that stops the record has said of the total already is not found twice.
        """
        total, line = self.total(run), self.adjusted(run) if self.adjusted else _NOTHING
        expected = self._sum(run, self.target.rounding, self.columns)
        if not all(isinstance(v, Decimal) for v in (total, line, expected)):
            shown = ((self.parts.total.name, MISSING),)
            return Said([self._verdict(UNKNOWN, ROUNDING, shown, "")])
        if total == expected and not line:
            return Said([self._verdict(PASS, ROUNDING, self._operands(total, expected), "")])
        return self._differs(run, said, total, line, expected)

    def _differs(
        self, run: Run, said: Said, total: Decimal, line: Decimal, expected: Decimal
    ) -> Said:
        """The total, less the rounding line, is not what the target makes of the lines."""
        others = self._others(run, expected)
        bare = CONTEXT.subtract(total, line)
        exact = bare == expected
        named = is_rounding(
            CONTEXT.add(expected, line) if exact else bare,
            expected=expected,
            others=others.values(),
            places=self.target.places,
        )
        off = _NOTHING if named else line
        left = off if exact else CONTEXT.subtract(bare, expected)
        rule = ROUNDING if named else TOLERANCE
        operands = self._operands(total, expected, others, line)
        text = self._words(total, expected, others, line=line, named=named)
        if abs(left) <= self.target.tolerance:
            return Said([self._verdict(PASS, rule, operands, text)])
        released = (self.route, rule) in run.facts.releases
        verdict = replace(self._verdict(HIT, rule, operands, text), released=released)
        if released or self._is_said(said):
            return Said([verdict])
        passes = CONTEXT.add(expected, line) if named else expected
        return Said([verdict], [self._finding(rule, text, passes)])

    def _others(self, run: Run, expected: Decimal) -> dict[str, Decimal]:
        """The sums that a total may be in place of the expected one, by their names."""
        way = self.target.rounding
        other = AT_THE_END if way == PER_LINE else PER_LINE
        found = {WAYS[other]: self._sum(run, other, self.columns)}
        own = self._sum(run, way, self.own)
        return found if own == expected else {**found, AMOUNTS: own}

    def _sum(self, run: Run, way: str, columns: Mapping[str, list[Closure]]) -> Any:
        """The sum of the lines, or None where one of them is not known."""
        run.spend(len(run.lines))
        rows: list[list[Any]] = []
        for row in run.lines:
            run.line = row
            rows.append([column(run) for column in columns[way]])
        if any(not isinstance(value, Number) for values in rows for value in values):
            return None
        return summed(zip(*rows, strict=True), way, self.target.places)

    def _is_said(self, said: Said) -> bool:
        """Whether a check that looks at the total has failed, and stops the record."""
        stops = {f.rule for f in said.findings if f.severity in {"hold", "reject"}}
        checks = [v for v in said.verdicts if v.kind == "check"]
        failed = {v.rule for v in checks if v.result == HIT and (v.released or v.rule in stops)}
        return any(
            v.rule in failed and self.labels & {name for name, _ in v.operands} for v in checks
        )

    # ---- in words -----------------------------------------------------------------------------

    def _operands(
        self,
        total: Decimal,
        expected: Decimal,
        others: Mapping[str, Decimal] = MappingProxyType({}),
        line: Decimal = _NOTHING,
    ) -> Operands:
        way = self.target.rounding
        found = [(self.parts.total.name, _money(total)), (WAYS[way], _money(expected))]
        found += [(name, _money(other)) for name, other in others.items()]
        if self.parts.rounding_line is not None:
            found.append((self.parts.rounding_line.name, _money(line)))
        return tuple(found)

    def _words(
        self,
        total: Decimal,
        expected: Decimal,
        others: Mapping[str, Decimal],
        *,
        line: Decimal,
        named: bool,
    ) -> str:
        how = "quantity times price, " if self.parts.reckoned else ""
        more = "".join(f"; {name} makes {_money(other)}" for name, other in others.items())
        left = CONTEXT.subtract(total, expected)
        with_line = f", of which {_money(line)} is the rounding line" if line else ""
        side = "more" if left > 0 else "less"
        name = "rounding" if named else "no rounding"
        return (
            f"{self.parts.total.name} is {_money(total)}, but {self.target.name} makes "
            f"{_money(expected)} of the lines ({how}{WAYS[self.target.rounding]}{more}): "
            f"{_money(abs(left))} {side}{with_line}, which is {name}."
        )

    def _verdict(self, result: str, rule: str, operands: Operands, text: str) -> Verdict:
        span = self.target.tolerance_action.span
        return Verdict(rule, "rounding", self.route, result, span, operands, None, text)

    def _finding(self, rule: str, text: str, passes: Decimal) -> Finding:
        action = self.target.tolerance_action
        label = "Rounding" if rule == ROUNDING else "A difference that is no rounding"
        return Finding(
            code="RND01" if rule == ROUNDING else "RND02",
            error_class="business_rule",
            rule=rule,
            route=self.route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=self.owner,
            message=text,
            clears=f"by:{self.owner}",
            cause_key=f"rule:{rule}",
            cause_label=f"{label} between the total and the lines for {self.target.name}",
            would_pass=f"{say(self.parts.total.expr)} = {_money(passes)}",
            span=action.span,
        )


def _money(value: Decimal) -> str:
    return number_text(value, 2)
