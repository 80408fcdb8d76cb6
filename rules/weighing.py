"""From all that the rules said of a route to one decision: reject > hold > approve > wait > ready.

Here: Weighing, merge, and the waits. Not here: asking the rules (routes.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from grammar.problem import Span
from rules.documents import Draft
from rules.outcome import (
    ApprovalNeed,
    Decision,
    Document,
    Finding,
    Lineage,
    Step,
    Verdict,
    Wait,
)
from rules.plans import Planner, created
from rules.requirement import HIT, PASS, UNKNOWN
from rules.run import Run
from rules.said import Said, gap_finding, keep
from rules.timing import due
from rules.unknown import Gap, Unknown
from rules.words import say

if TYPE_CHECKING:
    from rules.routes import RouteProgram

DOES = frozenset({"create", "update", "void", "credit_note"})
"""Steps that touch the target."""
_STOPS = ("reject", "hold", "approve")


@dataclass(slots=True)
class Judged:
    """One route's decision with everything that was said on the way."""

    decision: Decision
    verdicts: list[Verdict]
    lineage: list[Lineage] = field(default_factory=list)


class Weighing:
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
        waits = self._waits(asked)
        document = self.route.document.document(self.run, self.draft)
        findings = [*self.base, *self.said.findings, *self._missing(asked)]
        needs = self._approvals(document, findings)
        if document is None and not waits and not findings:
            waits.append(_later(asked))
        wait = max(waits, key=lambda w: w.kind == "for", default=None)
        plan: tuple[Step, ...] = ()
        if document is not None and wait is None:
            span = self.route.post.span
            plan = (created(self.run, document, rule="", span=span, reason="ready"),)
        return self._weigh(findings, wait=wait, document=document, needs=needs, plan=plan)

    def carried(self, planner: Planner, *, new: bool) -> Judged:
        """What is posted is put right, and what is due is billed, as far as nothing holds it."""
        asked = planner.gaps
        if new:
            for gap, lines in self.draft.gaps.items():
                asked.setdefault(gap, []).extend(lines)
        waits = self._waits(asked) if new and planner.anew is None else []
        document = None
        if self.draft.made:
            document = self.route.document.document(self.run, self.draft)
        if new and not waits:
            planner.create(document)
        planner.left()
        findings = [*self.base, *(self.said.findings if self.draft.made else self._taken(planner))]
        findings += self._missing(asked)
        needs = self._approvals(document, findings) + self._undone(planner, findings)
        if new and document is None and not waits and not findings:
            waits.append(_later(asked))
        wait = max(waits, key=lambda w: w.kind == "for", default=None)
        return self._settled(planner, merge(findings), wait=wait, document=document, needs=needs)

    def _taken(self, planner: Planner) -> list[Finding]:
        """What is said of a credit note where no other document goes."""
        told = self.route.asking.told
        if told is None or all(step.action != "credit_note" for step in planner.steps):
            return []
        said = told.judge(self.run)
        self.said.verdicts += said.verdicts
        return said.findings

    def _settled(
        self,
        planner: Planner,
        findings: tuple[Finding, ...],
        *,
        wait: Wait | None,
        document: Document | None,
        needs: tuple[ApprovalNeed, ...],
    ) -> Judged:
        """The decision where something is posted: it stays posted unless something is done."""
        self._explain(findings)
        steps = tuple(planner.steps)
        does = [s for s in steps if s.action in DOES]
        first = next((f for f in findings if f.severity in _STOPS), None)
        if first is not None:
            state, reason = "held" if does or wait else "posted", first.message
        elif does:
            state, reason = "ready", "; ".join(dict.fromkeys(s.reason for s in does))
        elif wait is not None:
            state, reason = "waiting", wait.text
        else:
            reason = findings[0].message if findings else "posted, and nothing differs"
            state, reason = "posted", steps[0].reason if steps and not findings else reason
        judged = self._judged(state, document=document, findings=findings, reason=reason, wait=wait)
        return replace(judged, decision=replace(judged.decision, approvals=needs, plan=steps))

    def _missing(self, asked: dict[Gap, list[int]]) -> list[Finding]:
        return [
            gap_finding(g, self.name, lines=tuple(ls)) for g, ls in asked.items() if not g.silent
        ]

    def _approvals(
        self, document: Document | None, findings: list[Finding]
    ) -> tuple[ApprovalNeed, ...]:
        """The approvals that a document needs; their findings are added."""
        needs = []
        for approval in self.route.approvals if document is not None else ():
            said, need = approval.judge(self.run, self.name)
            self.said.verdicts += said.verdicts
            findings += said.findings
            needs += [need] if need else []
        if document is not None and self.route.bill is not None:
            findings += self.route.bill.remains(self.run, self.name)
        return tuple(needs)

    def _undone(self, planner: Planner, findings: list[Finding]) -> tuple[ApprovalNeed, ...]:
        """The approvals that taking a document back needs; their findings are added, each for the
        document by which it is taken back.
        """
        needs = []
        undone = [step for step in planner.steps if step.action in {"void", "credit_note"}]
        ways = dict.fromkeys(step.route for step in undone)
        for approval in self.route.undoing if undone else ():
            said, need = approval.judge(self.run, self.name)
            self.said.verdicts += said.verdicts
            findings += [replace(found, route=way) for way in ways for found in said.findings]
            needs += [need] if need else []
        return tuple(needs)

    def _waits(self, asked: dict[Gap, list[int]]) -> list[Wait]:
        """For the hour, for another document, for something to bill."""
        bill = self.run.route.bill
        if bill is not None and not bill.due:
            return [Wait("bill", None, None, "waits until there is something to bill")]
        return [w for w in (self._until(asked), self._after()) if w is not None]

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
        held = self.run.held.get(str(after)) if number else None
        self.said.verdicts.append(
            Verdict(
                "after",
                "after",
                self.name,
                HIT if held or not number else PASS,
                after.span,
                ((str(after), f"{number}, {held}" if held else number or "(not posted)"),),
            )
        )
        if number and not held:
            return None
        text = f"waits while {after} {number} is {held}" if held else f"waits for {after}"
        return Wait("for", None, str(after), text)

    def _weigh(
        self,
        findings: list[Finding],
        *,
        wait: Wait | None,
        document: Any = None,
        needs: tuple[ApprovalNeed, ...] = (),
        plan: tuple[Step, ...] = (),
    ) -> Judged:
        merged = merge(findings)
        self._explain(merged)
        worst = next((s for s in _STOPS if any(f.severity == s for f in merged)), None)
        first = next((f for f in merged if f.severity == worst), None)
        if worst == "reject" and first is not None:
            return self._judged("ignored", findings=merged, reason=first.message)
        state = "held" if first else "waiting" if wait else "ready"
        reason = first.message if first else wait.text if wait else "ready"
        judged = self._judged(state, document=document, findings=merged, reason=reason, wait=wait)
        return replace(judged, decision=replace(judged.decision, approvals=needs, plan=plan))

    def _explain(self, findings: tuple[Finding, ...]) -> None:
        """A verdict at the rule line of what is missing, where no rule has said it itself."""
        said = {v.rule for v in self.said.verdicts if v.result in {HIT, UNKNOWN}}
        for finding in findings:
            if finding.rule in said:
                continue
            what, _, key = finding.cause_key.partition(":")
            kind = {"mapping": "map", "unit": "units"}.get(what, "field")
            line = finding.lines[0] if finding.lines else None
            shown = ((what, key),)
            verdict = Verdict(
                finding.rule, kind, self.name, UNKNOWN, finding.span, shown, line, finding.message
            )
            self.said.verdicts.append(verdict)

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
        return Judged(decision, self.said.verdicts, self.draft.lineage)


def merge(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each finding once, with all its lines, the strongest first, else in the order found."""
    found: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        key = (finding.severity, finding.code, finding.rule, finding.cause_key, finding.route)
        before = found.get(key)
        if before is None:
            found[key] = finding
        elif before.lines != finding.lines:
            lines = tuple(sorted({*before.lines, *finding.lines}))
            found[key] = replace(before, lines=lines)
    order = {"reject": 0, "hold": 1, "approve": 2, "warn": 3}
    return tuple(sorted(found.values(), key=lambda f: order[f.severity]))


def _later(asked: dict[Gap, list[int]]) -> Wait:
    """The wait for a document whose number is not there yet."""
    later = next((g for g in asked if g.kind == "later"), None)
    return Wait("for", None, later.cause_key if later else None, "waits")


def until(decisions: list[Decision]) -> list[datetime]:
    """The moments at which a waiting decision may change."""
    return [d.wait.until for d in decisions if d.wait is not None and d.wait.until is not None]
