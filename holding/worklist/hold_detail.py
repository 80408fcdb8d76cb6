"""Load one hold with its record, planned document and owner in one query."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.access.reach import is_limited
from holding.approvals.sent_amounts import SentAmount, sent_amount
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Cause,
    Connection,
    Evaluation,
    Hold,
    Person,
    Posting,
    Push,
    Record,
    RulesetVersion,
    Team,
    Version,
)
from holding.db.models.columns import HoldState, RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import LEFT_OUT_STATES, TO_SEND_STATES
from holding.holds.retries import UNLISTED, lacks_entry
from holding.platform.states import GONE, STORED_OTHERWISE, UNSEEN
from holding.posting.holds import CONFLICT, IMPORT_OPEN, NO_ANSWER, REFUSED, ends_in_target
from rules.decisions.posted_documents import TARGET_EDIT_RULE
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState
from rules.values.cause_keys import CauseKey, CauseKind, Clearing

_WITHOUT_RESULT: Final = frozenset({NO_ANSWER, IMPORT_OPEN, UNSEEN, CONFLICT})


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold with its record, document and owner."""

    id: int
    cause_id: int
    cause_key: CauseKey
    cause_label: str
    cause_records: int
    state: HoldState
    error_class: ErrorClass
    code: str
    rule: str
    at_rule: str
    message: str
    would_pass: str
    clears: Clearing
    team: str | None
    team_id: int | None
    person: str | None
    answer_by: datetime
    snoozed_until: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    closed_why: str | None
    closed_by: str | None
    lock: int
    route: str
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    amount: int | None
    currency: str
    record_state: RecordState
    version: int | None
    version_at: datetime | None
    body: dict[str, Any] | None
    posting_id: int | None
    posting_number: str | None
    posting_hash: str | None
    standing_hash: str | None  # of what stands of it in the target
    posting_state: PostingState | None
    posting_amount: int | None
    posting_currency: str | None
    content: dict[str, Any] | None
    target: str | None
    doc_type: str
    doc_date: date | None
    evaluation_id: int | None

    @property
    def sent(self) -> SentAmount:
        """The total to be sent, with the total posted now."""
        return sent_amount(
            self.content, self.posting_state, self.posting_amount, self.posting_currency or ""
        )

    @property
    def table(self) -> str | None:
        """The mapping table that lacks its key, if that is the cause."""
        return self.cause_key.table

    @property
    def mark(self) -> str:
        """A text that identifies what the user looked at before deciding."""
        return f"{self.lock}.{self.version or 0}.{(self.posting_hash or '')[:12]}"

    @property
    def open(self) -> bool:
        """Whether it is open."""
        return self.state == HoldState.OPEN

    @property
    def released(self) -> bool:
        """Whether a user released it."""
        return self.state == HoldState.RELEASED

    @property
    def possible_duplicate(self) -> bool:
        """Whether its document may already exist, here or in the target."""
        return self.error_class == "duplicate"

    @property
    def of_push(self) -> bool:
        """Whether the target refused it, or it may not be sent."""
        return self.code in PUSH_CODES

    @property
    def unknown_status(self) -> str:
        """The source's status text that the rules do not know, if that is the cause."""
        return self.cause_key.named if self.cause_key.kind is CauseKind.STATUS else ""

    @property
    def rule_file(self) -> tuple[str, int] | None:
        """The file and line of the rule that placed it."""
        path, _, place = self.at_rule.partition(":")
        line = place.partition(":")[0]
        return (path, int(line)) if line.isdecimal() else None

    @property
    def unlisted(self) -> bool:
        """Whether the document uses a code that the target does not list."""
        return self.code == UNLISTED

    @property
    def lacks_entry(self) -> bool:
        """Whether the target refused the document because it lacks an entry, such as a debtor."""
        return lacks_entry(self.code, self.error_class)

    @property
    def refused(self) -> bool:
        """Whether its message is the target's own answer."""
        return self.code == REFUSED and self.error_class != "authorization_failed"

    @property
    def in_target(self) -> bool:
        """Whether a user's change in the target, seen by a lookup, ends it."""
        return ends_in_target(self.code, self.error_class, of_push=self.of_push)

    @property
    def unseen(self) -> bool:
        """Whether only a user can check whether it exists in the target."""
        return self.code == UNSEEN

    @property
    def stored_otherwise(self) -> bool:
        """Whether the target stored its posted document otherwise than it was sent."""
        return self.code == STORED_OTHERWISE and self.posting_state == PostingState.POSTED

    @property
    def gone(self) -> bool:
        """Whether the target accepted its document and does not have it."""
        return self.code in GONE and self.posting_state == PostingState.POSTED

    @property
    def edited(self) -> bool:
        """Whether a person edited its posted document in the target."""
        return self.rule == TARGET_EDIT_RULE and self.posting_state == PostingState.POSTED

    @property
    def without_result(self) -> bool:
        """Whether its document was sent and its result is still unknown."""
        return self.code in _WITHOUT_RESULT

    @property
    def rejectable(self) -> bool:
        """Whether the target has no document, so that it can be rejected."""
        return self.gone or self.posting_state in TO_SEND_STATES

    @property
    def to_send(self) -> bool:
        """Whether its document is sent when nothing holds it.

        A posted document stays as it is, unless a change is planned.
        """
        planned = self.posting_hash != self.standing_hash
        return self.posting_state not in (PostingState.POSTED, PostingState.REVERSED) or planned

    @property
    def given_up(self) -> bool:
        """Whether its document will not be sent, by a rule, a user or its source."""
        return self.posting_state in LEFT_OUT_STATES

    @property
    def approval(self) -> bool:
        """Whether it waits for approval."""
        return self.code == NEEDS_APPROVAL


_source, _target = aliased(Connection, name="source"), aliased(Connection, name="target")
_closer = aliased(Person, name="closer")
HOLD = Columns(
    HoldRow(
        id=of(Hold.id),
        cause_id=of(Hold.cause_id),
        cause_key=of(Cause.key),
        cause_label=of(Cause.label),
        cause_records=of(Cause.records),
        state=of(Hold.state),
        error_class=of(Hold.error_class),
        code=of(Hold.code),
        rule=of(Hold.rule),
        at_rule=of(Hold.at_rule),
        message=of(Hold.message),
        would_pass=of(Hold.would_pass),
        clears=of(Hold.clears),
        team=of(Team.shown),
        team_id=of(Hold.team_id),
        person=of(Person.name),
        answer_by=of(Hold.answer_by),
        snoozed_until=of(Hold.snoozed_until),
        opened_at=of(Hold.opened_at),
        closed_at=of(Hold.closed_at),
        closed_why=of(Hold.closed_why),
        closed_by=of(_closer.name),
        lock=of(Hold.lock),
        route=of(Hold.route),
        record_id=of(Record.id),
        number=of(Record.number),
        source=of(_source.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        amount=of(Record.amount),
        currency=of(Record.currency),
        record_state=of(Record.state),
        version=of(Version.no),
        version_at=of(Version.at),
        body=of(Version.body),
        posting_id=of(Posting.id),
        posting_number=of(Posting.number),
        posting_hash=of(Posting.hash),
        standing_hash=of(Push.hash),
        posting_state=of(Posting.state),
        posting_amount=of(Posting.amount),
        posting_currency=of(Posting.currency),
        content=of(Posting.content),
        target=of(_target.name),
        doc_type=of(Hold.doc_type),
        doc_date=of(Hold.doc_date),
        evaluation_id=of(Posting.evaluation_id),
    ),
    {
        "team": "team.shown",
        "person": "person.name",
        "closed_by": "closer.name",
        "source": "source.name",
        "kind": "record.type",
        "version": "version.no",
        "target": "target.name",
        "standing_hash": "push.hash",
    },
)


_LOADED = (Hold, Cause, Record, _source, Version, Posting, Team, Evaluation, RulesetVersion)


def load_hold(session: Session, company_id: int, hold_id: int) -> HoldRow | None:
    """Return one hold with all that its pane shows, and load the rows behind it."""
    result = session.execute(
        HOLD.select(*_LOADED)
        .join(Cause, Cause.id == Hold.cause_id)
        .join(Record, Record.id == Hold.record_id)
        .join(_source, _source.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .outerjoin(Evaluation, Evaluation.id == Posting.evaluation_id)
        .outerjoin(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .outerjoin(Push, Push.id == Posting.posted_push_id)
        .outerjoin(_target, _target.id == Hold.connection_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(_closer, _closer.id == Hold.closed_by_id)
        .where(Hold.id == hold_id, Hold.company_id == company_id),
        execution_options=KEPT,
    )
    row = HOLD.first(result)
    if row is None or not is_limited(session):
        return row
    blocked = select(func.count(func.distinct(Hold.record_id)))  # the counter knows no reach
    reachable = blocked.where(Hold.cause_id == row.cause_id, HOLD_OPEN)
    return replace(row, cause_records=session.scalar(reachable) or 0)


def neighbour_hold(session: Session, company_id: int, hold_id: int, *, after: bool) -> int | None:
    """Return the next or previous open hold in the cause's group, 0 at the end, None if unknown.

    A closed hold still has its position among the others.
    """
    cause = session.scalar(
        select(Hold.cause_id).where(Hold.id == hold_id, Hold.company_id == company_id)
    )
    if cause is None:
        return None
    query = select(Hold.id).where(Hold.company_id == company_id, Hold.cause_id == cause, HOLD_OPEN)
    if after:
        query = query.where(Hold.id > hold_id).order_by(Hold.id)
    else:
        query = query.where(Hold.id < hold_id).order_by(Hold.id.desc())
    return session.scalar(query.limit(1)) or 0
