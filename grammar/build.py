# ruff: noqa: D102 - each method is a rule of the grammar, and has its name
"""From the parser's tree to our own nodes, declaration by declaration.

Lives here: one method for each rule of `clearpost.lark`, taking its span and its children. Not
here: expressions and values (`build_expr.py`), samples and tests (`build_story.py`), the walk
over the tree (`parse.py`).
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from grammar import nodes
from grammar.build_expr import clock, day, decimal, quoted
from grammar.build_story import StoryBuilder
from grammar.problem import Span

Texts: TypeAlias = tuple[str, ...]


class DeclarationBuilder(StoryBuilder):
    """Turns each rule of the grammar into its node."""

    # ---- surroundings ---------------------------------------------------------------------------

    def language(self, span: Span, number: str) -> tuple[str, Span]:
        return str(number), span

    def role(self, span: Span, name: str, title: str) -> nodes.Role:
        return nodes.Role(str(name), quoted(title), span)

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
        return nodes.Missing(action, quoted(say), span)

    def route(self, span: Span, target: str, document: str) -> nodes.RouteName:
        return nodes.RouteName(str(target), str(document), span)

    def for_route(self, _: Span, route: nodes.RouteName) -> nodes.RouteName:
        return route

    # ---- records --------------------------------------------------------------------------------

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

    # ---- look-ups and units ---------------------------------------------------------------------

    def map(
        self, span: Span, name: str, match: Texts, content: Any, missing: nodes.Missing
    ) -> nodes.Map:
        csv, rows = (content, ()) if isinstance(content, nodes.Csv) else (None, content)
        return nodes.Map(str(name), match, csv, rows, missing, span)

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
        csv, missing = parts[-2:]
        return nodes.Units(bases, rows, csv if isinstance(csv, str) else None, missing, span)

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

    # ---- readiness ------------------------------------------------------------------------------

    def gate(
        self, span: Span, record: str, route: nodes.RouteName | None, *rows: nodes.GateRow
    ) -> nodes.Gate:
        return nodes.Gate(str(record), route, rows, span)

    def gate_row(self, span: Span, word: str, states: tuple[nodes.Word, ...]) -> nodes.GateRow:
        return nodes.GateRow(word, states, None, None, span)

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

    # ---- routes ---------------------------------------------------------------------------------

    def post(self, span: Span, record: str, *parts: Any) -> nodes.Post:
        route, number, when, timing, after, they_own, we_own, fields, line_fields = parts
        return nodes.Post(
            record=str(record),
            route=route,
            number=quoted(number),
            when=when,
            timing=timing,
            after=after,
            bill=None,
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

    def theirs(self, _: Span, fields: Texts) -> Texts:
        return fields

    def ours(self, _: Span, action: nodes.Action) -> nodes.Action:
        return action

    def assigns(self, _: Span, *rows: nodes.Assign) -> tuple[nodes.Assign, ...]:
        return rows

    line_assigns = assigns

    def assign(self, span: Span, name: str, expr: nodes.Expr) -> nodes.Assign:
        return nodes.Assign(str(name), expr, span)

    # ---- actions and lists ----------------------------------------------------------------------

    def simple(self, span: Span, kind: str) -> nodes.Action:
        return nodes.Action(kind, None, span)

    def simple_action(self, _: Span, kind: str) -> str:
        return str(kind)

    def hold_for(self, span: Span, role: str) -> nodes.Action:
        return nodes.Action("hold", str(role), span)

    def review_by(self, span: Span, role: str) -> nodes.Action:
        return nodes.Action("review", str(role), span)

    def names(self, _: Span, *names: str) -> Texts:
        return tuple(str(name) for name in names)

    codes = names

    def words(self, _: Span, *names: Any) -> tuple[nodes.Word, ...]:
        return tuple(nodes.Word(str(name), self.place(name)) for name in names)


def ruleset(found: Sequence[Any]) -> nodes.Ruleset:
    """The declarations sorted into their shelves."""

    def of(kind: type[Any]) -> tuple[Any, ...]:
        return tuple(node for node in found if isinstance(node, kind))

    return nodes.Ruleset(
        roles=of(nodes.Role),
        consts=of(nodes.Const),
        sources=of(nodes.Source),
        targets=of(nodes.Target),
        records=of(nodes.Record),
        maps=of(nodes.Map),
        units=of(nodes.Units),
        gates=of(nodes.Gate),
        checks=of(nodes.Check),
        duplicates=of(nodes.Duplicates),
        approvals=of(nodes.Approve),
        posts=of(nodes.Post),
        samples=of(nodes.Sample),
        tests=of(nodes.Test),
    )
