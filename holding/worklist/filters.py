"""The holding area in numbers: totals, tabs and facets under the filter that a person chose.

Here: the filter and its terms in SQL, counts, one statement a question, and the holds that a filter
finds at one moment, so that an act over them knows what was looked at. Not here: the lists
(groups.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import Session

from connectors.contract.errors import failure_word
from holding.exceptions.bulk_acts import MOST
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.store.sums import most_first, of_held
from holding.tables import Cause, Hold, Posting, Record, Team, TeamMember
from holding.tables.decisions import HOLD_OPEN
from holding.words import Sums, by_key
from rules.outcomes.outcome import NEEDS_APPROVAL
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person wants to see; an empty part asks nothing."""

    view: str = "todo"  # todo | mine | approve | snoozed | all
    classes: tuple[str, ...] = ()
    teams: tuple[int, ...] = ()
    people: tuple[int, ...] = ()  # who took it; 0 = nobody did
    causes: tuple[int, ...] = ()
    text: str = ""
    person_id: int | None = None

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        return sum(map(bool, (self.classes, self.teams, self.people, self.causes, self.text)))


def terms(company_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """The terms of a filter over open holds."""
    terms: list[ColumnElement[bool]] = [Hold.company_id == company_id, HOLD_OPEN]
    if wanted.view == "mine":
        terms.append(mine(wanted))
    if wanted.view == "approve":
        terms.append(Hold.code == NEEDS_APPROVAL)
    if wanted.view == "todo":
        terms.append(Hold.snoozed_until.is_(None))
    if wanted.view == "snoozed":
        terms.append(Hold.snoozed_until.is_not(None))
    if wanted.people:
        nobody = Hold.person_id.is_(None) if 0 in wanted.people else false()
        terms.append(or_(Hold.person_id.in_(wanted.people), nobody))
    if wanted.causes:
        terms.append(Hold.cause_id.in_(wanted.causes))
    if wanted.classes:
        terms.append(Hold.error_class.in_(wanted.classes))
    if wanted.teams:
        nobody = Hold.team_id.is_(None) if 0 in wanted.teams else Hold.team_id.in_(wanted.teams)
        terms.append(or_(Hold.team_id.in_(wanted.teams), nobody))
    if wanted.text:
        terms.append(_contains(company_id, wanted.text))
    return terms


def mine(wanted: Filter) -> ColumnElement[bool]:
    """Holds given to the person, or to nobody in one of their teams."""
    my_teams = select(TeamMember.team_id).where(TeamMember.person_id == wanted.person_id)
    return or_(
        Hold.person_id == wanted.person_id,
        and_(Hold.person_id.is_(None), Hold.team_id.in_(my_teams)),
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


@dataclass(frozen=True, slots=True)
class FrozenHold:
    """One hold as it was looked at."""

    id: int
    lock: int
    version_id: int | None
    record_id: int
    number: str
    party: str
    amount: int | None
    currency: str
    cause: str
    opened_at: datetime
    code: str


HOLD = Columns(
    FrozenHold(
        id=of(Hold.id),
        lock=of(Hold.lock),
        version_id=of(Record.version_id),
        record_id=of(Record.id),
        number=of(Record.number),
        party=of(Record.party),
        amount=of(Record.amount),
        currency=of(Record.currency),
        cause=of(Cause.label),
        opened_at=of(Hold.opened_at),
        code=of(Hold.code),
    ),
    {"cause": "cause.label"},
)


def rows(session: Session, company_id: int, wanted: Filter) -> tuple[FrozenHold, ...]:
    """What a filter finds, oldest first; one more than an act takes says that there are more."""
    query = _columns().where(*terms(company_id, wanted)).order_by(Hold.opened_at, Hold.id)
    return HOLD.each(session.execute(query.limit(MOST + 1)))


def these(session: Session, company_id: int, ids: Sequence[int]) -> tuple[FrozenHold, ...]:
    """The open ones of these holds."""
    mine = (Hold.company_id == company_id, HOLD_OPEN, bulk.among(Hold.id, ids))
    query = _columns().where(*mine).order_by(Hold.opened_at, Hold.id)
    return HOLD.each(session.execute(query))


def _columns() -> Select[Any]:
    return (
        HOLD.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Cause, Cause.id == Hold.cause_id)
    )


@dataclass(frozen=True, slots=True)
class Totals:
    """Each record once: how many, their money, how many have several causes; and how many are not
    in that sum, because they have no amount.
    """

    records: int
    money: Sums
    several: int
    blank: int


@dataclass(frozen=True, slots=True)
class Tabs:
    """The counts of the tabs, of records (of postings for `uncertain`)."""

    todo: int
    mine: int
    approve: int
    snoozed: int
    uncertain: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One word of a facet with what it holds; `under`: the heading it stands under."""

    word: str
    title: str
    records: int
    money: Sums
    under: str = ""


def totals(session: Session, company_id: int, wanted: Filter) -> Totals:
    """The line under the heading."""
    single = (
        select(
            Hold.record_id,
            func.max(Hold.book).label("book"),
            func.count(func.distinct(Hold.cause_id)).label("causes"),
        )
        .where(*terms(company_id, wanted))
        .group_by(Hold.record_id)
        .subquery()
    )
    currency, minor = of_held(single)
    rows = session.execute(
        select(
            currency,
            func.count().label("records"),
            func.sum(minor).label("minor"),
            _how_many(single.c.causes > 1).label("several"),
            _how_many(minor.is_(None)).label("blank"),
        )
        .join_from(single, Record, Record.id == single.c.record_id)
        .group_by(currency)
    ).all()
    return Totals(
        records=sum(row.records for row in rows),
        money=by_key((None, row.currency, row.minor) for row in rows).get(None, {}),
        several=sum(int(row.several) for row in rows),
        blank=sum(int(row.blank) for row in rows),
    )


def tabs(session: Session, company_id: int, wanted: Filter) -> Tabs:
    """The counts of the tabs, whatever is filtered."""

    def records_where(term: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(func.distinct(case((term, Hold.record_id))))

    uncertain = (
        select(func.count())
        .where(Posting.company_id == company_id, Posting.state == PostingState.UNCERTAIN)
        .scalar_subquery()
    )
    row = session.execute(
        select(
            records_where(Hold.snoozed_until.is_(None)).label("todo"),
            records_where(mine(wanted)).label("mine"),
            records_where(Hold.code == NEEDS_APPROVAL).label("approve"),
            records_where(Hold.snoozed_until.is_not(None)).label("snoozed"),
            uncertain.label("uncertain"),
        ).where(Hold.company_id == company_id, HOLD_OPEN)
    ).one()
    return Tabs(
        todo=row.todo,
        mine=row.mine,
        approve=row.approve,
        snoozed=row.snoozed,
        uncertain=row.uncertain,
    )


def classes(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Error classes of the view, most money first."""
    found = _facet(session, company_id, wanted, Hold.error_class, Hold.error_class)
    return tuple(
        Facet(word, title, records, money, failure_word(word))
        for word, title, records, money in found
    )


def owners(session: Session, company_id: int, wanted: Filter) -> tuple[Facet, ...]:
    """Teams of the view, most money first."""
    name = select(Team.shown).where(Team.id == Hold.team_id).correlate(Hold).scalar_subquery()
    found = _facet(session, company_id, wanted, Hold.team_id, name)
    return tuple(
        Facet(word=str(team or 0), title=title or "Nobody", records=records, money=money)
        for team, title, records, money in found
    )


def _how_many(term: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((term, 1), else_=0)), 0)


def _facet(
    session: Session, company_id: int, wanted: Filter, column: Any, title: Any
) -> list[tuple[Any, Any, int, Sums]]:
    """Records and money by a word of the holds, each record once a word; most money first."""
    single = (
        select(
            column.label("word"),
            func.max(title).label("title"),
            Hold.record_id,
            func.max(Hold.book).label("book"),
        )
        .where(*terms(company_id, Filter(wanted.view, person_id=wanted.person_id)))
        .group_by(column, Hold.record_id)
        .subquery()
    )
    currency, minor = of_held(single)
    rows = session.execute(
        select(single.c.word, single.c.title, currency, func.count(), func.sum(minor))
        .join_from(single, Record, Record.id == single.c.record_id)
        .group_by(single.c.word, single.c.title, currency)
    ).all()
    money = by_key((word, code, found) for word, _, code, _, found in rows)
    records, titles = Counter[Any](), {word: title for word, title, *_ in rows}
    for word, _, _, count, _ in rows:
        records[word] += count
    found = [(word, titles[word], count, money.get(word, {})) for word, count in records.items()]
    return sorted(found, key=lambda one: (*most_first(one[3]), one[0] is None, one[0]))
