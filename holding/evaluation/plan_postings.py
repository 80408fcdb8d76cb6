"""From the decision for one route to its postings: what is made, changed, made void or taken back.

Here: pure comparison of a decision's steps with the postings that are there. Of several steps only
the first may go, and of what comes after each other the last is taken back first: the answer wakes
the record, and the next judging finds the rest. Not here: the columns of a posting
(plan_unsent.py), holds (plan_parts.py), the whole record (plan.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from holding.approvals.consent import content_hash, document_hash
from holding.evaluation import plan_parts
from holding.evaluation.batch import Batch
from holding.evaluation.plan_parts import Acting, Plan
from holding.evaluation.plan_unsent import Unsent, bills_of, not_approved, staying, void
from holding.lifecycle.stored_postings import PostingRow
from holding.tables.postings import NONE_TO_COME, UNSENT_STATES
from rules.decisions.posting_steps import READY as NOT_HELD
from rules.decisions.precedence import READY
from rules.outcomes.outcome import NEEDS_APPROVAL, Decision, Finding, Step
from rules.values.posting_states import PostingState

DOES = frozenset({"create", "update", "void", "credit_note"})
"""Steps that touch the target."""
HOLDING = frozenset({"hold", "approve"})
HELD: Final = PostingState.HELD
DUE_SOME_DAY = frozenset({READY, HELD, PostingState.WAITING})
_BACK: Final = "about to be taken back"
Rows = dict[tuple[str, int], PostingRow]


def decide(batch: Batch, made: Plan, decision: Decision, rows: Rows) -> None:
    """The postings and holds of one route; what it speaks of is taken out of `rows`."""
    sent: list[PostingRow] = []
    if rows:
        own = [one for one in sorted(rows) if one[0] == decision.route]
        sent = [rows[one] for one in own if rows[one].state not in UNSENT_STATES]
    steps = [step for step in decision.plan if step.action in DOES]
    found = decision.findings
    findings = [f for f in found if f.severity in HOLDING] if found else []
    if sent:
        _Answered(batch, made, decision, rows, steps, sent).decide(findings)
    else:
        _first(batch, made, decision, rows, steps, findings)


def _first(
    batch: Batch,
    made: Plan,
    decision: Decision,
    rows: Rows,
    steps: Sequence[Step],
    findings: Sequence[Finding],
) -> None:
    """Nothing of the route was ever sent, or all of it was taken back: one posting, as planned."""
    if steps:
        seq = steps[-1].seq
    else:
        planned = [row.seq for (route, _), row in rows.items() if route == decision.route]
        seq = min(planned, default=1)
    row = rows.pop((decision.route, seq), None)
    document = decision.document
    one = Unsent(batch, made, decision, decision.route, seq, row, document)
    rejected = made.case.rejected.get(decision.route)
    if rejected is not None:
        made.postings.append(one.planned(PostingState.IGNORED, f"rejected: {rejected}"))
        return
    if early := _before_cutover(batch, made, decision):
        made.postings.append(one.planned(PostingState.IGNORED, early))
        return
    state = decision.state
    reason = decision.reason or (decision.wait.text if decision.wait else "")
    if state == HELD:
        open_findings = not_approved(made, findings, row, one.hash)
        if not open_findings and document is not None:
            state, reason = READY, NOT_HELD  # what held it was approved, or released
        else:
            plan_parts.want(batch, made, open_findings, seq, document)
    if row is not None:
        state = one.after_trouble(row, state)
    bills = bills_of(steps[-1]) if steps else None
    made.postings.append(one.planned(state, reason, bills=bills))
    if state == READY:
        rest(batch, made, decision, rows, seq + 1)


def _before_cutover(batch: Batch, made: Plan, decision: Decision) -> str:
    """Why nothing is posted of a document that is dated before the first day of this product; what
    the rules leave out keeps their reason.
    """
    if batch.starts_on is None:
        return ""
    outcome, document = made.judged.outcome, decision.document
    day = document.date if document else outcome.doc_date if outcome else None
    if day is None or decision.state not in DUE_SOME_DAY:
        return ""
    if day >= batch.starts_on:
        return ""
    return f"dated {day}, before the cutover date {batch.starts_on}"


@dataclass(slots=True)
class _Answered:
    """A route with documents in the target: what the rules answer about them, step by step."""

    batch: Batch
    made: Plan
    decision: Decision
    rows: Rows
    steps: Sequence[Step]
    sent: Sequence[PostingRow]

    def decide(self, findings: Sequence[Finding]) -> None:
        """The holds on it, then each step; a step that is left out is given up."""
        for row in self.sent:
            self.rows.pop((row.route, row.seq))
            if row.withdrawn != self.decision.withdrawn:
                self.made.withdrawn[row.id] = self.decision.withdrawn
        stopped = self.decision.state not in {PostingState.READY, PostingState.HELD}
        if self._rejected() is not None:
            stopped = True
        else:
            asked = [self._asked(findings), *(self._unapproved(findings, s) for s in self.steps)]
            stopped = stopped or any(asked)
        before = ""
        for step in self.steps:
            goes = PostingState.WAITING if before else PostingState.READY
            self._step(step, PostingState.HELD if stopped else goes, before)
            before = before or _NAMES[step.action]
        plan_parts.give_up(self.made, self.sent, {(s.route, s.seq) for s in self.steps})
        if self.decision.state == PostingState.WAITING and not self.steps:
            self._later()
        else:
            last = max((s.seq for s in self.steps if s.action == "create"), default=0)
            seq = max(last, *(row.seq for row in self.sent)) + 1
            rest(self.batch, self.made, self.decision, self.rows, seq)

    def _asked(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """The findings that are about the route as a whole: they are held on its last document."""
        ways = {step.route for step in self.steps}
        found = [f for f in findings if f.code != NEEDS_APPROVAL or f.route not in ways]
        aims = (s for s in reversed(self.steps) if s.document is not None or s.action == "void")
        aimed = next(aims, None)
        seq = aimed.seq if aimed else self.sent[-1].seq
        document = (aimed.document if aimed else None) or self.decision.document
        there = self._row(aimed.route, seq) if aimed else None
        route = aimed.route if aimed else self.decision.route
        asked = not_approved(self.made, found, there, self._hash(aimed) if aimed else "")
        plan_parts.want(self.batch, self.made, asked, seq, document, route=route)
        return asked

    def _unapproved(self, findings: Sequence[Finding], step: Step) -> Sequence[Finding]:
        """The approvals that a step still needs, of exactly what it does."""
        needed = [f for f in findings if (f.code, f.route) == (NEEDS_APPROVAL, step.route)]
        there, document = self._row(step.route, step.seq), step.document or self.decision.document
        asked = not_approved(self.made, needed, there, self._hash(step) if needed else "")
        plan_parts.want(self.batch, self.made, asked, step.seq, document)
        return asked

    def _rejected(self) -> str | None:
        """Why a person rejected the answer; who rejects one step of it rejects all: what takes a
        document back and what comes in its place go together or not at all.
        """
        routes = (self.decision.route, *(step.route for step in self.steps))
        return next(filter(None, map(self.made.case.rejected.get, routes)), None)

    def _step(self, step: Step, state: PostingState, before: str) -> None:
        row = self._row(step.route, step.seq)
        if step.action in {"update", "void"}:
            if row is not None:
                self._act(step, row, go=state == PostingState.READY)
            return
        self.rows.pop((step.route, step.seq), None)
        one = Unsent(self.batch, self.made, self.decision, step.route, step.seq, row, step.document)
        if row is not None:
            state = one.after_trouble(row, state)
        rejected = self._rejected()
        if rejected is not None:
            state, reason = PostingState.IGNORED, f"rejected: {rejected}"
        else:
            reason = f"waits for the {before}" if state == PostingState.WAITING else step.reason
        back = self._taken_back(step)
        self.made.postings.append(one.planned(state, reason, bills=bills_of(step), reverses=back))

    def _act(self, step: Step, row: PostingRow, *, go: bool) -> None:
        """An update or a void waits on the posting itself, which stays posted meanwhile."""
        content = step.document.to_json() if step.document is not None else row.standing
        hash_ = self._hash(step)
        same = row.hash == hash_
        trouble = staying(self.batch, self.made, row, same=same)
        due = self.made.due(row.due_at if same and row.due_at else self.made.judged.at)
        if step.document is not None:
            void(self.made, row, hash_, content or {})
        self.made.acting.append(
            Acting(
                id=row.id,
                action=step.action,
                content=content,
                hash=hash_,
                bills=bills_of(step) or row.bills,
                due_at=due if go and not trouble else None,
                reason=step.reason,
                tries=row.tried(hash_),
            )
        )

    def _later(self) -> None:
        """Something is due, and waits for its hour or for another document."""
        route = self.decision.route
        unsent = [seq for (name, seq) in self.rows if name == route]
        seq = max(unsent) if unsent else self.sent[-1].seq + 1
        row = self.rows.pop((route, seq), None)
        one = Unsent(self.batch, self.made, self.decision, route, seq, row, None)
        self.made.postings.append(one.planned(PostingState.WAITING, self.decision.reason))

    def _row(self, route: str, seq: int) -> PostingRow | None:
        found = next((r for r in self.sent if (r.route, r.seq) == (route, seq)), None)
        return found or self.rows.get((route, seq))

    def _taken_back(self, step: Step) -> int | None:
        return next((r.id for r in self.sent if r.seq == step.takes_back), None)

    def _hash(self, step: Step) -> str:
        target = self.batch.targets[self.batch.routes[step.route].target]
        action = "create" if step.action == "credit_note" else step.action
        if step.document is not None:
            return document_hash(target.id, target.company_there, step.document, action)
        row = self._row(step.route, step.seq)
        standing = dict(row.standing) if row is not None and row.standing else None
        return content_hash(target.id, target.company_there, standing, action) if standing else ""


def take_turns(batch: Batch, made: Plan) -> None:
    """Of documents of one record that come after each other, the last is taken back first; and
    nothing is sent behind what is about to be taken back.
    """
    rows = {row.id: row for row in made.case.postings}
    back = _taken_back(made, rows)
    if not back:
        return
    own = [row for row in rows.values() if row.reverses_id is None]
    stands = {row.route: row.number for row in own if row.state == PostingState.POSTED}
    decided = dict.fromkeys(back, _BACK) | _decided(batch, made, rows)

    def behind(route: str) -> str:
        """What is still to be done about a standing document that comes after it."""
        after = (one for one in stands if route in _before(batch, one) and one in decided)
        return next((_waits(one, stands[one], decided[one]) for one in after), "")

    def ahead(route: str) -> str:
        """What a document would follow that is about to be taken back."""
        gone = (one for one in _before(batch, route) if one in back)
        return next((_waits(one, stands.get(one, ""), _BACK) for one in gone), "")

    for at, one in enumerate(made.postings):
        reversed_ = rows.get(one.reverses_id or 0)
        why = behind(reversed_.route) if reversed_ is not None else ahead(one.route)
        if why and one.state == PostingState.READY:
            made.postings[at] = replace(one, state=PostingState.WAITING, reason=why, due_at=None)
    for at, act in enumerate(made.acting):
        why = behind(rows[act.id].route) if act.action == "void" and act.due_at else ""
        if why:
            made.acting[at] = replace(act, reason=why, due_at=None)


def _waits(after: str, number: str, held: str) -> str:
    return f"waits while {after} {number} is {held}"


def _taken_back(made: Plan, rows: Mapping[int, PostingRow]) -> set[str]:
    """The routes of which a document is to be taken back, unless a person rejected that."""
    come = (rows.get(p.reverses_id or 0) for p in made.postings if p.state not in NONE_TO_COME)
    found = {row.route for row in come if row is not None}
    voids = [one for one in made.acting if one.action == "void" and not one.given_up]
    return found | {rows[one.id].route for one in voids} - made.case.rejected.keys()


def _decided(batch: Batch, made: Plan, rows: Mapping[int, PostingRow]) -> dict[str, str]:
    """The routes of which a standing document is on hold, and for whom."""
    teams = {team: name for name, team in batch.teams.items()}
    stand = {(row.route, row.seq) for row in rows.values() if row.state == PostingState.POSTED}
    found = {hold.route: "on hold" for hold in made.kept if (hold.route, hold.seq) in stand}
    for one in made.wanted.values():
        if (one.route, one.seq) in stand and one.severity != "warn":
            owner, rule = teams.get(one.team_id or 0, ""), one.rule
            found[one.route] = f"held for {owner} ({rule})"
    return found


def _before(batch: Batch, route: str) -> tuple[str, ...]:
    """The routes that one comes after, the nearest first."""
    found: list[str] = []
    while (way := batch.routes.get(route)) is not None and way.after and way.after not in found:
        found.append(route := way.after)
    return tuple(found)


def rest(batch: Batch, made: Plan, decision: Decision, rows: Rows, seq: int) -> None:
    """What remains to be billed waits as a posting of its own: the record is not complete."""
    if decision.open:
        row = rows.pop((decision.route, seq), None)
        one = Unsent(batch, made, decision, decision.route, seq, row, None)
        made.postings.append(one.open())


_NAMES = {
    "create": "new document",
    "update": "change of the document",
    "void": "document to be void",
    "credit_note": "credit note",
}
