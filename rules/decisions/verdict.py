"""Turn the verdicts of a route into its decision: the plan of steps, the state and the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo

from grammar.text.characters import in_currency
from grammar.text.problem import Span
from rules.decisions.document_rules import Shared, next_midnight
from rules.decisions.posted_documents import Act
from rules.documents.fields import Draft
from rules.expressions.compiler import billed_quantities, next_seq, sum_billed
from rules.expressions.lists import Shares
from rules.expressions.run import Run
from rules.facts import VOID, WHOLE, PostingFact
from rules.outcomes import (
    HIT,
    PASS,
    UNKNOWN,
    ApprovalNeed,
    Decision,
    Document,
    Finding,
    GateSaid,
    Lineage,
    Said,
    Step,
    Verdict,
    VerdictKind,
    Wait,
    gap_finding,
    keep_gaps,
    merge_findings,
    name_lines,
    strictest_finding,
)
from rules.values.canonical import PostingState
from rules.values.cause_keys import CauseKind, Gap, fact_gap
from rules.values.kinds import CONTEXT
from rules.values.wording import format_expression

if TYPE_CHECKING:
    from rules.decisions.route_rules import RouteProgram

DOES = frozenset({"create", "update", "void", "credit_note"})
"""Steps that touch the target."""

_ENDED = {"ignore": "ignored", "cancel": "cancelled"}
"""How a gate's word that ends it is told of a record."""

_KINDS: Final[dict[CauseKind, VerdictKind]] = {CauseKind.MAPPING: "map", CauseKind.UNIT: "units"}

_NOW_HOLDS = timedelta(minutes=15)

_OPEN = frozenset({"ready", "waiting", "held"})

ENDS: Final[dict[GateSaid, PostingState]] = {
    "ignore": PostingState.IGNORED,
    "cancel": PostingState.DROPPED,
}
"""Words of a gate behind which nothing is sent, whatever else the rules say."""

READY_STATE: Final = PostingState.READY
"""Read once: Python 3.11 looks a word of an enum up by a call."""

_GOES: Final[frozenset[GateSaid]] = frozenset({"ready", "hold"})
"""Words of a gate behind which a document is made: a hold is looked at with its document."""

Reason = Literal["gate", "when", "turn", "document"]
"""What it may wait for: a later status, its condition, its hour or another document, its number."""

READY = "ready"  # the reason of a document that nothing was posted before

BACK = frozenset({"void", "credit_note", "credit_and_new"})

_NO_REVERSAL = "No route takes its postings back, so there can be no credit note."

_DECIDED = frozenset(
    {PostingState.WAITING, PostingState.HELD, PostingState.IGNORED, PostingState.DROPPED}
)
"""States that the rules, or a person, gave; what is sent has its answer elsewhere."""


@dataclass(slots=True)
class Judged:
    """One route's decision with the verdicts and findings on the way."""

    decision: Decision
    verdicts: list[Verdict]
    lineage: list[Lineage] = field(default_factory=list)


class Planner:
    """One route's plan and the answers for its live postings.

    `gaps` are missing parts of the documents, `updates` the drafts of updated ones, `shares` what
    is due beside standing documents.
    """

    def __init__(
        self, route: RouteProgram, run: Run, lives: tuple[PostingFact, ...], acts: list[Act]
    ) -> None:
        self.route, self.run, self.lives = route, run, lives
        self.steps: list[Step] = []
        self.gaps: dict[Gap, list[int]] = {}
        self.updates: list[Draft] = []
        self.shares: Shares | None = None
        void = {
            edit.seq
            for edit in run.facts.target_edited
            if (edit.route, edit.field, edit.shows) == (route.name, WHOLE, VOID)
        }
        self.anew = next((a for a in acts if a.action.kind == "credit_and_new"), None)
        if route.bill is None:
            void_updates = (a for a in acts if a.action.kind == "update" and a.posting.seq in void)
            self.anew = next(void_updates, self.anew)
        # What is void in the target counts for nothing there: it is neither credited nor changed.
        self.acts = [
            replace(act, action=replace(act.action, kind="void"))
            if act.posting.seq in void and act.action.kind in BACK | {"update"}
            else act
            for act in _credit_all(lives, acts)
        ]
        self.second = next((a for a in acts if a.action.kind == "new_document"), None)
        back = {a.posting.seq for a in self.acts if a.action.kind in BACK}
        self.staying = tuple(p for p in lives if p.seq not in back)

    def credited(self) -> Iterator[int]:
        """Yield the postings that get a credit note."""
        for act in self.acts:
            if act.action.kind in {"credit_note", "credit_and_new"}:
                yield act.posting.seq

    def correct(self) -> None:
        """Add the steps that correct posted documents."""
        for act in self.acts:
            kind = act.action.kind
            if kind in {"credit_note", "credit_and_new"}:
                self._credit(act)
            elif kind == "void":
                self._step("void", act, None)
            elif kind == "update":
                self._update(act)

    def wants_new(self, shares: Shares | None, *, may_go: bool) -> bool:
        """Check whether another document is made: a replacement, or what is due now."""
        if self.anew is not None or self.second is not None:
            return shares is None or shares.due
        self.shares = shares if may_go else None
        if shares is None or not may_go or not shares.due:
            return False
        return not (shares.final and self.staying)

    def create(self, document: Document | None) -> None:
        """Add the step for the next document, for which the run was entered."""
        act = self.anew or self.second
        rule, span = (act.rule, act.span) if act else ("", self.route.post.span)
        reason = act.reason if act else READY
        self.steps.append(creation_step(self.run, document, rule=rule, span=span, reason=reason))

    def left(self) -> None:
        """Add the steps of answers without an effect, where nothing else is done."""
        if not self.steps:
            for act in self.acts:
                self._step(act.action.kind, act, None)

    def _missing(self, draft: Draft) -> None:
        for gap, lines in draft.gaps.items():
            self.gaps.setdefault(gap, []).extend(lines)

    def before(self) -> Mapping[str, Decimal]:
        """Return what stays billed of each line after all corrections."""
        told = dict(billed_quantities(self.run.facts, self.route.name))
        gone = tuple(p for p in self.lives if p not in self.staying)
        for key, quantity in sum_billed(gone).items():
            told[key] = CONTEXT.subtract(told.get(key, Decimal(0)), quantity)
        return told

    @property
    def standing(self) -> tuple[PostingFact, ...]:
        """Return the posted documents that stay with their record; updated ones have the new
        record.
        """
        again = {act.posting.seq for act in self.acts if act.action.kind == "update"}
        return tuple(
            replace(p, body=None, version=self.run.version) if p.seq in again else p
            for p in self.staying
        )

    def _step(self, action: str, act: Act, document: Document | None) -> None:
        own = act.posting.billed if action == "update" else {}
        self.steps.append(
            Step(
                action,
                self.route.name,
                act.posting.seq,
                document,
                act.rule,
                act.span,
                act.reason,
                None,
                own,
            )
        )

    def _credit(self, act: Act) -> None:
        reversal = self.route.reversal
        if reversal is None:
            gap = fact_gap("reversal", self.route.compiler.owner, _NO_REVERSAL, act.span)
            self.gaps.setdefault(gap, [])
            return
        before = sum(s.action == "credit_note" for s in self.steps)
        seq = next_seq(self.run.facts.postings, reversal.name) + before
        document, draft = reversal.mirror(self.run, act.posting, seq)
        self._missing(draft)
        self.steps.append(
            Step(
                "credit_note",
                reversal.name,
                seq,
                document,
                act.rule,
                act.span,
                act.reason,
                act.posting.seq,
            )
        )

    def _update(self, act: Act) -> None:
        draft = self.route.again(self.run, act.posting, self.lives)
        self._missing(draft)
        self.updates.append(draft)
        self._step("update", act, self.route.document.document(self.run, draft))


class Weighing:
    """Combines verdicts and findings into one decision about posted documents."""

    def __init__(
        self, route: RouteProgram, run: Run, said: Said, base: list[Finding], draft: Draft
    ) -> None:
        self.route, self.run, self.said, self.base, self.draft = route, run, said, base, draft
        self.name = route.name

    def posted(self, changed: Said) -> Judged:
        """Return the decision for a posting in the target or on its way: only differences count."""
        self.said.verdicts += changed.verdicts
        findings = tuple(changed.findings or self.base)
        document = self.route.document.document(self.run, self.draft)
        return self._judged(PostingState.POSTED, document, findings, None, _as_posted(findings))

    def carried(self, planner: Planner, *, new: bool) -> Judged:
        """Return the decision to correct postings and bill what is due, unless a hold exists."""
        asked = planner.gaps
        if new:
            for gap, lines in self.draft.gaps.items():
                asked.setdefault(gap, []).extend(lines)
        waits = (
            waits_for_turn(self.route, self.run, self.said, asked)
            if new and planner.anew is None
            else []
        )
        document = None
        if self.draft.is_filled:
            document = self.route.document.document(self.run, self.draft)
        if new and not waits:
            planner.create(document)
        planner.left()
        findings = [
            *self.base,
            *(self.said.findings if self.draft.is_filled else self._taken(planner)),
        ]
        findings += self._mirrored(planner) + self._barred(planner)
        findings += self._missing(asked)
        if not new:
            findings += self._never_billed(planner)
        needs = self._approvals(document, findings) + self._undone(planner, findings)
        if new and document is None and not waits and not findings:
            waits.append(wait_for_number(asked))
        wait = main_wait(waits)
        return self._settled(
            planner,
            self._named(findings),
            wait=wait,
            document=document,
            needs=needs,
        )

    def _named(self, findings: list[Finding]) -> tuple[Finding, ...]:
        """Return each finding once; lines without a SKU are named by kind, title and amount."""
        return name_lines(merge_findings(findings), self.run.lines, self._amount_of_line)

    def _amount_of_line(self, number: int) -> str:
        """Return a line's amount as text, or a blank text if it is unknown or the line has none."""
        run, closure = self.run, self.route.line_amount
        if closure is None:
            return ""
        run.line = run.lines[number - 1]
        amount, currency = closure(run), run.head.get("currency")
        run.line = {}
        if not isinstance(amount, Decimal):
            return ""
        return in_currency(amount, currency.strip() if isinstance(currency, str) else "")

    def _taken(self, planner: Planner) -> list[Finding]:
        """Return the findings of a credit note without another document."""
        told = self.route.asking.told
        if told is None or all(step.action != "credit_note" for step in planner.steps):
            return []
        said = told.judge(self.run)
        self.said.verdicts += said.verdicts
        return said.findings

    def _never_billed(self, planner: Planner) -> list[Finding]:
        """Return the findings of header amounts that no part bill has or will have.

        A document that is about to change has them if it completes the record.
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
        """Return the findings of the codes in a reversing document."""
        found: list[Finding] = []
        listed = self.route.mirrored
        for step in planner.steps if listed is not None else ():
            if listed is not None and step.action == "credit_note" and step.document is not None:
                said = listed.of_document(self.run, step.document)
                self.said.verdicts += said.verdicts
                found += said.findings
        return found

    def _barred(self, planner: Planner) -> list[Finding]:
        """Return why the documents that take others back may not go."""
        ways = dict.fromkeys(s.route for s in planner.steps if s.action == "credit_note")
        found: list[Finding] = []
        for way in ways:
            said = self.route.asking.barred(self.run, way)
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
        """Return the decision about posted documents, which stay posted unless a step runs."""
        self._explain(findings)
        steps = tuple(planner.steps)
        does = [s for s in steps if s.action in DOES]
        first = strictest_finding(findings)
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
        """Return the approvals that a document needs; add their findings."""
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
        """Return the approvals that a reversal needs.

        Their findings are added, each for the reversing document.
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
        """Add a verdict at the rule line of each gap that no rule has explained."""
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
        incomplete = None
        if document is None and state == PostingState.HELD and self.draft.gaps:
            incomplete = self.route.document.known_part(self.run, self.draft)
        decision = Decision(
            self.name,
            state,
            document,
            findings,
            wait,
            reason,
            approvals,
            plan,
            incomplete=incomplete,
        )
        return Judged(decision, self.said.verdicts, self.draft.lineage)


def _as_posted(findings: tuple[Finding, ...]) -> str:
    return findings[0].message if findings else "posted, and nothing differs"


def waits_for_turn(
    route: RouteProgram, run: Run, said: Said, asked: dict[Gap, list[int]]
) -> list[Wait]:
    """Return the waits for an hour, another document or something to bill; add missing parts."""
    if not run.route.is_due:
        return [Wait("bill", None, None, "waits until there is something to bill")]
    return [w for w in (_until(route, run, said, asked), _after(route, run, said)) if w is not None]


def wait_for_number(asked: dict[Gap, list[int]]) -> Wait:
    """Return the wait for a document without a number."""
    found = next((g for g in asked if g.kind == "later"), None)
    return Wait("for", None, found.cause_key.named if found else None, "waits")


def main_wait(waits: list[Wait]) -> Wait | None:
    """Return the wait to show: another document comes before an hour."""
    return max(waits, key=lambda wait: wait.kind == "for", default=None)


def state_of_posted(*, stopped: bool, does: bool, waits: bool) -> PostingState:
    """Return the state of a route with postings.

    It stays posted unless something is done in the target (`does`) or waits to be done; a finding
    (`stopped`) holds only that.
    """
    if stopped:
        return PostingState.HELD if does or waits else PostingState.POSTED
    if does:
        return PostingState.READY
    return PostingState.WAITING if waits else PostingState.POSTED


def _credit_all(lives: tuple[PostingFact, ...], acts: list[Act]) -> list[Act]:
    """Return answers in which credit note and new reverses every live posting."""
    anew = next((a for a in acts if a.action.kind == "credit_and_new"), None)
    if anew is None:
        return acts
    return [replace(anew, posting=p) for p in lives]  # no table answers with a void beside it


def creation_step(
    run: Run, document: Document | None, *, rule: str, span: Span, reason: str
) -> Step:
    """Return the step that makes the document for which the run was entered."""
    route = run.route
    own = route.bill.billed() if route.bill else {}
    return Step("create", route.name, route.seq, document, rule, span, reason, None, own)


def _until(route: RouteProgram, run: Run, said: Said, asked: dict[Gap, list[int]]) -> Wait | None:
    due = route.turn
    if due.daily is None:
        return None
    moment, by, span = due.hour(run), due.daily.by, due.daily.span
    shown = f"{moment.astimezone(due.zone):%Y-%m-%d %H:%M}" if moment is not None else ""
    waits = due.is_early(run)
    result = UNKNOWN if waits is None else HIT if waits else PASS
    operands = ((by, "(missing)"),) if moment is None else (("due", shown),)
    said.verdicts.append(
        Verdict("timing", "timing", route.name, result, span, operands, None, shown)
    )
    if moment is None:
        keep_gaps(asked, run.head.get(by), None)
    return Wait("until", moment, None, f"waits until {shown}") if waits else None


def _after(route: RouteProgram, run: Run, said: Said) -> Wait | None:
    after = route.post.after
    if after is None:
        return None
    number, status = route.turn.number_before(run), route.turn.held_before(run)
    follows = route.turn.follows(run)
    shown = f"{number}, {status}" if status else number or "(not posted)"
    result = PASS if follows else HIT
    said.verdicts.append(
        Verdict("after", "after", route.name, result, after.span, ((str(after), shown),))
    )
    if follows:
        return None
    text = f"waits while {after} {number} is {status}" if status else f"waits for {after}"
    return Wait("for", None, str(after), text)


class Unsent(Weighing):
    """The decision about a route without postings, recorded on its way through `decide`."""

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
        """Return the decision: ignored, dropped, waiting, held or ready, with its story."""
        keep_gaps(self.asked, applies, None)
        state = decide(self, gate, applies)
        first = strictest_finding(self.merged)
        if state in ENDS.values():
            status = f"{self.route.status} {self.run.head.get(self.route.status)}"
            reason = first.message if first else f"{status} is {_ENDED[gate]}"
            return self._judged(state, None, self.merged, None, reason)
        wait = main_wait(self.waiting)
        reason = first.message if first else wait.text if wait else "ready"
        plan: tuple[Step, ...] = ()
        if self.document is not None and wait is None:
            span = self.route.post.span
            plan = (creation_step(self.run, self.document, rule="", span=span, reason="ready"),)
        return self._judged(state, self.document, self.merged, wait, reason, self.needs, plan)

    def rules(self, *, goes: bool) -> None:
        """Evaluate the rules of the record, and of its document where there is something to bill.

        Where a glance was complete, only failed checks are evaluated again for their words.
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
        """Add the rules' findings after the findings of the record itself."""
        self.findings += self.said.findings

    def waits(self, reason: Reason) -> bool:
        """Show in words what the record waits for."""
        if reason == "gate":
            status, state = self.route.status, self.run.head.get(self.route.status)
            self.waiting.append(Wait("gate", None, None, f"waits while {status} is {state}"))
        elif reason == "when":
            when = self.route.when
            text = f"waits until {format_expression(when.node)}" if when else ""
            self.waiting.append(Wait("when", None, None, text))
        elif reason == "turn":
            self.waiting += waits_for_turn(self.route, self.run, self.said, self.asked)
        elif not self.findings:
            self.waiting.append(wait_for_number(self.asked))
        return bool(self.waiting)

    def has_document(self) -> bool:
        """Make the draft's document and find its gaps."""
        self.document = self.route.document.document(self.run, self.draft)
        self.findings += self._missing(self.asked)
        return self.document is not None

    def approvals(self) -> None:
        """Record the required approvals and their findings."""
        self.needs = self._approvals(self.document, self.findings)

    def strictest(self) -> str | None:
        """Combine the findings, and explain those without a rule's verdict."""
        self.merged = self._named(self.findings)
        self._explain(self.merged)
        first = strictest_finding(self.merged)
        return first.severity if first else None


def valid_until(run: Run, decisions: list[Decision], zone: ZoneInfo) -> datetime | None:
    """Return when decisions may change without an event: an hour, or a new day."""
    moments, moves = [], False
    for one in decisions:
        if one.wait is not None and one.wait.until is not None:
            moments.append(one.wait.until)
        moves = moves or bool(one.plan) or one.state in _OPEN
    if moves and run.clock:
        if "today" in run.clock:
            moments.append(next_midnight(run.now, zone))
        if "now" in run.clock:
            moments.append(run.now + _NOW_HOLDS)
    return min(moments) if moments else None


class RouteQuestions(Protocol):
    """One route of one record, evaluated in the order of `decide`; it records what to show."""

    def rules(self, *, goes: bool) -> None:
        """Evaluate every rule of the record, and make its document if it `goes`."""

    def counts(self) -> None:
        """Make the rules' findings count; otherwise only the record's own faults count."""

    def waits(self, reason: Reason) -> bool:
        """Check whether the record waits for this; status and condition always count once
        evaluated.
        """

    def has_document(self) -> bool:
        """Check whether the document could be made."""

    def approvals(self) -> None:
        """Evaluate who must approve the document."""

    def strictest(self) -> str | None:
        """Return the strictest severity that counts and stops a record, or None."""


def decide(route: RouteQuestions, gate: GateSaid, applies: Any) -> PostingState:
    """Return a route's state by its gate's word: ignored, dropped, held, waiting or ready.

    `applies` is the condition's result: True, False or unknown.
    """
    route.rules(goes=gate in _GOES and applies is True)
    if gate in ENDS:
        return ENDS[gate]
    if gate == "wait":
        route.counts()
        waits = route.waits("gate")
    elif applies is False:
        waits = route.waits("when")
    else:
        route.counts()
        waits = _turn(route)
    worst = route.strictest()
    if worst is not None:
        return PostingState.IGNORED if worst == "reject" else PostingState.HELD
    return PostingState.WAITING if waits else READY_STATE


def _turn(route: RouteQuestions) -> bool:
    """Check whether the record waits although the gate allows or holds it."""
    waits = route.waits("turn")
    if route.has_document():
        route.approvals()
        return waits
    return waits or route.waits("document")


def state_if_held(state: PostingState, *, counts: bool) -> PostingState | None:
    """Return the state of a route without postings after one more failed check.

    `counts`: the route waits for something that allows checks to count; a condition does not. None
    where the new state depends on the wait or on a rejection.
    """
    if state is PostingState.READY or (state is PostingState.WAITING and counts):
        return PostingState.HELD
    return state if state in {PostingState.HELD, PostingState.DROPPED} else None


def reason_to_show(
    reason: str, state: PostingState, *, waits: bool = False, reverses: bool = False
) -> str:
    """Return the reason to show for a document's state.

    Readiness explains nothing later, and an earlier hold explains nothing after an approval.
    `waits`: the document is ready but delayed. `reverses`: it reverses another, and the reason is
    why.

    >>> reason_to_show("ready", PostingState.HELD), reason_to_show("too much", PostingState.FAILED)
    ('', '')
    >>> reason_to_show("status draft is ignored", PostingState.IGNORED)
    'status draft is ignored'
    """
    decided = waits if state == PostingState.READY else state in _DECIDED
    return reason if (decided or reverses) and reason != READY else ""
