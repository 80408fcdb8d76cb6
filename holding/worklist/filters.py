"""The holding area in numbers: totals and tabs under the filter that a person chose.

Here: the filter, its terms in SQL, the same asked of tallied shapes, and counts. Not here: facets
(facets.py), the lists (groups.py), what an act over them looked at (frozen_holds.py).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.db.models import Cause, Company, Hold, Posting, Record, Team, TeamMember
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums
from holding.db.together import KEPT
from holding.holds import folding as band_terms
from holding.holds import tally_figures
from holding.holds import tally_figures as cause_figures
from holding.holds import tally_figures as kept_tally
from holding.holds.assignments import MOST
from holding.holds.folding import HELD
from holding.holds.shapes import Look
from holding.holds.tally_figures import Figure, Tally, figure
from holding.mappings import party_merge as party_names
from holding.worklist.open_holds import UNCERTAIN
from rules.outcomes.outcome import NEEDS_APPROVAL

_OF_HOLD: Final = aliased(Record)
MOST_OF_A_TEXT: Final = MOST  # so many holds that a text finds are counted: what an act takes


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
        yield band_terms.of_amounts(wanted.amounts)
    if wanted.ages:
        yield band_terms.of_ages(wanted.ages, wanted.midnight)


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
        tally=kept_tally.read(session, company_id, fine=fine),
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
    for name, of in TOLD.items():
        if values := getattr(wanted, name):
            terms.append(partial(_among, of, frozenset(values)))
    return lambda look: all(term(look) for term in terms)


def _among(of: Callable[[Look], Any], values: frozenset[Any], look: Look) -> bool:
    return of(look) in values


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
    rows = cause_figures.of_these(found.tally.causes, wanted.causes)
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
        tally=kept_tally.tally_of(each),
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
