"""The compiler whose expressions are generated Python.

Here: Generated, Together, and the function that one expression becomes. Not here: the lines of it
(expressions.py), how text becomes a function (rules/compile.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.closures import Closure
from rules.compiler import Compiler, Rows, Wanted
from rules.emit.checks import Trace, bits_of, trace_of
from rules.emit.expressions import Writer
from rules.emit.known import known_of
from rules.emit.text import Build, Page, Source
from rules.emit.writing import SHARED
from rules.gaps import limit_gap
from rules.index import Index, Scope
from rules.run import Run
from rules.unknown import Unknown
from rules.words import say

if TYPE_CHECKING:
    from rules.checks import CheckProgram, Row


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

    def together(self, checks: Sequence[CheckProgram]) -> Together:
        """Several checks as one function."""
        return Together(self, checks)

    def known(self, wanted: Wanted) -> Closure:
        """Whether everything wanted is known, as one function."""
        made: list[Closure] = []

        def known(run: Run) -> Any:
            if not made:
                made.append(self.build(known_of(self, wanted)))
            return made[0](run)

        return known


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
