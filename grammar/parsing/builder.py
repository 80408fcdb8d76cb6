# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to nodes: samples and tests, and one declaration as a whole.

Here: the methods for the section "sample, test" of `clearpost.lark`, and DeclarationBuilder, which
has those of all sections. Not here: running samples and tests.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from grammar import nodes
from grammar.parsing.build_expressions import ExpressionBuilder, decimal, quoted, whole
from grammar.parsing.build_routes import ReadinessBuilder, RouteBuilder, TableBuilder
from grammar.parsing.build_setup import RecordBuilder, SurroundingsBuilder
from grammar.text.problem import Span

Facts: TypeAlias = tuple[nodes.Fact, ...]
Row: TypeAlias = tuple[int, tuple[nodes.FieldIs, ...]]


class StoryBuilder(ExpressionBuilder):
    """Turns samples and tests into nodes."""

    def sample(self, span: Span, name: str, record: str, *parts: Any) -> nodes.Sample:
        at, *rest = parts
        sets = tuple(part for part in rest if isinstance(part, nodes.Pair))
        lines = tuple(line for kind, line in _tagged(rest) if kind == "line")
        facts = tuple(fact for kind, found in _tagged(rest) if kind == "facts" for fact in found)
        return nodes.Sample(str(name), str(record), at, sets, lines, facts, span)

    def set_line(self, span: Span, name: str, value: nodes.Value) -> nodes.Pair:
        return nodes.Pair(str(name), value, span)

    pair = set_line

    def sample_line(self, _: Span, *pairs: nodes.Pair) -> tuple[str, Any]:
        return "line", pairs

    def with_facts(self, _: Span, facts: Facts) -> tuple[str, Any]:
        return "facts", facts

    def facts(self, _: Span, *facts: nodes.Fact) -> Facts:
        return facts

    def and_facts(self, _: Span, facts: Facts) -> tuple[str, Any]:
        return "facts", facts

    def test(self, span: Span, title: str, given: Any, *parts: Any) -> nodes.Test:
        name, at, facts = given
        more = tuple(fact for _, found in _tagged(parts) for fact in found)
        steps = tuple(part for part in parts if isinstance(part, nodes.Then))
        expects = tuple(part for part in parts if isinstance(part, nodes.Expect))
        return nodes.Test(quoted(title), name, at, facts + more, steps, expects, span)

    def then_now(self, span: Span, facts: Facts, *more: tuple[str, Facts]) -> nodes.Then:
        return self.then_at(span, None, facts, *more)

    def then_at(
        self, span: Span, at: datetime | None, facts: Facts | None, *more: tuple[str, Facts]
    ) -> nodes.Then:
        further = tuple(fact for _, found in more for fact in found)
        return nodes.Then(at, (facts or ()) + further, span)

    def given(
        self, _: Span, sample: str, at: datetime | None, facts: Facts | None
    ) -> tuple[str, datetime | None, Facts]:
        return str(sample), at, facts or ()

    # ---- facts ----------------------------------------------------------------------------------

    def is_value(self, span: Span, name: str, value: nodes.Value) -> nodes.IsValue:
        return nodes.IsValue(str(name), value, span)

    def is_records(self, span: Span, name: str, *samples: str) -> nodes.IsRecords:
        return nodes.IsRecords(str(name), tuple(str(sample) for sample in samples), span)

    def is_missing(self, span: Span, name: str) -> nodes.IsMissing:
        return nodes.IsMissing(str(name), span)

    def line_value(self, span: Span, *parts: Any) -> nodes.LineValue:
        _, line, name, value = parts
        return nodes.LineValue(whole(line), str(name), value, span)

    def target_shows(
        self, span: Span, route: nodes.RouteName, field: str, value: nodes.Value
    ) -> nodes.TargetShows:
        return nodes.TargetShows(route, str(field), value, span)

    def is_posted_already(
        self, span: Span, route: nodes.RouteName, number: str | None
    ) -> nodes.IsPosted:
        return nodes.IsPosted(route, None if number is None else quoted(number), span)

    def not_posted_yet(self, span: Span, route: nodes.RouteName) -> nodes.NotPosted:
        return nodes.NotPosted(route, span)

    def entry(self, span: Span, table: str, key: str, value: nodes.Literal) -> nodes.Entry:
        return nodes.Entry(str(table), quoted(key), value, span)

    def set_up(self, span: Span, *parts: Any) -> nodes.SetUp:
        count, unit, item, base_count, base_unit, target = parts
        counts = decimal(count), decimal(base_count)
        return nodes.SetUp(counts[0], str(unit), item, counts[1], str(base_unit), str(target), span)

    # ---- expectations ---------------------------------------------------------------------------

    def expect(self, span: Span, expected: Any, *rows: Any) -> nodes.Expect:
        route, outcome = expected
        head = tuple(part for kind, row in rows if kind == "head" for part in row)
        lines = tuple(row for kind, row in rows if kind == "line")
        return nodes.Expect(route, outcome, head, lines, span)

    def expected(
        self, _: Span, *parts: nodes.RouteName | nodes.Expected
    ) -> tuple[nodes.RouteName | None, nodes.Expected | None]:
        route = next((part for part in parts if isinstance(part, nodes.RouteName)), None)
        outcome = next((part for part in parts if isinstance(part, nodes.Expected)), None)
        return route, outcome

    def doc_head(self, _: Span, *fields: nodes.FieldIs) -> tuple[str, tuple[nodes.FieldIs, ...]]:
        return "head", fields

    def doc_line(self, _: Span, *parts: Any) -> tuple[str, Row]:
        _word, number, *fields = parts
        return "line", (whole(number), tuple(fields))

    def field_is(self, span: Span, name: str, value: nodes.Value) -> nodes.FieldIs:
        return nodes.FieldIs(str(name), value, span)

    def outcome(self, _: Span, outcome: nodes.Expected) -> nodes.Expected:
        return outcome

    def is_ready(self, span: Span) -> nodes.Expected:
        return nodes.Expected("ready", None, None, None, None, None, span)

    def is_posted(self, span: Span) -> nodes.Expected:
        return nodes.Expected("posted", None, None, None, None, None, span)

    def needs_approval(self, span: Span, role: str) -> nodes.Expected:
        return nodes.Expected("approve", str(role), None, None, None, None, span)

    def wait_until(self, span: Span, until: datetime) -> nodes.Expected:
        return nodes.Expected("wait_until", None, until, None, None, None, span)

    def wait_for(self, span: Span, route: nodes.RouteName) -> nodes.Expected:
        return nodes.Expected("wait_for", None, None, route, None, None, span)

    def acted(
        self, span: Span, action: nodes.Action | nodes.TryAgain, reason: str | None
    ) -> nodes.Expected:
        if isinstance(action, nodes.TryAgain):
            return nodes.Expected("try_again", None, None, None, reason, action, span)
        return nodes.Expected(action.kind, action.role, None, None, reason, None, span)

    def reason(self, _: Span, name: str) -> str:
        return str(name)


def _tagged(parts: Any) -> list[tuple[str, Any]]:
    """The parts that carry a tag: rows of a sample, further facts of a test."""
    return [part for part in parts if type(part) is tuple]


class DeclarationBuilder(
    SurroundingsBuilder, RecordBuilder, ReadinessBuilder, TableBuilder, RouteBuilder, StoryBuilder
):
    """Turns each rule of the grammar into its node."""


def ruleset(found: Sequence[Any]) -> nodes.Ruleset:
    """The declarations sorted into their shelves."""

    shelves: dict[type[Any], list[Any]] = {}
    for node in found:
        shelves.setdefault(type(node), []).append(node)

    def of(kind: type[Any]) -> tuple[Any, ...]:
        return tuple(shelves.get(kind, ()))

    return nodes.Ruleset(
        roles=of(nodes.Role),
        consts=of(nodes.Const),
        sources=of(nodes.Source),
        targets=of(nodes.Target),
        records=of(nodes.Record),
        links=of(nodes.Link),
        maps=of(nodes.Map),
        units=of(nodes.Units),
        gates=of(nodes.Gate),
        checks=of(nodes.Check),
        duplicates=of(nodes.Duplicates),
        approvals=of(nodes.Approve),
        edits=of(nodes.Edit),
        cancels=of(nodes.Cancel),
        retries=of(nodes.Retry),
        posts=of(nodes.Post),
        reversals=of(nodes.Reversal),
        samples=of(nodes.Sample),
        tests=of(nodes.Test),
        silences=of(nodes.Silence),
    )
