"""Which fields are units and which are items, by the conversions that name them.

Here: Conversions (of one ruleset) and misplaced, what is wrong with the arguments of one call. Not
here: in which unit a quantity is (measures.py), factors (facts/units.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.types.symbol_table import Index, Scope
from rules.values.wording import say

UNIT, ITEM = "unit", "item"
_PLACES = {"in_base": (None, UNIT, ITEM), "price_in_base": (None, UNIT, ITEM), "base_unit": (ITEM,)}
_NAMED = {
    UNIT: frozenset({"uom", "unit", "units", "measure"}),
    ITEM: frozenset({"sku", "item", "product", "article", "code", "stock"}),
}
_CLEAR = frozenset({"uom", "sku"})
"""Words that mean nothing else; a unit may be a flat that is let, and a measure an action."""
_OTHER = {UNIT: ITEM, ITEM: UNIT}
_A = {UNIT: "a unit", ITEM: "an item"}

Where = tuple[str, str]
"""A field: the record that it stands in, and its name."""


@dataclass(frozen=True, slots=True)
class Conversions:
    """The conversions of computed and posted fields.

    `votes` say how often a field stands as unit or item in them; `quantities` are the stored
    fields that in_base converts, `prices` those that price_in_base does, or that are multiplied by
    a quantity as it comes.
    """

    votes: Counter[tuple[Where, str]]
    quantities: frozenset[Where]
    prices: frozenset[Where]

    @staticmethod
    def of(index: Index) -> Conversions:
        """Those of a ruleset, found once."""
        if not isinstance(index.conversions, Conversions):
            index.conversions = _found(index)
        return index.conversions

    def converts(self, record: str) -> bool:
        """Whether something names the unit that the lines of a record are in."""
        return any(of == UNIT and where[0] == record for where, of in self.votes)

    def counted(self, record: str) -> set[str]:
        """The stored fields of a record that in_base converts."""
        return {name for owner, name in self.quantities if owner == record}

    def is_unit(self, expr: n.Expr, scope: Scope) -> bool:
        """Whether an expression is the unit that a record names."""
        where = _field(expr, scope)
        return where is not None and self.votes[where, UNIT] > 0

    def elsewhere(self, expr: n.Expr, scope: Scope, call: n.Call) -> str:
        """What an argument is by all other calls; blank where they do not say."""
        where = _field(expr, scope)
        votes = self.votes - Counter(_votes(call, scope))
        units, items = (votes[where, of] if where else 0 for of in (UNIT, ITEM))
        return "" if units == items else UNIT if units > items else ITEM


def misplaced(call: n.Call, scope: Scope) -> Iterator[Problem]:
    """Units that stand as items in a conversion, and items that stand as units."""
    places = [(arg, of) for arg, of in zip(call.args, _PLACES[call.name], strict=False) if of]
    known = Conversions.of(scope.index)
    for tells in (_by_itself, known.elsewhere):
        wrong = [(arg, of) for arg, of in places if tells(arg, scope, call) == _OTHER[of]]
        alone = len(wrong) == 1 and len(places) > 1 and places[0][0] != places[1][0]
        if wrong and (not alone or _is_clear(wrong[0][0])):
            yield from _told(call, wrong)
            return


def _is_clear(expr: n.Expr) -> bool:
    return isinstance(expr, n.Literal) or bool(_CLEAR & {*re.split(r"\W|_", say(expr))})


def _told(call: n.Call, wrong: list[tuple[n.Expr, str]]) -> Iterator[Problem]:
    if len(wrong) > 1:
        turned = replace(call, args=(call.args[0], call.args[2], call.args[1]))
        message = f"'{call.name}' has unit and item the wrong way round"
        yield Problem("TYP08", message, f"Write {say(turned)}.", call.span)
        return
    ((arg, of),) = wrong
    message = f"'{call.name}' wants {_A[of]} here: {say(arg)} is {_A[_OTHER[of]]}"
    yield Problem("TYP08", message, f"Give {_A[of]}, not {_A[_OTHER[of]]}.", arg.span)


def _formulas(index: Index) -> Iterator[tuple[n.Expr, Scope]]:
    """What is worked out for records and documents, with the names that are visible there."""
    for record in index.ruleset.records:
        scope = Scope(index, record.parent or record.name, line=record.parent is not None)
        yield from ((f.expr, scope) for f in record.fields if isinstance(f, n.Computed))
    for post in index.ruleset.posts:
        head = Scope(index, post.record)
        yield from ((assign.expr, head) for assign in post.fields)
        yield from ((assign.expr, replace(head, line=True)) for assign in post.line_fields)


def _found(index: Index) -> Conversions:
    votes: Counter[tuple[Where, str]] = Counter()
    firsts: dict[str, set[Where]] = {name: set() for name in _PLACES}
    products: list[tuple[Where | None, Where | None]] = []
    for expr, scope in _formulas(index):
        for part in n.walk(expr):
            if isinstance(part, n.Call) and part.name in _PLACES:
                votes.update(_votes(part, scope))
                where = _stored(part.args[0], scope) if part.args else None
                firsts[part.name] |= {where} if where else set()
            elif isinstance(part, n.Arith) and part.op == "*":
                products.append((_stored(part.left, scope), _stored(part.right, scope)))
    quantities, prices = frozenset(firsts["in_base"]), firsts["price_in_base"]
    told = {record for record, _ in prices}
    for left, right in products:
        for one, other in ((left, right), (right, left)):
            if one in quantities and other is not None and other[0] not in told:
                prices.add(other)
    return Conversions(votes, quantities, frozenset(prices))


def _stored(expr: n.Expr, scope: Scope) -> Where | None:
    ref = scope.resolve(expr.path) if isinstance(expr, n.Name) else None
    stored = ref is not None and isinstance(ref.field, n.Field)
    return (ref.record, ref.name) if ref is not None and stored else None


def _votes(call: n.Call, scope: Scope) -> Iterator[tuple[Where, str]]:
    for arg, of in zip(call.args, _PLACES[call.name], strict=False):
        where = _field(arg, scope) if of else None
        if where is not None and of is not None:
            yield where, of


def _field(expr: n.Expr, scope: Scope) -> Where | None:
    ref = scope.resolve(expr.path) if isinstance(expr, n.Name) else None
    return (ref.record, ref.name) if ref is not None and ref.field is not None else None


def _by_itself(expr: n.Expr, scope: Scope, _: n.Call) -> str:
    """What an argument is by what it is called, or by the table of units; blank: who knows."""
    if isinstance(expr, n.Literal):
        return _of_literal(expr, scope.index.ruleset.units)
    where = _field(expr, scope)
    return _by_name(where[1]) if where else ""


def _by_name(name: str) -> str:
    words = {*name.split("_")}
    found = [of for of, said in _NAMED.items() if words & said]
    return found[0] if len(found) == 1 else ""


def _of_literal(expr: n.Literal, units: tuple[n.Units, ...]) -> str:
    """Units and items that the table of units names itself."""
    told = [(row.item, row.unit) for table in units for row in table.bases]
    told += [(row.item, row.unit) for table in units for row in table.rows]
    if any(expr.value == item for item, _ in told):
        return ITEM
    return UNIT if any(expr.value == unit for _, unit in told) else ""
