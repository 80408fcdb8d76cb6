"""What lists show of a record beside its decisions: number, party, day, amount and currency.

Here: Head of one record kind, asked once its routes are decided. Not here: the outcome it stands in
(decisions/record.py), which field of a document is what (columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.documents.columns import Shape
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Operand
from rules.expressions.run import Run
from rules.outcomes.outcome import Decision
from rules.types.symbol_table import Scope
from rules.values.kinds import clean
from rules.values.unknown import Unknown


class Head:
    """Where these stand in a record of one kind."""

    def __init__(self, compiler: Compiler, shapes: Sequence[Shape]) -> None:
        index, record = compiler.index, compiler.record
        source = index.sources.get(index.records[record].source or "")
        self.zone, self._own = compiler.zone, source.currency if source else ""
        key, dated = index.marked(record, "key"), index.marked(record, "dated")
        self._key, self._dated = key.name if key else "", dated.name if dated else ""
        self._party = next((shape.party_of for shape in shapes if shape.party_of), "")
        self._party_name = f"{self._party}_name"
        named = next((shape.amount_of for shape in shapes if shape.amount_of), "")
        self._amount = self._operand(compiler, named or self._money(compiler))

    @staticmethod
    def _money(compiler: Compiler) -> str:
        """The field of the header that is the amount, where no document says which."""
        fields = compiler.index.fields[compiler.record].values()
        money = [f.name for f in fields if isinstance(f, n.Field) and f.type == "money"]
        named = next((name for name in ("total", "amount") if name in money), "")
        return named or (money[-1] if money else "")

    @staticmethod
    def _operand(compiler: Compiler, name: str) -> Operand | None:
        index, record = compiler.index, compiler.record
        if not name:
            return None
        of = n.Name((name,), index.fields[record][name].span)
        return Operand(compiler, of, Scope(index, record))

    # ---- one record ---------------------------------------------------------------------------

    def number(self, run: Run) -> str:
        """The number that people know it by."""
        value: Any = run.head.get(self._key)
        return "" if value is None or type(value) is Unknown else str(value).strip()

    def party(self, run: Run, body: Mapping[str, object]) -> str:
        """The name of the customer or supplier, else the code."""
        name = body.get(self._party_name)
        if isinstance(name, str) and (shown := name.strip()):
            return clean(shown[:200])
        value = run.head.get(self._party)
        return value if isinstance(value, str) else ""

    def day(self, run: Run, decisions: Sequence[Decision]) -> date | None:
        """Its date, else that of its first document."""
        value: Any = run.head.get(self._dated)
        if isinstance(value, datetime):
            return _day_in(value, self.zone)
        if isinstance(value, date):
            return value
        return next((d.document.date for d in decisions if d.document), None)

    def amount(self, run: Run) -> Decimal | None:
        """Its amount, where it says one."""
        try:
            value: Any = self._amount.closure(run) if self._amount else None
        except (ArithmeticError, TypeError, RecursionError):
            return None
        return value if isinstance(value, Decimal) else None

    def currency(self, run: Run, decisions: Sequence[Decision]) -> str:
        """That of its first document, else its own, else that of its source."""
        for one in decisions:
            if one.document is not None:
                if one.document.currency:
                    return one.document.currency
                break
        own = run.head.get("currency")
        return (own if isinstance(own, str) else "") or self._own


def _day_in(moment: datetime, zone: ZoneInfo) -> date:
    """The day of a moment in a zone; at the ends of the calendar, its day by UTC."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return moment.date()
