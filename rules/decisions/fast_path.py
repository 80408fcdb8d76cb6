"""Judge complete new records quickly; anything unusual falls back to the full evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from grammar import nodes
from rules.decisions.document_rules import DUPLICATE_RULE as DUPLICATES
from rules.decisions.route_rules import GATE_RULE as GATE
from rules.decisions.route_rules import RouteProgram, gate_holds, gate_passes
from rules.decisions.verdict import READY_STATE as READY
from rules.decisions.verdict import Judged, Reason, decide, state_if_held
from rules.documents.fields import Draft
from rules.documents.unit_proofs import ProofProgram
from rules.expressions.checks import CheckProgram, Operand, SharedRead
from rules.expressions.compiler import CheckGroup, Compiler, WantedValues
from rules.expressions.lists import names_in
from rules.expressions.run import Closure, Drafted, RouteRun, Run
from rules.facts import Facts
from rules.outcomes import (
    STOPS,
    Decision,
    GateSaid,
    Glance,
    RouteGlance,
    RuleNumbers,
    Step,
    VerdictKind,
)
from rules.values.canonical import PostingState
from rules.values.cause_keys import Unknown
from rules.values.wording import format_expression

MOST_KEPT = 4096
"""The maximum number of cached glances per route."""

Conversions = Sequence[tuple[nodes.Expr, nodes.Expr]]
"""The units of a line that the rules of a record kind convert, with their items."""


class CloserLookError(Exception):
    """Something is unknown or uncommon: the whole outcome must be worked out."""


class GateGlance(NamedTuple):
    """A gate's answer for a status, with its bit if it fails, and its bit if it is a hold."""

    word: GateSaid
    fail: int
    holds: int


class RouteGlances:
    """The quick evaluation of one route for records of one kind."""

    def __init__(self, route: RouteProgram, numbers: RuleNumbers, units: Conversions) -> None:
        asking = route.asking
        self.route, self.name, self.own = route, route.name, asking.own
        self.turn = route.turn
        route_verdicts: tuple[VerdictKind, ...] = (GATE, DUPLICATES, "timing", "after")
        self.bits = {k: numbers.bit(k, k) for k in route_verdicts}
        gate, rows = self.bits[GATE], route.gate.rows
        self.gates = {
            state: GateGlance(
                row.word, 0 if gate_passes(row) else gate, gate if gate_holds(row) else 0
            )
            for state, row in rows.items()
        }
        self.early = frozenset(state for state, row in rows.items() if row.early)
        self.ungated = None if rows else GateGlance("ready", 0, 0)
        self.consents = [(a, numbers.bit("approve", a.rule)) for a in route.approvals]
        bits = [(c.severity, c.bit) for c in asking.checks]
        bits += [("hold", gate), *(("approve", bit) for _, bit in self.consents)]
        self.stops = [(s, _bits(bit for severity, bit in bits if severity == s)) for s in STOPS]
        self.needs, self.rounding_method = Completeness(route, units), asking.told
        self.able = self.needs.able
        self._glances: dict[tuple[str, int, int], RouteGlance] = {}

    # ---- one record ---------------------------------------------------------------------------

    def glance(self, run: Run, common: int) -> RouteGlance:
        """Return this route's state and failed rules; `common` are the failed checks of all routes.

        Raise CloserLookError if only the full evaluation can decide.
        """
        state = run.head.get(self.route.status)
        gate = self.gates.get(state, self.ungated) if isinstance(state, str) else self.ungated
        applies = gate is not None and self._enter(run)
        if gate is None or (applies is not True and applies is not False):
            raise CloserLookError
        answers = _BitAnswers(self, run, gate, common)
        word = decide(answers, gate.word, applies)
        return self._cached_glance(word, answers.fail, answers.unknown)

    def ready(self, run: Run, drafted: Drafted, status_word: str) -> Judged:
        """Return the decision about a ready record, with the document that `glance` drafted."""
        name, span = self.name, self.route.post.span
        draft, run.route = drafted
        document = self.route.document.document(run, draft)
        step = Step("create", name, run.route.seq, document, "", span, "ready")
        decision = Decision(name, READY, document, (), None, "ready", (), (step,))
        early = run.head.get(self.route.status) in self.early
        verdicts = self.route.gate.judge(run, name, status_word).verdicts if early else []
        return Judged(decision, verdicts)

    def _enter(self, run: Run) -> Any:
        """Enter the route and return the result of its condition: True, False or unknown.

        Raise CloserLookError if the target's rounding method differs, or if the record is unusual
        or not fully known.
        """
        if self.rounding_method is not None and self.rounding_method.differs(run.world):
            raise CloserLookError
        if not self.needs.enter(run):
            raise CloserLookError
        if self.route.asking.unusual.seen(run):
            raise CloserLookError
        return True if self.route.when is None else self.route.when.run(run)

    def _cached_glance(self, state: PostingState, fail: int, unknown: int) -> RouteGlance:
        """Return the glance with these values from a cache, since most records share a few."""
        key = (state, fail, unknown)
        glance = self._glances.get(key)
        if glance is None:
            glance = RouteGlance(self.name, state, fail, unknown)
            if len(self._glances) < MOST_KEPT:
                self._glances[key] = glance
        return glance


def _bits(bits: Iterable[int]) -> int:
    union = 0
    for bit in bits:
        union |= bit
    return union


class _BitAnswers:
    """One record under one route for `decide`, evaluated as bits only; a plain object for speed.

    `failed_checks`: checks that did not pass. `fail`: these, the gate and the waits. `counted`: the
    bits that hold the record.
    """

    __slots__ = ("by", "counted", "fail", "failed_checks", "gate", "has", "run", "unknown")

    def __init__(self, by: RouteGlances, run: Run, gate: GateGlance, common: int) -> None:
        self.by, self.run, self.gate, self.failed_checks = by, run, gate, common
        self.fail = self.unknown = self.counted = 0
        self.has = False

    def rules(self, *, goes: bool) -> None:
        """Evaluate the bits of the route's own checks.

        The document is checked for completeness, and drafted only if the run collects drafts.
        """
        by, needs, run = self.by, self.by.needs, self.run
        own, unknown = by.own.bits(run) if by.own else (0, 0)
        soon = needs.is_too_soon(run)
        if unknown or not (needs.is_whole(run, before=soon) if goes else needs.is_comparable(run)):
            raise CloserLookError
        self.failed_checks |= own
        self.fail = self.failed_checks | self.gate.fail
        self.has = goes and not soon
        if needs.is_vague(goes=goes):
            self.unknown = by.bits[DUPLICATES]

    def counts(self) -> None:
        """Count the failed checks and a gate that holds the record."""
        self.counted = self.failed_checks | self.gate.holds

    def waits(self, reason: Reason) -> bool:
        """Set the bit for a wait until an hour or for another document; other waits have none."""
        return reason != "turn" or self._turn()

    def _turn(self) -> bool:
        turn, bits = self.by.turn, self.by.bits
        early = turn.is_early(self.run)
        if early is None:
            raise CloserLookError
        waits = (bits["timing"] if early else 0) | (0 if turn.follows(self.run) else bits["after"])
        self.fail |= waits
        return waits != 0

    def has_document(self) -> bool:
        """Check whether the document is complete, including its predecessor's number."""
        return self.has

    def approvals(self) -> None:
        """Evaluate the bits of the required approvals."""
        for approval, bit in self.by.consents:
            asks = approval.asks(self.run)
            if type(asks) is Unknown:
                raise CloserLookError
            if asks:
                if approval.nameless(self.run):
                    raise CloserLookError
                self.fail |= bit
                self.counted |= bit

    def strictest(self) -> str | None:
        """Return the strictest severity of the counting bits."""
        if self.counted:
            for severity, bits in self.by.stops:
                if self.counted & bits:
                    return severity
        return None


class KindGlances:
    """The quick evaluation of records of one kind, in all routes."""

    def __init__(
        self,
        compiler: Compiler,
        routes: list[RouteProgram],
        *,
        checks: list[CheckProgram],
        common: CheckGroup | None,
        proofs: ProofProgram,
        numbers: RuleNumbers,
    ) -> None:
        self.common = common
        convert = [(call.args[1], call.args[2]) for call in proofs.calls if proofs.units]
        self.routes = [RouteGlances(r, numbers, convert) for r in routes]
        self.able = common is not None and all(r.able for r in self.routes)
        self.compiler, self.checks, self.numbers = compiler, checks, numbers
        self.converts = (
            compiler.known(WantedValues(convert=convert)) if routes and convert else None
        )
        self._groups: dict[frozenset[str], CheckGroup] = {}
        self._carried: tuple[RuleNumbers, dict[tuple[RouteGlance, int], RouteGlance | None]]
        self._carried = (numbers, {})
        waits: tuple[VerdictKind, ...] = (GATE, "timing", "after")
        self._waits = _bits(numbers.bit(kind, kind) for kind in waits)
        self._rounding = numbers.bit("rounding", "")

    def glance(self, run: Run) -> tuple[RouteGlance, ...] | None:
        """Return every route's glance, or None if only the full evaluation can decide."""
        if not self.able or self.common is None or not run.clean or not _is_new(run.facts):
            return None
        try:
            fail, unknown = self._bits(run, self.common)
            if unknown:
                return None
            glances = tuple([route.glance(run, fail) for route in self.routes])
            if self.converts is not None and not self._drafted(run) and self.converts(run) is None:
                return None
        except (ArithmeticError, TypeError, ValueError, RecursionError, CloserLookError):
            return None
        return None if run.long else glances

    def _drafted(self, run: Run) -> bool:
        """Check whether a document was drafted, which proves each line's unit conversion."""
        return bool(run.drafts)

    def carried(self, run: Run, once: SharedRead) -> Glance | None:
        """Return the other program's glance, completed by the checks that only this program has.

        None if the programs may differ in more than their checks. `once` has the other's results.
        """
        if (
            once.first_glance is None
            or not once.but_checks
            or self.common is None
            or run.facts.releases
            or run.facts.edits_released
        ):
            return None
        try:
            fail, unknown = self._unshared_checks(once, self.common).bits(run)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return None
        if unknown or (fail and run.facts.postings):
            return None
        glance, numbers = once.first_glance
        if self._carried[0] is not numbers:
            self._carried = (numbers, {})
        cached_glances, glances = self._carried[1], []
        for route in glance.routes:
            key = (route, fail)
            if key not in cached_glances:
                renumbered = numbers.renumbered(route, self.numbers, once.checks)
                cached_glances[key] = (
                    self._with_failed_checks(renumbered, fail) if renumbered is not None else None
                )
            carried = cached_glances[key]
            if carried is None:
                return None
            glances.append(carried)
        return Glance(tuple(glances), glance.amount)

    def _with_failed_checks(self, glance: RouteGlance, fail: int) -> RouteGlance | None:
        """Return the glance with these failed checks added.

        None if a check rejects the record, or if a check holds it and the proof of its amounts also
        failed or is unknown.
        """
        severe = {c.severity for c in self.checks if c.bit & fail} - {"warn"}
        amounts_unproven = (glance.fail | glance.unknown) & self._rounding
        counts = glance.fail & self._waits != 0
        state = state_if_held(glance.state, counts=counts) if severe else glance.state
        if state is None or "reject" in severe or (severe and amounts_unproven):
            return None
        return RouteGlance(glance.route, state, glance.fail | fail, glance.unknown)

    def _unshared_checks(self, once: SharedRead, common: CheckGroup) -> CheckGroup:
        """Return the checks of this program that the other program does not share."""
        group = self._groups.get(once.checks)
        if group is None:
            own = [c for c in self.checks if c.check.name not in once.checks]
            group = self._groups[once.checks] = self.compiler.together(own) or common
        return group

    def ready(self, run: Run, status_word: str) -> list[Judged]:
        """Return the decisions about a record that is ready in all routes, with the documents that
        `glance` drafted.
        """
        drafts = run.drafts or {}
        return [route.ready(run, drafts[route.name], status_word) for route in self.routes]

    def _bits(self, run: Run, common: CheckGroup) -> tuple[int, int]:
        """Return the bits of all routes' checks; shared results are reused."""
        once = run.once
        if once is None or once.failed is None:
            fail, unknown = common.bits(run)
            # The full evaluation reads these bits if a glance is not enough.
            run.memo[common] = fail | unknown
            if once is not None:
                names = [c.check.name for c in self.checks if fail & c.bit] if fail else ()
                once.failed = tuple(names)
            return fail, unknown
        fail, unknown = self._unshared_checks(once, common).bits(run)
        for check in self.checks if once.failed else ():
            if check.check.name in once.failed and check.check.name in once.checks:
                fail |= check.bit
        return fail, unknown


def _is_new(facts: Facts) -> bool:
    """Check whether the record has no posting, release, changed date, bar or possible duplicate."""
    return not (
        facts.postings
        or facts.releases
        or facts.history
        or facts.documents
        or facts.target_edited
        or facts.stored_otherwise
        or facts.billed
        or facts.dated
        or facts.barred
        or facts.held_of_family
    )


class Completeness:
    """Check whether a route's document and rules are fully known for a record, without findings.

    `able`: whether this can be checked for the route at all. `units` are always evaluated with the
    document.
    """

    def __init__(self, route: RouteProgram, units: Conversions) -> None:
        self.route, self.amounts = route, route.asking.amounts
        asking, post, turn = route.asking, route.post, route.turn
        self.day = next(
            (f for f in route.document.head if f.name == route.document.shape.date), None
        )
        expressions: list[Any] = [post.when, *(a.declared.when for a in route.approvals)]
        expressions += [r for c in asking.checks for r in (c.check.when, *c.check.requires)]
        fields = (*post.fields, *post.line_fields)
        expressions += [a.expr for a in fields if not _is_number(a.expr)]
        words = names_in((*expressions, *_computed(route.compiler)))
        self.needs_period, self.needs_number = "period" in words, "document_number" in words
        self.later = {
            a.name for a in post.fields if format_expression(a.expr) == f"number_of({turn.after})"
        }
        self._prepare_duplicates(route)
        self.known = route.compiler.known(self._wanted(post, frozenset()))
        self.known_before = route.compiler.known(self._wanted(post, self.later))
        self.draws_up = self._compile_document(units)
        self.able = self.known is not None and self._is_able()

    def _is_able(self) -> bool:
        route = self.route
        agreement = route.asking.agreement
        dated = self.day is None or self.day.type.kind in {"date", "moment"}
        return dated and route.bill is None and (agreement is None or agreement.certain)

    def _wanted(self, post: nodes.Post, without: AbstractSet[str]) -> WantedValues:
        """Return the expressions that must be known for the document; its number is replaced by the
        number's parts.
        """
        fields = [a for a in post.fields if a.name not in without]
        head = [a.expr for a in fields if not _is_number(a.expr)]
        head += [o.node for o in self.number_parts] + [o.node for o in self.keys]
        line = [a.expr for a in post.line_fields if not _is_number(a.expr)]
        return WantedValues(
            head=head, line=line, amounts=self.amounts.asked, summed=self.amounts.summed
        )

    def _compile_document(self, units: Conversions) -> Closure | None:
        """Return the function that evaluates the document's fields and lines, in the route's
        order, or None.
        """
        document = self.route.document
        head, line = document.assigned
        keys = [o.node for o in (*self.number_parts, *self.keys)]
        amounts, summed = self.amounts.asked, self.amounts.summed
        wanted = WantedValues(head=keys, convert=units, amounts=amounts, summed=summed)
        return self.route.compiler.document(head, line, wanted, amount=document.shape.amount)

    def _prepare_duplicates(self, route: RouteProgram) -> None:
        """Collect the operands (`keys`) of the route's duplicate rules.

        `by_number`: a rule compares document numbers. `unknown_undrafted` and `unknown_drafted`: a
        rule's result stays unknown without a document, or even with one.
        """
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
        """Enter the route, as far as its rules need it; return False if that is unknown."""
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
        """Check whether the document names a predecessor that is not posted yet."""
        return bool(self.later) and not self.route.turn.follows(run)

    def is_vague(self, *, goes: bool) -> bool:
        """Check whether a duplicate rule's result stays unknown; `goes`: a document is made."""
        return self.unknown_drafted if goes else self.unknown_undrafted

    def is_comparable(self, run: Run) -> bool:
        """Check whether every part of a duplicate comparison is known without a document."""
        operands = [*self.keys, *(self.number_parts if self.by_number else ())]
        return not any(type(o.closure(run)) in {Unknown, Fraction} for o in operands)

    def is_whole(self, run: Run, *, before: bool) -> bool:
        """Check whether the document is known, with a matching total and matching units.

        With `before`, its predecessor does not exist yet, and the predecessor's number is left out.
        """
        once, key = run.once, (self.route.name, before)
        if once is None or self.route.name not in once.routes:
            return self._whole(run, before=before)
        if key not in once.completeness:
            once.completeness[key] = self._whole(run, before=before)
        return once.completeness[key]

    def _drafted(self, run: Run, drafts: dict[str, Drafted]) -> bool:
        """Make the document and check it. If it is right, add it to `drafts`."""
        route, document = run.route, self.route.document
        route.number, route.day = document.number(run), document.day(run)
        if type(route.number) is Unknown or not isinstance(route.day, date):
            return False
        evaluated = self.draws_up(run) if self.draws_up is not None else None
        if evaluated is None:
            return False
        fields, lines, amounts, total = evaluated
        if not self.amounts.is_exact(run, amounts):
            return False
        if self.route.asking.listed.has_stranger(run, fields, lines) or not self._counts_alike(run):
            return False
        shape = self.route.document.shape
        draft = Draft(fields, lines, {shape.amount: total}, is_filled=True)
        drafts[self.route.name] = document.shorten(draft), route
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
        """Check whether the units need no comparison with the target's own units."""
        if self.route.asking.agreement is None:
            return True
        target = run.world.targets.get(self.route.post.route.target)
        if target is not None and target.items:
            return False
        return not self.route.asking.agreement.asks(run)


def _is_number(expr: nodes.Expr) -> bool:
    return isinstance(expr, nodes.Name) and expr.path == ("document_number",)


def _computed(compiler: Compiler) -> Iterator[nodes.Expr]:
    """Yield the formulas of the computed fields of the record and its lines."""
    index = compiler.index
    lines = index.line_records.get(compiler.record)
    for record in (index.records[compiler.record], *((lines,) if lines else ())):
        yield from (f.expr for f in record.fields if isinstance(f, nodes.Computed))
