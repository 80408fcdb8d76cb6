"""Expressions and actions as an accountant says them.

Here: Phrases, for one place of a ruleset. Not here: sentences (sentences.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from grammar import nodes as n
from rules.functions import AGGREGATES
from rules.index import Index
from rules.words import duration, say

_COMPARE = {
    "=": "is",
    "<>": "is not",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
}
_ARITH = {"+": "plus", "-": "less", "*": "times", "/": "divided by"}
_CALLS: dict[str, str] = {
    "is_tin": "{0} has the form of a TIN",
    "is_whole": "{0} is a whole number",
    "words": "{0}, cleaned",
    "abs": "the size of {0}",
    "min": "the smallest of {all}",
    "max": "the largest of {all}",
    "net": "{0} without a tax of {1}",
    "tax": "the tax of {1} on {0}",
    "round": "{0} rounded to {1}",
    "in_base": "{0} in the base unit",
    "price_in_base": "{0} for one base unit",
    "base_unit": "the base unit of {0}",
    "number_of": "the number of its {0}",
    "date_of": "the day of {0}",
    "due_of": "the part of {0} that falls on this bill",
}
_FACTS = {
    "period": "the period",
    "e_invoice_age": "the age of the e-invoice",
    "today": "today",
    "now": "now",
    "last_editor": "the last editor",
    "first_seen": "the moment it was first seen",
    "document_number": "the document number",
    "target_edited": "somebody changed it in the target",
    "error": "the answer",
    "tries": "the number of tries",
}


class Phrases:
    """The words of one ruleset."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def expr(self, node: n.Expr | n.Value) -> str:
        """An expression in words."""
        found: Callable[[Any], str] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        return found(node) if found else say(node)

    def role(self, name: str | None) -> str:
        """A team as people call it."""
        role = self.index.roles.get(name or "")
        return role.title if role else str(name or "nobody")

    def action(self, action: n.Action | n.TryAgain) -> str:
        """What is done, as the end of a sentence about a record."""
        if isinstance(action, n.TryAgain):
            times = f"{action.times} times, first after {duration(action.pause)}"
            return f"it is tried again {times}; then {self.action(action.then)}"
        team = self.role(action.role)
        return {
            "hold": f"it is held for {team}",
            "review": f"{team} decide",
            "warn": "it is told, and goes on",
            "reject": "it is rejected",
            "block": "it is blocked: nothing is done in the target",
            "ignore": "nothing is done",
            "drop": "the rest is dropped",
            "wait": "the rest waits",
            "update": "the document is updated in place",
            "void": "the document is made void",
            "new_document": "a new document is posted beside it",
            "credit_note": "a credit note takes it back",
            "credit_and_new": "a credit note takes it back, and a new document is posted",
            "look_up": "it is looked up first, and sent again only if it is not there",
        }.get(action.kind, action.kind.replace("_", " "))

    def joined(self, nodes: Sequence[n.Expr], word: str = "and") -> str:
        """Several conditions in one clause."""
        return listed([self.expr(node) for node in nodes], word)

    # ---- leaves -------------------------------------------------------------------------------

    def _word(self, node: n.Word) -> str:
        if node.name in self.index.consts:
            return self._name(n.Name((node.name,), node.span))
        return plain(node.name)

    def _literal(self, node: n.Literal) -> str:
        return say(node)

    def _name(self, node: n.Name) -> str:
        name = node.path[-1]
        if len(node.path) == 1 and name in self.index.consts:
            return f"{plain(name)} ({self.value_of(self.index.consts[name])})"
        if len(node.path) == 1 and name in _FACTS:
            return _FACTS[name]
        if node.path[0] == "line":
            return "what is due of the line" if name == "due" else f"{plain(name)} of the line"
        return plain(name) if len(node.path) == 1 else ".".join(node.path)

    def value_of(self, const: n.Const) -> str:
        """The values of a const with their days, the newest first."""
        rows = sorted(const.rows, key=lambda row: row.since, reverse=True)
        first = say(rows[0].value)
        if len(rows) == 1:
            return first
        older = ", ".join(f"before {later}: {say(row.value)}" for later, row in _pairs(rows))
        return f"{first}; {older}"

    # ---- conditions ---------------------------------------------------------------------------

    def _compare(self, node: n.Compare) -> str:
        left, right = self.expr(node.left), self.expr(node.right)
        return f"{left} {_COMPARE[node.op]} {right}"

    def _member(self, node: n.Member) -> str:
        values = listed([self.expr(v) for v in node.values], "or")
        return f"{self.expr(node.left)} is {values}"

    def _known(self, node: n.Known) -> str:
        return f"{self.expr(node.expr)} is known"

    def _absent(self, node: n.Absent) -> str:
        return f"{self.expr(node.expr)} is missing"

    def _allof(self, node: n.AllOf) -> str:
        return self.joined(node.parts)

    def _anyof(self, node: n.AnyOf) -> str:
        return f"either {self.joined(node.parts, 'or')}"

    def _not(self, node: n.Not) -> str:
        return f"it is not so that {self.expr(node.expr)}"

    # ---- values -------------------------------------------------------------------------------

    def _arith(self, node: n.Arith) -> str:
        return f"{self.expr(node.left)} {_ARITH[node.op]} {self.expr(node.right)}"

    def _negative(self, node: n.Negative) -> str:
        return f"minus {self.expr(node.expr)}"

    def _otherwise(self, node: n.Otherwise) -> str:
        return f"{self.expr(node.expr)} (or {self.expr(node.default)} where it is missing)"

    def _call(self, node: n.Call) -> str:
        if node.name in self.index.maps:
            args = ", ".join(self.expr(a) for a in node.args)
            return f"the {plain(node.name)} of {args}"
        if node.name in AGGREGATES:
            return self._aggregate(node)
        args_ = [self.expr(a) for a in node.args]
        if node.name == "number_of" and isinstance(node.args[0], n.Name):
            args_ = [plain(node.args[0].path[-1])]
        form = _CALLS.get(node.name)
        return form.format(*args_, all=", ".join(args_)) if form else say(node)

    def _aggregate(self, node: n.Call) -> str:
        arg = node.args[0]
        path = arg.path if isinstance(arg, n.Name) else ("lines",)
        where = f" where {self.expr(node.where)}" if node.where is not None else ""
        inner = " ".join(plain(p) for p in path)
        over = " of the ".join(plain(p) for p in reversed(path[:-1]))
        return {
            "sum": f"the sum of {plain(path[-1])} over the {over}{where}",
            "latest": f"the latest {plain(path[-1])} of the {over}{where}",
            "count": f"the number of {inner}{where}",
            "any": f"at least one of the {inner} is there{where}",
            "all": f"all {inner} are so{where.replace(' where', ' that', 1)}",
        }[node.name]


def _pairs(rows: Sequence[n.ConstRow]) -> list[tuple[date, n.ConstRow]]:
    return [(later.since, row) for later, row in itertools.pairwise(rows)]


def plain(name: str) -> str:
    """A name without its underscores."""
    return name.replace("_", " ")


def listed(words: Sequence[str], word: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {word} {words[-1]}"


def a(name: str) -> str:
    """A record kind with its article: `an order`, `a refund`."""
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {plain(name)}"
