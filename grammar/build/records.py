# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: records and links."""

from typing import Any, TypeAlias

from grammar import nodes
from grammar.build.expressions import ExpressionBuilder, quoted, whole
from grammar.problem import Span

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

    def field(self, span: Span, name: str, kind: Any, mark: str | None) -> nodes.Field:
        type_, states, of = kind
        return nodes.Field(str(name), type_, states, of, mark, span)

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
            ours=str(ours),
            where=where,
            most=whole(most, "number of records", hint),
            action=action,
            span=span,
        )

    def link_where(self, _: Span, expr: nodes.Expr) -> nodes.Expr:
        return expr
