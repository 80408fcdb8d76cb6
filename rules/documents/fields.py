"""Build the target document from the record, field by field, with the lineage of each value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.text.problem import Span
from grammar.text.vocabulary import Edition
from rules.expressions.checks import Operand, operand_texts, operands_of
from rules.expressions.compiler import Assigned, Compiler
from rules.expressions.run import Closure, Run, is_left_out
from rules.outcomes import NO_SOURCE, Decision, Document, Lineage, keep_gaps
from rules.types.functions import expand_parts, find_defaults, resolve_formula
from rules.types.inference import UNITS
from rules.types.symbol_table import CURRENCY, Index, Schemas, Scope, stored_currency
from rules.values.cause_keys import CauseKey, CauseKind, Gap, Unknown
from rules.values.kinds import Type, clean_text
from rules.values.wording import (
    MISSING,
    NotExactError,
    document_text,
    format_expression,
    parse_message,
)

LINE_AMOUNTS = ("LineTotal", "SubTotal", "Amount")

_DATE_NAMES = ("InvoiceDate", "DocDate", "Date")

_AMOUNT_NAMES = ("Total", "Amount", "NetTotal", "TotalAmount")

_CURRENCY_NAMES = ("Currency", "CurrencyCode")

_CURRENCY_BY_ID = "CurrencyRef"  # a currency since edition 6

_ITEMS = ("ItemCode", "SKU", "Item", "ItemRef", "ProductCode")

QUANTITIES = ("Quantity", "Qty")

POSTING, REVERSED = "posting", "reversed"


@dataclass(slots=True)
class Draft:
    """A document as far as it is known, and what is missing of it."""

    fields: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, str]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    gaps: dict[Gap, list[int]] = field(default_factory=dict)
    lineage: list[Lineage] = field(default_factory=list)
    made: bool = False


class Default:
    """One `otherwise` in an assignment: whether the second value stands in for the first."""

    __slots__ = ("first", "second", "text")

    def __init__(self, compiler: Compiler, node: nodes.Otherwise, scope: Scope) -> None:
        self.first = compiler.guarded(node.expr, scope, "", "")
        self.second = compiler.guarded(node.default, scope, "", "")
        self.text = (
            f"{format_expression(node.default)} by default, since "
            f"{format_expression(node.expr)} is missing"
        )

    def taken(self, run: Run) -> bool:
        """Whether the default is what was taken."""
        return type(self.first(run)) is Unknown and type(self.second(run)) is not Unknown


class FieldProgram:
    """One assignment of a route; compiled when it is first filled."""

    __slots__ = (
        "_compiler",
        "_scope",
        "closure",
        "defaults",
        "expr",
        "name",
        "operands",
        "owner",
        "span",
        "type",
    )
    closure: Closure
    operands: tuple[Operand, ...]
    defaults: tuple[Default, ...]

    def __init__(self, compiler: Compiler, assign: nodes.Assign, scope: Scope, owner: str) -> None:
        self._compiler, self._scope, self.expr = compiler, scope, assign.expr
        self.name = assign.name
        self.span = assign.span
        self.owner = owner
        self.type: Type = compiler.type(assign.expr, scope)

    @property
    def of_line(self) -> bool:
        """Whether it is filled on each line."""
        return self._scope.line

    def parts(self) -> Iterator[nodes.Expr]:
        """All that the value is made of, also behind computed fields."""
        return expand_parts(self.expr, self._scope)

    def __getattr__(self, name: str) -> Any:
        """What is made at first use; from then on it is an ordinary attribute."""
        if name == "closure":
            make = {"rule": self.name, "owner": self.owner}
            self.closure = self._compiler.guarded(self.expr, self._scope, **make)
            return self.closure
        if name == "operands":
            self.operands = operands_of(self._compiler, self.expr, self._scope)
            return self.operands
        if name == "defaults":
            found = find_defaults(self.expr, self._scope)
            self.defaults = tuple(Default(self._compiler, e, self._scope) for e in found)
            return self.defaults
        raise AttributeError(name)

    def fill(
        self, run: Run, draft: Draft, row: dict[str, str], line: int | None, route: str
    ) -> Any:
        """Work the value out into the row, with its lineage; what is missing goes to the draft."""
        run.uses = []
        value = self.closure(run)
        text = MISSING
        if type(value) is Unknown:
            keep_gaps(draft.gaps, value, line)
        else:
            try:
                text = row[self.name] = document_text(value, self.type)
            except NotExactError as reason:
                keep_gaps(draft.gaps, Unknown(self._not_exact(str(reason))), line)
        if run.whole:
            uses = tuple(dict.fromkeys(used)) if (used := run.uses) else ()
            reads = operand_texts(self.operands, run)
            taken = [d.text for d in self.defaults if d.taken(run)] if self.defaults else ()
            beside = "; ".join(taken)
            draft.lineage.append(
                Lineage(self.name, line, self.span, uses, text, route, reads, beside)
            )
        return value

    def _not_exact(self, value: str) -> Gap:
        return Gap(
            kind="limit",
            rule=self.name,
            code="NUM01",
            error_class="bad_value",
            owner=self.owner,
            message=f"{self.name} is {value}, which no decimal says exactly.",
            cause_key=CauseKey(CauseKind.RULE, self.name),
            cause_label=f"{self.name} is no exact decimal",
            would_pass=f"{self.name} is rounded",
            span=self.span,
        )


class DocumentProgram:
    """The assignments of one post."""

    def __init__(
        self, compiler: Compiler, post: nodes.Post, schemas: Schemas | None, owner: str
    ) -> None:
        bills = post.bill is not None
        head = Scope(compiler.index, compiler.record, document=True, bills=bills)
        line = Scope(compiler.index, compiler.record, line=True, document=True, bills=bills)
        self.post = post
        self.route = str(post.route)
        self.zone = compiler.zone
        self.head = [FieldProgram(compiler, a, head, owner) for a in post.fields]
        self.line = [FieldProgram(compiler, a, line, owner) for a in post.line_fields]
        self._number = NumberTemplate(compiler, post.number, post.span, head)
        self.numbered = tuple(
            a.name for a in post.fields if format_expression(a.expr) == "document_number"
        )
        self.parts = self._number.operands
        self.shape = Shape.of(compiler, post, {f.name: f.type for f in self.head}, schemas)
        self._longest = _longest_texts(post, schemas)
        self._whole_words = compiler.index.edition >= Edition.EIGHTH
        self._day = next((f for f in self.head if f.name == self.shape.date), None)
        self._at_once = compiler.draft(*self.assigned) if post.bill is None else None
        self.comes_to: Callable[[Run], Decimal | None] | None = None
        source = compiler.index.sources.get(compiler.index.records[post.record].source or "")
        self.currency = source.currency if source else ""
        sixth = compiler.index.edition >= Edition.SIXTH
        self.says_its_own = sixth and stored_currency(compiler.index, compiler.record)

    @property
    def assigned(self) -> tuple[Assigned, Assigned]:
        """The fields of the header and of a line as a compiler takes them, in their order."""
        head, line = (
            [(f.name, f.expr, f.type) for f in fields] for fields in (self.head, self.line)
        )
        return head, line

    def number(self, run: Run) -> Any:
        """The document number, or the Unknown that says which part is missing."""
        return self._number.fill(run)

    def day(self, run: Run) -> Any:
        """The date that the document would carry, or Unknown."""
        if self._day is None:
            return run.today
        value = self._day.closure(run)
        return self._as_day(self._dated(run, value) if run.facts.dated else value)

    def _dated(self, run: Run, value: Any) -> Any:
        """The document's date, or the one that a person gave it instead."""
        given = run.facts.dated.get(self.route)
        if given is None or self._as_day(value) != given.instead_of:
            return value
        if isinstance(value, datetime):
            return datetime.combine(given.day, value.astimezone(self.zone).timetz())
        return given.day

    def _as_day(self, value: Any) -> Any:
        return value.astimezone(self.zone).date() if isinstance(value, datetime) else value

    def draft(self, run: Run) -> Draft:
        """All fields that are known, and the gaps of the others."""
        brief = run.clean and not (run.whole or run.stepwise or run.facts.dated)
        brief = brief and run.shown is run.lines  # its gaps count the lines that it sees
        draft = self.shorten((self._drafted(run) if brief else None) or self._field_by_field(run))
        if type(run.route.number) is Unknown:
            keep_gaps(draft.gaps, run.route.number, None)
        return draft

    def shorten(self, draft: Draft) -> Draft:
        """Cut texts for readers to the length that the target takes; the lineage has the whole."""
        head, line = self._longest
        for longest, rows in ((head, [draft.fields]), (line, draft.lines)):
            for name, (most, whole) in longest.items():
                for row in rows:
                    text = row.get(name, "")
                    if len(text) <= most:
                        continue
                    row[name] = self._cut(text, most)
                    if whole and self._whole_words:
                        row.setdefault(whole, text)
        for at, told in enumerate(draft.lineage):
            most, _ = (head if told.line is None else line).get(told.field, (0, ""))
            if most and len(told.value) > most:
                words = f"shortened to {most} of {len(told.value)} characters: {told.value}"
                beside = f"{told.beside}; {words}" if told.beside else words
                cut = self._cut(told.value, most)
                draft.lineage[at] = replace(told, value=cut, beside=beside)
        return draft

    def _cut(self, text: str, most: int) -> str:
        """Return the beginning of a text, up to a whole word if that is at least half of it."""
        beginning = text[:most]
        at = max(beginning.rfind(blank) for blank in (" ", "\n", "\t"))
        within_word = not text[most].isspace()
        if self._whole_words and within_word and at >= most // 2:
            beginning = beginning[:at]
        return beginning.rstrip()

    def _drafted(self, run: Run) -> Draft | None:
        """The same where nobody reads the lineage; None where something belongs to one field."""
        steps = run.root.steps
        try:
            made = self._at_once(run) if self._at_once is not None else None
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            made = None
        if made is None:
            run.root.steps = steps
            return None
        fields, lines, values, gaps = made
        return Draft(fields, lines, values, gaps, made=True)

    def _field_by_field(self, run: Run) -> Draft:
        draft = Draft(made=True)
        for program in self.head:
            value = program.fill(run, draft, draft.fields, None, self.route)
            if run.facts.dated and program.name == self.shape.date:
                value = self._date_anew(run, draft, program, value)
            draft.values[program.name] = value
        if self.line:
            run.spend(len(run.lines))
            for number, row in enumerate(run.lines, start=1):
                if is_left_out(run, row):
                    continue
                run.line = row
                filled: dict[str, str] = {}
                for program in self.line:
                    program.fill(run, draft, filled, number, self.route)
                draft.lines.append(filled)
        return draft

    def _date_anew(self, run: Run, draft: Draft, program: FieldProgram, value: Any) -> Any:
        """The same in the draft, with who said so."""
        dated = self._dated(run, value)
        if dated is value:
            return value
        text = draft.fields[program.name] = document_text(dated, program.type)
        if run.whole:
            last, by = draft.lineage[-1], run.facts.dated[self.route].by
            source = last.beside or ("" if last.reads else NO_SOURCE)
            told = f"{source}; dated {text} by {by}"
            draft.lineage[-1] = replace(last, beside=told.removeprefix("; "), value=text)
        return dated

    def document(self, run: Run, draft: Draft) -> Document | None:
        """The whole document, only if all of it is known."""
        return None if draft.gaps else self._made(run, draft, self._amount)

    def known_part(self, run: Run, draft: Draft) -> Document | None:
        """Return the document with the values that are known, if its number and day are."""
        if not isinstance(run.route.number, str):
            return None
        return self._made(run, draft, self._known_amount)

    def _made(
        self, run: Run, draft: Draft, amount_of: Callable[[Run, Draft], Decimal]
    ) -> Document | None:
        day = run.route.day
        if not draft.made or not isinstance(day, date):
            return None
        shape = self.shape
        currency = draft.fields.get(shape.currency)
        return Document(
            target=self.post.route.target,
            document=self.post.route.document,
            number=run.route.number,
            date=day,
            party=draft.fields.get(shape.party, ""),
            currency=self.currency_of(run) if currency is None else currency,
            amount=amount_of(run, draft),
            fields=draft.fields,
            lines=tuple(draft.lines),
        )

    def currency_of(self, run: Run) -> str:
        """That of the record, where the document names none."""
        own = run.head.get(CURRENCY) if self.says_its_own else None
        return own if isinstance(own, str) and own else self.currency

    def _amount(self, run: Run, draft: Draft) -> Decimal:
        """The total that the document names, else what the target makes of its lines."""
        told = draft.values.get(self.shape.amount)
        made = self.comes_to(run) if self.comes_to is not None else None
        return made if made is not None and made != told else self._known_amount(run, draft)

    def _known_amount(self, _run: Run, draft: Draft) -> Decimal:
        """The total that the document names, else the sum of its lines."""
        total = draft.values.get(self.shape.amount)
        return total if isinstance(total, Decimal) else sum_line_amounts(draft.lines)


def _longest_texts(
    post: nodes.Post, schemas: Schemas | None
) -> tuple[dict[str, tuple[int, str]], dict[str, tuple[int, str]]]:
    """Return by field of the header and of a line how long a text may be, and the field that takes
    a longer one whole; blank where there is none.
    """
    known = schemas.document(post.route.target, post.route.document) if schemas else None
    if known is None:
        return {}, {}
    head, line = (
        {
            field.name: (field.max_length, getattr(field, "whole", ""))
            for field in fields
            if field.max_length and getattr(field, "shortened", False)
        }
        for fields in (known.header, known.lines)
    )
    filled, of_lines = {a.name for a in post.fields}, {a.name for a in post.line_fields}
    return (
        {name: most for name, most in head.items() if name in filled},
        {name: most for name, most in line.items() if name in of_lines},
    )


def sum_line_amounts(lines: Iterable[dict[str, str]]) -> Decimal:
    """What the lines come to, where the document names no amount of its own; 0 without prices."""
    found = (next((row[name] for name in LINE_AMOUNTS if row.get(name)), "0") for row in lines)
    return sum((Decimal(text) for text in found), Decimal(0))


@dataclass(frozen=True, slots=True)
class Shape:
    """Which target fields are the document's date, party, amount, currency and number."""

    date: str
    party: str
    amount: str
    total: str  # the amount, if it is for certain what all lines make together
    reckons: bool  # the target works each line out again from quantity and price
    currency: str
    number: str
    party_of: str  # the record's field that names the party
    amount_of: str  # the record's field that is the amount

    @staticmethod
    def of(
        compiler: Compiler, post: nodes.Post, head: Mapping[str, Type], schemas: Schemas | None
    ) -> Shape:
        """From the target's schema where it is known, else from how the fields are made."""
        known = schemas.document(post.route.target, post.route.document) if schemas else None
        exprs: Mapping[str, nodes.Expr] = {a.name: a.expr for a in post.fields}
        dates = [name for name, of in head.items() if of.kind in {"date", "moment"}]
        money = [name for name, of in head.items() if of.kind == "money"]
        mapped = [a.name for a in post.fields if _map_argument(compiler.index, a.expr)]
        day = known.date_field if known else _first(dates, _DATE_NAMES)
        party = known.party_field if known else mapped[0] if mapped else ""
        by_name = next((name for name in _AMOUNT_NAMES if name in money), "")
        total = (known.total_field or "") if known else by_name
        total = total if total in exprs else ""
        amount = total or _first(money, _AMOUNT_NAMES)
        sixth = compiler.index.edition >= Edition.SIXTH
        currencies = (*_CURRENCY_NAMES, _CURRENCY_BY_ID) if sixth else _CURRENCY_NAMES
        numbers = [a.name for a in post.fields if format_expression(a.expr) == "document_number"]
        return Shape(
            date=day,
            party=party,
            amount=amount,
            total=total,
            reckons=bool(getattr(known, "reckons", False)),
            currency=_first([name for name in head if name in currencies], currencies),
            number=known.number_field if known else numbers[0] if numbers else "",
            party_of=_map_argument(compiler.index, exprs.get(party)),
            amount_of=_stored(compiler, exprs.get(amount)),
        )


class RecordHead:
    """Where these stand in a record of one kind."""

    def __init__(self, compiler: Compiler, shapes: Sequence[Shape]) -> None:
        index, record = compiler.index, compiler.record
        source = index.sources.get(index.records[record].source or "")
        self.zone, self._own = compiler.zone, source.currency if source else ""
        key, dated = index.marked(record, "key"), index.marked(record, "dated")
        self._key, self._dated = key.name if key else "", dated.name if dated else ""
        self._party = next((shape.party_of for shape in shapes if shape.party_of), "")
        self._party_name = f"{self._party}_name"
        named = next((shape.amount_of for shape in shapes if shape.amount_of), "")
        self._amount = self._operand(compiler, named or self._money(compiler))

    @staticmethod
    def _money(compiler: Compiler) -> str:
        """The field of the header that is the amount, where no document says which."""
        fields = compiler.index.fields[compiler.record].values()
        money = [f.name for f in fields if isinstance(f, nodes.Field) and f.type == "money"]
        named = next((name for name in ("total", "amount") if name in money), "")
        return named or (money[-1] if money else "")

    @staticmethod
    def _operand(compiler: Compiler, name: str) -> Operand | None:
        index, record = compiler.index, compiler.record
        if not name:
            return None
        of = nodes.Name((name,), index.fields[record][name].span)
        return Operand(compiler, of, Scope(index, record))

    # ---- one record ---------------------------------------------------------------------------

    def number(self, run: Run) -> str:
        """The number that people know it by."""
        value: Any = run.head.get(self._key)
        return "" if value is None or type(value) is Unknown else str(value).strip()

    def party(self, run: Run, body: Mapping[str, object]) -> str:
        """The name of the customer or supplier, else the code."""
        name = body.get(self._party_name)
        if isinstance(name, str) and (shown := name.strip()):
            return clean_text(shown[:200])
        value = run.head.get(self._party)
        return value if isinstance(value, str) else ""

    def day(self, run: Run, decisions: Sequence[Decision]) -> date | None:
        """Its date, else that of its first document."""
        value: Any = run.head.get(self._dated)
        if isinstance(value, datetime):
            return _day_in(value, self.zone)
        if isinstance(value, date):
            return value
        return next((d.document.date for d in decisions if d.document), None)

    def amount(self, run: Run) -> Decimal | None:
        """Its amount, where it says one."""
        try:
            value: Any = self._amount.closure(run) if self._amount else None
        except (ArithmeticError, TypeError, RecursionError):
            return None
        return value if isinstance(value, Decimal) else None

    def currency(self, run: Run, decisions: Sequence[Decision]) -> str:
        """That of its first document, else its own, else that of its source."""
        for one in decisions:
            if one.document is not None:
                if one.document.currency:
                    return one.document.currency
                break
        own = run.head.get("currency")
        return (own if isinstance(own, str) else "") or self._own


def _day_in(moment: datetime, zone: ZoneInfo) -> date:
    """The day of a moment in a zone; at the ends of the calendar, its day by UTC."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return moment.date()


def _map_argument(index: Index, expr: nodes.Expr | None) -> str:
    if isinstance(expr, nodes.Call) and expr.name in index.maps and expr.args:
        return format_expression(expr.args[0])
    return ""


def _first(names: list[str], wanted: tuple[str, ...]) -> str:
    return next((w for w in wanted if w in names), names[0] if names else "")


def _stored(compiler: Compiler, expr: nodes.Expr | None) -> str:
    fields = compiler.index.fields.get(compiler.record, {})
    name = format_expression(expr) if isinstance(expr, nodes.Name) else ""
    return name if name in fields else ""


@dataclass(frozen=True, slots=True)
class LineColumns:
    """Which fields of a document's line are its item, its quantity and its unit."""

    item: str
    quantity: str
    unit: str

    @staticmethod
    def of(post: nodes.Post, schemas: Schemas | None) -> LineColumns | None:
        """The fields of a route; None where its lines have no item or no quantity."""
        known = schemas.document(post.route.target, post.route.document) if schemas else None
        refers = (
            [f.name for f in known.lines if getattr(f, "refers", "") == "item"] if known else []
        )
        given = {a.name for a in post.line_fields}
        item = next((name for name in (*refers, *_ITEMS) if name in given), "")
        quantity = next((name for name in QUANTITIES if name in given), "")
        unit = next((name for name in UNITS if name in given), "")
        return LineColumns(item, quantity, unit) if item and quantity else None


def formula_of(post: nodes.Post, name: str, scope: Scope) -> nodes.Expr | None:
    """What a line field of a route is made of."""
    given = next((a.expr for a in post.line_fields if a.name == name), None)
    return resolve_formula(given, scope) if given is not None else None


def in_base_unit(
    post: nodes.Post, columns: LineColumns, calls: tuple[nodes.Call, ...], scope: Scope
) -> bool:
    """Whether the posted unit is by its making the base unit of the item that was converted."""
    unit = formula_of(post, columns.unit, scope)
    if unit is None:
        return not columns.unit
    return (
        isinstance(unit, nodes.Call) and unit.name == "base_unit" and unit.args == calls[0].args[2:]
    )


def conversions_of(
    quantity: nodes.Expr, scope: Scope, otherwise: tuple[nodes.Call, ...]
) -> tuple[bool, tuple[nodes.Call, ...]]:
    """The conversions that a posted quantity is made of, and whether it is just one of them.

    Where it is made of none, the others are taken.
    """
    quantity = resolve_formula(quantity, scope)
    found = [
        e
        for e in expand_parts(quantity, scope)
        if isinstance(e, nodes.Call) and e.name == "in_base"
    ]
    return found == [quantity], tuple(dict.fromkeys(found)) or otherwise


class NumberTemplate:
    """The text behind `as`: a document number made of fields, `{posting}` and `{reversed}`."""

    def __init__(self, compiler: Compiler, text: str, span: Span, scope: Scope) -> None:
        parts, _ = parse_message(text, span)
        self._parts: list[str | Operand] = []
        self._counts = False
        for part in parts:
            word = format_expression(part) if isinstance(part, nodes.Name) else ""
            if word in {POSTING, REVERSED}:
                self._counts = True
                self._parts.append(f"{{{word}}}")
            else:
                self._parts.append(
                    part if isinstance(part, str) else Operand(compiler, part, scope)
                )

    @property
    def operands(self) -> list[Operand]:
        """The values that the number is made of."""
        return [p for p in self._parts if isinstance(p, Operand)]

    def fill(self, run: Run, reversed_: str = "") -> Any:
        """The number, or Unknown; one that does not count gets the posting's place at its end."""
        text = ""
        for part in self._parts:
            if isinstance(part, str):
                if self._counts:
                    told = {"{posting}": str(run.route.seq), "{reversed}": reversed_}
                    part = told.get(part, part)
                text += part
                continue
            value = part.closure(run)
            if type(value) is Unknown:
                return value
            text += document_text(value, part.type)
        again = run.route.seq > 1 and not self._counts
        return f"{text.strip()}-{run.route.seq}" if again else text.strip()
