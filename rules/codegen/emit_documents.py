"""Documents as lines of Python: whether all that one needs is known, and its texts.

Here: known_of (nothing is made) and document_of (every field as its text), which give up where a
value is unknown or no decimal says it; draft_of, which makes what is known and notes the reasons of
the rest. Not here: the lineage, and what no decimal says (rules/documents/fields.py); the
expressions (emit_expressions.py).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from grammar import nodes as n
from rules.codegen.emit_calls import CONVERT
from rules.codegen.emit_expressions import Writer
from rules.codegen.source_text import SHARED, Atom, Page, Source
from rules.expressions.compiler import Assigned, Compiler, Wanted
from rules.outcomes.findings import keep
from rules.types.symbol_table import Scope
from rules.values.canonical import TEXTS
from rules.values.kinds import Type
from rules.values.wording import wire

_FINEST = Decimal("1E-12")
_DECIMALS = frozenset({"money", "decimal", "quantity", "whole"})
_SMALL = 10**18
"""Numbers below it, multiplied and divided, are far from the bounds of numbers."""


def known_of(compiler: Compiler, wanted: Wanted) -> Source:
    """Gives the amounts, or None where a value is unknown or no decimal says it exactly.

    For records whose every field has a value, unless it is optional.
    """
    page = Page()
    scope = Scope(compiler.index, compiler.record, document=True)
    page.write(f"rows = {_nothing(page, wanted)}")
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
            _amounts(line, wanted)
    page.write("return rows")
    return page.source({**SHARED, "Fraction": Fraction})


def document_of(
    compiler: Compiler, head: Assigned, line: Assigned, wanted: Wanted, *, amount: str = ""
) -> Source:
    """Gives (fields, lines, amounts, value of the field `amount`), or None as known_of."""
    page = Page()
    scope = Scope(compiler.index, compiler.record, document=True)
    page.write(f"rows, lines = {_nothing(page, wanted)}, []")
    writer = Writer(compiler, scope, page, clean=True, bare=True)
    for expr in wanted.head:
        _ask(writer, expr)
    values = {name: _ask(writer, expr) for name, expr, _ in head}
    page.write(f"head = {_texts(page, head, values)}")
    if line or wanted.convert or wanted.amounts:
        with page.lines_of_record(1):
            inner = replace(scope, line=True)
            each = Writer(compiler, inner, page, clean=True, bare=True)
            for unit, item in wanted.convert:
                _convert(each, unit, item)
            cells = {name: _ask(each, expr) for name, expr, _ in line}
            _amounts(each, wanted)
            if line:
                page.write(f"lines.append({_texts(page, line, cells)})")
    told = values[amount].code if amount in values else "None"
    page.write(f"return head, lines, rows, {told}")
    return page.source({**SHARED, "Fraction": Fraction})


def draft_of(compiler: Compiler, head: Assigned, line: Assigned) -> Source:
    """Gives (fields, lines, values of the header, gaps) as far as they are known, or None where
    no decimal says one exactly.

    For records as those of known_of, of which nothing is billed in parts.
    """
    page = Page()
    scope = Scope(compiler.index, compiler.record, document=True)
    page.write("fields, lines, gaps = {}, [], {}")
    writer = Writer(compiler, scope, page, clean=True, bare=True)
    found = [_filled(writer, "fields", "None", one) for one in head]
    if line:
        page.write("number = 0")
        with page.lines_of_record(1):
            each = Writer(compiler, replace(scope, line=True), page, clean=True, bare=True)
            page.write("number += 1")
            page.write("row = {}")
            for one in line:
                _filled(each, "row", "number", one)
            page.write("lines.append(row)")
    values = zip(head, found, strict=True)
    told = ", ".join(f"{page.number(name)}: {value.code}" for (name, _, _), value in values)
    page.write(f"return fields, lines, {{{told}}}, gaps")
    return page.source({**SHARED, "Fraction": Fraction, "keep": keep})


def _filled(writer: Writer, row: str, at: str, one: tuple[str, n.Expr, Type]) -> Atom:
    """One field in a row, or why it is not in it; `at` is its line."""
    name, expr, of = one
    page, value = writer.page, writer.held(expr)
    put = f"{row}[{page.number(name)}] ="
    if value.known and value.kind:
        page.write(f"{put} {_text(page, value, of)}")
        return value
    with page.block(f"if {value.code}.__class__ is Unknown:"):
        page.write(f"keep(gaps, {value.code}, {at})")
    if not value.kind:
        with page.block(f"elif {value.code}.__class__ is Fraction:"):
            page.write("return None")
    with page.block("else:"):
        page.write(f"{put} {_text(page, _sure(writer, expr, value, exact=True), of)}")
    return value


def _nothing(page: Page, wanted: Wanted) -> str:
    """What the amounts begin with: no rows, or a sum of nothing."""
    return "[]" if wanted.summed is None else page.number(Decimal(0))


def _amounts(writer: Writer, wanted: Wanted) -> None:
    """The amounts of one line, as a part of the rows or of their sum."""
    page, summed = writer.page, wanted.summed
    values = [_ask(writer, expr, exact=False) for expr in wanted.amounts]
    if summed is None:
        for value in values:
            page.write(f"rows.append({value.code})")
        return
    cells = [page.put(_rounded(page, value, summed.places)) for value in values[: summed.columns]]
    page.write(f"rows = {' + '.join(['rows', *cells])}")
    if summed.shown:
        with page.block(
            f"if {values[summed.columns].code} != {' + '.join(cells[: summed.shown])}:"
        ):
            page.write("return None")


def _rounded(page: Page, value: Atom, places: Decimal) -> str:
    """A number rounded half up; what is no decimal takes longer."""
    by = f"({value.code}, {page.number(places)})"
    sure = value.kind == "decimal" and value.known
    return (
        f"quantize{by}"
        if sure
        else (f"(quantize{by} if {value.code}.__class__ is Decimal else round_half_up{by})")
    )


def _texts(page: Page, assigned: Assigned, values: dict[str, Atom]) -> str:
    """A dictionary of the texts of some fields."""
    parts = [f"{page.number(name)}: {_text(page, values[name], of)}" for name, _, of in assigned]
    return f"{{{', '.join(parts)}}}"


def _text(page: Page, value: Atom, of: Type) -> str:
    """What `wire` makes of a value."""
    if value.kind == "text":
        return value.code
    if value.kind == "date":
        return f"{value.code}.isoformat()"
    if value.kind == "decimal":
        places = 2 if of.kind == "money" else 0
        return f"{page.number(TEXTS[places], ('texts', places))}[str({value.code})]"
    return f"{page.number(wire)}({value.code}, {page.number(of, id(of))})"


def _ask(writer: Writer, expr: n.Expr, *, exact: bool = True) -> Atom:
    value = writer.held(expr)
    tests = [] if value.known else [f"{value.code}.__class__ is Unknown"]
    if exact and not value.kind:
        tests.append(f"{value.code}.__class__ is Fraction")
    if tests:
        with writer.page.block(f"if {' or '.join(tests)}:"):
            writer.page.write("return None")
    return _sure(writer, expr, value, exact=exact)


def _sure(writer: Writer, expr: n.Expr, value: Atom, *, exact: bool) -> Atom:
    """A value that is known from here on, and a number that is a decimal, to whoever uses it."""
    kind = writer.compiler.type(expr, writer.scope).kind
    told = "decimal" if kind in _DECIMALS and exact else "text" if kind == "text" else value.kind
    return _now_known(writer.page, value, told)


def _now_known(page: Page, value: Atom, kind: str = "") -> Atom:
    """The same atom, known from here on to whoever uses it."""
    sure = replace(value, known=True, kind=kind)
    for leaf in [leaf for leaf, atom in page.have.items() if atom == value]:
        page.have[leaf] = sure
    return sure


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
    """The variable that holds the factor, which is known from there on."""
    parts, units = (_ask(writer, unit), _ask(writer, item)), writer.compiler.units
    if units is None:
        return writer.page.put("None")
    found = writer.factor(units, *parts)
    if not found.known:
        with writer.page.block(f"if {found.code}.__class__ is Unknown:"):
            writer.page.write("return None")
        _now_known(writer.page, found)
    return found.code
