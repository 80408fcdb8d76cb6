"""Compare a document's total with the sum that the target makes of its lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial, reduce
from types import MappingProxyType
from typing import Any, Final, cast

from grammar import nodes
from rules.documents.totals import AmountParts, OwnTotal, split_tax_by_code
from rules.expressions.checks import Operands, operands_of
from rules.expressions.compiler import Compiler
from rules.expressions.lists import lines_ever_billed
from rules.expressions.run import Closure, Run
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
from rules.types.functions import unrounded
from rules.types.symbol_table import DocumentSchema, Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.kinds import CONTEXT, Number, add, round_all
from rules.values.wording import MISSING, say

ROUNDING: Final = "rounding"

TOLERANCE: Final = "tolerance"

PER_LINE, AT_THE_END = "per_line", "at_the_end"

WAYS = {PER_LINE: "per line then sum", AT_THE_END: "sum then round"}

AMOUNTS = "sum of the amounts sent"

_NOTHING = Decimal(0)

ROUNDING_WAY_RULE = "rounding_told"


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
        off = _NOTHING if named else line
        left = off if exact else CONTEXT.subtract(bare, expected)
        rule = ROUNDING if named else TOLERANCE
        operands = self._operands(total, expected, others, line)
        text = self._words(run, total, expected, others, line=line, named=named)
        if abs(left) <= self.target.tolerance:
            return Said([self._verdict(PASS, rule, operands, text)])
        released = (self.route, rule) in run.facts.releases
        verdict = replace(self._verdict(HIT, rule, operands, text), released=released)
        if released or has_failed_check(said, self.labels):
            return Said([verdict])
        passes = CONTEXT.add(expected, line) if named else expected
        return Said([verdict], [self._finding(rule, text, passes)])

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
        rows = [r for r in run.lines if not (b := run.route.bill) or not b.leaves_out(r)]
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
            lines = run.lines
            run.spend(len(lines))
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
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, rule),
            cause_label=f"{label} between the total and the lines for {self.target.name}",
            would_pass=self._would_pass(passes),
            span=action.span,
        )

    def _would_pass(self, amount: Decimal) -> str:
        if self.parts.total is None:
            return "the document comes to what the record says"
        return f"{say(self.parts.total.expr)} = {_money(amount)}"


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
