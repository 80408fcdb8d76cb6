"""The proof of every unit conversion of a line, as a verdict.

Here: ProofProgram: which conversions a record's rules ask for, and their words. Not here: the
arithmetic (facts/units.py), the finding of a missing factor (expressions/checks.py,
decisions/record.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from grammar import nodes as n
from rules.expressions.compiler import Compiler
from rules.expressions.lookups import Closure
from rules.expressions.run import Run
from rules.facts.units import Conversion, price_proof, quantity_proof, total_proof
from rules.outcomes.findings import Said
from rules.outcomes.outcome import PASS, UNKNOWN, Verdict
from rules.types.symbol_table import Index, Scope
from rules.values.numbers import multiply, scale
from rules.values.unknown import Unknown
from rules.values.wording import MISSING

RULE: Final = "units"


class ProofProgram:
    """All conversions that the rules of one record kind make on its lines."""

    def __init__(self, compiler: Compiler, exprs: Iterator[n.Expr]) -> None:
        found: dict[tuple[n.Expr, n.Expr], dict[str, n.Call]] = {}
        for expr in exprs:
            for call in conversions(expr):
                found.setdefault((call.args[1], call.args[2]), {}).setdefault(call.name, call)
        scope = Scope(compiler.index, compiler.record, line=True)
        self.units = compiler.units
        self.calls = tuple(next(iter(calls.values())) for calls in found.values())
        self.proofs = [_Proof(compiler, calls, scope) for calls in found.values()]

    def judge(self, run: Run, route: str) -> Said:
        """A verdict for each line and conversion."""
        said = Said()
        if self.units is None or not self.proofs:
            return said
        run.spend(len(run.lines))
        for number, row in enumerate(run.lines, start=1):
            run.line = row
            told = [p.verdict(run, route, number) for p in self.proofs]
            said.verdicts += [verdict for verdict in told if verdict is not None]
        return said


class _Proof:
    """One conversion: of a quantity, and of the price that belongs to it."""

    def __init__(self, compiler: Compiler, calls: dict[str, n.Call], scope: Scope) -> None:
        some = next(iter(calls.values()))
        self.span = some.span
        self.compiler = compiler
        self.unit = compiler.guarded(some.args[1], scope, RULE, "")
        self.item = compiler.guarded(some.args[2], scope, RULE, "")
        self.quantity = self._value(calls.get("in_base"), scope)
        self.price = self._value(calls.get("price_in_base"), scope)

    def _value(self, call: n.Call | None, scope: Scope) -> Closure | None:
        return self.compiler.guarded(call.args[0], scope, RULE, "") if call else None

    def verdict(self, run: Run, route: str, line: int) -> Verdict | None:
        """The words of the conversion on the current line; None where nobody reads that it is."""
        unit, item = self.unit(run), self.item(run)
        by: Any = None
        if type(unit) is not Unknown and type(item) is not Unknown and self.compiler.units:
            by = self.compiler.units.get(run, unit, item)
        if not isinstance(by, Conversion):
            shown = tuple(
                (name, MISSING if type(v) is Unknown else v)
                for name, v in (("unit", unit), ("item", item))
            )
            return Verdict(RULE, "units", route, UNKNOWN, self.span, shown, line)
        if not run.whole:
            return None
        try:
            operands = self._operands(run, by)
        except ArithmeticError:
            operands = (("factor", by.factor),)
        text = "; ".join(words for _, words in operands)
        return Verdict(RULE, "units", route, PASS, self.span, operands, line, text)

    def _operands(self, run: Run, by: Conversion) -> tuple[tuple[str, str], ...]:
        quantity: Any = self.quantity(run) if self.quantity else Unknown()
        price: Any = self.price(run) if self.price else Unknown()
        found: list[tuple[str, str]] = []
        if type(quantity) is not Unknown:
            pieces = scale(quantity, by.num, by.den)
            found.append(("conversion", quantity_proof(quantity, pieces, by)))
        if type(price) is not Unknown:
            base_price = scale(price, by.den, by.num)
            found.append(("price", price_proof(price, base_price, by)))
        if len(found) == 2:
            before, after = multiply(quantity, price), multiply(pieces, base_price)
            found.append(("line total", total_proof(before, after)))
        return tuple(found) or (("factor", by.factor),)


def conversions(node: Any) -> Iterator[n.Call]:
    """The conversions inside an expression."""
    if isinstance(node, n.Call) and node.name in {"in_base", "price_in_base"}:
        if len(node.args) == 3:
            yield node
        return
    for part in n.inner(node):
        yield from conversions(part)


def line_exprs(index: Index, record: str, posts: list[n.Post]) -> Iterator[n.Expr]:
    """The expressions that are worked out on a line."""
    lines = index.line_records.get(record)
    for field in lines.fields if lines else ():
        if isinstance(field, n.Computed):
            yield field.expr
    for post in posts:
        for assign in post.line_fields:
            yield assign.expr
