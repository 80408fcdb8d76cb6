"""What compiles the rules of one record kind: how names get their values, whatever runs them.

Here: Compiler: fields, computed fields, consts and facts; worked out once a record or line. Not
here: what expressions mean (interpreter.py), the Python they become (emit).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.expressions.aggregates import Lists
from rules.expressions.billed_parts import due
from rules.expressions.calls import TOLD, Calls
from rules.expressions.currencies import Currencies
from rules.expressions.lookups import Closure, Lookup, UnitTable
from rules.expressions.record_reading import Quick, plainly
from rules.expressions.run import Run
from rules.types.inference import infer, silent
from rules.types.symbol_table import Index, Ref, Scope
from rules.values.kinds import Type
from rules.values.unknown import NOWHERE, RING, Unknown, const_gap, limit_gap

if TYPE_CHECKING:
    from rules.expressions.checks import CheckProgram, Row

Rows = dict[int, list["Row"]]
"""The rows of checks, by the number of their first condition."""
MOST_DAYS = 4096
"""Of so many days it is kept what a const is."""


class Together(Protocol):
    """Several checks that are asked in one go; errors come out, whichever check made them."""

    def rows(self, run: Run) -> Rows:
        """What every condition answered, as CheckProgram.ask tells it."""

    def trace(self, run: Run) -> Any:
        """The same before anybody reads it: answers and values, of the header and each line."""

    def bits(self, run: Run) -> tuple[int, int]:
        """The bits of the checks that failed, and of those that nobody could answer."""


@dataclass(frozen=True, slots=True)
class Summed:
    """How amounts of lines are added up on the way: the first `columns` of them, rounded to
    `places`. Where `shown` is not 0, the one behind them has to be the sum of the first so many.
    """

    places: Decimal
    columns: int
    shown: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Expressions of the header and of each line; `convert` are units with their items.

    `amounts` are expressions of each line whose values are wanted back, or where `summed` is given
    their sum; then a line whose amount is another is as good as an unknown value.
    """

    head: Sequence[n.Expr] = ()
    line: Sequence[n.Expr] = ()
    convert: Sequence[tuple[n.Expr, n.Expr]] = ()
    amounts: Sequence[n.Expr] = ()
    summed: Summed | None = None


Assigned = Sequence[tuple[str, n.Expr, Type]]
"""Fields of a document, or of its lines: the name, the expression and its type."""


class Compiler(ABC):
    """Compiles the expressions of one record kind."""

    def __init__(
        self,
        index: Index,
        record: str,
        zone: ZoneInfo,
        family: dict[str, Compiler] | None = None,
    ) -> None:
        self.index = index
        self.record = record
        self.zone = zone
        self.family = family if family is not None else {}
        self.family[record] = self
        source = index.sources.get(index.records[record].source or "")
        self.owner = (source.missing.action.role or "") if source else ""
        self.lookups = {m.name: Lookup(m) for m in index.ruleset.maps}
        self.units = UnitTable(index.ruleset.units[0]) if index.ruleset.units else None
        self.lists = Lists(self)
        self.calls = Calls(self)
        self.currencies = Currencies(self)
        self._computed: dict[tuple[str, str], Closure] = {}
        self._kept: dict[tuple[int, Scope], tuple[n.Expr, Closure]] = {}
        self._rings: dict[tuple[str, str], Unknown] = {}
        dated = index.marked(record, "dated")
        self._dated = dated.name if dated else None

    def of(self, record: str) -> Compiler:
        """The compiler of another record kind, whose records are linked to this one."""
        if record not in self.family:
            source = self.index.sources.get(self.index.records[record].source or "")
            zone = ZoneInfo(source.zone) if source else self.zone
            self.sibling(record, zone)
        return self.family[record]

    def field(self, name: str, scope: Scope) -> Closure:
        """The closure of a field of the record."""
        return self.expr(n.Name((name,), NOWHERE), scope)

    @abstractmethod
    def sibling(self, record: str, zone: ZoneInfo) -> Compiler:
        """Another one of the same sort and family, for another record kind."""

    @abstractmethod
    def expr(self, node: n.Expr, scope: Scope) -> Closure:
        """What gives the value of an expression in a scope for a run, or an Unknown.

        It raises ArithmeticError or TypeError where the numbers leave their bounds.
        """

    @abstractmethod
    def guarded(self, node: n.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """The same; but where the numbers leave their bounds it answers EVA01 of this rule."""

    def kept(self, node: n.Expr, scope: Scope) -> Closure:
        """A guarded expression of no rule, for whoever asks for its value now and then."""
        key = (id(node), scope)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = (node, self.guarded(node, scope, "", ""))
        return found[1]

    def rows(self, slots: Sequence[Quick]) -> Callable[..., dict[str, Any]]:
        """What reads a header or a line by these slots."""
        return plainly(slots)

    @abstractmethod
    def together(self, checks: Sequence[CheckProgram]) -> Together | None:
        """Several checks in one go; None where each is asked for itself."""

    @abstractmethod
    def known(self, wanted: Wanted) -> Closure | None:
        """What gives the amounts or their sum, or None where a wanted value is unknown or no
        decimal says it.

        For records whose every field has a value, unless it is optional. None where each value is
        asked for itself.
        """

    @abstractmethod
    def document(
        self, head: Assigned, line: Assigned, wanted: Wanted, *, amount: str = ""
    ) -> Closure | None:
        """What gives the texts of a document, or None where `known` would: see emit_documents.py.

        None where each field is asked for itself.
        """

    @abstractmethod
    def draft(self, head: Assigned, line: Assigned) -> Closure | None:
        """What gives a document as far as it is known: see emit_documents.py.

        For records as those of `known`. None where each field is asked for itself.
        """

    def type(self, node: n.Expr, scope: Scope) -> Type:
        """The static type of an expression."""
        return infer(node, scope, silent)

    def literal(self, node: n.Literal) -> Any:
        """The value of a literal; a moment without a zone is one of the source's zone."""
        value: Any = node.value
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=self.zone).astimezone(UTC)
        return value

    def ref(self, ref: Ref) -> Closure:
        """The closure that reads what a path means."""
        name = ref.name
        if ref.kind == "fact":
            return lambda run: TOLD[name](run, self.owner)
        if ref.kind == "const":
            return self._const(self.index.consts[name])
        if ref.kind == "number":
            return lambda run: run.route.number
        if ref.kind == "due":
            return due
        if ref.kind == "own":
            return self._of_judged(ref)
        if isinstance(ref.field, n.Computed):
            return self._computed_field(ref)
        if ref.kind == "head":
            return lambda run: run.head[name]
        if ref.kind == "line":
            return lambda run: run.line[name]
        return lambda run: run.item[name]

    def _of_judged(self, ref: Ref) -> Closure:
        """A field of the record that is judged, asked for while one that is linked is looked at."""
        judged = self.of(ref.record).field(ref.name, Scope(self.index, ref.record))
        return lambda run: judged(run.root)

    def _computed_field(self, ref: Ref) -> Closure:
        name, record = ref.name, ref.record
        if ref.kind == "head":
            return lambda run: self._of_row(run, run.head, record, name)
        if ref.kind == "line":
            return lambda run: self._of_row(run, run.line, record, name)
        kind = self.index.records[record].parent or record

        def of_item(run: Run) -> Any:
            home = run.home
            if home is run:
                return self._of_row(run, run.item, record, name)
            home.uses = run.uses
            return self.of(kind)._of_row(home, run.item, record, name)

        return of_item

    def _of_row(self, run: Run, row: dict[str, Any], record: str, name: str) -> Any:
        if name in row:
            run.uses.extend(run.row_uses.get((id(row), name), ()))
            return row[name]
        return self._compute(run, row, record, name)

    def _compute(self, run: Run, row: dict[str, Any], record: str, name: str) -> Any:
        """Work out a computed field once a row, and remember which entries it read."""
        row[name] = self._ring(record, name)
        outer_uses, outer_line = run.uses, run.line
        run.uses = []
        if row is not run.head:
            run.line = row
        try:
            row[name] = value = self._closure_of(record, name)(run)
        finally:
            mine = tuple(dict.fromkeys(run.uses))
            run.uses, run.line = outer_uses, outer_line
        if mine:
            run.row_uses[id(row), name] = mine
            run.uses.extend(mine)
        return value

    def _ring(self, record: str, name: str) -> Unknown:
        """What a computed field is while it is worked out: it may not need itself."""
        found = self._rings.get((record, name))
        if found is None:
            span = self.index.fields[record][name].span
            found = Unknown(limit_gap(name, self.owner, name, RING, span))
            self._rings[record, name] = found
        return found

    def _closure_of(self, record: str, name: str) -> Closure:
        found = self._computed.get((record, name))
        if found is None:
            field = self.index.fields[record][name]
            assert isinstance(field, n.Computed)  # noqa: S101
            parent = self.index.records[record].parent
            scope = Scope(self.index, parent or record, line=parent is not None)
            found = self.guarded(field.expr, scope, name, self.owner)
            self._computed[record, name] = found
        return found

    def _const(self, const: n.Const) -> Closure:
        rows = sorted(const.rows, key=lambda r: r.since)
        before = Unknown(const_gap(const, self.owner))

        known: dict[date, Any] = {}

        def on(day: date) -> Any:
            values = [r for r in rows if r.since <= day]
            found = values[-1].value.value if values else before
            if len(known) < MOST_DAYS:
                known[day] = found
            return found

        def get(run: Run) -> Any:
            found = run.memo.get(const.name)
            if found is None:
                found = self.day_of(run)
                if type(found) is not Unknown:
                    day = found
                    found = known.get(day)
                    if found is None:
                        found = on(day)
                run.memo[const.name] = found
            return found

        return get

    @property
    def is_dated(self) -> bool:
        """Whether consts are read at a day that the record says, and not today."""
        return self._dated is not None

    def day_of(self, run: Run) -> Any:
        """The day that consts are read at: the record's `dated` field, else today."""
        if self._dated is None:
            run.clock.add("today")
            return run.today
        value = run.head[self._dated]
        return value.astimezone(self.zone).date() if isinstance(value, datetime) else value
