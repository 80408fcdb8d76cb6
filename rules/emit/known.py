"""Whether everything that a document needs is known, without making the document.

Here: known_of. Not here: the document itself (rules/documents.py), what a missing value does.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from grammar import nodes as n
from rules.compiler import Compiler, Wanted
from rules.emit.calls import CONVERT
from rules.emit.expressions import Writer
from rules.emit.text import Atom, Page, Source
from rules.emit.writing import SHARED
from rules.index import Scope

_FINEST = Decimal("1E-12")
_SMALL = 10**18
"""Numbers below it, multiplied and divided, are far from the bounds of numbers."""


def known_of(compiler: Compiler, wanted: Wanted) -> Source:
    """Gives the amounts, or None where a value is unknown or no decimal says it exactly.

    For records whose every field has a value, unless it is optional.
    """
    page = Page()
    scope = Scope(compiler.index, compiler.record, document=True)
    page.write("rows = []")
    head = Writer(compiler, scope, page, clean=True, bare=True)
    for expr in wanted.head:
        _ask(head, expr)
    if wanted.line or wanted.convert or wanted.amounts:
        with page.lines_of_record(1):
            line = Writer(compiler, replace(scope, line=True), page, clean=True, bare=True)
            for expr in wanted.line:
                _ask_field(line, expr)
            for unit, item in wanted.convert:
                _convert(line, unit, item)
            for expr in wanted.amounts:
                page.write(f"rows.append({_ask(line, expr, exact=False).code})")
    page.write("return rows")
    return page.source({**SHARED, "Fraction": Fraction})


def _ask(writer: Writer, expr: n.Expr, *, exact: bool = True) -> Atom:
    value = writer.held(expr)
    tests = [] if value.known else [f"{value.code}.__class__ is Unknown"]
    if exact and not value.kind:
        tests.append(f"{value.code}.__class__ is Fraction")
    if tests:
        with writer.page.block(f"if {' or '.join(tests)}:"):
            writer.page.write("return None")
    return value


def _ask_field(writer: Writer, expr: n.Expr) -> None:
    """The same of a field of a line; a rounded price or quantity is known where its parts are.

    Only one that could leave the bounds of numbers is worked out.
    """
    call = expr.args[0] if isinstance(expr, n.Call) and expr.name == "round" else None
    step = expr.args[1] if isinstance(expr, n.Call) and call is not None else None
    steps = step.value if isinstance(step, n.Literal) else None
    sure = isinstance(steps, Decimal) and steps >= _FINEST
    units = writer.compiler.units
    if not (sure and units and isinstance(call, n.Call) and call.name in CONVERT):
        _ask(writer, expr)
        return
    value, by = _ask(writer, call.args[0]), _convert(writer, call.args[1], call.args[2])
    number, whole = writer.page.number(Decimal(_SMALL)), writer.page.number(_SMALL)
    bounds = f"-{number} < {value.code} < {number} and {by}.num < {whole} and {by}.den < {whole}"
    with writer.page.block(f"if not ({bounds}):"):
        _ask(writer, expr)


def _convert(writer: Writer, unit: n.Expr, item: n.Expr) -> str:
    """The variable that holds the factor."""
    parts, units = (_ask(writer, unit), _ask(writer, item)), writer.compiler.units
    found = writer.page.put(writer.conversion(units, *parts) if units else "None")
    with writer.page.block(f"if {found}.__class__ is Unknown:"):
        writer.page.write("return None")
    return found
