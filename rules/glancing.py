"""Glances at records of which nothing is missing and nothing is posted: most of them, quickly.

Here: KindGlances: states and bits from functions that ask many rules in one go. Whatever is not
that simple gives None, and whoever asks works the whole outcome out. Not here: one route
(route_glances.py), what a glance is (glance.py), the outcome (judge.py), the functions (emit).
"""

from __future__ import annotations

from rules.checks import CheckProgram
from rules.compiler import Compiler, Together, Wanted
from rules.facts import Facts
from rules.glance import Numbers, RouteGlance
from rules.proofs import ProofProgram
from rules.route_glances import RouteGlances
from rules.routes import RouteProgram
from rules.run import Run


class KindGlances:
    """All routes of one record kind."""

    def __init__(
        self,
        compiler: Compiler,
        routes: list[RouteProgram],
        *,
        checks: list[CheckProgram],
        common: Together | None,
        proofs: ProofProgram,
        numbers: Numbers,
    ) -> None:
        self.common = common
        self.routes = [RouteGlances(r, numbers) for r in routes]
        self.able = common is not None and all(r.able for r in self.routes)
        convert = [(call.args[1], call.args[2]) for call in proofs.calls if proofs.units]
        self.compiler, self.checks = compiler, checks
        self.converts = compiler.known(Wanted(convert=convert)) if routes and convert else None
        self._rest: dict[frozenset[str], Together] = {}

    def seen(self, run: Run) -> tuple[RouteGlance, ...] | None:
        """What every route says; None where it takes a closer look."""
        if not self.able or self.common is None or not run.clean or not _is_new(run.facts):
            return None
        try:
            fail, unknown = self._bits(run, self.common)
            if unknown or (self.converts is not None and self.converts(run) is None):
                return None
            found = [route.seen(run, fail) for route in self.routes]
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return None
        if None in found or run.long:
            return None
        return tuple(g for g in found if g is not None)

    def _bits(self, run: Run, common: Together) -> tuple[int, int]:
        """The checks for all routes; what another program has asked alike is not asked again."""
        once = run.once
        if once is None or once.failed is None:
            fail, unknown = common.bits(run)
            if once is not None:
                once.failed = tuple(c.check.name for c in self.checks if fail & c.bit)
            return fail, unknown
        rest = self._rest.get(once.checks)
        if rest is None:
            own = [c for c in self.checks if c.check.name not in once.checks]
            rest = self._rest[once.checks] = self.compiler.together(own) or common
        fail, unknown = rest.bits(run)
        for check in self.checks if once.failed else ():
            if check.check.name in once.failed and check.check.name in once.checks:
                fail |= check.bit
        return fail, unknown


def _is_new(facts: Facts) -> bool:
    """Whether nothing is posted, released, dated anew or like another record."""
    return not (
        facts.postings
        or facts.releases
        or facts.history
        or facts.documents
        or facts.target_edited
        or facts.billed
        or facts.dated
        or facts.held_of_family
    )
