# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: post and reversal."""

from typing import Any, TypeAlias

from grammar import nodes
from grammar.build.expressions import ExpressionBuilder, clock, quoted
from grammar.problem import Span

Texts: TypeAlias = tuple[str, ...]


class RouteBuilder(ExpressionBuilder):
    """Turns routes into nodes."""

    def post(self, span: Span, record: str, *parts: Any) -> nodes.Post:
        route, number, when, timing, after, bill, uncompared, *rest = parts
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
            they_own=they_own or (),
            we_own=we_own,
            fields=fields,
            line_fields=line_fields or (),
            span=span,
        )

    def immediately(self, span: Span) -> nodes.Immediately:
        return nodes.Immediately(span)

    def daily(self, span: Span, at: str, by: str) -> nodes.Daily:
        return nodes.Daily(clock(at), str(by), span)

    def after(self, _: Span, route: nodes.RouteName) -> nodes.RouteName:
        return route

    def bill(
        self, span: Span, expr: nodes.Expr, of: nodes.Expr, action: nodes.Action
    ) -> nodes.Bill:
        return nodes.Bill(expr, of, action, span)

    def uncompared(self, span: Span, reason: str) -> nodes.Uncompared:
        return nodes.Uncompared(quoted(reason), span)

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
