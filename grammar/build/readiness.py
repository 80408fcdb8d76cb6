# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: gate, check, duplicates, approve."""

from typing import Any, TypeAlias

from grammar import nodes
from grammar.build.expressions import ExpressionBuilder, quoted
from grammar.problem import Span

Texts: TypeAlias = tuple[str, ...]


class ReadinessBuilder(ExpressionBuilder):
    """Turns what may go into nodes."""

    def gate(
        self, span: Span, record: str, route: nodes.RouteName | None, *rows: nodes.GateRow
    ) -> nodes.Gate:
        return nodes.Gate(str(record), route, rows, span)

    def gate_row(self, span: Span, word: str, states: tuple[nodes.Word, ...]) -> nodes.GateRow:
        early = word == "early"
        return nodes.GateRow("ready" if early else word, states, None, None, span, early)

    def gate_hold(
        self, span: Span, states: tuple[nodes.Word, ...], owner: str, say: str
    ) -> nodes.GateRow:
        return nodes.GateRow("hold", states, str(owner), quoted(say), span)

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

    def say(self, _: Span, text: str) -> str:
        return quoted(text)

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

    def unique(self, span: Span, fields: Texts) -> nodes.Unique:
        return nodes.Unique(fields, "history", span)

    def number_in_target(self, span: Span, fields: Texts) -> nodes.Unique:
        return nodes.Unique(fields, "number_in_target", span)

    def unique_in_target(self, span: Span, fields: Texts) -> nodes.Unique:
        return nodes.Unique(fields, "target", span)

    def approve(self, span: Span, record: str, *parts: Any) -> nodes.Approve:
        route, when, role, never, say = parts
        return nodes.Approve(str(record), route, when, str(role), never or (), say, span)

    def never_by(self, _: Span, people: Texts) -> Texts:
        return people
