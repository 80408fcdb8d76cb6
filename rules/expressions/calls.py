"""The library functions inside expressions, conversions of units, and facts.

Here: Calls, the closure of every call but aggregates and maps; the facts that a rule may ask
besides the record, among them the postings of a record that count, because they are in the target
or being sent. Not here: what the pure functions give (types/functions.py), factors
(facts/units.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules.expressions.billed_parts import part_of_head, part_of_line
from rules.expressions.lookups import Closure, UnitTable, applied, binary, never
from rules.expressions.record_reading import Reader
from rules.expressions.run import Run
from rules.facts.world import Facts, PostingFact
from rules.types.functions import PURE
from rules.types.symbol_table import Scope
from rules.values import numbers
from rules.values.numbers import CONTEXT
from rules.values.tax_codes import CLASSES
from rules.values.unknown import NO_BASE, Unknown, class_gap, fact_gap, join, later_gap, limit_gap
from rules.values.wording import say, written

if TYPE_CHECKING:
    from rules.expressions.compiler import Compiler


SENT = frozenset({"sending", "awaiting", "uncertain", "posted"})
OVER = frozenset({*SENT, "reversed"})
"""States of a posting whose number is used up."""


def live(postings: Iterable[PostingFact], route: str) -> tuple[PostingFact, ...]:
    """The postings of a route that are in the target or on their way, oldest first."""
    sent = [p for p in postings if p.route == route and p.state in SENT]
    return tuple(sorted(sent, key=lambda p: p.seq))


def earlier(facts: Facts, route: str) -> Mapping[str, object] | None:
    """The record as it was posted last, or else as it first came; None where it is the same."""
    lives = live(facts.postings, route)
    return lives[-1].body if lives else facts.first


def next_seq(postings: Iterable[PostingFact], route: str) -> int:
    """The place of the next posting of a route; one that is planned and not sent keeps its own."""
    own = [p for p in postings if p.route == route]
    planned = [p.seq for p in own if p.state not in OVER]
    return min(planned) if planned else max((p.seq for p in own), default=0) + 1


def billed(facts: Facts, route: str) -> Mapping[str, Decimal]:
    """What is billed so far of each line."""
    told = facts.billed.get(route)
    return told if told is not None else summed(live(facts.postings, route))


def summed(postings: tuple[PostingFact, ...]) -> dict[str, Decimal]:
    """What some postings bill together, by line key."""
    found: dict[str, Decimal] = {}
    for posting in postings:
        for key, quantity in posting.billed.items():
            found[key] = CONTEXT.add(found.get(key, Decimal(0)), quantity)
    return found


def age(run: Run, posting: PostingFact | None, owner: str, words: str = "") -> Any:
    """How long the e-invoice of a posting exists, or Unknown."""
    if posting is None or posting.e_invoice_at is None:
        return Unknown(fact_gap("e_invoice_age", owner, words.replace("{field}", "e_invoice_age")))
    run.clock.add("now")
    return run.now - posting.e_invoice_at


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
    posting = next(reversed(live(run.facts.postings, run.route.name)), None)
    return age(run, posting, owner)


TOLD: dict[str, Callable[[Run, str], Any]] = {
    "period": lambda run, _: run.route.period,
    "today": _today,
    "now": _now,
    "first_seen": lambda run, _: run.facts.first_seen,
    "last_editor": _last_editor,
    "e_invoice_age": _e_invoice_age,
    "target_edited": lambda run, _: any(
        e.route == run.route.name and e.field not in run.route.theirs
        for e in run.facts.target_edited
    ),
}
"""Each fact with its reader; the text is the team that owns what nobody could tell."""


class Calls:
    """Compiles calls for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def call(self, node: n.Call, scope: Scope) -> Closure:
        """The closure of a call of a library function."""
        special = getattr(self, f"_call_{node.name}", None)
        if special is not None:
            found: Closure = special(node, scope)
            return found
        if node.name in PURE:
            return applied([self.compiler.expr(a, scope) for a in node.args], PURE[node.name].run)
        return never(f"'{node.name}' is no function")

    def _call_round(self, node: n.Call, scope: Scope) -> Closure:
        left, right = (self.compiler.expr(a, scope) for a in node.args)
        return binary(left, right, numbers.round_half_up)

    def _call_text(self, node: n.Call, scope: Scope) -> Closure:
        of = self.compiler.type(node.args[0], scope)
        return applied([self.compiler.expr(node.args[0], scope)], lambda v: written(v, of))

    def _call_date_of(self, node: n.Call, scope: Scope) -> Closure:
        zone = self.compiler.zone
        return applied(
            [self.compiler.expr(node.args[0], scope)], lambda m: m.astimezone(zone).date()
        )

    def _call_e_invoice_class(self, node: n.Call, scope: Scope) -> Closure:
        return applied([self.compiler.expr(node.args[0], scope)], self.class_of(node))

    def class_of(self, node: n.Call) -> Callable[[str], str | Unknown]:
        """What e_invoice_class answers for a code: itself, if the tax office lists it."""
        owner, told = self.compiler.owner, say(node)

        def listed(code: str) -> str | Unknown:
            return code if code in CLASSES else Unknown(class_gap(code, owner, told, node.span))

        return listed

    def _call_number_of(self, node: n.Call, _: Scope) -> Closure:
        route = say(node.args[0])
        later = Unknown(later_gap(route))
        return lambda run: run.facts.documents_of_family.get(route, later)

    def _call_was(self, node: n.Call, scope: Scope) -> Closure:
        name = ".".join(node.args[0].path) if isinstance(node.args[0], n.Name) else ""
        now = self.compiler.expr(node.args[0], scope)
        read = Reader(scope.index, scope.record).read

        def before(run: Run) -> Any:
            body = earlier(run.facts, run.route.name)
            return now(run) if body is None else read(body).head.get(name, Unknown())

        return before

    def _call_due_of(self, node: n.Call, scope: Scope) -> Closure:
        inner = self.compiler.expr(node.args[0], scope)
        if scope.line:
            return lambda run: part_of_line(run, inner(run))
        return lambda run: part_of_head(run, inner(run), inner)

    def _call_base_unit(self, node: n.Call, scope: Scope) -> Closure:
        units = self._table()
        item = self.compiler.expr(node.args[0], scope)
        none = self.no_base(node)
        return applied([item], lambda i: units.bases.of(i) or none)

    def no_base(self, node: n.Call) -> Unknown:
        """What base_unit answers for an item that has none."""
        return Unknown(limit_gap("units", self.compiler.owner, say(node), NO_BASE, node.span))

    def _call_in_base(self, node: n.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: numbers.scale(v, by.num, by.den))

    def _call_price_in_base(self, node: n.Call, scope: Scope) -> Closure:
        return self._converted(node, scope, lambda v, by: numbers.scale(v, by.den, by.num))

    def _converted(
        self, node: n.Call, scope: Scope, by: Callable[[Any, Any], numbers.Number]
    ) -> Closure:
        units = self._table()
        value, unit, item = (self.compiler.expr(a, scope) for a in node.args)

        def convert(run: Run) -> Any:
            args = (value(run), unit(run), item(run))
            if any(type(a) is Unknown for a in args[1:]):
                return join(*args)
            found = units.get(run, args[1], args[2])
            if type(found) is Unknown or type(args[0]) is Unknown:
                return join(args[0], found)
            return by(args[0], found)

        return convert

    def _table(self) -> UnitTable:
        if self.compiler.units is None:
            raise TypeError("a ruleset without a units table converts nothing")
        return self.compiler.units
