"""Read the figures of the dashboard and of the page frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Row,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.bulk import Columns, of, whole_sum
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import Connection, Hold, Person, Posting, Record, Team
from holding.db.models.columns import RecordState, among_words
from holding.db.models.decisions import HOLD_CLOSED, HOLD_OPEN, is_open
from holding.db.models.postings import BOOKED_STATES
from holding.db.refusal import Sums, added, by_key, most_first
from holding.holds import tally_figures
from holding.holds.shapes import Look
from holding.worklist.filters import Held
from rules.values.canonical import PostingState

_STANDS = Posting.state == PostingState.POSTED
POSTED = ("posted", "reversed")
HELD = ("held", "failed", "uncertain")
IGNORED = ("ignored", "dropped")
DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner who must act: a user, or the team for holds without a user."""

    name: str | None
    records: int
    money: Sums
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Oldest:
    """The hold that waits longest."""

    hold_id: int
    number: str
    owner: str | None
    opened_at: datetime


OLDEST = Columns(
    Oldest(
        hold_id=of(Hold.id),
        number=of(Record.number),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        opened_at=of(Hold.opened_at),
    ),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Records that would have been posted twice, and their amounts."""

    records: int
    money: Sums


@dataclass(frozen=True, slots=True)
class Sum:
    """Records of a period by state; the states add up to `received`.

    `reference` counts records of kinds that no rule posts.
    """

    received: int
    posted: int
    held: int
    waiting: int
    ignored: int
    reference: int


@dataclass(frozen=True, slots=True)
class Day(Sum):
    """The records of one document date."""

    day: date


@dataclass(frozen=True, slots=True)
class Booked:
    """The amounts that the targets have booked for one document date, by document type.

    A document reversed by a credit note is included, because both documents exist. A void document
    is not.
    """

    day: date
    money: dict[str, Sums]


def list_owners(session: Session, company_id: int, open_holds: Held) -> tuple[Owner, ...]:
    """Return the holds by owner, largest amounts first; a record counts once per owner."""
    people = {
        look.person_id
        for tally_row in open_holds.tally.rows
        for look in tally_row.shape.looks
        if look.person_id
    }
    since = load_owners_since(session, company_id, sorted(people))
    names = {key: row.owner for key, row in since.items()}
    figures = tally_figures.figures_by(
        open_holds.tally.rows, lambda _, look: (names.get(_owner(look)),)
    )
    oldest: dict[str | None, datetime] = {}
    for row in since.values():
        oldest[row.owner] = min(oldest.get(row.owner, row.since), row.since)
    rows_of_owners = [
        Owner(name=name, records=figure.records, money=figure.money, oldest=oldest[name])
        for name, figure in figures.items()
    ]
    return tuple(
        sorted(rows_of_owners, key=lambda owner: (*most_first(owner.money), owner.name or ""))
    )


def _owner(look: Look) -> tuple[int | None, int | None]:
    """Return the user, otherwise the team."""
    return look.person_id, None if look.person_id is not None else look.team_id


def load_owners_since(
    session: Session, company_id: int, people: Sequence[int]
) -> dict[tuple[int | None, int | None], Row[Any]]:
    """Return each owner's name and opening time of the oldest hold, by user and team."""
    rows = session.execute(_since(company_id, tuple(people)), execution_options=KEPT)
    return {(row.person_id, row.team_id): row for row in rows if row.since is not None}


@lru_cache(maxsize=256)
def _since(company_id: int, people: tuple[int, ...]) -> CompoundSelect[Any]:
    first = select(func.min(Hold.opened_at)).where(Hold.company_id == company_id, HOLD_OPEN)
    oldest_of_person = first.where(Hold.person_id == Person.id).correlate(Person).scalar_subquery()
    oldest_of_team = select(Hold.opened_at).where(Hold.company_id == company_id, HOLD_OPEN)
    oldest_of_team = oldest_of_team.where(Hold.person_id.is_(None), Hold.team_id == Team.id)
    # in the order of the index: PostgreSQL reads all of a team for the least of them
    oldest_of_team = oldest_of_team.order_by(Hold.person_id, Hold.opened_at).limit(at_most(1))
    team = oldest_of_team.correlate(Team).scalar_subquery()
    none = literal(None, Person.id.type)
    return union_all(
        select(
            Person.id.label("person_id"),
            none.label("team_id"),
            Person.name.label("owner"),
            oldest_of_person.label("since"),
        ).where(bulk.among(Person.id, people)),
        select(none, Team.id, Team.shown, team).where(Team.company_id == company_id),
    )


def load_oldest(session: Session, company_id: int) -> Oldest | None:
    """Return the open hold that waits longest."""
    return OLDEST.first(session.execute(_first_open(company_id), execution_options=KEPT))


@lru_cache(maxsize=256)
def _first_open(company_id: int) -> Select[Any]:
    return (
        OLDEST.select()
        .join(Record, Record.id == Hold.record_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.company_id == company_id, HOLD_OPEN)
        .order_by(Hold.opened_at, Hold.id)
        .limit(at_most(1))
    )


def count_kept_out(
    session: Session, company_id: int, open_holds: Held, since: datetime, books: str
) -> Kept:
    """Return records held as duplicates, or closed as such since a time without a posting."""
    still = tally_figures.total_figure(
        open_holds.tally.rows, lambda look: look.error_class == DUPLICATE
    )
    rows = session.execute(_ended(company_id, since), execution_options=KEPT).all()
    ended = [{"" if code == books else code: int(minor)} for code, _, minor in rows if minor]
    return Kept(
        records=still.records + sum(records for _, records, _ in rows),
        money=added([still.money, *ended]),
    )


@lru_cache(maxsize=256)
def _ended(company_id: int, since: datetime) -> Select[str, int, int | None]:
    """Build the query for closed duplicates by currency, cached because building is slow."""
    other_hold = aliased(Hold)
    still = exists().where(other_hold.record_id == Record.id, is_open(other_hold.state))
    still = still.where(other_hold.error_class == DUPLICATE)
    ended = (
        select(Hold.record_id)
        .where(Hold.company_id == company_id, Hold.closed_at >= since, HOLD_CLOSED)
        .where(Hold.error_class == DUPLICATE)
    )
    return (
        select(Record.currency, func.count(), whole_sum(Record.amount))
        .where(Record.id.in_(ended), Record.state.in_(IGNORED), ~still)
        .group_by(Record.currency)
    )


def count_by_state(
    session: Session, company_id: int, moment: datetime, last: date, count: int = 14
) -> tuple[Sum, tuple[Day, ...]]:
    """Return records by state: those first seen since a time, and by the last document days."""
    first = last - timedelta(days=count - 1)
    states_by_day: dict[date | None, dict[str, int]] = {}
    for row in session.execute(_standing(company_id, moment, first, last), execution_options=KEPT):
        states_by_day.setdefault(row.day, {})[row.state] = row.records
    days = [first + timedelta(days=n) for n in range(count)]
    return (
        Sum(**_summed(states_by_day.get(None, {}))),
        tuple(Day(day=day, **_summed(states_by_day.get(day, {}))) for day in days),
    )


@lru_cache(maxsize=256)
def _standing(company_id: int, moment: datetime, first: date, last: date) -> CompoundSelect[Any]:
    seen_since = (
        select(cast(null(), Date).label("day"), Record.state, func.count().label("records"))
        .where(Record.company_id == company_id, Record.seen_at >= moment)
        .group_by(Record.state)
    )
    dated = (
        select(Record.doc_date, Record.state, func.count())  # day, state, records as above
        .where(Record.company_id == company_id, Record.doc_date >= first, Record.doc_date <= last)
        .group_by(Record.doc_date, Record.state)
    )
    return union_all(seen_since, dated)


def load_booked(
    session: Session, company_id: int, last: date, count: int = 14
) -> tuple[Booked, ...]:
    """Return the booked amounts for each of the last `count` document dates."""
    first = last - timedelta(days=count - 1)
    own_targets = (Connection.company_id == company_id, Connection.side == "target")
    targets = sorted(
        session.scalars(select(Connection.id).where(*own_targets), execution_options=KEPT)
    )
    rows = session.execute(_booked(tuple(targets), first, last), execution_options=KEPT)
    amounts = [
        ((day, doc_type), code, minor)
        for _, day, doc_type, currency, book, amount in rows
        for code, minor in (("", book), (currency or "", amount))
    ]
    money_by_day: dict[date, dict[str, Sums]] = {
        first + timedelta(days=n): {} for n in range(count)
    }
    for (day, doc_type), money in by_key(amounts).items():
        money_by_day[day][doc_type] = money
    return tuple(Booked(day, money) for day, money in money_by_day.items())


@lru_cache(maxsize=256)
def _booked(
    targets: tuple[int, ...], first: date, last: date
) -> Select[int, date | None, str, str, int | None, Any]:
    """Return the query for the booked amounts of these targets.

    It names the targets by id, so that PostgreSQL uses the index of postings by target.
    """
    place = (Posting.connection_id, Posting.doc_date, Posting.doc_type)
    foreign = case((Posting.book.is_(None), Posting.amount))
    return (
        select(*place, Posting.currency, whole_sum(Posting.book), whole_sum(foreign))
        .where(Posting.connection_id.in_(targets), Posting.doc_date.between(first, last))
        .where(among_words(Posting.state, BOOKED_STATES), or_(_STANDS, is_reversed_there()))
        .group_by(*place, Posting.state, Posting.currency)  # by its index: nothing is sorted
    )


def is_reversed_there() -> ColumnElement[bool]:
    """Return the condition for postings reversed by a credit note, so both documents exist."""
    return and_(Posting.state == PostingState.REVERSED, Posting.action != "void")


def _summed(by_state: dict[str, int]) -> dict[str, int]:
    received = sum(by_state.values())
    posted = sum(by_state.get(state, 0) for state in POSTED)
    held_count = sum(by_state.get(state, 0) for state in HELD)
    ignored = sum(by_state.get(state, 0) for state in IGNORED)
    reference = by_state.get(RecordState.REFERENCE, 0)
    return {
        "received": received,
        "posted": posted,
        "held": held_count,
        "ignored": ignored,
        "reference": reference,
        "waiting": received - posted - held_count - ignored - reference,
    }
