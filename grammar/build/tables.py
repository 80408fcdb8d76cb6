# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: actions and decision tables."""

from typing import Any, TypeAlias

from grammar import nodes
from grammar.build.expressions import ExpressionBuilder, pause, whole
from grammar.problem import Span

Texts: TypeAlias = tuple[str, ...]


_KINDS = {"credit_note_and_new": "credit_and_new", "look_up_first": "look_up"}


class TableBuilder(ExpressionBuilder):
    """Turns actions, tables and plain lists into nodes."""

    def simple(self, span: Span, kind: str) -> nodes.Action:
        return nodes.Action(kind, None, span)

    def simple_action(self, _: Span, *words: str) -> str:
        kind = "_".join(words)
        return _KINDS.get(kind, kind)

    def hold_for(self, span: Span, role: str) -> nodes.Action:
        return nodes.Action("hold", str(role), span)

    def review_by(self, span: Span, role: str) -> nodes.Action:
        return nodes.Action("review", str(role), span)

    def try_again(self, span: Span, times: str, first: str, then: nodes.Action) -> nodes.TryAgain:
        many = whole(times, "number of times", "so many times: 1, 5, …")
        return nodes.TryAgain(many, pause(first), then, span)

    # ---- tables ---------------------------------------------------------------------------------

    def edit(
        self, span: Span, record: str, route: nodes.RouteName | None, *parts: Any
    ) -> nodes.Edit:
        *groups, table = parts
        return nodes.Edit(str(record), route, tuple(groups), table, span)

    def group(self, span: Span, name: str, fields: tuple[nodes.Word, ...]) -> nodes.Group:
        return nodes.Group(str(name), fields, span)

    def cancel(
        self,
        span: Span,
        records: tuple[nodes.Word, ...],
        route: nodes.RouteName | None,
        table: nodes.Table,
    ) -> nodes.Cancel:
        return nodes.Cancel(records, route, table, span)

    def retry(self, span: Span, target: str, table: nodes.Table) -> nodes.Retry:
        return nodes.Retry(str(target), table, span)

    def table(self, span: Span, head: Texts, *rows: nodes.TableRow) -> nodes.Table:
        return nodes.Table(head, rows, span)

    def table_head(self, _: Span, *names: str) -> Texts:
        return tuple(str(name) for name in names)

    def table_row(self, span: Span, *parts: Any) -> nodes.TableRow:
        *cells, action = parts
        return nodes.TableRow(tuple(cells), action, span)

    def any_cell(self, span: Span, _: str) -> nodes.Any_:
        return nodes.Any_(span)

    def among(self, span: Span, *values: nodes.Value) -> nodes.Among:
        return nodes.Among(values, span)

    def compared(self, span: Span, op: str, value: nodes.Value) -> nodes.Compared:
        return nodes.Compared(op, value, span)

    # ---- lists ----------------------------------------------------------------------------------

    def names(self, _: Span, *names: str) -> Texts:
        return tuple(str(name) for name in names)

    codes = names

    def words(self, _: Span, *words: nodes.Word) -> tuple[nodes.Word, ...]:
        return words
