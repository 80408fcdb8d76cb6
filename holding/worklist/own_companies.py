"""The companies of one person side by side: what waits in each, and whether its targets go on.

Here: one line a company, from two statements however many there are. Not here: one company's own
board (dashboard.py), which companies somebody is in (holding/access/people.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from holding.store.sums import most_first, of_held
from holding.tables import Company, Connection, Hold, Membership, Record, Throttle
from holding.tables.decisions import HOLD_OPEN
from holding.words import Sums, added, by_key
from holding.worklist import filters
from holding.worklist.filters import Filter


@dataclass(frozen=True, slots=True)
class CompanyLine:
    """One company. `held`: records with an open exception, `mine` of them are the person's or wait
    in one of their teams; `stopped` of its `targets` are paused or out of reach.
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
    stopped: int


def own_companies(session: Session, person_id: int) -> tuple[CompanyLine, ...]:
    """Every company in which the person has a role, the most money on hold first."""
    stopped = or_(Connection.paused_at.is_not(None), Throttle.breaker != "closed")
    rows = session.execute(
        select(
            Company,
            Membership.role,
            func.count(Connection.id),
            func.sum(case((stopped, 1), else_=0)),
        )
        .join(Membership, Membership.company_id == Company.id)
        .outerjoin(
            Connection, (Connection.company_id == Company.id) & (Connection.side == "target")
        )
        .outerjoin(Throttle, Throttle.connection_id == Connection.id)
        .where(Membership.person_id == person_id)
        .group_by(Company.id, Membership.role)
        .order_by(Company.name, Membership.role)
    ).all()
    roles: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        roles[row[0].id].append(row[1])
    held = _held(session, person_id, list(roles))
    found = {row[0].id: _line(row, roles[row[0].id], held.get(row[0].id, [])) for row in rows}
    return tuple(sorted(found.values(), key=lambda one: (*most_first(one.money), one.name)))


def in_all(lines: Sequence[CompanyLine]) -> Sums:
    """What all of them have on hold; of two currencies nothing is added."""
    return added(
        {code or line.currency: minor for code, minor in line.money.items()} for line in lines
    )


def _line(row: Any, roles: Sequence[str], held: Sequence[Any]) -> CompanyLine:
    company, _, targets, stopped = row
    return CompanyLine(
        id=company.id,
        code=company.code,
        name=company.name,
        currency=company.currency,
        live=company.live,
        roles=tuple(roles),
        held=sum(one.records for one in held),
        money=by_key((None, one.currency, one.minor) for one in held).get(None, {}),
        mine=sum(int(one.mine) for one in held),
        oldest_at=min((one.since for one in held), default=None),
        targets=targets,
        stopped=int(stopped or 0),
    )


def _held(session: Session, person_id: int, companies: Sequence[int]) -> dict[int, list[Any]]:
    """Company -> a row for each currency; each record counts once."""
    own = case((filters.mine(Filter(person_id=person_id)), 1), else_=0)
    single = (
        select(
            Hold.company_id,
            Hold.record_id,
            func.max(Hold.book).label("book"),
            func.min(Hold.opened_at).label("since"),
            func.max(own).label("mine"),
        )
        .where(Hold.company_id.in_(companies), HOLD_OPEN)
        .group_by(Hold.company_id, Hold.record_id)
        .subquery()
    )
    currency, minor = of_held(single)
    rows = session.execute(
        select(
            single.c.company_id,
            currency,
            func.count().label("records"),
            func.sum(minor).label("minor"),
            func.min(single.c.since).label("since"),
            func.sum(single.c.mine).label("mine"),
        )
        .join_from(single, Record, Record.id == single.c.record_id)
        .group_by(single.c.company_id, currency)
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.company_id].append(row)
    return found
