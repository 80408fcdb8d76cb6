"""Turn a rule outcome into the postings, holds and approvals that should be stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from holding.approvals.consent import content_hash, counting, document_hash, of_another_content
from holding.db import bulk
from holding.db.models import Record
from holding.db.models.columns import RecordState, to_minor
from holding.db.models.decisions import WHOLE_RECORD
from holding.db.models.postings import ENDED, IN_FLIGHT_STATES, NONE_TO_COME, UNSENT_STATES
from holding.evaluation import batch as plan_parts
from holding.evaluation.batch import (
    Acting,
    Batch,
    Case,
    HoldRow,
    Judgment,
    Listed,
    Plan,
    Planned,
    Stored,
    Wanted,
)
from holding.platform.changes import PostingRow
from holding.platform.states import TOTALS, UNSEEN, WITHDRAWN, counted, require_move, state_of
from holding.posting.holds import CONFLICT, CONTENT_CHANGED, NOT_APPROVED
from holding.programs.posted_differences import ACCEPTED
from holding.programs.world import LeftBehind
from rules.decisions.decision_tables import RULE as CHANGE
from rules.decisions.route_rules import EARLY
from rules.decisions.verdict import READY as NOT_HELD
from rules.decisions.verdict import READY_STATE as READY
from rules.facts import Facts
from rules.outcome_hash import bare
from rules.outcomes import NEEDS_APPROVAL, Decision, Document, Finding, Outcome, Step, Verdict
from rules.values.canonical import PostingState, dumps, number_text, sha256_hex, text_of
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.wording import term

NO_ROUTE = "No posting rule applies to it any more."

NOTHING_TO_WAIT_FOR = "EVA06"

_OTHERS = ("passed", "stopped")

DOES = frozenset({"create", "update", "void", "credit_note"})
"""Steps that touch the target."""

HOLDING = frozenset({"hold", "approve"})

HELD: Final = PostingState.HELD

DUE_SOME_DAY = frozenset({READY, HELD, PostingState.WAITING})

_BACK: Final = "about to be taken back"

Rows = dict[tuple[str, int], PostingRow]

_NAMES = {
    "create": "new document",
    "update": "change of the document",
    "void": "document to be void",
    "credit_note": "credit note",
}

RULES = frozenset({"business_rule", "duplicate"})


def plan(batch: Batch, judged: Judgment) -> Plan:
    """What one judging changes."""
    if judged.outcome is None:
        return _broken(batch, judged)
    made = Plan(
        judged=judged,
        stored=_stored(batch, judged),
        listed=_listed(batch, judged.case, judged.outcome),
    )
    left = {(row.route, row.seq): row for row in judged.case.postings}
    for decision in judged.outcome.decisions:
        decide(batch, made, decision, left)
    if judged.case.postings:
        take_turns(batch, made)
    _all_that_wait_for_nothing(batch, made, judged.outcome)
    if left:
        for row in left.values():
            _without_route(batch, made, row)
        plan_parts.give_up(
            made, [row for row in left.values() if row.state not in UNSENT_STATES], set()
        )
    for document in batch.left.get(judged.case.record_id, ()):
        _left_behind(batch, made, document)
    for one in made.postings:
        if one.before:
            require_move(one.before, one.state)
    if judged.case.holds:
        plan_parts.compare(batch, made)
    made.state = _state(batch, made)
    return made


def _broken(batch: Batch, judged: Judgment) -> Plan:
    """No outcome: everything stays as it is, what was ready is held, what was due to be changed is
    not, and a hold says why.
    """
    made = Plan(judged=judged, stored=_stored(batch, judged), kept=list(judged.case.holds))
    wanted = Wanted(
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
    made.wanted[wanted.key] = wanted
    made.silenced = [
        row
        for row in judged.case.postings
        if row.state == PostingState.READY
        or (row.state == PostingState.POSTED and row.due_at is not None)
    ]
    made.state = state_of(
        [
            counted(r.state, r.reverses_id)
            for r in judged.case.postings
            if r.state != PostingState.READY
        ],
        held=True,
    )
    return made


def _stored(batch: Batch, judged: Judgment) -> Stored:
    """What is kept of a judging: enough to do it again."""
    facts, outcome = _looked_at(batch, judged.case), judged.outcome
    if outcome is not None:
        codes, hashed = outcome.bare_codes(), bare(outcome, facts)
    else:
        codes = dumps({"error": judged.code, "say": judged.error})
        hashed = sha256_hex(codes)
    return Stored(facts=facts, codes=bulk.Encoded(codes), hash=hashed)


def _looked_at(batch: Batch, case: Case) -> bulk.Encoded:
    """What was known of the record and its targets, and who was there already, as the next judging
    asks.
    """
    if not (case.passed or case.stopped) and case.facts.usual:
        return _seen(case.facts.first_seen, batch.known_targets)
    found = {"facts": case.facts.to_json(), "known": sorted(batch.known_targets)}
    found |= {name: sorted(others) for name in _OTHERS if (others := getattr(case, name))}
    return bulk.Encoded(text_of(found))


@lru_cache(maxsize=256)  # a delivery brings many records at one moment
def _seen(first_seen: datetime, known: frozenset[str]) -> bulk.Encoded:
    """The same of a record of which nothing is told but when it came."""
    found = {"facts": Facts(first_seen).to_json(), "known": sorted(known)}
    return bulk.Encoded(text_of(found))


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


def _all_that_wait_for_nothing(batch: Batch, made: Plan, outcome: Outcome) -> None:
    for decision in outcome.decisions:
        if decision.state == PostingState.WAITING:
            _waits_for_nothing(batch, made, decision)


def _waits_for_nothing(batch: Batch, made: Plan, decision: Decision) -> None:
    """Held, not left waiting, where the document that it comes after will not be posted: a person
    rejected it, it is left out, or it was taken back.
    """
    awaited = decision.wait.route if decision.wait is not None else None
    before = _ended(made, awaited) if awaited else None
    at = next((i for i, one in enumerate(made.postings) if _is_waiting(one, decision.route)), None)
    if awaited is None or before is None or at is None:
        return
    number, reason = before[0], before[1].rstrip(".")
    planned, way = made.postings[at], batch.routes[decision.route]
    wanted = Wanted(
        route=way.name,
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
        cause_label=f"Waits for a document that is not posted: {term(awaited)}",
        team_id=batch.fallback_team_id,
        number=planned.number,
        doc_type=way.document,
        doc_date=planned.doc_date,
        connection_id=batch.targets[way.target].id,
    )
    made.postings[at] = replace(planned, state=PostingState.HELD, reason=wanted.message)
    made.wanted[wanted.key] = wanted


def _ended(made: Plan, route: str) -> tuple[str, str] | None:
    """Number and reason of the document of a route in the family that will not come."""
    own = [one for one in made.postings if one.route == route]
    if own:
        last = own[-1]
        gone = all(one.state in NONE_TO_COME for one in own)
        return (last.number, last.reason) if gone else None
    row = made.case.ended.get(route)
    return (row.number, row.reason) if row is not None else None


def _is_waiting(planned: Planned, route: str) -> bool:
    return planned.route == route and planned.state == PostingState.WAITING


def _without_route(batch: Batch, made: Plan, row: PostingRow) -> None:
    """An unsent posting that no decision names any more is dropped, if nobody has to decide first
    what stands under its number.
    """
    unsent = row.state in UNSENT_STATES and row.state != PostingState.DROPPED
    if unsent and not staying(batch, made, row, same=False):
        made.silenced.append(row)


def _left_behind(batch: Batch, made: Plan, left: LeftBehind) -> None:
    """A person looks at what is posted by rules that are in force no more: they would not have left
    it as it is.
    """
    team = batch.team(left.owner)
    owner = next((name for name, one in batch.teams.items() if one == team), left.owner)
    wanted = Wanted(
        route=left.route,
        seq=left.seq,
        code=ACCEPTED,
        error_class="stale_version",
        severity="hold",
        rule=CHANGE,
        at_rule="",
        message=f"{left.reason} The posting rule that made it is no longer in force: the posted"
        " document stays until a person decides.",
        would_pass=f"the record says again what {left.number} says",
        clears=Clearing.by(owner),
        cause_key=CauseKey(CauseKind.STALE, left.route),
        cause_label=f"Changed after posting to {term(left.route)}",
        team_id=team,
        number=left.number,
        doc_type=left.doc_type,
        doc_date=left.doc_date,
        connection_id=left.connection_id,
    )
    made.wanted[wanted.key] = wanted


def _state(batch: Batch, made: Plan) -> RecordState:
    states = {counted(planned.state, planned.reverses_id) for planned in made.postings}
    if made.silenced:
        states.add(PostingState.DROPPED)
    if made.case.postings:
        planned = {one.id for one in made.postings} | {row.id for row in made.silenced}
        left = [row for row in made.case.postings if row.id not in planned]
        states |= {counted(row.state, row.reverses_id) for row in left}
    held = bool(made.wanted or made.kept)
    if states or held:
        return state_of(states, held=held)
    kind = made.case.subject.kind
    posted = any(route.record == kind for route in batch.judge.routes)
    return RecordState.WAITING if posted else RecordState.REFERENCE


def in_flight(case: Case) -> bool:
    """Whether something of the record is on its way: it is not planned again until the answer."""
    return any(row.state in IN_FLIGHT_STATES for row in case.postings)


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


def _waits(after: str, number: str, held: str) -> str:
    return f"waits while {after} {number} is {held}"


def rest(batch: Batch, made: Plan, decision: Decision, rows: Rows, seq: int) -> None:
    """What remains to be billed waits as a posting of its own: the record is not complete."""
    if decision.open:
        row = rows.pop((decision.route, seq), None)
        one = Unsent(batch, made, decision, decision.route, seq, row, None)
        made.postings.append(one.open())


def may_retry(batch: Batch, hold: HoldRow, *, same_content: bool, posted: bool) -> bool:
    """Only when something changed since that could change the answer.

    Where another content stands under the number of what is not posted, a person has to say what it
    is: it may be ours. A change of what is posted is looked at before it goes, whatever it is. What
    stood in a withdrawn file, or may have been made where nobody but a person can see it, goes
    again only when a person has it retried.
    """
    if hold.code in {WITHDRAWN, UNSEEN} or (hold.code == CONFLICT and not posted):
        return False
    if not same_content or hold.changed_revision > hold.revision:
        return True
    if hold.code in {CONTENT_CHANGED, NOT_APPROVED}:
        return True  # this judging has just rewritten the content, and approvals are asked again
    return hold.error_class in RULES and batch.rules_revision > hold.revision


@dataclass(slots=True)
class Unsent:
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
        """What an approval of it is bound to; empty while there is no document."""
        if self._hash is None:
            self._hash = self._worked_out()
        return self._hash

    def _worked_out(self) -> str:
        if self.document is None:
            return ""
        target = self.batch.targets[self.batch.routes[self.route].target]
        return document_hash(target.id, target.company_there, self.document, "create")

    def after_trouble(self, row: PostingRow, state: PostingState) -> PostingState:
        """This state, unless pushing was stopped and nothing changed since that could help."""
        same = state == PostingState.READY and row.hash == self.hash
        if not staying(self.batch, self.made, row, same=same):
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
    ) -> Planned:
        """The posting as it should stand."""
        route, content_hash_ = self.batch.routes[self.route], self.hash
        content = self.document.to_json() if self.document is not None else None
        if content is not None and self.row is not None:
            void(self.made, self.row, content_hash_, content)
        return Planned(
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
            finished_at=_finished(self.made, self.decision, self.row, in_parts=route.in_parts),
            due_at=self._due(route.timing, content_hash_) if state == READY else None,
            tries=self.row.tried(content_hash_) if self.row else 0,
            **self._shown(),
        )

    def open(self) -> Planned:
        """What remains to be billed, as a posting that waits for it; it has no money yet."""
        left = [[key, number_text(quantity)] for key, quantity in self.decision.open.items()]
        told = ", ".join(f"{quantity} of line {key}" for key, quantity in left)
        row = self.planned(PostingState.WAITING, f"still open: {told}", bills=left)
        return replace(row, amount=None, book=None, finished_at=None)

    def _due(self, timing: str, hash_: str) -> datetime | None:
        """Now, or only in its run for a daily route; one that waits to be tried keeps its time."""
        row = self.row
        unchanged = row is not None and row.state == PostingState.READY and row.hash == hash_
        planned = row.due_at if row is not None and unchanged else None
        if planned is None and timing != "immediately":
            return None
        return self.made.due(planned or self.made.judged.at)

    def _shown(self) -> dict[str, Any]:
        """The columns by which a posting is found: the document's, else the record's."""
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
        outcome = self.made.judged.outcome
        return {
            "number": self.row.number if self.row else outcome.number if outcome else "",
            "amount": listed.amount if listed else None,
            "currency": listed.currency if listed else "",
            "book": listed.book if listed else None,
            "doc_date": listed.doc_date if listed else None,
            "party": listed.party_key if listed else "",
        }


def _finished(
    made: Plan, decision: Decision, row: PostingRow | None, *, in_parts: bool
) -> datetime | None:
    """Since when the source has done its part: the status may go, and the route wants the record.

    Since its version arrived that said so; what is billed in parts, since the delivery arrived,
    also while it is held and no document of it can be made.
    What goes early, or a gate, a `when` or a bill with nothing to bill keeps back, is not finished.
    """
    verdicts = made.judged.outcome.verdicts if made.judged.outcome else ()
    if verdicts and any(_keeps_back(v) for v in verdicts if v.route == decision.route):
        return None
    if decision.wait is not None and decision.wait.kind == "bill":
        return None
    if row is not None and row.state not in ENDED and row.finished_at is not None:
        return row.finished_at
    came, linked = made.case.version_at, made.case.linked_at if in_parts else None
    return came if linked is None else max(came, linked)


def _keeps_back(verdict: Verdict) -> bool:
    """Whether a gate that is not passed or goes early, or a `when`, says that it is not done."""
    if verdict.kind == "gate":
        return verdict.result != "pass" or verdict.text == EARLY
    return verdict.kind == "when" and verdict.result == "hit"


def not_approved(
    made: Plan, findings: Sequence[Finding], row: PostingRow | None, hash_: str
) -> list[Finding]:
    """The findings that no standing approval of exactly this content answers."""
    if row is None:
        return list(findings)
    levels = {one.level for one in counting(made.case.approvals, row.id, hash_)}
    return [f for f in findings if f.code != NEEDS_APPROVAL or f.rule not in levels]


def staying(batch: Batch, made: Plan, row: PostingRow, *, same: bool) -> bool:
    """Whether what stopped its push still stands; such a hold is kept."""
    here = (row.route, row.seq)
    troubles = [
        h for h in made.case.holds if h.of_push and h.code != TOTALS and (h.route, h.seq) == here
    ]
    posted = row.state == PostingState.POSTED
    kept = [h for h in troubles if not may_retry(batch, h, same_content=same, posted=posted)]
    made.kept += kept
    return bool(kept)


def void(made: Plan, row: PostingRow, hash_: str, content: Mapping[str, Any]) -> None:
    """Approvals of another content of this posting no longer stand."""
    made.voided += of_another_content(made.case.approvals, row.id, row.number, hash_, content)


def bills_of(step: Step) -> list[list[str]] | None:
    """What a step bills: [line key, quantity], in the order of its document's lines."""
    billed = step.billed
    return [[key, number_text(quantity)] for key, quantity in billed.items()] if billed else None
