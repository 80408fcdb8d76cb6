"""All checks of a record kind as one function: every field is read once, every line visited once.

Here: trace_of (everything that was answered and looked at) and bits_of (what failed and what nobody
could answer, as two numbers). Not here: the words of a trace (rules/expressions/checks.py).

A trace is one tuple for the header and one for each line. They hold answers and values, each once;
which of them belong to a condition is known beforehand, so that no row is made before somebody
reads it. Trace and interpreter spend the same steps: what an aggregate visits again for each line
is visited as often as the interpreter does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grammar import nodes as n
from rules.codegen.emit_expressions import Writer
from rules.codegen.emit_sums import add_on_the_way, add_up, sums_of
from rules.codegen.source_text import ARGUMENT, SHARED, Atom, Page, Source
from rules.expressions.aggregates import costly
from rules.expressions.checks import CheckProgram, Row
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Condition, lasting, leaves
from rules.expressions.run import Run
from rules.types.symbol_table import Scope
from rules.values.wording import say


@dataclass(slots=True)
class Layout:
    """Where a tuple of a trace holds what: for each condition its answer and its operands.

    An answer is None where the condition was not asked.
    """

    cells: dict[str, int] = field(default_factory=dict)
    places: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)

    def cell(self, code: str) -> int:
        """The place of a value."""
        return self.cells.setdefault(code, len(self.cells))

    def text(self) -> str:
        """The tuple as Python."""
        return f"({', '.join(self.cells)}{',' if self.cells else ''})"

    def rows(self, line: int | None, found: tuple[Any, ...]) -> list[Row]:
        """The rows of what was asked, as CheckProgram.ask gives them."""
        return [
            (number, line, found[answer], *[found[at] for at in seen])
            for number, answer, seen in self.places
            if found[answer] is not None
        ]


@dataclass(frozen=True, slots=True)
class Trace:
    """A function that gives the tuple of the header and a list of those of the lines."""

    source: Source
    head: Layout
    line: Layout


def trace_of(compiler: Compiler, checks: Sequence[CheckProgram], *, clean: bool) -> Trace:
    """The full trace of the checks; the lines come first, and add up for the header."""
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
    """Gives two numbers: the bits of the checks that failed, and of those that were unknown."""
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
    """Read what checks of lines ask of the header once, above the loop."""
    for condition in (c for check in checks for c in check.conditions):
        for leaf in leaves(condition.node, replace(head.scope, line=True)):
            ref = head.scope.resolve(leaf.path) if isinstance(leaf, n.Name) else None
            if ref is not None and ref.kind == "head" and isinstance(ref.field, n.Field):
                head.value(leaf)


class _Rows:
    """Writes what one check answers, and what it looks at."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.page, self.layout = writer, writer.page, layout

    def check(self, check: CheckProgram) -> None:
        """The lines that ask it; its answers and values get their places."""
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
        return [self._leaf(node).code for node in leaves(condition.node, self.writer.scope)]

    def _leaf(self, node: n.Expr) -> Atom:
        if not (self.writer.scope.line and costly(node)):
            return self.writer.held(node)
        ask = self.writer.compiler.expr(node, self.writer.scope)
        told = _once_a_line(ask, say(node)) if lasting(node) else ask
        return Atom(self.page.put(f"{self.page.number(told, node)}({ARGUMENT})"))


class _Bits:
    """Writes the bits of one check."""

    def __init__(self, writer: Writer, bit: int) -> None:
        self.writer, self.page, self.bit = writer, writer.page, bit

    def check(self, check: CheckProgram) -> None:
        """The lines that ask it and set its bit."""
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
    """Asks whether an answer is a certain yes."""
    sure = answer.known and answer.kind == "yes"
    return f"if {answer.code}:" if sure else f"if {answer.code} is True:"


def _once_a_line(ask: Callable[[Run], Any], label: str) -> Callable[[Run], Any]:
    """What a line's operand is, asked once a line, as its text is."""

    def once(run: Run) -> Any:
        key = (label, id(run.line))
        if key not in run.memo:
            run.memo[key] = ask(run)
        return run.memo[key]

    return once
