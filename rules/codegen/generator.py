"""The compiler whose expressions are generated Python.

Here: Generated, Together, the functions that one expression, and the fields of a row, become. Not
here: the lines of it (emit_expressions.py), documents (emit_documents.py), how text becomes a
function (rules/programs/program.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.codegen.emit_checks import Trace, bits_of, trace_of
from rules.codegen.emit_documents import document_of, draft_of, known_of
from rules.codegen.emit_expressions import Writer
from rules.codegen.source_text import FUNCTION, SHARED, Build, Page, Source
from rules.expressions.compiler import Assigned, Compiler, Rows, Wanted
from rules.expressions.lookups import Closure
from rules.expressions.record_reading import FIRST_SEEN
from rules.expressions.run import Run
from rules.types.symbol_table import Index, Scope
from rules.values.kinds import LONGEST_TEXT
from rules.values.unknown import Unknown, limit_gap
from rules.values.wording import say

if TYPE_CHECKING:
    from rules.expressions.checks import CheckProgram, Row
    from rules.expressions.record_reading import Quick


class Generated(Compiler):
    """Compiles the expressions of one record kind to Python; `build` makes functions of it."""

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
        """Another one of the same family, for another record kind."""
        return Generated(self.index, record, zone, self.build, self.family)

    def expr(self, node: n.Expr, scope: Scope) -> Closure:
        """The function of an expression in a scope."""
        page = Page()
        page.write(f"return {Writer(self, scope, page).value(node).code}")
        return self.build(page.source(SHARED))

    def guarded(self, node: n.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """A function that answers EVA01 where the numbers leave their bounds."""

        def limit(reason: BaseException) -> Any:
            return Unknown(limit_gap(rule, owner or self.owner, say(node), reason, node.span))

        return self.build(_guarded(self, node, scope, limit))

    def rows(self, slots: Sequence[Quick]) -> Callable[..., dict[str, Any]]:
        """What reads a header or a line, as one function."""
        return self.build(_row_of(slots))

    def together(self, checks: Sequence[CheckProgram]) -> Together:
        """Several checks as one function."""
        return Together(self, checks)

    def known(self, wanted: Wanted) -> Closure:
        """Whether everything wanted is known, as one function."""
        return self._later(lambda: known_of(self, wanted))

    def document(
        self, head: Assigned, line: Assigned, wanted: Wanted, *, amount: str = ""
    ) -> Closure:
        """The texts of a document, as one function."""
        return self._later(lambda: document_of(self, head, line, wanted, amount=amount))

    def draft(self, head: Assigned, line: Assigned) -> Closure:
        """A document as far as it is known, as one function."""
        return self._later(lambda: draft_of(self, head, line))

    def _later(self, write: Callable[[], Source]) -> Closure:
        """A function that is written when it is first asked."""
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
        """What every condition answered, by the number of the check's first condition."""
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
        """The same before anybody reads it: all answers and values, of the header and each line."""
        return self._trace(run)[1](run)

    def _trace(self, run: Run) -> tuple[Trace, Closure]:
        found = self._traces.get(run.clean)
        if found is None:
            trace = trace_of(self._compiler, self._checks, clean=run.clean)
            found = self._traces[run.clean] = (trace, self._compiler.build(trace.source))
        return found

    def bits(self, run: Run) -> tuple[int, int]:
        """The bits of the checks that failed, and of those that nobody could answer."""
        made = self._bits.get(run.clean)
        if made is None:
            source = bits_of(self._compiler, self._checks, clean=run.clean)
            made = self._bits[run.clean] = self._compiler.build(source)
        found: tuple[int, int] = made(run)
        return found


def _guarded(compiler: Compiler, node: n.Expr, scope: Scope, limit: Any) -> Source:
    page = Page()
    with page.block("try:"):
        page.write(f"return {Writer(compiler, scope, page).value(node).code}")
    with page.block("except errors as reason:"):
        page.write("return limit(reason)")
    return page.source({**SHARED, "limit": limit})


_VALUES, _READ = "values", "content, line"


def _row_of(slots: Sequence[Quick]) -> Source:
    """Gives the row of `values`; gaps go to `content`, of the line that is given, if it is one.

    What is plain is taken at once: a text that begins with a printed character and holds nothing
    else, and any value that was read before; slots read all the rest.
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
