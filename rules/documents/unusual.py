"""Hold unusual documents: no lines, negative amounts, unlisted codes, amounts that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from operator import eq
from typing import Any, NamedTuple

from grammar import nodes
from grammar.text.characters import in_words, invisible, separated, shown, without_invisible
from grammar.text.problem import Span
from rules.documents.fields import Draft, FieldProgram, Shape
from rules.documents.rounding import PER_LINE, RoundingProgram, TaxProgram
from rules.documents.totals import (
    CurrencyProgram,
    LineAmountProgram,
    OwnTotalProgram,
    RecordTotal,
    TotalFields,
    not_compared,
)
from rules.expressions.compiler import Compiler, LineSums, WantedValues
from rules.expressions.lists import mentions_line
from rules.expressions.run import UNIT_PRICES, Closure, EmptyLine, Run, is_left_out
from rules.outcomes import HIT, NOT_APPLICABLE, Document, Finding, Said, Verdict
from rules.types.symbol_table import Index, Schemas, Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing, Unknown
from rules.values.kinds import CONTEXT, Number, is_simple, round_all
from rules.values.wording import document_text

NO_LINES, QUANTITIES, TOTALS = "no_lines", "negative_quantities", "negative_totals"

UNUSUAL = (NO_LINES, QUANTITIES, TOTALS)
"""The words that `allows` accepts, and the rules that hold a document without them."""

UNUSUAL_CODE = "VAL03"

NO_QUANTITY, NO_QUANTITY_CODE = "no_quantity", "VAL07"
"""The rule that holds a line of 0 pieces which has an amount."""

_TITLES = {
    NO_LINES: "Without lines",
    QUANTITIES: "A negative quantity",
    TOTALS: "A negative total",
}

_NUMBERS = (Decimal, Fraction)

Columns = Sequence[Sequence[Number]]

LISTED_CODES_RULE, LISTED_CODE, UNSEEN = "listed_codes", "LST01", "VAL01"

LISTS: Mapping[str, str] = {"account": "account", "tax": "tax_code", "currency": "currency"}
"""Map what a field refers to, to the kind of list in which a target reports such codes."""

NOUNS = {"account": "account", "tax_code": "tax code", "currency": "currency"}

_NONE: frozenset[str] = frozenset()


def possible_unusual(index: Index, record: str) -> frozenset[str]:
    """Return the unusual features that records of a kind can have."""
    features = {TOTALS}
    if index.lines_field(record) is not None:
        features.add(NO_LINES)
    if _quantities(index, record):
        features.add(QUANTITIES)
    return frozenset(features)


def _quantities(index: Index, record: str) -> tuple[str, ...]:
    lines = index.line_records.get(record)
    fields = lines.fields if lines is not None else ()
    return tuple(f.name for f in fields if isinstance(f, nodes.Field) and f.type == "quantity")


def _line_amount_names(index: Index, record: str) -> tuple[str, ...]:
    """Return the names of a line's stored money fields, without unit prices."""
    lines = index.line_records.get(record)
    fields = (f for f in (lines.fields if lines else ()) if isinstance(f, nodes.Field))
    return tuple(f.name for f in fields if f.type == "money" and f.name not in UNIT_PRICES)


def line_count_checks(index: Index, record: str) -> frozenset[Span]:
    """Return the spans of the checks that count the lines of a record kind."""
    lines = index.lines_field(record)
    record_checks = (
        check
        for check in index.ruleset.checks
        if any(word.name == record for word in check.records)
    )
    requirements = (requirement for check in record_checks for requirement in check.requires)
    return frozenset(
        requirement.span
        for requirement in requirements
        if lines and _counts(requirement, lines.name)
    )


def _counts(expr: Any, lines: str) -> bool:
    if isinstance(expr, nodes.Call) and expr.name == "count" and expr.where is None:
        return any(
            isinstance(argument, nodes.Name) and argument.path == (lines,) for argument in expr.args
        )
    return any(_counts(part, lines) for part in nodes.inner(expr))


def is_held_without_lines(judged: Said, counting: frozenset[Span]) -> bool:
    """Check whether a finding stops the record because it has no lines: this rule, or a check that
    counts them.
    """
    stops = {f.rule for f in judged.findings if f.severity in {"hold", "reject"}}
    failed = [v for v in judged.verdicts if v.result == HIT and v.rule in stops]
    return any(v.rule == NO_LINES or v.span in counting for v in failed)


class UnusualProgram:
    """Judge the unusual features of one route's documents."""

    def __init__(
        self, compiler: Compiler, post: nodes.Post, shape: Shape, schemas: Schemas | None
    ) -> None:
        index, record = compiler.index, compiler.record
        self.route, self.record, self.owner = str(post.route), record, compiler.owner
        self.allowed = post.allows.what if post.allows is not None else ()
        self.span = post.span
        self.allows_span = post.allows.span if post.allows is not None else post.span
        self.listed = index.lines_field(record) is not None
        self.quantities = _quantities(index, record)
        self.totals = list(self._totals(compiler, post, shape, schemas))
        self.amounts = _line_amount_names(index, record)

    @staticmethod
    def _totals(
        compiler: Compiler, post: nodes.Post, shape: Shape, schemas: Schemas | None
    ) -> Iterator[tuple[str, Any]]:
        """Yield the record's total, and the document's total if it is computed differently."""
        scope = Scope(compiler.index, compiler.record, document=True)
        name = _amount_field(compiler.index, compiler.record, schemas)
        if name:
            yield name, compiler.field(name, scope)
        assign = next((a for a in post.fields if a.name == shape.amount), None)
        if assign is None or post.bill is not None:
            return
        if not (isinstance(assign.expr, nodes.Name) and assign.expr.path == (name,)):
            yield assign.name, compiler.guarded(assign.expr, scope, TOTALS, "")

    def seen(self, run: Run) -> bool:
        """Check whether the document has an unusual feature."""
        if self.listed and not run.shown:
            return True
        for name in self.quantities:
            for row in run.shown:
                value = row[name]
                if value.__class__ is Decimal and value > 0:
                    continue
                if isinstance(value, _NUMBERS) and value <= 0:
                    return True
        for _, closure in self.totals:
            value = closure(run)
            if not (value.__class__ is Decimal and value >= 0) and _is_negative(value):
                return True
        return False

    def judge(self, run: Run) -> Said:
        """Return a verdict for each unusual feature, and a finding for each that the rules do not
        allow.
        """
        judged = Said()
        for rule, description, lines in self._features(run):
            allowed = rule in self.allowed
            released = (self.route, rule) in run.facts.releases
            operands = (
                (_TITLES[rule], description),
            )  # part of the outcome hash, so it never changes
            text = separated(description)
            span = self.allows_span if allowed else self.span
            result = NOT_APPLICABLE if allowed else HIT
            verdict_text = f"{text} The rules allow it: {_words(rule)}." if allowed else text
            line = lines[0] if lines else None
            judged.verdicts.append(
                Verdict(
                    rule, "field", self.route, result, span, operands, line, verdict_text, released
                )
            )
            if not allowed and not released:
                judged.findings.append(self._finding(rule, text, lines))
        judged.add(self._judge_quantities(run))
        return judged

    def _judge_quantities(self, run: Run) -> Said:
        """Hold lines of 0 pieces with an amount: no document can show such a line."""
        lines = [
            (number, row)
            for number, row in enumerate(run.lines, start=1)
            if row.__class__ is not EmptyLine
            and any(
                isinstance(row[name], _NUMBERS) and not row[name] for name in self.quantities[:1]
            )
            and any(isinstance(row[name], _NUMBERS) and row[name] for name in self.amounts)
        ]
        if not lines:
            return Said()
        number, row = lines[0]
        amount = next(v for v in map(row.get, self.amounts) if isinstance(v, _NUMBERS) and v)
        text = f"Line {number} has 0 pieces and an amount of {_format_amount(amount)}."
        label = "0 pieces with an amount"
        operands = ((label, text),)
        verdict = Verdict(NO_QUANTITY, "field", self.route, HIT, self.span, operands, number, text)
        finding = Finding(
            code=NO_QUANTITY_CODE,
            error_class="bad_value",
            rule=NO_QUANTITY,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Correct the quantity or the amount in the source.",
            clears=ITSELF,
            cause_key=CauseKey(CauseKind.RULE, NO_QUANTITY),
            cause_label=label,
            would_pass="the line has a quantity, or no amount",  # noqa: S106
            span=self.span,
            lines=tuple(number for number, _ in lines),
        )
        return Said([verdict], [finding])

    def _features(self, run: Run) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """Yield (rule, description, line numbers) for each unusual feature."""
        if self.listed and not run.shown:
            yield NO_LINES, f"This {self.record.replace('_', ' ')} has no lines.", ()
        for name in self.quantities:
            below = [
                (number, row[name])
                for number, row in enumerate(run.lines, 1)
                if _is_negative(row[name])
            ]
            if below:
                number, value = below[0]
                others = len(below) - 1
                further_lines = f", and on {others} more line{'s'[: others - 1]}" if others else ""
                text = (
                    f"The {name.replace('_', ' ')} is {number_text(value)} on line "
                    f"{number}{further_lines}."
                )
                yield QUANTITIES, text, tuple(number for number, _ in below)
                break
        for name, closure in self.totals:
            value = closure(run)
            if _is_negative(value):
                yield TOTALS, f"The {name.replace('_', ' ')} is {_format_amount(value)}.", ()
                break

    def _finding(self, rule: str, text: str, lines: tuple[int, ...]) -> Finding:
        message = f"{text} Nothing is posted so unless the rules or a person allow it."
        return Finding(
            code=UNUSUAL_CODE,
            error_class="bad_value",
            rule=rule,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=message,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, rule),
            cause_label=_TITLES[rule],
            would_pass=f"it is not so, or the route says: allows {_words(rule)}",
            span=self.span,
            lines=lines,
        )


def _amount_field(index: Index, record: str, schemas: Schemas | None) -> str:
    """Return the field with a record's total, or with its only amount; blank if there is none."""
    total_fields = TotalFields.of(index, record, schemas)
    total_fields = total_fields.read(index, record) if total_fields is not None else None
    if total_fields is not None:
        return total_fields.total
    field = index.fields[record].get("amount")
    return "amount" if isinstance(field, nodes.Field) and field.type == "money" else ""


def _is_negative(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and value < 0


def _words(rule: str) -> str:
    return rule.replace("_", " ")


def _format_amount(value: Any) -> str:
    return number_text(value, 2) if isinstance(value, Decimal) else str(value)


@dataclass(frozen=True)
class AmountsProgram:
    """Run all comparisons of amounts for one route's documents.

    A comparison is None if the documents lack the amounts that it needs.
    """

    route: str
    total: RoundingProgram | None
    own: OwnTotalProgram | None
    lines: LineAmountProgram | None
    tax: TaxProgram | None
    uncompared: nodes.Uncompared | None
    record_total: RecordTotal | None
    compiler: Compiler
    currency: CurrencyProgram
    counting: frozenset[Span]  # checks that count lines

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        shape: Shape,
        schemas: Schemas | None,
        target: nodes.Target | None,
    ) -> AmountsProgram:
        """Return the comparisons of a route; `shape` names its documents' header fields."""
        total = shape.total
        index, record = compiler.index, compiler.record
        schema = schemas.document(post.route.target, post.route.document) if schemas else None
        total_fields = TotalFields.of(index, record, schemas)
        total_fields = total_fields.read(index, record) if total_fields else None
        record_total = RecordTotal(compiler, total_fields) if total_fields else None
        compared = record_total if post.uncompared is None else None
        return AmountsProgram(
            str(post.route),
            RoundingProgram.of(
                compiler, post, schema=schema, total=total, target=target, record_total=compared
            ),
            OwnTotalProgram.of(compiler, post, total=total, target=target, record_total=compared),
            LineAmountProgram.of(compiler, post, schema, target),
            TaxProgram.of(
                compiler, post, schema=schema, total=total, target=target, record_total=compared
            ),
            post.uncompared,
            record_total,
            compiler,
            CurrencyProgram(
                compiler,
                post,
                stated=_amount_field(index, record, schemas),
                named=shape.currency,
                amount=shape.amount,
            ),
            line_count_checks(index, record),
        )

    @cached_property
    def asked(self) -> tuple[nodes.Expr, ...]:
        """The line expressions whose values `is_exact` compares; the total's expressions first."""
        total = self.total.asked if self.total is not None else ()
        lines = self.lines.asked if self.lines is not None else ()
        shows_lines = self.total is not None and self.total.shows_lines
        return (*total, *(lines[:1] if shows_lines else lines))

    @cached_property
    def known(self) -> Closure | None:
        """The closure that computes `is_exact`'s amounts in one pass over the lines.

        None if each expression has to be evaluated separately.
        """
        return self.compiler.known(WantedValues(amounts=self.asked, summed=self.summed))

    @cached_property
    def summed(self) -> LineSums | None:
        """How the closure adds the line amounts up itself; None if it returns every amount."""
        total, lines = self.total, self.lines
        if total is None or not total.asked or total.target.rounding != PER_LINE:
            return None
        if not is_simple(total.target.places) or (lines is not None and not total.shows_lines):
            return None
        columns = len(total.asked)
        shown_columns = (columns if total.parts.holds_tax else 1) if lines is not None else 0
        return LineSums(total.target.places, columns, shown_columns)

    def is_exact(self, run: Run, amounts: list[Number] | Decimal) -> bool:
        """Check whether every comparison is exact, so that no finding is needed.

        `amounts` are the values of the line expressions, line after line, or their sum.
        """
        if (self.tax is not None and not self.tax.is_exact(run)) or self.currency.differs(run):
            return False
        if isinstance(amounts, Decimal):
            total = self.total
            return (total is None or total.is_exact(run, amounts)) and (
                self.own is None or self.own.is_exact(run)
            )
        columns, total_width = self._values_by_expression(amounts)
        return (
            (self.total is None or self.total.is_exact(run, columns[:total_width]))
            and (self.own is None or self.own.is_exact(run))
            and self._line_amounts_match(amounts)
        )

    def _values_by_expression(self, amounts: list[Number]) -> tuple[Columns, int]:
        """Return the values of each line expression, and the number of the total's expressions.

        `amounts` are in the order of lines: the first line's value of every expression, then the
        second line's. The total's expressions come first in the result.
        """
        width, total_width = len(self.asked), len(self.total.asked) if self.total is not None else 0
        return [amounts[index::width] for index in range(width)], total_width

    def _line_amounts_match(self, amounts: list[Number] | Decimal) -> bool:
        """Check whether every line's stated amount equals the amount computed for that line.

        If the total is the sum of these computed amounts, its columns are used. For a sum the
        closure has already compared the lines.
        """
        total, lines = self.total, self.lines
        if lines is None or isinstance(amounts, Decimal):
            return True
        columns, total_width = self._values_by_expression(amounts)
        if total is None or not total.shows_lines:
            return lines.is_exact(zip(*columns[total_width:], strict=True))
        amount_columns = columns[:total_width] if total.parts.holds_tax else columns[:1]
        first, *others = [round_all(column, total.target.places) for column in amount_columns]
        for column in others:
            first = list(map(CONTEXT.add, first, column))
        return all(map(eq, columns[total_width], first))

    def judge(self, run: Run, judged: Said) -> Said:
        """Return the findings on the amounts, and the verdicts of the comparisons.

        `judged` holds what other rules found in the record, which is not repeated.
        """
        amounts_judged, amounts = Said(), self._known_amounts(run)
        if amounts is not None and self.is_exact(run, amounts):
            return amounts_judged
        amounts_judged.add(self.currency.judge(run, self.amount(run)))
        if self.uncompared is not None and self.record_total is not None:
            amounts_judged.add(not_compared(run, self.route, self.uncompared, self.record_total))
        if self.total is not None:
            total_judged = self.total.judge(run, judged)
            may_repeat = not run.shown and total_judged.findings
            if may_repeat and is_held_without_lines(judged, self.counting):
                total_judged = Said(
                    total_judged.verdicts
                )  # their sum is 0, which another finding explains
            amounts_judged.add(total_judged)
        if self.own is not None:
            amounts_judged.add(self.own.judge(run, judged))
        if self.tax is not None:
            amounts_judged.add(self.tax.judge(run, judged, amounts_judged))
        if self.lines is not None and (amounts is None or not self._line_amounts_match(amounts)):
            amounts_judged.add(self.lines.judge(run))
        return amounts_judged

    def _known_amounts(self, run: Run) -> list[Number] | Decimal | None:
        """Return the amounts for `is_exact`: the values of all lines, or their sum.

        None if a value is unknown, or if a trace has to show each value.
        """
        is_detailed = run.whole or run.stepwise or run.route.bill is not None
        if is_detailed or not run.clean or self.known is None:
            return None
        try:
            amounts: list[Number] | Decimal | None = self.known(run)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return None
        return amounts

    def amount(self, run: Run) -> Decimal | None:
        """Return the amount that the accounting system will show, or None if the lines do not give
        it.
        """
        try:
            return self.total.amount(run) if self.total is not None else None
        except ArithmeticError:
            return None  # the proof of the total reports it


@dataclass(frozen=True, slots=True)
class _CodeField:
    """Describe one field of the document with a code: its list, and its owner."""

    name: str
    title: str
    kind: str
    owner: str
    span: Span
    program: FieldProgram | None
    raw: bool
    """Whether the code comes from the record unmapped. A map's values have visible characters only.
    """
    lasting: bool
    """Whether the code is equal on every line."""

    def good(self, lists: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """Return the codes that are valid regardless of their characters."""
        return frozenset() if self.raw or self.kind not in NOUNS else lists.get(self.kind, _NONE)

    def wrong(self, code: str, lists: Mapping[str, frozenset[str]]) -> bool:
        """Check whether a document must not name this code."""
        if not code:
            return False
        listed = lists.get(self.kind) if self.kind in NOUNS else None
        if listed is not None and code not in listed:
            return True
        return self.raw and bool(invisible(code))


class _ListedFields(NamedTuple):
    """A target's code lists, and the header and line fields that use them, each with its
    certainly valid codes.
    """

    lists: Mapping[str, frozenset[str]]
    head: list[tuple[_CodeField, frozenset[str]]]
    line: list[tuple[_CodeField, frozenset[str]]]


@dataclass(frozen=True, slots=True)
class _UnlistedCode:
    """A code that its target does not list, with its field and lines."""

    field: _CodeField
    code: str
    lines: tuple[int, ...]


class ListedCodes:
    """Check the codes of one route's documents."""

    def __init__(
        self,
        compiler: Compiler,
        route: nodes.RouteName,
        programs: Iterable[FieldProgram],
        schemas: Schemas | None,
        span: Span,
    ) -> None:
        target = compiler.index.targets.get(route.target)
        owner = (target.tolerance_action.role if target else "") or compiler.owner
        schema = schemas.document(route.target, route.document) if schemas else None
        self.route, self.target = str(route), route.target
        self.places: Mapping[str, str] = dict(getattr(schema, "lists", ()))
        fields = (*schema.header, *schema.lines) if schema is not None else ()
        filled = {p.name: p for p in programs}
        named: dict[str, _CodeField] = {}
        for field in fields:
            refers, program = getattr(field, "refers", ""), filled.get(field.name)
            raw = program is not None and _is_raw(program, compiler)
            if refers in LISTS or (refers and raw):
                kind = LISTS.get(refers, refers)
                title = getattr(field, "title", "") or field.name
                team = _keeper(program, compiler) or owner
                place = program.span if program is not None else span
                lasting = program is not None and not mentions_line(program.expr)
                named[field.name] = _CodeField(
                    field.name, title, kind, team, place, program, raw, lasting
                )
        self.named = named
        self._asked: tuple[object, _ListedFields] = (
            self,
            _ListedFields({}, [], []),
        )  # of no state yet

    def differs(self, run: Run) -> bool:
        """Check whether a complete document would name an unlisted code."""
        listed = self._cached_lists(run)
        lists = listed.lists
        has_unlisted = any(_has_unlisted(field, run, lists) for field, _ in listed.head)
        lasting = [field for field, _ in listed.line if field.lasting]
        varying = [field for field, _ in listed.line if not field.lasting]
        for row in run.lines[: 1 if lasting else 0]:
            run.line = row
            has_unlisted = has_unlisted or any(
                _has_unlisted(field, run, lists) for field in lasting
            )
        for row in run.lines if varying and not has_unlisted else ():
            run.line = row
            if any(_has_unlisted(field, run, lists) for field in varying):
                has_unlisted = True
                break
        run.line = {}
        return has_unlisted

    def has_stranger(
        self, run: Run, fields: Mapping[str, str], lines: Iterable[Mapping[str, str]]
    ) -> bool:
        """Check whether the document's texts name an unlisted code."""
        listed = self._cached_lists(run)
        lists, line = listed.lists, listed.line
        for field, good in listed.head:
            code = fields.get(field.name, "")
            if code not in good and field.wrong(code, lists):
                return True
        is_first = True
        for row in lines if line else ():
            for field, good in line:
                if is_first or not field.lasting:
                    code = row.get(field.name, "")
                    if code not in good and field.wrong(code, lists):
                        return True
            is_first = False
        return False

    def _cached_lists(self, run: Run) -> _ListedFields:
        """Return the fields and lists for the target's current state, cached until that changes."""
        state = run.world.targets.get(self.target) if self.named else None
        cached_state, listed = self._asked
        if cached_state is not state:
            listed = self._read_lists(run)
            self._asked = (state, listed)
        return listed

    def _read_lists(self, run: Run) -> _ListedFields:
        """Return the code lists of the target's state, and the fields that use them."""
        lists = self._lists(run)
        named = [f for f in self.named.values() if f.program and (f.raw or f.kind in lists)]
        head, line = (
            [(f, f.good(lists)) for f in named if f.program and f.program.of_line is of_line]
            for of_line in (False, True)
        )
        return _ListedFields(lists, head, line)

    def of_draft(self, run: Run, draft: Draft) -> Said:
        """Judge the codes of a drafted document, with the line numbers of the record."""
        if not self.has_stranger(run, draft.fields, draft.lines):
            return Said()
        rows = [
            number for number, row in enumerate(run.lines, start=1) if not is_left_out(run, row)
        ]
        return self.judge(run, draft.fields, list(zip(rows, draft.lines, strict=False)))

    def of_document(self, run: Run, document: Document) -> Said:
        """Judge the codes of a document that reverses another."""
        return self.judge(run, document.fields, list(enumerate(document.lines, start=1)))

    def judge(
        self, run: Run, fields: Mapping[str, str], rows: Iterable[tuple[int, Mapping[str, str]]]
    ) -> Said:
        """Return a hold for each unlisted code. It cannot be released, because the target would
        refuse the document.

        It ends when the target lists the code, or the document names another.
        """
        judged = Said()
        for unlisted in self._find_unlisted([(0, fields), *rows], self._lists(run)):
            finding = self._finding(unlisted)
            operands = ((unlisted.field.title, shown(unlisted.code)),)
            line = unlisted.lines[0] if unlisted.lines else None
            span, text = unlisted.field.span, finding.message
            judged.verdicts.append(
                Verdict(LISTED_CODES_RULE, "codes", self.route, HIT, span, operands, line, text)
            )
            judged.findings.append(finding)
        return judged

    def _lists(self, run: Run) -> Mapping[str, frozenset[str]]:
        """Return the lists that the target reported last, without empty ones.

        An old list still counts until a newer one arrives.
        """
        state = run.world.targets.get(self.target) if self.named else None
        return {kind: codes for kind, codes in state.codes.items() if codes} if state else {}

    def _find_unlisted(
        self, rows: Iterable[tuple[int, Mapping[str, str]]], lists: Mapping[str, frozenset[str]]
    ) -> list[_UnlistedCode]:
        """Return each unlisted code once, with all its lines."""
        unlisted_codes: dict[tuple[str, str], _UnlistedCode] = {}
        for line, row in rows:
            for field in self.named.values():
                code = row.get(field.name, "")
                if field.wrong(code, lists):
                    key = field.kind, code
                    unlisted = unlisted_codes.get(key) or _UnlistedCode(field, code, ())
                    added_lines = (line,) if line and line not in unlisted.lines else ()
                    unlisted_codes[key] = replace(unlisted, lines=unlisted.lines + added_lines)
        return list(unlisted_codes.values())

    # ---- in words -----------------------------------------------------------------------------

    def _finding(self, unlisted: _UnlistedCode) -> Finding:
        field, code = unlisted.field, unlisted.code
        hidden = invisible(code) if field.raw else ()
        if hidden:
            name, visible_code = shown(code), without_invisible(code)
            label = f"The document names {field.title} as {name}"
            return replace(
                self._base_finding(unlisted, label),
                code=UNSEEN,
                error_class="bad_value",
                message=f"The document names {field.title} as {name}, which holds "
                f"{in_words(hidden)}. Nothing was sent.",
                would_pass=f"the source or the rules write it without that: {visible_code}",
            )
        noun, place = NOUNS[field.kind], self.places.get(field.kind, "")
        list_place = f"{self.target}, {place}" if place else self.target
        message = (
            f"{self.target} does not list the {noun} {code}, which the document names as "
            f"{field.title}. Nothing was sent."
        )
        label = f"{self.target} does not list the {noun} {code}"
        would_pass = (
            f"{noun} {code} is added there ({list_place}) and the connection is tested again, or "
            "the document names a code that is listed"
        )
        return replace(self._base_finding(unlisted, label), message=message, would_pass=would_pass)

    def _base_finding(self, unlisted: _UnlistedCode, label: str) -> Finding:
        """Return the finding's common part; `label` names the cause."""
        return Finding(
            code=LISTED_CODE,
            error_class="mapping_missing",
            rule=LISTED_CODES_RULE,
            route=self.route,
            severity="hold",
            owner=unlisted.field.owner,
            message="",
            clears=ITSELF,
            cause_key=CauseKey.listed(self.target, unlisted.field.kind, unlisted.code),
            cause_label=label,
            would_pass="",
            span=unlisted.field.span,
            lines=unlisted.lines,
        )


def _is_raw(program: FieldProgram, compiler: Compiler) -> bool:
    """Check whether a text field is neither a map's value nor a literal of the rules."""
    expr, maps = program.expr, compiler.index.maps
    if program.type.kind not in {"text", "user"}:
        return False
    return not (
        isinstance(expr, nodes.Literal) or (isinstance(expr, nodes.Call) and expr.name in maps)
    )


def _keeper(program: FieldProgram | None, compiler: Compiler) -> str:
    """Return the team that keeps the map which fills a field, or blank."""
    maps = compiler.index.maps
    parts = program.parts() if program is not None else ()
    named = (part.name for part in parts if isinstance(part, nodes.Call) and part.name in maps)
    return next((maps[name].missing.action.role or "" for name in named), "")


def _has_unlisted(field: _CodeField, run: Run, lists: Mapping[str, frozenset[str]]) -> bool:
    """Check whether a field of the header, or of the current line, names an unlisted code."""
    program = field.program
    value: Any = program.closure(run) if program is not None else ""
    if type(value) is Unknown or program is None:
        return False
    return field.wrong(value if type(value) is str else document_text(value, program.type), lists)
