"""The target document: its fields from the record, each with its lineage.

Here: DocumentProgram: values as canonical text, gaps, lineage. Not here: which field is date, party
or amount (columns.py), whether the document may go (decisions/record.py), how a target wants it
written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from grammar.text.editions import Edition
from rules.documents.columns import NumberTemplate, Shape
from rules.expressions.compiler import Assigned, Compiler
from rules.expressions.conditions import Operand, operands_of, texts
from rules.expressions.lookups import Closure
from rules.expressions.run import Run
from rules.outcomes.findings import keep
from rules.outcomes.outcome import NO_SOURCE, Document, Lineage
from rules.types.expansion import inside, stands_in
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import CURRENCY, Scope, stored_currency
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.kinds import Type
from rules.values.unknown import Gap, Unknown
from rules.values.wording import MISSING, NotExactError, say, wire


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

    def __init__(self, compiler: Compiler, node: n.Otherwise, scope: Scope) -> None:
        self.first = compiler.guarded(node.expr, scope, "", "")
        self.second = compiler.guarded(node.default, scope, "", "")
        self.text = f"{say(node.default)} by default, since {say(node.expr)} is missing"

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

    def __init__(self, compiler: Compiler, assign: n.Assign, scope: Scope, owner: str) -> None:
        self._compiler, self._scope, self.expr = compiler, scope, assign.expr
        self.name = assign.name
        self.span = assign.span
        self.owner = owner
        self.type: Type = compiler.type(assign.expr, scope)

    @property
    def of_line(self) -> bool:
        """Whether it is filled on each line."""
        return self._scope.line

    def parts(self) -> Iterator[n.Expr]:
        """All that the value is made of, also behind computed fields."""
        return inside(self.expr, self._scope)

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
            found = stands_in(self.expr, self._scope)
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
            keep(draft.gaps, value, line)
        else:
            try:
                text = row[self.name] = wire(value, self.type)
            except NotExactError as reason:
                keep(draft.gaps, Unknown(self._not_exact(str(reason))), line)
        if run.whole:
            uses = tuple(dict.fromkeys(used)) if (used := run.uses) else ()
            reads = texts(self.operands, run)
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
        self, compiler: Compiler, post: n.Post, schemas: Schemas | None, owner: str
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
        self.numbered = tuple(a.name for a in post.fields if say(a.expr) == "document_number")
        self.parts = self._number.operands
        self.shape = Shape.of(compiler, post, {f.name: f.type for f in self.head}, schemas)
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
        draft = (self._drafted(run) if brief else None) or self._field_by_field(run)
        if type(run.route.number) is Unknown:
            keep(draft.gaps, run.route.number, None)
        return draft

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
                if run.route.bill is not None and run.route.bill.leaves_out(row):
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
        text = draft.fields[program.name] = wire(dated, program.type)
        if run.whole:
            last, by = draft.lineage[-1], run.facts.dated[self.route].by
            source = last.beside or ("" if last.reads else NO_SOURCE)
            told = f"{source}; dated {text} by {by}"
            draft.lineage[-1] = replace(last, beside=told.removeprefix("; "), value=text)
        return dated

    def document(self, run: Run, draft: Draft) -> Document | None:
        """The whole document, only if all of it is known."""
        day = run.route.day
        if not draft.made or draft.gaps or not isinstance(day, date):
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
            amount=self._amount(run, draft),
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
        if made is not None and made != told:
            return made
        return told if isinstance(told, Decimal) else together(draft.lines)


LINE_AMOUNTS = ("LineTotal", "SubTotal", "Amount")


def together(lines: Iterable[dict[str, str]]) -> Decimal:
    """What the lines come to, where the document names no amount of its own; 0 without prices."""
    found = (next((row[name] for name in LINE_AMOUNTS if row.get(name)), "0") for row in lines)
    return sum((Decimal(text) for text in found), Decimal(0))
