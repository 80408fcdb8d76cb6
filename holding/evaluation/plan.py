"""Turn a rule outcome into the postings, holds and approvals that should be stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from connectors.contract import Action
from holding.approvals.consent import content_hash, counting, document_hash, of_another_content
from holding.db import bulk
from holding.db.models import Record
from holding.db.models.columns import PostingWait, RecordState, to_minor
from holding.db.models.decisions import WHOLE_RECORD
from holding.db.models.postings import NONE_TO_COME, UNSENT_STATES
from holding.evaluation import batch as plan_parts
from holding.evaluation import target_limits, used_numbers
from holding.evaluation.batch import (
    Batch,
    Case,
    Judgment,
    Listed,
    Plan,
    PlannedPosting,
    PostedChange,
    StoredEvaluation,
    WantedHold,
)
from holding.platform.changes import PostingRow
from holding.platform.states import (
    OF_READING,
    counted_state,
    require_move,
    state_of,
)
from holding.programs.posted_differences import ACCEPTED
from holding.programs.world import LeftBehind
from rules.decisions.decision_tables import CHANGE_RULE as CHANGE
from rules.decisions.verdict import READY as NOT_HELD
from rules.decisions.verdict import READY_STATE as READY
from rules.facts import Facts
from rules.outcome_hash import hash_outcome
from rules.outcomes import NEEDS_APPROVAL, Decision, Document, Finding, Outcome, Step
from rules.values.canonical import PostingState, dumps, json_text, number_text, revive, sha256_hex
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.wording import readable_term

NO_ROUTE = "No posting rule applies to it any more."

NOTHING_TO_WAIT_FOR = "EVA06"

_OTHERS = ("passed", "stopped")

DOES = frozenset({"create", "update", "void", "credit_note"})
"""Steps that touch the target."""

HOLDING = frozenset({"hold", "approve"})

HELD: Final = PostingState.HELD

_BACK: Final = "about to be taken back"

Rows = dict[tuple[str, int], PostingRow]

_NAMES = {
    "create": "new document",
    "update": "change of the document",
    "void": "document to be void",
    "credit_note": "credit note",
}


def plan_case(batch: Batch, judged: Judgment) -> Plan:
    """Return the plan of what one judgment changes."""
    if judged.outcome is None:
        return _broken(batch, judged)
    plan = Plan(
        judged=judged,
        stored=_stored(batch, judged),
        listed=_listed(batch, judged.case, judged.outcome),
    )
    remaining_rows = {(row.route, row.seq): row for row in judged.case.postings}
    for decision in judged.outcome.decisions:
        plan_route(batch, plan, decision, remaining_rows)
    if judged.case.postings:
        order_corrections(batch, plan)
    _all_that_wait_for_nothing(batch, plan, judged.outcome)
    if remaining_rows:
        for row in remaining_rows.values():
            _without_route(batch, plan, row)
        plan_parts.drop_planned_changes(
            plan, [row for row in remaining_rows.values() if row.state not in UNSENT_STATES], set()
        )
    for document in batch.left.get(judged.case.record_id, ()):
        _left_behind(batch, plan, document)
    for posting in plan.postings:
        if posting.before:
            require_move(posting.before, posting.state)
    if judged.case.holds:
        plan_parts.compare_holds(batch, plan)
    plan.state = _state(batch, plan)
    return plan


def _broken(batch: Batch, judged: Judgment) -> Plan:
    """Plan a case without an outcome: ready postings and due changes are stopped, and a hold shows
    the error. Everything else stays as it is.
    """
    plan = Plan(judged=judged, stored=_stored(batch, judged), kept=list(judged.case.holds))
    wanted_hold = WantedHold(
        route=WHOLE_RECORD,
        seq=0,
        code=judged.code,
        error_class="business_rule",
        severity="hold",
        rule="judging",
        at_rule="",
        message=judged.error,
        would_pass="Other rules, or another version of the record.",  # noqa: S106 - no password
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, judged.code),
        cause_label="The rules could not check it",
        team_id=batch.fallback_team_id,
        number="",
        doc_type="",
        doc_date=None,
        connection_id=None,
    )
    plan.wanted[wanted_hold.key] = wanted_hold
    plan.silenced = [
        row
        for row in judged.case.postings
        if row.state == PostingState.READY
        or (row.state == PostingState.POSTED and row.due_at is not None)
    ]
    plan.state = state_of(
        [
            counted_state(r.state, r.reverses_id)
            for r in judged.case.postings
            if r.state != PostingState.READY
        ],
        is_held=True,
    )
    return plan


def _stored(batch: Batch, judged: Judgment) -> StoredEvaluation:
    """Return what is stored of an evaluation, enough to replay it."""
    facts, outcome = _looked_at(batch, judged.case), judged.outcome
    if outcome is not None:
        codes, hashed = outcome.codes(), hash_outcome(outcome, facts)
    else:
        codes = dumps({"error": judged.code, "say": judged.error})
        hashed = sha256_hex(codes)
    return StoredEvaluation(facts=facts, codes=bulk.Encoded(codes), hash=hashed)


def _looked_at(batch: Batch, case: Case) -> bulk.Encoded:
    """Return the encoded facts, the known targets and the similar records for the next
    evaluation.
    """
    if not (case.passed or case.stopped) and case.facts.usual:
        return _seen(case.facts.first_seen, batch.known_targets)
    content = {"facts": case.facts.to_json(), "known": sorted(batch.known_targets)}
    content |= {name: sorted(others) for name in _OTHERS if (others := getattr(case, name))}
    return bulk.Encoded(json_text(content))


@lru_cache(maxsize=256)  # a delivery brings many records at one moment
def _seen(first_seen: datetime, known_targets: frozenset[str]) -> bulk.Encoded:
    """Return the encoded facts of a record if only its arrival time is known."""
    content = {"facts": Facts(first_seen).to_json(), "known": sorted(known_targets)}
    return bulk.Encoded(json_text(content))


def _listed(batch: Batch, case: Case, outcome: Outcome) -> Listed:
    amount = outcome.amount
    minor = to_minor(amount, outcome.currency) if amount is not None else None
    body = case.subject.body
    name = body.get("customer_name") or body.get("supplier_name")
    return Listed(
        status=outcome.status or outcome.status_word,
        party=name if isinstance(name, str) and name else outcome.party,
        party_key=outcome.party[: Record.LONGEST_PARTY],
        doc_date=outcome.doc_date,
        amount=minor,
        currency=outcome.currency,
        book=minor if outcome.currency == batch.currency else None,
    )


def _all_that_wait_for_nothing(batch: Batch, plan: Plan, outcome: Outcome) -> None:
    for decision in outcome.decisions:
        if decision.state in (PostingState.WAITING, PostingState.HELD):
            _waits_for_nothing(batch, plan, decision)


def _waits_for_nothing(batch: Batch, plan: Plan, decision: Decision) -> None:
    """Hold a document whose predecessor was rejected, left out or reversed.

    A document that is already held gets one more hold, which names the predecessor.
    """
    awaited = decision.wait.route if decision.wait is not None else None
    before = _ended(plan, awaited) if awaited else None
    unsent = (PostingState.WAITING, PostingState.HELD)
    at = next(
        (
            place
            for place, posting in enumerate(plan.postings)
            if posting.route == decision.route and posting.state in unsent
        ),
        None,
    )
    if awaited is None or before is None or at is None:
        return
    number, reason = before[0], before[1].rstrip(".")
    planned, route_definition = plan.postings[at], batch.routes[decision.route]
    wanted_hold = WantedHold(
        route=route_definition.name,
        seq=planned.seq,
        code=NOTHING_TO_WAIT_FOR,
        error_class="business_rule",
        severity="hold",
        rule="after",
        at_rule="",
        message=f"It comes after {number}, which is not posted: {reason}.",
        would_pass=f"{number} is posted after all, or a person rejects this one",
        clears=ITSELF,
        cause_key=CauseKey(CauseKind.RULE, f"after {awaited}"),
        cause_label=f"Waits for a document that is not posted: {readable_term(awaited)}",
        team_id=batch.fallback_team_id,
        number=planned.number,
        doc_type=route_definition.document,
        doc_date=planned.doc_date,
        connection_id=batch.targets[route_definition.target].id,
    )
    if planned.state == PostingState.WAITING:
        plan.postings[at] = replace(planned, state=PostingState.HELD, reason=wanted_hold.message)
    plan.wanted[wanted_hold.key] = wanted_hold


def _ended(plan: Plan, route: str) -> tuple[str, str] | None:
    """Return number and reason of a route's last document in the family if none will come, else
    None.
    """
    planned_postings = [posting for posting in plan.postings if posting.route == route]
    if planned_postings:
        last = planned_postings[-1]
        all_ended = all(posting.state in NONE_TO_COME for posting in planned_postings)
        return (last.number, last.reason) if all_ended else None
    row = plan.case.ended.get(route)
    return (row.number, row.reason) if row is not None else None


def _without_route(batch: Batch, plan: Plan, row: PostingRow) -> None:
    """Drop an unsent posting that no decision names, unless its number must be checked
    by a person.
    """
    unsent = row.state in UNSENT_STATES and row.state != PostingState.DROPPED
    if unsent and not plan_parts.keeps_push_hold(batch, plan, row, same_content=False):
        plan.silenced.append(row)


def _left_behind(batch: Batch, plan: Plan, leftover: LeftBehind) -> None:
    """Hold a posted document whose route ended and which its former rules would have changed."""
    team = batch.team(leftover.owner)
    owner = next((name for name, team_id in batch.teams.items() if team_id == team), leftover.owner)
    wanted_hold = WantedHold(
        route=leftover.route,
        seq=leftover.seq,
        code=ACCEPTED,
        error_class="stale_version",
        severity="hold",
        rule=CHANGE,
        at_rule="",
        message=f"{leftover.reason} The posting rule that made it is no longer in force: the posted"
        " document stays until a person decides.",
        would_pass=f"the record says again what {leftover.number} says",
        clears=Clearing.by(owner),
        cause_key=CauseKey(CauseKind.STALE, leftover.route),
        cause_label=f"Changed after posting to {readable_term(leftover.route)}",
        team_id=team,
        number=leftover.number,
        doc_type=leftover.doc_type,
        doc_date=leftover.doc_date,
        connection_id=leftover.connection_id,
    )
    plan.wanted[wanted_hold.key] = wanted_hold


def _state(batch: Batch, plan: Plan) -> RecordState:
    states = {counted_state(planned.state, planned.reverses_id) for planned in plan.postings}
    if plan.silenced:
        states.add(PostingState.DROPPED)
    if plan.case.postings:
        planned = {posting.id for posting in plan.postings} | {row.id for row in plan.silenced}
        if any(change.is_void_there for change in plan.acting):
            states.add(PostingState.REVERSED)
            planned |= {change.id for change in plan.acting if change.is_void_there}
        other_rows = [row for row in plan.case.postings if row.id not in planned]
        states |= {counted_state(row.state, row.reverses_id) for row in other_rows}
    is_held = bool(plan.wanted or plan.kept)
    if states or is_held:
        return state_of(states, is_held=is_held)
    kind = plan.case.subject.kind
    posted = any(route.record == kind for route in batch.judge.routes)
    return RecordState.WAITING if posted else RecordState.REFERENCE


def plan_route(batch: Batch, plan: Plan, decision: Decision, rows: Rows) -> None:
    """Plan the postings and holds of one route, and remove its postings from `rows`."""
    sent: list[PostingRow] = []
    if rows:
        route_keys = [key for key in sorted(rows) if key[0] == decision.route]
        sent = [rows[key] for key in route_keys if rows[key].state not in UNSENT_STATES]
    steps = [step for step in decision.plan if step.action in DOES]
    all_findings = decision.findings
    findings = [f for f in all_findings if f.severity in HOLDING] if all_findings else []
    if sent:
        _Answered(batch, plan, decision, rows, steps, sent).decide(findings)
    else:
        _first(batch, plan, decision, rows, steps, findings)


@dataclass(slots=True)
class _Answered:
    """A route with documents in the target, planned step by step."""

    batch: Batch
    made: Plan
    decision: Decision
    rows: Rows
    steps: Sequence[Step]
    sent: Sequence[PostingRow]

    def decide(self, findings: Sequence[Finding]) -> None:
        """Plan the holds, then each step; drop planned changes that have no step any more."""
        named = {(s.route, s.seq) for s in self.steps}
        restored = []
        for row in self.sent:
            self.rows.pop((row.route, row.seq))
            if row.withdrawn != self.decision.withdrawn:
                self.made.withdrawn[row.id] = self.decision.withdrawn
            if (row.route, row.seq) not in named and plan_parts.is_restored(row):
                restored.append(row)
        findings = [
            f
            for f in findings
            if plan_parts.find_edited_row(self.made, self.sent, f) not in restored
        ]
        stopped = self.decision.state not in {PostingState.READY, PostingState.HELD}
        is_asked = False
        if self._rejected() is not None:
            stopped = True
        else:
            needs = [self._asked(findings), *(self._unapproved(findings, s) for s in self.steps)]
            is_asked = any(needs)
            # What the target lost or stored otherwise has no amounts that a credit note could have.
            sent_ids = {row.id for row in self.sent}
            is_faulty = any(
                hold.code in OF_READING and hold.posting_id in sent_ids
                for hold in self.made.case.holds
            )
            stopped = stopped or is_asked or is_faulty
        # A credit note has the posted amounts, so it follows the update that restores them.
        before = _NAMES["update"] if restored else ""
        for step in self.steps:
            goes = PostingState.WAITING if before else PostingState.READY
            self._step(step, PostingState.HELD if stopped else goes, before)
            done = step.action == "void" and any(a.is_void_there for a in self.made.acting[-1:])
            if not done:
                before = before or _NAMES[step.action]
        for row in restored:
            self._restore(row, go=not is_asked)
            named.add((row.route, row.seq))
        plan_parts.drop_planned_changes(self.made, self.sent, named)
        if self.decision.state == PostingState.WAITING and not self.steps:
            self._later()
        else:
            last = max((s.seq for s in self.steps if s.action == "create"), default=0)
            seq = max(last, *(row.seq for row in self.sent)) + 1
            plan_remainder(self.batch, self.made, self.decision, self.rows, seq)

    def _asked(self, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Open holds on the last document for findings about the whole route, and return them.

        An edit in the target is held on the edited document, which may have been sent again.
        """
        step_routes = {step.route for step in self.steps}
        route_findings = [
            f for f in findings if f.code != NEEDS_APPROVAL or f.route not in step_routes
        ]
        aims = (s for s in reversed(self.steps) if s.document is not None or s.action == "void")
        aimed = next(aims, None)
        seq = aimed.seq if aimed else self.sent[-1].seq
        document = (aimed.document if aimed else None) or self.decision.document
        row = self._row(aimed.route, seq) if aimed else None
        route = aimed.route if aimed else self.decision.route
        open_findings = unapproved_findings(
            self.made, route_findings, row, self._hash(aimed) if aimed else ""
        )
        for finding in open_findings:
            edited = plan_parts.find_edited_row(self.made, self.sent, finding)
            place, held = (route, seq), document
            if edited is not None:
                place = (edited.route, edited.seq)
                held = revive(Document, edited.standing) if edited.standing else document
            plan_parts.want_holds(self.batch, self.made, [finding], place[1], held, route=place[0])
        return open_findings

    def _unapproved(self, findings: Sequence[Finding], step: Step) -> Sequence[Finding]:
        """Open holds for the approvals that a step's content still needs; return their findings."""
        row, document = self._row(step.route, step.seq), step.document or self.decision.document
        if plan_parts.is_void_there(step, row):
            return ()
        needed = [f for f in findings if (f.code, f.route) == (NEEDS_APPROVAL, step.route)]
        open_findings = unapproved_findings(
            self.made, needed, row, self._hash(step) if needed else ""
        )
        plan_parts.want_holds(self.batch, self.made, open_findings, step.seq, document)
        return open_findings

    def _rejected(self) -> str | None:
        """Return why a person rejected the steps, or None.

        A rejection of one step rejects all, because a reversal and its replacement go together.
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
        pending = UnsentPosting(
            self.batch, self.made, self.decision, step.route, step.seq, row, step.document
        )
        limit = self._limit(step)
        if row is not None:
            state = pending.after_trouble(row, state)
        rejected = self._rejected()
        if rejected is not None:
            state, reason = PostingState.IGNORED, f"rejected: {rejected}"
        else:
            reason = f"waits for the {before}" if state == PostingState.WAITING else step.reason
            state, reason = (HELD, limit) if limit else (state, reason)
        back = self._taken_back(step)
        self.made.postings.append(
            pending.planned(state, reason, bills=plan_parts.billed_lines(step), reverses=back)
        )

    def _limit(self, step: Step, action: Action = "create") -> str:
        """Return why the target could not take the step's document, or an empty string."""
        if step.document is None:
            return ""
        route_definition = self.batch.routes[step.route]
        return used_numbers.find_obstacle(
            self.batch, self.made, route_definition, step.seq, step.document, action
        )

    def _act(self, step: Step, row: PostingRow, *, go: bool) -> None:
        """Plan an update or void. It waits on the posting itself, which stays posted meanwhile."""
        content = step.document.to_json() if step.document is not None else row.standing
        hash_ = self._hash(step)
        same_content = row.hash == hash_
        trouble = plan_parts.keeps_push_hold(self.batch, self.made, row, same_content=same_content)
        limit = self._limit(step, "update") if step.action == "update" else ""
        due = self.made.due(row.due_at if same_content and row.due_at else self.made.judged.at)
        is_void = go and plan_parts.is_void_there(step, row)
        if step.document is not None:
            void_approvals(self.made, row, hash_, content or {})
        self.made.acting.append(
            PostedChange(
                id=row.id,
                action=step.action,
                content=content,
                hash=hash_,
                bills=plan_parts.billed_lines(step) or row.bills,
                due_at=due if go and not (trouble or limit or is_void) else None,
                reason=step.reason,
                tries=row.tried(hash_),
                is_void_there=is_void,
            )
        )

    def _restore(self, row: PostingRow, *, go: bool) -> None:
        """Keep the update by which a person has the posted content sent again."""
        trouble = plan_parts.keeps_push_hold(self.batch, self.made, row, same_content=True)
        due = self.made.due(row.due_at or self.made.judged.at)
        self.made.acting.append(
            PostedChange(
                id=row.id,
                action="update",
                content=row.standing,
                hash=row.hash,
                bills=row.bills,
                due_at=due if go and not trouble else None,
                reason=row.reason,
                tries=row.tried(row.hash),
            )
        )

    def _later(self) -> None:
        """Plan a waiting posting: a document is due later, or waits for another document."""
        route = self.decision.route
        unsent = [seq for (name, seq) in self.rows if name == route]
        seq = max(unsent) if unsent else self.sent[-1].seq + 1
        row = self.rows.pop((route, seq), None)
        pending = UnsentPosting(self.batch, self.made, self.decision, route, seq, row, None)
        self.made.postings.append(pending.planned(PostingState.WAITING, self.decision.reason))

    def _row(self, route: str, seq: int) -> PostingRow | None:
        sent_row = next((r for r in self.sent if (r.route, r.seq) == (route, seq)), None)
        return sent_row or self.rows.get((route, seq))

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


def _first(
    batch: Batch,
    plan: Plan,
    decision: Decision,
    rows: Rows,
    steps: Sequence[Step],
    findings: Sequence[Finding],
) -> None:
    """Plan a route without sent documents, or with all documents reversed: one posting as
    decided.
    """
    planned = [row.seq for (route, _), row in rows.items() if route == decision.route]
    seq = steps[-1].seq if steps else min(planned, default=1)
    row = rows.pop((decision.route, seq), None)
    document = decision.document
    unsent = UnsentPosting(batch, plan, decision, decision.route, seq, row, document)
    rejected = plan.case.rejected.get(decision.route)
    if rejected is not None:
        plan.postings.append(unsent.planned(PostingState.IGNORED, f"rejected: {rejected}"))
        return
    if early := plan_parts.before_cutover(batch, plan, decision):
        plan.postings.append(unsent.planned(PostingState.IGNORED, early))
        return
    state = decision.state
    reason = decision.reason or (decision.wait.text if decision.wait else "")
    if state == HELD:
        open_findings = unapproved_findings(plan, findings, row, unsent.hash)
        if not open_findings and document is not None:
            # Approved or released. Its hour, or the document before it, may still come.
            reason = decision.wait.text if decision.wait else NOT_HELD
            state = PostingState.WAITING if decision.wait else READY
        else:
            plan_parts.want_holds(batch, plan, open_findings, seq, document)
    if document is not None and state in plan_parts.DUE_SOME_DAY:
        route_definition = batch.routes[decision.route]
        why = used_numbers.find_obstacle(batch, plan, route_definition, seq, document, "create")
        state, reason = (HELD, why) if why else (state, reason)
    if decision.incomplete is not None and state == HELD:
        route_definition = batch.routes[decision.route]
        target_limits.find_limit_of_incomplete(
            batch, plan, route_definition, seq, decision.incomplete
        )
    if row is not None:
        state = unsent.after_trouble(row, state)
    bills = plan_parts.billed_lines(steps[-1]) if steps else None
    plan.postings.append(unsent.planned(state, reason, bills=bills))
    if state == READY:
        plan_remainder(batch, plan, decision, rows, seq + 1)


def order_corrections(batch: Batch, plan: Plan) -> None:
    """Delay corrections of consecutive documents: the last is taken back first, and nothing is sent
    after a document that will be taken back.
    """
    rows = {row.id: row for row in plan.case.postings}
    reversed_routes = _taken_back(plan, rows)
    if not reversed_routes:
        return
    documents = [row for row in rows.values() if row.reverses_id is None]
    stands = {row.route: row.number for row in documents if row.state == PostingState.POSTED}
    decided = dict.fromkeys(reversed_routes, _BACK) | _decided(batch, plan, rows)

    def behind(route: str) -> str:
        """Return what is still open for a posted document that comes after the route."""
        after = (other for other in stands if route in _before(batch, other) and other in decided)
        return next((_waits(other, stands[other], decided[other]) for other in after), "")

    def ahead(route: str) -> str:
        """Return which predecessor of the route is about to be reversed."""
        ended = (other for other in _before(batch, route) if other in reversed_routes)
        return next((_waits(other, stands.get(other, ""), _BACK) for other in ended), "")

    for at, posting in enumerate(plan.postings):
        reversed_ = rows.get(posting.reverses_id or 0)
        why = behind(reversed_.route) if reversed_ is not None else ahead(posting.route)
        if why and posting.state == PostingState.READY:
            plan.postings[at] = replace(
                posting, state=PostingState.WAITING, reason=why, due_at=None
            )
    for at, act in enumerate(plan.acting):
        why = behind(rows[act.id].route) if act.action == "void" and act.due_at else ""
        if why:
            plan.acting[at] = replace(act, reason=why, due_at=None)


def _taken_back(plan: Plan, rows: Mapping[int, PostingRow]) -> set[str]:
    """Return the routes whose document will be reversed or voided, unless a person rejected the
    void.
    """
    reversed_rows = (
        rows.get(p.reverses_id or 0) for p in plan.postings if p.state not in NONE_TO_COME
    )
    routes = {row.route for row in reversed_rows if row is not None}
    voids = [
        change
        for change in plan.acting
        if change.action == "void" and not (change.given_up or change.is_void_there)
    ]
    return routes | {rows[change.id].route for change in voids} - plan.case.rejected.keys()


def _decided(batch: Batch, plan: Plan, rows: Mapping[int, PostingRow]) -> dict[str, str]:
    """Return the routes whose posted document is on hold, with the team it is held for."""
    teams = {team: name for name, team in batch.teams.items()}
    posted_keys = {
        (row.route, row.seq) for row in rows.values() if row.state == PostingState.POSTED
    }
    holds_by_route = {
        hold.route: "on hold" for hold in plan.kept if (hold.route, hold.seq) in posted_keys
    }
    for wanted_hold in plan.wanted.values():
        if (wanted_hold.route, wanted_hold.seq) in posted_keys and wanted_hold.severity != "warn":
            owner, rule = teams.get(wanted_hold.team_id or 0, ""), wanted_hold.rule
            holds_by_route[wanted_hold.route] = f"held for {owner} ({rule})"
    return holds_by_route


def _before(batch: Batch, route: str) -> tuple[str, ...]:
    """Return the routes that a route comes after, the nearest first."""
    routes: list[str] = []
    while (post := batch.routes.get(route)) is not None and post.after and post.after not in routes:
        routes.append(route := post.after)
    return tuple(routes)


def _waits(after: str, number: str, status: str) -> str:
    return f"waits while {after} {number} is {status}"


def plan_remainder(batch: Batch, plan: Plan, decision: Decision, rows: Rows, seq: int) -> None:
    """Plan a waiting posting for the quantities that remain to be billed."""
    if decision.open:
        row = rows.pop((decision.route, seq), None)
        unsent = UnsentPosting(batch, plan, decision, decision.route, seq, row, None)
        plan.postings.append(unsent.open())


@dataclass(slots=True)
class UnsentPosting:
    """One posting that is not sent yet."""

    batch: Batch
    made: Plan
    decision: Decision
    route: str
    seq: int
    row: PostingRow | None
    document: Document | None
    _hash: str | None = None

    @property
    def hash(self) -> str:
        """Return the hash that an approval is bound to; empty while there is no document."""
        if self._hash is None:
            target = self.batch.targets[self.batch.routes[self.route].target]
            place = (target.id, target.company_there)
            document = self.document
            self._hash = "" if document is None else document_hash(*place, document, "create")
        return self._hash

    def after_trouble(self, row: PostingRow, state: PostingState) -> PostingState:
        """Return the state, unless a push was stopped and nothing changed that could help."""
        is_same_content = state == PostingState.READY and row.hash == self.hash
        if not plan_parts.keeps_push_hold(self.batch, self.made, row, same_content=is_same_content):
            return state
        return (
            row.state
            if row.state in {PostingState.FAILED, PostingState.HELD}
            else PostingState.HELD
        )

    def planned(
        self,
        state: PostingState,
        reason: str,
        *,
        bills: list[list[str]] | None = None,
        reverses: int | None = None,
    ) -> PlannedPosting:
        """Return the posting as it should be stored."""
        route, content_hash_ = self.batch.routes[self.route], self.hash
        content = self.document.to_json() if self.document is not None else None
        wait = self.decision.wait
        by_hour = content is not None and wait is not None and wait.kind == "until"
        if content is not None and self.row is not None:
            void_approvals(self.made, self.row, content_hash_, content)
        return PlannedPosting(
            id=self.row.id if self.row else None,
            route=self.route,
            seq=self.seq,
            before=self.row.state if self.row else None,
            state=state,
            reason=reason,
            hash=content_hash_,
            content=content,
            bills=bills,
            reverses_id=reverses,
            connection_id=self.batch.targets[route.target].id,
            doc_type=route.document,
            finished_at=plan_parts.finished_at(
                self.made, self.decision, self.row, in_parts=route.in_parts
            ),
            due_at=self._due(route.timing, content_hash_) if state == READY else None,
            tries=self.row.tried(content_hash_) if self.row else 0,
            waits=PostingWait.HOUR if by_hour and state == PostingState.WAITING else None,
            **self._shown(),
        )

    def open(self) -> PlannedPosting:
        """Return the waiting posting for the remaining quantities; it has no amount yet."""
        remaining = [[key, number_text(quantity)] for key, quantity in self.decision.open.items()]
        quantities = ", ".join(f"{quantity} of line {key}" for key, quantity in remaining)
        row = self.planned(PostingState.WAITING, f"still open: {quantities}", bills=remaining)
        return replace(row, amount=None, book=None, finished_at=None)

    def _due(self, timing: str, hash_: str) -> datetime | None:
        """Return when to send it: now, or None for a daily route.

        A posting that waits for a retry keeps its time.
        """
        row = self.row
        unchanged = row is not None and row.state == PostingState.READY and row.hash == hash_
        planned = row.due_at if row is not None and unchanged else None
        if planned is None and timing != "immediately":
            return None
        return self.made.due(planned or self.made.judged.at)

    def _shown(self) -> dict[str, Any]:
        """Return the columns by which lists find a posting, from the document or else
        the record.
        """
        document, listed = self.document, self.made.listed
        if document is not None:
            amount = to_minor(document.amount, document.currency)
            return {
                "number": document.number,
                "amount": amount,
                "currency": document.currency,
                "book": amount if document.currency == self.batch.currency else None,
                "doc_date": document.date,
                "party": document.party,
            }
        outcome, raw = self.made.judged.outcome, self.made.case.subject.body.get("number")
        number = raw if isinstance(raw, str) and raw else outcome.number if outcome else ""
        return {
            "number": self.row.number if self.row else number,
            "amount": listed.amount if listed else None,
            "currency": listed.currency if listed else "",
            "book": listed.book if listed else None,
            "doc_date": listed.doc_date if listed else None,
            "party": listed.party_key if listed else "",
        }


def unapproved_findings(
    plan: Plan, findings: Sequence[Finding], row: PostingRow | None, hash_: str
) -> list[Finding]:
    """Return the findings that no valid approval of exactly this content covers."""
    if row is None:
        return list(findings)
    levels = {approval.level for approval in counting(plan.case.approvals, row.id, hash_)}
    return [f for f in findings if f.code != NEEDS_APPROVAL or f.rule not in levels]


def void_approvals(plan: Plan, row: PostingRow, hash_: str, content: Mapping[str, Any]) -> None:
    """Void the approvals that were given for other content of this posting."""
    plan.voided += of_another_content(plan.case.approvals, row.id, row.number, hash_, content)
