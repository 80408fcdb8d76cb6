# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: gates, checks, approvals, routes and decision tables."""

from typing import Any, Literal, TypeAlias

from grammar import nodes
from grammar.parsing.build_expressions import (
    ExpressionBuilder,
    clock,
    message,
    pause,
    quoted,
    whole,
)
from grammar.text.problem import Span

Texts: TypeAlias = tuple[str, ...]
NIGHT = "02:00"
"""When a daily route goes whose rules name no hour."""


class RouteBuilder(ExpressionBuilder):
    """Turns routes into nodes."""

    def post(self, span: Span, record: str, *parts: Any) -> nodes.Post:
        route, number, when, timing, after, bill, uncompared, allows, *rest = parts
        they_own, we_own, fields, line_fields = rest
        return nodes.Post(
            record=str(record),
            route=route,
            number=quoted(number),
            when=when,
            timing=timing,
            after=after,
            bill=bill,
            uncompared=uncompared,
            allows=allows,
            they_own=they_own or (),
            we_own=we_own,
            fields=fields,
            line_fields=line_fields or (),
            span=span,
        )

    def immediately(self, span: Span) -> nodes.Immediately:
        return nodes.Immediately(span)

    def daily(self, span: Span, at: str | None, by: str) -> nodes.Daily:
        return nodes.Daily(clock(at or NIGHT), str(by), span)

    def after(self, _: Span, route: nodes.RouteName) -> nodes.RouteName:
        return route

    def bill(
        self, span: Span, expr: nodes.Expr, of: nodes.Expr, action: nodes.Action
    ) -> nodes.Bill:
        return nodes.Bill(expr, of, action, span)

    def uncompared(self, span: Span, reason: str) -> nodes.Uncompared:
        return nodes.Uncompared(quoted(reason), span)

    def allows(self, span: Span, *what: str) -> nodes.Allows:
        return nodes.Allows(what, span)

    def allowed(self, _: Span, *words: str) -> str:
        return "_".join(words)

    def reversal(self, span: Span, record: str, *parts: Any) -> nodes.Reversal:
        route, reversing, number, they_own, we_own, fields, line_fields = parts
        return nodes.Reversal(
            record=str(record),
            route=route,
            reversing=reversing,
            number=quoted(number),
            they_own=they_own or (),
            we_own=we_own,
            fields=fields or (),
            line_fields=line_fields or (),
            span=span,
        )

    def theirs(self, _: Span, fields: Texts) -> Texts:
        return fields

    def ours(self, _: Span, action: nodes.Action) -> nodes.Action:
        return action

    def assigns(self, _: Span, *rows: nodes.Assign) -> tuple[nodes.Assign, ...]:
        return rows

    line_assigns = assigns

    def assign(self, span: Span, name: str, expr: nodes.Expr) -> nodes.Assign:
        return nodes.Assign(str(name), expr, span)


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

    stored = words

    def line_field(self, span: Span, _: str, name: str) -> nodes.Word:
        return nodes.Word(f"{nodes.OF_LINE}{name}", span)


class ReadinessBuilder(ExpressionBuilder):
    """Turns what may go into nodes."""

    def gate(
        self, span: Span, record: str, route: nodes.RouteName | None, *rows: nodes.GateRow
    ) -> nodes.Gate:
        return nodes.Gate(str(record), route, rows, span)

    def gate_row(
        self, span: Span, word: nodes.GateWord | Literal["early"], states: tuple[nodes.Word, ...]
    ) -> nodes.GateRow:
        early = word == "early"
        return nodes.GateRow("ready" if word == "early" else word, states, None, None, span, early)

    def gate_hold(
        self, span: Span, states: tuple[nodes.Word, ...], owner: str, say: str
    ) -> nodes.GateRow:
        return nodes.GateRow("hold", states, str(owner), message(say, span), span)

    def gate_word(self, _: Span, word: str) -> str:
        return str(word)

    def check(self, span: Span, name: str, *parts: Any) -> nodes.Check:
        records, each_line, route, when, requires, action, say, clears = parts
        return nodes.Check(
            name=str(name),
            records=records,
            each_line=each_line is not None,
            route=route,
            when=when,
            requires=requires,
            action=action,
            say=say,
            clears=clears,
            span=span,
        )

    def each_line(self, _: Span) -> bool:
        return True

    def when(self, _: Span, expr: nodes.Expr) -> nodes.Expr:
        return expr

    def require(self, _: Span, *facts: nodes.Expr) -> tuple[nodes.Expr, ...]:
        return facts

    def else_line(self, _: Span, action: nodes.Action) -> nodes.Action:
        return action

    def else_part(self, _: Span, action: nodes.Action) -> nodes.Action:
        return action

    def say(self, span: Span, text: str) -> nodes.Said:
        return message(text, span)

    def clears(self, span: Span, how: tuple[str, str | None]) -> nodes.Clears:
        return nodes.Clears(*how, span)

    def by_itself(self, _: Span) -> tuple[str, None]:
        return "itself", None

    def by_role(self, _: Span, role: str) -> Texts:
        return "by", str(role)

    def never(self, _: Span) -> tuple[str, None]:
        return "never", None

    def duplicates(self, span: Span, *parts: Any) -> nodes.Duplicates:
        records, route, *uniques, action, say = parts
        return nodes.Duplicates(records, route, tuple(uniques), action, say, span)

    def compared_key(self, _: Span, field: str, table: str | None) -> Texts:
        return str(field), str(table or "")

    def compared_keys(self, _: Span, *keys: tuple[str, str]) -> tuple[Texts, Texts]:
        return tuple(field for field, _ in keys), tuple(table for _, table in keys)

    def unique(self, span: Span, keys: tuple[Texts, Texts]) -> nodes.Unique:
        return nodes.Unique(*keys, "history", span)

    def number_in_target(self, span: Span, keys: tuple[Texts, Texts]) -> nodes.Unique:
        return nodes.Unique(*keys, "number_in_target", span)

    def unique_in_target(self, span: Span, fields: Texts) -> nodes.Unique:
        return nodes.Unique(fields, ("",) * len(fields), "target", span)

    def approve(self, span: Span, record: str, *parts: Any) -> nodes.Approve:
        route, when, role, never, say = parts
        return nodes.Approve(str(record), route, when, str(role), never or (), say, span)

    def never_by(self, _: Span, people: Texts) -> Texts:
        return people
