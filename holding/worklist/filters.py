"""The holding area in numbers: totals, tabs and facets under the filter that a person chose.

Here: the filter and its terms in SQL, counts, one statement a question, and the holds that a filter
finds at one moment, so that an act over them knows what was looked at. Not here: the lists
(groups.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from connectors.contract.errors import class_label, failure_word
from holding.exceptions.bulk_acts import MOST
from holding.parties import party_names
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.store.sums import most_first
from holding.tables import Cause, Company, Hold, Posting, Record, Team, TeamMember
from holding.tables.decisions import HOLD_OPEN
from holding.tallies import tally_figures
from holding.tallies.folding import HELD, WHOLE_RECORD
from holding.tallies.shapes import Look
from holding.tallies.tally_figures import Figure, Tallied
from holding.words import Sums
from holding.worklist.open_holds import UNCERTAIN
from rules.outcomes.outcome import NEEDS_APPROVAL

Key = TypeVar("Key", bound=Any)
MOST_OF_A_TEXT: Final = MOST  # so many holds that a text finds are counted: what an act takes


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
    """By the number, by a customer or supplier as its newest record names it, or by the cause."""
    parties = party_names.keys_named(company_id, text)  # all: an act takes whatever is found
    causes = select(Cause.id).where(
        Cause.company_id == company_id, Cause.label.icontains(text, autoescape=True)
    )
    return or_(
        Hold.number.icontains(text, autoescape=True),
        Hold.party_key.in_(parties),
        Hold.cause_id.in_(causes),
    )


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
_HOLDS = (
    HOLD.select().join(Record, Record.id == Hold.record_id).join(Cause, Cause.id == Hold.cause_id)
)


def rows(session: Session, company_id: int, wanted: Filter) -> tuple[FrozenHold, ...]:
    """What a filter finds, oldest first; one more than an act takes says that there are more."""
    query = _HOLDS.where(*terms(company_id, wanted)).order_by(Hold.opened_at, Hold.id)
    return HOLD.each(session.execute(query.limit(MOST + 1)))


def these(session: Session, company_id: int, ids: Sequence[int]) -> tuple[FrozenHold, ...]:
    """The open ones of these holds."""
    mine = (Hold.company_id == company_id, HOLD_OPEN, bulk.among(Hold.id, ids))
    query = _HOLDS.where(*mine).order_by(Hold.opened_at, Hold.id)
    return HOLD.each(session.execute(query))


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


@dataclass(frozen=True, slots=True)
class Held:
    """All open holds of a company as one page needs them: the tally of records and that of causes,
    the names of teams, and in which of them the person is. `uncertain`: postings whose result is
    not known. `of`: the filter whose holds alone are counted, if any; `more`: it finds more.
    """

    rows: Sequence[Tallied]
    causes: Sequence[Tallied]
    teams: Mapping[int, str]
    own_teams: frozenset[int]
    uncertain: int
    of: Filter | None = None
    more: bool = False


def held(session: Session, company_id: int, person_id: int | None) -> Held:
    """Read it, in two statements, or three where something has changed a moment ago."""
    uncertain = (
        select(func.count()).where(Posting.company_id == company_id, UNCERTAIN).scalar_subquery()
    )
    own = (TeamMember.team_id == Team.id) & (TeamMember.person_id == person_id)
    rows = session.execute(
        select(Company.id, Team.id.label("team_id"), Team.shown.label("name"))
        .add_columns(TeamMember.person_id.label("own"), uncertain.label("uncertain"))
        .outerjoin(Team, Team.company_id == Company.id)
        .outerjoin(TeamMember, own)
        .where(Company.id == company_id)
    ).all()
    tally = tally_figures.all_of(session, company_id)
    return Held(
        rows=[one for one in tally if one.cause_id == WHOLE_RECORD],
        causes=[one for one in tally if one.cause_id != WHOLE_RECORD],
        teams={row.team_id: row.name for row in rows if row.team_id is not None},
        own_teams=frozenset(row.team_id for row in rows if row.own is not None),
        uncertain=rows[0].uncertain if rows else 0,
    )


def asked(found: Held, wanted: Filter) -> Callable[[Look], bool]:
    """The same question as `terms`, of how a hold looks; a cause or a text is not asked for."""
    terms: list[Callable[[Look], bool]] = []
    if wanted.view in VIEWS:
        terms.append(lambda look: VIEWS[wanted.view](look))
    if wanted.view == "mine":
        terms.append(lambda look: own(look, wanted.person_id, found.own_teams))
    if wanted.people:
        terms.append(lambda look: (look.person_id or 0) in wanted.people)
    if wanted.classes:
        terms.append(lambda look: look.error_class in wanted.classes)
    if wanted.teams:
        terms.append(lambda look: (look.team_id or 0) in wanted.teams)
    return lambda look: all(term(look) for term in terms)


VIEWS: Final[Mapping[str, Callable[[Look], bool]]] = {
    "approve": lambda look: look.asks,
    "todo": lambda look: not look.snoozed,
    "snoozed": lambda look: look.snoozed,
}


def own(look: Look, person_id: int | None, teams: Collection[int]) -> bool:
    """Whether a hold is given to the person, or to nobody in one of these teams."""
    if look.person_id is not None:
        return look.person_id == person_id
    return look.team_id in teams


def totals(session: Session, company_id: int, wanted: Filter, found: Held | None = None) -> Totals:
    """The line under the heading; `found`: what was read already."""
    found = found or held(session, company_id, wanted.person_id)
    rows = found.rows
    if wanted.text or len(wanted.causes) > 1:
        rows = one_by_one(session, company_id, wanted, found).rows
    elif wanted.causes:
        rows = [one for one in found.causes if one.cause_id in wanted.causes]
    one = tally_figures.figure(rows, asked(found, wanted))
    return Totals(one.records, one.money, one.several, one.blank)


def one_by_one(session: Session, company_id: int, wanted: Filter, found: Held) -> Held:
    """The same of the holds of a filter alone, one by one: the tally knows no text. Of a text those
    that wait longest, as many as an act takes: the figures of more would not be there at once.
    """
    if found.of == wanted:
        return found
    first = select(Hold.id).where(*terms(company_id, wanted)).order_by(Hold.opened_at, Hold.id)
    first = first.limit(MOST_OF_A_TEXT + 1) if wanted.text else first
    holds = session.execute(HELD.where(Hold.id.in_(first)).order_by(Hold.opened_at, Hold.id)).all()
    more = bool(wanted.text) and len(holds) > MOST_OF_A_TEXT
    each = tally_figures.one_by_one(holds[:MOST_OF_A_TEXT] if more else holds)
    return replace(
        found,
        rows=[one for one in each if one.cause_id == WHOLE_RECORD],
        causes=[one for one in each if one.cause_id != WHOLE_RECORD],
        of=wanted,
        more=more,
    )


def tabs(found: Held, wanted: Filter) -> Tabs:
    """The counts of the tabs, whatever is filtered."""

    def records(view: str) -> int:
        only = Filter(view, person_id=wanted.person_id)
        return tally_figures.figure(found.rows, asked(found, only)).records

    return Tabs(*[*map(records, ("todo", "mine", "approve", "snoozed")), found.uncertain])


def classes(found: Held, wanted: Filter) -> tuple[Facet, ...]:
    """Error classes of the view, most money first."""
    each = _facet(found, wanted, lambda look: look.error_class)
    return tuple(
        Facet(word, class_label(word), one.records, one.money, failure_word(word))
        for word, one in each
    )


def owners(found: Held, wanted: Filter) -> tuple[Facet, ...]:
    """Teams of the view, most money first."""
    each = _facet(found, wanted, lambda look: look.team_id)
    return tuple(
        Facet(str(team or 0), found.teams.get(team or 0, "Nobody"), one.records, one.money)
        for team, one in each
    )


def _facet(found: Held, wanted: Filter, word: Callable[[Look], Key]) -> list[tuple[Key, Figure]]:
    """Records and money by a word of the holds, each record once a word; most money first."""
    view = asked(found, Filter(wanted.view, person_id=wanted.person_id))
    each = tally_figures.by(found.rows, lambda _, look: (word(look),) if view(look) else ())
    return sorted(each.items(), key=lambda one: (*most_first(one[1].money), one[0] is None, one[0]))
