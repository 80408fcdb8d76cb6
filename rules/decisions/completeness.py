"""Whether all that a document needs is known, without making it field by field.

Here: Completeness of one route, for records of which nothing is posted; where documents are made,
the texts of those of which all is known. Not here: making one field by field (documents/fields.py),
what is decided where something is missing (verdict.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules.documents.fields import Draft
from rules.expressions.aggregates import words_of
from rules.expressions.compiler import Compiler, Wanted
from rules.expressions.conditions import Operand
from rules.expressions.lookups import Closure
from rules.expressions.run import Drafted, RouteRun, Run
from rules.values.unknown import Unknown
from rules.values.wording import say

if TYPE_CHECKING:
    from rules.decisions.routes import RouteProgram


Conversions = Sequence[tuple[n.Expr, n.Expr]]
"""The units of a line that the rules of a record kind convert, with their items."""


class Completeness:
    """What one route needs to know of a record; `able` says whether that can be told at all.

    `units` are asked with the texts of its document, whether it says them or not.
    """

    def __init__(self, route: RouteProgram, units: Conversions) -> None:
        self.route, self.amounts = route, route.asking.amounts
        asking, post, turn = route.asking, route.post, route.turn
        self.day = next(
            (f for f in route.document.head if f.name == route.document.shape.date), None
        )
        asked: list[Any] = [post.when, *(a.declared.when for a in route.approvals)]
        asked += [r for c in asking.checks for r in (c.check.when, *c.check.requires)]
        fields = (*post.fields, *post.line_fields)
        asked += [a.expr for a in fields if not _is_number(a.expr)]
        words = words_of((*asked, *_computed(route.compiler)))
        self.needs_period, self.needs_number = "period" in words, "document_number" in words
        self.later = {a.name for a in post.fields if say(a.expr) == f"number_of({turn.after})"}
        self._duplicates(route)
        self.known = route.compiler.known(self._wanted(post, frozenset()))
        self.known_before = route.compiler.known(self._wanted(post, self.later))
        self.draws_up = self._draws_up(units)
        self.able = self.known is not None and self._is_able()

    def _is_able(self) -> bool:
        route = self.route
        agreement = route.asking.agreement
        dated = self.day is None or self.day.type.kind in {"date", "moment"}
        return dated and route.bill is None and (agreement is None or agreement.certain)

    def _wanted(self, post: n.Post, without: AbstractSet[str]) -> Wanted:
        """What the document needs; its number is known where the parts of it are."""
        given = [a for a in post.fields if a.name not in without]
        head = [a.expr for a in given if not _is_number(a.expr)]
        head += [o.node for o in self.number_parts] + [o.node for o in self.keys]
        line = [a.expr for a in post.line_fields if not _is_number(a.expr)]
        return Wanted(head=head, line=line, amounts=self.amounts.asked, summed=self.amounts.summed)

    def _draws_up(self, units: Conversions) -> Closure | None:
        """What makes the document's texts; its fields are those of the route, in their order."""
        document = self.route.document
        head, line = document.assigned
        keys = [o.node for o in (*self.number_parts, *self.keys)]
        amounts, summed = self.amounts.asked, self.amounts.summed
        wanted = Wanted(head=keys, convert=units, amounts=amounts, summed=summed)
        return self.route.compiler.document(head, line, wanted, amount=document.shape.amount)

    def _duplicates(self, route: RouteProgram) -> None:
        """The operands that say whether a record may be compared, and what no draft can tell."""
        self.number_parts = route.document.parts
        assigned = {a.name for a in route.post.fields} - self.later
        self.keys: list[Operand] = []
        self.unknown_undrafted = self.unknown_drafted = self.by_number = False
        for duplicate in route.duplicates:
            for number, unique in enumerate(duplicate.declared.uniques):
                self.keys += duplicate.fields[number]
                if unique.where == "number_in_target":
                    self.by_number = True
                elif unique.where != "history":
                    self.unknown_undrafted = True
                    self.unknown_drafted |= not assigned.issuperset(unique.fields)

    # ---- one record ---------------------------------------------------------------------------

    def enter(self, run: Run) -> bool:
        """Say which route is asked, as far as its rules want to know; no where that is unknown."""
        route = self.route
        run.route = RouteRun(route.name, route.post.route.target)
        run.line = {}
        if self.needs_number:
            run.route.number = route.document.number(run)
            if type(run.route.number) is Unknown:
                return False
        if self.needs_period:
            run.route.day = route.document.day(run)
            run.route.period = route.period(run, run.route.day)
            return isinstance(run.route.day, date) and type(run.route.period) is not Unknown
        return True

    def is_too_soon(self, run: Run) -> bool:
        """Whether a number that it tells is of a document that is not there yet."""
        return bool(self.later) and not self.route.turn.follows(run)

    def is_vague(self, *, goes: bool) -> bool:
        """Whether no document, or not even that of a record that goes, says what is unique."""
        return self.unknown_drafted if goes else self.unknown_undrafted

    def is_comparable(self, run: Run) -> bool:
        """Whether all that makes a duplicate is known, where no document is made."""
        asked = [*self.keys, *(self.number_parts if self.by_number else ())]
        return not any(type(o.closure(run)) in {Unknown, Fraction} for o in asked)

    def is_whole(self, run: Run, *, before: bool) -> bool:
        """Whether the document is known, and its total and units are what they say.

        Before the document that it follows is there, all but the number of that one.
        """
        once, key = run.once, (self.route.name, before)
        if once is None or self.route.name not in once.routes:
            return self._whole(run, before=before)
        if key not in once.whole:
            once.whole[key] = self._whole(run, before=before)
        return once.whole[key]

    def _drafted(self, run: Run, drafts: dict[str, Drafted]) -> bool:
        """The same by making the document, which is kept; its number and day are noted."""
        route, document = run.route, self.route.document
        route.number, route.day = document.number(run), document.day(run)
        if type(route.number) is Unknown or not isinstance(route.day, date):
            return False
        made = self.draws_up(run) if self.draws_up is not None else None
        if made is None:
            return False
        fields, lines, amounts, told = made
        if not self.amounts.is_exact(run, amounts):
            return False
        if self.route.asking.listed.has_stranger(run, fields, lines) or not self._counts_alike(run):
            return False
        shape = self.route.document.shape
        drafts[self.route.name] = Draft(fields, lines, {shape.amount: told}, made=True), route
        return True

    def _whole(self, run: Run, *, before: bool) -> bool:
        if run.drafts is not None and not before:
            return self._drafted(run, run.drafts)
        known = self.known_before if before else self.known
        amounts = known(run) if known is not None else None
        if amounts is None or not self.amounts.is_exact(run, amounts):
            return False
        return not self.route.asking.listed.differs(run) and self._counts_alike(run)

    def _counts_alike(self, run: Run) -> bool:
        """Whether the target has nothing to say of the units."""
        if self.route.asking.agreement is None:
            return True
        target = run.world.targets.get(self.route.post.route.target)
        if target is not None and target.items:
            return False
        return not self.route.asking.agreement.asks(run)


def _computed(compiler: Compiler) -> Iterator[n.Expr]:
    """What the computed fields of the record and its lines are made of."""
    index = compiler.index
    lines = index.line_records.get(compiler.record)
    for record in (index.records[compiler.record], *((lines,) if lines else ())):
        yield from (f.expr for f in record.fields if isinstance(f, n.Computed))


def _is_number(expr: n.Expr) -> bool:
    return isinstance(expr, n.Name) and expr.path == ("document_number",)
