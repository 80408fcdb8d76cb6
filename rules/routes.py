"""One route of a record kind: every rule that speaks of it, asked in a fixed order.

Here: RouteProgram.decide: verdicts, findings, and the decision they weigh up to: reject > hold >
approve > wait > ready. Not here: reading the record (judge.py), the single rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from grammar import nodes as n
from rules.approvals import ApprovalProgram
from rules.changes import compare, live
from rules.checks import CheckProgram, Said, gap_finding, keep
from rules.documents import DocumentProgram, Draft
from rules.duplicates import DuplicateProgram
from rules.gaps import fact_gap, later_gap, limit_gap
from rules.gates import GateProgram
from rules.index import Scope
from rules.interpret import Compiler
from rules.outcome import Verdict
from rules.proofs import RULE as PROOFS
from rules.proofs import ProofProgram
from rules.requirement import NOT_APPLICABLE, PASS, UNKNOWN, Condition, texts
from rules.run import RouteRun, Run
from rules.schema import Schemas
from rules.unknown import Gap, Unknown
from rules.weighing import Judged, Weighing

Shared = dict[str, Said]
_STOPS = ("reject", "hold", "approve")


class RouteProgram:
    """One route of one record kind."""

    def __init__(
        self,
        compiler: Compiler,
        post: n.Post,
        checks: list[CheckProgram],
        proofs: ProofProgram,
        schemas: Schemas | None,
    ) -> None:
        index, record = compiler.index, compiler.record
        self.post = post
        self.name = str(post.route)
        self.compiler = compiler
        self.proofs = proofs
        target = index.targets.get(post.route.target)
        self.missing = target.missing if target else None
        self.target_owner = (self.missing.action.role or "") if self.missing else compiler.owner
        status = index.status_field(record)
        self.status = status.name if status else ""
        self.gate = GateProgram(compiler, index.gate(record, self.name), self.status)
        self.checks = [c for c in checks if c.check.route in (None, post.route)]
        self.duplicates = [
            DuplicateProgram(compiler, d)
            for d in index.ruleset.duplicates
            if d.route in (None, post.route) and any(w.name == record for w in d.records)
        ]
        self.approvals = [
            ApprovalProgram(compiler, a)
            for a in index.ruleset.approvals
            if a.record == record and a.route in (None, post.route)
        ]
        scope = Scope(index, record)
        make = {"rule": "when", "owner": compiler.owner}
        self.when = Condition(compiler, post.when, scope, **make) if post.when else None
        self.document = DocumentProgram(compiler, post, schemas, self.target_owner)

    def decide(
        self, run: Run, *, gaps: dict[Gap, list[int]], status_word: str, shared: Shared
    ) -> Judged:
        """The decision for this route."""
        gate = self.gate.word(run)
        self._enter(run, gate)
        said = self.gate.judge(run, self.name, status_word)
        applies = self._applies(run, said)
        for gap, lines in gaps.items():
            said.verdicts.append(self._field_verdict(gap, lines))
        base = [gap_finding(g, self.name, lines=tuple(ls)) for g, ls in gaps.items()]
        for check in self.checks:
            _extend(said, self._check(check, run, shared))
        _extend(said, self._proved(run, shared))
        posted = live(run, self.name)
        drafted = posted is not None or (gate in {"ready", "hold"} and applies is True)
        draft = self._draft(run) if drafted else Draft()
        for duplicate in self.duplicates:
            judged = duplicate.judge(run, self.name, draft.fields)
            _extend(said, judged)
        weigh = Weighing(self, run, said, base, draft)
        if posted is not None:
            word = gate if applies is not False else "wait"
            owner = self.compiler.owner
            changed = compare(
                run, self.name, posted, gate=word, draft=draft, owner=owner, span=self.post.span
            )
            return weigh.posted(changed)
        return weigh.unsent(gate, applies)

    def _enter(self, run: Run, gate: str) -> None:
        run.route = RouteRun(self.name, self.post.route.target)
        run.line = {}
        document = self.document
        run.route.number = self._value(lambda: document.number(run), "number")
        run.route.day = self._value(lambda: document.day(run), "date")
        if gate == "wait" and type(run.route.day) is Unknown:
            run.route.day = Unknown(later_gap(self.name))  # no document yet, so no date to miss
        run.route.period = self._period(run)

    def _value(self, ask: Callable[[], Any], what: str) -> Any:
        try:
            return ask()
        except (ArithmeticError, TypeError, ValueError, RecursionError) as reason:
            return Unknown(self._limit(what, reason))

    def _limit(self, rule: str, reason: BaseException) -> Gap:
        return limit_gap(rule, self.compiler.owner, rule, reason, self.post.span)

    def _period(self, run: Run) -> Any:
        state = run.world.targets.get(self.post.route.target)
        if state is None or not state.known:
            words = self.missing.say.replace("{field}", "period") if self.missing else ""
            span = self.missing.span if self.missing else self.post.span
            return Unknown(fact_gap("period", self.target_owner, words, span))
        day = run.route.day
        if not isinstance(day, date):
            return day
        locked = state.locked_through is not None and day <= state.locked_through
        return "locked" if locked else "open"

    def _applies(self, run: Run, said: Said) -> Any:
        if self.when is None:
            return True
        answer = self.when.run(run)
        result = UNKNOWN if type(answer) is Unknown else PASS if answer else NOT_APPLICABLE
        said.verdicts.append(
            Verdict(
                "when", "when", self.name, result, self.when.span, texts(self.when.operands, run)
            )
        )
        return answer

    def _field_verdict(self, gap: Gap, lines: list[int]) -> Verdict:
        line = lines[0] if lines else None
        shown = ((gap.rule, "(missing)" if gap.code == "MIS01" else "(not readable)"),)
        return Verdict(gap.rule, "field", self.name, UNKNOWN, gap.span, shown, line, gap.message)

    def _check(self, check: CheckProgram, run: Run, shared: Shared) -> Said:
        name = check.check.name
        if check.by_route or check.check.route is not None or check.clears.startswith("by:"):
            return self._safe(lambda: check.judge(run, self.name), name, run, check)
        if name not in shared:
            shared[name] = self._safe(lambda: check.judge(run, self.name), name, run, check)
            return shared[name]
        return shared[name].for_route(self.name)

    def _proved(self, run: Run, shared: Shared) -> Said:
        if PROOFS in shared:
            return shared[PROOFS].for_route(self.name)
        shared[PROOFS] = self._safe(lambda: self.proofs.judge(run, self.name), PROOFS, run)
        return shared[PROOFS]

    def _safe(
        self, ask: Callable[[], Said], rule: str, run: Run, check: CheckProgram | None = None
    ) -> Said:
        """What a rule says; too many steps become its finding."""
        try:
            return ask()
        except ArithmeticError as reason:
            span = check.check.span if check else self.post.span
            owner = check.owner if check else self.compiler.owner
            gap = limit_gap(rule, owner, rule, reason, span)
            kind = "check" if check else "units"
            verdict = Verdict(rule, kind, self.name, UNKNOWN, span, (), None, gap.message)
            run.line = {}
            return Said([verdict], [gap_finding(gap, self.name)])

    def _draft(self, run: Run) -> Draft:
        try:
            return self.document.draft(run)
        except ArithmeticError as reason:
            draft = Draft()
            keep(draft.gaps, Unknown(self._limit("document", reason)), None)
            return draft


def _extend(said: Said, more: Said) -> None:
    said.verdicts += more.verdicts
    said.findings += more.findings
