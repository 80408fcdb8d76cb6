"""Compare a document's total with the sum that the target makes of its lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial, reduce
from types import MappingProxyType
from typing import Any, Final, cast

from grammar import nodes
from grammar.text.vocabulary import Edition
from rules.documents.totals import (
    ROUNDING_LINES,
    AmountParts,
    LineParts,
    OwnTotal,
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

WAYS = {PER_LINE: "per line then sum", AT_THE_END: "sum then round"}

AMOUNTS = "sum of the amounts sent"

_NOTHING = Decimal(0)

ROUNDING_WAY_RULE = "rounding_told"

TARGET_TAX: Final = "target_tax"

_PERCENT = Decimal(100)

_SHOWN_LINES = 3


def is_rounding(
    total: Decimal, *, expected: Decimal, others: Collection[Decimal], places: Decimal
) -> bool:
    """Whether a total differs by rounding alone: it is another sum, or one last place off.

    >>> sen, sums = Decimal("0.01"), {"expected": Decimal("33.12"), "others": [Decimal("33.13")]}
    >>> [is_rounding(Decimal(t), places=sen, **sums) for t in ("33.13", "33.11", "33.17")]
    [True, True, False]
    """
    return total in others or abs(CONTEXT.subtract(total, expected)) <= places


def sum_columns(columns: Iterable[Sequence[Number]], way: str, places: Decimal) -> Decimal:
    """The sum of the columns of a document, net and tax, say; halves go up.

    Each amount is rounded, or each column once, at its end.

    >>> columns, sen = [[Decimal("10.04")] * 3, [Decimal("1.004")] * 3], Decimal("0.01")
    >>> sum_columns(columns, "per_line", sen), sum_columns(columns, "at_the_end", sen)
    (Decimal('33.12'), Decimal('33.13'))
    """
    total, nothing = _NOTHING, cast("Number", _NOTHING)
    for column in columns:
        each = column if way == PER_LINE else [reduce(add, column, nothing)]
        total = reduce(CONTEXT.add, round_all([*each, nothing], places), total)
    return total


class RoundingProgram:
    """What one route's documents come to, and the proof of the total that they, or else their
    records, name.
    """

    def __init__(
        self,
        compiler: Compiler,
        post: nodes.Post,
        target: nodes.Target,
        parts: AmountParts,
        told: OwnTotal | None,
    ) -> None:
        bills = post.bill is not None
        head = Scope(compiler.index, compiler.record, document=True, bills=bills)
        line = head if parts.in_header else replace(head, line=True)
        self.target, self.parts, self.route = target, parts, str(post.route)
        self.owner = target.tolerance_action.role or compiler.owner
        self.told = told if parts.total is None else None
        named = parts.total or (told.assign if told else None)
        self.name, self.labels = named.name if named else "", set[str]()
        self.total: Closure | None = None
        if named is not None:
            self.labels = {o.label for o in operands_of(compiler, named.expr, head)}
            self.total = compiler.guarded(named.expr, head, ROUNDING, "")
        self.in_words = compiler.currencies.amount
        self.trusts_releases = compiler.index.edition < Edition.EIGHTH
        if told is not None and told.own.total in self.labels:
            self.labels |= told.labels
        adjusted = parts.rounding_line
        self.adjusted = compiler.guarded(adjusted.expr, head, ROUNDING, "") if adjusted else None
        columns, reckoned = parts.at_once(post.bill)
        self.own = self._ways(compiler, columns, line)
        self.columns = self._ways(compiler, reckoned, line) if reckoned else self.own
        self.due = self._ways(compiler, parts.reckoned or parts.columns, line) if bills else None
        asked = parts.reckoned or parts.columns
        exact = tuple(unrounded(expr, line, target.places) for expr in asked)
        wanted = asked if target.rounding == PER_LINE else exact
        codes = (parts.code,) if parts.code and target.rounding == AT_THE_END else ()
        self.codes = [compiler.guarded(code, line, ROUNDING, "") for code in codes]
        self.asked = (*wanted, *codes) if self.total is not None and not parts.in_header else ()

    def _ways(
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
        known: DocumentSchema | None,
        total: str,
        target: nodes.Target | None,
        told: OwnTotal | None,
    ) -> RoundingProgram | None:
        """The proof of a route, or None where its documents do not show how a total is made.

        `told` is the record's own total, which counts where the header names none.
        """
        parts = AmountParts.of(compiler.index, post, known, total)
        return RoundingProgram(compiler, post, target, parts, told) if target and parts else None

    def amount(self, run: Run) -> Decimal | None:
        """What the target makes of all, where no total is named; None where one is, or unknown."""
        if self.parts.total is not None:
            return None
        line = self.adjusted(run) if self.adjusted else _NOTHING
        expected = self._expected(run) if self.due is None else self._of_due(run, self.due)
        parts = (expected, line)
        return CONTEXT.add(*parts) if all(isinstance(part, Decimal) for part in parts) else None

    def is_exact(self, run: Run, amounts: Sequence[Sequence[Number]] | Decimal) -> bool:
        """Whether the total is what the target makes of these columns of `asked`, or their sum."""
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
        """Whether the values of `asked` are what the target makes of each line, too."""
        return bool(self.asked and self.parts.reckoned) and self.target.rounding == PER_LINE

    def judge(self, run: Run, said: Said) -> Said:
        """The verdict, and a finding where more is off than is tolerated and no check said so."""
        # A document that names no total is not judged: a guess would hold correct documents.
        if self.total is None:
            return Said()
        expected = self._expected(run)
        total = self._named_total(run, expected)
        line = self.adjusted(run) if self.adjusted else _NOTHING
        if not all(isinstance(v, Decimal) for v in (total, line, expected)):
            shown = ((self.name, MISSING),)
            return Said([self._verdict(UNKNOWN, ROUNDING, shown, "")])
        if total == expected and not line:
            if not run.whole:
                return Said()
            return Said([self._verdict(PASS, ROUNDING, self._operands(total, expected), "")])
        return self._differs(run, said, total, line, expected)

    def _differs(
        self, run: Run, said: Said, total: Decimal, line: Decimal, expected: Decimal
    ) -> Said:
        """The total, less the rounding line, is not what the target makes of the lines."""
        others = self._others(run, expected)
        bare = CONTEXT.subtract(total, line)
        exact = bare == expected
        named = is_rounding(
            CONTEXT.add(expected, line) if exact else bare,
            expected=expected,
            others=others.values(),
            places=self.target.places,
        )
        # A rounding line counts only while the difference is rounding, so it cannot hide a lost
        # line.
        off = _NOTHING if named else line
        left = off if exact else CONTEXT.subtract(bare, expected)
        rule = ROUNDING if named else TOLERANCE
        operands = self._operands(total, expected, others, line)
        text = self._words(run, total, expected, others, line=line, named=named)
        if abs(left) <= self.target.tolerance:
            return Said([self._verdict(PASS, rule, operands, text)])
        # A release, also one of a check of the sums, covers rounding. The target adds the lines up
        # itself, so any other difference would be in the books.
        covers = self._may_release(rule)
        released = covers and (self.route, rule) in run.facts.releases
        verdict = replace(self._verdict(HIT, rule, operands, text), released=released)
        if released or has_failed_check(said, self.labels, released=covers):
            return Said([verdict])
        passes = CONTEXT.add(expected, line) if named else expected
        return Said([verdict], [self._finding(rule, text, passes)])

    def _may_release(self, rule: str) -> bool:
        return rule == ROUNDING or self.trusts_releases

    def _named_total(self, run: Run, expected: Any) -> Any:
        """The total that the document names, or else its record."""
        assert self.total is not None  # noqa: S101
        return self.told.near(run, expected) if self.told is not None else self.total(run)

    def _expected(self, run: Run) -> Any:
        """What the target makes of the lines, once a run; of a bill in parts, of all at once."""
        if self not in run.memo:
            run.memo[self] = self._sum(
                run, self.target.rounding, self.columns, lines_ever_billed(run)
            )
        return run.memo[self]

    def _of_due(self, run: Run, due: Mapping[str, list[Closure]]) -> Any:
        """The same of what this part bills."""
        rows = [row for row in run.lines if not is_left_out(run, row)]
        return self._sum(run, self.target.rounding, due, rows)

    def _others(self, run: Run, expected: Decimal) -> dict[str, Decimal]:
        """The sums that a total may be in place of the expected one, by their names."""
        way = self.target.rounding
        other = AT_THE_END if way == PER_LINE else PER_LINE
        sums = {WAYS[other]: self._sum(run, other, self.columns, lines_ever_billed(run))}
        sums[AMOUNTS] = self._sum(run, way, self.own, lines_ever_billed(run))
        return {k: v for k, v in sums.items() if v is not None and (k, v) != (AMOUNTS, expected)}

    def _sum(
        self,
        run: Run,
        way: str,
        columns: Mapping[str, list[Closure]],
        lines: Sequence[dict[str, Any]] | None = None,
    ) -> Any:
        """The sum of the lines, or None where one of them is not known."""
        if lines is None:
            lines = [row for row in run.lines if not is_left_out(run, row)]
            run.spend(len(run.lines))
        rows: list[list[Any]] = []
        for row in [run.line] if self.parts.in_header else lines:
            run.line = row
            rows.append([column(run) for column in (*columns[way], *self.codes)])
        wide = len(columns[way])
        if any(not isinstance(value, Number) for values in rows for value in values[:wide]):
            return None
        made: list[Sequence[Any]] = list(zip(*rows, strict=True))
        return sum_columns(
            split_tax_by_code(*made) if self.codes and made else made, way, self.target.places
        )

    # ---- in words -----------------------------------------------------------------------------

    def _operands(
        self,
        total: Decimal,
        expected: Decimal,
        others: Mapping[str, Decimal] = MappingProxyType({}),
        line: Decimal = _NOTHING,
    ) -> Operands:
        way = self.target.rounding
        found = [(self.name, _money(total)), (WAYS[way], _money(expected))]
        found += [(name, _money(other)) for name, other in others.items()]
        if self.parts.rounding_line is not None:
            found.append((self.parts.rounding_line.name, _money(line)))
        return tuple(found)

    def _words(
        self,
        run: Run,
        total: Decimal,
        expected: Decimal,
        others: Mapping[str, Decimal],
        *,
        line: Decimal,
        named: bool,
    ) -> str:
        how = "quantity times price, " if self.parts.reckoned else ""
        said = partial(self.in_words, run)
        more = "".join(f"; {name} makes {said(other)}" for name, other in others.items())
        left = CONTEXT.subtract(total, expected)
        with_line = f", of which {said(line)} is the rounding line" if line else ""
        side = "more" if left > 0 else "less"
        name = "rounding" if named else "no rounding"
        return (
            f"{self.name} is {said(total)}, but {self.target.name} makes "
            f"{said(expected)} of the lines ({how}{WAYS[self.target.rounding]}{more}): "
            f"{said(abs(left))} {side}{with_line}, which is {name}."
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
            clears=Clearing.by(self.owner) if self._may_release(rule) else ITSELF,
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
    """What all holds have in common for which a target rounds otherwise than the rules say."""
    return CauseKey(CauseKind.ROUNDING, target)


class RoundingTold:
    """What the target of one route says of its rounding, against the rules."""

    def __init__(self, route: str, target: nodes.Target, owner: str) -> None:
        self.route, self.target = route, target
        self.owner = target.tolerance_action.role or owner

    def differs(self, world: World) -> bool:
        """Whether the target told of another way than the rules."""
        state = world.targets.get(self.target.name)
        return state is not None and state.rounding not in ("", self.target.rounding)

    def judge(self, run: Run) -> Said:
        """A hold that nobody can release: the target would show another total than what is sent."""
        if not self.differs(run.world):
            return Said()
        name, span = self.target.name, self.target.span
        told = run.world.targets[name].rounding
        there, here = WAYS.get(told, told), WAYS[self.target.rounding]
        text = f"{name} rounds {there}, and the rules say {here}."
        operands = (("the target says", there), ("the rules say", here))
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
                f"rules are published that say rounding {there}, or {name} rounds {here} again"
            ),
            span=span,
        )
        return Said([verdict], [finding])


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """One line as the target taxes it.

    `told` is the tax that the record charges, `exact` what the rate of the code makes of the base;
    `closed` is what the target's own adjustment of the line adds to its tax.
    """

    number: int
    code: str
    rate: Number
    base: Number
    told: Number
    exact: Number
    closed: Decimal = _NOTHING


@dataclass(frozen=True, slots=True)
class TaxFigures:
    """What the target makes of a document's lines, and what the record says instead.

    A total is None where the document has none to compare.
    """

    lines: Sequence[TaxedLine]
    wrong: Sequence[TaxedLine]
    tax: Decimal
    own_tax: Decimal
    total: Decimal | None
    own_total: Decimal | None

    @property
    def tax_off(self) -> Decimal:
        """How much more tax the target makes than the record says."""
        return CONTEXT.subtract(self.tax, self.own_tax)

    @property
    def total_off(self) -> Decimal:
        """How much more the target comes to in all."""
        if self.total is None or self.own_total is None:
            return _NOTHING
        return CONTEXT.subtract(self.total, self.own_total)


class TaxProgram:
    """The proof that a target which works the tax out itself comes to the record's tax and total.

    The rate of a tax code is what the target lists, else what the rules give in the line's rate.
    """

    def __init__(
        self, compiler: Compiler, post: nodes.Post, known: DocumentSchema, target: nodes.Target
    ) -> None:
        line = taxed_line_of(post, known)
        assert line is not None  # noqa: S101
        bills = post.bill is not None
        self.head = Scope(compiler.index, compiler.record, document=True, bills=bills)
        self.scope = self.head if line.in_header else replace(self.head, line=True)
        self.target, self.route, self.defined = target, str(post.route), line.parts.defined
        self.in_header, self.compiler = line.in_header, compiler
        self.in_words = compiler.currencies.amount
        self.trusts_releases = compiler.index.edition < Edition.EIGHTH
        self.base = self._closure(self._base_of(line.parts, known), self.scope)
        self.tax, self.code = (self._part(line.parts, part) for part in ("tax", "code"))
        self.rate = self._part(line.parts, "rate")
        self.owner = self._keeper(line.parts["code"]) or (
            target.tolerance_action.role or compiler.owner
        )
        given = {assign.name: assign.expr for assign in post.fields}
        adjusted = next((given[name] for name in ROUNDING_LINES if name in given), None)
        self.adjusted = self._closure(adjusted, self.head)
        self.holds = self.defined.tax_is == "inside"
        self.word: bool | str | None = None
        self.inclusive: Closure | None = None
        if self.defined.inclusive is not None:
            name, self.word = self.defined.inclusive
            self.inclusive = self._closure(given.get(name), self.head)
        self.total: Closure | None = None
        self.own: OwnTotal | None = None
        self.own_tax: Closure | None = None
        self.labels = self._labels(line.parts["tax"], self.scope)

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        known: DocumentSchema | None,
        total: str,
        target: nodes.Target | None,
        told: OwnTotal | None,
    ) -> TaxProgram | None:
        """The proof of a route; None where its documents say no tax beside a tax code."""
        if known is None or target is None or taxed_line_of(post, known) is None:
            return None
        program = TaxProgram(compiler, post, known, target)
        if post.bill is None:
            given = next((a.expr for a in post.fields if a.name == total), None)
            program.total = program._closure(given, program.head)
            program.labels |= program._labels(given, program.head)
            program._compare_with(told)
        return program

    def _labels(self, expr: nodes.Expr | None, scope: Scope) -> set[str]:
        """What an amount is made of, by the words in which checks show it."""
        if expr is None:
            return set()
        return {operand.label for operand in operands_of(self.compiler, expr, scope)}

    def _compare_with(self, told: OwnTotal | None) -> None:
        """Compare with the record's own tax, and its own total where the header names none."""
        if told is None:
            return
        self.own = told if self.total is None else None
        self.labels |= told.labels
        if told.own.tax:
            span = told.assign.span
            self.own_tax = self._closure(nodes.Name((told.own.tax,), span), self.head)

    def _closure(self, expr: nodes.Expr | None, scope: Scope) -> Closure | None:
        return None if expr is None else self.compiler.guarded(expr, scope, TARGET_TAX, "")

    def _part(self, parts: LineParts, part: str) -> Closure | None:
        return self._closure(parts[part], self.scope)

    def _base_of(self, parts: LineParts, known: DocumentSchema) -> nodes.Expr | None:
        """What the target taxes: quantity times price where it works each line out again."""
        net = net_of(parts, self.scope) if getattr(known, "reckons", False) else None
        amount, tax = parts["amount"], parts["tax"]
        if net is not None or amount is None or tax is None or self.defined.tax_is != "added":
            return net or amount
        return nodes.Arith("-", amount, tax, amount.span)

    def _keeper(self, code: nodes.Expr | None) -> str:
        """Return the team that keeps the map of tax codes, or a blank text if there is none."""
        maps = self.compiler.index.maps
        parts = expand_parts(code, self.scope) if code is not None else ()
        named = (p.name for p in parts if isinstance(p, nodes.Call) and p.name in maps)
        return next((maps[name].missing.action.role or "" for name in named), "")

    # ---- the figures --------------------------------------------------------------------------

    def is_exact(self, run: Run) -> bool:
        """Whether the target comes to just the tax and the total of the record, or nobody knows."""
        figures = self._figures(run)
        return figures is None or not (figures.wrong or figures.tax_off or figures.total_off)

    def judge(self, run: Run, said: Said, named: Said) -> Said:
        """The verdict, and a finding where more is off than is tolerated.

        What a check that stops the record says of these amounts is not said twice, nor is rounding
        that `named` says of the total. Nobody can release a line that is taxed at another rate.
        """
        run.spend(len(run.lines))
        figures = self._figures(run)
        if figures is None:
            return Said()
        off = max(abs(figures.tax_off), abs(figures.total_off))
        if not figures.wrong and off <= self.target.tolerance:
            if off == _NOTHING and not run.whole:
                return Said()
            return Said([self._verdict(PASS, figures, self._words(run, figures) if off else "")])
        text = self._words(run, figures)
        stays = self._stays(figures)
        released = not stays and (self.route, TARGET_TAX) in run.facts.releases
        verdict = replace(self._verdict(HIT, figures, text), released=released)
        is_named = not figures.wrong and any(v.result == HIT for v in named.verdicts)
        if released or is_named or _is_stopped(said, self.labels):
            return Said([verdict])
        return Said([verdict], [self._finding(figures, text)])

    def _stays(self, figures: TaxFigures) -> bool:
        """Whether nobody can release the difference: a line has another rate, or the total is off
        by more than rounding explains, which would be in the books.
        """
        most = CONTEXT.multiply(self.target.places, Decimal(len(figures.lines)))
        off = abs(figures.total_off) > most and not self.trusts_releases
        return bool(figures.wrong) or off

    def _figures(self, run: Run) -> TaxFigures | None:
        """Both sides; None where something of it is not known."""
        holds = self._holds_tax(run)
        adjusted = self.adjusted(run) if self.adjusted is not None else _NOTHING
        lines = self._lines(run, holds=bool(holds))
        if holds is None or not lines or not isinstance(adjusted, Decimal):
            return None
        way, places = self.target.rounding, self.target.places
        bases = [[line.base for line in lines]]
        codes = [line.code if self.defined.by_code else "" for line in lines]
        parts = split_tax_by_code([], [line.exact for line in lines], codes)[1:]
        tax = CONTEXT.add(sum_columns(parts, way, places), adjusted)
        tax = CONTEXT.add(tax, sum((line.closed for line in lines), _NOTHING))
        total = CONTEXT.add(sum_columns(bases, way, places), adjusted if holds else tax)
        own_tax = self.own_tax(run) if self.own_tax is not None else None
        if not isinstance(own_tax, Decimal):
            own_tax = reduce(add, (line.told for line in lines), cast("Number", adjusted))
            own_tax = round_half_up(own_tax, places)
        own_total = self._own_total(run, total)
        slack = as_fraction(max(self.target.tolerance, places))
        wrong = [line for line in lines if abs(as_fraction(self._left(line))) > slack]
        if not isinstance(own_total, Decimal):
            return TaxFigures(lines, wrong, tax, own_tax, None, None)
        return TaxFigures(lines, wrong, tax, own_tax, total, own_total)

    def _own_total(self, run: Run, total: Decimal) -> Any:
        if self.own is not None:
            return self.own.near(run, total)
        return self.total(run) if self.total is not None else None

    def _holds_tax(self, run: Run) -> bool | None:
        """Whether the amounts of the lines hold their tax; None where nobody knows."""
        if self.inclusive is None:
            return self.holds
        value = self.inclusive(run)
        return value == self.word if isinstance(value, (bool, str)) else None

    def _lines(self, run: Run, *, holds: bool) -> list[TaxedLine] | None:
        """The lines that are billed; None where a base, a tax, a code or a rate is not known."""
        state = run.world.targets.get(self.target.name)
        rates = state.tax_rates if state is not None and self.defined.listed else {}
        found: list[TaxedLine] | None = []
        for number, row in enumerate([run.line] if self.in_header else run.lines, start=1):
            if not self.in_header and is_left_out(run, row):
                continue
            run.line = row
            line = self._line(run, number, rates, holds=holds)
            if line is None or found is None:
                found = None
                break
            found.append(line)
        if not self.in_header:
            run.line = {}
        return found

    def _line(
        self, run: Run, number: int, rates: Mapping[str, Decimal], *, holds: bool
    ) -> TaxedLine | None:
        code = self.code(run) if self.code is not None else None
        if not isinstance(code, str):
            return None
        asked = (self.base, self.tax, self.rate)
        base, told, own_rate = (None if one is None else one(run) for one in asked)
        rate = rates.get(code, own_rate) if code else _NOTHING
        if not isinstance(base, Number) or not isinstance(told, Number):
            return None
        if not isinstance(rate, Number):
            return None
        if self.defined.tax_is == "beside" and self.target.rounding == PER_LINE:
            base = round_half_up(base, self.target.places)
        exact = subtract(base, net_of_tax(base, rate)) if holds else multiply(base, rate)
        line = TaxedLine(number, code, rate, base, told, exact)
        left = self._left(line) if rate and not holds else None
        if isinstance(left, Decimal) and abs(left) <= self.defined.moves:
            return replace(line, closed=left)
        return line

    def _left(self, line: TaxedLine) -> Number:
        """How much more tax the record has on a line than the target makes of it alone."""
        if self.target.rounding != PER_LINE:
            return subtract(line.told, line.exact)
        places = self.target.places
        return CONTEXT.subtract(round_half_up(line.told, places), round_half_up(line.exact, places))

    # ---- in words -----------------------------------------------------------------------------

    def _words(self, run: Run, figures: TaxFigures) -> str:
        said, way = partial(self.in_words, run), WAYS[self.target.rounding]
        record = self.compiler.record.replace("_", " ")
        name = self.target.name
        text = (
            f"{name} makes {said(figures.tax)} tax of the lines ({way}), and the {record} has "
            f"{said(figures.own_tax)}: {_difference(said, figures.tax_off)}."
        )
        for line in figures.wrong[:_SHOWN_LINES]:
            due = round_half_up(line.exact, self.target.places)
            text += (
                f" Line {line.number}: tax code {line.code} is {_percent(line.rate)} of "
                f"{said(round_half_up(line.base, self.target.places))}, which is {said(due)}, and "
                f"the {record} has {said(round_half_up(line.told, self.target.places))}."
            )
        if figures.total is not None and figures.own_total is not None and figures.total_off:
            text += (
                f" It comes to {said(figures.total)} in {name}, and the {record} has "
                f"{said(figures.own_total)}: {_difference(said, figures.total_off)}."
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
            clears=ITSELF if self._stays(figures) else Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, TARGET_TAX),
            cause_label=f"{name} would come to another tax than the record",
            would_pass=f"its tax is what {name} makes of it, or it names a code of that rate",
            span=self.target.tolerance_action.span,
            lines=tuple(line.number for line in figures.wrong),
        )


def _is_stopped(said: Said, labels: Collection[str]) -> bool:
    """Whether a check that reads one of these amounts stops the record now."""
    stops = {f.rule for f in said.findings if f.severity in {"hold", "reject"}}
    checks = (v for v in said.verdicts if v.kind == "check" and v.rule in stops)
    return any({*labels} & {name for name, _ in v.operands} for v in checks)


def _difference(said: Callable[[Decimal], str], off: Decimal) -> str:
    return f"{said(abs(off))} {'more' if off > 0 else 'less'}" if off else "the same"


def _percent(rate: Number) -> str:
    """A rate as people write it: 0.1 is 10%."""
    percent = multiply(rate, _PERCENT)
    return f"{number_text(percent) if isinstance(percent, Decimal) else percent}%"
