"""What the columns of a decision table may hold: words, yes or no, or values with an order.

Here: the column of a name, the value of a cell with its consts, the days on which consts change.
Not here: rows and their cases (cases.py, tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args

from grammar import nodes as n
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Problem
from rules.checker.places import problem
from rules.overlaps.cases import (
    Column,
    fits,
    label,
    named,
    ordered_column,
    plain,
    text_column,
    words_column,
)
from rules.types.functions import did_you_mean
from rules.types.inference import field_type
from rules.types.symbol_table import FACTS, Index, Scope
from rules.values.kinds import ORDERED, Type

TABLE_FACTS: dict[str, Type] = {
    "period": Type("one_of", ("open", "locked")),
    "e_invoice_age": Type("duration"),
    "target_edited": Type("yesno"),
}
RETRY_FACTS: dict[str, Type] = {
    "error": Type("one_of", get_args(ErrorClass)),
    "tries": Type("whole"),
}
_ORDERED = ORDERED - {"any"}


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a table stands: the record it speaks of (none for retry), and the words of `changed`.

    `states` are the statuses that reach it.
    """

    index: Index
    record: str
    groups: tuple[str, ...] = ()
    states: frozenset[str] | None = None

    def kinds(self) -> dict[str, Type]:
        """Every name that may head a column, with its type."""
        if not self.record:
            return RETRY_FACTS
        scope = Scope(self.index, self.record)
        fields = self.index.fields[self.record]
        found = {k: field_type(f, self.record, scope) for k, f in fields.items()}
        found |= {k: Type(*FACTS[k]) for k in FACTS if k in TABLE_FACTS} | TABLE_FACTS
        if self.groups:
            found["changed"] = Type("one_of", self.groups)
        status = self.index.status_field(self.record)
        if self.states is not None and status is not None and status.name in found:
            kept = tuple(s.name for s in status.states if s.name in self.states)
            found[status.name] = Type("one_of", kept)
        return found


def heads(table: n.Table, ground: Ground) -> Iterator[Problem]:
    """Columns and cells that mean nothing."""
    kinds = ground.kinds()
    for at, name in enumerate(table.head):
        of = kinds.get(name)
        if of is None or of.kind == "many":
            what = ground.record or "an error"
            message = f"'{name}' is nothing that a table about {what} can ask"
            yield problem("TAB04", message, did_you_mean(name, kinds), table.span)
            continue
        for row in table.rows:
            yield from _cell(row.cells[at], name, of, ground)


def _cell(cell: n.Cell, name: str, of: Type, ground: Ground) -> Iterator[Problem]:
    if isinstance(cell, n.Any_):
        return
    values = cell.values if isinstance(cell, n.Among) else (cell.value,)
    op = "=" if isinstance(cell, n.Among) else cell.op
    for value in values:
        if of.kind in _ORDERED:
            yield from _threshold(value, name, of, ground)
            continue
        words = _words(of)
        if op not in {"=", "<>"}:
            message = f"'{name}' has no order, so '{op}' says nothing"
            yield problem("TAB06", message, "Name the values, with commas.", value.span)
        elif words and plain(value) not in words:
            hint = did_you_mean(plain(value), words)
            if plain(value) == "overbilled":
                hint = f"No route of {ground.record} bills in parts: take it out."
            message = f"'{plain(value)}' cannot come in '{name}': {', '.join(words)}"
            yield problem("TAB05", message, hint, value.span)


def _threshold(value: n.Value, name: str, of: Type, ground: Ground) -> Iterator[Problem]:
    const = ground.index.consts.get(value.name) if isinstance(value, n.Word) else None
    if isinstance(value, n.Word) and const is None:
        hint = did_you_mean(value.name, ground.index.consts)
        yield problem("TAB05", f"'{value.name}' is no const", hint, value.span)
        return
    literal = const.rows[0].value if const else value
    if isinstance(literal, n.Literal) and not fits(of, literal.kind):
        message = f"'{name}' is a {of.kind}, '{label(value)}' is a {literal.kind}"
        yield problem("TAB06", message, "Compare it with a value of its own type.", value.span)


def _words(of: Type) -> tuple[str, ...]:
    return ("yes", "no") if of.kind == "yesno" else of.states


def eras(table: n.Table, index: Index) -> list[date | None]:
    """The days from which the consts of a table have other values; None where it has no const."""
    used = [
        index.consts[v.name]
        for at in range(len(table.head))
        for v in named(table.rows, at)
        if isinstance(v, n.Word) and v.name in index.consts
    ]
    if not used:
        return [None]
    first = max(min(row.since for row in const.rows) for const in used)
    days = {row.since for const in used for row in const.rows if row.since > first}
    return [first, *sorted(days)]


def column(table: n.Table, at: int, of: Type, day: date | None, index: Index) -> Column:
    """One column of a table as it is on a day."""
    name = table.head[at]
    values = list(named(table.rows, at))
    if of.kind in _ORDERED:
        return ordered_column(name, of, {label(v): value_on(v, day, index) for v in values})
    words = _words(of)
    return words_column(name, words) if words else text_column(name, values)


def value_on(value: n.Value, day: date | None, index: Index) -> Any:
    """The value of a cell on a day."""
    if isinstance(value, n.Word):
        const = index.consts.get(value.name)
        rows = sorted(const.rows, key=lambda r: r.since) if const and day else ()
        valid = [r.value.value for r in rows if day is not None and r.since <= day]
        return valid[-1] if valid else value.name
    held = value.value
    return held.replace(tzinfo=None) if isinstance(held, datetime) else held


def columns(
    table: n.Table, kinds: dict[str, Type], day: date | None, index: Index
) -> Sequence[Column]:
    """All columns of a table on a day."""
    return [column(table, at, kinds[name], day, index) for at, name in enumerate(table.head)]
