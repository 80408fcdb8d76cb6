"""Find the fields that make a document's amount, and prove its total and its line amounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeVar

from grammar import nodes
from grammar.text.characters import in_currency
from grammar.text.vocabulary import Edition
from rules.documents.fields import QUANTITIES
from rules.expressions.compiler import Compiler
from rules.expressions.run import Closure, Run, is_left_out
from rules.outcomes import (
    HIT,
    NOT_APPLICABLE,
    PASS,
    Finding,
    Said,
    Verdict,
    VerdictResult,
    has_failed_check,
)
from rules.types.functions import bill_as_whole, expand_parts
from rules.types.inference import ignore_problem, infer
from rules.types.symbol_table import (
    Amounts,
    DocumentSchema,
    Index,
    Schemas,
    Scope,
    stored_currency,
)
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.kinds import (
    CONTEXT,
    CURRENCY_CODES,
    NUMERIC,
    round_half_up,
    suggest_currency,
)
from rules.values.wording import MISSING

_LINE_AMOUNTS = ("LineTotal", "SubTotal", "Amount", "LineAmount", "NetAmount")

_LINE_TAXES = ("TaxAmount", "Tax")

_TAX_CODES = ("TaxCode", "TaxType", "TaxCodeRef")

_INCLUSIVE: Mapping[str, bool | str] = {
    "InclusiveTax": True,
    "GlobalTaxCalculation": "TaxInclusive",
}

_SIDES = ("PostingType",)  # of a journal entry, whose lines are no parts of a total

ROUNDING_LINES = ("RoundingAdjustment", "RoundAdj", "Rounding")

_NET_AND_TAX = ("net", "tax")

_OWN = ("total", "tax_total", "round_off")

_NOTHING, _HALF, _PERCENT = Decimal(0), Decimal("0.5"), Decimal(100)

T = TypeVar("T")

Columns = tuple[nodes.Expr, ...]

Given = Mapping[str, nodes.Expr]

OWN_TOTAL = "own_total"

LINE_AMOUNT = "line_amount"

OTHER_CURRENCY = "other_currency"

_TOLD = 3

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class TotalFields:
    """The fields of a record that state its total, blank where there is none.

    `rounding` is the part of the total that the source itself calls rounding.
    """

    total: str
    tax: str
    rounding: str

    @staticmethod
    def of(index: Index, record: str, schemas: Schemas | None) -> TotalFields | None:
        """As the source's schema says, else by the usual names; None where nothing says it."""
        declared = index.records.get(record)
        known = schemas.kind(declared.source or "", record) if schemas and declared else None
        if known is not None:
            told = [getattr(known, f"{name}_field", None) for name in ("total", "tax", "rounding")]
        else:
            told = [name if _is_stored_money(index, record, name) else None for name in _OWN]
        total, tax, rounding = (name or "" for name in told)
        return TotalFields(total, tax, rounding) if total else None

    def read(self, index: Index, record: str) -> TotalFields | None:
        """What of it the rules read; None without the total."""
        names = (self.total, self.tax, self.rounding)
        total, tax, rounding = (s if _is_stored_money(index, record, s) else "" for s in names)
        return TotalFields(total, tax, rounding) if total else None


def _is_stored_money(index: Index, record: str, name: str) -> bool:
    field = index.fields.get(record, {}).get(name)
    return isinstance(field, nodes.Field) and field.type == "money"


@dataclass(frozen=True, slots=True)
class LineParts:
    """One line (or the one row) of a route by the fields that the target's definition names.

    A number that is written as a text is the number here.
    """

    defined: Amounts
    fields: Given

    def __getitem__(self, part: str) -> nodes.Expr | None:
        given = self.fields.get(getattr(self.defined, part))
        return given.args[0] if isinstance(given, nodes.Call) and given.name == "text" else given


@dataclass(frozen=True, slots=True)
class AmountParts:
    """The fields of a document that make its amount; `columns` are worked out on each line.

    `total` is the header's own, if it gives one. `reckoned` are the columns that the target works
    out again from quantity and price, if it does. With `in_header`, the header is the one row; with
    `holds_tax`, the amount of a line is both columns together, else the first. The second, the tax,
    is summed for each `code` separately, if there is one.
    """

    total: nodes.Assign | None
    rounding_line: nodes.Assign | None
    columns: Columns
    reckoned: Columns
    in_header: bool = False
    holds_tax: bool = False
    code: nodes.Expr | None = None

    @staticmethod
    def of(
        index: Index, post: nodes.Post, known: DocumentSchema | None, total: str
    ) -> AmountParts | None:
        """The parts of a route's amount; None where its documents do not show them."""
        head = Scope(index, post.record, document=True, bills=post.bill is not None)
        defined: Amounts | None = getattr(known, "amounts", None)
        row = _is_row(post, defined)
        of_row = {a.name: a.expr for a in (post.fields if row else post.line_fields)}
        line = LineParts(defined or _by_name(of_row, {a.name: a.expr for a in post.fields}), of_row)
        aside = {line.defined.amount, line.defined.tax} if row else set[str]()
        money = {a.name: a for a in _money_assignments(post, head, known) if a.name not in aside}
        given = money.pop(total, None) if post.bill is None else None
        money.pop((known.total_field if known else total) or "", None)
        rounding = next((money.pop(name) for name in ROUNDING_LINES if name in money), None)
        scope = head if row else replace(head, line=True)
        columns, reckoned = _columns(
            post, line, scope, anew=bool(getattr(known, "reckons", False)), named=defined is None
        )
        if money or not columns:
            return None
        holds = line.defined.tax_is != "beside" or bool(_holds_tax(post, line.defined))
        code = line["code"] if line.defined.by_code and len(columns) == len(_NET_AND_TAX) else None
        return AmountParts(given, rounding, columns, reckoned, row, holds, code)

    def at_once(self, bill: nodes.Bill | None) -> tuple[Columns, Columns]:
        """Columns and reckoned ones of the whole record, as if all of it were billed at once."""
        if bill is None:
            return self.columns, self.reckoned
        made = [
            tuple(bill_as_whole(e, bill.of) for e in side) for side in (self.columns, self.reckoned)
        ]
        return made[0], made[1]


def _is_row(post: nodes.Post, defined: Amounts | None) -> bool:
    return defined is not None and defined.amount in {a.name for a in post.fields}


def _by_name(fields: Given, head: Given) -> Amounts:
    def first(names: tuple[str, ...]) -> str:
        return next((name for name in names if name in fields), "")

    return _Named(
        amount=first(_LINE_AMOUNTS),
        tax=first(_LINE_TAXES),
        code=first(_TAX_CODES),
        quantity=first(QUANTITIES),
        inclusive=next((told for told in _INCLUSIVE.items() if told[0] in head), None),
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """The definition of a target that is not described, by the usual names."""

    amount: str
    tax: str
    code: str
    quantity: str
    inclusive: tuple[str, bool | str] | None
    price: str = "UnitPrice"
    discount: str = "DiscountAmount"
    tax_is: str = "beside"
    by_code: bool = False
    rate: str = "TaxRate"
    moves: Decimal = _NOTHING
    listed: bool = True


def _money_assignments(
    post: nodes.Post, scope: Scope, known: DocumentSchema | None
) -> Iterator[nodes.Assign]:
    """What of the header is an amount: as the target says, else by what it is made of."""
    if known is not None and known.header:
        names = {f.name for f in known.header if f.type == "money"}
        yield from (assign for assign in post.fields if assign.name in names)
        return
    yield from (a for a in post.fields if infer(a.expr, scope, ignore_problem).kind == "money")


def _columns(
    post: nodes.Post, line: LineParts, scope: Scope, *, anew: bool, named: bool
) -> tuple[Columns, Columns]:
    """What of a line counts: its amount without tax, and its tax; and the same worked out again."""
    amount, tax, code = line["amount"], line["tax"], line["code"]
    holds = line.defined.tax_is != "beside" or _holds_tax(post, line.defined)
    if holds is None or any(name in line.fields for name in _SIDES):
        return (), ()
    if named and tax is not None and amount is not None:
        holds = holds or tax in set(expand_parts(amount, scope))
    taxed = code is not None and not _is_blank(code)
    if tax is None and taxed and not holds:
        return (), ()  # the target adds a tax that nobody told us
    net = net_of(line, scope) if anew else None
    if line.defined.tax_is == "added" and tax is None and taxed:
        net = None
    reckoned = () if net is None else _with_tax(net, tax, less=holds and not _adds(line, named))
    if amount is None:
        return reckoned, reckoned
    return _with_tax(amount, tax, less=holds), reckoned


def _holds_tax(post: nodes.Post, defined: Amounts) -> bool | None:
    """Whether the amounts of the lines hold their tax by a word of the header; None: who knows."""
    if defined.inclusive is None:
        return False
    name, word = defined.inclusive
    told = next((a.expr for a in post.fields if a.name == name), None)
    if told is None:
        return False
    return told.value == word if isinstance(told, nodes.Literal) else None


def _is_blank(expr: nodes.Expr) -> bool:
    return isinstance(expr, nodes.Literal) and expr.value == ""


def _with_tax(amount: nodes.Expr, tax: nodes.Expr | None, *, less: bool) -> Columns:
    if tax is None:
        return (amount,)
    return (nodes.Arith("-", amount, tax, amount.span) if less else amount, tax)


def _adds(line: LineParts, named: bool) -> bool:
    """Whether quantity times price is still without the tax that the amount holds."""
    return named or line.defined.tax_is == "added"


def split_tax_by_code(
    net: Sequence[T], tax: Sequence[T], codes: Sequence[object]
) -> list[Sequence[T]]:
    """The same columns, with one for the tax of each code.

    >>> split_tax_by_code([10, 20, 30], [1, 2, 3], ["S", "Z", "S"])
    [[10, 20, 30], [1, 3], [2]]
    """
    found: dict[object, list[T]] = {}
    for amount, code in zip(tax, codes, strict=True):
        found.setdefault(code, []).append(amount)
    return [net, *found.values()]


def shows_money(post: nodes.Post, known: DocumentSchema) -> bool:
    """Whether a route's documents say any amount, in the header or on a line."""
    money = {f.name for f in (*known.header, *known.lines) if f.type == "money"}
    return any(a.name in money for a in (*post.fields, *post.line_fields))


def posts_tax(post: nodes.Post, known: DocumentSchema | None) -> bool:
    """Whether a route says the tax: as an amount, or that its amounts hold it."""
    defined: Amounts | None = getattr(known, "amounts", None)
    given = {a.name: a.expr for a in (*post.fields, *post.line_fields)}
    taxes = (defined.tax,) if defined else _LINE_TAXES
    within = defined is not None and (defined.tax_is == "inside" or _holds_tax(post, defined))
    return bool(within) or any(name in given for name in taxes)


def net_of(line: LineParts, scope: Scope) -> nodes.Expr | None:
    """Quantity times price, less the discount; None where the line does not say it in numbers."""
    quantity, price, discount = line["quantity"], line["price"], line["discount"]
    if quantity is None or price is None:
        return None
    net: nodes.Expr = nodes.Arith("*", quantity, price, price.span)
    if discount is None or _is_blank(discount):
        return net
    if infer(discount, scope, ignore_problem).kind not in NUMERIC:
        return None
    return nodes.Arith("-", net, discount, price.span)


def line_of(post: nodes.Post, known: DocumentSchema | None) -> LineParts | None:
    """The lines of a route by the target's definition, where that is known and they are lines."""
    defined: Amounts | None = getattr(known, "amounts", None)
    if defined is None or _is_row(post, defined):
        return None
    return LineParts(defined, {a.name: a.expr for a in post.line_fields})


@dataclass(frozen=True, slots=True)
class TaxedParts:
    """The parts of a line that names a tax and its code; or of the header, which is the one row."""

    parts: LineParts
    in_header: bool


def taxed_line_of(post: nodes.Post, known: DocumentSchema) -> TaxedParts | None:
    """The line of a route that gives an amount, its tax and its tax code; None without them."""
    defined: Amounts | None = getattr(known, "amounts", None)
    if defined is None or not (defined.tax and defined.code):
        return None
    in_header = _is_row(post, defined)
    fields = post.fields if in_header else post.line_fields
    parts = LineParts(defined, {a.name: a.expr for a in fields})
    if any(parts[name] is None for name in ("amount", "tax", "code")):
        return None
    return TaxedParts(parts, in_header)


class OwnTotal:
    """The total of a record, by the field that its source gives it in."""

    def __init__(self, compiler: Compiler, own: TotalFields) -> None:
        scope = Scope(compiler.index, compiler.record)
        span = compiler.index.fields[compiler.record][own.total].span
        self.own = own
        self.labels = {own.total, own.tax, own.rounding} - {""}
        self.assign = nodes.Assign(own.total, nodes.Name((own.total,), span), span)
        self.total = compiler.guarded(self.assign.expr, scope, OWN_TOTAL, "")
        self.rounding: Closure | None = None
        if own.rounding:
            rounding = nodes.Name((own.rounding,), span)
            self.rounding = compiler.guarded(rounding, scope, OWN_TOTAL, "")

    def near(self, run: Run, amount: Any) -> Any:
        """Return the total, or the total without the source's rounding if that is nearer to amount.

        A blank or unreadable rounding counts as none.
        """
        total: Any = self.total(run)
        rounding: Any = self.rounding(run) if self.rounding is not None else None
        if not all(type(value) is Decimal for value in (total, rounding, amount)):
            return total
        without = CONTEXT.subtract(total, rounding)
        is_nearer = abs(CONTEXT.subtract(without, amount)) < abs(CONTEXT.subtract(total, amount))
        return without if is_nearer else total


class OwnTotalProgram:
    """The proof that the total in a document's header is the record's own."""

    def __init__(
        self,
        compiler: Compiler,
        post: nodes.Post,
        target: nodes.Target,
        told: OwnTotal,
        head: nodes.Assign,
    ) -> None:
        scope = Scope(compiler.index, compiler.record, document=True, bills=post.bill is not None)
        self.told, self.target, self.route, self.name = told, target, str(post.route), head.name
        self.owner = target.tolerance_action.role or compiler.owner
        self.in_words = compiler.currencies.amount
        self.total = compiler.guarded(head.expr, scope, OWN_TOTAL, "")
        self.trusts_releases = compiler.index.edition < Edition.EIGHTH

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        total: str,
        target: nodes.Target | None,
        told: OwnTotal | None,
    ) -> OwnTotalProgram | None:
        """The proof of a route; None where its header names no total, or just the record's own."""
        head = next((a for a in post.fields if a.name == total), None)
        if head is None or target is None or told is None or post.bill is not None:
            return None
        if head.expr == told.assign.expr:
            return None
        return OwnTotalProgram(compiler, post, target, told, head)

    def is_exact(self, run: Run) -> bool:
        """Whether both are the same."""
        total = self.total(run)
        return bool(self.told.near(run, total) == total)

    def judge(self, run: Run, said: Said) -> Said:
        """Nothing where both are the same, where one is missing, which its field tells, or where a
        check that stops the record has found it.
        """
        total = self.total(run)
        own = self.told.near(run, total)
        if not isinstance(total, Decimal) or not isinstance(own, Decimal) or total == own:
            return Said()
        if has_failed_check(said, self.told.labels, released=self.trusts_releases):
            return Said()
        left, words = CONTEXT.subtract(total, own), self.in_words
        text = (
            f"{self.name} is {words(run, total)}, but the record says {self.told.own.total} "
            f"{words(run, own)}: {words(run, abs(left))} {'more' if left > 0 else 'less'}."
        )
        released = (self.route, OWN_TOTAL) in run.facts.releases
        result = PASS if abs(left) <= self.target.tolerance else HIT
        verdict = self._verdict(result, total, own, text)
        if released or result == PASS:
            return Said([replace(verdict, released=released)])
        return Said([verdict], [self._finding(text)])

    def _verdict(self, result: VerdictResult, total: Decimal, own: Decimal, text: str) -> Verdict:
        shown = ((self.name, _money_text(total)), (self.told.own.total, _money_text(own)))
        span = self.target.tolerance_action.span
        return Verdict(OWN_TOTAL, "rounding", self.route, result, span, shown, None, text)

    def _finding(self, text: str) -> Finding:
        action = self.target.tolerance_action
        return Finding(
            code="RND04",
            error_class="business_rule",
            rule=OWN_TOTAL,
            route=self.route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=self.owner,
            message=text,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, OWN_TOTAL),
            cause_label=f"The total for {self.target.name} is not the record's own",
            would_pass=f"{self.name} is what the record says in {self.told.own.total}",
            span=action.span,
        )


def _money_text(value: Decimal) -> str:
    return number_text(value, 2)


class CurrencyProgram:
    """The proof that one route's documents are in the currency of their record's amounts.

    `stated` is the record's field with its amount, `named` the document's field with its currency,
    and `amount` the one with its amount; each is blank where there is none.
    """

    def __init__(
        self, compiler: Compiler, post: nodes.Post, *, stated: str, named: str, amount: str
    ) -> None:
        bills = post.bill is not None
        scope = Scope(compiler.index, compiler.record, document=True, bills=bills)
        exprs = {assign.name: assign.expr for assign in post.fields}
        self.named, self.amount = (
            compiler.guarded(exprs[name], scope, OTHER_CURRENCY, "") if name in exprs else None
            for name in (named, amount)
        )
        self.stated = compiler.field(stated, scope) if stated else None
        self.record, self.base = compiler.record, compiler.currencies.base
        self.read = stored_currency(compiler.index, compiler.record)
        target = compiler.index.targets.get(post.route.target)
        self.owner = (target.tolerance_action.role if target else "") or compiler.owner
        self.route, self.span = str(post.route), post.span
        self.says_converted = post.uncompared is not None

    def differs(self, run: Run) -> bool:
        """Check whether the document is in another currency than the record, both being known."""
        here, there = self._codes(run)
        return here != there and bool(here and there)

    def judge(self, run: Run, made: Decimal | None) -> Said:
        """Hold a document in another currency whose amount is still the record's.

        `made` is what the target makes of the lines, where the document names no amount. Rules that
        convert amounts say why these are not compared with the record's.
        """
        if not self.differs(run):
            return Said()
        own = self.stated(run) if self.stated is not None else None
        amount = self.amount(run) if self.amount is not None else made
        is_known = isinstance(own, Decimal) and isinstance(amount, Decimal)
        if self.says_converted and (own != amount if is_known else self.stated is None):
            return Said()
        here, there = self._codes(run)
        record = self.record.replace("_", " ")
        text = f"The document is in {there} and the {record} in {here}."
        if isinstance(own, Decimal):
            text = (
                f"The document is in {there} and the {record} in {here}: {in_currency(own, here)} "
                f"would be posted as {in_currency(own, there)}."
            )
        released = (self.route, OTHER_CURRENCY) in run.facts.releases
        shown = (("currency of the record", here), ("currency of the document", there))
        verdict = Verdict(
            OTHER_CURRENCY, "rounding", self.route, HIT, self.span, shown, None, text, released
        )
        return Said([verdict], [] if released else [self._finding(text, here, there)])

    def _codes(self, run: Run) -> tuple[str, str]:
        """Return the currencies of the record and of the document; blank where unknown."""
        stated = run.currency.strip()
        if self.read:  # another word has a hold of its own, or a map that says what it means
            here = stated if stated in CURRENCY_CODES else ""
        else:
            here = suggest_currency(stated) or stated
        if self.named is None:
            return here, "" if self.read else self.base
        value = self.named(run)
        return here, suggest_currency(value) if isinstance(value, str) else ""

    def _finding(self, text: str, here: str, there: str) -> Finding:
        return Finding(
            code="CUR02",
            error_class="business_rule",
            rule=OTHER_CURRENCY,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Its amounts are not converted. Nothing was sent.",
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, f"{OTHER_CURRENCY}:{here}-{there}"),
            cause_label=f"Amounts in {here} in a document in {there}",
            would_pass=f"the document is in {here}, or the rules convert its amounts and say so",
            span=self.span,
        )


def not_compared(run: Run, route: str, said: nodes.Uncompared, told: OwnTotal) -> Said:
    """That the rules leave the comparison out, and why."""
    total = told.total(run)
    shown = ((told.own.total, _money_text(total) if isinstance(total, Decimal) else MISSING),)
    text = f"The amount is not compared with {told.own.total}: “{said.reason}”"
    return Said(
        [Verdict(OWN_TOTAL, "rounding", route, NOT_APPLICABLE, said.span, shown, None, text)]
    )


class LineAmountProgram:
    """The proof of the lines of one route's documents."""

    def __init__(
        self,
        compiler: Compiler,
        post: nodes.Post,
        target: nodes.Target,
        line: LineParts,
        price_places: int,
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
        compiler: Compiler,
        post: nodes.Post,
        known: DocumentSchema | None,
        target: nodes.Target | None,
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
        for number, row in enumerate(run.lines, start=1):
            if is_left_out(run, row):
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
        operands = [
            (self._name(part), _shown(part, value, _money_text)) for part, value in told.items()
        ]
        operands.append(("its parts make", _money_text(made)))
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
