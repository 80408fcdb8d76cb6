# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""Build the nodes of all declarations, samples and tests from the parse tree."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from grammar import nodes
from grammar.parsing.build_expressions import (
    ExpressionBuilder,
    read_clock,
    read_count,
    read_day,
    read_decimal,
    read_message,
    read_pause,
    read_quoted,
)
from grammar.text.problem import Span

Facts: TypeAlias = tuple[nodes.Fact, ...]

Row: TypeAlias = tuple[int, tuple[nodes.FieldIs, ...]]

Texts: TypeAlias = tuple[str, ...]

NIGHT = "02:00"
"""When a daily route goes whose rules name no hour."""

_KINDS = {"credit_note_and_new": "credit_and_new", "look_up_first": "look_up"}


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
        return nodes.Test(read_quoted(title), name, at, facts + more, steps, expects, span)

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
        return nodes.LineValue(read_count(line), str(name), value, span)

    def target_shows(
        self, span: Span, route: nodes.RouteName, field: str, value: nodes.Value
    ) -> nodes.TargetShows:
        return nodes.TargetShows(route, str(field), value, span)

    def is_posted_already(
        self, span: Span, route: nodes.RouteName, number: str | None
    ) -> nodes.IsPosted:
        return nodes.IsPosted(route, None if number is None else read_quoted(number), span)

    def not_posted_yet(self, span: Span, route: nodes.RouteName) -> nodes.NotPosted:
        return nodes.NotPosted(route, span)

    def entry(self, span: Span, table: str, key: str, value: nodes.Literal) -> nodes.Entry:
        return nodes.Entry(str(table), read_quoted(key), value, span)

    def set_up(self, span: Span, *parts: Any) -> nodes.SetUp:
        count, unit, item, base_count, base_unit, target = parts
        counts = read_decimal(count), read_decimal(base_count)
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
        return "line", (read_count(number), tuple(fields))

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
    """Return the parts with a tag: rows of a sample, further facts of a test."""
    return [part for part in parts if type(part) is tuple]


class SurroundingsBuilder(ExpressionBuilder):
    """Turns language, role, silence, const, source, target, map and units into nodes."""

    def language(self, span: Span, number: str) -> tuple[str, Span]:
        return str(number), span

    def role(self, span: Span, name: str, title: str) -> nodes.Role:
        return nodes.Role(str(name), read_quoted(title), span)

    def silence(self, span: Span, code: str, name: str, reason: str) -> nodes.Silence:
        return nodes.Silence(str(code), str(name), read_quoted(reason), span)

    def const(self, span: Span, name: str, *rows: nodes.ConstRow) -> nodes.Const:
        return nodes.Const(str(name), rows, span)

    def const_row(self, span: Span, since: str, value: nodes.Literal) -> nodes.ConstRow:
        return nodes.ConstRow(read_day(since), value, span)

    def source(
        self, span: Span, name: str, currency: str, zone: str, missing: nodes.Missing
    ) -> nodes.Source:
        return nodes.Source(str(name), str(currency), read_quoted(zone), missing, span)

    def target(self, span: Span, name: str, rounding: str, *rest: Any) -> nodes.Target:
        places, tolerance, action, missing = rest
        return nodes.Target(
            str(name),
            rounding,
            read_decimal(places),
            read_decimal(tolerance),
            action,
            missing,
            span,
        )

    def per_line(self, _: Span) -> str:
        return "per_line"

    def at_the_end(self, _: Span) -> str:
        return "at_the_end"

    def missing_row(self, span: Span, action: nodes.Action, say: str) -> nodes.Missing:
        return nodes.Missing(action, read_message(say, span), span)

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
        return nodes.Csv(read_quoted(path), read_quoted(from_column), read_quoted(to_column), span)

    def map_rows(self, _: Span, *rows: nodes.MapRow) -> tuple[nodes.MapRow, ...]:
        return rows

    def map_row(self, span: Span, key: str, value: nodes.Literal) -> nodes.MapRow:
        return nodes.MapRow(read_quoted(key), value, span)

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
            read_decimal(count), str(unit), item, read_decimal(base_count), str(base_unit), span
        )

    def of_item(self, _: Span, item: str) -> str:
        return read_quoted(item)

    def units_csv(self, _: Span, path: str) -> str:
        return read_quoted(path)


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
        return tuple(read_quoted(text) for text in texts)

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
            most=read_count(most, "number of records", hint),
            action=action,
            span=span,
        )

    def head_field(self, _: Span, name: str) -> tuple[str, bool]:
        return str(name), False

    def joined_line_field(self, _: Span, __: str, name: str) -> tuple[str, bool]:
        return str(name), True

    def link_where(self, _: Span, expr: nodes.Expr) -> nodes.Expr:
        return expr


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
        return nodes.GateRow("hold", states, str(owner), read_message(say, span), span)

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
        return read_message(text, span)

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
        many = read_count(times, "number of times", "so many times: 1, 5, …")
        return nodes.TryAgain(many, read_pause(first), then, span)

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


class RouteBuilder(ExpressionBuilder):
    """Turns routes into nodes."""

    def post(self, span: Span, record: str, *parts: Any) -> nodes.Post:
        route, number, when, timing, after, bill, uncompared, allows, *rest = parts
        they_own, we_own, fields, line_fields = rest
        return nodes.Post(
            record=str(record),
            route=route,
            number=read_quoted(number),
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
        return nodes.Daily(read_clock(at or NIGHT), str(by), span)

    def after(self, _: Span, route: nodes.RouteName) -> nodes.RouteName:
        return route

    def bill(
        self, span: Span, expr: nodes.Expr, of: nodes.Expr, action: nodes.Action
    ) -> nodes.Bill:
        return nodes.Bill(expr, of, action, span)

    def uncompared(self, span: Span, reason: str) -> nodes.Uncompared:
        return nodes.Uncompared(read_quoted(reason), span)

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
            number=read_quoted(number),
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


class DeclarationBuilder(
    SurroundingsBuilder, RecordBuilder, ReadinessBuilder, TableBuilder, RouteBuilder, StoryBuilder
):
    """Turns each rule of the grammar into its node."""


def build_ruleset(found: Sequence[Any]) -> nodes.Ruleset:
    """Return the ruleset with the declarations sorted by kind."""

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
