"""Define the library functions of the language and the types of their arguments and results."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from grammar import nodes
from grammar.text.problem import Meant, Problem, Span
from rules.types.symbol_table import Scope, find_misplaced_units
from rules.values.canonical import number_text
from rules.values.cause_keys import is_tin, match_key, near_tin, tin_advice
from rules.values.kinds import (
    ANY,
    WANT,
    Number,
    Type,
    add,
    compare_hint,
    divide,
    least_exact,
    multiply,
    say_type,
    subtract,
    two_currencies,
    type_fits,
)
from rules.values.piece_prices import piece_discount, piece_price
from rules.values.wording import format_expression as write

NUMBER = "a number"

TEXT = "text"

AGGREGATES = ("sum", "count", "any", "all", "latest")

WORLDLY = (
    "round",
    "in_base",
    "price_in_base",
    "base_unit",
    "number_of",
    "text",
    "date_of",
    "due_of",
    "e_invoice_class",
    "was",
)

Report = Callable[[Problem], None]

_LIKE_PLACES = {"2": "0.01", "3": "0.001", "4": "0.0001"}
"""A step of round that was surely meant as a number of decimals -> the step that gives them."""

_HUNDRED = Decimal(100)

LITERAL = {"yes_no": "yesno"}


@dataclass(frozen=True, slots=True)
class Function:
    """A pure function of known values; `takes` names its arguments for messages.

    A function that `rounds` gives a decimal, also for fractions.
    """

    name: str
    takes: tuple[str, ...]
    gives: str  # a type word, or `first`: the type of the first argument
    run: Callable[..., Any]
    words: str
    level: str = "exact"
    many: bool = False
    rounds: bool = False


def is_whole(value: Number) -> bool:
    """Check whether a number has no decimals."""
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return value.denominator == 1


def collapse_spaces(text: str) -> str:
    """Return a text without control characters and with single spaces between words."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in text)
    return " ".join("".join(kept).split())


def net_of_tax(gross: Number, rate: Number) -> Number:
    """Return an amount without the tax at this rate that it contains."""
    return divide(gross, add(Decimal(1), rate))


def tax(amount: Number, rate: Number) -> Number:
    """Return the tax on an amount at this rate."""
    return multiply(amount, rate)


def tax_key(name: str, rate: Number) -> str:
    """Return a tax's name with its rate, as the keys of tax code maps: 0.1 is 10%.

    >>> tax_key("SST", Decimal("0.1")), tax_key("GST ", Decimal("0.0600")), tax_key("", Decimal(0))
    ('SST 10%', 'GST 6%', '0%')
    """
    percent = multiply(rate, _HUNDRED)
    text = number_text(percent) if isinstance(percent, Decimal) else str(percent)
    return f"{name.strip()} {text}%".lstrip()


def absolute(value: Number) -> Number:
    """Return the absolute value."""
    return value if value >= 0 else subtract(Decimal(0), value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word."""
    names = sorted(set(known))
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return Meant(f"Did you mean '{near[0]}'?", word, near[0])
    if not names:
        return "Nothing of that kind is declared yet: declare it first."
    return f"Known here: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."


class CallTypes(ABC):
    """Infer the types of function calls: `_call_NAME` returns the type of calls of NAME.

    Problems are passed to `report`. The subclass infers the types of all other expressions.
    """

    def __init__(self, scope: Scope, report: Report) -> None:
        self.scope = scope
        self.report = report

    def say(self, code: str, message: str, hint: str, span: Span) -> Type:
        """Report a problem and return ANY, which fits everywhere and causes no second problem."""
        self.report(Problem(code, message, hint, span))
        return ANY

    @abstractmethod
    def of(self, expr: nodes.Expr) -> Type:
        """Return an expression's type."""

    def _map(self, expr: nodes.Call) -> Type:
        self._arguments(expr, ("text",))
        rows = self.scope.index.maps[expr.name].rows
        return Type(LITERAL.get(rows[0].value.kind, rows[0].value.kind)) if rows else Type("text")

    def _pure(self, expr: nodes.Call) -> Type:
        function = PURE[expr.name]
        kinds = tuple("numeric" if t == NUMBER else "text" for t in function.takes)
        if function.many and len(expr.args) > len(kinds):
            kinds = ("numeric",) * len(expr.args)
        found = self._arguments(expr, kinds)
        if function.gives != "first":
            return Type(function.gives)
        currency = next((t.currency for t in found if t.currency), "")
        for arg, other in zip(expr.args, found, strict=False):
            if two_currencies(found[0], other):
                message = (
                    f"'{expr.name}' of {say_type(found[0], other)} and {say_type(other, found[0])}"
                )
                self.say("TYP08", message, compare_hint(found[0], other), arg.span)
        if expr.name == "net" and any(rate == -1 for rate in found[1].written):
            message = "'net' divides by one and the rate together, which is zero here"
            self.say("TYP04", message, "Write the rate of a tax, such as 6%.", expr.args[1].span)
        arguments = () if function.rounds else found
        level = least_exact(function.level, *(t.level for t in arguments))
        return Type(found[0].kind, level=level, currency=currency)

    def _call_round(self, expr: nodes.Call) -> Type:
        found = self._arguments(expr, ("numeric", "numeric"))
        step = expr.args[1] if len(expr.args) > 1 else None
        if step is not None and not (isinstance(step, nodes.Literal) and step.value > 0):  # type: ignore[operator]
            hint = "Write round(x, 0.01)."
            self.say("TYP06", "round needs the step written out, above zero", hint, expr.span)
        elif isinstance(step, nodes.Literal) and (places := _LIKE_PLACES.get(str(step.value))):
            message = f"round to {step.value} gives multiples of {step.value}, not decimals"
            hint = f"Write 'round({write(expr.args[0])}, {places})'."
            self.say("TYP06", message, hint, expr.span)
        return Type(found[0].kind, currency=found[0].currency)

    def _call_text(self, expr: nodes.Call) -> Type:
        (found,) = self._arguments(expr, ("written",))
        if found.level == "fraction":
            message = "a division is written as a text without being rounded"
            return self.say("TYP20", message, "Write round(…, 0.01) around it.", expr.span)
        return Type("text")

    def _call_in_base(self, expr: nodes.Call) -> Type:
        self._arguments(expr, ("count", "text", "text"))
        return self._needs_units(expr, Type("quantity"))

    def _call_price_in_base(self, expr: nodes.Call) -> Type:
        price = self._arguments(expr, ("price", "text", "text"))[0]
        return self._needs_units(expr, Type("money", level="fraction", currency=price.currency))

    def _call_base_unit(self, expr: nodes.Call) -> Type:
        self._arguments(expr, ("text",))
        return self._needs_units(expr, Type("text"))

    def _needs_units(self, expr: nodes.Call, found: Type) -> Type:
        for wrong in find_misplaced_units(expr, self.scope):
            self.report(wrong)
        if self.scope.index.ruleset.units:
            return found
        return self.say(
            "UOM02", f"'{expr.name}' needs a units table", "Declare 'units' with a base.", expr.span
        )

    def _call_date_of(self, expr: nodes.Call) -> Type:
        self._arguments(expr, ("moment",))
        return Type("date")

    def _call_e_invoice_class(self, expr: nodes.Call) -> Type:
        self._arguments(expr, ("text",))
        return Type("text")

    def _call_due_of(self, expr: nodes.Call) -> Type:
        (found,) = self._arguments(expr, ("numeric",))
        if not self.scope.bills:
            message = "'due_of' is the part of one bill, but nothing is billed here"
            hint = "Say 'bill … of … else …' in the route."
            return self.say("NAM05", message, hint, expr.span)
        return Type(found.kind, currency=found.currency)

    def _call_number_of(self, expr: nodes.Call) -> Type:
        arg = expr.args[0] if len(expr.args) == 1 else None
        name = ".".join(arg.path) if isinstance(arg, nodes.Name) else ""
        if name not in self.scope.index.routes():
            hint = did_you_mean(name, self.scope.index.routes())
            self.say("NAM06", f"nothing is posted to '{name}'", hint, expr.span)
        return Type("text")

    def _call_was(self, expr: nodes.Call) -> Type:
        arg = expr.args[0] if len(expr.args) == 1 else None
        path = arg.path if isinstance(arg, nodes.Name) else ()
        field = self.scope.index.fields.get(self.scope.record, {}).get(path[0] if path else "")
        if len(path) != 1 or not isinstance(field, nodes.Field) or field.type == "many":
            message = "'was' asks for a field of the record itself"
            hint = "Name one that is stored, not worked out and not of a line: was(total)."
            return self.say("TYP08", message, hint, expr.span)
        return self.of(expr.args[0])

    def _arguments(self, expr: nodes.Call, kinds: tuple[str, ...]) -> list[Type]:
        found = [self.of(arg) for arg in expr.args]
        if len(found) != len(kinds):
            many = "value" if len(kinds) == 1 else "values"
            message = f"'{expr.name}' takes {len(kinds)} {many}, not {len(found)}"
            form = "Write round(x, 0.01)." if expr.name == "round" else "Give exactly these."
            self.say("TYP07", message, form, expr.span)
            return (found + [ANY] * len(kinds))[: len(kinds)]
        for arg, have, want in zip(expr.args, found, kinds, strict=True):
            if not type_fits(have, want):
                message = f"'{expr.name}' wants {WANT.get(want, want)} here, not {say_type(have)}"
                self.say("TYP08", message, "Give a value of that type.", arg.span)
        if expr.where is not None:
            message = f"'{expr.name}' has no 'where'"
            self.say("TYP09", message, "Only sum, count, any, all and latest have.", expr.span)
        return found


def expand_parts(
    expr: nodes.Expr, scope: Scope, seen: frozenset[str] = frozenset()
) -> Iterator[nodes.Expr]:
    """Yield an expression with all its parts, and the parts of its computed fields."""
    yield expr
    behind = behind_name(expr, scope, seen)
    if behind is not None:
        name, formula = behind
        yield from expand_parts(formula, scope, seen | {name})
    for part in _parts(expr):
        yield from expand_parts(part, scope, seen)


def _parts(expr: nodes.Expr) -> tuple[nodes.Expr, ...]:
    if isinstance(expr, nodes.Call) and expr.name not in AGGREGATES:
        return expr.args
    return nodes.operands(expr)


def resolve_formula(expr: nodes.Expr, scope: Scope) -> nodes.Expr:
    """Return the formula of an expression that only names a computed field."""
    seen: frozenset[str] = frozenset()
    while (behind := behind_name(expr, scope, seen)) is not None:
        seen, expr = seen | {behind[0]}, behind[1]
    return expr


def find_defaults(
    expr: nodes.Expr, scope: Scope, seen: frozenset[str] = frozenset()
) -> Iterator[nodes.Otherwise]:
    """Yield each `otherwise` whose result is the value itself, not a part of a calculation."""
    behind = behind_name(expr, scope, seen)
    if behind is not None:
        name, formula = behind
        yield from find_defaults(formula, scope, seen | {name})
    elif isinstance(expr, nodes.Otherwise):
        yield expr
        for part in (expr.expr, expr.default):
            yield from find_defaults(part, scope, seen)
    elif isinstance(expr, nodes.Call) and expr.name not in AGGREGATES:
        for part in expr.args:
            yield from find_defaults(part, scope, seen)


def unrounded(
    expr: nodes.Expr, scope: Scope, places: Decimal, seen: frozenset[str] = frozenset()
) -> nodes.Expr:
    """Return the expression without `round` calls whose step is `places`, such as 0.01.

    Calls with another step stay. A computed field is replaced by its formula if the formula
    contains such a call. `seen` are the computed fields already replaced, so a cycle ends.
    """
    again = (scope, places, seen)
    if isinstance(expr, nodes.Call) and expr.name == "round" and _step(expr) == places:
        return unrounded(expr.args[0], *again)
    behind = behind_name(expr, scope, seen)
    if behind is not None:
        name, formula = behind
        exact = unrounded(formula, scope, places, seen | {name})
        return expr if exact == formula else exact
    if isinstance(expr, nodes.Arith):
        left, right = unrounded(expr.left, *again), unrounded(expr.right, *again)
        return replace(expr, left=left, right=right)
    if isinstance(expr, nodes.Negative):
        return replace(expr, expr=unrounded(expr.expr, *again))
    if isinstance(expr, nodes.Otherwise):
        inner, default = unrounded(expr.expr, *again), unrounded(expr.default, *again)
        return replace(expr, expr=inner, default=default)
    return expr


def _step(call: nodes.Call) -> object:
    step = call.args[1] if len(call.args) == 2 else None
    return step.value if isinstance(step, nodes.Literal) else None


def bill_as_whole(expr: nodes.Expr, of: nodes.Expr) -> nodes.Expr:
    """Return a part bill's expression for a complete bill.

    `line.due` becomes the full value, `due_of(x)` becomes x.
    """
    if isinstance(expr, nodes.Call) and expr.name == "due_of" and len(expr.args) == 1:
        return bill_as_whole(expr.args[0], of)
    if isinstance(expr, nodes.Name):
        return of if expr.path == ("line", "due") else expr
    if isinstance(expr, nodes.Arith):
        return replace(expr, left=bill_as_whole(expr.left, of), right=bill_as_whole(expr.right, of))
    if isinstance(expr, nodes.Negative):
        return replace(expr, expr=bill_as_whole(expr.expr, of))
    if isinstance(expr, nodes.Otherwise):
        return replace(
            expr, expr=bill_as_whole(expr.expr, of), default=bill_as_whole(expr.default, of)
        )
    if isinstance(expr, nodes.Call) and expr.name not in AGGREGATES:
        return replace(expr, args=tuple(bill_as_whole(arg, of) for arg in expr.args))
    return expr


def behind_name(
    expr: nodes.Expr, scope: Scope, seen: frozenset[str] = frozenset()
) -> tuple[str, nodes.Expr] | None:
    """Return the name and formula of the computed field that an expression names.

    None if it names no computed field, or one in `seen`, which would be a cycle.
    """
    if not isinstance(expr, nodes.Name):
        return None
    ref = scope.resolve(expr.path)
    name = ".".join(expr.path)
    if ref is None or ref.kind not in {"head", "line"} or name in seen:
        return None
    return (name, ref.field.expr) if isinstance(ref.field, nodes.Computed) else None


_ALL = (
    Function("is_whole", (NUMBER,), "yesno", is_whole, "is a whole number"),
    Function("is_tin", (TEXT,), "yesno", is_tin, "has the form of a TIN"),
    Function("tin_fault", (TEXT,), "text", tin_advice, "is what is wrong with a TIN"),
    Function("near_tin", (TEXT,), "text", near_tin, "is the TIN that is probably meant"),
    Function("words", (TEXT,), "text", collapse_spaces, "is clean text"),
    Function("match_key", (TEXT,), "text", match_key, "is a key to match by"),
    Function("abs", (NUMBER,), "first", absolute, ""),
    Function("min", (NUMBER, NUMBER), "first", min, "", many=True),
    Function("max", (NUMBER, NUMBER), "first", max, "", many=True),
    Function("net", (NUMBER, NUMBER), "first", net_of_tax, "", level="fraction"),
    Function("tax", (NUMBER, NUMBER), "first", tax, "", level="product"),
    Function("tax_key", (TEXT, NUMBER), "text", tax_key, "is a tax with its rate"),
    Function("piece_price", (NUMBER,) * 6, "first", piece_price, "", rounds=True),
    Function("piece_discount", (NUMBER,) * 6, "first", piece_discount, "", rounds=True),
)

PURE: dict[str, Function] = {f.name: f for f in _ALL}

NAMES = frozenset({*PURE, *AGGREGATES, *WORLDLY})
