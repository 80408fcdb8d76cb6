# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: roles, connections, look-ups, units, records and links."""

from typing import Any, TypeAlias

from grammar import nodes
from grammar.parsing.build_expressions import (
    ExpressionBuilder,
    day,
    decimal,
    message,
    quoted,
    whole,
)
from grammar.text.problem import Span

Texts: TypeAlias = tuple[str, ...]


class RecordBuilder(ExpressionBuilder):
    """Turns records and links into nodes."""

    def record(
        self, span: Span, name: str, origin: Texts, *fields: nodes.Field | nodes.Computed
    ) -> nodes.Record:
        kind, where = origin
        source, parent = (where, None) if kind == "from" else (None, where)
        return nodes.Record(str(name), source, parent, fields, span)

    def from_source(self, _: Span, name: str) -> Texts:
        return "from", str(name)

    def of_record(self, _: Span, name: str) -> Texts:
        return "of", str(name)

    def field(self, span: Span, name: str, kind: Any, *marks: Any) -> nodes.Field:
        (type_, states, of), (mark, completed) = kind, marks
        return nodes.Field(str(name), type_, states, of, mark, span, completed)

    def completed(self, span: Span, role: str) -> nodes.ByTeam:
        return nodes.ByTeam(str(role), span)

    def computed(self, span: Span, name: str, expr: nodes.Expr) -> nodes.Computed:
        return nodes.Computed(str(name), expr, span)

    def plain_type(self, _: Span, name: str) -> tuple[str, tuple[()], None]:
        return name, (), None

    def one_of(self, _: Span, *states: nodes.State) -> tuple[str, tuple[nodes.State, ...], None]:
        return "one_of", states, None

    def many(self, _: Span, record: str) -> tuple[str, tuple[()], str]:
        return "many", (), str(record)

    def simple_type(self, _: Span, name: str) -> str:
        return str(name)

    def mark(self, _: Span, name: str) -> str:
        return str(name)

    def state(self, span: Span, name: str, aliases: Texts | None) -> nodes.State:
        return nodes.State(str(name), aliases or (), span)

    def aliases(self, _: Span, *texts: str) -> Texts:
        return tuple(quoted(text) for text in texts)

    def link(self, span: Span, name: str, record: str, *parts: Any) -> nodes.Link:
        other, theirs, ours, where, most, action = parts
        hint = "so many records at most: 1, 60, …"
        return nodes.Link(
            name=str(name),
            record=str(record),
            other=str(other),
            theirs=str(theirs),
            ours=ours[0],
            of_lines=ours[1],
            where=where,
            most=whole(most, "number of records", hint),
            action=action,
            span=span,
        )

    def head_field(self, _: Span, name: str) -> tuple[str, bool]:
        return str(name), False

    def joined_line_field(self, _: Span, __: str, name: str) -> tuple[str, bool]:
        return str(name), True

    def link_where(self, _: Span, expr: nodes.Expr) -> nodes.Expr:
        return expr


class SurroundingsBuilder(ExpressionBuilder):
    """Turns language, role, silence, const, source, target, map and units into nodes."""

    def language(self, span: Span, number: str) -> tuple[str, Span]:
        return str(number), span

    def role(self, span: Span, name: str, title: str) -> nodes.Role:
        return nodes.Role(str(name), quoted(title), span)

    def silence(self, span: Span, code: str, name: str, reason: str) -> nodes.Silence:
        return nodes.Silence(str(code), str(name), quoted(reason), span)

    def const(self, span: Span, name: str, *rows: nodes.ConstRow) -> nodes.Const:
        return nodes.Const(str(name), rows, span)

    def const_row(self, span: Span, since: str, value: nodes.Literal) -> nodes.ConstRow:
        return nodes.ConstRow(day(since), value, span)

    def source(
        self, span: Span, name: str, currency: str, zone: str, missing: nodes.Missing
    ) -> nodes.Source:
        return nodes.Source(str(name), str(currency), quoted(zone), missing, span)

    def target(self, span: Span, name: str, rounding: str, *rest: Any) -> nodes.Target:
        places, tolerance, action, missing = rest
        return nodes.Target(
            str(name), rounding, decimal(places), decimal(tolerance), action, missing, span
        )

    def per_line(self, _: Span) -> str:
        return "per_line"

    def at_the_end(self, _: Span) -> str:
        return "at_the_end"

    def missing_row(self, span: Span, action: nodes.Action, say: str) -> nodes.Missing:
        return nodes.Missing(action, message(say, span), span)

    def route(self, span: Span, target: str, document: str) -> nodes.RouteName:
        return nodes.RouteName(str(target), str(document), span)

    def for_route(self, _: Span, route: nodes.RouteName) -> nodes.RouteName:
        return route

    def map(self, span: Span, name: str, match: Texts, *parts: Any) -> nodes.Map:
        content, kept, missing = parts
        csv, rows = (content, ()) if isinstance(content, nodes.Csv) else (None, content)
        return nodes.Map(str(name), match, csv, rows, missing, span, kept)

    def kept(self, span: Span, role: str) -> nodes.ByTeam:
        return nodes.ByTeam(str(role), span)

    def map_match(self, _: Span, *words: str) -> Texts:
        return words

    def match_word(self, _: Span, *words: str) -> str:
        return "_".join(words)

    def map_csv(self, span: Span, path: str, from_column: str, to_column: str) -> nodes.Csv:
        return nodes.Csv(quoted(path), quoted(from_column), quoted(to_column), span)

    def map_rows(self, _: Span, *rows: nodes.MapRow) -> tuple[nodes.MapRow, ...]:
        return rows

    def map_row(self, span: Span, key: str, value: nodes.Literal) -> nodes.MapRow:
        return nodes.MapRow(quoted(key), value, span)

    def units(self, span: Span, *parts: Any) -> nodes.Units:
        bases = tuple(part for part in parts if isinstance(part, nodes.UnitBase))
        rows = tuple(part for part in parts if isinstance(part, nodes.UnitRow))
        csv, kept, missing = parts[-3:]
        return nodes.Units(bases, rows, csv, missing, span, kept)

    def unit_base(self, span: Span, unit: str, item: str | None) -> nodes.UnitBase:
        return nodes.UnitBase(str(unit), item, span)

    def unit_row(self, span: Span, *parts: Any) -> nodes.UnitRow:
        count, unit, item, base_count, base_unit = parts
        return nodes.UnitRow(
            decimal(count), str(unit), item, decimal(base_count), str(base_unit), span
        )

    def of_item(self, _: Span, item: str) -> str:
        return quoted(item)

    def units_csv(self, _: Span, path: str) -> str:
        return quoted(path)
