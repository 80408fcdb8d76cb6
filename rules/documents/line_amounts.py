"""The amount of each line against its own parts, as the target's schema defines it.

Here: LineAmountProgram: quantity times price, less the discount, with the tax where the target adds
it. A price that uses all its places may have been rounded, and explains as much for each piece; the
part of an amount that falls on a bill may be one unit of the last place off. Not here: what all
lines make together (rounding.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from grammar import nodes as n
from rules.documents.totals import Line, line_of
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, Finding, Verdict
from rules.types.outside_schemas import DocumentSchema
from rules.types.symbol_table import Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.numbers import CONTEXT, round_half_up

LINE_AMOUNT = "line_amount"
_NOTHING, _HALF, _PERCENT = Decimal(0), Decimal("0.5"), Decimal(100)
_TOLD = 3
Values = Sequence[Any]


class LineAmountProgram:
    """The proof of the lines of one route's documents."""

    def __init__(
        self, compiler: Compiler, post: n.Post, target: n.Target, line: Line, price_places: int
    ) -> None:
        scope = Scope(
            compiler.index, compiler.record, line=True, document=True, bills=post.bill is not None
        )
        self.target, self.route, self.defined = target, str(post.route), line.defined
        self.owner = target.tolerance_action.role or compiler.owner
        self.in_words = compiler.currencies.amount
        self.adds = line.defined.tax_is == "added"
        wanted = ("amount", "quantity", "price", "discount", *(("tax",) if self.adds else ()))
        self.parts = tuple(part for part in wanted if line[part] is not None)
        exprs = [line[part] for part in self.parts]
        self.asked = tuple(expr for expr in exprs if expr is not None)
        self.closures = [compiler.guarded(e, scope, LINE_AMOUNT, "") for e in self.asked]
        self.finest = Decimal(1).scaleb(-price_places)
        self.parted = post.bill is not None

    @staticmethod
    def of(
        compiler: Compiler, post: n.Post, known: DocumentSchema | None, target: n.Target | None
    ) -> LineAmountProgram | None:
        """The proof of a route; None where its target defines no line, or the route says less."""
        line = line_of(post, known)
        if line is None or target is None or known is None:
            return None
        if any(line[part] is None for part in ("amount", "quantity", "price")):
            return None
        if line.defined.tax_is == "added" and line["tax"] is None and line["code"] is not None:
            return None  # the target adds a tax that nobody told us
        price = next((f for f in known.lines if f.name == line.defined.price), None)
        places = price.places if price is not None and price.places is not None else 2
        return LineAmountProgram(compiler, post, target, line, places)

    def is_exact(self, rows: Iterable[Values]) -> bool:
        """Whether every line is what its parts make; `rows` are the values of `asked`."""
        for values in rows:
            told = dict(zip(self.parts, values, strict=True))
            made = self._made(told)
            if made is None or told["amount"] != made[0]:
                return False
        return True

    def judge(self, run: Run) -> Said:
        """A verdict for each line that is wrong, and one finding that names the first of them."""
        run.spend(len(run.lines))
        said, wrong = Said(), dict[int, str]()
        released = (self.route, LINE_AMOUNT) in run.facts.releases
        bill = run.route.bill
        for number, row in enumerate(run.lines, start=1):
            if bill is not None and bill.leaves_out(row):
                continue
            run.line = row
            told = {p: c(run) for p, c in zip(self.parts, self.closures, strict=True)}
            made = self._made(told)
            if made is None or self._explains(told, *made):
                continue
            left = CONTEXT.subtract(told["amount"], made[0])
            if abs(left) <= self.target.tolerance:
                continue
            wrong[number] = self._words(run, number, told, made[0], left)
            said.verdicts.append(self._verdict(number, told, made[0], wrong[number], released))
        if wrong and not released:
            said.findings.append(self._finding(wrong))
        return said

    def _made(self, told: dict[str, Any]) -> tuple[Decimal, Decimal] | None:
        """What the parts of a line make, rounded and exactly; None where one is no number."""
        quantity, price = told["quantity"], told["price"]
        if not all(isinstance(value, Decimal) for value in (told["amount"], quantity, price)):
            return None
        places = self.target.places
        net = CONTEXT.multiply(quantity, price)
        if "discount" in told:
            discount = _discount(told["discount"], round_half_up(net, places))
            if discount is None:
                return None
            net = CONTEXT.subtract(net, discount)
        tax = told.get("tax", _NOTHING)
        if not isinstance(tax, Decimal):
            return None
        rounded = CONTEXT.add(round_half_up(net, places), round_half_up(tax, places))
        return rounded, CONTEXT.add(net, tax)

    def _explains(self, told: dict[str, Any], rounded: Decimal, exact: Decimal) -> bool:
        """Whether the amount is what its parts make, but for a price that was rounded, or a part of
        an amount that falls on one bill.
        """
        if told["amount"] == rounded:
            return True
        places, exponent = self.target.places, told["price"].normalize().as_tuple().exponent
        slack = places if self.parted else _NOTHING
        if isinstance(exponent, int) and Decimal(1).scaleb(exponent) <= self.finest:
            slack += abs(told["quantity"]) * self.finest * _HALF
        most = slack + places * _HALF
        return bool(slack) and abs(CONTEXT.subtract(told["amount"], exact)) <= most

    # ---- in words -----------------------------------------------------------------------------

    def _words(
        self, run: Run, number: int, told: dict[str, Any], made: Decimal, left: Decimal
    ) -> str:
        said = partial(self.in_words, run)
        shown = {
            part: f"{self._name(part)} {_shown(part, value, said)}" for part, value in told.items()
        }
        how = f"{shown['quantity']} × {shown['price']}"
        how += f" − {shown['discount']}" if "discount" in shown else ""
        how += f" + {shown['tax']}" if "tax" in shown else ""
        side = "more" if left > 0 else "less"
        return (
            f"Line {number}: {self._name('amount')} is {said(told['amount'])}, but {how} makes "
            f"{said(made)}: {said(abs(left))} {side}."
        )

    def _name(self, part: str) -> str:
        name: str = getattr(self.defined, part)
        return name

    def _verdict(
        self, number: int, told: dict[str, Any], made: Decimal, text: str, released: bool
    ) -> Verdict:
        operands = [(self._name(part), _shown(part, value, _money)) for part, value in told.items()]
        operands.append(("its parts make", _money(made)))
        span = self.target.tolerance_action.span
        return Verdict(
            LINE_AMOUNT, "rounding", self.route, HIT, span, tuple(operands), number, text, released
        )

    def _finding(self, wrong: dict[int, str]) -> Finding:
        action, more = self.target.tolerance_action, len(wrong) - _TOLD
        text = " ".join(list(wrong.values())[:_TOLD])
        name = self._name("amount")
        return Finding(
            code="RND05",
            error_class="business_rule",
            rule=LINE_AMOUNT,
            route=self.route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=self.owner,
            message=f"{text} So are {more} more." if more > 0 else text,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, LINE_AMOUNT),
            cause_label=f"{name} is not what the line makes for {self.target.name}",
            would_pass=f"{name} is what its parts make",
            span=action.span,
            lines=tuple(wrong),
        )


def _discount(value: Any, gross: Decimal) -> Decimal | None:
    """A discount as an amount; a text is an amount or a part in percent, as AutoCount takes it."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if text.endswith("%"):
            return round_half_up(gross * Decimal(text[:-1]) / _PERCENT, Decimal("0.01"))
        return Decimal(text) if text else _NOTHING
    except InvalidOperation:
        return None


def _shown(part: str, value: Any, money: Callable[[Decimal], str]) -> str:
    if not isinstance(value, Decimal):
        return str(value)
    return number_text(value) if part == "quantity" else money(value)


def _money(value: Decimal) -> str:
    return number_text(value, 2)
