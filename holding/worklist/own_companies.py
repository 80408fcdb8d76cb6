"""The companies of one person side by side: what waits in each, and whether its targets go on.

Here: one line a company, from six statements however many there are. Not here: one company's own
board (dashboard.py), which companies somebody is in (holding/access/people.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Company, Connection, Hold, Membership, Posting, Run, TeamMember
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums, added, most_first
from holding.holds import tally_figures
from holding.holds.tally_figures import Figure
from holding.worklist import filters


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


def in_all(lines: Sequence[CompanyLine]) -> Sums:
    """What all of them have on hold; of two currencies nothing is added."""
    return added(
        {code or line.currency: minor for code, minor in line.money.items()} for line in lines
    )


def oldest(lines: Sequence[CompanyLine]) -> CompanyLine | None:
    """The company whose record has been on hold longest; None where nothing is."""
    waiting = [one for one in lines if one.oldest_at is not None]
    return min(waiting, key=attrgetter("oldest_at", "name"), default=None)


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
        mine = tally_figures.figure(tallied, lambda look: filters.own(look, person_id, my_teams))
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


def _names(side: str) -> Any:
    """The names of a company's connections on a side, as one text."""
    named = select(func.aggregate_strings(Connection.name, ", "))
    mine = named.where(Connection.company_id == Company.id, Connection.side == side)
    return mine.correlate(Company).scalar_subquery()
