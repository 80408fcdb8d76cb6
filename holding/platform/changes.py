"""Mark records due again after a change, in the transaction of that change."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.models import (
    Cause,
    Company,
    Connection,
    Evaluation,
    Hold,
    LinkKey,
    Posting,
    PostingUse,
    Push,
    Reading,
    Record,
    Release,
    Revision,
    Team,
    Version,
    WakeMark,
)
from holding.db.models.columns import NOW, PushState, RecordState, among_words
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import CHANGES, LEFT_OUT_STATES, NONE_TO_COME, UNSENT_STATES
from holding.db.models.records import RECORD_OPEN
from holding.platform.events import Fact, record_events
from holding.platform.states import END_OF_IDS, MOST_COUNTED, NUMBER_USED
from rules.decisions.posted_documents import NUMBER_REUSE_CODE as TAKEN_BACK
from rules.facts import PostingFact
from rules.values.canonical import PostingState, read_only
from rules.values.cause_keys import CauseKey

_OF_COMPANY = Company.id == bindparam("company")

_LAST = select(Company.revision).where(_OF_COMPANY).with_for_update(key_share=True)

_COUNT_UP = update(Company).where(_OF_COMPANY).values(revision=bindparam("next"))

_THESE = select(Record.id).where(bulk.among_given(Record.id, "ids"))

_LETTING_GO = _THESE.where(
    or_(
        Record.lease_until.is_not(None),
        exists().where(Posting.record_id == Record.id, Posting.state == PostingState.READY),
    )
)

_HELD_FOR_NUMBERS = (
    select(Hold.record_id)
    .where(Hold.company_id == bindparam("company"), Hold.code == NUMBER_USED, HOLD_OPEN)
    .where(bulk.among_given(Hold.number, "numbers"))
)

_RECORDS_OF_CAUSE = select(Hold.record_id).where(Hold.cause_id == bindparam("cause"), HOLD_OPEN)

_OPEN = select(Record.id).where(Record.company_id == bindparam("company"), RECORD_OPEN)

PLANNED_CHANGE = and_(Posting.state == PostingState.POSTED, among_words(Posting.action, CHANGES))
"""A document that is posted and was last planned to be changed or made void; it may be so by now.
"""

UNSENT = or_(
    Posting.state.in_(UNSENT_STATES),
    and_(
        PLANNED_CHANGE,
        exists().where(Push.id == Posting.posted_push_id, Push.hash != Posting.hash),
    ),
)
"""What is not sent as it stands now: a document, or a change of one that is posted."""

_CHANGE_DUE = and_(
    Posting.state == PostingState.POSTED, Posting.due_at.is_not(None), Posting.lease_until.is_(None)
)

_CHANGE_LEASED = and_(Posting.state == PostingState.POSTED, Posting.lease_until.is_not(None))
"""A change of a posted document that is not sent yet: it is due, or a worker is about to send it.

Two, so that each finds its rows by an index of its own.
"""

_CHANGED = (
    select(Posting.record_id)
    .join(Connection, Connection.id == Posting.connection_id)
    .where(Connection.company_id == bindparam("company"))
)

_LEFT_OUT = select(Posting.record_id).where(
    Posting.company_id == bindparam("company"), among_words(Posting.state, LEFT_OUT_STATES)
)

_UNSENT = union_all(_OPEN, _LEFT_OUT, _CHANGED.where(_CHANGE_DUE), _CHANGED.where(_CHANGE_LEASED))

_other = aliased(LinkKey)

_shared = and_(
    LinkKey.company_id == _other.company_id,
    LinkKey.name == _other.name,
    LinkKey.value == _other.value,
    LinkKey.record_id != _other.record_id,
)

_SHARING = (
    select(_other.record_id)
    .join(LinkKey, _shared)
    .where(bulk.among_given(LinkKey.record_id, "ids"))
)
"""The records that share a value with these, in the same company and under the same name."""

_SHARING_AND_HELD = _SHARING.join(Record, Record.id == _other.record_id).where(
    Record.state == RecordState.HELD
)

_JOINED_BY_LINKS = _SHARING.where(LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True))

_mine = aliased(Record)

_changes = exists().where(Posting.record_id == Record.id, or_(_CHANGE_DUE, _CHANGE_LEASED))

_RECORDS_OF_FAMILIES = (
    select(Record.id)
    .join(_mine, and_(_mine.company_id == Record.company_id, _mine.family == Record.family))
    .where(bulk.among_given(_mine.id, "ids"), Record.id != _mine.id)
    .where(or_(RECORD_OPEN, _changes))
)

TURNS: Final = 20  # of one sweep

LOOKS: Final = 10  # of one turn, each at MOST, as long as it finds fewer than MOST records

_FIRST: Final = select(WakeMark.id).order_by(WakeMark.id).limit(1)

_CONTENT = ("fields", "lines", "amount")

Decided = Mapping[int, Mapping[str, str]]  # record id -> route -> who decides, by which rule

_HOLDS_OF_POSTINGS = (
    select(Posting.family, Posting.record_id, Posting.route, Team.name.label("team"), Hold.rule)
    .join(
        Hold,
        (Hold.record_id == Posting.record_id)
        & (Hold.route == Posting.route)
        & (Hold.seq == Posting.seq),
    )
    .join(Team, Team.id == Hold.team_id)
    .where(bulk.among_given(Posting.id, "ids"), HOLD_OPEN, Hold.severity != "warn")
    .order_by(Hold.id.desc())
)

_TAKEN_BACK_AT = (
    select(Push.family, func.max(Push.closed_at).label("at"))
    .join(Posting, Posting.id == Push.posting_id)
    .where(bulk.among_given(Push.family, "families"), Push.state == PushState.ACCEPTED)
    .where(or_(Push.action == "void", Posting.reverses_id.is_not(None)))
    .group_by(Push.family)
)

_sent = aliased(Push)

_version = func.coalesce(Evaluation.version_id, Posting.version_id)

_changed = and_(Posting.sent_at.is_not(None), _version != Record.version_id)


@read_only(frozen=True, slots=True, kw_only=True)
class PostingRow:
    """A posting of the record as it was when the facts were read."""

    id: int
    record_id: int
    family: int
    route: str
    seq: int
    state: PostingState
    lock: int
    number: str
    action: str
    hash: str
    content: Mapping[str, Any] | None
    bills: list[list[str]] | None
    version_id: int
    version_no: int
    revision: int
    tries: int
    due_at: datetime | None
    finished_at: datetime | None
    withdrawn: bool
    standing: Mapping[str, Any] | None  # what stands in the target, by which action and hash
    standing_action: str
    standing_hash: str
    standing_at: datetime | None  # since when it is posted
    sent_body: Mapping[str, Any] | None  # the record as it was sent, where it is another now
    e_invoice_at: datetime | None
    reverses_id: int | None
    reading: Mapping[str, Any] | None  # what was last seen of it in the target, and when that was
    reading_at: datetime | None
    reason: str

    def tried(self, hash_: str) -> int:
        """Return how often this content was sent; 0 for other content."""
        return self.tries if self.hash == hash_ else 0

    @property
    def takes_back(self) -> bool:
        """Return whether it will reverse what the target has: its own document or the one it
        reverses.
        """
        if self.reverses_id is not None:
            return self.state not in {PostingState.DROPPED, PostingState.IGNORED}
        return self.action == "void" and self.hash != self.standing_hash

    def fact(self) -> PostingFact:
        """Return the part of the posting that rules may read."""
        posted_content = self.standing
        content = (
            {p: posted_content[p] for p in _CONTENT if p in posted_content}
            if posted_content
            else None
        )
        billed = self.bills if self.state not in UNSENT_STATES else None
        return PostingFact(
            self.route,
            self.seq,
            self.state,
            self.number,
            self.version_no,
            content,
            self.sent_body,
            billed={key: Decimal(quantity) for key, quantity in billed or ()},
            e_invoice_at=self.e_invoice_at,
        )


_POSTING = Columns(
    PostingRow(
        id=of(Posting.id),
        record_id=of(Posting.record_id),
        family=of(Posting.family),
        route=of(Posting.route),
        seq=of(Posting.seq),
        state=of(Posting.state),
        lock=of(Posting.lock),
        number=of(Posting.number),
        action=of(Posting.action),
        hash=of(Posting.hash),
        content=of(Posting.content),
        bills=of(Posting.bills),
        version_id=of(_version.label("version_id")),
        version_no=of(Version.no),
        revision=of(Posting.revision),
        tries=of(Posting.tries),
        due_at=of(Posting.due_at),
        finished_at=of(Posting.finished_at),
        withdrawn=of(Posting.withdrawn),
        standing=of(Push.content),
        standing_action=of(func.coalesce(Push.action, "create").label("standing_action")),
        standing_hash=of(func.coalesce(Push.hash, "").label("standing_hash")),
        standing_at=of(Push.closed_at),
        sent_body=of(case((_changed, Version.body)).label("sent_body")),
        e_invoice_at=of(Posting.e_invoice_at),
        reverses_id=of(Posting.reverses_id),
        reading=of(Reading.body),
        reading_at=of(Reading.at),
        reason=of(Posting.reason),
    ),
    {"standing": "push.content", "standing_at": "push.closed_at", "reading": "reading.body"},
)

_READ = (
    _POSTING.select()
    .outerjoin(_sent, _sent.id == func.coalesce(Posting.posted_push_id, Posting.push_id))
    .outerjoin(Evaluation, Evaluation.id == _sent.evaluation_id)
    .join(Version, Version.id == _version)
    .join(Record, Record.id == Posting.record_id)
    .outerjoin(Push, Push.id == Posting.posted_push_id)
    .outerjoin(Reading, Reading.id == Posting.reading_id)
    .order_by(Posting.id)
)

_relatives = select(Record.id).where(
    Record.company_id == bindparam("company"), bulk.among_given(Record.family, "families")
)

_POSTINGS_OF_FAMILIES = _READ.where(Posting.record_id.in_(_relatives))

_OF_RECORDS = _READ.where(bulk.among_given(Posting.record_id, "ids"))


def lock_company(session: Session, company_id: int) -> Company:
    """Return the company's row, locked against publishing, fixes and settings."""
    return session.get_one(
        Company, company_id, with_for_update={"key_share": True}, populate_existing=True
    )


def next_revision(
    session: Session,
    company_id: int,
    kind: str,
    what: str,
    *,
    person_id: int | None,
    reason: str | None,
    now: datetime,
) -> int:
    """Lock the company, increment its revision and store what changed."""
    number = session.execute(_LAST, {"company": company_id}).scalar_one() + 1
    session.execute(_COUNT_UP, {"company": company_id, "next": number})
    session.add(
        Revision(
            company_id=company_id,
            no=number,
            kind=kind,
            at=now,
            person_id=person_id,
            reason=reason,
            what=what,
        )
    )
    session.flush()
    return number


def read_back_now(session: Session, posting_ids: Sequence[int], now: datetime) -> int:
    """Make these documents due for reading; return how many are still posted."""
    if not posting_ids:
        return 0
    woken = session.execute(
        update(Posting)
        .where(Posting.id.in_(posting_ids), Posting.state == PostingState.POSTED)
        .values(read_due_at=now)
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return len(woken.all())


def wake_records(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make these records due; return how many."""
    if not record_ids:
        return 0
    return _set_due(session, _THESE, now, ids=list(record_ids))


def _set_due(
    session: Session,
    records: Select[int] | CompoundSelect[int],
    now: datetime,
    *,
    forget_crashes: bool = False,
    **values: int | list[int] | list[str],
) -> int:
    """Set the due time to now unless it is earlier. Rows are locked in id order."""
    session.flush()
    waking = _waking(records, forget_crashes=forget_crashes)
    return len(session.execute(waking, {"now": now, **values}).all())


@cache
def _waking(records: Select[int] | CompoundSelect[int], *, forget_crashes: bool) -> Executable:
    locked = select(Record.id).where(Record.id.in_(records)).order_by(Record.id)
    later = or_(Record.due_at.is_(None), Record.due_at > NOW)
    values: dict[str, Any] = {"due_at": case((later, NOW), else_=Record.due_at)}
    if forget_crashes:
        values["crashes"] = 0
    return (
        update(Record)
        .where(Record.id.in_(locked.with_for_update(key_share=True)))
        .values(values)
        .returning(Record.id)
        .execution_options(synchronize_session=False)
    )


def wake_cause(
    session: Session, cause_key: CauseKey, now: datetime, *, company_id: int, revision: int = 0
) -> int:
    """Make the records held by a cause due. `revision` is stored as the cause's latest change."""
    cause = select(Cause.id).where(Cause.company_id == company_id, Cause.key == cause_key)
    cause_id = session.scalar(cause)
    if cause_id is None:
        return 0
    session.execute(
        update(Cause)
        .where(Cause.id == cause_id, Cause.changed_revision < revision)
        .values(changed_revision=revision)
        .execution_options(synchronize_session=False)
    )
    return _set_due(session, _RECORDS_OF_CAUSE, now, cause=cause_id)


def wake_all_unsent(session: Session, company_id: int, now: datetime) -> int:
    """Make due every record with an unposted document, including those that the rules left out, and
    every posted one with a planned change.

    The new rules may post what the old ones left out, and their crashes are forgotten. A rejection
    by a person still applies.
    """
    return _set_due(session, _UNSENT, now, forget_crashes=True, company=company_id)


def wake_number_users(
    session: Session, company_id: int, numbers: Collection[str], now: datetime
) -> int:
    """Make due the records that are held because another document has one of these numbers."""
    if not numbers:
        return 0
    return _set_due(session, _HELD_FOR_NUMBERS, now, company=company_id, numbers=sorted(numbers))


def wake_linked(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due the held records that share a compared value with these."""
    return _set_due(session, _SHARING_AND_HELD, now, ids=list(record_ids))


def wake_releasable(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make these records due if they are ready, or if a running evaluation may release them."""
    if not record_ids:
        return 0
    return _set_due(session, _LETTING_GO, now, ids=sorted(record_ids))


def wake_relatives(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due the records that a link joins to these, because their evaluation reads them."""
    if not record_ids:
        return 0
    return _set_due(session, _JOINED_BY_LINKS, now, ids=list(record_ids))


def wake_families(session: Session, record_ids: Collection[int], now: datetime) -> int:
    """Make due the other records of these records' families that are not fully sent."""
    if not record_ids:
        return 0
    return _set_due(session, _RECORDS_OF_FAMILIES, now, ids=list(record_ids))


@dataclass(frozen=True, slots=True)
class WakeEvent:
    """The event of each woken record and its author; it serves as the event's actor too."""

    body: Mapping[str, Any]
    person_id: int | None
    name: str
    via: str
    operation_id: str | None


@dataclass(frozen=True, slots=True)
class Reached:
    """The records that a change wakes at once, and the marks for the rest."""

    records: frozenset[int]
    left: tuple[WakeMark, ...]


def wake_newest(
    session: Session, company_id: int, causes: Iterable[int], entries: Iterable[int]
) -> Reached:
    """Return the newest records that wait for these causes or were made with these entries."""
    marks = [
        *(
            WakeMark(company_id=company_id, cause_id=cause_id, below=END_OF_IDS)
            for cause_id in causes
        ),
        *(
            WakeMark(company_id=company_id, entry_id=entry_id, below=END_OF_IDS)
            for entry_id in entries
        ),
    ]
    records = frozenset(key for mark in marks for key in _look(session, mark))
    return Reached(records, tuple(mark for mark in marks if mark.below))


def _look(session: Session, mark: WakeMark) -> set[int]:
    """Return the next records below the mark, and move the mark down; 0 means none are left."""
    query = (
        select(Hold.id.label("number"), Hold.record_id)
        .where(Hold.cause_id == mark.cause_id, HOLD_OPEN, Hold.id < mark.below)
        .order_by(Hold.id.desc())
        if mark.cause_id is not None
        else select(PostingUse.posting_id.label("number"))
        .where(PostingUse.entry_id == mark.entry_id, PostingUse.posting_id < mark.below)
        .order_by(PostingUse.posting_id.desc())
    )
    rows = session.execute(query.limit(MOST_COUNTED)).all()
    numbers = [row.number for row in rows]
    mark.below = numbers[-1] if len(rows) == MOST_COUNTED else 0
    if mark.cause_id is not None:
        return {row.record_id for row in rows}
    unsent = select(Posting.record_id).where(bulk.among(Posting.id, numbers), UNSENT)
    return set(session.scalars(unsent))


def wake_reached(
    session: Session, company_id: int, reached: Reached, wake_event: WakeEvent, now: datetime
) -> None:
    """Wake the reached records and store the marks for the rest."""
    for mark in reached.left:
        mark.told = asdict(wake_event)
    session.add_all(reached.left)
    _wake_with_reason(session, company_id, reached.records, wake_event, now)


def _wake_with_reason(
    session: Session,
    company_id: int,
    records: Collection[int],
    wake_event: WakeEvent,
    now: datetime,
) -> None:
    """Make the records due, each with an event that shows the reason."""
    wake_records(session, sorted(records), now)
    record_events(session, _facts(company_id, records, wake_event, now))


def _facts(
    company_id: int, records: Collection[int], wake_event: WakeEvent, now: datetime
) -> Iterator[Fact]:
    for record_id in sorted(records):
        yield Fact(
            company_id=company_id,
            at=now,
            actor=wake_event,
            act="record.woken",
            record_id=record_id,
            operation_id=wake_event.operation_id,
            body=wake_event.body,
        )


def wake_marked(database: Database, now: datetime) -> int:
    """Process stored marks, oldest first; return how many records were woken."""
    woken = 0
    for _ in range(TURNS):
        with database.read() as session:
            if session.scalar(_FIRST) is None:
                break
        with database.write() as session:
            woken += _turn(session, now)
    return woken


def _turn(session: Session, now: datetime) -> int:
    """Process one transaction's part of the oldest mark."""
    mark = session.scalars(
        select(WakeMark).order_by(WakeMark.id).limit(1).with_for_update()
    ).one_or_none()
    if mark is None:
        return 0
    records: set[int] = set()
    for _ in range(LOOKS):
        records |= _look(session, mark)
        if not mark.below or len(records) >= MOST_COUNTED:
            break
    if not mark.below:
        session.delete(mark)
    _wake_with_reason(session, mark.company_id, records, WakeEvent(**mark.told), now)
    return len(records)


def has_pending_mark() -> ColumnElement[bool]:
    """Return the condition that a posting used an entry that changed and was not yet checked for
    it.
    """
    return exists().where(
        WakeMark.company_id == Posting.company_id,
        WakeMark.below > Posting.id,
        PostingUse.entry_id == WakeMark.entry_id,
        PostingUse.posting_id == Posting.id,
    )


def has_pending(session: Session, company_id: int, entries: Collection[int]) -> bool:
    """Check whether documents of these entries are still to be checked."""
    marks_of_entries = (
        WakeMark.company_id == company_id,
        bulk.among(WakeMark.entry_id, sorted(entries)),
    )
    return (
        session.execute(select(WakeMark.id).where(*marks_of_entries).limit(1)).first() is not None
    )


def decided_of_families(
    session: Session, rows: Sequence[PostingRow], judged: Mapping[int, int]
) -> dict[int, Decided]:
    """Return family -> open decisions about posted documents that others follow.

    `judged` adds new records.
    """
    members: dict[int, set[int]] = defaultdict(set)
    for record_id, family in (*judged.items(), *((row.record_id, row.family) for row in rows)):
        members[family].add(record_id)
    shared_rows = [row for row in rows if len(members[row.family]) > 1]
    posted_rows = {row.id: row for row in shared_rows if row.state == PostingState.POSTED}
    decisions: dict[int, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    if not posted_rows:
        return {}
    for posted_row in (
        posted_rows.get(row.reverses_id or row.id) for row in shared_rows if row.takes_back
    ):
        if posted_row is not None:
            decisions[posted_row.family][posted_row.record_id][posted_row.route] = (
                "about to be taken back"
            )
    for hold in session.execute(_HOLDS_OF_POSTINGS, {"ids": list(posted_rows)}):
        decisions[hold.family][hold.record_id][hold.route] = f"held for {hold.team} ({hold.rule})"
    return {family: dict(records) for family, records in decisions.items()}


def decisions_of_others(decided: Decided, record_id: int) -> dict[str, str]:
    """Return route -> open decision, of all records except this one."""
    decisions: dict[str, str] = {}
    for other_id in sorted(decided, reverse=True):
        if other_id != record_id:
            decisions.update(decided[other_id])
    return decisions


def posted_numbers(
    rows: Sequence[PostingRow],
) -> tuple[dict[int, dict[str, str]], dict[int, dict[str, date]]]:
    """Return for each family by route the posted document's number and the earliest date."""
    numbers: dict[int, dict[str, str]] = defaultdict(dict)
    days: dict[int, dict[str, date]] = defaultdict(dict)
    for row in rows:
        if row.state == PostingState.POSTED:
            numbers[row.family][row.route] = row.number
            day = date.fromisoformat((row.standing or {}).get("date", str(date.max)))
            days[row.family][row.route] = min(day, days[row.family].get(row.route, day))
    return numbers, days


def taken_back_numbers(rows: Sequence[PostingRow]) -> dict[int, dict[str, tuple[str, ...]]]:
    """Return family -> route -> numbers of reversed documents that are not posted again."""
    posted_keys = {(row.family, row.number) for row in rows if row.state == PostingState.POSTED}
    numbers: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for row in rows:
        if row.state == PostingState.REVERSED and (row.family, row.number) not in posted_keys:
            route_numbers = numbers[row.family].get(row.route, ())
            numbers[row.family][row.route] = (*route_numbers, row.number)
    return dict(numbers)


def taken_back_at(
    session: Session, releases: Mapping[int, Sequence[Release]], family_of: Mapping[int, int]
) -> dict[int, datetime]:
    """Return when a document was last reversed, in families where a person decided what follows.

    `releases` and `family_of` are by record.
    """
    decided_records = {
        release.record_id
        for record_releases in releases.values()
        for release in record_releases
        if release.code == TAKEN_BACK
    }
    if not decided_records:
        return {}
    rows = session.execute(
        _TAKEN_BACK_AT,
        {"families": sorted({family_of[record_id] for record_id in decided_records})},
    )
    return {row.family: row.at for row in rows}


def ended_postings(rows: Sequence[PostingRow]) -> dict[int, dict[str, PostingRow]]:
    """Return family -> route -> its last document, where none is posted or will be."""
    ended: dict[int, dict[str, PostingRow]] = defaultdict(dict)
    for row in sorted(rows, key=lambda posting_row: posting_row.state not in NONE_TO_COME):
        if row.state in NONE_TO_COME:
            ended[row.family][row.route] = row
        elif row.family in ended:
            ended[row.family].pop(row.route, None)
    return {family: routes for family, routes in ended.items() if routes}


def postings_of_families(
    session: Session, company_id: int, families: Iterable[int]
) -> list[PostingRow]:
    """Return the postings of all records of these families."""
    parameters = {"company": company_id, "families": sorted(families)}
    return list(_POSTING.each(session.execute(_POSTINGS_OF_FAMILIES, parameters)))


def postings_of_records(session: Session, record_ids: Iterable[int]) -> list[PostingRow]:
    """Return the postings of these records."""
    return list(_POSTING.each(session.execute(_OF_RECORDS, {"ids": sorted(record_ids)})))
