"""Decision tables: which row answers; also `retry`, for the errors of a target.

Here: TableProgram: a row is a Kleene `and` of its cells; the one that is certain answers, and where
none is, what is unknown is told. Not here: what the other tables are asked and what follows from
the answer (posted_documents.py), whether every case has a row (the checker).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from grammar.text.problem import Span
from rules.expressions.compiler import Compiler
from rules.expressions.lookups import COMPARE, Closure, always
from rules.types.inference import field_type
from rules.types.symbol_table import BUILT_IN_GROUPS, FACTS, Index, Scope
from rules.values.kinds import Type
from rules.values.unknown import Unknown, all_of, join
from rules.values.wording import shown

Cell = Callable[[Any, Any], Any]

_NOTHING = Unknown()
_FACTS = {
    "changed": Type("one_of", BUILT_IN_GROUPS),
    "error": Type("one_of"),
    "tries": Type("whole"),
    **{name: Type(*FACTS[name]) for name in ("period", "e_invoice_age")},
}


@dataclass(frozen=True, slots=True)
class Hit:
    """What a table says of one case: its row, or why no row is certain."""

    row: n.TableRow | None
    gaps: Unknown | None
    operands: tuple[tuple[str, str], ...]


class TableProgram:
    """One decision table; `compiler` reads fields and consts, and is None where there is no record.

    `latest` is the value of a const where there is no record whose day could choose it.
    """

    def __init__(
        self,
        table: n.Table,
        compiler: Compiler | None,
        latest: Mapping[str, Any] | None = None,
    ) -> None:
        self.span = table.span
        self._scope = Scope(compiler.index, compiler.record) if compiler else None
        self._compiler, self._latest = compiler, latest or {}
        self._zone = compiler.zone if compiler else ZoneInfo("UTC")
        self._columns = [(name, *self._column(name)) for name in table.head]
        self._rows = [
            (
                row,
                [
                    self._cell(c, of)
                    for c, (_, of, _) in zip(row.cells, self._columns, strict=False)
                ],
            )
            for row in table.rows
        ]

    def find(self, values: Mapping[str, Any], run: Any) -> Hit:
        """The certain row of a case: its own facts, and the run of its record, if it has one."""
        have = [
            values.get(name, _NOTHING) if closure is None else closure(run)
            for name, _, closure in self._columns
        ]
        operands = tuple(
            (name, shown(value, of, self._zone))
            for (name, of, _), value in zip(self._columns, have, strict=True)
        )
        unsure = []
        for row, cells in self._rows:
            answer = all_of([cell(run, v) for cell, v in zip(cells, have, strict=False)])
            if answer is True:
                return Hit(row, None, operands)
            if type(answer) is Unknown:
                unsure.append(answer)
        return Hit(None, join(*unsure) if unsure else None, operands)

    def _column(self, name: str) -> tuple[Type, Closure | None]:
        """The type of a column, and how it is read where it is no fact of the case."""
        if name in _FACTS:
            return _FACTS[name], None
        ref = self._scope.resolve((name,)) if self._scope else None
        if ref is None or self._compiler is None or self._scope is None:
            return Type("any"), always(Unknown())
        if ref.field is not None:
            of = field_type(ref.field, ref.record, self._scope)
        else:
            of = Type(*FACTS[name]) if name in FACTS else Type("any")
        return of, self._compiler.guarded(n.Name((name,), self.span), self._scope, name, "")

    def _cell(self, cell: n.Cell, of: Type) -> Cell:
        if isinstance(cell, n.Any_):
            return _any
        if isinstance(cell, n.Compared):
            return _compared(COMPARE[cell.op], self._value(cell.value, of))
        return _among([self._value(v, of) for v in cell.values])

    def _value(self, value: n.Value, of: Type) -> Closure:
        """A value of a cell: a word of the column, a const, or what is written out."""
        if isinstance(value, n.Literal):
            return always(value.value)
        if of.kind == "one_of":
            return always(value.name)
        if self._compiler is not None and value.name in self._compiler.index.consts:
            scope = Scope(self._compiler.index, self._compiler.record)
            return self._compiler.expr(n.Name((value.name,), value.span), scope)
        return always(self._latest.get(value.name, value.name))


def latest(consts: Mapping[str, n.Const]) -> dict[str, Any]:
    """The newest value of every const."""
    return {
        name: max(const.rows, key=lambda r: r.since).value.value for name, const in consts.items()
    }


def _any(_: Any, __: Any) -> bool:
    return True


def _compared(op: Callable[[Any, Any], bool], right: Closure) -> Cell:
    def compare(run: Any, left: Any) -> Any:
        other = right(run)
        if type(left) is Unknown or type(other) is Unknown:
            return join(left, other)
        return op(left, other)

    return compare


def _among(values: list[Closure]) -> Cell:
    def among(run: Any, left: Any) -> Any:
        if type(left) is Unknown:
            return left
        others = [v(run) for v in values]
        if left in [o for o in others if type(o) is not Unknown]:
            return True
        gaps = [o for o in others if type(o) is Unknown]
        return join(*gaps) if gaps else False

    return among


LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """What is done now: `try_again` after a pause, or the word of an action with its team.

    `again` is what the row says of trying again, also when its tries are used up.
    """

    kind: str  # try_again look_up hold review warn ignore drop wait block reject
    role: str | None
    pause: timedelta | None
    again: n.TryAgain | None
    span: Span


class RetryProgram:
    """One `retry` declaration."""

    def __init__(self, index: Index, declared: n.Retry) -> None:
        self.table = TableProgram(declared.table, None, latest(index.consts))

    def answer(self, error_class: str, tries: int) -> RetryAnswer | None:
        """The answer for an error after so many tries; None where no row has one."""
        hit = self.table.find({"error": error_class, "tries": Decimal(tries)}, None)
        if hit.row is None:
            return None
        action, span = hit.row.action, hit.row.span
        if not isinstance(action, n.TryAgain):
            return RetryAnswer(action.kind, action.role, None, None, span)
        if tries >= action.times:
            return RetryAnswer(action.then.kind, action.then.role, None, action, span)
        doubled = 2 ** min(max(tries - 1, 0), 17)  # 1s, doubled so often, is longer than a day
        pause = min(min(action.pause, LONGEST) * doubled, LONGEST)
        return RetryAnswer("try_again", None, pause, action, span)
