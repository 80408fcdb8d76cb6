"""Asking the rules that speak of what would be sent: checks, conversions, duplicates.

Here: Asking: what they say for one route, once a record where it is the same for all; too many
steps become a finding of the rule that asked. Not here: when they are asked (routes.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from grammar.text.problem import Span
from rules.decisions.duplicates import DuplicateProgram
from rules.documents.agreement import AgreementProgram
from rules.documents.amounts import AmountsProgram
from rules.documents.fields import Draft
from rules.documents.listed_codes import ListedCodes
from rules.documents.rounding import ROUNDING
from rules.documents.target_rounding import RoundingTold
from rules.documents.unit_proofs import RULE as PROOFS
from rules.documents.unit_proofs import ProofProgram
from rules.documents.unusual import Unusual
from rules.expressions.checks import CheckProgram, Row
from rules.expressions.compiler import Rows, Together
from rules.expressions.run import RetreatError, Run
from rules.outcomes.findings import Said, gap_finding
from rules.outcomes.outcome import UNKNOWN, Verdict, VerdictKind
from rules.values.unknown import limit_gap

Shared = dict[str, Said]
T = TypeVar("T", Rows, int)


class Asking:
    """The rules of one route that are asked when something is sent."""

    def __init__(
        self,
        route: str,
        *,
        checks: list[CheckProgram],
        common: Together | None,
        own: Together | None,
        duplicates: list[DuplicateProgram],
        proofs: ProofProgram,
        agreement: AgreementProgram | None,
        amounts: AmountsProgram,
        told: RoundingTold | None,
        listed: ListedCodes,
        unusual: Unusual,
        owner: str,
        span: Span,
    ) -> None:
        self.route, self.owner, self.span = route, owner, span
        self.checks, self.duplicates, self.proofs = checks, duplicates, proofs
        self.agreement, self.amounts, self.told = agreement, amounts, told
        self.common, self.own, self.unusual, self.listed = common, own, unusual, listed

    def rules(self, run: Run, shared: Shared, said: Said, *, goes: bool = True) -> None:
        """What checks and conversions say of the record, and whether one that goes is unusual."""
        together = not run.stepwise and self.common is not None and self.own is not None
        rows = self._rows(run) if together and run.whole else None
        concern = self._concern(run) if together and not run.whole else -1
        for check in self.checks:
            if check.bit & concern:
                said.add(self._check(check, run, shared, rows))
        said.add(self._proved(run, shared))
        if goes:
            said.add(self.unusual.judge(run))

    def failed(self, run: Run, shared: Shared, said: Said, bits: int) -> None:
        """What the checks of these bits say, where a glance saw that nothing else has to tell."""
        for check in self.checks:
            if check.bit & bits:
                said.add(self._check(check, run, shared, None))

    def _concern(self, run: Run) -> int:
        """The bits of the checks that have not just passed: what passes is not told."""

        def not_passed(checks: Together) -> int:
            fail, unknown = checks.bits(run)
            return fail | unknown

        return self._in_one_go(run, not_passed, int.__or__)

    def _rows(self, run: Run) -> Rows:
        """The rows of all checks."""
        return self._in_one_go(run, lambda checks: checks.rows(run), dict.__or__)

    def _in_one_go(self, run: Run, ask: Callable[[Together], T], both: Callable[[T, T], T]) -> T:
        """What the checks of all routes say, asked once a record, and those of this one."""
        assert self.common is not None and self.own is not None  # noqa: S101, PT018
        try:
            if self.common not in run.memo:
                run.memo[self.common] = ask(self.common)
            common: T = run.memo[self.common]
            return both(common, ask(self.own))
        except (ArithmeticError, TypeError, RecursionError) as reason:
            raise RetreatError from reason

    def document(self, run: Run, draft: Draft, said: Said) -> None:
        """What is said of the document: its codes, units and total, whether it is there already."""
        units = self.agreement
        if self.told is not None and draft.made:
            said.add(self.told.judge(run))
        if draft.made:
            said.add(self.listed.of_draft(run, draft))
        if units is not None and draft.made:
            said.add(self._safe(lambda: units.judge(run, draft), PROOFS, run))
        if draft.made:
            said.add(self._safe(lambda: self.amounts.judge(run, said), ROUNDING, run))
        for duplicate in self.duplicates:
            said.add(duplicate.judge(run, self.route, draft.fields))

    def _check(self, check: CheckProgram, run: Run, shared: Shared, rows: Rows | None) -> Said:
        def ask() -> Said:
            found = self._asked(check, run) if rows is None else rows[check.first]
            return check.judge(run, self.route, found)

        name = check.check.name
        if not check.everywhere or check.clears.by_people:
            return self._safe(ask, "check", run, check)
        if name not in shared:
            shared[name] = self._safe(ask, "check", run, check)
            return shared[name]
        return shared[name].for_route(self.route)

    def _asked(self, check: CheckProgram, run: Run) -> list[Row]:
        """The rows of a check, asked once a record where they are the same for all routes."""
        if not check.everywhere:
            return check.ask(run)
        if check not in run.memo:
            run.memo[check] = check.ask(run)
        found: list[Row] = run.memo[check]
        return found

    def _proved(self, run: Run, shared: Shared) -> Said:
        if PROOFS in shared:
            return shared[PROOFS].for_route(self.route)
        shared[PROOFS] = self._safe(lambda: self.proofs.judge(run, self.route), PROOFS, run)
        return shared[PROOFS]

    def _safe(
        self,
        ask: Callable[[], Said],
        kind: VerdictKind,
        run: Run,
        check: CheckProgram | None = None,
    ) -> Said:
        """What a rule says; too many steps become its finding."""
        try:
            return ask()
        except ArithmeticError as reason:
            span = check.check.span if check else self.span
            owner = check.owner if check else self.owner
            rule = check.check.name if check else kind
            gap = limit_gap(rule, owner, rule, reason, span)
            verdict = Verdict(rule, kind, self.route, UNKNOWN, span, (), None, gap.message)
            run.line = {}
            return Said([verdict], [gap_finding(gap, self.route)])
