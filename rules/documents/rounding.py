"""Compare a document's total with the sum that the target makes of its lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial, reduce
from types import MappingProxyType
from typing import Any, Final, cast

from grammar import nodes
from rules.documents.totals import (
    ROUNDING_LINES,
    AmountParts,
    LineParts,
    RecordTotal,
    net_of,
    split_tax_by_code,
    taxed_line_of,
)
from rules.expressions.checks import Operands, operands_of
from rules.expressions.compiler import Compiler
from rules.expressions.lists import lines_ever_billed
from rules.expressions.run import Closure, Run, is_left_out
from rules.facts import World
from rules.outcomes import (
    HIT,
    PASS,
    UNKNOWN,
    Finding,
    Said,
    Verdict,
    VerdictResult,
    has_failed_check,
)
from rules.types.functions import expand_parts, net_of_tax, unrounded
from rules.types.symbol_table import DocumentSchema, Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.kinds import (
    CONTEXT,
    Number,
    add,
    as_fraction,
    multiply,
    round_all,
    round_half_up,
    subtract,
)
from rules.values.wording import MISSING, format_expression

ROUNDING: Final = "rounding"

TOLERANCE: Final = "tolerance"

PER_LINE, AT_THE_END = "per_line", "at_the_end"

METHOD_LABELS = {PER_LINE: "per line then sum", AT_THE_END: "sum then round"}

AMOUNTS = "sum of the amounts sent"

_NOTHING = Decimal(0)

ROUNDING_WAY_RULE = "rounding_told"

TARGET_TAX: Final = "target_tax"

_PERCENT = Decimal(100)

_SHOWN_LINES = 3


def is_rounding(
    total: Decimal, *, expected: Decimal, others: Collection[Decimal], places: Decimal
) -> bool:
    """Check whether a total differs by rounding only: another sum, or one last place off.

    >>> sen, sums = Decimal("0.01"), {"expected": Decimal("33.12"), "others": [Decimal("33.13")]}
    >>> [is_rounding(Decimal(t), places=sen, **sums) for t in ("33.13", "33.11", "33.17")]
    [True, True, False]
    """
    return total in others or abs(CONTEXT.subtract(total, expected)) <= places


def sum_columns(columns: Iterable[Sequence[Number]], method: str, places: Decimal) -> Decimal:
    """Return the total of a document's columns, for example net and tax.

    With the method `per_line` each amount is rounded, otherwise only each column's sum. Rounding is
    half up, to multiples of `places`.

    >>> columns, sen = [[Decimal("10.04")] * 3, [Decimal("1.004")] * 3], Decimal("0.01")
    >>> sum_columns(columns, "per_line", sen), sum_columns(columns, "at_the_end", sen)
    (Decimal('33.12'), Decimal('33.13'))
    """
    total, zero = _NOTHING, cast("Number", _NOTHING)
    for column in columns:
        amounts = column if method == PER_LINE else [reduce(add, column, zero)]
        total = reduce(CONTEXT.add, round_all([*amounts, zero], places), total)
    return total


class RoundingProgram:
    """Compute the total of one route's documents, and compare it with the stated total."""

    def __init__(
        self,
        compiler: Compiler,
        post: nodes.Post,
        target: nodes.Target,
        parts: AmountParts,
        record_total: RecordTotal | None,
    ) -> None:
        bills = post.bill is not None
        head = Scope(compiler.index, compiler.record, document=True, bills=bills)
        line = head if parts.in_header else replace(head, line=True)
        self.target, self.parts, self.route = target, parts, str(post.route)
        self.owner = target.tolerance_action.role or compiler.owner
        self.record_total = record_total if parts.total is None else None
        assign = parts.total or (record_total.assign if record_total else None)
        self.name, self.labels = assign.name if assign else "", set[str]()
        self.total: Closure | None = None
        if assign is not None:
            self.labels = {o.label for o in operands_of(compiler, assign.expr, head)}
            self.total = compiler.guarded(assign.expr, head, ROUNDING, "")
        self.in_words = compiler.currencies.amount
        if record_total is not None and record_total.fields.total in self.labels:
            self.labels |= record_total.labels
        adjusted = parts.rounding_line
        self.adjusted = compiler.guarded(adjusted.expr, head, ROUNDING, "") if adjusted else None
        columns, reckoned = parts.at_once(post.bill)
        self.own = self._closures_by_method(compiler, columns, line)
        self.columns = self._closures_by_method(compiler, reckoned, line) if reckoned else self.own
        self.due = (
            self._closures_by_method(compiler, parts.reckoned or parts.columns, line)
            if bills
            else None
        )
        exprs = parts.reckoned or parts.columns
        exact = tuple(unrounded(expr, line, target.places) for expr in exprs)
        summed_exprs = exprs if target.rounding == PER_LINE else exact
        codes = (parts.code,) if parts.code and target.rounding == AT_THE_END else ()
        self.codes = [compiler.guarded(code, line, ROUNDING, "") for code in codes]
        self.asked = (
            (*summed_exprs, *codes) if self.total is not None and not parts.in_header else ()
        )

    def _closures_by_method(
        self, compiler: Compiler, exprs: tuple[nodes.Expr, ...], scope: Scope
    ) -> dict[str, list[Closure]]:
        exact = [unrounded(expr, scope, self.target.places) for expr in exprs]
        return {
            PER_LINE: [compiler.guarded(expr, scope, ROUNDING, "") for expr in exprs],
            AT_THE_END: [compiler.guarded(expr, scope, ROUNDING, "") for expr in exact],
        }

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        schema: DocumentSchema | None,
        total: str,
        target: nodes.Target | None,
        record_total: RecordTotal | None,
    ) -> RoundingProgram | None:
        """Return the comparison for a route; None if its documents lack the total's parts."""
        parts = AmountParts.of(compiler.index, post, schema, total)
        return (
            RoundingProgram(compiler, post, target, parts, record_total)
            if target and parts
            else None
        )

    def amount(self, run: Run) -> Decimal | None:
        """Return the target's total if the document names none; None if a value is unknown."""
        if self.parts.total is not None:
            return None
        line = self.adjusted(run) if self.adjusted else _NOTHING
        expected = self._expected(run) if self.due is None else self._sum_due(run, self.due)
        parts = (expected, line)
        return CONTEXT.add(*parts) if all(isinstance(part, Decimal) for part in parts) else None

    def is_exact(self, run: Run, amounts: Sequence[Sequence[Number]] | Decimal) -> bool:
        """Check whether the total equals the target's sum, and no rounding line is needed.

        `amounts` are a column of values for each of the program's line expressions, or their sum.
        """
        if self.total is None:
            return True
        line, expected = self.adjusted(run) if self.adjusted else _NOTHING, amounts
        if not isinstance(amounts, Decimal):
            columns = split_tax_by_code(*amounts) if self.codes else amounts
            sums = (columns, self.target.rounding, self.target.places)
            expected = sum_columns(*sums) if self.asked else self._expected(run)
        return bool(self._named_total(run, expected) == expected and line == _NOTHING)

    @property
    def shows_lines(self) -> bool:
        """Check whether the columns are also the target's line amounts."""
        return bool(self.asked and self.parts.reckoned) and self.target.rounding == PER_LINE

    def judge(self, run: Run, judged: Said) -> Said:
        """Return the verdict, and a finding if the difference exceeds the tolerance.

        There is no finding if a failed check already reports the difference.
        """
        # A document that names no total is not judged: a guess would hold correct documents.
        if self.total is None:
            return Said()
        expected = self._expected(run)
        total = self._named_total(run, expected)
        line = self.adjusted(run) if self.adjusted else _NOTHING
        if not all(isinstance(v, Decimal) for v in (total, line, expected)):
            operands = ((self.name, MISSING),)
            return Said([self._verdict(UNKNOWN, ROUNDING, operands, "")])
        if total == expected and not line:
            if not run.whole:
                return Said()
            return Said([self._verdict(PASS, ROUNDING, self._operands(total, expected), "")])
        return self._differs(run, judged, total, line, expected)

    def _differs(
        self, run: Run, judged: Said, total: Decimal, line: Decimal, expected: Decimal
    ) -> Said:
        """Judge a total that, without its rounding line, is not the target's sum of the lines."""
        others = self._other_sums(run, expected)
        unadjusted = CONTEXT.subtract(total, line)
        exact = unadjusted == expected
        named = is_rounding(
            CONTEXT.add(expected, line) if exact else unadjusted,
            expected=expected,
            others=others.values(),
            places=self.target.places,
        )
        # A rounding line counts only while the difference is rounding, so it cannot hide a lost
        # line.
        off = _NOTHING if named else line
        difference = off if exact else CONTEXT.subtract(unadjusted, expected)
        rule = ROUNDING if named else TOLERANCE
        operands = self._operands(total, expected, others, line)
        text = self._explain(run, total, expected, others, line=line, named=named)
        if abs(difference) <= self.target.tolerance:
            return Said([self._verdict(PASS, rule, operands, text)])
        # A release, also one of a check of the sums, covers rounding. The target adds the lines up
        # itself, so any other difference would be in the books.
        released = named and (self.route, rule) in run.facts.releases
        verdict = replace(self._verdict(HIT, rule, operands, text), released=released)
        if released or has_failed_check(judged, self.labels, released=named):
            return Said([verdict])
        passes = CONTEXT.add(expected, line) if named else expected
        return Said([verdict], [self._finding(rule, text, passes)])

    def _named_total(self, run: Run, expected: Any) -> Any:
        """Return the document's total, or else its record's."""
        assert self.total is not None  # noqa: S101
        return (
            self.record_total.near(run, expected)
            if self.record_total is not None
            else self.total(run)
        )

    def _expected(self, run: Run) -> Any:
        """Return the target's sum of the lines, cached per run. A partial bill counts all parts."""
        if self not in run.memo:
            run.memo[self] = self._sum(
                run, self.target.rounding, self.columns, lines_ever_billed(run)
            )
        return run.memo[self]

    def _sum_due(self, run: Run, due: Mapping[str, list[Closure]]) -> Any:
        """Return the target's sum of the lines that this part bills."""
        rows = [row for row in run.lines if not is_left_out(run, row)]
        return self._sum(run, self.target.rounding, due, rows)

    def _other_sums(self, run: Run, expected: Decimal) -> dict[str, Decimal]:
        """Return name -> sum for the sums that the total equals if only the rounding differs."""
        method = self.target.rounding
        other_method = AT_THE_END if method == PER_LINE else PER_LINE
        sums = {
            METHOD_LABELS[other_method]: self._sum(
                run, other_method, self.columns, lines_ever_billed(run)
            )
        }
        sums[AMOUNTS] = self._sum(run, method, self.own, lines_ever_billed(run))
        return {k: v for k, v in sums.items() if v is not None and (k, v) != (AMOUNTS, expected)}

    def _sum(
        self,
        run: Run,
        method: str,
        columns: Mapping[str, list[Closure]],
        lines: Sequence[dict[str, Any]] | None = None,
    ) -> Any:
        """Return the sum of the lines, or None if a value is unknown."""
        if lines is None:
            lines = [row for row in run.lines if not is_left_out(run, row)]
            run.spend(len(run.lines))
        rows: list[list[Any]] = []
        for row in [run.line] if self.parts.in_header else lines:
            run.line = row
            rows.append([column(run) for column in (*columns[method], *self.codes)])
        width = len(columns[method])
        if any(not isinstance(value, Number) for values in rows for value in values[:width]):
            return None
        values_by_column: list[Sequence[Any]] = list(zip(*rows, strict=True))
        return sum_columns(
            split_tax_by_code(*values_by_column)
            if self.codes and values_by_column
            else values_by_column,
            method,
            self.target.places,
        )

    # ---- in words -----------------------------------------------------------------------------

    def _operands(
        self,
        total: Decimal,
        expected: Decimal,
        others: Mapping[str, Decimal] = MappingProxyType({}),
        line: Decimal = _NOTHING,
    ) -> Operands:
        """Return the (name, amount) pairs of the verdict.

        These are the stated total, the target's sum, other possible sums and the rounding line.
        """
        method = self.target.rounding
        operands = [(self.name, _money(total)), (METHOD_LABELS[method], _money(expected))]
        operands += [(name, _money(other)) for name, other in others.items()]
        if self.parts.rounding_line is not None:
            operands.append((self.parts.rounding_line.name, _money(line)))
        return tuple(operands)

    def _explain(
        self,
        run: Run,
        total: Decimal,
        expected: Decimal,
        others: Mapping[str, Decimal],
        *,
        line: Decimal,
        named: bool,
    ) -> str:
        method = "quantity times price, " if self.parts.reckoned else ""
        show = partial(self.in_words, run)
        other_sums = "".join(f"; {name} makes {show(other)}" for name, other in others.items())
        difference = CONTEXT.subtract(total, expected)
        with_line = f", of which {show(line)} is the rounding line" if line else ""
        direction = "more" if difference > 0 else "less"
        name = "rounding" if named else "no rounding"
        return (
            f"{self.name} is {show(total)}, but {self.target.name} makes "
            f"{show(expected)} of the lines "
            f"({method}{METHOD_LABELS[self.target.rounding]}{other_sums}): "
            f"{show(abs(difference))} {direction}{with_line}, which is {name}."
        )

    def _verdict(self, result: VerdictResult, rule: str, operands: Operands, text: str) -> Verdict:
        span = self.target.tolerance_action.span
        return Verdict(rule, "rounding", self.route, result, span, operands, None, text)

    def _finding(self, rule: str, text: str, passes: Decimal) -> Finding:
        action = self.target.tolerance_action
        label = "Rounding" if rule == ROUNDING else "A difference that is no rounding"
        return Finding(
            code="RND01" if rule == ROUNDING else "RND02",
            error_class="business_rule",
            rule=rule,
            route=self.route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=self.owner,
            message=text,
            clears=Clearing.by(self.owner) if rule == ROUNDING else ITSELF,
            cause_key=CauseKey(CauseKind.RULE, rule),
            cause_label=f"{label} between the total and the lines for {self.target.name}",
            would_pass=self._would_pass(passes),
            span=action.span,
        )

    def _would_pass(self, amount: Decimal) -> str:
        if self.parts.total is None:
            return "the document comes to what the record says"
        return f"{format_expression(self.parts.total.expr)} = {_money(amount)}"


def _money(value: Decimal) -> str:
    return number_text(value, 2)


def rounding_cause_key(target: str) -> CauseKey:
    """Return the cause key of all holds for a different rounding method."""
    return CauseKey(CauseKind.ROUNDING, target)


class RoundingMethodProgram:
    """Compare a target's reported rounding method with the rules of one route."""

    def __init__(self, route: str, target: nodes.Target, owner: str) -> None:
        self.route, self.target = route, target
        self.owner = target.tolerance_action.role or owner

    def differs(self, world: World) -> bool:
        """Check whether the target reports another rounding method than the rules."""
        state = world.targets.get(self.target.name)
        return state is not None and state.rounding not in ("", self.target.rounding)

    def judge(self, run: Run) -> Said:
        """Return a hold that cannot be released: the target's total would differ."""
        if not self.differs(run.world):
            return Said()
        name, span = self.target.name, self.target.span
        method = run.world.targets[name].rounding
        target_words, rule_words = (
            METHOD_LABELS.get(method, method),
            METHOD_LABELS[self.target.rounding],
        )
        text = f"{name} rounds {target_words}, and the rules say {rule_words}."
        operands = (("the target says", target_words), ("the rules say", rule_words))
        verdict = Verdict(
            ROUNDING_WAY_RULE, "rounding", self.route, HIT, span, operands, None, text
        )
        finding = Finding(
            code="RND03",
            error_class="business_rule",
            rule=ROUNDING_WAY_RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Nothing is sent to {name} until both say the same.",
            clears=ITSELF,
            cause_key=rounding_cause_key(name),
            cause_label=f"{name} rounds otherwise than the rules say",
            would_pass=(
                f"rules are published that say rounding {target_words}, or {name} rounds "
                f"{rule_words} again"
            ),
            span=span,
        )
        return Said([verdict], [finding])


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """One line as the target taxes it.

    `charged` is the record's tax, `exact` the tax from the code's rate and the base; `closed` is
    the target's own adjustment of the line's tax.
    """

    number: int
    code: str
    rate: Number
    base: Number
    charged: Number
    exact: Number
    closed: Decimal = _NOTHING


@dataclass(frozen=True, slots=True)
class TaxFigures:
    """The target's figures of a document, and the record's figures.

    A total is None if the document has none to compare.
    """

    lines: Sequence[TaxedLine]
    wrong: Sequence[TaxedLine]
    tax: Decimal
    own_tax: Decimal
    total: Decimal | None
    own_total: Decimal | None

    @property
    def tax_off(self) -> Decimal:
        """By how much the target's tax exceeds the record's."""
        return CONTEXT.subtract(self.tax, self.own_tax)

    @property
    def total_off(self) -> Decimal:
        """By how much the target's total exceeds the record's; 0 if either is unknown."""
        if self.total is None or self.own_total is None:
            return _NOTHING
        return CONTEXT.subtract(self.total, self.own_total)


class TaxProgram:
    """Compare the tax and total that a target computes itself with the record's.

    The rate of a tax code is the target's listed rate, else the rate that the rules give on the
    line.
    """

    def __init__(
        self, compiler: Compiler, post: nodes.Post, schema: DocumentSchema, target: nodes.Target
    ) -> None:
        line = taxed_line_of(post, schema)
        assert line is not None  # noqa: S101
        bills = post.bill is not None
        self.head = Scope(compiler.index, compiler.record, document=True, bills=bills)
        self.scope = self.head if line.in_header else replace(self.head, line=True)
        self.target, self.route, self.defined = target, str(post.route), line.parts.defined
        self.in_header, self.compiler = line.in_header, compiler
        self.in_words = compiler.currencies.amount
        self.base = self._closure(self._base_of(line.parts, schema), self.scope)
        self.tax, self.code = (self._part(line.parts, part) for part in ("tax", "code"))
        self.rate = self._part(line.parts, "rate")
        self.owner = self._keeper(line.parts["code"]) or (
            target.tolerance_action.role or compiler.owner
        )
        header_exprs = {assign.name: assign.expr for assign in post.fields}
        adjusted = next(
            (header_exprs[name] for name in ROUNDING_LINES if name in header_exprs), None
        )
        self.adjusted = self._closure(adjusted, self.head)
        self.holds = self.defined.tax_is == "inside"
        self.word: bool | str | None = None
        self.inclusive: Closure | None = None
        if self.defined.inclusive is not None:
            name, self.word = self.defined.inclusive
            self.inclusive = self._closure(header_exprs.get(name), self.head)
        self.total: Closure | None = None
        self.own: RecordTotal | None = None
        self.own_tax: Closure | None = None
        self.labels = self._labels(line.parts["tax"], self.scope)

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        schema: DocumentSchema | None,
        total: str,
        target: nodes.Target | None,
        record_total: RecordTotal | None,
    ) -> TaxProgram | None:
        """Return the comparison for a route; None if its documents have no tax with a tax code."""
        if schema is None or target is None or taxed_line_of(post, schema) is None:
            return None
        program = TaxProgram(compiler, post, schema, target)
        if post.bill is None:
            total_expr = next((a.expr for a in post.fields if a.name == total), None)
            program.total = program._closure(total_expr, program.head)
            program.labels |= program._labels(total_expr, program.head)
            program._compare_with(record_total)
        return program

    def _labels(self, expr: nodes.Expr | None, scope: Scope) -> set[str]:
        """Return the labels that checks show for the operands of an amount."""
        if expr is None:
            return set()
        return {operand.label for operand in operands_of(self.compiler, expr, scope)}

    def _compare_with(self, record_total: RecordTotal | None) -> None:
        """Compare with the record's own tax, and with its own total if the header names none."""
        if record_total is None:
            return
        self.own = record_total if self.total is None else None
        self.labels |= record_total.labels
        if record_total.fields.tax:
            span = record_total.assign.span
            self.own_tax = self._closure(nodes.Name((record_total.fields.tax,), span), self.head)

    def _closure(self, expr: nodes.Expr | None, scope: Scope) -> Closure | None:
        return None if expr is None else self.compiler.guarded(expr, scope, TARGET_TAX, "")

    def _part(self, parts: LineParts, part: str) -> Closure | None:
        return self._closure(parts[part], self.scope)

    def _base_of(self, parts: LineParts, schema: DocumentSchema) -> nodes.Expr | None:
        """Return the expression that the target taxes, recomputed if it recomputes each line."""
        net = net_of(parts, self.scope) if getattr(schema, "reckons", False) else None
        amount, tax = parts["amount"], parts["tax"]
        if net is not None or amount is None or tax is None or self.defined.tax_is != "added":
            return net or amount
        return nodes.Arith("-", amount, tax, amount.span)

    def _keeper(self, code_expr: nodes.Expr | None) -> str:
        """Return the team that keeps the map of tax codes, or a blank text if there is none."""
        maps = self.compiler.index.maps
        parts = expand_parts(code_expr, self.scope) if code_expr is not None else ()
        map_names = (p.name for p in parts if isinstance(p, nodes.Call) and p.name in maps)
        return next((maps[name].missing.action.role or "" for name in map_names), "")

    # ---- the figures --------------------------------------------------------------------------

    def is_exact(self, run: Run) -> bool:
        """Check whether the target's tax and total equal the record's, or a figure is unknown."""
        figures = self._figures(run)
        return figures is None or not (figures.wrong or figures.tax_off or figures.total_off)

    def judge(self, run: Run, judged: Said, total_judged: Said) -> Said:
        """Return the verdict, and a finding if a difference exceeds the tolerance.

        `judged` holds the record's checks: a check that already stops the record on these amounts
        is not repeated. `total_judged` is the total's proof, whose rounding is not repeated either.
        A line with another tax rate cannot be released.
        """
        run.spend(len(run.lines))
        figures = self._figures(run)
        if figures is None:
            return Said()
        difference = max(abs(figures.tax_off), abs(figures.total_off))
        if not figures.wrong and difference <= self.target.tolerance:
            if difference == _NOTHING and not run.whole:
                return Said()
            return Said(
                [self._verdict(PASS, figures, self._explain(run, figures) if difference else "")]
            )
        text = self._explain(run, figures)
        is_final = self._is_final(figures)
        released = not is_final and (self.route, TARGET_TAX) in run.facts.releases
        verdict = replace(self._verdict(HIT, figures, text), released=released)
        is_reported = not figures.wrong and any(v.result == HIT for v in total_judged.verdicts)
        if released or is_reported or _is_stopped(judged, self.labels):
            return Said([verdict])
        return Said([verdict], [self._finding(figures, text)])

    def _is_final(self, figures: TaxFigures) -> bool:
        """Check whether a release is impossible: another rate, or more than rounding differs."""
        rounding_limit = CONTEXT.multiply(self.target.places, Decimal(len(figures.lines)))
        return bool(figures.wrong) or abs(figures.total_off) > rounding_limit

    def _figures(self, run: Run) -> TaxFigures | None:
        """Return the target's and the record's figures, or None if a part is unknown."""
        holds = self._holds_tax(run)
        adjusted = self.adjusted(run) if self.adjusted is not None else _NOTHING
        lines = self._lines(run, holds=bool(holds))
        if holds is None or not lines or not isinstance(adjusted, Decimal):
            return None
        method, places = self.target.rounding, self.target.places
        bases = [[line.base for line in lines]]
        codes = [line.code if self.defined.by_code else "" for line in lines]
        parts = split_tax_by_code([], [line.exact for line in lines], codes)[1:]
        tax = CONTEXT.add(sum_columns(parts, method, places), adjusted)
        tax = CONTEXT.add(tax, sum((line.closed for line in lines), _NOTHING))
        total = CONTEXT.add(sum_columns(bases, method, places), adjusted if holds else tax)
        own_tax = self.own_tax(run) if self.own_tax is not None else None
        if not isinstance(own_tax, Decimal):
            own_tax = reduce(add, (line.charged for line in lines), cast("Number", adjusted))
            own_tax = round_half_up(own_tax, places)
        own_total = self._own_total(run, total)
        slack = as_fraction(max(self.target.tolerance, places))
        wrong = [line for line in lines if abs(as_fraction(self._excess_tax(line))) > slack]
        if not isinstance(own_total, Decimal):
            return TaxFigures(lines, wrong, tax, own_tax, None, None)
        return TaxFigures(lines, wrong, tax, own_tax, total, own_total)

    def _own_total(self, run: Run, total: Decimal) -> Any:
        if self.own is not None:
            return self.own.near(run, total)
        return self.total(run) if self.total is not None else None

    def _holds_tax(self, run: Run) -> bool | None:
        """Check whether the line amounts include their tax; None if that is unknown."""
        if self.inclusive is None:
            return self.holds
        value = self.inclusive(run)
        return value == self.word if isinstance(value, (bool, str)) else None

    def _lines(self, run: Run, *, holds: bool) -> list[TaxedLine] | None:
        """Return the billed lines, or None if a base, tax, code or rate is unknown."""
        state = run.world.targets.get(self.target.name)
        rates = state.tax_rates if state is not None and self.defined.listed else {}
        taxed_lines: list[TaxedLine] | None = []
        for number, row in enumerate([run.line] if self.in_header else run.lines, start=1):
            if not self.in_header and is_left_out(run, row):
                continue
            run.line = row
            line = self._line(run, number, rates, holds=holds)
            if line is None or taxed_lines is None:
                taxed_lines = None
                break
            taxed_lines.append(line)
        if not self.in_header:
            run.line = {}
        return taxed_lines

    def _line(
        self, run: Run, number: int, rates: Mapping[str, Decimal], *, holds: bool
    ) -> TaxedLine | None:
        code = self.code(run) if self.code is not None else None
        if not isinstance(code, str):
            return None
        closures = (self.base, self.tax, self.rate)
        base, charged, own_rate = (
            None if closure is None else closure(run) for closure in closures
        )
        rate = rates.get(code, own_rate) if code else _NOTHING
        if not isinstance(base, Number) or not isinstance(charged, Number):
            return None
        if not isinstance(rate, Number):
            return None
        if self.defined.tax_is == "beside" and self.target.rounding == PER_LINE:
            base = round_half_up(base, self.target.places)
        exact = subtract(base, net_of_tax(base, rate)) if holds else multiply(base, rate)
        line = TaxedLine(number, code, rate, base, charged, exact)
        remainder = self._excess_tax(line) if rate and not holds else None
        if isinstance(remainder, Decimal) and abs(remainder) <= self.defined.moves:
            return replace(line, closed=remainder)
        return line

    def _excess_tax(self, line: TaxedLine) -> Number:
        """Return by how much the record's tax on a line exceeds the target's."""
        if self.target.rounding != PER_LINE:
            return subtract(line.charged, line.exact)
        places = self.target.places
        return CONTEXT.subtract(
            round_half_up(line.charged, places), round_half_up(line.exact, places)
        )

    # ---- in words -----------------------------------------------------------------------------

    def _explain(self, run: Run, figures: TaxFigures) -> str:
        show, method = partial(self.in_words, run), METHOD_LABELS[self.target.rounding]
        record = self.compiler.record.replace("_", " ")
        name = self.target.name
        text = (
            f"{name} makes {show(figures.tax)} tax of the lines ({method}), and the "
            f"{record} has "
            f"{show(figures.own_tax)}: {_difference(show, figures.tax_off)}."
        )
        for line in figures.wrong[:_SHOWN_LINES]:
            due = round_half_up(line.exact, self.target.places)
            text += (
                f" Line {line.number}: tax code {line.code} is {_percent(line.rate)} of "
                ""
                f"{show(round_half_up(line.base, self.target.places))}, which is "
                ""
                f"{show(due)}, and "
                ""
                f"the {record} has "
                f"{show(round_half_up(line.charged, self.target.places))}."
            )
        if figures.total is not None and figures.own_total is not None and figures.total_off:
            text += (
                f" It comes to {show(figures.total)} in {name}, and the {record} has "
                ""
                f"{show(figures.own_total)}: "
                f"{_difference(show, figures.total_off)}."
            )
        return text

    def _verdict(self, result: VerdictResult, figures: TaxFigures, text: str) -> Verdict:
        operands = [
            (f"tax in {self.target.name}", _money(figures.tax)),
            ("tax of the record", _money(figures.own_tax)),
        ]
        if figures.total is not None and figures.own_total is not None:
            operands.append((f"total in {self.target.name}", _money(figures.total)))
            operands.append(("total of the record", _money(figures.own_total)))
        rates = {line.code: _percent(line.rate) for line in figures.lines if line.code}
        operands += sorted(rates.items())
        span = self.target.tolerance_action.span
        return Verdict(
            TARGET_TAX, "rounding", self.route, result, span, tuple(operands), None, text
        )

    def _finding(self, figures: TaxFigures, text: str) -> Finding:
        name = self.target.name
        return Finding(
            code="RND06",
            error_class="business_rule",
            rule=TARGET_TAX,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Nothing was sent.",
            clears=ITSELF if self._is_final(figures) else Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, TARGET_TAX),
            cause_label=f"{name} would come to another tax than the record",
            would_pass=f"its tax is what {name} makes of it, or it names a code of that rate",
            span=self.target.tolerance_action.span,
            lines=tuple(line.number for line in figures.wrong),
        )


def _is_stopped(judged: Said, labels: Collection[str]) -> bool:
    """Check whether a check that reads one of these amounts stops the record now."""
    stops = {f.rule for f in judged.findings if f.severity in {"hold", "reject"}}
    checks = (v for v in judged.verdicts if v.kind == "check" and v.rule in stops)
    return any({*labels} & {name for name, _ in v.operands} for v in checks)


def _difference(show: Callable[[Decimal], str], difference: Decimal) -> str:
    return (
        f"{show(abs(difference))} {'more' if difference > 0 else 'less'}"
        if difference
        else "the same"
    )


def _percent(rate: Number) -> str:
    """Return a rate as a percentage: 0.1 becomes "10%"."""
    percent = multiply(rate, _PERCENT)
    return f"{number_text(percent) if isinstance(percent, Decimal) else percent}%"
