"""One route of a record kind: every rule that speaks of it, asked in a fixed order.

Here: RouteProgram.decide: verdicts, findings, and the decision they weigh up to: reject > hold >
approve > wait > ready. Not here: reading the record (judge.py), the single rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from grammar import nodes as n
from grammar.problem import Span
from rules.approvals import ApprovalProgram
from rules.changes import compare, live
from rules.checks import CheckProgram, Said, gap_finding, keep
from rules.documents import DocumentProgram, Draft
from rules.duplicates import DuplicateProgram
from rules.gaps import fact_gap, later_gap, limit_gap
from rules.gates import GateProgram
from rules.index import Scope
from rules.interpret import Compiler
from rules.outcome import ApprovalNeed, Decision, Finding, Lineage, Verdict, Wait
from rules.proofs import RULE as PROOFS
from rules.proofs import ProofProgram
from rules.requirement import HIT, NOT_APPLICABLE, PASS, UNKNOWN, Condition, texts
from rules.run import RouteRun, Run
from rules.schema import Schemas
from rules.timing import due
from rules.unknown import Gap, Unknown
from rules.words import say

Shared = dict[str, Said]
_STOPS = ("reject", "hold", "approve")


@dataclass(slots=True)
class Judged:
    """One route's decision with everything that was said on the way."""

    decision: Decision
    verdicts: list[Verdict]
    lineage: list[Lineage] = field(default_factory=list)


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
        weigh = _Weighing(self, run, said, base, draft)
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


class _Weighing:
    """From all that was said to one decision."""

    def __init__(
        self, route: RouteProgram, run: Run, said: Said, base: list[Finding], draft: Draft
    ) -> None:
        self.route, self.run, self.said, self.base, self.draft = route, run, said, base, draft
        self.name = route.name

    def posted(self, changed: Said) -> Judged:
        """A posting is in the target, or on its way: only what differs wants attention."""
        self.said.verdicts += changed.verdicts
        findings = tuple(changed.findings or self.base)
        document = self.route.document.document(self.run, self.draft)
        reason = findings[0].message if findings else "posted, and nothing differs"
        return self._judged("posted", document=document, findings=findings, reason=reason)

    def unsent(self, gate: str, applies: Any) -> Judged:
        """Nothing is in the target yet: ignored, dropped, waiting, held or ready."""
        state = self.run.head.get(self.route.status)
        if gate in {"ignore", "cancel"}:
            word, why = ("ignored", "ignored") if gate == "ignore" else ("dropped", "cancelled")
            return self._judged(word, reason=f"{self.route.status} {state} is {why}")
        if gate == "wait":
            wait = Wait("gate", None, None, f"waits while {self.route.status} is {state}")
            return self._weigh([*self.base, *self.said.findings], wait=wait)
        if applies is False and self.route.when is not None:
            text = f"waits until {say(self.route.when.node)}"
            return self._weigh(self.base, wait=Wait("when", None, None, text))
        return self._sendable(applies)

    def _sendable(self, applies: Any) -> Judged:
        """The gate lets it go (or holds it in its own words): timing, document, approvals."""
        asked = dict(self.draft.gaps)
        if type(applies) is Unknown:
            keep(asked, applies, None)
        waits = [w for w in (self._until(asked), self._after()) if w is not None]
        document = self.route.document.document(self.run, self.draft)
        findings = [*self.base, *self.said.findings]
        findings += [
            gap_finding(g, self.name, lines=tuple(ls)) for g, ls in asked.items() if not g.silent
        ]
        needs = []
        for approval in self.route.approvals if document is not None else ():
            said, need = approval.judge(self.run, self.name)
            self.said.verdicts += said.verdicts
            findings += said.findings
            needs += [need] if need else []
        if document is None and not waits and not findings:
            later = next((g for g in asked if g.kind == "later"), None)
            waits.append(Wait("for", None, later.cause_key if later else None, "waits"))
        wait = max(waits, key=lambda w: w.kind == "for", default=None)
        return self._weigh(findings, wait=wait, document=document, needs=tuple(needs))

    def _until(self, asked: dict[Gap, list[int]]) -> Wait | None:
        timing = self.route.post.timing
        if not isinstance(timing, n.Daily):
            return None
        zone, value = self.route.compiler.zone, self.run.head.get(timing.by)
        if not isinstance(value, date):
            keep(asked, value, None)
            self._timing_verdict(UNKNOWN, timing.span, ((timing.by, "(missing)"),), "")
            return None
        moment = due(value, timing.at, zone)
        shown = f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
        waits = moment > self.run.now
        self._timing_verdict(HIT if waits else PASS, timing.span, (("due", shown),), shown)
        return Wait("until", moment, None, f"waits until {shown}") if waits else None

    def _timing_verdict(
        self, result: str, span: Span, operands: tuple[tuple[str, str], ...], text: str
    ) -> None:
        self.said.verdicts.append(
            Verdict("timing", "timing", self.name, result, span, operands, None, text)
        )

    def _after(self) -> Wait | None:
        after = self.route.post.after
        if after is None:
            return None
        number = self.run.facts.documents_of_family.get(str(after))
        self.said.verdicts.append(
            Verdict(
                "after",
                "after",
                self.name,
                PASS if number else HIT,
                after.span,
                ((str(after), number or "(not posted)"),),
            )
        )
        return None if number else Wait("for", None, str(after), f"waits for {after}")

    def _weigh(
        self,
        findings: list[Finding],
        *,
        wait: Wait | None,
        document: Any = None,
        needs: tuple[ApprovalNeed, ...] = (),
    ) -> Judged:
        merged = merge(findings)
        worst = next((s for s in _STOPS if any(f.severity == s for f in merged)), None)
        first = next((f for f in merged if f.severity == worst), None)
        if worst == "reject" and first is not None:
            return self._judged("ignored", findings=merged, reason=first.message)
        state = "held" if first else "waiting" if wait else "ready"
        reason = first.message if first else wait.text if wait else "ready"
        judged = self._judged(state, document=document, findings=merged, reason=reason, wait=wait)
        return replace(judged, decision=replace(judged.decision, approvals=needs))

    def _judged(
        self,
        state: str,
        *,
        reason: str,
        document: Any = None,
        findings: tuple[Finding, ...] = (),
        wait: Wait | None = None,
    ) -> Judged:
        decision = Decision(self.name, state, document, findings, wait, reason)
        lineage = self.draft.lineage if document is not None else []
        return Judged(decision, self.said.verdicts, lineage)


def merge(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each finding once, with all its lines, the strongest first, else in the order found."""
    found: dict[tuple[str, str, str, str], Finding] = {}
    for finding in findings:
        key = (finding.severity, finding.code, finding.rule, finding.cause_key)
        before = found.get(key)
        if before is None:
            found[key] = finding
        elif before.lines != finding.lines:
            lines = tuple(sorted({*before.lines, *finding.lines}))
            found[key] = replace(before, lines=lines)
    order = {"reject": 0, "hold": 1, "approve": 2, "warn": 3}
    return tuple(sorted(found.values(), key=lambda f: order[f.severity]))


def _extend(said: Said, more: Said) -> None:
    said.verdicts += more.verdicts
    said.findings += more.findings


def until(decisions: list[Decision]) -> list[datetime]:
    """The moments at which a waiting decision may change."""
    return [d.wait.until for d in decisions if d.wait is not None and d.wait.until is not None]
