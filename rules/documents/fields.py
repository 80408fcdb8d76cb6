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

_CURRENCY_NAMES = ("Currency", "CurrencyCode", "CurrencyRef")

_ITEMS = ("ItemCode", "SKU", "Item", "ItemRef", "ProductCode")

QUANTITIES = ("Quantity", "Qty")

POSTING, REVERSED = "posting", "reversed"


@dataclass(slots=True)
class Draft:
    """The known parts of a document, and the gaps of its missing values."""

    fields: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, str]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    gaps: dict[Gap, list[int]] = field(default_factory=dict)
    lineage: list[Lineage] = field(default_factory=list)
    is_filled: bool = False


class FieldDefault:
    """Evaluate one `otherwise` of an assignment: whether the default replaces the first value."""

    __slots__ = ("first", "second", "text")

    def __init__(self, compiler: Compiler, node: nodes.Otherwise, scope: Scope) -> None:
        self.first = compiler.guarded(node.expr, scope, "", "")
        self.second = compiler.guarded(node.default, scope, "", "")
        self.text = (
            f"{format_expression(node.default)} by default, since "
            f"{format_expression(node.expr)} is missing"
        )

    def taken(self, run: Run) -> bool:
        """Check whether the default was used."""
        return type(self.first(run)) is Unknown and type(self.second(run)) is not Unknown


class FieldProgram:
    """Compile one assignment of a route, at its first use."""

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
    defaults: tuple[FieldDefault, ...]

    def __init__(self, compiler: Compiler, assign: nodes.Assign, scope: Scope, owner: str) -> None:
        self._compiler, self._scope, self.expr = compiler, scope, assign.expr
        self.name = assign.name
        self.span = assign.span
        self.owner = owner
        self.type: Type = compiler.type(assign.expr, scope)

    @property
    def of_line(self) -> bool:
        """Whether the field is filled on each line."""
        return self._scope.line

    def parts(self) -> Iterator[nodes.Expr]:
        """Yield all parts of the value's expression, including the parts of computed fields."""
        return expand_parts(self.expr, self._scope)

    def __getattr__(self, name: str) -> Any:
        """Compile an attribute at its first use; afterwards it is an ordinary attribute."""
        if name == "closure":
            owner_names = {"rule": self.name, "owner": self.owner}
            self.closure = self._compiler.guarded(self.expr, self._scope, **owner_names)
            return self.closure
        if name == "operands":
            self.operands = operands_of(self._compiler, self.expr, self._scope)
            return self.operands
        if name == "defaults":
            default_nodes = find_defaults(self.expr, self._scope)
            self.defaults = tuple(
                FieldDefault(self._compiler, e, self._scope) for e in default_nodes
            )
            return self.defaults
        raise AttributeError(name)

    def fill(
        self, run: Run, draft: Draft, row: dict[str, str], line: int | None, route: str
    ) -> Any:
        """Evaluate the value into the row and append its lineage. Add its gaps to the draft if it
        is unknown.
        """
        run.uses = []
        value = self.closure(run)
        text = MISSING
        if type(value) is Unknown:
            keep_gaps(draft.gaps, value, line)
        else:
            try:
                text = row[self.name] = document_text(value, self.type)
            except NotExactError as error:
                keep_gaps(draft.gaps, Unknown(self._not_exact(str(error))), line)
        if run.whole:
            uses = tuple(dict.fromkeys(run_uses)) if (run_uses := run.uses) else ()
            reads = operand_texts(self.operands, run)
            default_texts = [d.text for d in self.defaults if d.taken(run)] if self.defaults else ()
            remark = "; ".join(default_texts)
            draft.lineage.append(
                Lineage(self.name, line, self.span, uses, text, route, reads, remark)
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
    """Compile the assignments of one post."""

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
        self._day = next((f for f in self.head if f.name == self.shape.date), None)
        self._at_once = compiler.draft(*self.assigned) if post.bill is None else None
        self.comes_to: Callable[[Run], Decimal | None] | None = None
        source = compiler.index.sources.get(compiler.index.records[post.record].source or "")
        self.currency = source.currency if source else ""
        self.says_its_own = stored_currency(compiler.index, compiler.record)

    @property
    def assigned(self) -> tuple[Assigned, Assigned]:
        """The fields of the header and of a line as (name, expression, type), in their order."""
        head, line = (
            [(f.name, f.expr, f.type) for f in fields] for fields in (self.head, self.line)
        )
        return head, line

    def number(self, run: Run) -> Any:
        """Return the document number, or the Unknown of its missing part."""
        return self._number.fill(run)

    def day(self, run: Run) -> Any:
        """Return the document's date, or Unknown."""
        if self._day is None:
            return run.today
        value = self._day.closure(run)
        return self._as_day(self._with_override(run, value) if run.facts.dated else value)

    def _with_override(self, run: Run, value: Any) -> Any:
        """Return the document's date, or the date that a person set instead."""
        override = run.facts.dated.get(self.route)
        if override is None or self._as_day(value) != override.instead_of:
            return value
        if isinstance(value, datetime):
            return datetime.combine(override.day, value.astimezone(self.zone).timetz())
        return override.day

    def _as_day(self, value: Any) -> Any:
        return value.astimezone(self.zone).date() if isinstance(value, datetime) else value

    def draft(self, run: Run) -> Draft:
        """Return the draft with all known fields, and the gaps of the others."""
        is_brief = run.clean and not (run.whole or run.stepwise or run.facts.dated)
        is_brief = is_brief and run.shown is run.lines  # its gaps count the lines that it sees
        draft = self.shorten(
            (self._draft_compiled(run) if is_brief else None) or self._field_by_field(run)
        )
        if type(run.route.number) is Unknown:
            keep_gaps(draft.gaps, run.route.number, None)
        return draft

    def shorten(self, draft: Draft) -> Draft:
        """Cut texts to the length that the target accepts. The lineage keeps the full text."""
        head, line = self._longest
        for longest, rows in ((head, [draft.fields]), (line, draft.lines)):
            for name, (max_length, full_text_field) in longest.items():
                for row in rows:
                    text = row.get(name, "")
                    if len(text) <= max_length:
                        continue
                    row[name] = self._cut(text, max_length)
                    if full_text_field:
                        row.setdefault(full_text_field, text)
        for index, lineage in enumerate(draft.lineage):
            max_length, _ = (head if lineage.line is None else line).get(lineage.field, (0, ""))
            if max_length and len(lineage.value) > max_length:
                words = (
                    f"shortened to {max_length} of {len(lineage.value)} characters: {lineage.value}"
                )
                remark = f"{lineage.beside}; {words}" if lineage.beside else words
                cut = self._cut(lineage.value, max_length)
                draft.lineage[index] = replace(lineage, value=cut, beside=remark)
        return draft

    def _cut(self, text: str, most: int) -> str:
        """Return the beginning of a text, cut at a whole word if that keeps at least half."""
        beginning = text[:most]
        at = max(beginning.rfind(blank) for blank in (" ", "\n", "\t"))
        within_word = not text[most].isspace()
        if within_word and at >= most // 2:
            beginning = beginning[:at]
        return beginning.rstrip()

    def _draft_compiled(self, run: Run) -> Draft | None:
        """Return the draft from compiled code, without lineage. None if a value has gaps or
        fails.
        """
        steps = run.root.steps
        try:
            parts = self._at_once(run) if self._at_once is not None else None
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            parts = None
        if parts is None:
            run.root.steps = steps
            return None
        fields, lines, values, gaps = parts
        return Draft(fields, lines, values, gaps, is_filled=True)

    def _field_by_field(self, run: Run) -> Draft:
        draft = Draft(is_filled=True)
        for program in self.head:
            value = program.fill(run, draft, draft.fields, None, self.route)
            if run.facts.dated and program.name == self.shape.date:
                value = self._override_date(run, draft, program, value)
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

    def _override_date(self, run: Run, draft: Draft, program: FieldProgram, value: Any) -> Any:
        """Replace the draft's date by the date that a person set, and name that person in the
        lineage.
        """
        dated = self._with_override(run, value)
        if dated is value:
            return value
        text = draft.fields[program.name] = document_text(dated, program.type)
        if run.whole:
            last, person = draft.lineage[-1], run.facts.dated[self.route].by
            source = last.beside or ("" if last.reads else NO_SOURCE)
            remark = f"{source}; dated {text} by {person}"
            draft.lineage[-1] = replace(last, beside=remark.removeprefix("; "), value=text)
        return dated

    def document(self, run: Run, draft: Draft) -> Document | None:
        """Return the complete document, or None if the draft has gaps."""
        return None if draft.gaps else self._build(run, draft, self._amount)

    def known_part(self, run: Run, draft: Draft) -> Document | None:
        """Return the document with its known values, or None if its number or day is unknown."""
        if not isinstance(run.route.number, str):
            return None
        return self._build(run, draft, self._known_amount)

    def _build(
        self, run: Run, draft: Draft, amount_of: Callable[[Run, Draft], Decimal]
    ) -> Document | None:
        day = run.route.day
        if not draft.is_filled or not isinstance(day, date):
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
        """Return the record's currency, for a document that names none."""
        stated = run.head.get(CURRENCY) if self.says_its_own else None
        return stated if isinstance(stated, str) and stated else self.currency

    def _amount(self, run: Run, draft: Draft) -> Decimal:
        """Return the document's own total, or the target's sum of its lines if that differs."""
        stated_total = draft.values.get(self.shape.amount)
        computed_total = self.comes_to(run) if self.comes_to is not None else None
        return (
            computed_total
            if computed_total is not None and computed_total != stated_total
            else self._known_amount(run, draft)
        )

    def _known_amount(self, _run: Run, draft: Draft) -> Decimal:
        """Return the document's own total, or the sum of its lines."""
        total = draft.values.get(self.shape.amount)
        return total if isinstance(total, Decimal) else sum_line_amounts(draft.lines)


def _longest_texts(
    post: nodes.Post, schemas: Schemas | None
) -> tuple[dict[str, tuple[int, str]], dict[str, tuple[int, str]]]:
    """Return the maximum text lengths by field, of the header and of the lines.

    Each value is (maximum length, field that takes the full text, blank if there is none).
    """
    schema = schemas.document(post.route.target, post.route.document) if schemas else None
    if schema is None:
        return {}, {}
    head, line = (
        {
            field.name: (field.max_length, getattr(field, "whole", ""))
            for field in fields
            if field.max_length and getattr(field, "shortened", False)
        }
        for fields in (schema.header, schema.lines)
    )
    filled, of_lines = {a.name for a in post.fields}, {a.name for a in post.line_fields}
    return (
        {name: limits for name, limits in head.items() if name in filled},
        {name: limits for name, limits in line.items() if name in of_lines},
    )


def sum_line_amounts(lines: Iterable[dict[str, str]]) -> Decimal:
    """Return the sum of the lines, for a document without its own amount; 0 without prices."""
    amount_texts = (
        next((row[name] for name in LINE_AMOUNTS if row.get(name)), "0") for row in lines
    )
    return sum((Decimal(text) for text in amount_texts), Decimal(0))


@dataclass(frozen=True, slots=True)
class Shape:
    """Name the target fields that hold the document's date, party, amount, currency and number."""

    date: str
    party: str
    amount: str
    total: str  # the amount, if it is certainly the sum of all lines
    reckons: bool  # the target recomputes each line from quantity and price
    currency: str
    number: str
    party_of: str  # the record's field that names the party
    amount_of: str  # the record's field that is the amount

    @staticmethod
    def of(
        compiler: Compiler, post: nodes.Post, head: Mapping[str, Type], schemas: Schemas | None
    ) -> Shape:
        """Return the shape from the target's schema if it is known, else from the fields'
        expressions.
        """
        schema = schemas.document(post.route.target, post.route.document) if schemas else None
        exprs: Mapping[str, nodes.Expr] = {a.name: a.expr for a in post.fields}
        dates = [name for name, of in head.items() if of.kind in {"date", "moment"}]
        money = [name for name, of in head.items() if of.kind == "money"]
        mapped = [a.name for a in post.fields if _map_argument(compiler.index, a.expr)]
        day = schema.date_field if schema else _first_preferred(dates, _DATE_NAMES)
        party = schema.party_field if schema else mapped[0] if mapped else ""
        by_name = next((name for name in _AMOUNT_NAMES if name in money), "")
        total = (schema.total_field or "") if schema else by_name
        total = total if total in exprs else ""
        amount = total or _first_preferred(money, _AMOUNT_NAMES)
        numbers = [a.name for a in post.fields if format_expression(a.expr) == "document_number"]
        return Shape(
            date=day,
            party=party,
            amount=amount,
            total=total,
            reckons=bool(getattr(schema, "reckons", False)),
            currency=_first_preferred(
                [name for name in head if name in _CURRENCY_NAMES], _CURRENCY_NAMES
            ),
            number=schema.number_field if schema else numbers[0] if numbers else "",
            party_of=_map_argument(compiler.index, exprs.get(party)),
            amount_of=_stored_field(compiler, exprs.get(amount)),
        )


class RecordHead:
    """Read the number, party, day, amount and currency of a record."""

    def __init__(self, compiler: Compiler, shapes: Sequence[Shape]) -> None:
        index, record = compiler.index, compiler.record
        source = index.sources.get(index.records[record].source or "")
        self.zone, self._source_currency = compiler.zone, source.currency if source else ""
        key, dated = index.marked(record, "key"), index.marked(record, "dated")
        self._key, self._with_override = key.name if key else "", dated.name if dated else ""
        self._party = next((shape.party_of for shape in shapes if shape.party_of), "")
        self._party_name = f"{self._party}_name"
        named = next((shape.amount_of for shape in shapes if shape.amount_of), "")
        self._amount = self._operand(compiler, named or self._usual_amount_field(compiler))

    @staticmethod
    def _usual_amount_field(compiler: Compiler) -> str:
        """Return the header field with the record's amount, for documents that name none.

        It is `total`, else `amount`, else the last money field of the header, else blank.
        """
        fields = compiler.index.fields[compiler.record].values()
        money = [f.name for f in fields if isinstance(f, nodes.Field) and f.type == "money"]
        named = next((name for name in ("total", "amount") if name in money), "")
        return named or (money[-1] if money else "")

    @staticmethod
    def _operand(compiler: Compiler, name: str) -> Operand | None:
        index, record = compiler.index, compiler.record
        if not name:
            return None
        name_node = nodes.Name((name,), index.fields[record][name].span)
        return Operand(compiler, name_node, Scope(index, record))

    # ---- one record ---------------------------------------------------------------------------

    def number(self, run: Run) -> str:
        """Return the number that people know the record by."""
        value: Any = run.head.get(self._key)
        return "" if value is None or type(value) is Unknown else str(value).strip()

    def party(self, run: Run, body: Mapping[str, object]) -> str:
        """Return the name of the customer or supplier, or the code if there is no name."""
        name = body.get(self._party_name)
        if isinstance(name, str) and (stripped := name.strip()):
            return clean_text(stripped[:200])
        value = run.head.get(self._party)
        return value if isinstance(value, str) else ""

    def day(self, run: Run, decisions: Sequence[Decision]) -> date | None:
        """Return the record's date, or its first document's date."""
        value: Any = run.head.get(self._with_override)
        if isinstance(value, datetime):
            return _day_in(value, self.zone)
        if isinstance(value, date):
            return value
        return next((d.document.date for d in decisions if d.document), None)

    def amount(self, run: Run) -> Decimal | None:
        """Return the record's amount, or None if it is unknown."""
        try:
            value: Any = self._amount.closure(run) if self._amount else None
        except (ArithmeticError, TypeError, RecursionError):
            return None
        return value if isinstance(value, Decimal) else None

    def currency(self, run: Run, decisions: Sequence[Decision]) -> str:
        """Return the currency of the record's first document, else of the record, else of its
        source.
        """
        for decision in decisions:
            if decision.document is not None:
                if decision.document.currency:
                    return decision.document.currency
                break
        stated = run.head.get("currency")
        return (stated if isinstance(stated, str) else "") or self._source_currency


def _day_in(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day of a moment in a time zone. At the ends of the calendar, return its UTC
    day.
    """
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        return moment.date()


def _map_argument(index: Index, expr: nodes.Expr | None) -> str:
    if isinstance(expr, nodes.Call) and expr.name in index.maps and expr.args:
        return format_expression(expr.args[0])
    return ""


def _first_preferred(names: list[str], preferred: tuple[str, ...]) -> str:
    return next((name for name in preferred if name in names), names[0] if names else "")


def _stored_field(compiler: Compiler, expr: nodes.Expr | None) -> str:
    fields = compiler.index.fields.get(compiler.record, {})
    name = format_expression(expr) if isinstance(expr, nodes.Name) else ""
    return name if name in fields else ""


@dataclass(frozen=True, slots=True)
class LineColumns:
    """Name the fields of a document's line that hold its item, quantity and unit."""

    item: str
    quantity: str
    unit: str

    @staticmethod
    def of(post: nodes.Post, schemas: Schemas | None) -> LineColumns | None:
        """Return a route's line columns, or None if its lines have no item or no quantity."""
        schema = schemas.document(post.route.target, post.route.document) if schemas else None
        item_fields = (
            [f.name for f in schema.lines if getattr(f, "refers", "") == "item"] if schema else []
        )
        assigned = {a.name for a in post.line_fields}
        item = next((name for name in (*item_fields, *_ITEMS) if name in assigned), "")
        quantity = next((name for name in QUANTITIES if name in assigned), "")
        unit = next((name for name in UNITS if name in assigned), "")
        return LineColumns(item, quantity, unit) if item and quantity else None


def formula_of(post: nodes.Post, name: str, scope: Scope) -> nodes.Expr | None:
    """Return the expression of a line field of a route, or None if it is not assigned."""
    expr = next((a.expr for a in post.line_fields if a.name == name), None)
    return resolve_formula(expr, scope) if expr is not None else None


def in_base_unit(
    post: nodes.Post, columns: LineColumns, calls: tuple[nodes.Call, ...], scope: Scope
) -> bool:
    """Check whether the posted unit is always the base unit of the converted item."""
    unit = formula_of(post, columns.unit, scope)
    if unit is None:
        return not columns.unit
    return (
        isinstance(unit, nodes.Call) and unit.name == "base_unit" and unit.args == calls[0].args[2:]
    )


def conversions_of(
    quantity: nodes.Expr, scope: Scope, otherwise: tuple[nodes.Call, ...]
) -> tuple[bool, tuple[nodes.Call, ...]]:
    """Return whether a posted quantity is exactly one conversion, and its conversions.

    A quantity without conversions takes the calls in `otherwise`.
    """
    quantity = resolve_formula(quantity, scope)
    conversions = [
        e
        for e in expand_parts(quantity, scope)
        if isinstance(e, nodes.Call) and e.name == "in_base"
    ]
    return conversions == [quantity], tuple(dict.fromkeys(conversions)) or otherwise


class NumberTemplate:
    """Fill the text behind `as`: a document number with fields, `{posting}` and `{reversed}`."""

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
        """The values in the number."""
        return [p for p in self._parts if isinstance(p, Operand)]

    def fill(self, run: Run, reversed_: str = "") -> Any:
        """Return the number, or Unknown. A template without a counter gets the posting's sequence
        number at its end.
        """
        text = ""
        for part in self._parts:
            if isinstance(part, str):
                if self._counts:
                    counters = {"{posting}": str(run.route.seq), "{reversed}": reversed_}
                    part = counters.get(part, part)
                text += part
                continue
            value = part.closure(run)
            if type(value) is Unknown:
                return value
            text += document_text(value, part.type)
        needs_suffix = run.route.seq > 1 and not self._counts
        return f"{text.strip()}-{run.route.seq}" if needs_suffix else text.strip()
