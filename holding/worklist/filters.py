"""Filter open holds, and count totals, tabs and group members under the filter."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Result, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.approvals.sent_amounts import POSTED_CURRENCY, POSTED_NOW
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.held_amounts import HELD_AMOUNT, HELD_CURRENCY
from holding.db.kept_plans import KEPT, at_most
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
from holding.holds import folding, tally_figures
from holding.holds.assignments import MOST
from holding.holds.folding import HELD
from holding.holds.shapes import Look
from holding.holds.tally_figures import Figure, Tally, total_figure
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
"""Parts of a filter that shapes contain, with the hold's value for each."""

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
    record_id: int
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
    posted_now: int | None = None  # what the target has of a document that is approved anew
    posted_currency: str = ""


_MEMBER = Member(
    id=of(Hold.id),
    cause_id=of(Hold.cause_id),
    record_id=of(Hold.record_id),
    number=of(Record.number),
    source=of(Connection.name),
    kind=of(Record.type),
    external_id=of(Record.external_id),
    version=of(Version.no),
    party=of(Record.party),
    doc_type=of(Hold.doc_type),
    amount=of(HELD_AMOUNT),
    currency=of(HELD_CURRENCY),
    opened_at=of(Hold.opened_at),
    message=of(Hold.message),
    posting_id=of(Hold.posting_id),
    posting_hash=of(Posting.hash),
    state=of(Record.state),
    clears=of(Hold.clears),
    posted_now=of(POSTED_NOW),
    posted_currency=of(POSTED_CURRENCY),
)

_RENAMED = {"source": "connection.name", "kind": "record.type", "version": "version.no"}

MEMBER = Columns(_MEMBER, _RENAMED)


@dataclass(frozen=True, slots=True)
class Filter:
    """What the user wants to see; an empty part does not filter."""

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
        """The number of filters that are set."""
        parts = (self.classes, self.teams, self.people, self.causes, self.customers, self.text)
        return sum(map(bool, (*parts, *self._fine)))

    @property
    def fine(self) -> bool:
        """Whether it needs fine shapes."""
        return any(self._fine)

    @property
    def searched(self) -> bool:
        """Whether it needs single holds, because no shape has the text or customer."""
        return bool(self.text or self.customers)

    @property
    def untallied(self) -> "Filter":
        """The filter without the parts that shapes contain."""
        return replace(self, classes=(), teams=(), people=(), sources=(), targets=(), amounts=(),
                       ages=())  # fmt: skip

    @property
    def _fine(self) -> tuple[tuple[int, ...], ...]:
        return self.sources, self.targets, self.amounts, self.ages


def hold_terms(company_id: int, hold_filter: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter on open holds."""
    terms: list[ColumnElement[bool]] = [Hold.company_id == company_id, HOLD_OPEN]
    terms += [*_of_view(hold_filter), *_of_owner(hold_filter), *_finer(hold_filter)]
    if hold_filter.causes:
        terms.append(Hold.cause_id.in_(hold_filter.causes))
    if hold_filter.classes:
        terms.append(Hold.error_class.in_(hold_filter.classes))
    if hold_filter.customers:
        terms.append(Hold.party_key.in_(hold_filter.customers))
    if hold_filter.text:
        terms.append(_contains(company_id, hold_filter.text))
    return terms


def _of_view(hold_filter: Filter) -> Iterator[ColumnElement[bool]]:
    if hold_filter.view == "mine":
        yield own_term(hold_filter)
    if hold_filter.view == "approve":
        yield Hold.code == NEEDS_APPROVAL
    if hold_filter.view == "todo":
        yield Hold.snoozed_until.is_(None)
    if hold_filter.view == "snoozed":
        yield Hold.snoozed_until.is_not(None)


def _of_owner(hold_filter: Filter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for teams and users; 0 means no owner."""
    for owner, ids in ((Hold.person_id, hold_filter.people), (Hold.team_id, hold_filter.teams)):
        if ids:
            yield or_(owner.in_(ids), owner.is_(None) if 0 in ids else false())


def _finer(hold_filter: Filter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for source, target, and bands of amount and age."""
    if (
        hold_filter.sources
    ):  # of each hold that is read its record by key: no join to be turned around
        source = select(_OF_HOLD.source_id).where(_OF_HOLD.id == Hold.record_id)
        yield source.correlate(Hold).scalar_subquery().in_(hold_filter.sources)
    if hold_filter.targets:
        yield func.coalesce(Hold.connection_id, 0).in_(hold_filter.targets)
    if hold_filter.amounts:
        yield folding.in_amount_bands(hold_filter.amounts)
    if hold_filter.ages:
        yield folding.in_age_bands(hold_filter.ages, hold_filter.midnight)


def _contains(company_id: int, text: str) -> ColumnElement[bool]:
    """Match the hold's number, its customer's or supplier's latest name, or its cause."""
    parties = party_merge.keys_named(company_id, text)  # all: an act takes whatever is found
    causes = select(Cause.id).where(
        Cause.company_id == company_id, Cause.label.icontains(text, autoescape=True)
    )
    return or_(
        Hold.number.icontains(text, autoescape=True),
        Hold.party_key.in_(parties),
        Hold.cause_id.in_(causes),
    )


def own_term(hold_filter: Filter) -> ColumnElement[bool]:
    """Return the condition for the user's own holds.

    These are assigned to the user, or to one of the user's teams and to no user.
    """
    my_teams = select(TeamMember.team_id).where(TeamMember.person_id == hold_filter.person_id)
    return or_(
        Hold.person_id == hold_filter.person_id,
        and_(Hold.person_id.is_(None), Hold.team_id.in_(my_teams)),
    )


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of records, each once: number, amounts, several causes, and without an amount."""

    records: int
    money: Sums
    several: int
    blank: int


@dataclass(frozen=True, slots=True)
class Tabs:
    """The counts of the tabs: records, or postings for `uncertain`."""

    todo: int
    mine: int
    approve: int
    snoozed: int
    uncertain: int


@dataclass(frozen=True, slots=True)
class Held:
    """All open holds of a company as a page needs them, with the teams and the user's own teams.

    `uncertain` counts postings with an unknown result. `of` is the filter that limits the holds;
    `more`: it finds more. `whole`: all holds of its text and customers are included.
    """

    tally: Tally
    teams: Mapping[int, str]
    own_teams: frozenset[int]
    uncertain: int
    of: Filter | None = None
    more: bool = False
    whole: bool = True


def load_held(
    session: Session, company_id: int, person_id: int | None, *, fine: bool = False
) -> Held:
    """Load a company's holds with few queries; `fine` loads causes by fine shapes."""
    rows = session.execute(_teams(company_id, person_id), execution_options=KEPT).all()
    return Held(
        tally=tally_figures.read_tally(session, company_id, fine=fine),
        teams={row.team_id: row.name for row in rows if row.team_id is not None},
        own_teams=frozenset(row.team_id for row in rows if row.own is not None),
        uncertain=rows[0].uncertain if rows else 0,
    )


@lru_cache(maxsize=256)
def _teams(company_id: int, person_id: int | None) -> Select[Any]:
    """Return the query for a company's teams, the user's teams, and the uncertain count."""
    uncertain = (
        select(func.count()).where(Posting.company_id == company_id, UNCERTAIN).scalar_subquery()
    )
    is_member = (TeamMember.team_id == Team.id) & (TeamMember.person_id == person_id)
    return (
        select(Company.id, Team.id.label("team_id"), Team.shown.label("name"))
        .add_columns(TeamMember.person_id.label("own"), uncertain.label("uncertain"))
        .outerjoin(Team, Team.company_id == Company.id)
        .outerjoin(TeamMember, is_member)
        .where(Company.id == company_id)
    )


def view_predicate(open_holds: Held, hold_filter: Filter) -> Callable[[Look], bool]:
    """Return a function that checks whether a hold is in the view."""
    if hold_filter.view == "mine":
        return lambda look: is_own(look, hold_filter.person_id, open_holds.own_teams)
    return VIEWS.get(hold_filter.view, lambda _: True)


def filter_predicate(open_holds: Held, hold_filter: Filter) -> Callable[[Look], bool]:
    """Return a function that checks a hold's look against the filter.

    Causes, customers and text are not checked.
    """
    terms = [view_predicate(open_holds, hold_filter)]
    for name, read_value in TOLD.items():
        if values := getattr(hold_filter, name):
            terms.append(partial(_among, read_value, frozenset(values)))
    return lambda look: all(term(look) for term in terms)


def _among(of: Callable[[Look], Any], values: frozenset[Any], look: Look) -> bool:
    return of(look) in values


def is_own(look: Look, person_id: int | None, teams: Collection[int]) -> bool:
    """Check whether a hold is assigned to the user, or to one of these teams and to no user."""
    if look.person_id is not None:
        return look.person_id == person_id
    return look.team_id in teams


def load_totals(
    session: Session, company_id: int, hold_filter: Filter, open_holds: Held | None = None
) -> Totals:
    """Return the totals under the heading; `open_holds` saves loading them again."""
    open_holds = open_holds or load_held(
        session, company_id, hold_filter.person_id, fine=hold_filter.fine
    )
    figure = _figure(narrow_held(session, company_id, hold_filter, open_holds), hold_filter)
    return Totals(figure.records, figure.money, figure.several, figure.blank)


def _figure(open_holds: Held, hold_filter: Filter) -> Figure:
    rows, question = open_holds.tally.rows, ("figure", hold_filter, open_holds.own_teams)
    return open_holds.tally.once(
        question, lambda: total_figure(rows, filter_predicate(open_holds, hold_filter))
    )


def narrow_held(session: Session, company_id: int, hold_filter: Filter, open_holds: Held) -> Held:
    """Narrow the holds to the filter's causes, customers and text."""
    if hold_filter.searched or len(hold_filter.causes) > 1:
        return count_one_by_one(session, company_id, hold_filter, open_holds)
    if not hold_filter.causes:
        return open_holds
    rows = tally_figures.rows_of_causes(open_holds.tally.causes, hold_filter.causes)
    return replace(open_holds, tally=Tally(rows, open_holds.tally.causes))


def count_one_by_one(
    session: Session, company_id: int, hold_filter: Filter, open_holds: Held
) -> Held:
    """Count a filter's holds one by one, because the tally contains no text.

    For a text or a customer only the longest waiting holds are counted, as many as an action takes.
    """
    if open_holds.of == hold_filter:
        return open_holds
    base = hold_filter.untallied
    holds = _first(session, company_id, base)
    is_cut = hold_filter.searched and len(holds) > MOST_OF_A_TEXT
    if is_cut and base != hold_filter:
        holds = _first(session, company_id, hold_filter)
    more = hold_filter.searched and len(holds) > MOST_OF_A_TEXT
    tallied = tally_figures.tally_holds(holds[:MOST_OF_A_TEXT] if more else holds)
    return replace(
        open_holds,
        tally=tally_figures.tally_of(tallied),
        of=hold_filter,
        more=more,
        whole=not is_cut,
    )


def _first(session: Session, company_id: int, hold_filter: Filter) -> Sequence[Any]:
    """Return the filter's holds, oldest first; for a search one more than are counted."""
    first = (
        select(Hold.id)
        .where(*hold_terms(company_id, hold_filter))
        .order_by(Hold.opened_at, Hold.id)
    )
    first = first.limit(MOST_OF_A_TEXT + 1) if hold_filter.searched else first
    return session.execute(HELD.where(Hold.id.in_(first)).order_by(Hold.opened_at, Hold.id)).all()


def count_tabs(open_holds: Held, hold_filter: Filter) -> Tabs:
    """Return the counts of the tabs, regardless of the filter."""

    def records(view: str) -> int:
        return _figure(open_holds, Filter(view, person_id=hold_filter.person_id)).records

    return Tabs(*[*map(records, ("todo", "mine", "approve", "snoozed")), open_holds.uncertain])


@dataclass(frozen=True, slots=True)
class CompanyLine:
    """One company in the overview.

    `held` counts records with open holds, `mine` records with the user's own holds. Source and
    target names are one text each. `synced_at` is the last end of a sync or the last posting.
    `connected` lists targets as (company, id, name, connector).
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
    """Return the user's companies, largest held amounts first."""
    rows = session.execute(
        select(Company, Membership.role)
        .join(Membership, Membership.company_id == Company.id)
        .where(Membership.person_id == person_id)
        .order_by(Company.name, Membership.role)
    ).all()
    roles: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        roles[row[0].id].append(row[1])
    held_by_company = _held(session, person_id, list(roles))
    lines = {row[0].id: _line(row, roles[row[0].id], held_by_company[row[0].id]) for row in rows}
    return tuple(sorted(lines.values(), key=lambda line: (*most_first(line.money), line.name)))


@dataclass(frozen=True, slots=True)
class _Held:
    """The held records of a company, its connections, and its last sync."""

    figure: Figure
    mine: int
    oldest_at: datetime | None
    source_names: str
    target_names: str
    synced_at: datetime | None
    connected: tuple[tuple[int, int, str, str], ...]


def _held(session: Session, person_id: int, companies: Sequence[int]) -> dict[int, _Held]:
    """Return by company its held records; each counts once."""
    first = select(func.min(Hold.opened_at)).where(Hold.company_id == Company.id, HOLD_OPEN)
    since = first.correlate(Company).scalar_subquery().label("since")
    sources, targets = _names("source"), _names("target")
    query = select(Company.id, since, sources.label("sources"), targets.label("targets"))
    query = query.add_columns(_ended().label("ended_at"))
    rows = session.execute(query.where(bulk.among(Company.id, companies)))
    rows_by_company = {row.id: row for row in rows}
    teams = select(TeamMember.team_id).where(TeamMember.person_id == person_id)
    my_teams = frozenset(session.scalars(teams))
    held_by_company, connected = {}, _targets(session, companies)
    for company_id, tallied in tally_figures.whole_records(session, companies).items():
        everything = tally_figures.total_figure(tallied, lambda _look: True)
        own_figure = tally_figures.total_figure(
            tallied, lambda look: is_own(look, person_id, my_teams)
        )
        company_row = rows_by_company[company_id]
        targets = connected.get(company_id, [])
        synced = max(
            filter(None, (company_row.ended_at, *(row.at for row in targets))), default=None
        )
        held_by_company[company_id] = _Held(
            figure=everything,
            mine=own_figure.records,
            oldest_at=company_row.since,
            source_names=company_row.sources or "",
            target_names=company_row.targets or "",
            synced_at=synced,
            connected=tuple((company_id, row.id, row.name, row.connector) for row in targets),
        )
    return held_by_company


def _names(side: str) -> Any:
    """Return the names of a company's connections on one side, as one text."""
    named = select(func.aggregate_strings(Connection.name, ", "))
    of_side = named.where(Connection.company_id == Company.id, Connection.side == side)
    return of_side.correlate(Company).scalar_subquery()


def _ended() -> Any:
    """Return when a company's latest ended sync ended."""
    ended_runs = (Run.company_id == Company.id, Run.ended_at.is_not(None))
    newest = select(Run.ended_at).where(*ended_runs).order_by(Run.id.desc()).limit(1)
    return newest.correlate(Company).scalar_subquery()


def _targets(session: Session, companies: Sequence[int]) -> dict[int, list[Any]]:
    """Return by company its targets, with the last posting time found by its index."""
    of_connection = (Posting.connection_id == Connection.id, Posting.posted_at.is_not(None))
    newest = select(func.max(Posting.posted_at)).where(*of_connection).correlate(Connection)
    query = select(Connection.company_id, Connection.id, Connection.name, Connection.connector)
    query = query.add_columns(newest.scalar_subquery().label("at"))
    query = query.where(Connection.side == "target", bulk.among(Connection.company_id, companies))
    by_company: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(query.order_by(Connection.id)):
        by_company[row.company_id].append(row)
    return by_company


def _line(row: Any, roles: Sequence[str], held_figures: _Held) -> CompanyLine:
    company, _ = row
    return CompanyLine(
        id=company.id,
        code=company.code,
        name=company.name,
        currency=company.currency,
        live=company.live,
        roles=tuple(roles),
        held=held_figures.figure.records,
        money=held_figures.figure.money,
        mine=held_figures.mine,
        oldest_at=held_figures.oldest_at,
        targets=len(held_figures.connected),
        source_names=held_figures.source_names,
        target_names=held_figures.target_names,
        synced_at=held_figures.synced_at,
        zone=company.zone,
        connected=held_figures.connected,
    )


def total_held(lines: Sequence[CompanyLine]) -> Sums:
    """Return the total held amounts; different currencies stay separate."""
    return added(
        {code or line.currency: minor for code, minor in line.money.items()} for line in lines
    )


def longest_waiting(lines: Sequence[CompanyLine]) -> CompanyLine | None:
    """Return the company whose record has been held longest, or None."""
    waiting = [line for line in lines if line.oldest_at is not None]
    return min(waiting, key=attrgetter("oldest_at", "name"), default=None)


def load_members(
    session: Session,
    company_id: int,
    hold_filter: Filter,
    cause_id: int,
    *,
    after: int | None = None,
    limit: int = MEMBERS_A_PAGE,
) -> tuple[Member, ...]:
    """Return the holds of one cause, oldest first; one more than `limit` if there are more."""
    query = (
        _members()
        .where(*hold_terms(company_id, hold_filter), Hold.cause_id == cause_id)
        .order_by(Hold.id)
        .limit(at_most(limit + 1))
    )
    if after is not None:
        query = query.where(Hold.id > after)
    # A search is planned for its text.
    options = {} if hold_filter.searched else KEPT
    return read_members(session.execute(query, execution_options=options))


def read_members(result: Result[Any]) -> tuple[Member, ...]:
    """Return the members; an approval has the amount of the document that will be sent."""
    read = MEMBER.reader(result)
    return tuple([read(row) for row in result.all()])


def _members() -> Select[Any]:
    return (
        MEMBER.select()
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
    )


def approval_candidates(
    session: Session,
    company_id: int,
    *,
    postings: tuple[int, ...] = (),
    cause_id: int | None = None,
    hold_filter: Filter | None = None,
    after: int = 0,
) -> tuple[Member, ...]:
    """Return postings that wait for approval, given by id or by a cause and filter.

    Oldest first, after a hold, as many as are approved at once. Each has its document's amount, and
    a posting with several levels is listed once.
    """
    query = _members().order_by(Hold.id)
    if cause_id is None:
        query = query.where(*_approval_terms(company_id), Hold.posting_id.in_(postings))
    else:
        query = query.where(*_of_cause(company_id, cause_id, hold_filter, after))
        query = query.limit(at_most(APPROVED_AT_ONCE))
    one_off = cause_id is None or (hold_filter is not None and hold_filter.searched)
    options = {} if one_off else KEPT
    members_by_posting: dict[int | None, Member] = {}
    for member in read_members(session.execute(query, execution_options=options)):
        members_by_posting.setdefault(member.posting_id, member)
    return tuple(members_by_posting.values())


def _approval_terms(company_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a company's open holds that wait for an approval."""
    return (Hold.company_id == company_id, HOLD_OPEN, Hold.code == NEEDS_APPROVAL)


def _of_cause(
    company_id: int, cause_id: int, hold_filter: Filter | None, after: int
) -> tuple[ColumnElement[bool], ...]:
    filter_terms = hold_terms(company_id, hold_filter) if hold_filter else ()
    return (*_approval_terms(company_id), Hold.cause_id == cause_id, Hold.id > after, *filter_terms)


def decided_members(
    session: Session, company_id: int, postings: Sequence[int]
) -> tuple[Member, ...]:
    """Return postings that waited for approval, whatever the result, by their last hold."""
    query = _members().order_by(Hold.id)
    query = query.where(Hold.company_id == company_id, Hold.code == NEEDS_APPROVAL)
    rows = session.execute(query.where(Hold.posting_id.in_(postings)))
    last = {row.posting_id: row for row in read_members(rows)}
    return tuple(sorted(last.values(), key=lambda row: row.id))


def count_remaining(
    session: Session, company_id: int, cause_id: int, after: int, hold_filter: Filter | None = None
) -> int:
    """Return how many holds of a cause and filter wait for approval after this one."""
    query = select(func.count()).select_from(Hold)
    query = query.where(*_of_cause(company_id, cause_id, hold_filter, after))
    # A search is planned for its text.
    options = {} if hold_filter is not None and hold_filter.searched else KEPT
    return session.scalar(query, execution_options=options) or 0
