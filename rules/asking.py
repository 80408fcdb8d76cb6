"""Asking the rules that speak of what would be sent: checks, conversions, duplicates.

Here: Asking: what they say for one route, once a record where it is the same for all; too many
steps become a finding of the rule that asked. Not here: when they are asked (routes.py).
"""

from __future__ import annotations

from collections.abc import Callable

from grammar.problem import Span
from rules.checks import CheckProgram, Said, gap_finding
from rules.documents import Draft
from rules.duplicates import DuplicateProgram
from rules.gaps import limit_gap
from rules.outcome import Verdict
from rules.proofs import RULE as PROOFS
from rules.proofs import ProofProgram
from rules.requirement import UNKNOWN
from rules.run import Run

Shared = dict[str, Said]


class Asking:
    """The rules of one route that are asked when something is sent."""

    def __init__(
        self,
        route: str,
        *,
        checks: list[CheckProgram],
        duplicates: list[DuplicateProgram],
        proofs: ProofProgram,
        owner: str,
        span: Span,
    ) -> None:
        self.route, self.owner, self.span = route, owner, span
        self.checks, self.duplicates, self.proofs = checks, duplicates, proofs

    def rules(self, run: Run, shared: Shared, said: Said) -> None:
        """What checks and conversions say of the record."""
        for check in self.checks:
            extend(said, self._check(check, run, shared))
        extend(said, self._proved(run, shared))

    def document(self, run: Run, draft: Draft, said: Said) -> None:
        """What the duplicates rules say of the document."""
        for duplicate in self.duplicates:
            extend(said, duplicate.judge(run, self.route, draft.fields))

    def _check(self, check: CheckProgram, run: Run, shared: Shared) -> Said:
        name = check.check.name
        if check.by_route or check.check.route is not None or check.clears.startswith("by:"):
            return self._safe(lambda: check.judge(run, self.route), name, run, check)
        if name not in shared:
            shared[name] = self._safe(lambda: check.judge(run, self.route), name, run, check)
            return shared[name]
        return shared[name].for_route(self.route)

    def _proved(self, run: Run, shared: Shared) -> Said:
        if PROOFS in shared:
            return shared[PROOFS].for_route(self.route)
        shared[PROOFS] = self._safe(lambda: self.proofs.judge(run, self.route), PROOFS, run)
        return shared[PROOFS]

    def _safe(
        self, ask: Callable[[], Said], rule: str, run: Run, check: CheckProgram | None = None
    ) -> Said:
        """What a rule says; too many steps become its finding."""
        try:
            return ask()
        except ArithmeticError as reason:
            span = check.check.span if check else self.span
            owner = check.owner if check else self.owner
            gap = limit_gap(rule, owner, rule, reason, span)
            kind = "check" if check else "units"
            verdict = Verdict(rule, kind, self.route, UNKNOWN, span, (), None, gap.message)
            run.line = {}
            return Said([verdict], [gap_finding(gap, self.route)])


def extend(said: Said, more: Said) -> None:
    """Add what another rule said."""
    said.verdicts += more.verdicts
    said.findings += more.findings
