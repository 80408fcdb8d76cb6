"""Documents as they are stored, for whoever judges their records: of a record, of a family.

Here: reading them with what their targets hold of them, what of a family is posted, ended or still
to be decided. Not here: what comes of them (holding/evaluation).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.tables import (
    Evaluation,
    Hold,
    Posting,
    Push,
    Reading,
    Record,
    Release,
    Team,
    Version,
)
from holding.tables.decisions import HOLD_OPEN
from holding.tables.postings import NONE_TO_COME, UNSENT_STATES
from holding.tables.row_states import PushState
from rules.amendments.names_before import CODE as TAKEN_BACK
from rules.facts.world import PostingFact
from rules.values.posting_states import PostingState
from rules.values.read_only import read_only

_CONTENT = ("fields", "lines", "amount")


@read_only(frozen=True, slots=True, kw_only=True)
class PostingRow:
    """A posting of the record as it stood when the facts were read."""

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
        """How often this content was sent; another one was not."""
        return self.tries if self.hash == hash_ else 0

    @property
    def takes_back(self) -> bool:
        """Whether it is to take back what stands in the target: itself, or the one it reverses."""
        if self.reverses_id is not None:
            return self.state not in {PostingState.DROPPED, PostingState.IGNORED}
        return self.action == "void" and self.hash != self.standing_hash

    def fact(self) -> PostingFact:
        """What rules may look at of it."""
        standing = self.standing
        content = {p: standing[p] for p in _CONTENT if p in standing} if standing else None
        sent = self.bills if self.state not in UNSENT_STATES else None
        return PostingFact(
            self.route,
            self.seq,
            self.state,
            self.number,
            self.version_no,
            content,
            self.sent_body,
            billed={key: Decimal(quantity) for key, quantity in sent or ()},
            e_invoice_at=self.e_invoice_at,
        )


Decided = Mapping[int, Mapping[str, str]]  # record id -> route -> who decides, by which rule


def decided_of_families(
    session: Session, rows: Sequence[PostingRow], judged: Mapping[int, int]
) -> dict[int, Decided]:
    """Family -> what is open of posted documents that others follow, also new ones (`judged`)."""
    members: dict[int, set[int]] = defaultdict(set)
    for record_id, family in (*judged.items(), *((row.record_id, row.family) for row in rows)):
        members[family].add(record_id)
    several = [row for row in rows if len(members[row.family]) > 1]
    posted = {row.id: row for row in several if row.state == PostingState.POSTED}
    found: dict[int, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    if not posted:
        return {}
    for one in (posted.get(row.reverses_id or row.id) for row in several if row.takes_back):
        if one is not None:
            found[one.family][one.record_id][one.route] = "about to be taken back"
    for hold in session.execute(_HELD, {"ids": list(posted)}):
        found[hold.family][hold.record_id][hold.route] = f"held for {hold.team} ({hold.rule})"
    return {family: dict(records) for family, records in found.items()}


_HELD = (
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


def by_others(decided: Decided, record_id: int) -> dict[str, str]:
    """Route -> who decides about it, of all records but this one."""
    found: dict[str, str] = {}
    for other_id in sorted(decided, reverse=True):
        if other_id != record_id:
            found.update(decided[other_id])
    return found


def posted(
    rows: Sequence[PostingRow],
) -> tuple[dict[int, dict[str, str]], dict[int, dict[str, date]]]:
    """Of each family by route: the number of what is posted, and the earliest day that it has."""
    numbers: dict[int, dict[str, str]] = defaultdict(dict)
    days: dict[int, dict[str, date]] = defaultdict(dict)
    for row in rows:
        if row.state == PostingState.POSTED:
            numbers[row.family][row.route] = row.number
            day = date.fromisoformat((row.standing or {}).get("date", str(date.max)))
            days[row.family][row.route] = min(day, days[row.family].get(row.route, day))
    return numbers, days


def taken_back(rows: Sequence[PostingRow]) -> dict[int, dict[str, tuple[str, ...]]]:
    """Family -> route -> the numbers of documents that were posted and are not any more."""
    stand = {(row.family, row.number) for row in rows if row.state == PostingState.POSTED}
    found: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for row in rows:
        if row.state == PostingState.REVERSED and (row.family, row.number) not in stand:
            of_route = found[row.family].get(row.route, ())
            found[row.family][row.route] = (*of_route, row.number)
    return dict(found)


def taken_back_at(
    session: Session, releases: Mapping[int, Sequence[Release]], family_of: Mapping[int, int]
) -> dict[int, datetime]:
    """When a document was last taken back in the families of records of which a person has said
    what follows; `releases` and `family_of` are by record.
    """
    said = {one.record_id for own in releases.values() for one in own if one.code == TAKEN_BACK}
    if not said:
        return {}
    rows = session.execute(_TAKEN_BACK_AT, {"families": sorted({family_of[one] for one in said})})
    return {row.family: row.at for row in rows}


def ended(rows: Sequence[PostingRow]) -> dict[int, dict[str, PostingRow]]:
    """Family -> route -> its last document, where none is posted and none will be any more."""
    found: dict[int, dict[str, PostingRow]] = defaultdict(dict)
    for row in sorted(rows, key=lambda one: one.state not in NONE_TO_COME):
        if row.state in NONE_TO_COME:
            found[row.family][row.route] = row
        elif row.family in found:
            found[row.family].pop(row.route, None)
    return {family: routes for family, routes in found.items() if routes}


def of_families(session: Session, company_id: int, families: Iterable[int]) -> list[PostingRow]:
    """Those of all records of these families."""
    given = {"company": company_id, "families": sorted(families)}
    return list(_POSTING.each(session.execute(_OF_FAMILIES, given)))


def of_records(session: Session, record_ids: Iterable[int]) -> list[PostingRow]:
    """Those of these records."""
    return list(_POSTING.each(session.execute(_OF_RECORDS, {"ids": sorted(record_ids)})))


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
_OF_FAMILIES = _READ.where(Posting.record_id.in_(_relatives))
_OF_RECORDS = _READ.where(bulk.among_given(Posting.record_id, "ids"))
