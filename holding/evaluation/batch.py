"""The evaluation batch: claim due records, hold their cases, and compare wanted with open holds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Executable, bindparam, exists, select, text, update
from sqlalchemy.orm import Session

from connectors.transport.strict_json import point
from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.approvals.consent import StandingApproval, Voided, counting
from holding.db import bulk, leases
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.leases import DEATHS_ALONE
from holding.db.models import Company, Record
from holding.db.models.columns import DUE, NOW, HoldState, RecordState, moment, moment_text
from holding.platform.changes import PostingRow
from holding.platform.states import TOTALS
from holding.programs.world import Judge, LeftBehind
from rules.facts import Facts, Subject, World
from rules.outcomes import NEEDS_APPROVAL, Document, Finding, Outcome, Severity, title_of
from rules.program import Route
from rules.values.canonical import PostingState, dumps, read_only
from rules.values.cause_keys import CauseKey, CauseKind, Clearing

Key = tuple[str, int, str, CauseKey]
"""What a hold is over judgings: route, seq, code, and its cause or the team that approves."""

TOGETHER = 1  # crashes with others in hand: who has had one is judged alone

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
    """The right to store one judging of a record, as long as its fence is ours."""

    record_id: int
    fence: int
    crashes: int

    @property
    def poison(self) -> bool:
        """Whether workers died with this record alone in hand too often to try again."""
        return self.died_alone >= DEATHS_ALONE

    @property
    def died_alone(self) -> int:
        """How many workers died with this record alone in hand."""
        return max(0, self.crashes - TOGETHER)


_CLAIMED = Columns(
    Claimed(record_id=of(Record.id), fence=of(Record.fence), crashes=of(Record.crashes))
)


def same_hold(route: str, seq: int, code: str, rule: str, cause: CauseKey) -> Key:
    """The key of a hold. A team is asked once to approve a document, for whatever reasons: that
    hold stays the same one where another of them comes first.
    """
    one = CauseKey(CauseKind.APPROVE, rule) if code == NEEDS_APPROVAL else cause
    return (route, seq, code, one)


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

    @property
    def key(self) -> Key:
        """What it is over judgings."""
        return same_hold(self.route, self.seq, self.code, self.rule, self.cause_key)

    @property
    def of_push(self) -> bool:
        """Whether pushing opened it: what a target refused, or what may not be sent."""
        return self.code in PUSH_CODES


@read_only(frozen=True, slots=True, kw_only=True)
class Case:
    """One claimed record with everything its judging looks at."""

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
        """The record."""
        return self.claimed.record_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target connection as the judging needs it."""

    id: int
    company_there: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What all cases share, and the cases."""

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
    starts_on: date | None = None  # the cutover: what is dated before it is not posted
    left: Mapping[int, Sequence[LeftBehind]] = field(default_factory=dict)  # record -> by no rules

    def team(self, owner: str) -> int | None:
        """The team that a finding names as its owner, else the one that answers for all."""
        return self.teams.get(owner, self.fallback_team_id)


@read_only(frozen=True, slots=True, kw_only=True)
class Judgment:
    """A case with its outcome, or with why there is none."""

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
class Planned:
    """A posting as it should stand; `id` is None for a new one."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What is planned for a posting that stays posted: an update, a void, or nothing any more
    (`given_up`).
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


@read_only(frozen=True, slots=True, kw_only=True)
class Wanted:
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
        """What it is over judgings."""
        return same_hold(self.route, self.seq, self.code, self.rule, self.cause_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An open hold that should be closed, and how."""

    hold: HoldRow
    state: HoldState
    why: str
    person_id: int | None


@read_only(frozen=True, slots=True, kw_only=True)
class Stored:
    """A judging as it is kept: what it looked at and what came out."""

    facts: bulk.Encoded
    codes: bulk.Encoded
    hash: str


@dataclass(slots=True, kw_only=True)
class Plan:
    """Everything to write for one case. `withdrawn`: posting id -> whether its source would not
    have it posted any more, of those of which that is news.
    """

    judged: Judgment
    stored: Stored
    listed: Listed | None = None
    postings: list[Planned] = field(default_factory=list)
    acting: list[Acting] = field(default_factory=list)
    silenced: list[PostingRow] = field(default_factory=list)
    wanted: dict[Key, Wanted] = field(default_factory=dict)
    kept: list[HoldRow] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    withdrawn: dict[int, bool] = field(default_factory=dict)
    state: RecordState = RecordState.HELD

    @property
    def case(self) -> Case:
        """The record it is for."""
        return self.judged.case

    def due(self, moment: datetime) -> datetime:
        """A moment to send something at, but not while the act that released it can be undone."""
        return max(moment, self.case.undo_until or moment)

    @property
    def book(self) -> int | None:
        """The money of its holds in the company's currency."""
        return self.listed.book if self.listed else None


def want(
    batch: Batch,
    made: Plan,
    findings: Iterable[Finding],
    seq: int,
    document: Document | None,
    *,
    route: str = "",
) -> None:
    """Ask for a hold for each finding; two findings that are the same hold make one.

    `route` is where it is asked, if not the finding's own.
    """
    outcome = made.judged.outcome
    for finding in findings:
        way = batch.routes[route or finding.route]
        wanted = Wanted(
            route=way.name,
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
            cause_label=title_of(finding),
            team_id=batch.team(finding.owner),
            number=document.number if document else outcome.number if outcome else "",
            doc_type=way.document,
            doc_date=document.date if document else outcome.doc_date if outcome else None,
            connection_id=batch.targets[way.target].id,
        )
        made.wanted.setdefault(wanted.key, wanted)


def _message(finding: Finding, outcome: Outcome | None) -> str:
    """What it says; of an approval all reasons for which the team is asked."""
    if finding.code != NEEDS_APPROVAL or outcome is None:
        return finding.message
    asked = (one for one in outcome.decisions if finding in one.findings)
    needs = (need for one in asked for need in one.approvals if need.rule == finding.rule)
    return " ".join(dict.fromkeys((finding.message, *(need.message for need in needs))))


def _cause(batch: Batch, finding: Finding) -> CauseKey:
    """What holds of this finding have in common; approvals by one team are of several rules."""
    if finding.code != NEEDS_APPROVAL:
        return finding.cause_key
    asked = batch.judge.approval_at(finding.span)
    return CauseKey(CauseKind.APPROVE, f"{finding.rule}: {asked}")


def give_up(made: Plan, sent: Sequence[PostingRow], named: Collection[tuple[str, int]]) -> None:
    """A change that is planned on a document and no longer asked for is taken off it."""
    for row in sent:
        planned = row.state == PostingState.POSTED and row.hash != row.standing_hash
        if planned and row.standing and (row.route, row.seq) not in named:
            made.acting.append(
                Acting(
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


def compare(batch: Batch, made: Plan) -> None:
    """Which open holds stay and which are closed; those still wanted keep their row."""
    staying = {hold.id for hold in made.kept}
    posted = {row.id for row in made.case.postings if row.state == PostingState.POSTED}
    for hold in made.case.holds:
        if hold.id in staying:
            continue
        of_reading = hold.code == TOTALS and hold.posting_id in posted
        if hold.key in made.wanted or of_reading:  # what a reading opened a reading ends
            made.kept.append(hold)
        else:
            made.closed.append(_close(batch, made, hold))


def _close(batch: Batch, made: Plan, hold: HoldRow) -> Closed:
    """Approved, when a person consented to this content; else cleared, with what changed."""
    if hold.code == NEEDS_APPROVAL:
        hashes = {p.id: p.hash for p in made.postings} | {a.id: a.hash for a in made.acting}
        here = hold.posting_id or 0
        for one in counting(made.case.approvals, here, hashes.get(here, "")):
            if hold.rule == one.level:
                why = f"{one.person} approved exactly this content"
                return Closed(hold=hold, state=HoldState.APPROVED, why=why, person_id=one.person_id)
    return Closed(
        hold=hold, state=HoldState.CLEARED, why=_why(batch, made.case, hold), person_id=None
    )


def _why(batch: Batch, case: Case, hold: HoldRow) -> str:
    posting = next((row for row in case.postings if row.id == hold.posting_id), None)
    if posting is None or posting.version_id != case.version_id:
        return f"version {case.subject.version} no longer has it"
    key = hold.cause_key
    if key.kind is CauseKind.CREDENTIAL and hold.changed_revision > hold.revision:
        return f"the credentials of {key.named} were accepted again"
    if hold.revision != batch.revision:
        return (
            f"rules, mappings or data of the accounting system changed (revision {batch.revision})"
        )
    return "what is known about it changed"


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies that have rules and a due record: one probe of an index for each."""
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
    """Take due records. One under which a worker died is taken alone, so that no record loses more
    than one lease to a neighbour: when no other is due, or when it has waited for half a lease.
    """
    point("claim.before")
    with database.write(many=True) as session:
        waited = now - timedelta(seconds=lease_seconds / 2)
        found: list[Claimed] = []
        if not _crashed_waits(session, company_id, waited):
            found = _take(session, company_id, owner, now, limit, lease_seconds, crashed=False)
        if not found:
            found = _take(session, company_id, owner, now, 1, lease_seconds, crashed=True)
    if found:
        point("claim.after_commit")
    return sorted(found, key=lambda one: one.record_id)


def _crashed_waits(session: Session, company_id: int, waited: datetime) -> bool:
    """Whether a record that a worker died under has been due since then, whatever else is due."""
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
    given = {
        "company": company_id,
        "now": now,
        "most": limit,
        "owner": owner,
        "until": now + timedelta(seconds=lease_seconds),
    }
    return list(_CLAIMED.each(session.execute(_taking(crashed), given)))


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


def put_back(session: Session, claims: Collection[Claimed], owner: str, due_at: datetime) -> None:
    """Give records back undone; they are due at that moment, or earlier if somebody woke them."""
    put_back_each(session, dict.fromkeys(claims, due_at), owner)


def put_back_each(session: Session, due: Mapping[Claimed, datetime], owner: str) -> None:
    """The same, each at its own moment; a claim that is another's by now gives nothing back."""
    if not due:
        return
    rows = [
        {"id": one.record_id, "fence": one.fence, "due_at": moment_text(at)}
        for one, at in due.items()
    ]
    statement = f"{bulk.given(session, 'v', _GIVEN_BACK)} {_GIVE_BACK}"
    session.execute(text(statement), {"rows": dumps(rows), "owner": owner})


def sweep_expired(database: Database, now: datetime, *, longest: timedelta | None = None) -> int:
    """Take leases that ran out: the records are due again, and the crash is counted."""
    with database.write() as session:
        swept = leases.free(session, Record, now, longest)
        point("sweep.mid")
    return swept
