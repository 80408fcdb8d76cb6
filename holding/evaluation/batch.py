"""The evaluation batch: claim due records, hold their cases, and compare wanted with open holds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Executable, bindparam, exists, select, text, update
from sqlalchemy.orm import Session

from connectors.contract import Target
from connectors.transport.strict_json import fault_point
from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.approvals.consent import StandingApproval, Voided, counting
from holding.approvals.sent_amounts import content_amount
from holding.connections.master_data import Change, clearing_change
from holding.db import bulk, leases
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.leases import DEATHS_ALONE
from holding.db.models import Company, Record
from holding.db.models.columns import (
    DUE,
    NOW,
    HoldState,
    PostingWait,
    RecordState,
    moment,
    moment_text,
)
from holding.db.models.postings import ENDED, IN_FLIGHT_STATES
from holding.platform.changes import PostingRow
from holding.platform.states import OF_READING, RESTORES, UNSEEN, WITHDRAWN
from holding.posting.holds import CONFLICT, CONTENT_CHANGED, NOT_APPROVED
from holding.programs.world import Judge, LeftBehind
from rules.decisions.posted_documents import TARGET_EDIT_RULE
from rules.decisions.route_rules import EARLY
from rules.decisions.verdict import READY_STATE
from rules.facts import Facts, Subject, World
from rules.outcomes import (
    NEEDS_APPROVAL,
    Decision,
    Document,
    Finding,
    Outcome,
    Severity,
    Step,
    Verdict,
    finding_title,
)
from rules.program import Route
from rules.values.canonical import PostingState, dumps, number_text, read_only
from rules.values.cause_keys import CauseKey, CauseKind, Clearing

Key = tuple[str, int, str, CauseKey]
"""What a hold is over judgings: route, seq, code, and its cause or the team that approves."""

DocumentKey = tuple[int, str, int]
"""A document of a record: record id, route, seq."""

DUE_SOME_DAY = frozenset({READY_STATE, PostingState.HELD, PostingState.WAITING})

TOGETHER = 1  # crashes with others in hand: who has had one is judged alone

_EDITED_THERE = "STL03"

_DUE = exists().where(Record.company_id == Company.id, text(DUE), Record.due_at <= NOW)

_WITH_WORK = (
    select(Company.id).where(Company.ruleset_version_id.is_not(None), _DUE).order_by(Company.id)
)

_GIVEN_BACK = {"id": "bigint", "fence": "bigint", "due_at": "timestamptz"}

_GIVE_BACK = (
    "UPDATE record AS t SET due_at = coalesce(t.due_at, v.due_at), lease_owner = NULL,"
    " lease_until = NULL FROM v"
    " WHERE t.id = v.id AND t.fence = v.fence AND t.lease_owner = :owner"
)

_OF_COMPANY = Record.company_id == bindparam("company")

_FIRST_CRASHED = (
    select(Record.id).where(_OF_COMPANY, text(Record.CRASHED), Record.due_at <= NOW).limit(1)
)


@read_only(frozen=True, slots=True)
class Claimed:
    """The right to store one evaluation of a record while its fence is unchanged."""

    record_id: int
    fence: int
    crashes: int

    @property
    def poison(self) -> bool:
        """Return whether workers died too often while they had only this record."""
        return self.died_alone >= DEATHS_ALONE

    @property
    def died_alone(self) -> int:
        """Return how many workers died while they had only this record."""
        return max(0, self.crashes - TOGETHER)


_CLAIMED = Columns(
    Claimed(record_id=of(Record.id), fence=of(Record.fence), crashes=of(Record.crashes))
)


def hold_key(route: str, seq: int, code: str, rule: str, cause: CauseKey) -> Key:
    """Return the key of a hold.

    A team approves a document once, for all reasons together, so the key of an approval does not
    depend on the cause.
    """
    key_cause = CauseKey(CauseKind.APPROVE, rule) if code == NEEDS_APPROVAL else cause
    return (route, seq, code, key_cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """An open hold of the record."""

    id: int
    record_id: int
    posting_id: int | None
    route: str
    seq: int
    code: str
    rule: str
    cause_id: int
    cause_key: CauseKey
    changed_revision: int
    error_class: ErrorClass
    revision: int
    book: int | None
    amount: int | None
    currency: str

    @property
    def key(self) -> Key:
        """Return the key that identifies this hold in later evaluations."""
        return hold_key(self.route, self.seq, self.code, self.rule, self.cause_key)

    @property
    def of_push(self) -> bool:
        """Return whether pushing opened this hold: a refusal by the target, or a document that must
        not be sent.
        """
        return self.code in PUSH_CODES


@read_only(frozen=True, slots=True, kw_only=True)
class Case:
    """One claimed record with everything that its evaluation reads."""

    claimed: Claimed
    family: int
    state: RecordState
    party_key: str
    version_id: int
    version_at: datetime
    linked_at: datetime | None  # when the newest content came of what links join to it
    content_sha256: str
    subject: Subject
    facts: Facts
    postings: tuple[PostingRow, ...]
    holds: tuple[HoldRow, ...]
    approvals: tuple[StandingApproval, ...]
    undo_until: datetime | None  # what people decided about it can be taken back until then
    rejected: Mapping[str, str]  # route -> reason: a person rejected this content
    alike: frozenset[int] = frozenset()  # other records with a value that rules compare, or number
    passed: frozenset[int] = frozenset()  # those of them that came later and do not stop it
    stopped: frozenset[int] = frozenset()  # and those that do: it was released before they came
    ended: Mapping[str, PostingRow] = field(default_factory=dict)  # route -> what never comes of it

    @property
    def record_id(self) -> int:
        """Return the record's id."""
        return self.claimed.record_id

    @property
    def is_in_flight(self) -> bool:
        """Return whether a posting is in flight; the record is not planned until the answer."""
        return any(row.state in IN_FLIGHT_STATES for row in self.postings)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target connection with the fields that an evaluation needs."""

    id: int
    company_there: str
    name: str
    connector: Target | None
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The cases of a batch and the data that they share."""

    company_id: int
    settings: Mapping[str, Any]
    currency: str
    revision: int
    ruleset_version_id: int
    rules_revision: int
    known_targets: frozenset[str]
    world: World
    judge: Judge
    routes: Mapping[str, Route]
    targets: Mapping[str, TargetRow]
    teams: Mapping[str, int]
    fallback_team_id: int | None
    cases: tuple[Case, ...]
    changes: tuple[Change, ...] = ()  # what may have cleared its holds since they were judged
    starts_on: date | None = None  # the cutover: what is dated before it is not posted
    left: Mapping[int, Sequence[LeftBehind]] = field(default_factory=dict)  # record -> by no rules
    used_numbers: Mapping[DocumentKey, str] = field(default_factory=dict)  # message of each

    def team(self, owner: str) -> int | None:
        """Return the team that a finding names as its owner, or the fallback team."""
        return self.teams.get(owner, self.fallback_team_id)


@read_only(frozen=True, slots=True, kw_only=True)
class Judgment:
    """A case with its outcome, or with the error that prevented one."""

    case: Case
    at: datetime
    outcome: Outcome | None
    error: str = ""
    code: str = ""


@read_only(frozen=True, slots=True, kw_only=True)
class Listed:
    """The columns by which lists show a record."""

    status: str
    party: str
    party_key: str
    doc_date: date | None
    amount: int | None
    currency: str
    book: int | None


@read_only(frozen=True, slots=True, kw_only=True)
class PlannedPosting:
    """A posting as it should be stored. `id` is None for a new one."""

    id: int | None
    route: str
    seq: int
    before: PostingState | None
    state: PostingState
    reason: str
    hash: str
    number: str
    content: Mapping[str, Any] | None
    bills: list[list[str]] | None
    reverses_id: int | None
    connection_id: int
    doc_type: str
    amount: int | None
    currency: str
    book: int | None
    doc_date: date | None
    party: str
    due_at: datetime | None
    finished_at: datetime | None
    tries: int
    waits: PostingWait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedChange:
    """A planned update or void of a posted document.

    `given_up`: the planned change is removed again. `is_void_there`: a user voided it in the
    target, so that nothing is sent.
    """

    id: int
    action: str
    content: Mapping[str, Any] | None
    hash: str
    bills: list[list[str]] | None
    due_at: datetime | None
    reason: str
    tries: int = 0
    given_up: bool = False
    is_void_there: bool = False


@read_only(frozen=True, slots=True, kw_only=True)
class WantedHold:
    """A hold that should be open."""

    route: str
    seq: int
    code: str
    error_class: ErrorClass
    severity: Severity
    rule: str
    at_rule: str
    message: str
    would_pass: str
    clears: Clearing
    cause_key: CauseKey
    cause_label: str
    team_id: int | None
    number: str
    doc_type: str
    doc_date: date | None
    connection_id: int | None

    @property
    def key(self) -> Key:
        """Return the key that identifies this hold in later evaluations."""
        return hold_key(self.route, self.seq, self.code, self.rule, self.cause_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldToClose:
    """An open hold to close, with its new state and the reason."""

    hold: HoldRow
    state: HoldState
    why: str
    person_id: int | None


@read_only(frozen=True, slots=True, kw_only=True)
class StoredEvaluation:
    """The stored form of an evaluation: the facts that it read and its outcome."""

    facts: bulk.Encoded
    codes: bulk.Encoded
    hash: str


class HoldMoney(NamedTuple):
    """The amount columns of a hold; see `holding.db.models.Hold`."""

    book: int | None
    amount: int | None
    currency: str


@dataclass(slots=True, kw_only=True)
class Plan:
    """Everything to write for one case.

    `withdrawn`: posting id -> whether its source has withdrawn it, only where that changed.
    """

    judged: Judgment
    stored: StoredEvaluation
    listed: Listed | None = None
    postings: list[PlannedPosting] = field(default_factory=list)
    acting: list[PostedChange] = field(default_factory=list)
    silenced: list[PostingRow] = field(default_factory=list)
    wanted: dict[Key, WantedHold] = field(default_factory=dict)
    kept: list[HoldRow] = field(default_factory=list)
    closed: list[HoldToClose] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    withdrawn: dict[int, bool] = field(default_factory=dict)
    state: RecordState = RecordState.HELD

    @property
    def case(self) -> Case:
        """Return the case of this plan."""
        return self.judged.case

    def due(self, moment: datetime) -> datetime:
        """Return the moment, or the end of the undo period if that is later."""
        return max(moment, self.case.undo_until or moment)

    @property
    def book(self) -> int | None:
        """Return the amount of its record in the company's currency."""
        return self.listed.book if self.listed else None

    def hold_money(self, hold: WantedHold | HoldRow, books: str) -> HoldMoney:
        """Return the amount of a hold: the amount to be sent for an approval, else the record's
        amount.

        `books` is the company's currency.
        """
        if hold.code != NEEDS_APPROVAL:
            return HoldMoney(self.book, None, "")
        content = self._approved_content(hold.route, hold.seq)
        amount, currency = content_amount(content, books)
        if amount is None:
            return HoldMoney(self.book, None, "")
        return HoldMoney(amount if currency == books else None, amount, currency)

    def _approved_content(self, route: str, seq: int) -> Mapping[str, Any] | None:
        for planned in self.postings:
            if (planned.route, planned.seq) == (route, seq):
                return planned.content
        rows = {row.id: row for row in self.case.postings}
        for change in self.acting:
            if (rows[change.id].route, rows[change.id].seq) == (route, seq):
                return change.content
        return None


def want_holds(
    batch: Batch,
    plan: Plan,
    findings: Iterable[Finding],
    seq: int,
    document: Document | None,
    *,
    route: str = "",
) -> None:
    """Add a wanted hold for each finding; findings with an equal key share one hold.

    `route`: the hold's route, if it is not the finding's own.
    """
    outcome = plan.judged.outcome
    for finding in findings:
        route_definition = batch.routes[route or finding.route]
        wanted_hold = WantedHold(
            route=route_definition.name,
            seq=seq,
            code=finding.code,
            error_class=finding.error_class,
            severity=finding.severity,
            rule=finding.rule,
            at_rule=f"{finding.span.file}:{finding.span.line}:{finding.span.column}",
            message=_message(finding, outcome),
            would_pass=finding.would_pass,
            clears=finding.clears,
            cause_key=_cause(batch, finding).kept,
            cause_label=finding_title(finding),
            team_id=batch.team(finding.owner),
            number=document.number if document else outcome.number if outcome else "",
            doc_type=route_definition.document,
            doc_date=document.date if document else outcome.doc_date if outcome else None,
            connection_id=batch.targets[route_definition.target].id,
        )
        plan.wanted.setdefault(wanted_hold.key, wanted_hold)


def _message(finding: Finding, outcome: Outcome | None) -> str:
    """Return the hold's message.

    An approval's message joins all reasons for which the team must approve.
    """
    if finding.code != NEEDS_APPROVAL or outcome is None:
        return finding.message
    decisions = (decision for decision in outcome.decisions if finding in decision.findings)
    needs = (
        need for decision in decisions for need in decision.approvals if need.rule == finding.rule
    )
    return " ".join(dict.fromkeys((finding.message, *(need.message for need in needs))))


def _cause(batch: Batch, finding: Finding) -> CauseKey:
    """Return the cause key of a finding. Approvals by one team may come from several rules."""
    if finding.code != NEEDS_APPROVAL:
        return finding.cause_key
    approval_rule = batch.judge.approval_at(finding.span)
    return CauseKey(CauseKind.APPROVE, f"{finding.rule}: {approval_rule}")


def drop_planned_changes(
    plan: Plan, sent: Sequence[PostingRow], named: Collection[tuple[str, int]]
) -> None:
    """Drop planned changes of posted documents that the rules no longer require."""
    for row in sent:
        planned = row.state == PostingState.POSTED and row.hash != row.standing_hash
        if planned and row.standing and (row.route, row.seq) not in named:
            plan.acting.append(
                PostedChange(
                    id=row.id,
                    action=row.standing_action,
                    content=row.standing,
                    hash=row.standing_hash,
                    bills=row.bills,
                    due_at=None,
                    reason="",
                    given_up=True,
                )
            )


def compare_holds(batch: Batch, plan: Plan) -> None:
    """Decide which open holds stay and which are closed.

    A hold that is still wanted keeps its row.
    """
    kept_ids = {hold.id for hold in plan.kept}
    posted = {row.id for row in plan.case.postings if row.state == PostingState.POSTED}
    for hold in plan.case.holds:
        if hold.id in kept_ids:
            continue
        opened_by_reading = hold.code in OF_READING and hold.posting_id in posted
        if hold.key in plan.wanted or opened_by_reading:  # what a reading opened a reading ends
            plan.kept.append(hold)
        else:
            plan.closed.append(_close(batch, plan, hold))


def _close(batch: Batch, plan: Plan, hold: HoldRow) -> HoldToClose:
    """Close a hold as approved if a person approved exactly this content, otherwise as cleared."""
    if hold.code == NEEDS_APPROVAL:
        hashes = {p.id: p.hash for p in plan.postings} | {a.id: a.hash for a in plan.acting}
        posting_id = hold.posting_id or 0
        for approval in counting(plan.case.approvals, posting_id, hashes.get(posting_id, "")):
            if hold.rule == approval.level:
                why = f"{approval.person} approved exactly this content"
                return HoldToClose(
                    hold=hold, state=HoldState.APPROVED, why=why, person_id=approval.person_id
                )
    return HoldToClose(
        hold=hold, state=HoldState.CLEARED, why=_why(batch, plan.case, hold), person_id=None
    )


def _why(batch: Batch, case: Case, hold: HoldRow) -> str:
    posting = next((row for row in case.postings if row.id == hold.posting_id), None)
    if hold.code == _EDITED_THERE and hold.revision == batch.revision:
        return "the accounting system shows what the record says"
    if posting is None or posting.version_id != case.version_id:
        return f"version {case.subject.version} no longer has it"
    key = hold.cause_key
    if key.kind is CauseKind.CREDENTIAL and hold.changed_revision > hold.revision:
        return f"the credentials of {key.named} were accepted again"
    refused = key.kind is CauseKind.TARGET and hold.changed_revision <= hold.revision
    if not refused and (words := clearing_change(batch.changes, key, hold.revision)):
        return words
    if hold.revision != batch.revision:
        return (
            f"rules, mappings or data of the accounting system changed (revision {batch.revision})"
        )
    return "what is known about it changed"


def due_companies(session: Session, now: datetime) -> list[int]:
    """Return the companies that have rules and a due record, with one index probe for each."""
    return list(session.scalars(_WITH_WORK, {"now": now}))


def claim(
    database: Database,
    *,
    company_id: int,
    owner: str,
    now: datetime,
    limit: int,
    lease_seconds: float,
) -> list[Claimed]:
    """Claim due records.

    A record whose worker died is claimed alone, so that another crash delays no other record by
    more than one lease. It is claimed when no other record is due, or when it has waited for half a
    lease.
    """
    fault_point("claim.before")
    with database.write(many=True) as session:
        waited = now - timedelta(seconds=lease_seconds / 2)
        claims: list[Claimed] = []
        if not _crashed_waits(session, company_id, waited):
            claims = _take(session, company_id, owner, now, limit, lease_seconds, crashed=False)
        if not claims:
            claims = _take(session, company_id, owner, now, 1, lease_seconds, crashed=True)
    if claims:
        fault_point("claim.after_commit")
    return sorted(claims, key=lambda claimed: claimed.record_id)


def _crashed_waits(session: Session, company_id: int, waited: datetime) -> bool:
    """Check whether a record whose worker died has been due since `waited`."""
    return session.scalar(_FIRST_CRASHED, {"company": company_id, "now": waited}) is not None


def _take(
    session: Session,
    company_id: int,
    owner: str,
    now: datetime,
    limit: int,
    lease_seconds: float,
    *,
    crashed: bool,
) -> list[Claimed]:
    parameters = {
        "company": company_id,
        "now": now,
        "most": limit,
        "owner": owner,
        "until": now + timedelta(seconds=lease_seconds),
    }
    return list(_CLAIMED.each(session.execute(_taking(crashed), parameters)))


@cache
def _taking(crashed: bool) -> Executable:
    due = (
        select(Record.id)
        .where(_OF_COMPANY, Record.due_at <= NOW)
        .where(text(Record.CRASHED if crashed else f"{DUE} AND crashes = 0"))
        .order_by(Record.due_at, Record.id)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True, key_share=True)
    )
    return (
        update(Record)
        .where(Record.id.in_(due))
        .values(
            due_at=None,
            lease_owner=bindparam("owner"),
            lease_until=moment("until"),
            fence=Record.fence + 1,
        )
        .returning(*_CLAIMED.labelled)
        .execution_options(synchronize_session=False)
    )


def return_claims(
    session: Session, claims: Collection[Claimed], owner: str, due_at: datetime
) -> None:
    """Release claimed records unprocessed.

    They are due at `due_at`, or earlier if something woke them.
    """
    return_claims_at(session, dict.fromkeys(claims, due_at), owner)


def return_claims_at(session: Session, due: Mapping[Claimed, datetime], owner: str) -> None:
    """Release each claimed record with its own due time. A claim whose fence changed is ignored."""
    if not due:
        return
    rows = [
        {"id": claimed.record_id, "fence": claimed.fence, "due_at": moment_text(at)}
        for claimed, at in due.items()
    ]
    statement = f"{bulk.given(session, 'v', _GIVEN_BACK)} {_GIVE_BACK}"
    session.execute(text(statement), {"rows": dumps(rows), "owner": owner})


def sweep_expired(database: Database, now: datetime, *, longest: timedelta | None = None) -> int:
    """Release expired leases: the records are due again, and the crash is counted."""
    with database.write() as session:
        swept = leases.free(session, Record, now, longest)
        fault_point("sweep.mid")
    return swept


def billed_lines(step: Step) -> list[list[str]] | None:
    """Return the billed [line key, quantity] pairs in the order of the document's
    lines, or None.
    """
    billed = step.billed
    return [[key, number_text(quantity)] for key, quantity in billed.items()] if billed else None


RULES = frozenset({"business_rule", "duplicate"})


def is_restored(row: PostingRow) -> bool:
    """Check whether a person has the posted content sent again, and an edit is still there."""
    edited = row.reading is not None and row.reading["found"] != "equal"
    planned = row.state == PostingState.POSTED and row.hash != row.standing_hash
    return planned and edited and row.reason == RESTORES


def may_retry(batch: Batch, hold: HoldRow, *, same_content: bool, posted: bool) -> bool:
    """Check whether anything changed that could change the target's answer.

    A document whose number the target uses with other content needs a person. So does one from a
    withdrawn file, or one that may exist where only a person can see it.
    """
    if hold.code in {WITHDRAWN, UNSEEN} or (hold.code == CONFLICT and not posted):
        return False
    if not same_content or hold.changed_revision > hold.revision:
        return True
    if hold.code in {CONTENT_CHANGED, NOT_APPROVED}:
        return True  # this judging has just rewritten the content, and approvals are asked again
    return hold.error_class in RULES and batch.rules_revision > hold.revision


def keeps_push_hold(batch: Batch, plan: Plan, row: PostingRow, *, same_content: bool) -> bool:
    """Keep the holds of a stopped push that still apply, and return whether there are any."""
    route_and_seq = (row.route, row.seq)
    troubles = [
        h
        for h in plan.case.holds
        if h.of_push and h.code not in OF_READING and (h.route, h.seq) == route_and_seq
    ]
    posted = row.state == PostingState.POSTED
    kept_holds = [
        h for h in troubles if not may_retry(batch, h, same_content=same_content, posted=posted)
    ]
    plan.kept += kept_holds
    return bool(kept_holds)


def is_void_there(step: Step, row: PostingRow | None) -> bool:
    """Check whether a step voids a document that is void in the target, so that nothing is sent."""
    return step.action == "void" and row is not None and bool(row.reading and row.reading["void"])


def find_edited_row(plan: Plan, sent: Sequence[PostingRow], finding: Finding) -> PostingRow | None:
    """Return the posting whose document was edited in the target, as this finding reports.

    None if the finding is not about such an edit. If its verdict names no posting of `sent`, return
    the last one.
    """
    if finding.rule != TARGET_EDIT_RULE:
        return None
    verdicts = plan.judged.outcome.verdicts if plan.judged.outcome else ()
    numbers = {
        value
        for verdict in verdicts
        if verdict.rule == TARGET_EDIT_RULE and verdict.text == finding.message
        for name, value in verdict.operands
        if name == "posted as"
    }
    return next((row for row in sent if row.number in numbers), sent[-1])


def before_cutover(batch: Batch, plan: Plan, decision: Decision) -> str:
    """Return why a document dated before the company's first day is not posted, or an empty string.

    A document that the rules leave out keeps their reason.
    """
    if batch.starts_on is None:
        return ""
    outcome, document = plan.judged.outcome, decision.document
    day = document.date if document else outcome.doc_date if outcome else None
    if day is None or decision.state not in DUE_SOME_DAY:
        return ""
    if day >= batch.starts_on:
        return ""
    return f"dated {day}, before the cutover date {batch.starts_on}"


def finished_at(
    plan: Plan, decision: Decision, row: PostingRow | None, *, in_parts: bool
) -> datetime | None:
    """Return when the source finished its part, or None while gates, conditions or billing hold it
    back.

    That is the arrival of the version that allows posting. For a route billed in parts it is the
    arrival of the delivery, also while no document can be made.
    """
    verdicts = plan.judged.outcome.verdicts if plan.judged.outcome else ()
    if verdicts and any(_keeps_back(v) for v in verdicts if v.route == decision.route):
        return None
    if decision.wait is not None and decision.wait.kind == "bill":
        return None
    if row is not None and row.state not in ENDED and row.finished_at is not None:
        return row.finished_at
    version_at, delivered_at = plan.case.version_at, plan.case.linked_at if in_parts else None
    return version_at if delivered_at is None else max(version_at, delivered_at)


def _keeps_back(verdict: Verdict) -> bool:
    """Check whether a verdict shows that the record is not finished: an open or early gate, or a
    `when`.
    """
    if verdict.kind == "gate":
        return verdict.result != "pass" or verdict.text == EARLY
    return verdict.kind == "when" and verdict.result == "hit"
