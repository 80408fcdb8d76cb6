"""Everything that is said of the amounts of one route's documents.

Here: AmountsProgram: the amount of a document in the books, and whether that, its lines and the
record's own total agree. Not here: the single proofs (rounding.py, own_totals.py, line_amounts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import eq

from grammar import nodes as n
from grammar.text.editions import Edition
from grammar.text.problem import Span
from rules.documents.line_amounts import LineAmountProgram
from rules.documents.own_totals import OwnTotal, OwnTotalProgram, not_compared
from rules.documents.rounding import PER_LINE, RoundingProgram
from rules.documents.totals import Own
from rules.documents.unusual import counting, is_held_without_lines
from rules.expressions.compiler import Compiler, Summed, Wanted
from rules.expressions.lookups import Closure
from rules.expressions.run import Run
from rules.outcomes.findings import Said
from rules.types.outside_schemas import Schemas
from rules.values.numbers import CONTEXT, Number, is_simple, rounded_all

Columns = Sequence[Sequence[Number]]


@dataclass(frozen=True)
class AmountsProgram:
    """The proofs of one route; each is None where its documents do not show what it is about."""

    route: str
    total: RoundingProgram | None
    own: OwnTotalProgram | None
    lines: LineAmountProgram | None
    uncompared: n.Uncompared | None
    told: OwnTotal | None
    compiler: Compiler
    counting: frozenset[Span] | None = None  # checks of lines; None: without lines is asked twice

    @staticmethod
    def of(
        compiler: Compiler,
        post: n.Post,
        *,
        total: str,
        schemas: Schemas | None,
        target: n.Target | None,
    ) -> AmountsProgram:
        """The proofs of a route; `total` is the header field of the document's total, if any."""
        index, record = compiler.index, compiler.record
        known = schemas.document(post.route.target, post.route.document) if schemas else None
        own = Own.of(index, record, schemas)
        own = own.read(index, record) if own else None
        told = OwnTotal(compiler, own) if own else None
        compared = told if post.uncompared is None else None
        return AmountsProgram(
            str(post.route),
            RoundingProgram.of(
                compiler, post, known=known, total=total, target=target, told=compared
            ),
            OwnTotalProgram.of(compiler, post, total=total, target=target, told=compared),
            LineAmountProgram.of(compiler, post, known, target),
            post.uncompared,
            told,
            compiler,
            counting(index, record) if index.edition >= Edition.SIXTH else None,
        )

    @cached_property
    def asked(self) -> tuple[n.Expr, ...]:
        """The expressions of each line whose values `is_exact` wants."""
        total = self.total.asked if self.total is not None else ()
        lines = self.lines.asked if self.lines is not None else ()
        shown = self.total is not None and self.total.shows_lines
        return (*total, *(lines[:1] if shown else lines))

    @cached_property
    def known(self) -> Closure | None:
        """What gives the amounts as `is_exact` wants them; None where each is asked for itself."""
        return self.compiler.known(Wanted(amounts=self.asked, summed=self.summed))

    @cached_property
    def summed(self) -> Summed | None:
        """How the values of `asked` are added up on the way; None where that takes more."""
        total, lines = self.total, self.lines
        if total is None or not total.asked or total.target.rounding != PER_LINE:
            return None
        if not is_simple(total.target.places) or (lines is not None and not total.shows_lines):
            return None
        columns = len(total.asked)
        shown = (columns if total.parts.holds_tax else 1) if lines is not None else 0
        return Summed(total.target.places, columns, shown)

    def is_exact(self, run: Run, amounts: list[Number] | Decimal) -> bool:
        """Whether there is nothing to say, by these values of `asked`, line after line, or by
        what they come to.
        """
        if isinstance(amounts, Decimal):
            total = self.total
            return (total is None or total.is_exact(run, amounts)) and (
                self.own is None or self.own.is_exact(run)
            )
        columns, mine = self._columns(amounts)
        return (
            (self.total is None or self.total.is_exact(run, columns[:mine]))
            and (self.own is None or self.own.is_exact(run))
            and self._line_by_line(amounts)
        )

    def _columns(self, amounts: list[Number]) -> tuple[Columns, int]:
        """The values of each expression of `asked`, and how many of these are for the total."""
        wide, mine = len(self.asked), len(self.total.asked) if self.total is not None else 0
        return [amounts[at::wide] for at in range(wide)], mine

    def _line_by_line(self, amounts: list[Number] | Decimal) -> bool:
        """Whether the amount of every line is just what its parts, or the first columns, make;
        of what was added up that was seen on the way.
        """
        total, lines = self.total, self.lines
        if lines is None or isinstance(amounts, Decimal):
            return True
        columns, mine = self._columns(amounts)
        if total is None or not total.shows_lines:
            return lines.is_exact(zip(*columns[mine:], strict=True))
        made = columns[:mine] if total.parts.holds_tax else columns[:1]
        first, *others = [rounded_all(column, total.target.places) for column in made]
        for column in others:
            first = list(map(CONTEXT.add, first, column))
        return all(map(eq, columns[mine], first))

    def judge(self, run: Run, said: Said) -> Said:
        """What is wrong with the amounts, and what the sum of the lines was compared with.

        `said` is what other rules said of the record: what they found is not found twice.
        """
        found, amounts = Said(), self._known_amounts(run)
        if amounts is not None and self.is_exact(run, amounts):
            return found
        if self.uncompared is not None and self.told is not None:
            found.add(not_compared(run, self.route, self.uncompared, self.told))
        if self.total is not None:
            differs = self.total.judge(run, said)
            asked_once = self.counting is not None and not run.lines and differs.findings
            if asked_once and is_held_without_lines(said, self.counting or frozenset()):
                differs = Said(differs.verdicts)  # they come to nothing, and that is said
            found.add(differs)
        if self.own is not None:
            found.add(self.own.judge(run, said))
        if self.lines is not None and (amounts is None or not self._line_by_line(amounts)):
            found.add(self.lines.judge(run))
        return found

    def _known_amounts(self, run: Run) -> list[Number] | Decimal | None:
        """The values of `asked`, or their sum; None where one is unknown, or each is told."""
        told = run.whole or run.stepwise or run.route.bill is not None
        if told or not run.clean or self.known is None:
            return None
        try:
            found: list[Number] | Decimal | None = self.known(run)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return None
        return found

    def amount(self, run: Run) -> Decimal | None:
        """What the books will show for the document; None where its lines do not say it."""
        try:
            return self.total.amount(run) if self.total is not None else None
        except ArithmeticError:
            return None  # the proof of the total has said so
