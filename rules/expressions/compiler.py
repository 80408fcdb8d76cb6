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
"""The evaluated conditions of checks, by the number of their first condition."""

MOST_DAYS = 4096
"""For how many days the value of a const is cached."""

Assigned = Sequence[tuple[str, nodes.Expr, Type]]
"""Fields of a document, or of its lines: (name, expression, type)."""

_NUMBERS = {"+": kinds.add, "-": kinds.subtract, "*": kinds.multiply, "/": kinds.divide}

_OTHERS = {"+": operator.add, "-": operator.sub}

CODE = "CUR01"

NOT_COMPARED = "Amounts of two currencies are not compared."

SENT_STATES = frozenset({"sending", "awaiting", "uncertain", "posted"})

USED_STATES = frozenset({*SENT_STATES, "reversed"})
"""States of a posting whose document number is used up."""


class CheckGroup(Protocol):
    """Evaluate several checks together. Errors of each check propagate."""

    def rows(self, run: Run) -> Rows:
        """Return every condition's result, in the form in which a check program returns it."""

    def trace(self, run: Run) -> Any:
        """Return the raw results and values, of the header and each line."""

    def bits(self, run: Run) -> tuple[int, int]:
        """Return the bits of the failed checks, and the bits of the checks with an unknown
        result.
        """


@dataclass(frozen=True, slots=True)
class LineSums:
    """Define how line amounts are summed in one pass: the first `columns` amounts, rounded to
    `places`.

    If `amount_columns` is not 0, the column after them must equal the sum of the first
    `amount_columns`.
    """

    places: Decimal
    columns: int
    amount_columns: int


@dataclass(frozen=True, slots=True)
class WantedValues:
    """Expressions of the header and of each line; `convert` are units with their items.

    `amounts` are line expressions whose values are returned, or their sum if `summed` is set; a
    line with another amount then counts as an unknown value.
    """

    head: Sequence[nodes.Expr] = ()
    line: Sequence[nodes.Expr] = ()
    convert: Sequence[tuple[nodes.Expr, nodes.Expr]] = ()
    amounts: Sequence[nodes.Expr] = ()
    summed: LineSums | None = None


class Compiler(ABC):
    """Compile the expressions of one record kind."""

    def __init__(
        self, index: Index, record: str, zone: ZoneInfo, family: dict[str, Compiler] | None = None
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
        """Return the compiler of another record kind, whose records are linked to this kind."""
        if record not in self.family:
            source = self.index.sources.get(self.index.records[record].source or "")
            zone = ZoneInfo(source.zone) if source else self.zone
            self.sibling(record, zone)
        return self.family[record]

    def field(self, name: str, scope: Scope) -> Closure:
        """Return the closure of a field of the record."""
        return self.expr(nodes.Name((name,), NOWHERE), scope)

    @abstractmethod
    def sibling(self, record: str, zone: ZoneInfo) -> Compiler:
        """Return a compiler of this class and family for another record kind."""

    @abstractmethod
    def expr(self, node: nodes.Expr, scope: Scope) -> Closure:
        """Return a closure that computes an expression's value in a scope, or an Unknown.

        The closure raises ArithmeticError or TypeError if numbers leave their bounds.
        """

    @abstractmethod
    def guarded(self, node: nodes.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """Return a closure like `expr` that returns the gap EVA01 of this rule if numbers leave
        their bounds.
        """

    def cached_closure(self, node: nodes.Expr, scope: Scope) -> Closure:
        """Return a cached, guarded closure of an expression outside any rule."""
        key = (id(node), scope)
        cached = self._kept.get(key)
        if cached is None:
            cached = self._kept[key] = (node, self.guarded(node, scope, "", ""))
        return cached[1]

    def rows(self, slots: Sequence[QuickField]) -> Callable[..., dict[str, Any]]:
        """Return a function that reads a header or a line by these slots."""
        return read_plainly(slots)

    @abstractmethod
    def together(self, checks: Sequence[CheckProgram]) -> CheckGroup | None:
        """Return a group of checks, or None if each must be evaluated separately."""

    @abstractmethod
    def known(self, values: WantedValues) -> Closure | None:
        """Return a closure of the amounts or their sum, which is None if a value is unknown or no
        decimal is exact.

        It serves records in which every field has a value, unless it is optional. Return None if
        each value must be evaluated separately.
        """

    @abstractmethod
    def document(
        self, head: Assigned, line: Assigned, values: WantedValues, *, amount: str = ""
    ) -> Closure | None:
        """Return a closure of a document's texts, or of None in the cases of `known`: see
        emit_documents.py.

        Return None if each field must be evaluated separately.
        """

    @abstractmethod
    def draft(self, head: Assigned, line: Assigned) -> Closure | None:
        """Return a closure of a document's known part: see emit_documents.py.

        It serves the records of `known`. Return None if each field must be evaluated separately.
        """

    def type(self, node: nodes.Expr, scope: Scope) -> Type:
        """Return the static type of an expression."""
        return infer(node, scope, ignore_problem)

    def literal(self, node: nodes.Literal) -> Any:
        """Return a literal's value. A moment without a zone gets the source's zone."""
        value: Any = node.value
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=self.zone).astimezone(UTC)
        return value

    def ref(self, ref: Ref) -> Closure:
        """Return the closure that reads a resolved path."""
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
        """Return the closure of the judged record's field, for use while a linked record is
        evaluated.
        """
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
        """Evaluate a computed field once per row, and record which entries it read."""
        row[name] = self._ring(record, name)
        outer_uses, outer_line = run.uses, run.line
        run.uses = []
        if row is not run.head:
            run.line = row
        try:
            row[name] = value = self._closure_of(record, name)(run)
        finally:
            own_uses = tuple(dict.fromkeys(run.uses))
            run.uses, run.line = outer_uses, outer_line
        if own_uses:
            run.row_uses[id(row), name] = own_uses
            run.uses.extend(own_uses)
        return value

    def _ring(self, record: str, name: str) -> Unknown:
        """Return a computed field's placeholder while it is evaluated: it must not need itself."""
        placeholder = self._rings.get((record, name))
        if placeholder is None:
            span = self.index.fields[record][name].span
            placeholder = Unknown(limit_gap(name, self.owner, name, RING, span))
            self._rings[record, name] = placeholder
        return placeholder

    def _closure_of(self, record: str, name: str) -> Closure:
        closure = self._computed.get((record, name))
        if closure is None:
            field = self.index.fields[record][name]
            assert isinstance(field, nodes.Computed)  # noqa: S101
            parent = self.index.records[record].parent
            scope = Scope(self.index, parent or record, line=parent is not None)
            closure = self.guarded(field.expr, scope, name, self.owner)
            self._computed[record, name] = closure
        return closure

    def _const(self, const: nodes.Const) -> Closure:
        rows = sorted(const.rows, key=lambda r: r.since)
        undefined = Unknown(const_gap(const, self.owner))

        values_by_day: dict[date, Any] = {}

        def value_on(day: date) -> Any:
            values = [r for r in rows if r.since <= day]
            value = values[-1].value.value if values else undefined
            if len(values_by_day) < MOST_DAYS:
                values_by_day[day] = value
            return value

        def get(run: Run) -> Any:
            value = run.memo.get(const.name)
            if value is None:
                value = self.day_of(run)
                if type(value) is not Unknown:
                    day = value
                    value = values_by_day.get(day)
                    if value is None:
                        value = value_on(day)
                run.memo[const.name] = value
            return value

        return get

    @property
    def is_dated(self) -> bool:
        """Whether consts are read at a date of the record instead of today."""
        return self._dated is not None

    def day_of(self, run: Run) -> Any:
        """Return the day for reading consts: the record's `dated` field, else today."""
        if self._dated is None:
            run.clock.add("today")
            return run.today
        value = run.head[self._dated]
        return value.astimezone(self.zone).date() if isinstance(value, datetime) else value


class Calls:
    """Compile the calls of library functions."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def call(self, node: nodes.Call, scope: Scope) -> Closure:
        """Return the closure of a call of a library function."""
        special = getattr(self, f"_call_{node.name}", None)
        if special is not None:
            closure: Closure = special(node, scope)
            return closure
        if node.name in PURE:
            return apply_function(
                [self.compiler.expr(a, scope) for a in node.args], PURE[node.name].run
            )
        return always_raise(f"'{node.name}' is no function")

    def _call_round(self, node: nodes.Call, scope: Scope) -> Closure:
        value, step = (self.compiler.expr(a, scope) for a in node.args)
        return apply_operator(value, step, kinds.round_half_up)

    def _call_text(self, node: nodes.Call, scope: Scope) -> Closure:
        value_type = self.compiler.type(node.args[0], scope)
        return apply_function(
            [self.compiler.expr(node.args[0], scope)], lambda v: number_or_date_text(v, value_type)
        )

    def _call_date_of(self, node: nodes.Call, scope: Scope) -> Closure:
        zone = self.compiler.zone
        return apply_function(
            [self.compiler.expr(node.args[0], scope)], lambda m: m.astimezone(zone).date()
        )

    def _call_e_invoice_class(self, node: nodes.Call, scope: Scope) -> Closure:
        return apply_function([self.compiler.expr(node.args[0], scope)], self.class_of(node))

    def class_of(self, node: nodes.Call) -> Callable[[str], str | Unknown]:
        """Return a function that returns a listed e-Invoice classification code itself, else its
        gap.
        """
        owner, source_text = self.compiler.owner, format_expression(node)

        def listed_code(code: str) -> str | Unknown:
            return (
                code if code in CLASSES else Unknown(class_gap(code, owner, source_text, node.span))
            )

        return listed_code

    def _call_number_of(self, node: nodes.Call, _: Scope) -> Closure:
        route = format_expression(node.args[0])
        later = Unknown(later_gap(route))
        return lambda run: run.facts.documents_of_family.get(route, later)

    def _call_was(self, node: nodes.Call, scope: Scope) -> Closure:
        name = ".".join(node.args[0].path) if isinstance(node.args[0], nodes.Name) else ""
        current = self.compiler.expr(node.args[0], scope)
        read_body = Reader(scope.index, scope.record).read

        def earlier(run: Run) -> Any:
            # Compares with the posted content, or with the first: several small steps would
            # otherwise pass a limit.
            body = earlier_body(run.facts, run.route.name)
            return current(run) if body is None else read_body(body).head.get(name, Unknown())

        return earlier

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
        """Return the Unknown of base_unit for an item without a base unit."""
        return Unknown(
            limit_gap("units", self.compiler.owner, format_expression(node), NO_BASE, node.span)
        )

    def _call_in_base(self, node: nodes.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: kinds.scale(v, by.num, by.den))

    def _call_price_in_base(self, node: nodes.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: kinds.scale(v, by.den, by.num))

    def _converted(
        self, node: nodes.Call, scope: Scope, operate: Callable[[Any, Any], kinds.Number]
    ) -> Closure:
        units = self._table()
        value, unit, item = (self.compiler.expr(a, scope) for a in node.args)

        def convert(run: Run) -> Any:
            args = (value(run), unit(run), item(run))
            if any(type(a) is Unknown for a in args[1:]):
                return join_unknowns(*args)
            conversion = units.get(run, args[1], args[2])
            if type(conversion) is Unknown or type(args[0]) is Unknown:
                return join_unknowns(args[0], conversion)
            return operate(args[0], conversion)

        return convert

    def _table(self) -> UnitTable:
        if self.compiler.units is None:
            raise TypeError("a ruleset without a units table converts nothing")
        return self.compiler.units


class Currencies:
    """Determine the currency of one kind's records."""

    def __init__(self, compiler: Compiler) -> None:
        index, record = compiler.index, compiler.record
        source = index.sources.get(index.records[record].source or "")
        self.compiler, self.record = compiler, record
        self.source, self.base = (source.name, source.currency) if source else ("", "")
        self.is_stored = stored_currency(index, record)
        lines = index.line_records.get(record)
        self._head, self._line = (
            [f.name for f in fields if isinstance(f, nodes.Field) and f.type == "money"]
            for fields in (index.records[record].fields, lines.fields if lines else ())
        )

    def of(self, head: dict[str, Any]) -> str:
        """Return a record's currency: its own, else its source's."""
        stated = head.get(CURRENCY) if self.is_stored else None
        return stated.strip().upper() if isinstance(stated, str) and stated.strip() else self.base

    def amount(self, run: Run, value: Decimal) -> str:
        """Return an amount of the record as text, with its currency."""
        return in_currency(value, self.of(run.head))

    def linked(
        self, content: Content, currency: str, *, link: nodes.Link, owner: str, record_label: str
    ) -> None:
        """Replace the amounts of a linked record in another currency by an Unknown."""
        linked_currency = self.of(content.head)
        if type(content.head.get(CURRENCY)) is Unknown and content.currency.strip():
            linked_currency = content.currency.strip().upper()  # stated, but no currency code
        if not currency or not linked_currency or currency == linked_currency:
            return
        message = (
            f"{link.name}: {record_label} is in {linked_currency}, this {_plain(link.record)} "
            f"in {currency}."
        )
        not_comparable = Unknown(
            _gap(link.name, owner, message, (linked_currency, currency), link.span)
        )
        for row, names in ((content.head, self._head), *((r, self._line) for r in content.lines)):
            for name in names:
                if type(row[name]) is not Unknown:
                    row[name] = not_comparable

    def number(self, node: nodes.Expr, amount: nodes.Expr, scope: Scope) -> Closure | None:
        """Return a closure for a number in the rules that is compared with or added to an amount.

        The number counts in the source's currency, so the closure returns an Unknown if the record
        has another currency. Return None if the number needs no currency: it is an amount, it is
        zero, or records have no currency of their own.
        """
        if not self.is_stored or (isinstance(node, nodes.Literal) and not node.value):
            return None
        type_kinds = (self.compiler.type(node, scope).kind, self.compiler.type(amount, scope).kind)
        if type_kinds != ("number", "money"):
            return None
        value, text, base = self.compiler.expr(node, scope), format_expression(node), self.base
        stored_base = base if base == base.strip().upper() else None  # as most records store it

        def convert(run: Run) -> Any:
            if run.head.get(CURRENCY) == stored_base or (currency := self.of(run.head)) == base:
                return value(run)
            message = (
                f"{text} counts in {self.base}, as all amounts of {self.source} do, and this "
                f"{_plain(self.record)} is in {currency}."
            )
            return Unknown(
                _gap(CURRENCY, self.compiler.owner, message, (currency, self.base), node.span)
            )

        return convert


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
    """Return a route's postings that are in the target or on their way, oldest first."""
    sent = [p for p in postings if p.route == route and p.state in SENT_STATES]
    return tuple(sorted(sent, key=lambda p: p.seq))


def e_invoice_age(run: Run, posting: PostingFact | None, owner: str, words: str = "") -> Any:
    """Return the age of a posting's e-invoice as a duration, or Unknown."""
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
        e.route == run.route.name and e.field not in run.route.target_owned
        for e in run.facts.target_edited
    ),
}
"""The reader of each fact. Its text argument is the team that owns an unknown fact."""


def earlier_body(facts: Facts, route: str) -> Mapping[str, object] | None:
    """Return the record as it was last posted, else as first received. None if it is the current
    one.
    """
    live = live_postings(facts.postings, route)
    return live[-1].body if live else facts.first


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _gap(rule: str, owner: str, message: str, pair: tuple[str, str], span: Span) -> Gap:
    currencies = " and ".join(pair)
    return Gap(
        kind="fact",
        rule=rule,
        code=CODE,
        error_class="business_rule",
        owner=owner,
        message=f"{message} {NOT_COMPARED}",
        cause_key=CauseKey(CauseKind.RULE, f"{CURRENCY}:{'-'.join(pair)}"),
        cause_label=f"Amounts in {currencies} beside each other",
        would_pass=f'both are in {pair[1]}, or a rule asks that first: currency = "{pair[1]}"',
        span=span,
    )


class Interpreter(Compiler):
    """Compile the expressions of one record kind to closures."""

    def sibling(self, record: str, zone: ZoneInfo) -> Interpreter:
        """Return a compiler of this family for another record kind."""
        return Interpreter(self.index, record, zone, self.family)

    def expr(self, node: nodes.Expr, scope: Scope) -> Closure:
        """Return the closure of an expression in a scope."""
        closure: Closure = getattr(self, f"_{type(node).__name__.lower()}")(node, scope)
        return closure

    def guarded(self, node: nodes.Expr, scope: Scope, rule: str, owner: str) -> Closure:
        """Return a closure that returns the gap EVA01 if numbers leave their bounds."""
        inner = self.expr(node, scope)
        source = format_expression(node)

        def run_guarded(run: Run) -> Any:
            try:
                return inner(run)
            except (ArithmeticError, TypeError, RecursionError) as error:
                return Unknown(limit_gap(rule, owner or self.owner, source, error, node.span))

        return run_guarded

    def together(self, _: Sequence[CheckProgram]) -> None:
        """Return None: each check is evaluated by its conditions."""

    def known(self, _: WantedValues) -> None:
        """Return None: each value of a document is evaluated separately."""

    def document(
        self, _head: Assigned, _line: Assigned, _: WantedValues, *, amount: str = ""
    ) -> None:
        """Return None: each value of a document is evaluated separately."""

    def draft(self, _head: Assigned, _line: Assigned) -> None:
        """Return None: each value of a document is evaluated separately."""

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
        left_side, op = self._operand(node.left, node.right, scope), COMPARE[node.op]
        word = word_of(self.type(node.left, scope), node.right)
        if word is not None:
            return apply_operator(left_side, constant(word), op)
        return apply_operator(left_side, self._operand(node.right, node.left, scope), op)

    def _operand(self, node: nodes.Expr, other: nodes.Expr, scope: Scope) -> Closure:
        """Return the closure of one operand. A number next to an amount is checked for its
        currency.
        """
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
        is_sum = node.op in "+-"
        left_side, right_side = (
            self._operand(node_side, other_side, scope) if is_sum else self.expr(node_side, scope)
            for node_side, other_side in sides
        )
        return apply_operator(left_side, right_side, table.get(node.op, _NUMBERS[node.op]))

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
    """Return the sequence number of a route's next posting. A planned posting keeps its number."""
    of_route = [p for p in postings if p.route == route]
    planned = [p.seq for p in of_route if p.state not in USED_STATES]
    return min(planned) if planned else max((p.seq for p in of_route), default=0) + 1


def billed_quantities(facts: Facts, route: str) -> Mapping[str, Decimal]:
    """Return the quantity billed so far of each line, by line key."""
    stored = facts.billed.get(route)
    return stored if stored is not None else sum_billed(live_postings(facts.postings, route))


def sum_billed(postings: tuple[PostingFact, ...]) -> dict[str, Decimal]:
    """Return the quantities that postings bill in total, by line key."""
    quantities: dict[str, Decimal] = {}
    for posting in postings:
        for key, quantity in posting.billed.items():
            quantities[key] = CONTEXT.add(quantities.get(key, Decimal(0)), quantity)
    return quantities
