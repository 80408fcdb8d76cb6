"""What one route says of a record at a glance.

Here: RouteGlances: its state and its bits, or None where the whole outcome must be worked out. Not
here: all routes of a kind together (glancing.py), what a glance is (glance.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import date
from fractions import Fraction
from typing import Any

from grammar import nodes as n
from rules.compiler import Compiler, Wanted
from rules.duplicates import RULE as DUPLICATES
from rules.gates import RULE as GATE
from rules.glance import Numbers, RouteGlance
from rules.lists import words_of
from rules.requirement import Operand
from rules.routes import RouteProgram
from rules.run import RouteRun, Run
from rules.timing import due
from rules.unknown import Unknown
from rules.words import say

MOST_KEPT = 4096
"""So many different glances of a route are made once."""


class RouteGlances:
    """One route of one record kind."""

    def __init__(self, route: RouteProgram, numbers: Numbers) -> None:
        asking, post = route.asking, route.post
        self.route, self.name, self.own = route, route.name, asking.own
        self.gate = {state: row.word for state, row in route.gate.rows.items()}
        checks = asking.checks
        self.reject = _bits(c.bit for c in checks if c.severity == "reject")
        self.stop = _bits(c.bit for c in checks if c.severity in {"reject", "hold"})
        self.timing = post.timing if isinstance(post.timing, n.Daily) else None
        self.after = str(post.after) if post.after else None
        self.approvals = [(a, numbers.bit("approve", a.rule)) for a in route.approvals]
        self.bits = {k: numbers.bit(k, k) for k in (GATE, DUPLICATES, "timing", "after")}
        self.day = next(
            (f for f in route.document.head if f.name == route.document.shape.date), None
        )
        asked: list[Any] = [post.when, *(a.declared.when for a in route.approvals)]
        asked += [r for c in checks for r in (c.check.when, *c.check.requires)]
        fields = (*post.fields, *post.line_fields)
        asked += [a.expr for a in fields if not _is_number(a.expr)]
        words = words_of((*asked, *_computed(route.compiler)))
        self.needs_period, self.needs_number = "period" in words, "document_number" in words
        self.later = {a.name for a in post.fields if say(a.expr) == f"number_of({self.after})"}
        self._duplicates(route)
        self.amounts, self.told = asking.amounts, asking.told
        self.known = route.compiler.known(self._wanted(post, frozenset()))
        self.known_before = route.compiler.known(self._wanted(post, self.later))
        self.able = self.known is not None and self._is_able()
        self._kept: dict[tuple[str, int, int], RouteGlance] = {}

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
        return Wanted(head=head, line=line, amounts=self.amounts.asked)

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

    def seen(self, run: Run, common: int) -> RouteGlance | None:
        """What this route says of a record; `common` are the checks that failed for all routes."""
        state = run.head.get(self.route.status)
        gate = self.gate.get(state) if self.gate and isinstance(state, str) else "ready"
        if gate is None or (self.gate and not isinstance(state, str)):
            return None
        if self.told is not None and self.told.differs(run.world):
            return None
        if not self._enter(run):
            return None
        applies = True if self.route.when is None else self.route.when.run(run)
        if applies is not True and applies is not False:
            return None
        own, unknown = self.own.bits(run) if self.own else (0, 0)
        if unknown:
            return None
        may_go = applies and gate in {"ready", "hold"}
        before = bool(self.later) and not self._follows(run)
        if not (self._is_whole(run, before=before) if may_go else self._is_comparable(run)):
            return None
        fail = common | own
        vague = self.unknown_drafted if may_go else self.unknown_undrafted
        unknown = self.bits[DUPLICATES] if vague else 0
        if self.gate and gate != "ready":
            fail |= self.bits[GATE]
        document = may_go and not before
        return self._weighed(run, gate, fail, unknown, applies=applies, document=document)

    def _weighed(
        self, run: Run, gate: str, fail: int, unknown: int, *, applies: bool, document: bool
    ) -> RouteGlance | None:
        if gate in {"ignore", "cancel"}:
            return self._made("ignored" if gate == "ignore" else "dropped", fail, unknown)
        waits = gate == "wait"
        held = gate == "hold" or bool(fail & self.stop)
        rejected = bool(fail & self.reject)
        if not waits and not applies:
            return self._made("waiting", fail, unknown)
        if not waits:
            more = self._waits(run)
            if more is None:
                return None
            fail |= more
            waits = more != 0
            for approval, bit in self.approvals if document else ():
                asks = True if approval.when is None else approval.when.run(run)
                if type(asks) is Unknown:
                    return None
                if asks:
                    fail, held = fail | bit, True
        word = "ignored" if rejected else "held" if held else "waiting" if waits else "ready"
        return self._made(word, fail, unknown)

    def _made(self, word: str, fail: int, unknown: int) -> RouteGlance:
        """The glance that says so; most records share a few."""
        key = (word, fail, unknown)
        found = self._kept.get(key)
        if found is None:
            found = RouteGlance(self.name, word, fail, unknown)
            if len(self._kept) < MOST_KEPT:
                self._kept[key] = found
        return found

    def _enter(self, run: Run) -> bool:
        """Say which route is asked, as far as its rules want to know; no where that is unknown."""
        route = self.route
        run.route = RouteRun(self.name, route.post.route.target)
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

    def _is_comparable(self, run: Run) -> bool:
        """Whether all that makes a duplicate is known, where no document is made."""
        asked = [*self.keys, *(self.number_parts if self.by_number else ())]
        return not any(type(o.closure(run)) in {Unknown, Fraction} for o in asked)

    def _is_whole(self, run: Run, *, before: bool) -> bool:
        """Whether the document is known, and its total and units are what they say.

        Before the document that it follows is there, all but the number of that one.
        """
        once, key = run.once, (self.name, before)
        if once is None or self.name not in once.routes:
            return self._whole(run, before=before)
        if key not in once.whole:
            once.whole[key] = self._whole(run, before=before)
        return once.whole[key]

    def _whole(self, run: Run, *, before: bool) -> bool:
        known = self.known_before if before else self.known
        amounts = known(run) if known is not None else None
        if amounts is None or not self.amounts.is_exact(run, amounts):
            return False
        if self.route.asking.agreement is None:
            return True
        target = run.world.targets.get(self.route.post.route.target)
        return target is None or not target.items

    def _waits(self, run: Run) -> int | None:
        """The bits of what it waits for: the hour, another document."""
        bits = 0
        if self.timing is not None:
            value = run.head.get(self.timing.by)
            if not isinstance(value, date):
                return None
            if due(value, self.timing.at, self.route.compiler.zone) > run.now:
                bits = self.bits["timing"]
        if not self._follows(run):
            bits |= self.bits["after"]
        return bits

    def _follows(self, run: Run) -> bool:
        """Whether the document that this one comes after is there."""
        return self.after is None or bool(run.facts.documents_of_family.get(self.after))


def _computed(compiler: Compiler) -> Iterator[n.Expr]:
    """What the computed fields of the record and its lines are made of."""
    index = compiler.index
    lines = index.line_records.get(compiler.record)
    for record in (index.records[compiler.record], *((lines,) if lines else ())):
        yield from (f.expr for f in record.fields if isinstance(f, n.Computed))


def _is_number(expr: n.Expr) -> bool:
    return isinstance(expr, n.Name) and expr.path == ("document_number",)


def _bits(bits: Iterable[int]) -> int:
    found = 0
    for bit in bits:
        found |= bit
    return found
