"""The story of a decision: from all that the rules said of a route, in the words people read.

Here: Weighing of what is posted, and Unsent. Not here: asking the rules (routes.py), which of all
that wins where nothing is posted (precedence.py), what it waits for (waits.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from rules.decisions.document_rules import Shared
from rules.decisions.posting_steps import Planner, created
from rules.decisions.precedence import ENDS, Reason, decide, state_of_posted
from rules.decisions.waits import last, later, turn
from rules.documents.fields import Draft
from rules.expressions.run import Run
from rules.outcomes.findings import Said, gap_finding, keep, merge, strictest
from rules.outcomes.outcome import (
    HIT,
    UNKNOWN,
    ApprovalNeed,
    Decision,
    Document,
    Finding,
    GateSaid,
    Lineage,
    Step,
    Verdict,
    VerdictKind,
    Wait,
)
from rules.values.cause_keys import CauseKind
from rules.values.posting_states import PostingState
from rules.values.unknown import Gap
from rules.values.wording import say

if TYPE_CHECKING:
    from rules.decisions.routes import RouteProgram

DOES = frozenset({"create", "update", "void", "credit_note"})
"""Steps that touch the target."""
_ENDED = {"ignore": "ignored", "cancel": "cancelled"}
"""How a gate's word that ends it is told of a record."""


@dataclass(slots=True)
class Judged:
    """One route's decision with everything that was said on the way."""

    decision: Decision
    verdicts: list[Verdict]
    lineage: list[Lineage] = field(default_factory=list)


class Weighing:
    """From all that was said to one decision about what is posted."""

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
        return self._judged(PostingState.POSTED, document, findings, None, _as_posted(findings))

    def carried(self, planner: Planner, *, new: bool) -> Judged:
        """What is posted is put right, and what is due is billed, as far as nothing holds it."""
        asked = planner.gaps
        if new:
            for gap, lines in self.draft.gaps.items():
                asked.setdefault(gap, []).extend(lines)
        waits = turn(self.route, self.run, self.said, asked) if new and planner.anew is None else []
        document = None
        if self.draft.made:
            document = self.route.document.document(self.run, self.draft)
        if new and not waits:
            planner.create(document)
        planner.left()
        findings = [*self.base, *(self.said.findings if self.draft.made else self._taken(planner))]
        findings += self._mirrored(planner)
        findings += self._missing(asked)
        if not new:
            findings += self._never_billed(planner)
        needs = self._approvals(document, findings) + self._undone(planner, findings)
        if new and document is None and not waits and not findings:
            waits.append(later(asked))
        wait = last(waits)
        return self._settled(planner, merge(findings), wait=wait, document=document, needs=needs)

    def _taken(self, planner: Planner) -> list[Finding]:
        """What is said of a credit note where no other document goes."""
        told = self.route.asking.told
        if told is None or all(step.action != "credit_note" for step in planner.steps):
            return []
        said = told.judge(self.run)
        self.said.verdicts += said.verdicts
        return said.findings

    def _never_billed(self, planner: Planner) -> list[Finding]:
        """What is said of header amounts that no document of a bill in parts has, nor will have;
        one that is about to be changed has them, where it completes the record.
        """
        before, standing = self.route.before, planner.standing
        if planner.shares is None or before is None or not standing:
            return []
        if not before.never_completed(self.run, standing):
            return []
        numbers = tuple(posting.number for posting in standing)
        said = self.route.posted.header.judge(self.run, planner.shares, numbers)
        self.said.verdicts += said.verdicts
        return said.findings

    def _mirrored(self, planner: Planner) -> list[Finding]:
        """What is said of the codes of a document that takes another back."""
        found: list[Finding] = []
        listed = self.route.mirrored
        for step in planner.steps if listed is not None else ():
            if listed is not None and step.action == "credit_note" and step.document is not None:
                said = listed.of_document(self.run, step.document)
                self.said.verdicts += said.verdicts
                found += said.findings
        return found

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
        first = strictest(findings)
        state = state_of_posted(stopped=first is not None, does=bool(does), waits=wait is not None)
        if first is not None:
            reason = first.message
        elif does:
            reason = "; ".join(dict.fromkeys(s.reason for s in does))
        elif wait is not None:
            reason = wait.text
        else:
            reason = steps[0].reason if steps and not findings else _as_posted(findings)
        return self._judged(state, document, findings, wait, reason, needs, steps)

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

    def _explain(self, findings: tuple[Finding, ...]) -> None:
        """A verdict at the rule line of what is missing, where no rule has said it itself."""
        said = {v.rule for v in self.said.verdicts if v.result in {HIT, UNKNOWN}}
        for finding in findings:
            if finding.rule in said:
                continue
            key = finding.cause_key
            kind = _KINDS.get(key.kind, "field")
            line = finding.lines[0] if finding.lines else None
            shown = ((key.kind.value, key.named),)
            verdict = Verdict(
                finding.rule, kind, self.name, UNKNOWN, finding.span, shown, line, finding.message
            )
            self.said.verdicts.append(verdict)

    def _judged(
        self,
        state: PostingState,
        document: Document | None,
        findings: tuple[Finding, ...],
        wait: Wait | None,
        reason: str,
        approvals: tuple[ApprovalNeed, ...] = (),
        plan: tuple[Step, ...] = (),
    ) -> Judged:
        decision = Decision(self.name, state, document, findings, wait, reason, approvals, plan)
        return Judged(decision, self.said.verdicts, self.draft.lineage)


def _as_posted(findings: tuple[Finding, ...]) -> str:
    return findings[0].message if findings else "posted, and nothing differs"


_KINDS: Final[dict[CauseKind, VerdictKind]] = {CauseKind.MAPPING: "map", CauseKind.UNIT: "units"}


class Unsent(Weighing):
    """The story of a route that has posted nothing, told on its way through `decide`."""

    def __init__(
        self, route: RouteProgram, run: Run, said: Said, base: list[Finding], shared: Shared
    ) -> None:
        super().__init__(route, run, said, base, Draft())
        self.shared = shared
        self.findings = list(base)
        self.merged: tuple[Finding, ...] = ()
        self.waiting: list[Wait] = []
        self.asked: dict[Gap, list[int]] = {}
        self.document: Document | None = None
        self.needs: tuple[ApprovalNeed, ...] = ()

    def decided(self, gate: GateSaid, applies: Any) -> Judged:
        """Ignored, dropped, waiting, held or ready, with everything that was said."""
        keep(self.asked, applies, None)
        state = decide(self, gate, applies)
        first = strictest(self.merged)
        if state in ENDS.values():
            status = f"{self.route.status} {self.run.head.get(self.route.status)}"
            reason = first.message if first else f"{status} is {_ENDED[gate]}"
            return self._judged(state, None, self.merged, None, reason)
        wait = last(self.waiting)
        reason = first.message if first else wait.text if wait else "ready"
        plan: tuple[Step, ...] = ()
        if self.document is not None and wait is None:
            span = self.route.post.span
            plan = (created(self.run, self.document, rule="", span=span, reason="ready"),)
        return self._judged(state, self.document, self.merged, wait, reason, self.needs, plan)

    def rules(self, *, goes: bool) -> None:
        """What they say of the record, and of its document where there is something to bill. Where
        a glance saw all of it, only the checks that fail are asked again, for their words.
        """
        run, asking = self.run, self.route.asking
        failed = run.seen.get(self.name)
        if failed is None:
            asking.rules(run, self.shared, self.said, goes=goes)
        elif failed:
            asking.failed(run, self.shared, self.said, failed)
        if goes and run.route.is_due:
            made = (run.drafts or {}).get(self.name) if failed is not None else None
            self.draft = made[0] if made else self.route.draft(run)
            self.asked = {**self.draft.gaps, **self.asked}
        if failed is None:
            asking.document(run, self.draft, self.said)

    def counts(self) -> None:
        """Their findings, behind those of the record itself."""
        self.findings += self.said.findings

    def waits(self, reason: Reason) -> bool:
        """Note what it waits for, in words."""
        if reason == "gate":
            status, state = self.route.status, self.run.head.get(self.route.status)
            self.waiting.append(Wait("gate", None, None, f"waits while {status} is {state}"))
        elif reason == "when":
            when = self.route.when
            text = f"waits until {say(when.node)}" if when else ""
            self.waiting.append(Wait("when", None, None, text))
        elif reason == "turn":
            self.waiting += turn(self.route, self.run, self.said, self.asked)
        elif not self.findings:
            self.waiting.append(later(self.asked))
        return bool(self.waiting)

    def has_document(self) -> bool:
        """Make the document of the draft; what is missing of it is found here."""
        self.document = self.route.document.document(self.run, self.draft)
        self.findings += self._missing(self.asked)
        return self.document is not None

    def approvals(self) -> None:
        """Note who must agree, and the findings that ask for it."""
        self.needs = self._approvals(self.document, self.findings)

    def strictest(self) -> str | None:
        """Put the findings together, and explain those that no rule has told."""
        self.merged = merge(self.findings)
        self._explain(self.merged)
        first = strictest(self.merged)
        return first.severity if first else None
