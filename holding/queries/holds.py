"""The holding area as rows: totals, facets, groups by cause, their members.

Here: reads only, one statement a question, paged by key. Not here: one hold with all beside it (hold.py).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from holding.entries import table_and_key
from holding.models import (
    Cause,
    Connection,
    Hold,
    Person,
    Posting,
    Record,
    Team,
    TeamMember,
    Version,
)

APPROVAL_CODE = "APP01"
GROUPS_A_PAGE = 50
MEMBERS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person wants to see; an empty part asks nothing."""

    view: str = "todo"  # todo | mine | approve
    classes: tuple[str, ...] = ()
    teams: tuple[int, ...] = ()
    text: str = ""
    person_id: int | None = None
    my_teams: tuple[int, ...] = field(default=())

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        return bool(self.classes) + bool(self.teams) + bool(self.text)


@dataclass(frozen=True, slots=True)
class Totals:
    """Each record once: how many, their money, how many have several causes or another currency."""

    records: int
    book: int
    several: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Tabs:
    """The counts of the tabs, of records (of postings for `uncertain`)."""

    todo: int
    mine: int
    approve: int
    uncertain: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One word of a facet with what it holds."""

    word: str
    title: str
    records: int
    book: int


@dataclass(frozen=True, slots=True)
class Group:
    """A cause with the records it blocks, each once."""

    id: int
    error_class: str
    key: str
    label: str
    rule: str
    team: str | None
    records: int
    book: int
    since: datetime
    members: tuple["Member", ...] | None = None
    more: int | None = None  # the hold to go on after, when there are more

    @property
    def table(self) -> str | None:
        """The mapping table in which its key is missing, if that is the cause."""
        return table_and_key(self.key)[0] if self.error_class == "mapping_missing" else None

    @property
    def value(self) -> str:
        """The key that is missing there."""
        return table_and_key(self.key)[1]

    @property
    def approval(self) -> bool:
        """Whether the group waits for a consent rather than for a change."""
        return self.key.startswith("approve:")


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
    state: str


@dataclass(frozen=True, slots=True)
class ClosedHold:
    """A hold that ended, and how."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    error_class: str
    message: str
    state: str
    why: str | None
    by: str | None
    opened_at: datetime
    closed_at: datetime
    amount: int | None
    currency: str


def my_teams(session: Session, company_id: int, person_id: int) -> tuple[int, ...]:
    """The teams of the company that the person is in."""
    return tuple(
        session.scalars(
            select(Team.id)
            .join(TeamMember, TeamMember.team_id == Team.id)
            .where(Team.company_id == company_id, TeamMember.person_id == person_id)
        )
    )


def totals(session: Session, company_id: int, wanted: Filter) -> Totals:
    """The line under the heading."""
    each = (
        select(
            Hold.record_id,
            func.max(Hold.book).label("book"),
            func.count(func.distinct(Hold.cause_id)).label("causes"),
        )
        .where(*_terms(company_id, wanted))
        .group_by(Hold.record_id)
        .subquery()
    )
    row = session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(each.c.book), 0),
            func.coalesce(func.sum(case((each.c.causes > 1, 1), else_=0)), 0),
            func.coalesce(func.sum(case((each.c.book.is_(None), 1), else_=0)), 0),
        ).select_from(each)
    ).one()
    return Totals(*(int(n) for n in row))


def tabs(session: Session, company_id: int, wanted: Filter) -> Tabs:
    """The counts of the tabs, whatever is filtered."""

    def records_where(term: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(func.distinct(case((term, Hold.record_id))))

    uncertain = (
        select(func.count())
        .where(Posting.company_id == company_id, Posting.state == "uncertain")
        .scalar_subquery()
    )
    row = session.execute(
        select(
            func.count(func.distinct(Hold.record_id)),
            records_where(_mine(wanted)),
            records_where(Hold.code == APPROVAL_CODE),
            uncertain,
        ).where(Hold.company_id == company_id, Hold.state == "open")
    ).one()
    return Tabs(*row)


def classes(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Error classes of the view, most money first."""
    rows = session.execute(_facet(company_id, wanted, Hold.error_class))
    return tuple(Facet(word, word, int(n), int(book)) for word, n, book in rows)


def owners(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Teams of the view, most money first."""
    each = _facet(company_id, wanted, Hold.team_id).subquery()
    rows = session.execute(
        select(each.c[0], Team.name, each.c[1], each.c[2])
        .outerjoin(Team, Team.id == each.c[0])
        .order_by(each.c[2].desc())
    )
    return tuple(
        Facet(str(team or 0), name or "Nobody", int(n), int(book)) for team, name, n, book in rows
    )


def groups(
    session: Session, company_id: int, wanted: Filter, after: tuple[int, int] | None = None
) -> tuple[Group, ...]:
    """Causes with the records they block, worst money first; one more than a page when there is more."""
    each = (
        select(
            Hold.cause_id,
            Hold.record_id,
            func.coalesce(func.max(Hold.book), 0).label("book"),
            func.min(Hold.opened_at).label("since"),
        )
        .where(*_terms(company_id, wanted))
        .group_by(Hold.cause_id, Hold.record_id)
        .subquery()
    )
    money = func.sum(each.c.book)
    summed = (
        select(
            each.c.cause_id,
            func.count().label("records"),
            money.label("book"),
            func.min(each.c.since).label("since"),
        )
        .group_by(each.c.cause_id)
        .order_by(money.desc(), each.c.cause_id)
        .limit(GROUPS_A_PAGE + 1)
    )
    if after is not None:
        summed = summed.having(or_(money < after[0], and_(money == after[0], each.c.cause_id > after[1])))
    top = summed.subquery()
    rows = session.execute(
        select(
            Cause.id,
            Cause.error_class,
            Cause.key,
            Cause.label,
            Cause.rule,
            Team.name,
            top.c.records,
            top.c.book,
            top.c.since,
        )
        .join(top, top.c.cause_id == Cause.id)
        .outerjoin(Team, Team.id == Cause.team_id)
        .order_by(top.c.book.desc(), Cause.id)
    )
    return tuple(Group(*row) for row in rows)


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
        _member_columns()
        .where(*_terms(company_id, wanted), Hold.cause_id == cause_id)
        .order_by(Hold.id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(Hold.id > after)
    return tuple(Member(*row) for row in session.execute(query))


def chosen(
    session: Session, company_id: int, *, postings: tuple[int, ...] = (), cause_id: int | None = None
) -> tuple[Member, ...]:
    """Open holds that wait for a consent: of these postings, or all of a cause; at most 501."""
    query = _member_columns().where(
        Hold.company_id == company_id, Hold.state == "open", Hold.code == APPROVAL_CODE
    )
    term = Hold.cause_id == cause_id if cause_id is not None else Hold.posting_id.in_(postings)
    return tuple(Member(*row) for row in session.execute(query.where(term).order_by(Hold.id).limit(501)))


def closed(session: Session, company_id: int, after: int | None = None) -> tuple[ClosedHold, ...]:
    """Holds that ended, newest first."""
    query = (
        select(
            Hold.id,
            Hold.number,
            Connection.name,
            Record.type,
            Record.external_id,
            Hold.error_class,
            Hold.message,
            Hold.state,
            Hold.closed_why,
            Person.name,
            Hold.opened_at,
            Hold.closed_at,
            Record.amount,
            Record.currency,
        )
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Person, Person.id == Hold.closed_by_id)
        .where(Hold.company_id == company_id, Hold.state != "open")
        .order_by(Hold.closed_at.desc(), Hold.id.desc())
        .limit(GROUPS_A_PAGE)
    )
    if after is not None:
        last = select(Hold.closed_at).where(Hold.id == after).scalar_subquery()
        query = query.where(
            or_(Hold.closed_at < last, and_(Hold.closed_at == last, Hold.id < after))
        )
    return tuple(ClosedHold(*row) for row in session.execute(query))


def _member_columns() -> Select[Any]:
    return (
        select(
            Hold.id,
            Hold.cause_id,
            Record.number,
            Connection.name,
            Record.type,
            Record.external_id,
            Version.no,
            Record.party,
            Hold.doc_type,
            Record.amount,
            Record.currency,
            Hold.opened_at,
            Hold.message,
            Hold.posting_id,
            Posting.hash,
            Record.state,
        )
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
    )


def _facet(company_id: int, wanted: Filter, column: Any) -> Select[Any]:
    """Records and money by a word of the holds, each record once a word."""
    each = (
        select(
            column.label("word"),
            Hold.record_id,
            func.coalesce(func.max(Hold.book), 0).label("book"),
        )
        .where(*_terms(company_id, Filter(wanted.view, person_id=wanted.person_id, my_teams=wanted.my_teams)))
        .group_by(column, Hold.record_id)
        .subquery()
    )
    money = func.sum(each.c.book)
    return select(each.c.word, func.count(), money).group_by(each.c.word).order_by(money.desc())


def _terms(company_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    terms: list[ColumnElement[bool]] = [Hold.company_id == company_id, Hold.state == "open"]
    if wanted.view == "mine":
        terms.append(_mine(wanted))
    if wanted.view == "approve":
        terms.append(Hold.code == APPROVAL_CODE)
    if wanted.classes:
        terms.append(Hold.error_class.in_(wanted.classes))
    if wanted.teams:
        nobody = Hold.team_id.is_(None) if 0 in wanted.teams else Hold.team_id.in_(wanted.teams)
        terms.append(or_(Hold.team_id.in_(wanted.teams), nobody))
    if wanted.text:
        terms.append(_contains(company_id, wanted.text))
    return terms


def _mine(wanted: Filter) -> ColumnElement[bool]:
    return or_(
        Hold.person_id == wanted.person_id,
        and_(Hold.person_id.is_(None), Hold.team_id.in_(wanted.my_teams)),
    )


def _contains(company_id: int, text: str) -> ColumnElement[bool]:
    found = select(Record.id).where(
        Record.company_id == company_id,
        or_(
            Record.number.icontains(text, autoescape=True),
            Record.party.icontains(text, autoescape=True),
        ),
    )
    causes = select(Cause.id).where(
        Cause.company_id == company_id, Cause.label.icontains(text, autoescape=True)
    )
    return or_(Hold.record_id.in_(found), Hold.cause_id.in_(causes))
