"""Held records grouped by cause, and the members of a group.

Here: lists, paged by key. Not here: totals and facets (filters.py), one hold with all beside it
(hold_detail.py), holds that ended (closed_holds.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, Subquery, func, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.store.together import Question
from holding.tables import Cause, Connection, Hold, Posting, Record, Team, Version
from holding.tables.decisions import HOLD_OPEN
from holding.tables.row_states import RecordState
from holding.tallies import cause_figures
from holding.tallies.tally_figures import Figure
from holding.words import Sums
from holding.worklist import filters
from holding.worklist.filters import Filter, Held, terms
from rules.outcomes.outcome import NEEDS_APPROVAL
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.wording import titled

GROUPS_A_PAGE = 50
GROUPS_BESIDE_OPEN = 30  # one that is open is as long as twenty others
MEMBERS_A_PAGE = 20
APPROVED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Group:
    """A cause with the records it blocks, each once."""

    id: int
    error_class: ErrorClass
    key: CauseKey
    label: str
    rule: str
    team: str | None
    records: int
    book: int  # by which groups are listed: of the company's currency alone
    since: datetime
    money: Sums
    alike: int = 1  # how many causes have that label
    members: tuple["Member", ...] | None = None
    more: int | None = None  # the hold to go on after, when there are more

    @property
    def table(self) -> str | None:
        """The mapping table in which its key is missing, if that is the cause."""
        return self.key.table

    @property
    def value(self) -> str:
        """The key that is missing there."""
        return self.key.entry

    @property
    def period_locked(self) -> bool:
        """Whether the period of its documents is closed, so that another date would do."""
        return self.error_class == "period_locked"

    @property
    def approval(self) -> bool:
        """Whether the group waits for a consent rather than for a change."""
        return self.key.kind is CauseKind.APPROVE

    @property
    def releasable(self) -> bool:
        """Whether people may release any of those shown together; what changed after it was posted
        has its own difference and is decided one by one.
        """
        alone = self.error_class == "stale_version"
        return not alone and any(one.clears.by_people for one in self.members or ())


@dataclass(frozen=True, slots=True)
class Member:
    """One held record in a list."""

    id: int
    cause_id: int
    number: str
    source: str
    kind: str
    external_id: str
    version: int | None
    party: str
    doc_type: str
    amount: int | None
    currency: str
    opened_at: datetime
    message: str
    posting_id: int | None
    posting_hash: str | None
    state: RecordState
    clears: Clearing


_MEMBER = Member(
    id=of(Hold.id),
    cause_id=of(Hold.cause_id),
    number=of(Record.number),
    source=of(Connection.name),
    kind=of(Record.type),
    external_id=of(Record.external_id),
    version=of(Version.no),
    party=of(Record.party),
    doc_type=of(Hold.doc_type),
    amount=of(Record.amount),
    currency=of(Record.currency),
    opened_at=of(Hold.opened_at),
    message=of(Hold.message),
    posting_id=of(Hold.posting_id),
    posting_hash=of(Posting.hash),
    state=of(Record.state),
    clears=of(Hold.clears),
)
_RENAMED = {"source": "connection.name", "kind": "record.type", "version": "version.no"}
MEMBER = Columns(_MEMBER, _RENAMED)
ASKING = Columns(
    replace(
        _MEMBER,
        amount=of(func.coalesce(Posting.amount, Record.amount).label("amount")),
        currency=of(func.coalesce(Posting.currency, Record.currency).label("currency")),
    ),
    _RENAMED,
)
"""The same with the money of the document, which is what would be sent."""


def groups(
    session: Session,
    company_id: int,
    wanted: Filter,
    held: Held,
    after: tuple[int, int] | None = None,
) -> Question[tuple[Group, ...]]:
    """Causes with the records they block, largest amount first; one more than a page for more."""
    if wanted.searched:
        held = filters.one_by_one(session, company_id, wanted, held)
    top, _ = _page(wanted, held, after)
    return (yield from _listed(company_id, wanted, top))


def worst(
    company_id: int, wanted: Filter, held: Held, most: int
) -> Question[tuple[tuple[Group, ...], int]]:
    """The first of them, of a filter without a text, and how many more there are."""
    top, count = _page(wanted, held)
    found = yield from _listed(company_id, wanted, top, most)
    return found, max(0, count - most)


def _listed(
    company_id: int, wanted: Filter, top: Mapping[int, Figure], most: int = GROUPS_A_PAGE + 1
) -> Question[tuple[Group, ...]]:
    """The groups of a page, as many as are wanted; their titles are told apart from all of them."""
    if not top:
        return ()
    columns, query = _asked(company_id, wanted, tuple(top), most)
    known = {group.id: group for group in columns.each((yield query))}
    each = (
        replace(known[i], records=one.records, book=one.money.get("", 0), money=one.money)
        for i, one in top.items()
    )
    return _apart(list(each), most)


@lru_cache(maxsize=128)
def _asked(
    company_id: int, wanted: Filter, ids: tuple[int, ...], most: int
) -> tuple[Columns[Group], Select[Any]]:
    """The statement for these, and what reads its rows: made once, while they stay the same."""
    own = select(Cause.label).where(bulk.among(Cause.id, ids))
    live = (Cause.company_id == company_id, Cause.records > 0, Cause.label.in_(own))
    named = select(Cause.label, func.count().label("alike")).where(*live).group_by(Cause.label)
    alike = named.subquery("named")
    mine = (*terms(company_id, wanted), Hold.cause_id == Cause.id, bulk.among(Cause.id, ids[:most]))
    since = select(func.min(Hold.opened_at)).where(*mine).correlate(Cause).scalar_subquery()
    columns = _group_columns(since, alike)
    query = columns.select().outerjoin(alike, alike.c.label == Cause.label)
    query = query.outerjoin(Team, Team.id == Cause.team_id)
    return columns, query.where(Cause.company_id == company_id, bulk.among(Cause.id, ids))


def _page(
    wanted: Filter, held: Held, after: tuple[int, int] | None = None
) -> tuple[dict[int, Figure], int]:
    """Cause -> the records that it blocks, one more than a page has; and how many there are."""
    rows = held.causes
    if wanted.causes:
        rows = [[one for one in alike if one.cause_id in wanted.causes] for alike in rows]
    asked = filters.asked(held, wanted)
    return cause_figures.worst_causes(rows, asked, GROUPS_A_PAGE + 1, after)


def _apart(found: Sequence[Group], most: int) -> tuple[Group, ...]:
    """The first groups with their titles; where another one that blocks something has the same,
    with what tells this one from it.
    """
    count = Counter(titled(group.label) for group in found)
    return tuple(
        replace(group, label=_title(group, single=count[titled(group.label)] == 1))
        for group in found[:most]
    )


def _title(group: Group, *, single: bool) -> str:
    title = titled(group.label)
    own = group.key.named.replace("_", " ")
    return title if not own or (single and group.alike == 1) else f"{title.rstrip('.')} ({own})"


def members(
    session: Session,
    company_id: int,
    wanted: Filter,
    cause_id: int,
    *,
    after: int | None = None,
    limit: int = MEMBERS_A_PAGE,
) -> tuple[Member, ...]:
    """The holds of one cause, oldest first; one more than asked when there is more."""
    query = (
        _members(MEMBER)
        .where(*terms(company_id, wanted), Hold.cause_id == cause_id)
        .order_by(Hold.id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(Hold.id > after)
    return MEMBER.each(session.execute(query))


def chosen(
    session: Session,
    company_id: int,
    *,
    postings: tuple[int, ...] = (),
    cause_id: int | None = None,
    after: int = 0,
) -> tuple[Member, ...]:
    """Postings that wait for a consent: these, or those of a cause, oldest first, as many as are
    approved at once, of the holds after that one.

    Each with its document's money, which is what would be sent. A posting that asks for several
    levels is listed once.
    """
    query = _members(ASKING).order_by(Hold.id)
    if cause_id is None:
        query = query.where(*_asking(company_id), Hold.posting_id.in_(postings))
    else:
        query = query.where(*_of_cause(company_id, cause_id, after)).limit(APPROVED_AT_ONCE)
    once: dict[int | None, Member] = {}
    for member in ASKING.each(session.execute(query)):
        once.setdefault(member.posting_id, member)
    return tuple(once.values())


def decided(session: Session, company_id: int, postings: Sequence[int]) -> tuple[Member, ...]:
    """Postings that waited for a consent, whatever became of it, by their last hold."""
    query = _members(ASKING).order_by(Hold.id)
    query = query.where(Hold.company_id == company_id, Hold.code == NEEDS_APPROVAL)
    rows = session.execute(query.where(Hold.posting_id.in_(postings)))
    last = {row.posting_id: row for row in ASKING.each(rows)}
    return tuple(sorted(last.values(), key=lambda row: row.id))


def beyond(session: Session, company_id: int, cause_id: int, after: int) -> int:
    """How many of a cause wait for a consent after this hold."""
    count = select(func.count()).select_from(Hold)
    return session.scalar(count.where(*_of_cause(company_id, cause_id, after))) or 0


def _group_columns(since: ScalarSelect[datetime], alike: Subquery) -> Columns[Group]:
    """A group without what it blocks."""
    pattern = Group(
        id=of(Cause.id),
        error_class=of(Cause.error_class),
        key=of(Cause.key),
        label=of(Cause.label),
        rule=of(Cause.rule),
        team=of(Team.shown),
        records=0,
        book=0,
        since=of(since.label("since")),
        money={},
        alike=of(func.coalesce(alike.c.alike, 1).label("alike")),
    )
    return Columns(pattern, {"team": "team.shown"})


def _asking(company_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Hold.company_id == company_id, HOLD_OPEN, Hold.code == NEEDS_APPROVAL)


def _of_cause(company_id: int, cause_id: int, after: int) -> tuple[ColumnElement[bool], ...]:
    return (*_asking(company_id), Hold.cause_id == cause_id, Hold.id > after)


def _members(columns: Columns[Member]) -> Select[Any]:
    return (
        columns.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
    )
