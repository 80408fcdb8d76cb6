"""Filter open holds, and count totals, tabs and group members under the filter."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import (
    Cause,
    Company,
    Connection,
    Hold,
    Membership,
    Posting,
    Record,
    Run,
    Team,
    TeamMember,
    Version,
)
from holding.db.models.columns import RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums, added, most_first
from holding.db.together import KEPT, NO_OPTIONS, Question, at_most
from holding.holds import folding, tally_figures
from holding.holds.assignments import MOST
from holding.holds.folding import HELD
from holding.holds.shapes import Look
from holding.holds.tally_figures import Figure, Tally, figure
from holding.mappings import party_merge
from holding.worklist.open_holds import UNCERTAIN
from rules.outcomes import NEEDS_APPROVAL
from rules.values.cause_keys import Clearing

_OF_HOLD: Final = aliased(Record)

MOST_OF_A_TEXT: Final = MOST  # so many holds that a text finds are counted: what an act takes

TOLD: Final[Mapping[str, Callable[[Look], Any]]] = {
    "people": lambda look: look.person_id or 0,
    "classes": lambda look: look.error_class,
    "teams": lambda look: look.team_id or 0,
    "sources": lambda look: look.source,
    "targets": lambda look: look.target,
    "amounts": lambda look: look.amount,
    "ages": lambda look: look.age,
}
"""The parts of a filter that shapes tell, and what a hold has there."""

VIEWS: Final[Mapping[str, Callable[[Look], bool]]] = {
    "approve": lambda look: look.asks,
    "todo": lambda look: not look.snoozed,
    "snoozed": lambda look: look.snoozed,
}

MEMBERS_A_PAGE = 20

APPROVED_AT_ONCE = 500


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


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person wants to see; an empty part asks nothing."""

    view: str = "todo"  # todo | mine | approve | snoozed | all
    classes: tuple[str, ...] = ()
    teams: tuple[int, ...] = ()
    people: tuple[int, ...] = ()  # who took it; 0 = nobody did
    causes: tuple[int, ...] = ()
    sources: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()  # 0 = of no route
    amounts: tuple[int, ...] = ()  # bands (holding/holds/folding.py)
    ages: tuple[int, ...] = ()  # bands
    customers: tuple[str, ...] = ()  # their keys
    text: str = ""
    person_id: int | None = None
    midnight: datetime | None = None  # to which ages are counted (Company.ages_from)

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        parts = (self.classes, self.teams, self.people, self.causes, self.customers, self.text)
        return sum(map(bool, (*parts, *self._fine)))

    @property
    def fine(self) -> bool:
        """Whether it asks for what fine shapes alone tell."""
        return any(self._fine)

    @property
    def searched(self) -> bool:
        """Whether it asks for what no shape tells: holds are looked at one by one."""
        return bool(self.text or self.customers)

    @property
    def untallied(self) -> "Filter":
        """The same without what shapes tell."""
        return replace(self, classes=(), teams=(), people=(), sources=(), targets=(), amounts=(),
                       ages=())  # fmt: skip

    @property
    def _fine(self) -> tuple[tuple[int, ...], ...]:
        return self.sources, self.targets, self.amounts, self.ages


def terms(company_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """The terms of a filter over open holds."""
    terms: list[ColumnElement[bool]] = [Hold.company_id == company_id, HOLD_OPEN]
    terms += [*_of_view(wanted), *_of_owner(wanted), *_finer(wanted)]
    if wanted.causes:
        terms.append(Hold.cause_id.in_(wanted.causes))
    if wanted.classes:
        terms.append(Hold.error_class.in_(wanted.classes))
    if wanted.customers:
        terms.append(Hold.party_key.in_(wanted.customers))
    if wanted.text:
        terms.append(_contains(company_id, wanted.text))
    return terms


def _of_view(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    if wanted.view == "mine":
        yield mine(wanted)
    if wanted.view == "approve":
        yield Hold.code == NEEDS_APPROVAL
    if wanted.view == "todo":
        yield Hold.snoozed_until.is_(None)
    if wanted.view == "snoozed":
        yield Hold.snoozed_until.is_not(None)


def _of_owner(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Of teams, and of the people who took it; 0 is nobody."""
    for owner, ids in ((Hold.person_id, wanted.people), (Hold.team_id, wanted.teams)):
        if ids:
            yield or_(owner.in_(ids), owner.is_(None) if 0 in ids else false())


def _finer(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    """Of source, target, and bands of amount and age."""
    if wanted.sources:  # of each hold that is read its record by key: no join to be turned around
        source = select(_OF_HOLD.source_id).where(_OF_HOLD.id == Hold.record_id)
        yield source.correlate(Hold).scalar_subquery().in_(wanted.sources)
    if wanted.targets:
        yield func.coalesce(Hold.connection_id, 0).in_(wanted.targets)
    if wanted.amounts:
        yield folding.of_amounts(wanted.amounts)
    if wanted.ages:
        yield folding.of_ages(wanted.ages, wanted.midnight)


def _contains(company_id: int, text: str) -> ColumnElement[bool]:
    """By the number, by a customer or supplier as its newest record names it, or by the cause."""
    parties = party_merge.keys_named(company_id, text)  # all: an act takes whatever is found
    causes = select(Cause.id).where(
        Cause.company_id == company_id, Cause.label.icontains(text, autoescape=True)
    )
    return or_(
        Hold.number.icontains(text, autoescape=True),
        Hold.party_key.in_(parties),
        Hold.cause_id.in_(causes),
    )


def mine(wanted: Filter) -> ColumnElement[bool]:
    """Holds given to the person, or to nobody in one of their teams."""
    my_teams = select(TeamMember.team_id).where(TeamMember.person_id == wanted.person_id)
    return or_(
        Hold.person_id == wanted.person_id,
        and_(Hold.person_id.is_(None), Hold.team_id.in_(my_teams)),
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
class Held:
    """All open holds of a company as one page needs them, the names of teams, and in which of them
    the person is. `uncertain`: postings whose result is not known. `of`: the filter whose holds
    alone are counted, if any; `more`: it finds more; `whole`: all holds are there that its text
    and customers find, whatever else it asks for.
    """

    tally: Tally
    teams: Mapping[int, str]
    own_teams: frozenset[int]
    uncertain: int
    of: Filter | None = None
    more: bool = False
    whole: bool = True


def held(session: Session, company_id: int, person_id: int | None, *, fine: bool = False) -> Held:
    """Read it by few statements; of causes by fine shapes where that is asked for."""
    rows = session.execute(_teams(company_id, person_id), execution_options=KEPT).all()
    return Held(
        tally=tally_figures.read(session, company_id, fine=fine),
        teams={row.team_id: row.name for row in rows if row.team_id is not None},
        own_teams=frozenset(row.team_id for row in rows if row.own is not None),
        uncertain=rows[0].uncertain if rows else 0,
    )


@lru_cache(maxsize=256)
def _teams(company_id: int, person_id: int | None) -> Select[Any]:
    """The teams of a company, which of them the person is in, and how many are uncertain."""
    uncertain = (
        select(func.count()).where(Posting.company_id == company_id, UNCERTAIN).scalar_subquery()
    )
    own = (TeamMember.team_id == Team.id) & (TeamMember.person_id == person_id)
    return (
        select(Company.id, Team.id.label("team_id"), Team.shown.label("name"))
        .add_columns(TeamMember.person_id.label("own"), uncertain.label("uncertain"))
        .outerjoin(Team, Team.company_id == Company.id)
        .outerjoin(TeamMember, own)
        .where(Company.id == company_id)
    )


def seen(found: Held, wanted: Filter) -> Callable[[Look], bool]:
    """Whether a hold is in the view."""
    if wanted.view == "mine":
        return lambda look: own(look, wanted.person_id, found.own_teams)
    return VIEWS.get(wanted.view, lambda _: True)


def asked(found: Held, wanted: Filter) -> Callable[[Look], bool]:
    """The same question as `terms`, of how a hold looks; neither a cause, a customer nor a text is
    asked for.
    """
    terms = [seen(found, wanted)]
    for name, read_value in TOLD.items():
        if values := getattr(wanted, name):
            terms.append(partial(_among, read_value, frozenset(values)))
    return lambda look: all(term(look) for term in terms)


def _among(of: Callable[[Look], Any], values: frozenset[Any], look: Look) -> bool:
    return of(look) in values


def own(look: Look, person_id: int | None, teams: Collection[int]) -> bool:
    """Whether a hold is given to the person, or to nobody in one of these teams."""
    if look.person_id is not None:
        return look.person_id == person_id
    return look.team_id in teams


def totals(session: Session, company_id: int, wanted: Filter, found: Held | None = None) -> Totals:
    """The line under the heading; `found`: what was read already."""
    found = found or held(session, company_id, wanted.person_id, fine=wanted.fine)
    one = _figure(counted(session, company_id, wanted, found), wanted)
    return Totals(one.records, one.money, one.several, one.blank)


def _figure(found: Held, wanted: Filter) -> Figure:
    rows, question = found.tally.rows, ("figure", wanted, found.own_teams)
    return found.tally.once(question, lambda: figure(rows, asked(found, wanted)))


def counted(session: Session, company_id: int, wanted: Filter, found: Held) -> Held:
    """What is left of it when cause, customer and text are asked for."""
    if wanted.searched or len(wanted.causes) > 1:
        return one_by_one(session, company_id, wanted, found)
    if not wanted.causes:
        return found
    rows = tally_figures.of_these(found.tally.causes, wanted.causes)
    return replace(found, tally=Tally(rows, found.tally.causes))


def one_by_one(session: Session, company_id: int, wanted: Filter, found: Held) -> Held:
    """The same of the holds of a filter alone, one by one: the tally knows no text. Of a text, or a
    customer, those that wait longest, as many as an act takes: the figures of more would not be
    there at once.
    """
    if found.of == wanted:
        return found
    base = wanted.untallied
    holds = _first(session, company_id, base)
    many = wanted.searched and len(holds) > MOST_OF_A_TEXT
    if many and base != wanted:
        holds = _first(session, company_id, wanted)
    more = wanted.searched and len(holds) > MOST_OF_A_TEXT
    each = tally_figures.one_by_one(holds[:MOST_OF_A_TEXT] if more else holds)
    return replace(
        found,
        tally=tally_figures.tally_of(each),
        of=wanted,
        more=more,
        whole=not many,
    )


def _first(session: Session, company_id: int, wanted: Filter) -> Sequence[Any]:
    """Its holds, oldest first, of a text or a customer one more than are counted."""
    first = select(Hold.id).where(*terms(company_id, wanted)).order_by(Hold.opened_at, Hold.id)
    first = first.limit(MOST_OF_A_TEXT + 1) if wanted.searched else first
    return session.execute(HELD.where(Hold.id.in_(first)).order_by(Hold.opened_at, Hold.id)).all()


def tabs(found: Held, wanted: Filter) -> Tabs:
    """The counts of the tabs, whatever is filtered."""

    def records(view: str) -> int:
        return _figure(found, Filter(view, person_id=wanted.person_id)).records

    return Tabs(*[*map(records, ("todo", "mine", "approve", "snoozed")), found.uncertain])


@dataclass(frozen=True, slots=True)
class CompanyLine:
    """One company. `held`: records with an open exception, `mine` of them are the person's or wait
    in one of their teams. The names of its `targets`, and those of its sources, are one text each.
    `synced_at`: when a sync last ended, or a document was last posted. `connected`: each target as
    company, id, name, connector.
    """

    id: int
    code: str
    name: str
    currency: str
    live: bool
    roles: tuple[str, ...]
    held: int
    money: Sums
    mine: int
    oldest_at: datetime | None
    targets: int
    source_names: str
    target_names: str
    synced_at: datetime | None
    zone: str
    connected: tuple[tuple[int, int, str, str], ...]


def own_companies(session: Session, person_id: int) -> tuple[CompanyLine, ...]:
    """Every company in which the person has a role, the most money on hold first."""
    rows = session.execute(
        select(Company, Membership.role)
        .join(Membership, Membership.company_id == Company.id)
        .where(Membership.person_id == person_id)
        .order_by(Company.name, Membership.role)
    ).all()
    roles: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        roles[row[0].id].append(row[1])
    held = _held(session, person_id, list(roles))
    found = {row[0].id: _line(row, roles[row[0].id], held[row[0].id]) for row in rows}
    return tuple(sorted(found.values(), key=lambda one: (*most_first(one.money), one.name)))


@dataclass(frozen=True, slots=True)
class _Held:
    """What is on hold in a company, how many of it are the person's, and since when; and what the
    company connects, and when something was last sent.
    """

    figure: Figure
    mine: int
    oldest_at: datetime | None
    source_names: str
    target_names: str
    synced_at: datetime | None
    connected: tuple[tuple[int, int, str, str], ...]


def _held(session: Session, person_id: int, companies: Sequence[int]) -> dict[int, _Held]:
    """Company -> what is on hold there; each record counts once."""
    first = select(func.min(Hold.opened_at)).where(Hold.company_id == Company.id, HOLD_OPEN)
    since = first.correlate(Company).scalar_subquery().label("since")
    sources, targets = _names("source"), _names("target")
    query = select(Company.id, since, sources.label("sources"), targets.label("targets"))
    query = query.add_columns(_ended().label("ended_at"))
    rows = session.execute(query.where(bulk.among(Company.id, companies)))
    told = {row.id: row for row in rows}
    teams = select(TeamMember.team_id).where(TeamMember.person_id == person_id)
    my_teams = frozenset(session.scalars(teams))
    found, connected = {}, _targets(session, companies)
    for company_id, tallied in tally_figures.whole_records(session, companies).items():
        everything = tally_figures.figure(tallied, lambda _look: True)
        mine = tally_figures.figure(tallied, lambda look: own(look, person_id, my_teams))
        one = told[company_id]
        targets = connected.get(company_id, [])
        synced = max(filter(None, (one.ended_at, *(row.at for row in targets))), default=None)
        found[company_id] = _Held(
            figure=everything,
            mine=mine.records,
            oldest_at=one.since,
            source_names=one.sources or "",
            target_names=one.targets or "",
            synced_at=synced,
            connected=tuple((company_id, row.id, row.name, row.connector) for row in targets),
        )
    return found


def _names(side: str) -> Any:
    """The names of a company's connections on a side, as one text."""
    named = select(func.aggregate_strings(Connection.name, ", "))
    mine = named.where(Connection.company_id == Company.id, Connection.side == side)
    return mine.correlate(Company).scalar_subquery()


def _ended() -> Any:
    """When the newest sync of a company that ended did."""
    mine = (Run.company_id == Company.id, Run.ended_at.is_not(None))
    newest = select(Run.ended_at).where(*mine).order_by(Run.id.desc()).limit(1)
    return newest.correlate(Company).scalar_subquery()


def _targets(session: Session, companies: Sequence[int]) -> dict[int, list[Any]]:
    """Company -> its targets, and when a document was last posted in each, by its index."""
    mine = (Posting.connection_id == Connection.id, Posting.posted_at.is_not(None))
    newest = select(func.max(Posting.posted_at)).where(*mine).correlate(Connection)
    query = select(Connection.company_id, Connection.id, Connection.name, Connection.connector)
    query = query.add_columns(newest.scalar_subquery().label("at"))
    query = query.where(Connection.side == "target", bulk.among(Connection.company_id, companies))
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(query.order_by(Connection.id)):
        found[row.company_id].append(row)
    return found


def _line(row: Any, roles: Sequence[str], held: _Held) -> CompanyLine:
    company, _ = row
    return CompanyLine(
        id=company.id,
        code=company.code,
        name=company.name,
        currency=company.currency,
        live=company.live,
        roles=tuple(roles),
        held=held.figure.records,
        money=held.figure.money,
        mine=held.mine,
        oldest_at=held.oldest_at,
        targets=len(held.connected),
        source_names=held.source_names,
        target_names=held.target_names,
        synced_at=held.synced_at,
        zone=company.zone,
        connected=held.connected,
    )


def in_all(lines: Sequence[CompanyLine]) -> Sums:
    """What all of them have on hold; of two currencies nothing is added."""
    return added(
        {code or line.currency: minor for code, minor in line.money.items()} for line in lines
    )


def oldest(lines: Sequence[CompanyLine]) -> CompanyLine | None:
    """The company whose record has been on hold longest; None where nothing is."""
    waiting = [one for one in lines if one.oldest_at is not None]
    return min(waiting, key=attrgetter("oldest_at", "name"), default=None)


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
        .limit(at_most(limit + 1))
    )
    if after is not None:
        query = query.where(Hold.id > after)
    plan = NO_OPTIONS if wanted.searched else KEPT
    return MEMBER.each(session.execute(query, execution_options=plan))


def _members(columns: Columns[Member]) -> Select[Any]:
    return (
        columns.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
    )


def chosen(
    session: Session,
    company_id: int,
    *,
    postings: tuple[int, ...] = (),
    cause_id: int | None = None,
    wanted: Filter | None = None,
    after: int = 0,
) -> tuple[Member, ...]:
    """Postings that wait for a consent: these, or those of a cause that a filter finds, oldest
    first, as many as are approved at once, of the holds after that one.

    Each with its document's money, which is what would be sent. A posting that asks for several
    levels is listed once.
    """
    query = _members(ASKING).order_by(Hold.id)
    if cause_id is None:
        query = query.where(*_asking(company_id), Hold.posting_id.in_(postings))
    else:
        query = query.where(*_of_cause(company_id, cause_id, wanted, after))
        query = query.limit(at_most(APPROVED_AT_ONCE))
    one_off = cause_id is None or (wanted is not None and wanted.searched)
    plan = NO_OPTIONS if one_off else KEPT
    once: dict[int | None, Member] = {}
    for member in ASKING.each(session.execute(query, execution_options=plan)):
        once.setdefault(member.posting_id, member)
    return tuple(once.values())


def _asking(company_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Hold.company_id == company_id, HOLD_OPEN, Hold.code == NEEDS_APPROVAL)


def _of_cause(
    company_id: int, cause_id: int, wanted: Filter | None, after: int
) -> tuple[ColumnElement[bool], ...]:
    found = terms(company_id, wanted) if wanted else ()
    return (*_asking(company_id), Hold.cause_id == cause_id, Hold.id > after, *found)


def decided(session: Session, company_id: int, postings: Sequence[int]) -> tuple[Member, ...]:
    """Postings that waited for a consent, whatever became of it, by their last hold."""
    query = _members(ASKING).order_by(Hold.id)
    query = query.where(Hold.company_id == company_id, Hold.code == NEEDS_APPROVAL)
    rows = session.execute(query.where(Hold.posting_id.in_(postings)))
    last = {row.posting_id: row for row in ASKING.each(rows)}
    return tuple(sorted(last.values(), key=lambda row: row.id))


def beyond(
    company_id: int, cause_id: int, after: int, wanted: Filter | None = None
) -> Question[int]:
    """How many of a cause that a filter finds wait for a consent after this hold."""
    count = select(func.count()).select_from(Hold)
    rows = yield count.where(*_of_cause(company_id, cause_id, wanted, after))
    return rows.scalar() or 0
