"""Check that every case of a decision table has exactly one answer, and every field one group."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args

from grammar import nodes
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Problem, Span
from rules.checker.cases import (
    Box,
    Column,
    count_cases,
    first,
    gaps,
    label,
    literal_fits,
    named_values,
    ordered_column,
    overlap,
    plain,
    rows_to_paste,
    text_column,
    words_column,
)
from rules.checker.places import make_problem
from rules.types.functions import did_you_mean
from rules.types.inference import field_type
from rules.types.symbol_table import FACTS, Index, Scope
from rules.values.kinds import ORDERED, Type

BUILT_IN = ("not_ready", "overbilled")

_SHOWN = 4

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
    """A table's surroundings: its record (none for retry) and the words of `changed`.

    `states` are the statuses that reach the table.
    """

    index: Index
    record: str
    groups: tuple[str, ...] = ()
    states: frozenset[str] | None = None

    def kinds(self) -> dict[str, Type]:
        """Return every name that may head a column, with its type."""
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


@dataclass(frozen=True, slots=True)
class Decided:
    """One table in its place, once per record."""

    table: nodes.Table
    ground: Ground
    kind: str  # edit | cancel | retry


def check_tables(index: Index) -> Iterator[Problem]:
    """Yield all problems of decision tables."""
    yield from _twice(index)
    for decided in tables_of(index):
        table = decided.table
        if any(len(row.cells) != len(table.head) for row in table.rows):
            continue  # the parser said so
        wrong = list(check_heads(table, decided.ground))
        yield from wrong
        if not wrong:
            yield from _proved(decided, index)
    for retry in index.ruleset.retries:
        yield from _blind(retry)


def _twice(index: Index) -> Iterator[Problem]:
    rules = index.ruleset
    given = [(f"on edit of {e.record}{_for(e.route)}", e.span) for e in rules.edits]
    given += [
        (f"on cancel of {w.name}{_for(c.route)}", w.span) for c in rules.cancels for w in c.records
    ]
    given += [(f"retry {r.target}", r.span) for r in rules.retries]
    seen: dict[str, Span] = {}
    for name, span in given:
        if name in seen:
            message = f"'{name}' has a table already"
            hint = f"It stands in {seen[name]}: one table for each."
            yield make_problem("TAB08", message, hint, span)
        seen.setdefault(name, span)


def _for(route: nodes.RouteName | None) -> str:
    return f" for {route}" if route is not None else ""


def _proved(decided: Decided, index: Index) -> Iterator[Problem]:
    table, kinds = decided.table, decided.ground.kinds()
    days = const_eras(table, index)
    for day in days:
        cut = build_columns(table, kinds, day, index)
        boxes = [_box(row, cut, day, index) for row in table.rows]
        since = f", from {day} on" if day is not None and day != days[0] else ""
        found = list(_answers(decided, cut, boxes, since, index))
        yield from found
        if found:
            return  # one day is enough: the next one says the same


def _box(row: nodes.TableRow, cut: Sequence[Column], day: date | None, index: Index) -> Box:
    def value(said: nodes.Value) -> object:
        return value_on(said, day, index)

    cells = zip(cut, row.cells, strict=True)
    return tuple(column.among(cell, value) or 0 for column, cell in cells)


def _answers(
    decided: Decided, cut: Sequence[Column], boxes: list[Box], since: str, index: Index
) -> Iterator[Problem]:
    rows = decided.table.rows
    for row, box in zip(rows, boxes, strict=True):
        if not all(box):
            name = next(c.name for c, cases in zip(cut, box, strict=True) if not cases)
            message = f"this row can never match: no such '{name}' comes{since}"
            yield make_problem("TAB03", message, "Take the row out, or correct the cell.", row.span)
    met: set[int] = set()
    for (i, one), (j, other) in itertools.combinations(enumerate(boxes), 2):
        common = overlap(one, other)
        if common is not None and j not in met:
            met.add(j)
            message = (
                f"this row and line {rows[i].span.line} both match {first(cut, common)}{since}"
            )
            yield make_problem(
                "TAB02", message, "Narrow one of them: one case, one row.", rows[j].span
            )
    open_ = gaps(cut, boxes)
    if open_ is None:
        message = "the table has too many cases to prove that each has a row"
        yield make_problem("TAB01", message, "Make two tables of it.", decided.table.span)
        return
    action = _action(decided, index)
    if "changed" in decided.table.head:
        at = decided.table.head.index("changed")
        for name in BUILT_IN:
            case = cut[at].labels.index(name) if name in cut[at].labels else -1
            if case >= 0 and not any(box[at] >> case & 1 for box in boxes):
                yield _built_in(name, at, action, decided.table)
                open_ = [b for box in open_ if (b := _but(box, at, case))[at]]
    if open_:
        yield _gap(cut, open_, action, decided.table, since)


def _action(decided: Decided, index: Index) -> str:
    """Return the careful answer: hold for a person."""
    told = Counter(
        row.action.role
        for row in decided.table.rows
        if isinstance(row.action, nodes.Action) and row.action.role
    )
    role = told.most_common(1)[0][0] if told else next(iter(index.roles), "ROLE")
    return f"hold for {role}" if decided.kind == "retry" else f"review by {role}"


def _built_in(name: str, at: int, action: str, table: nodes.Table) -> Problem:
    means = {
        "not_ready": "a posted record may fall back to a status that does not go",
        "overbilled": "more may be billed than is delivered now",
    }
    cells = ["-"] * len(table.head)
    cells[at] = name
    message = f"the table has no row for '{name}': {means[name]}"
    return make_problem("EDT06", message, f"Add: | {' | '.join(cells)} | {action} |", table.span)


def _but(box: Box, at: int, case: int) -> Box:
    return (*box[:at], box[at] & ~(1 << case), *box[at + 1 :])


def _gap(
    cut: Sequence[Column], open_: list[Box], action: str, table: nodes.Table, since: str
) -> Problem:
    more = count_cases(open_) - 1
    others = f" and {more} more case{'s' if more > 1 else ''}" if more else ""
    message = f"no row for {first(cut, open_[0])}{others}{since}"
    rows = rows_to_paste(cut, open_, action)
    hint = "Name a value in between: no one row can say this case."
    if rows:
        added = "\n     ".join(rows[:_SHOWN])
        more = len(rows) - _SHOWN
        hint = f"Add: {added}\n     and {more} more" if more > 0 else f"Add: {added}"
    return make_problem("TAB01", message, hint, table.span)


def _blind(retry: nodes.Retry) -> Iterator[Problem]:
    """Yield retries of calls without an answer, where only a look-up helps."""
    if "error" not in retry.table.head:
        return
    at = retry.table.head.index("error")
    for row in retry.table.rows:
        cell = row.cells[at] if at < len(row.cells) else None
        named = isinstance(cell, nodes.Any_) or (
            isinstance(cell, nodes.Among)
            and any(isinstance(v, nodes.Word) and v.name == "uncertain" for v in cell.values)
        )
        looks = isinstance(row.action, nodes.Action) and row.action.kind == "look_up"
        if named and not looks:
            message = "an uncertain push is answered without looking it up"
            hint = "Give it a row of its own: | uncertain | look up first |"
            yield make_problem("RET01", message, hint, row.span)


def tables_of(index: Index) -> Iterator[Decided]:
    """Yield every decision table with its surroundings."""
    rules = index.ruleset
    for edit in rules.edits:
        if edit.record in index.judged:
            names = (*(g.name for g in edit.groups), *built_in(edit, index))
            groups = tuple(dict.fromkeys(names))
            yield Decided(edit.table, Ground(index, edit.record, groups), "edit")
    for cancel in rules.cancels:
        for word in cancel.records:
            if word.name in index.judged:
                states = _cancelled(word.name, index)
                yield Decided(cancel.table, Ground(index, word.name, (), states), "cancel")
    for retry in rules.retries:
        yield Decided(retry.table, Ground(index, ""), "retry")


def _cancelled(record: str, index: Index) -> frozenset[str] | None:
    """Return the statuses that a gate of the record calls cancelled, or None."""
    gates = [g for g in index.ruleset.gates if g.record == record]
    rows = [row for gate in gates for row in gate.rows if row.word == "cancel"]
    return frozenset(s.name for row in rows for s in row.states) or None


def built_in(edit: nodes.Edit, index: Index) -> tuple[str, ...]:
    """Return the built-in groups; a route that bills in parts has a second one."""
    posts = index.posts.get(edit.record, [])
    bills = any(p.bill for p in posts if edit.route in (None, p.route))
    return BUILT_IN if bills else BUILT_IN[:1]


def check_edit_groups(index: Index) -> Iterator[Problem]:
    """Yield all problems of groups."""
    for edit in index.ruleset.edits:
        if edit.record in index.judged:
            yield from _names(edit)
            yield from _fields(edit, index)


def _names(edit: nodes.Edit) -> Iterator[Problem]:
    seen: dict[str, Span] = {}
    for group in edit.groups:
        if group.name in BUILT_IN:
            message = f"the group '{group.name}' is built in"
            hint = "Give this group another name; the built-in one only needs its row."
            yield make_problem("EDT05", message, hint, group.span)
        elif group.name in seen:
            message = f"the group '{group.name}' is given twice"
            yield make_problem("EDT05", message, f"It stands in {seen[group.name]}.", group.span)
        seen.setdefault(group.name, group.span)
    if edit.groups and "changed" not in edit.table.head:
        message = "the table does not ask which group changed"
        yield make_problem("EDT07", message, "Its first column is 'changed'.", edit.table.span)


def _fields(edit: nodes.Edit, index: Index) -> Iterator[Problem]:
    fields = _nameable(index, edit.record)
    stored = {k: f for k, f in fields.items() if isinstance(f, nodes.Field)}
    seen: dict[str, str] = {}
    for group in edit.groups:
        for word in group.fields:
            field = stored.get(word.name)
            if field is None:
                what = "works out" if word.name in fields else "has no"
                message = f"{edit.record} {what} '{word.name}': only stored fields are in groups"
                yield make_problem("EDT04", message, did_you_mean(word.name, stored), word.span)
            elif field.mark == "key":
                whose = "its line" if word.name.startswith(nodes.OF_LINE) else edit.record
                message = f"'{word.name}' is the key of {whose}: with another it is another"
                yield make_problem("EDT03", message, "Take it out of the group.", word.span)
            elif word.name in seen:
                message = f"'{word.name}' is in the group '{seen[word.name]}' already"
                yield make_problem("EDT02", message, "Keep it in one of them.", word.span)
            seen.setdefault(word.name, group.name)
    own = index.fields[edit.record]  # what no group says of a line, goes with its lines
    left = [k for k, f in stored.items() if f.mark != "key" and k not in seen and k in own]
    if left:
        many = "fields are" if len(left) > 1 else "field is"
        message = f"{len(left)} {many} in no group: {', '.join(left)}"
        last = edit.groups[-1].name if edit.groups else "rest"
        hint = f"Put it into a group, for example: {last} = …, {', '.join(left)}"
        yield make_problem("EDT01", message, hint, edit.span)


def _nameable(index: Index, record: str) -> dict[str, nodes.Field | nodes.Computed]:
    """Return what a group may name: the record's fields, and line fields as `line.price`."""
    lines = index.line_records.get(record)
    of_lines = index.fields[lines.name] if lines and index.lines_field(record) else {}
    return index.fields[record] | {f"{nodes.OF_LINE}{k}": f for k, f in of_lines.items()}


def check_heads(table: nodes.Table, ground: Ground) -> Iterator[Problem]:
    """Yield meaningless columns and cells."""
    kinds = ground.kinds()
    for at, name in enumerate(table.head):
        of = kinds.get(name)
        if of is None or of.kind == "many":
            what = ground.record or "an error"
            message = f"'{name}' is nothing that a table about {what} can ask"
            yield make_problem("TAB04", message, did_you_mean(name, kinds), table.span)
            continue
        for row in table.rows:
            yield from _cell(row.cells[at], name, of, ground)


def _cell(cell: nodes.Cell, name: str, of: Type, ground: Ground) -> Iterator[Problem]:
    if isinstance(cell, nodes.Any_):
        return
    values = cell.values if isinstance(cell, nodes.Among) else (cell.value,)
    op = "=" if isinstance(cell, nodes.Among) else cell.op
    for value in values:
        if of.kind in _ORDERED:
            yield from _threshold(value, name, of, ground)
            continue
        words = _words(of)
        if op not in {"=", "<>"}:
            message = f"'{name}' has no order, so '{op}' says nothing"
            yield make_problem("TAB06", message, "Name the values, with commas.", value.span)
        elif words and plain(value) not in words:
            hint = did_you_mean(plain(value), words)
            if plain(value) == "overbilled":
                hint = f"No route of {ground.record} bills in parts: take it out."
            message = f"'{plain(value)}' cannot come in '{name}': {', '.join(words)}"
            yield make_problem("TAB05", message, hint, value.span)


def _threshold(value: nodes.Value, name: str, of: Type, ground: Ground) -> Iterator[Problem]:
    const = ground.index.consts.get(value.name) if isinstance(value, nodes.Word) else None
    if isinstance(value, nodes.Word) and const is None:
        hint = did_you_mean(value.name, ground.index.consts)
        yield make_problem("TAB05", f"'{value.name}' is no const", hint, value.span)
        return
    literal = const.rows[0].value if const else value
    if isinstance(literal, nodes.Literal) and not literal_fits(of, literal.kind):
        message = f"'{name}' is a {of.kind}, '{label(value)}' is a {literal.kind}"
        yield make_problem("TAB06", message, "Compare it with a value of its own type.", value.span)


def _words(of: Type) -> tuple[str, ...]:
    return ("yes", "no") if of.kind == "yesno" else of.states


def const_eras(table: nodes.Table, index: Index) -> list[date | None]:
    """Return the days on which a table's constants change; None without a constant."""
    used = [
        index.consts[v.name]
        for at in range(len(table.head))
        for v in named_values(table.rows, at)
        if isinstance(v, nodes.Word) and v.name in index.consts
    ]
    if not used:
        return [None]
    first = max(min(row.since for row in const.rows) for const in used)
    days = {row.since for const in used for row in const.rows if row.since > first}
    return [first, *sorted(days)]


def build_column(table: nodes.Table, at: int, of: Type, day: date | None, index: Index) -> Column:
    """Return one column of a table as valid on a day."""
    name = table.head[at]
    values = list(named_values(table.rows, at))
    if of.kind in _ORDERED:
        return ordered_column(name, of, {label(v): value_on(v, day, index) for v in values})
    words = _words(of)
    return words_column(name, words) if words else text_column(name, values)


def value_on(value: nodes.Value, day: date | None, index: Index) -> Any:
    """Return a cell's value on a day."""
    if isinstance(value, nodes.Word):
        const = index.consts.get(value.name)
        rows = sorted(const.rows, key=lambda r: r.since) if const and day else ()
        valid = [r.value.value for r in rows if day is not None and r.since <= day]
        return valid[-1] if valid else value.name
    held = value.value
    return held.replace(tzinfo=None) if isinstance(held, datetime) else held


def build_columns(
    table: nodes.Table, kinds: dict[str, Type], day: date | None, index: Index
) -> Sequence[Column]:
    """Return all columns of a table on a day."""
    return [build_column(table, at, kinds[name], day, index) for at, name in enumerate(table.head)]
