"""Compile the expressions of one record kind; `Interpreter` is the reference implementation."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.text.characters import in_currency
from grammar.text.problem import Span
from grammar.text.vocabulary import Edition
from rules.expressions.lists import Lists, due_quantity, part_of_head, part_of_line
from rules.expressions.run import (
    COMPARE,
    Closure,
    Content,
    Lookup,
    QuickField,
    Reader,
    Run,
    UnitTable,
    always_raise,
    apply_function,
    apply_operator,
    constant,
    map_lookup,
    read_plainly,
)
from rules.facts import Facts, PostingFact
from rules.types.functions import AGGREGATES, PURE
from rules.types.inference import ignore_problem, infer, word_of
from rules.types.symbol_table import CURRENCY, Index, Ref, Scope, stored_currency
from rules.values import kinds
from rules.values.canonical import number_text
from rules.values.cause_keys import (
    CLASSES,
    NO_BASE,
    NOWHERE,
    RING,
    CauseKey,
    CauseKind,
    Gap,
    Unknown,
    all_of,
    any_of,
    class_gap,
    const_gap,
    fact_gap,
    join_unknowns,
    later_gap,
    limit_gap,
    negation,
)
from rules.values.kinds import CONTEXT, NUMERIC, Type
from rules.values.wording import format_expression, number_or_date_text

if TYPE_CHECKING:
    from rules.expressions.checks import CheckProgram, Row

Rows = dict[int, list["Row"]]
"""The rows of checks, by the number of their first condition."""

MOST_DAYS = 4096
"""Of so many days it is kept what a const is."""

Assigned = Sequence[tuple[str, nodes.Expr, Type]]
"""Fields of a document, or of its lines: the name, the expression and its type."""

_NUMBERS = {
    "+": kinds.add,
    "-": kinds.subtract,
    "*": kinds.multiply,
    "/": kinds.divide,
}

_OTHERS = {"+": operator.add, "-": operator.sub}

CODE = "CUR01"

NOT_COMPARED = "Amounts of two currencies are not compared."

SENT_STATES = frozenset({"sending", "awaiting", "uncertain", "posted"})

USED_STATES = frozenset({*SENT_STATES, "reversed"})
"""States of a posting whose number is used up."""


class CheckGroup(Protocol):
    """Several checks that are asked in one go; errors come out, whichever check made them."""

    def rows(self, run: Run) -> Rows:
        """What every condition answered, as CheckProgram.ask tells it."""

    def trace(self, run: Run) -> Any:
        """The same before anybody reads it: answers and values, of the header and each line."""

    def bits(self, run: Run) -> tuple[int, int]:
        """The bits of the checks that failed, and of those that nobody could answer."""


@dataclass(frozen=True, slots=True)
class LineSums:
    """How amounts of lines are added up on the way: the first `columns` of them, rounded to
    `places`. Where `shown` is not 0, the one behind them has to be the sum of the first so many.
    """

    places: Decimal
    columns: int
    shown: int


@dataclass(frozen=True, slots=True)
class WantedValues:
    """Expressions of the header and of each line; `convert` are units with their items.

    `amounts` are expressions of each line whose values are wanted back, or where `summed` is given
    their sum; then a line whose amount is another is as good as an unknown value.
    """

    head: Sequence[nodes.Expr] = ()
    line: Sequence[nodes.Expr] = ()
    convert: Sequence[tuple[nodes.Expr, nodes.Expr]] = ()
    amounts: Sequence[nodes.Expr] = ()
    summed: LineSums | None = None


class Compiler(ABC):
    """Compiles the expressions of one record kind."""

    def __init__(
        self,
        index: Index,
        record: str,
        zone: ZoneInfo,
        family: dict[str, Compiler] | None = None,
    ) -> None:
        self.index = index
        self.record = record
        self.zone = zone
        self.family = family if family is not None else {}
        self.family[record] = self
        source = index.sources.get(index.records[record].source or "")
        self.owner = (source.missing.action.role or "") if source else ""
        self.lookups = {m.name: Lookup(m) for m in index.ruleset.maps}
        self.units = UnitTable(index.ruleset.units[0]) if index.ruleset.units else None
        self.lists = Lists(self)
        self.calls = Calls(self)
        self.currencies = Currencies(self)
        self._computed: dict[tuple[str, str], Closure] = {}
        self._kept: dict[tuple[int, Scope], tuple[nodes.Expr, Closure]] = {}
        self._rings: dict[tuple[str, str], Unknown] = {}
        dated = index.marked(record, "dated")
        self._dated = dated.name if dated else None

    def of(self, record: str) -> Compiler:
        """The compiler of another record kind, whose records are linked to this one."""
        if record not in self.family:
            source = self.index.sources.get(self.index.records[record].source or "")
            zone = ZoneInfo(source.zone) if source else self.zone
            self.sibling(record, zone)
        return self.family[record]

    def field(self, name: str, scope: Scope) -> Closure:
        """The closure of a field of the record."""
        return self.expr(nodes.Name((name,), NOWHERE), scope)

    @abstractmethod
    def sibling(self, record: str, zone: ZoneInfo) -> Compiler:
        """Another one of the same sort and family, for another record kind."""

    @abstractmethod
    def expr(self, node: nodes.Expr, scope: Scope) -> Closure:
        """What gives the value of an expression in a scope for a run, or an Unknown.

        It raises ArithmeticError or TypeError where the numbers leave their bounds.
        """

    @abstractmethod
    def guarded(self, node: nodes.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """The same; but where the numbers leave their bounds it answers EVA01 of this rule."""

    def kept(self, node: nodes.Expr, scope: Scope) -> Closure:
        """A guarded expression of no rule, for whoever asks for its value now and then."""
        key = (id(node), scope)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = (node, self.guarded(node, scope, "", ""))
        return found[1]

    def rows(self, slots: Sequence[QuickField]) -> Callable[..., dict[str, Any]]:
        """What reads a header or a line by these slots."""
        return read_plainly(slots)

    @abstractmethod
    def together(self, checks: Sequence[CheckProgram]) -> CheckGroup | None:
        """Several checks in one go; None where each is asked for itself."""

    @abstractmethod
    def known(self, wanted: WantedValues) -> Closure | None:
        """What gives the amounts or their sum, or None where a wanted value is unknown or no
        decimal says it.

        For records whose every field has a value, unless it is optional. None where each value is
        asked for itself.
        """

    @abstractmethod
    def document(
        self, head: Assigned, line: Assigned, wanted: WantedValues, *, amount: str = ""
    ) -> Closure | None:
        """What gives the texts of a document, or None where `known` would: see emit_documents.py.

        None where each field is asked for itself.
        """

    @abstractmethod
    def draft(self, head: Assigned, line: Assigned) -> Closure | None:
        """What gives a document as far as it is known: see emit_documents.py.

        For records as those of `known`. None where each field is asked for itself.
        """

    def type(self, node: nodes.Expr, scope: Scope) -> Type:
        """The static type of an expression."""
        return infer(node, scope, ignore_problem)

    def literal(self, node: nodes.Literal) -> Any:
        """The value of a literal; a moment without a zone is one of the source's zone."""
        value: Any = node.value
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=self.zone).astimezone(UTC)
        return value

    def ref(self, ref: Ref) -> Closure:
        """The closure that reads what a path means."""
        name = ref.name
        if ref.kind == "fact":
            return lambda run: FACT_READERS[name](run, self.owner)
        if ref.kind == "const":
            return self._const(self.index.consts[name])
        if ref.kind == "number":
            return lambda run: run.route.number
        if ref.kind == "due":
            return due_quantity
        if ref.kind == "own":
            return self._of_judged(ref)
        if isinstance(ref.field, nodes.Computed):
            return self._computed_field(ref)
        if ref.kind == "head":
            return lambda run: run.head[name]
        if ref.kind == "line":
            return lambda run: run.line[name]
        return lambda run: run.item[name]

    def _of_judged(self, ref: Ref) -> Closure:
        """A field of the record that is judged, asked for while one that is linked is looked at."""
        judged = self.of(ref.record).field(ref.name, Scope(self.index, ref.record))
        return lambda run: judged(run.root)

    def _computed_field(self, ref: Ref) -> Closure:
        name, record = ref.name, ref.record
        if ref.kind == "head":
            return lambda run: self._of_row(run, run.head, record, name)
        if ref.kind == "line":
            return lambda run: self._of_row(run, run.line, record, name)
        kind = self.index.records[record].parent or record

        def of_item(run: Run) -> Any:
            home = run.home
            if home is run:
                return self._of_row(run, run.item, record, name)
            home.uses = run.uses
            return self.of(kind)._of_row(home, run.item, record, name)

        return of_item

    def _of_row(self, run: Run, row: dict[str, Any], record: str, name: str) -> Any:
        if name in row:
            run.uses.extend(run.row_uses.get((id(row), name), ()))
            return row[name]
        return self._compute(run, row, record, name)

    def _compute(self, run: Run, row: dict[str, Any], record: str, name: str) -> Any:
        """Work out a computed field once a row, and remember which entries it read."""
        row[name] = self._ring(record, name)
        outer_uses, outer_line = run.uses, run.line
        run.uses = []
        if row is not run.head:
            run.line = row
        try:
            row[name] = value = self._closure_of(record, name)(run)
        finally:
            mine = tuple(dict.fromkeys(run.uses))
            run.uses, run.line = outer_uses, outer_line
        if mine:
            run.row_uses[id(row), name] = mine
            run.uses.extend(mine)
        return value

    def _ring(self, record: str, name: str) -> Unknown:
        """What a computed field is while it is worked out: it may not need itself."""
        found = self._rings.get((record, name))
        if found is None:
            span = self.index.fields[record][name].span
            found = Unknown(limit_gap(name, self.owner, name, RING, span))
            self._rings[record, name] = found
        return found

    def _closure_of(self, record: str, name: str) -> Closure:
        found = self._computed.get((record, name))
        if found is None:
            field = self.index.fields[record][name]
            assert isinstance(field, nodes.Computed)  # noqa: S101
            parent = self.index.records[record].parent
            scope = Scope(self.index, parent or record, line=parent is not None)
            found = self.guarded(field.expr, scope, name, self.owner)
            self._computed[record, name] = found
        return found

    def _const(self, const: nodes.Const) -> Closure:
        rows = sorted(const.rows, key=lambda r: r.since)
        before = Unknown(const_gap(const, self.owner))

        known: dict[date, Any] = {}

        def on(day: date) -> Any:
            values = [r for r in rows if r.since <= day]
            found = values[-1].value.value if values else before
            if len(known) < MOST_DAYS:
                known[day] = found
            return found

        def get(run: Run) -> Any:
            found = run.memo.get(const.name)
            if found is None:
                found = self.day_of(run)
                if type(found) is not Unknown:
                    day = found
                    found = known.get(day)
                    if found is None:
                        found = on(day)
                run.memo[const.name] = found
            return found

        return get

    @property
    def is_dated(self) -> bool:
        """Whether consts are read at a day that the record says, and not today."""
        return self._dated is not None

    def day_of(self, run: Run) -> Any:
        """The day that consts are read at: the record's `dated` field, else today."""
        if self._dated is None:
            run.clock.add("today")
            return run.today
        value = run.head[self._dated]
        return value.astimezone(self.zone).date() if isinstance(value, datetime) else value


class Calls:
    """Compiles calls for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def call(self, node: nodes.Call, scope: Scope) -> Closure:
        """The closure of a call of a library function."""
        special = getattr(self, f"_call_{node.name}", None)
        if special is not None:
            found: Closure = special(node, scope)
            return found
        if node.name in PURE:
            return apply_function(
                [self.compiler.expr(a, scope) for a in node.args], PURE[node.name].run
            )
        return always_raise(f"'{node.name}' is no function")

    def _call_round(self, node: nodes.Call, scope: Scope) -> Closure:
        left, right = (self.compiler.expr(a, scope) for a in node.args)
        return apply_operator(left, right, kinds.round_half_up)

    def _call_text(self, node: nodes.Call, scope: Scope) -> Closure:
        of = self.compiler.type(node.args[0], scope)
        return apply_function(
            [self.compiler.expr(node.args[0], scope)], lambda v: number_or_date_text(v, of)
        )

    def _call_date_of(self, node: nodes.Call, scope: Scope) -> Closure:
        zone = self.compiler.zone
        return apply_function(
            [self.compiler.expr(node.args[0], scope)], lambda m: m.astimezone(zone).date()
        )

    def _call_e_invoice_class(self, node: nodes.Call, scope: Scope) -> Closure:
        return apply_function([self.compiler.expr(node.args[0], scope)], self.class_of(node))

    def class_of(self, node: nodes.Call) -> Callable[[str], str | Unknown]:
        """What e_invoice_class answers for a code: itself, if the tax office lists it."""
        owner, told = self.compiler.owner, format_expression(node)

        def listed(code: str) -> str | Unknown:
            return code if code in CLASSES else Unknown(class_gap(code, owner, told, node.span))

        return listed

    def _call_number_of(self, node: nodes.Call, _: Scope) -> Closure:
        route = format_expression(node.args[0])
        later = Unknown(later_gap(route))
        return lambda run: run.facts.documents_of_family.get(route, later)

    def _call_was(self, node: nodes.Call, scope: Scope) -> Closure:
        name = ".".join(node.args[0].path) if isinstance(node.args[0], nodes.Name) else ""
        now = self.compiler.expr(node.args[0], scope)
        read = Reader(scope.index, scope.record).read

        def before(run: Run) -> Any:
            # Compares with the posted content, or with the first: several small steps would
            # otherwise pass a limit.
            body = earlier_body(run.facts, run.route.name)
            return now(run) if body is None else read(body).head.get(name, Unknown())

        return before

    def _call_due_of(self, node: nodes.Call, scope: Scope) -> Closure:
        inner = self.compiler.expr(node.args[0], scope)
        if scope.line:
            return lambda run: part_of_line(run, inner(run))
        return lambda run: part_of_head(run, inner(run), inner)

    def _call_base_unit(self, node: nodes.Call, scope: Scope) -> Closure:
        units = self._table()
        item = self.compiler.expr(node.args[0], scope)
        none = self.no_base(node)
        return apply_function([item], lambda i: units.bases.of(i) or none)

    def no_base(self, node: nodes.Call) -> Unknown:
        """What base_unit answers for an item that has none."""
        return Unknown(
            limit_gap("units", self.compiler.owner, format_expression(node), NO_BASE, node.span)
        )

    def _call_in_base(self, node: nodes.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: kinds.scale(v, by.num, by.den))

    def _call_price_in_base(self, node: nodes.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: kinds.scale(v, by.den, by.num))

    def _converted(
        self, node: nodes.Call, scope: Scope, by: Callable[[Any, Any], kinds.Number]
    ) -> Closure:
        units = self._table()
        value, unit, item = (self.compiler.expr(a, scope) for a in node.args)

        def convert(run: Run) -> Any:
            args = (value(run), unit(run), item(run))
            if any(type(a) is Unknown for a in args[1:]):
                return join_unknowns(*args)
            found = units.get(run, args[1], args[2])
            if type(found) is Unknown or type(args[0]) is Unknown:
                return join_unknowns(args[0], found)
            return by(args[0], found)

        return convert

    def _table(self) -> UnitTable:
        if self.compiler.units is None:
            raise TypeError("a ruleset without a units table converts nothing")
        return self.compiler.units


class Currencies:
    """The currency of the records of one kind; rules of earlier editions do not ask for it."""

    def __init__(self, compiler: Compiler) -> None:
        index, record = compiler.index, compiler.record
        source = index.sources.get(index.records[record].source or "")
        self.compiler, self.record = compiler, record
        self.asked = index.edition >= Edition.THIRD
        self.source, self.base = (source.name, source.currency) if source else ("", "")
        self.told = stored_currency(index, record)
        lines = index.line_records.get(record)
        self._head, self._line = (
            [f.name for f in fields if isinstance(f, nodes.Field) and f.type == "money"]
            for fields in (index.records[record].fields, lines.fields if lines else ())
        )

    def of(self, head: dict[str, Any]) -> str:
        """The currency of a record: what it says itself, else that of its source."""
        own = head.get(CURRENCY) if self.told else None
        return own.strip().upper() if isinstance(own, str) and own.strip() else self.base

    def amount(self, run: Run, value: Decimal) -> str:
        """An amount of the record in words, with what its currency is called."""
        return number_text(value, 2) if run.bare else in_currency(value, self.of(run.head))

    def linked(
        self, content: Content, ours: str, *, link: nodes.Link, owner: str, whose: str
    ) -> None:
        """Amounts of a linked record in another currency are unknown to the judged record."""
        theirs = self.of(content.head)
        if not self.asked or not ours or not theirs or ours == theirs:
            return
        message = f"{link.name}: {whose} is in {theirs}, this {_plain(link.record)} in {ours}."
        gone = Unknown(_gap(link.name, owner, message, (theirs, ours), link.span))
        for row, names in ((content.head, self._head), *((r, self._line) for r in content.lines)):
            for name in names:
                if type(row[name]) is not Unknown:
                    row[name] = gone

    def number(self, node: nodes.Expr, beside: nodes.Expr, scope: Scope) -> Closure | None:
        """What gives a number of the rules that stands beside an amount: it counts in the currency
        of the source, so it is unknown where the record is in another. None where it has no
        currency to mind: it is an amount itself, or zero, or the record never says its own.
        """
        if not self.asked or not self.told or (isinstance(node, nodes.Literal) and not node.value):
            return None
        type_kinds = (self.compiler.type(node, scope).kind, self.compiler.type(beside, scope).kind)
        if type_kinds != ("number", "money"):
            return None
        value, text, base = self.compiler.expr(node, scope), format_expression(node), self.base
        as_told = base if base == base.strip().upper() else None  # as most records say it

        def asked(run: Run) -> Any:
            if run.head.get(CURRENCY) == as_told or (own := self.of(run.head)) == base:
                return value(run)
            message = (
                f"{text} counts in {self.base}, as all amounts of {self.source} do, and this "
                f"{_plain(self.record)} is in {own}."
            )
            return Unknown(
                _gap(CURRENCY, self.compiler.owner, message, (own, self.base), node.span)
            )

        return asked


def _today(run: Run, _: str) -> date:
    run.clock.add("today")
    return run.today


def _now(run: Run, _: str) -> datetime:
    run.clock.add("now")
    return run.now


def _last_editor(run: Run, owner: str) -> Any:
    editor = run.facts.last_editor
    return editor if editor is not None else Unknown(fact_gap("last_editor", owner))


def _e_invoice_age(run: Run, owner: str) -> Any:
    posting = next(reversed(live_postings(run.facts.postings, run.route.name)), None)
    return e_invoice_age(run, posting, owner)


def live_postings(postings: Iterable[PostingFact], route: str) -> tuple[PostingFact, ...]:
    """The postings of a route that are in the target or on their way, oldest first."""
    sent = [p for p in postings if p.route == route and p.state in SENT_STATES]
    return tuple(sorted(sent, key=lambda p: p.seq))


def e_invoice_age(run: Run, posting: PostingFact | None, owner: str, words: str = "") -> Any:
    """How long the e-invoice of a posting exists, or Unknown."""
    if posting is None or posting.e_invoice_at is None:
        return Unknown(fact_gap("e_invoice_age", owner, words.replace("{field}", "e_invoice_age")))
    run.clock.add("now")
    return run.now - posting.e_invoice_at


FACT_READERS: dict[str, Callable[[Run, str], Any]] = {
    "period": lambda run, _: run.route.period,
    "today": _today,
    "now": _now,
    "first_seen": lambda run, _: run.facts.first_seen,
    "last_editor": _last_editor,
    "e_invoice_issuer": lambda run, _: run.facts.e_invoice_issuer,
    "e_invoice_age": _e_invoice_age,
    "target_edited": lambda run, _: any(
        e.route == run.route.name and e.field not in run.route.theirs
        for e in run.facts.target_edited
    ),
}
"""Each fact with its reader; the text is the team that owns what nobody could tell."""


def earlier_body(facts: Facts, route: str) -> Mapping[str, object] | None:
    """The record as it was posted last, or else as it first came; None where it is the same."""
    lives = live_postings(facts.postings, route)
    return lives[-1].body if lives else facts.first


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _gap(rule: str, owner: str, message: str, pair: tuple[str, str], span: Span) -> Gap:
    both = " and ".join(pair)
    return Gap(
        kind="fact",
        rule=rule,
        code=CODE,
        error_class="business_rule",
        owner=owner,
        message=f"{message} {NOT_COMPARED}",
        cause_key=CauseKey(CauseKind.RULE, f"{CURRENCY}:{'-'.join(pair)}"),
        cause_label=f"Amounts in {both} beside each other",
        would_pass=f'both are in {pair[1]}, or a rule asks that first: currency = "{pair[1]}"',
        span=span,
    )


class Interpreter(Compiler):
    """Compiles the expressions of one record kind to closures."""

    def sibling(self, record: str, zone: ZoneInfo) -> Interpreter:
        """Another one of the same family, for another record kind."""
        return Interpreter(self.index, record, zone, self.family)

    def expr(self, node: nodes.Expr, scope: Scope) -> Closure:
        """The closure of an expression in a scope."""
        closure: Closure = getattr(self, f"_{type(node).__name__.lower()}")(node, scope)
        return closure

    def guarded(self, node: nodes.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """A closure that answers EVA01 where the numbers leave their bounds."""
        inner = self.expr(node, scope)
        source = format_expression(node)

        def run_guarded(run: Run) -> Any:
            try:
                return inner(run)
            except (ArithmeticError, TypeError, RecursionError) as reason:
                return Unknown(limit_gap(rule, owner or self.owner, source, reason, node.span))

        return run_guarded

    def together(self, _: Sequence[CheckProgram]) -> None:
        """Nothing: the meaning of a check is that of each of its conditions."""

    def known(self, _: WantedValues) -> None:
        """Nothing: the meaning of a document is that of each of its values."""

    def document(
        self, _head: Assigned, _line: Assigned, _: WantedValues, *, amount: str = ""
    ) -> None:
        """Nothing, for the same reason."""

    def draft(self, _head: Assigned, _line: Assigned) -> None:
        """Nothing, for the same reason."""

    # ---- leaves -------------------------------------------------------------------------------

    def _literal(self, node: nodes.Literal, _: Scope) -> Closure:
        return constant(self.literal(node))

    def _name(self, node: nodes.Name, scope: Scope) -> Closure:
        ref = scope.resolve(node.path)
        if ref is None:
            return always_raise(f"'{'.'.join(node.path)}' means nothing here")
        return self.ref(ref)

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: nodes.Compare, scope: Scope) -> Closure:
        left, op = self._beside(node.left, node.right, scope), COMPARE[node.op]
        word = word_of(self.type(node.left, scope), node.right)
        if word is not None:
            return apply_operator(left, constant(word), op)
        return apply_operator(left, self._beside(node.right, node.left, scope), op)

    def _beside(self, node: nodes.Expr, other: nodes.Expr, scope: Scope) -> Closure:
        """One side of two; a number beside an amount minds the currency."""
        return self.currencies.number(node, other, scope) or self.expr(node, scope)

    def _member(self, node: nodes.Member, scope: Scope) -> Closure:
        inner = self.expr(node.left, scope)
        values = tuple(v.name if isinstance(v, nodes.Word) else v.value for v in node.values)

        def member(run: Run) -> Any:
            value = inner(run)
            return value if type(value) is Unknown else value in values

        return member

    def _known(self, node: nodes.Known, scope: Scope) -> Closure:
        inner = self.expr(node.expr, scope)
        return lambda run: type(inner(run)) is not Unknown

    def _absent(self, node: nodes.Absent, scope: Scope) -> Closure:
        inner = self.expr(node.expr, scope)
        return lambda run: type(inner(run)) is Unknown

    def _allof(self, node: nodes.AllOf, scope: Scope) -> Closure:
        parts = [self.expr(p, scope) for p in node.parts]
        return lambda run: all_of([p(run) for p in parts])

    def _anyof(self, node: nodes.AnyOf, scope: Scope) -> Closure:
        parts = [self.expr(p, scope) for p in node.parts]
        return lambda run: any_of([p(run) for p in parts])

    def _not(self, node: nodes.Not, scope: Scope) -> Closure:
        inner = self.expr(node.expr, scope)
        return lambda run: negation(inner(run))

    # ---- arithmetic ---------------------------------------------------------------------------

    def _arith(self, node: nodes.Arith, scope: Scope) -> Closure:
        type_kinds = {self.type(node.left, scope).kind, self.type(node.right, scope).kind}
        table: dict[str, Callable[[Any, Any], Any]] = (
            _OTHERS if type_kinds & {"date", "moment", "duration"} else _NUMBERS  # type: ignore[assignment]
        )
        sides = ((node.left, node.right), (node.right, node.left))
        sums = node.op in "+-"
        left, right = (
            self._beside(one, other, scope) if sums else self.expr(one, scope)
            for one, other in sides
        )
        return apply_operator(left, right, table.get(node.op, _NUMBERS[node.op]))

    def _negative(self, node: nodes.Negative, scope: Scope) -> Closure:
        numeric = self.type(node.expr, scope).kind in NUMERIC
        zero = Decimal(0)
        flip = (lambda v: kinds.subtract(zero, v)) if numeric else operator.neg
        return apply_function([self.expr(node.expr, scope)], flip)

    def _otherwise(self, node: nodes.Otherwise, scope: Scope) -> Closure:
        inner, default = self.expr(node.expr, scope), self.expr(node.default, scope)

        def otherwise(run: Run) -> Any:
            value = inner(run)
            return default(run) if type(value) is Unknown else value

        return otherwise

    # ---- calls --------------------------------------------------------------------------------

    def _call(self, node: nodes.Call, scope: Scope) -> Closure:
        if node.name in self.lookups:
            return map_lookup(self.expr(node.args[0], scope), self.lookups[node.name])
        if node.name in AGGREGATES:
            return self.lists.aggregate(node, scope)
        return self.calls.call(node, scope)


def next_seq(postings: Iterable[PostingFact], route: str) -> int:
    """The place of the next posting of a route; one that is planned and not sent keeps its own."""
    own = [p for p in postings if p.route == route]
    planned = [p.seq for p in own if p.state not in USED_STATES]
    return min(planned) if planned else max((p.seq for p in own), default=0) + 1


def billed_quantities(facts: Facts, route: str) -> Mapping[str, Decimal]:
    """What is billed so far of each line."""
    told = facts.billed.get(route)
    return told if told is not None else sum_billed(live_postings(facts.postings, route))


def sum_billed(postings: tuple[PostingFact, ...]) -> dict[str, Decimal]:
    """What some postings bill together, by line key."""
    found: dict[str, Decimal] = {}
    for posting in postings:
        for key, quantity in posting.billed.items():
            found[key] = CONTEXT.add(found.get(key, Decimal(0)), quantity)
    return found
