"""Find the fields that make a document's amount, and prove its total and its line amounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeVar

from grammar import nodes
from grammar.text.characters import in_currency
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
from rules.types.symbol_table import Amounts, DocumentSchema, Index, Schemas, Scope, stored_currency
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.kinds import CONTEXT, CURRENCY_CODES, NUMERIC, round_half_up, suggest_currency
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

_SHOWN_LINES = 3

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class TotalFields:
    """Name the record's fields that state its total, blank if there is none.

    `rounding` is the part of the total that the source itself calls rounding.
    """

    total: str
    tax: str
    rounding: str

    @staticmethod
    def of(index: Index, record: str, schemas: Schemas | None) -> TotalFields | None:
        """Return the fields from the source's schema, else by their usual names. None without a
        total.
        """
        declared = index.records.get(record)
        schema = schemas.kind(declared.source or "", record) if schemas and declared else None
        if schema is not None:
            field_names = [
                getattr(schema, f"{name}_field", None) for name in ("total", "tax", "rounding")
            ]
        else:
            field_names = [name if _is_stored_money(index, record, name) else None for name in _OWN]
        total, tax, rounding = (name or "" for name in field_names)
        return TotalFields(total, tax, rounding) if total else None

    def read(self, index: Index, record: str) -> TotalFields | None:
        """Return the fields that the rules read, or None if they do not read the total."""
        names = (self.total, self.tax, self.rounding)
        total, tax, rounding = (
            name if _is_stored_money(index, record, name) else "" for name in names
        )
        return TotalFields(total, tax, rounding) if total else None


def _is_stored_money(index: Index, record: str, name: str) -> bool:
    field = index.fields.get(record, {}).get(name)
    return isinstance(field, nodes.Field) and field.type == "money"


@dataclass(frozen=True, slots=True)
class LineParts:
    """Map the fields that the target's definition names to their expressions, for one line or the
    header.

    A number that is written as text counts as the number.
    """

    defined: Amounts
    fields: Given

    def __getitem__(self, part: str) -> nodes.Expr | None:
        expr = self.fields.get(getattr(self.defined, part))
        return expr.args[0] if isinstance(expr, nodes.Call) and expr.name == "text" else expr


@dataclass(frozen=True, slots=True)
class AmountParts:
    """The fields of a document that make up its amount; `columns` are evaluated on each line.

    `total` is the header's own, if any. `reckoned` are the columns that the target recomputes from
    quantity and price, if it does. With `in_header`, the header is the only row; with `holds_tax`,
    a line's amount is the sum of its two columns, else the first. The second, the tax, is summed
    for each `code` separately, if there is one.
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
        index: Index, post: nodes.Post, schema: DocumentSchema | None, total: str
    ) -> AmountParts | None:
        """Return the parts of a route's amount, or None if its documents do not show them."""
        head = Scope(index, post.record, document=True, bills=post.bill is not None)
        defined: Amounts | None = getattr(schema, "amounts", None)
        is_row = _is_row(post, defined)
        of_row = {a.name: a.expr for a in (post.fields if is_row else post.line_fields)}
        line = LineParts(defined or _by_name(of_row, {a.name: a.expr for a in post.fields}), of_row)
        row_fields = {line.defined.amount, line.defined.tax} if is_row else set[str]()
        money = {
            a.name: a for a in _money_assignments(post, head, schema) if a.name not in row_fields
        }
        stated_total = money.pop(total, None) if post.bill is None else None
        money.pop((schema.total_field if schema else total) or "", None)
        rounding = next((money.pop(name) for name in ROUNDING_LINES if name in money), None)
        scope = head if is_row else replace(head, line=True)
        columns, reckoned = _columns(
            post,
            line,
            scope,
            recompute=bool(getattr(schema, "reckons", False)),
            by_usual_names=defined is None,
        )
        if money or not columns:
            return None
        holds_tax = line.defined.tax_is != "beside" or bool(_holds_tax(post, line.defined))
        code = line["code"] if line.defined.by_code and len(columns) == len(_NET_AND_TAX) else None
        return AmountParts(stated_total, rounding, columns, reckoned, is_row, holds_tax, code)

    def at_once(self, bill: nodes.Bill | None) -> tuple[Columns, Columns]:
        """Return (columns, reckoned) of all of the record, as if it were billed in one part."""
        if bill is None:
            return self.columns, self.reckoned
        full_bills = [
            tuple(bill_as_whole(e, bill.of) for e in exprs)
            for exprs in (self.columns, self.reckoned)
        ]
        return full_bills[0], full_bills[1]


def _is_row(post: nodes.Post, defined: Amounts | None) -> bool:
    return defined is not None and defined.amount in {a.name for a in post.fields}


def _by_name(fields: Given, head: Given) -> Amounts:
    def first(names: tuple[str, ...]) -> str:
        return next((name for name in names if name in fields), "")

    return _UsualNames(
        amount=first(_LINE_AMOUNTS),
        tax=first(_LINE_TAXES),
        code=first(_TAX_CODES),
        quantity=first(QUANTITIES),
        inclusive=next((item for item in _INCLUSIVE.items() if item[0] in head), None),
    )


@dataclass(frozen=True, slots=True)
class _UsualNames:
    """Define the line fields of a target without a schema, by their usual names."""

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
    post: nodes.Post, scope: Scope, schema: DocumentSchema | None
) -> Iterator[nodes.Assign]:
    """Yield the header's amounts from the target's schema, or else its fields of type money."""
    if schema is not None and schema.header:
        names = {f.name for f in schema.header if f.type == "money"}
        yield from (assign for assign in post.fields if assign.name in names)
        return
    yield from (a for a in post.fields if infer(a.expr, scope, ignore_problem).kind == "money")


def _columns(
    post: nodes.Post, line: LineParts, scope: Scope, *, recompute: bool, by_usual_names: bool
) -> tuple[Columns, Columns]:
    """Return a line's columns (net amount, tax), and the columns as the target recomputes them."""
    amount, tax, code = line["amount"], line["tax"], line["code"]
    includes_tax = line.defined.tax_is != "beside" or _holds_tax(post, line.defined)
    if includes_tax is None or any(name in line.fields for name in _SIDES):
        return (), ()
    if by_usual_names and tax is not None and amount is not None:
        includes_tax = includes_tax or tax in set(expand_parts(amount, scope))
    taxed = code is not None and not _is_blank(code)
    if tax is None and taxed and not includes_tax:
        return (), ()  # the target adds a tax that the rules do not know
    net = net_of(line, scope) if recompute else None
    if line.defined.tax_is == "added" and tax is None and taxed:
        net = None
    reckoned = (
        ()
        if net is None
        else _with_tax(net, tax, subtract_tax=includes_tax and not _lacks_tax(line, by_usual_names))
    )
    if amount is None:
        return reckoned, reckoned
    return _with_tax(amount, tax, subtract_tax=includes_tax), reckoned


def _holds_tax(post: nodes.Post, defined: Amounts) -> bool | None:
    """Check whether a header field declares that the line amounts include tax; None if that is
    unknown.
    """
    if defined.inclusive is None:
        return False
    name, word = defined.inclusive
    declared = next((a.expr for a in post.fields if a.name == name), None)
    if declared is None:
        return False
    return declared.value == word if isinstance(declared, nodes.Literal) else None


def _is_blank(expr: nodes.Expr) -> bool:
    return isinstance(expr, nodes.Literal) and expr.value == ""


def _with_tax(amount: nodes.Expr, tax: nodes.Expr | None, *, subtract_tax: bool) -> Columns:
    if tax is None:
        return (amount,)
    return (nodes.Arith("-", amount, tax, amount.span) if subtract_tax else amount, tax)


def _lacks_tax(line: LineParts, by_usual_names: bool) -> bool:
    """Check whether quantity times price is without the tax that the amount includes."""
    return by_usual_names or line.defined.tax_is == "added"


def split_tax_by_code(
    net: Sequence[T], tax: Sequence[T], codes: Sequence[object]
) -> list[Sequence[T]]:
    """Return the columns with a separate tax column for each code.

    >>> split_tax_by_code([10, 20, 30], [1, 2, 3], ["S", "Z", "S"])
    [[10, 20, 30], [1, 3], [2]]
    """
    taxes_by_code: dict[object, list[T]] = {}
    for amount, code in zip(tax, codes, strict=True):
        taxes_by_code.setdefault(code, []).append(amount)
    return [net, *taxes_by_code.values()]


def shows_money(post: nodes.Post, schema: DocumentSchema) -> bool:
    """Check whether a route's documents contain any amount, in the header or on a line."""
    money = {f.name for f in (*schema.header, *schema.lines) if f.type == "money"}
    return any(a.name in money for a in (*post.fields, *post.line_fields))


def posts_tax(post: nodes.Post, schema: DocumentSchema | None) -> bool:
    """Check whether a route posts the tax: as an amount, or included in its amounts."""
    defined: Amounts | None = getattr(schema, "amounts", None)
    assigned = {a.name: a.expr for a in (*post.fields, *post.line_fields)}
    taxes = (defined.tax,) if defined else _LINE_TAXES
    within = defined is not None and (defined.tax_is == "inside" or _holds_tax(post, defined))
    return bool(within) or any(name in assigned for name in taxes)


def net_of(line: LineParts, scope: Scope) -> nodes.Expr | None:
    """Return quantity times price, less the discount. None if the line does not give them as
    numbers.
    """
    quantity, price, discount = line["quantity"], line["price"], line["discount"]
    if quantity is None or price is None:
        return None
    net: nodes.Expr = nodes.Arith("*", quantity, price, price.span)
    if discount is None or _is_blank(discount):
        return net
    if infer(discount, scope, ignore_problem).kind not in NUMERIC:
        return None
    return nodes.Arith("-", net, discount, price.span)


def line_of(post: nodes.Post, schema: DocumentSchema | None) -> LineParts | None:
    """Return the lines of a route by the target's definition, or None without such a definition."""
    defined: Amounts | None = getattr(schema, "amounts", None)
    if defined is None or _is_row(post, defined):
        return None
    return LineParts(defined, {a.name: a.expr for a in post.line_fields})


@dataclass(frozen=True, slots=True)
class TaxedParts:
    """The parts of a line (or of the only row, the header) with a tax and its code."""

    parts: LineParts
    in_header: bool


def taxed_line_of(post: nodes.Post, schema: DocumentSchema) -> TaxedParts | None:
    """Return a route's line with an amount, its tax and its tax code, or None."""
    defined: Amounts | None = getattr(schema, "amounts", None)
    if defined is None or not (defined.tax and defined.code):
        return None
    in_header = _is_row(post, defined)
    fields = post.fields if in_header else post.line_fields
    parts = LineParts(defined, {a.name: a.expr for a in fields})
    if any(parts[name] is None for name in ("amount", "tax", "code")):
        return None
    return TaxedParts(parts, in_header)


class RecordTotal:
    """Read the total that a record states itself."""

    def __init__(self, compiler: Compiler, fields: TotalFields) -> None:
        scope = Scope(compiler.index, compiler.record)
        span = compiler.index.fields[compiler.record][fields.total].span
        self.fields = fields
        self.labels = {fields.total, fields.tax, fields.rounding} - {""}
        self.assign = nodes.Assign(fields.total, nodes.Name((fields.total,), span), span)
        self.total = compiler.guarded(self.assign.expr, scope, OWN_TOTAL, "")
        self.rounding: Closure | None = None
        if fields.rounding:
            rounding = nodes.Name((fields.rounding,), span)
            self.rounding = compiler.guarded(rounding, scope, OWN_TOTAL, "")

    def near(self, run: Run, amount: Any) -> Any:
        """Return the total, without the source's rounding if that is nearer to amount. A blank
        rounding counts as 0.
        """
        total: Any = self.total(run)
        rounding: Any = self.rounding(run) if self.rounding is not None else None
        if not all(type(value) is Decimal for value in (total, rounding, amount)):
            return total
        without = CONTEXT.subtract(total, rounding)
        is_nearer = abs(CONTEXT.subtract(without, amount)) < abs(CONTEXT.subtract(total, amount))
        return without if is_nearer else total


class OwnTotalProgram:
    """Compare the total in a document's header with the record's own total."""

    def __init__(
        self,
        compiler: Compiler,
        post: nodes.Post,
        target: nodes.Target,
        record_total: RecordTotal,
        head: nodes.Assign,
    ) -> None:
        scope = Scope(compiler.index, compiler.record, document=True, bills=post.bill is not None)
        self.record_total, self.target, self.route, self.name = (
            record_total,
            target,
            str(post.route),
            head.name,
        )
        self.owner = target.tolerance_action.role or compiler.owner
        self.in_words = compiler.currencies.amount
        self.total = compiler.guarded(head.expr, scope, OWN_TOTAL, "")

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        total: str,
        target: nodes.Target | None,
        record_total: RecordTotal | None,
    ) -> OwnTotalProgram | None:
        """Return the proof of a route, or None if its header copies the record's total or names
        none.
        """
        head = next((a for a in post.fields if a.name == total), None)
        if head is None or target is None or record_total is None or post.bill is not None:
            return None
        if head.expr == record_total.assign.expr:
            return None
        return OwnTotalProgram(compiler, post, target, record_total, head)

    def is_exact(self, run: Run) -> bool:
        """Check whether the document's total equals the record's."""
        total = self.total(run)
        return bool(self.record_total.near(run, total) == total)

    def judge(self, run: Run, judged: Said) -> Said:
        """Return a finding if the totals differ, unless a failed check already reports it."""
        total = self.total(run)
        own_total = self.record_total.near(run, total)
        if (
            not isinstance(total, Decimal)
            or not isinstance(own_total, Decimal)
            or total == own_total
        ):
            return Said()
        if has_failed_check(judged, self.record_total.labels, released=False):
            return Said()
        difference, format_amount = CONTEXT.subtract(total, own_total), self.in_words
        text = (
            f"{self.name} is {format_amount(run, total)}, but the record says "
            f"{self.record_total.fields.total} "
            ""
            f"{format_amount(run, own_total)}: {format_amount(run, abs(difference))} "
            f"{'more' if difference > 0 else 'less'}."
        )
        released = (self.route, OWN_TOTAL) in run.facts.releases
        result = PASS if abs(difference) <= self.target.tolerance else HIT
        verdict = self._verdict(result, total, own_total, text)
        if released or result == PASS:
            return Said([replace(verdict, released=released)])
        return Said([verdict], [self._finding(text)])

    def _verdict(
        self, result: VerdictResult, total: Decimal, own_total: Decimal, text: str
    ) -> Verdict:
        operands = (
            (self.name, _money_text(total)),
            (self.record_total.fields.total, _money_text(own_total)),
        )
        span = self.target.tolerance_action.span
        return Verdict(OWN_TOTAL, "rounding", self.route, result, span, operands, None, text)

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
            would_pass=f"{self.name} is what the record says in {self.record_total.fields.total}",
            span=action.span,
        )


def _money_text(value: Decimal) -> str:
    return number_text(value, 2)


class CurrencyProgram:
    """Check that one route's documents are in the currency of their record's amounts.

    `stated` is the record's field with its amount, `named` the document's field with its currency,
    and `amount` the document's field with its amount; each is blank if there is none.
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
        """Check whether the document is in another currency than the record. False if either is
        unknown.
        """
        record_currency, document_currency = self._codes(run)
        return record_currency != document_currency and bool(record_currency and document_currency)

    def judge(self, run: Run, line_sum: Decimal | None) -> Said:
        """Hold a document in another currency whose amount is still the record's.

        `line_sum` is the target's sum of the lines, for a document without an amount. Rules that
        convert amounts explain why these are not compared with the record's.
        """
        if not self.differs(run):
            return Said()
        stated_amount = self.stated(run) if self.stated is not None else None
        amount = self.amount(run) if self.amount is not None else line_sum
        is_known = isinstance(stated_amount, Decimal) and isinstance(amount, Decimal)
        if self.says_converted and (stated_amount != amount if is_known else self.stated is None):
            return Said()
        record_code, document_code = self._codes(run)
        record = self.record.replace("_", " ")
        text = f"The document is in {document_code} and the {record} in {record_code}."
        if isinstance(stated_amount, Decimal):
            text = (
                f"The document is in {document_code} and the {record} in {record_code}: "
                f"{in_currency(stated_amount, record_code)} "
                f"would be posted as {in_currency(stated_amount, document_code)}."
            )
        released = (self.route, OTHER_CURRENCY) in run.facts.releases
        operands = (
            ("currency of the record", record_code),
            ("currency of the document", document_code),
        )
        verdict = Verdict(
            OTHER_CURRENCY, "rounding", self.route, HIT, self.span, operands, None, text, released
        )
        return Said(
            [verdict], [] if released else [self._finding(text, record_code, document_code)]
        )

    def _codes(self, run: Run) -> tuple[str, str]:
        """Return the currencies of the record and of the document; blank where unknown."""
        stated = run.currency.strip()
        if self.read:  # any other word has its own hold, or a map that gives its meaning
            record_currency = stated if stated in CURRENCY_CODES else ""
        else:
            record_currency = suggest_currency(stated) or stated
        if self.named is None:
            return record_currency, "" if self.read else self.base
        value = self.named(run)
        return record_currency, suggest_currency(value) if isinstance(value, str) else ""

    def _finding(self, text: str, record_code: str, document_code: str) -> Finding:
        return Finding(
            code="CUR02",
            error_class="business_rule",
            rule=OTHER_CURRENCY,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Its amounts are not converted. Nothing was sent.",
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, f"{OTHER_CURRENCY}:{record_code}-{document_code}"),
            cause_label=(f"Amounts in {record_code} in a document in {document_code}"),
            would_pass=(
                f"the document is in {record_code}, or the rules convert its amounts and say so"
            ),
            span=self.span,
        )


def not_compared(
    run: Run, route: str, uncompared: nodes.Uncompared, record_total: RecordTotal
) -> Said:
    """Return the verdict that the rules skip the comparison, with their reason."""
    total = record_total.total(run)
    operands = (
        (record_total.fields.total, _money_text(total) if isinstance(total, Decimal) else MISSING),
    )
    text = f"The amount is not compared with {record_total.fields.total}: “{uncompared.reason}”"
    return Said(
        [
            Verdict(
                OWN_TOTAL, "rounding", route, NOT_APPLICABLE, uncompared.span, operands, None, text
            )
        ]
    )


class LineAmountProgram:
    """Compare the line amounts of one route's documents with their parts."""

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
        part_names = ("amount", "quantity", "price", "discount", *(("tax",) if self.adds else ()))
        self.parts = tuple(part for part in part_names if line[part] is not None)
        exprs = [line[part] for part in self.parts]
        self.asked = tuple(expr for expr in exprs if expr is not None)
        self.closures = [compiler.guarded(e, scope, LINE_AMOUNT, "") for e in self.asked]
        self.finest = Decimal(1).scaleb(-price_places)
        self.parted = post.bill is not None

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        schema: DocumentSchema | None,
        target: nodes.Target | None,
    ) -> LineAmountProgram | None:
        """Return the proof of a route, or None if a part of the line is undefined."""
        line = line_of(post, schema)
        if line is None or target is None or schema is None:
            return None
        if any(line[part] is None for part in ("amount", "quantity", "price")):
            return None
        if line.defined.tax_is == "added" and line["tax"] is None and line["code"] is not None:
            return None  # the target adds a tax that the rules do not know
        price = next((f for f in schema.lines if f.name == line.defined.price), None)
        places = price.places if price is not None and price.places is not None else 2
        return LineAmountProgram(compiler, post, target, line, places)

    def is_exact(self, rows: Iterable[Values]) -> bool:
        """Check whether every line's amount equals its parts; `rows` are the measured values."""
        for row in rows:
            values = dict(zip(self.parts, row, strict=True))
            computed = self._compute(values)
            if computed is None or values["amount"] != computed[0]:
                return False
        return True

    def judge(self, run: Run) -> Said:
        """Return a verdict for each wrong line, and a finding for the first one."""
        run.spend(len(run.lines))
        judged, wrong = Said(), dict[int, str]()
        released = (self.route, LINE_AMOUNT) in run.facts.releases
        for number, row in enumerate(run.lines, start=1):
            if is_left_out(run, row):
                continue
            run.line = row
            values = {p: c(run) for p, c in zip(self.parts, self.closures, strict=True)}
            computed = self._compute(values)
            if computed is None or self._explains(values, *computed):
                continue
            difference = CONTEXT.subtract(values["amount"], computed[0])
            if abs(difference) <= self.target.tolerance:
                continue
            wrong[number] = self._explain(run, number, values, computed[0], difference)
            judged.verdicts.append(
                self._verdict(number, values, computed[0], wrong[number], released)
            )
        if wrong and not released:
            judged.findings.append(self._finding(wrong))
        return judged

    def _compute(self, values: dict[str, Any]) -> tuple[Decimal, Decimal] | None:
        """Return the amount from a line's parts, rounded and exact; None if one is no number."""
        quantity, price = values["quantity"], values["price"]
        if not all(isinstance(value, Decimal) for value in (values["amount"], quantity, price)):
            return None
        places = self.target.places
        net = CONTEXT.multiply(quantity, price)
        if "discount" in values:
            discount = _discount(values["discount"], round_half_up(net, places))
            if discount is None:
                return None
            net = CONTEXT.subtract(net, discount)
        tax = values.get("tax", _NOTHING)
        if not isinstance(tax, Decimal):
            return None
        rounded = CONTEXT.add(round_half_up(net, places), round_half_up(tax, places))
        return rounded, CONTEXT.add(net, tax)

    def _explains(self, values: dict[str, Any], rounded: Decimal, exact: Decimal) -> bool:
        """Check whether the amount equals its parts, but for a rounded price or a part of a
        bill.
        """
        if values["amount"] == rounded:
            return True
        places, exponent = (self.target.places, values["price"].normalize().as_tuple().exponent)
        slack = places if self.parted else _NOTHING
        if isinstance(exponent, int) and Decimal(1).scaleb(exponent) <= self.finest:
            slack += abs(values["quantity"]) * self.finest * _HALF
        limit = slack + places * _HALF
        return bool(slack) and abs(CONTEXT.subtract(values["amount"], exact)) <= limit

    # ---- in words -----------------------------------------------------------------------------

    def _explain(
        self, run: Run, number: int, values: dict[str, Any], computed: Decimal, difference: Decimal
    ) -> str:
        show = partial(self.in_words, run)
        texts = {
            part: f"{self._name(part)} {_format_part(part, value, show)}"
            for part, value in values.items()
        }
        formula = f"{texts['quantity']} × {texts['price']}"
        formula += f" − {texts['discount']}" if "discount" in texts else ""
        formula += f" + {texts['tax']}" if "tax" in texts else ""
        direction = "more" if difference > 0 else "less"
        return (
            f"Line {number}: {self._name('amount')} is "
            f"{show(values['amount'])}, but {formula} makes "
            f"{show(computed)}: {show(abs(difference))} {direction}."
        )

    def _name(self, part: str) -> str:
        name: str = getattr(self.defined, part)
        return name

    def _verdict(
        self, number: int, values: dict[str, Any], computed: Decimal, text: str, released: bool
    ) -> Verdict:
        operands = [
            (self._name(part), _format_part(part, value, _money_text))
            for part, value in values.items()
        ]
        operands.append(("its parts make", _money_text(computed)))
        span = self.target.tolerance_action.span
        return Verdict(
            LINE_AMOUNT, "rounding", self.route, HIT, span, tuple(operands), number, text, released
        )

    def _finding(self, texts_by_line: dict[int, str]) -> Finding:
        action, further_lines = self.target.tolerance_action, len(texts_by_line) - _SHOWN_LINES
        text = " ".join(list(texts_by_line.values())[:_SHOWN_LINES])
        name = self._name("amount")
        return Finding(
            code="RND05",
            error_class="business_rule",
            rule=LINE_AMOUNT,
            route=self.route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=self.owner,
            message=f"{text} So are {further_lines} more." if further_lines > 0 else text,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, LINE_AMOUNT),
            cause_label=f"{name} is not what the line makes for {self.target.name}",
            would_pass=f"{name} is what its parts make",
            span=action.span,
            lines=tuple(texts_by_line),
        )


def _discount(value: Any, gross: Decimal) -> Decimal | None:
    """Return a discount as an amount. A text is an amount or a percentage."""
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


def _format_part(part: str, value: Any, money: Callable[[Decimal], str]) -> str:
    if not isinstance(value, Decimal):
        return str(value)
    return number_text(value) if part == "quantity" else money(value)
