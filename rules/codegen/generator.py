"""Compile checks and documents of one record kind to generated Python functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from grammar import nodes
from rules.codegen.emit_expressions import CONVERT, Writer
from rules.codegen.source_text import (
    ARGUMENT,
    FUNCTION,
    SHARED,
    Atom,
    Build,
    Page,
    Source,
    add_on_the_way,
    add_up,
    sums_of,
)
from rules.expressions.checks import (
    CheckProgram,
    Condition,
    Row,
    is_same_for_all_routes,
    operand_expressions,
)
from rules.expressions.compiler import Assigned, Compiler, Rows, WantedValues
from rules.expressions.lists import is_costly
from rules.expressions.run import FIRST_SEEN, Closure, Run
from rules.outcomes import keep_gaps
from rules.types.symbol_table import Index, Scope
from rules.values.canonical import TEXTS
from rules.values.cause_keys import Unknown, limit_gap
from rules.values.kinds import LONGEST_TEXT, Type
from rules.values.wording import document_text, format_expression

if TYPE_CHECKING:
    from rules.expressions.run import QuickField

_VALUES, _READ = "values", "content, line"

_FINEST = Decimal("1E-12")

_DECIMALS = frozenset({"money", "decimal", "quantity", "whole"})

_SMALL = 10**18
"""Numbers below it, multiplied and divided, are far from the bounds of numbers."""


class Generated(Compiler):
    """Compiles one record kind's expressions to Python; `build` makes the functions."""

    def __init__(
        self,
        index: Index,
        record: str,
        zone: ZoneInfo,
        build: Build,
        family: dict[str, Compiler] | None = None,
    ) -> None:
        super().__init__(index, record, zone, family)
        self.build = build

    def sibling(self, record: str, zone: ZoneInfo) -> Generated:
        """Return a generator of the family for another record kind."""
        return Generated(self.index, record, zone, self.build, self.family)

    def expr(self, node: nodes.Expr, scope: Scope) -> Closure:
        """Return an expression's function in a scope."""
        page = Page()
        page.write(f"return {Writer(self, scope, page).value(node).code}")
        return self.build(page.source(SHARED))

    def guarded(self, node: nodes.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """Return a function that gives EVA01 where numbers exceed their bounds."""

        def limit(reason: BaseException) -> Any:
            return Unknown(
                limit_gap(rule, owner or self.owner, format_expression(node), reason, node.span)
            )

        return self.build(_guarded(self, node, scope, limit))

    def rows(self, slots: Sequence[QuickField]) -> Callable[..., dict[str, Any]]:
        """Return one function that reads a header or a line."""
        return self.build(_row_of(slots))

    def together(self, checks: Sequence[CheckProgram]) -> Together:
        """Return one function for several checks."""
        return Together(self, checks)

    def known(self, wanted: WantedValues) -> Closure:
        """Return one function that tests whether every wanted value is known."""
        return self._later(lambda: known_of(self, wanted))

    def document(
        self, head: Assigned, line: Assigned, wanted: WantedValues, *, amount: str = ""
    ) -> Closure:
        """Return one function for a document's texts."""
        return self._later(lambda: document_of(self, head, line, wanted, amount=amount))

    def draft(self, head: Assigned, line: Assigned) -> Closure:
        """Return one function for a document as far as it is known."""
        return self._later(lambda: draft_of(self, head, line))

    def _later(self, write: Callable[[], Source]) -> Closure:
        """Return a function that is generated when first called."""
        made: list[Closure] = []

        def ask(run: Run) -> Any:
            if not made:
                made.append(self.build(write()))
            return made[0](run)

        return ask


class Together:
    """Checks of one record kind as one function, made when it is first needed.

    There are two: one for records whose every field has a value, and one for all others.
    """

    def __init__(self, compiler: Generated, checks: Sequence[CheckProgram]) -> None:
        self._compiler, self._checks = compiler, checks
        self._firsts = {c.first + i: c.first for c in checks for i in range(len(c.conditions))}
        self._traces: dict[bool, tuple[Trace, Closure]] = {}
        self._bits: dict[bool, Closure] = {}

    def rows(self, run: Run) -> Rows:
        """Return each condition's result by the number of the check's first condition."""
        trace, made = self._trace(run)
        head, lines = made(run)
        found: list[Row] = trace.head.rows(None, head)
        for number, line in enumerate(lines, start=1):
            found += trace.line.rows(number, line)
        by_check: Rows = {c.first: [] for c in self._checks}
        for row in found:
            by_check[self._firsts[row[0]]].append(row)
        return by_check

    def trace(self, run: Run) -> Any:
        """Return the raw results: all answers and values, of the header and each line."""
        return self._trace(run)[1](run)

    def _trace(self, run: Run) -> tuple[Trace, Closure]:
        found = self._traces.get(run.clean)
        if found is None:
            trace = trace_of(self._compiler, self._checks, clean=run.clean)
            found = self._traces[run.clean] = (trace, self._compiler.build(trace.source))
        return found

    def bits(self, run: Run) -> tuple[int, int]:
        """Return the bits of the failed checks, and of the unknown ones."""
        made = self._bits.get(run.clean)
        if made is None:
            source = bits_of(self._compiler, self._checks, clean=run.clean)
            made = self._bits[run.clean] = self._compiler.build(source)
        found: tuple[int, int] = made(run)
        return found


def _guarded(compiler: Compiler, node: nodes.Expr, scope: Scope, limit: Any) -> Source:
    page = Page()
    with page.block("try:"):
        page.write(f"return {Writer(compiler, scope, page).value(node).code}")
    with page.block("except errors as reason:"):
        page.write("return limit(reason)")
    return page.source({**SHARED, "limit": limit})


def _row_of(slots: Sequence[QuickField]) -> Source:
    """Return code that gives the row of `values` and adds gaps to `content`.

    Plain values are taken directly: text that begins with a printed character and needs no
    cleaning, and values read before. Slots read everything else.
    """
    page, raw = Page(), f"v{len(slots)}"
    a_text, a_number = page.number(str, "text"), page.number(int, "number")
    first, longest = page.number(FIRST_SEEN), page.number(LONGEST_TEXT)
    lines = [f"def {FUNCTION}({_VALUES}, {_READ}):", f"    get = {_VALUES}.get"]
    cells = []
    for at, (name, text, known, gone, slot) in enumerate(slots):
        key, value = page.number(name), f"v{at}"
        before, ask = page.number(known, ("known", at)), page.number(slot.read, ("read", at))
        plain = f"{raw} >= {first} and {raw}.isprintable() and len({raw}) <= {longest}"
        lines += [f"    {raw} = get({key})", f"    if {raw}.__class__ is {a_text}:"]
        lines.append(
            f"        {value} = {f'{raw} if {plain} else None' if text else f'{before}({raw})'}"
        )
        if gone is not None:
            lines += [f"    elif {raw} is None:", f"        {value} = {page.number(gone, at)}"]
        if not text:
            lines += [
                f"    elif {raw}.__class__ is {a_number}:",
                f"        {value} = {before}({raw})",
            ]
        lines += ["    else:", f"        {value} = None"]
        lines += [f"    if {value} is None:", f"        {value} = {ask}({raw}, {_READ})"]
        cells.append(f"{key}: {value}")
    lines.append(f"    return {{{', '.join(cells)}}}")
    return Source("\n".join([*lines, ""]), {**SHARED, **page.names})


def known_of(compiler: Compiler, wanted: WantedValues) -> Source:
    """Return code that gives the amounts, or None where a value is unknown or inexact.

    It is for records whose every required field has a value.
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
    compiler: Compiler, head: Assigned, line: Assigned, wanted: WantedValues, *, amount: str = ""
) -> Source:
    """Return code that gives (fields, lines, amounts, value of `amount`), or None as known_of."""
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
    """Return code that gives (fields, lines, header values, gaps) as far as they are known.

    It gives None where a decimal is inexact. It is for records as in known_of that are not billed
    in parts.
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
    return page.source({**SHARED, "Fraction": Fraction, "keep": keep_gaps})


def _filled(writer: Writer, row: str, at: str, one: tuple[str, nodes.Expr, Type]) -> Atom:
    """Return code for one field in a row, or for its gap; `at` is its line."""
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


def _nothing(page: Page, wanted: WantedValues) -> str:
    """Return the initial value of the amounts: no rows, or an empty sum."""
    return "[]" if wanted.summed is None else page.number(Decimal(0))


def _amounts(writer: Writer, wanted: WantedValues) -> None:
    """Write the amounts of one line, as rows or as part of their sum."""
    page, summed = writer.page, wanted.summed
    values = [_ask(writer, expr, exact=False) for expr in wanted.amounts]
    if summed is None:
        for value in values:
            page.write(f"rows.append({value.code})")
        return
    cells = [page.put(_rounded(page, value, summed.places)) for value in values[: summed.columns]]
    page.write(f"rows = {' + '.join(['rows', *cells])}")
    if summed.amount_columns:
        with page.block(
            f"if {values[summed.columns].code} != {' + '.join(cells[: summed.amount_columns])}:"
        ):
            page.write("return None")


def _rounded(page: Page, value: Atom, places: Decimal) -> str:
    """Return code for a number rounded half up; other numbers than decimals take longer."""
    by = f"({value.code}, {page.number(places)})"
    sure = value.kind == "decimal" and value.known
    return (
        f"quantize{by}"
        if sure
        else (f"(quantize{by} if {value.code}.__class__ is Decimal else round_half_up{by})")
    )


def _texts(page: Page, assigned: Assigned, values: dict[str, Atom]) -> str:
    """Return code for a dictionary of some fields' texts."""
    parts = [f"{page.number(name)}: {_text(page, values[name], of)}" for name, _, of in assigned]
    return f"{{{', '.join(parts)}}}"


def _text(page: Page, value: Atom, of: Type) -> str:
    """Return code for a value as `wire` formats it."""
    if value.kind == "text":
        return value.code
    if value.kind == "date":
        return f"{value.code}.isoformat()"
    if value.kind == "decimal":
        places = 2 if of.kind == "money" else 0
        return f"{page.number(TEXTS[places], ('texts', places))}[str({value.code})]"
    return f"{page.number(document_text)}({value.code}, {page.number(of, id(of))})"


def _ask(writer: Writer, expr: nodes.Expr, *, exact: bool = True) -> Atom:
    value = writer.held(expr)
    tests = [] if value.known else [f"{value.code}.__class__ is Unknown"]
    if exact and not value.kind:
        tests.append(f"{value.code}.__class__ is Fraction")
    if tests:
        with writer.page.block(f"if {' or '.join(tests)}:"):
            writer.page.write("return None")
    return _sure(writer, expr, value, exact=exact)


def _sure(writer: Writer, expr: nodes.Expr, value: Atom, *, exact: bool) -> Atom:
    """Return a value that is known from here on; a number is a decimal."""
    kind = writer.compiler.type(expr, writer.scope).kind
    told = "decimal" if kind in _DECIMALS and exact else "text" if kind == "text" else value.kind
    return _now_known(writer.page, value, told)


def _now_known(page: Page, value: Atom, kind: str = "") -> Atom:
    """Return the atom, marked as known from here on."""
    sure = replace(value, known=True, kind=kind)
    for leaf in [leaf for leaf, atom in page.have.items() if atom == value]:
        page.have[leaf] = sure
    return sure


def _ask_field(writer: Writer, expr: nodes.Expr) -> None:
    """Write the check of a line field; a rounded price or quantity is known if its parts are.

    Only a value that may exceed the number bounds is computed.
    """
    call = expr.args[0] if isinstance(expr, nodes.Call) and expr.name == "round" else None
    step = expr.args[1] if isinstance(expr, nodes.Call) and call is not None else None
    steps = step.value if isinstance(step, nodes.Literal) else None
    sure = isinstance(steps, Decimal) and steps >= _FINEST
    units = writer.compiler.units
    if not (sure and units and isinstance(call, nodes.Call) and call.name in CONVERT):
        _ask(writer, expr)
        return
    value, by = _ask(writer, call.args[0]), _convert(writer, call.args[1], call.args[2])
    number, whole = writer.page.number(Decimal(_SMALL)), writer.page.number(_SMALL)
    bounds = f"-{number} < {value.code} < {number} and {by}.num < {whole} and {by}.den < {whole}"
    with writer.page.block(f"if not ({bounds}):"):
        _ask(writer, expr)


def _convert(writer: Writer, unit: nodes.Expr, item: nodes.Expr) -> str:
    """Return the variable with the factor, which is known from here on."""
    parts, units = (_ask(writer, unit), _ask(writer, item)), writer.compiler.units
    if units is None:
        return writer.page.put("None")
    found = writer.factor(units, *parts)
    if not found.known:
        with writer.page.block(f"if {found.code}.__class__ is Unknown:"):
            writer.page.write("return None")
        _now_known(writer.page, found)
    return found.code


@dataclass(slots=True)
class Layout:
    """Positions in a trace tuple: for each condition its answer and its operands.

    An answer is None where the condition was not evaluated.
    """

    cells: dict[str, int] = field(default_factory=dict)
    places: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)

    def cell(self, code: str) -> int:
        """Return a value's position."""
        return self.cells.setdefault(code, len(self.cells))

    def text(self) -> str:
        """Return the tuple as Python."""
        return f"({', '.join(self.cells)}{',' if self.cells else ''})"

    def rows(self, line: int | None, found: tuple[Any, ...]) -> list[Row]:
        """Return the rows of the results, in the form in which a check program returns them."""
        return [
            (number, line, found[answer], *[found[at] for at in seen])
            for number, answer, seen in self.places
            if found[answer] is not None
        ]


@dataclass(frozen=True, slots=True)
class Trace:
    """A function that returns the header's tuple and a list of the lines' tuples."""

    source: Source
    head: Layout
    line: Layout


def trace_of(compiler: Compiler, checks: Sequence[CheckProgram], *, clean: bool) -> Trace:
    """Return the full trace of the checks; lines come first and are summed for the header."""
    page = Page()
    scope = Scope(compiler.index, compiler.record)
    head, inner = Layout(), Layout()
    writer = Writer(compiler, scope, page, clean=clean)
    of_head, lines = _of(checks, each_line=False), _of(checks, each_line=True)
    if lines:
        page.write("rows = []")
        _load(writer, lines)
        line = Writer(compiler, replace(scope, line=True), page, clean=clean)
        sums = [s for c in of_head if not c.when for r in c.check.requires for s in sums_of(r)]
        with add_on_the_way(writer, line, sums, len(lines)):
            for check in lines:
                _Rows(line, inner).check(check)
            page.write(f"rows.append({inner.text()})")
    for check in of_head:
        _Rows(writer, head).check(check)
    page.write(f"return {head.text()}, {'rows' if lines else '[]'}")
    return Trace(page.source(SHARED), head, inner)


def bits_of(compiler: Compiler, checks: Sequence[CheckProgram], *, clean: bool) -> Source:
    """Return code that gives the bits of failed checks and the bits of unknown ones."""
    page = Page()
    scope = Scope(compiler.index, compiler.record)
    head = Writer(compiler, scope, page, clean=clean, bare=True)
    page.write("fail = unknown = 0")
    of_head = _of(checks, each_line=False)
    add_up(head, [s for c in of_head if not c.when for r in c.check.requires for s in sums_of(r)])
    for check in of_head:
        _Bits(head, check.bit).check(check)
    lines = _of(checks, each_line=True)
    if lines:
        _load(head, lines)
        with page.lines_of_record(len(lines)):
            line = Writer(compiler, replace(scope, line=True), page, clean=clean, bare=True)
            for check in lines:
                _Bits(line, check.bit).check(check)
    page.write("return fail, unknown")
    return page.source(SHARED)


def _of(checks: Sequence[CheckProgram], *, each_line: bool) -> list[CheckProgram]:
    return [c for c in checks if c.check.each_line is each_line]


def _load(head: Writer, checks: Sequence[CheckProgram]) -> None:
    """Write header values that line checks need once, above the loop."""
    for condition in (c for check in checks for c in check.conditions):
        for leaf in operand_expressions(condition.node, replace(head.scope, line=True)):
            ref = head.scope.resolve(leaf.path) if isinstance(leaf, nodes.Name) else None
            if ref is not None and ref.kind == "head" and isinstance(ref.field, nodes.Field):
                head.value(leaf)


class _Rows:
    """Writes what one check answers, and what it looks at."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.page, self.layout = writer, writer.page, layout

    def check(self, check: CheckProgram) -> None:
        """Write the lines that evaluate a check; its answers and values get positions."""
        if check.when is None:
            for number, condition in enumerate(check.requires, check.first):
                answer = self.writer.value(condition.node).code
                self._place(number, answer, self._seen(condition))
            return
        applies = self.writer.held(check.when.node)
        names = [self.page.variable() for _ in check.conditions]
        begin, mark = len(self.page.lines), self.page.mark()
        inside = list(names)
        with self.page.block(_if(applies)):
            for at, condition in enumerate(check.requires, 1):
                self.page.write(f"{names[at]} = {self.writer.value(condition.node).code}")
                inside += self._place(check.first + at, names[at], self._seen(condition))
        with self.page.block("else:"):
            self.page.write(f"{names[0]} = {applies.code}")
            inside += self._place(check.first, names[0], self._seen(check.when))
        new = [v for v in dict.fromkeys(inside) if v in names or self.page.is_since(mark, v)]
        self.page.write_at(begin, f"{' = '.join(new)} = None")

    def _place(self, number: int, answer: str, seen: list[str]) -> list[str]:
        cell = self.layout.cell
        self.layout.places.append((number, cell(answer), tuple(cell(v) for v in seen)))
        return seen

    def _seen(self, condition: Condition) -> list[str]:
        return [
            self._leaf(node).code for node in operand_expressions(condition.node, self.writer.scope)
        ]

    def _leaf(self, node: nodes.Expr) -> Atom:
        if not (self.writer.scope.line and is_costly(node)):
            return self.writer.held(node)
        ask = self.writer.compiler.expr(node, self.writer.scope)
        told = _once_a_line(ask, format_expression(node)) if is_same_for_all_routes(node) else ask
        return Atom(self.page.put(f"{self.page.number(told, node)}({ARGUMENT})"))


class _Bits:
    """Writes the bits of one check."""

    def __init__(self, writer: Writer, bit: int) -> None:
        self.writer, self.page, self.bit = writer, writer.page, bit

    def check(self, check: CheckProgram) -> None:
        """Write the lines that evaluate a check and set its bit."""
        if check.when is None:
            self._requires(check)
            return
        applies = self.writer.held(check.when.node)
        with self.page.block(_if(applies)):
            self._requires(check)
        if not applies.known:
            self._unknown("elif", applies)

    def _requires(self, check: CheckProgram) -> None:
        known = []
        for condition in check.requires:
            answer = self.writer.value(condition.node)
            if answer.known:
                known.append(answer.code)
                continue
            answer = self.writer.atom(answer)
            self._unknown("if", answer)
            with self.page.block(f"elif not {answer.code}:"):
                self.page.write(f"fail |= {self.bit}")
        if known:
            with self.page.block(f"if not ({' and '.join(known)}):"):
                self.page.write(f"fail |= {self.bit}")

    def _unknown(self, word: str, answer: Atom) -> None:
        with self.page.block(f"{word} {answer.code}.__class__ is Unknown:"):
            self.page.write(f"unknown |= {self.bit}")


def _if(answer: Atom) -> str:
    """Return code that is true for a certain yes."""
    sure = answer.known and answer.kind == "yes"
    return f"if {answer.code}:" if sure else f"if {answer.code} is True:"


def _once_a_line(ask: Callable[[Run], Any], label: str) -> Callable[[Run], Any]:
    """Return the function for a line's operand, evaluated once per line, like its text."""

    def once(run: Run) -> Any:
        key = (label, id(run.line))
        if key not in run.memo:
            run.memo[key] = ask(run)
        return run.memo[key]

    return once
