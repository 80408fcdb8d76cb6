"""The days that pass: holds that are of another age since midnight are tallied again.

Here: noting the midnight that ages are counted to, with marks for the records of the holds that
crossed into another band, in one transaction. Not here: folding them (folding.py), the bands
(bands.py).
"""

from collections.abc import Iterator
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Company, Hold, TallyMark
from holding.db.models.decisions import HOLD_OPEN
from holding.tallies.bands import edges


def pass_days(database: Database, now: datetime) -> int:
    """Note the midnight of each company in which another day has begun; how many there were."""
    with database.read() as session:
        rows = session.execute(select(Company.id, Company.zone, Company.ages_from)).all()
    begun = {row.id: (row.ages_from, midnight(now, row.zone)) for row in rows}
    passed = {key: day for key, (noted, day) in begun.items() if noted != day}
    for company_id, day in passed.items():
        with database.write() as session:
            _pass(session, company_id, day)
    return len(passed)


def midnight(now: datetime, zone: str) -> datetime:
    """When the day of this moment began in a zone."""
    own = ZoneInfo(zone)
    return datetime.combine(now.astimezone(own).date(), time(), own).astimezone(now.tzinfo)


def _pass(session: Session, company_id: int, day: datetime) -> None:
    before = session.scalar(select(Company.ages_from).where(Company.id == company_id))
    crossed = select(Hold.company_id, Hold.record_id).distinct()
    crossed = crossed.where(Hold.company_id == company_id, HOLD_OPEN)
    crossed = crossed.where(or_(*_between(before, day)))
    columns = [TallyMark.company_id, TallyMark.record_id]
    session.execute(insert(TallyMark).from_select(columns, crossed))
    session.execute(update(Company).where(Company.id == company_id).values(ages_from=day))


def _between(before: datetime | None, day: datetime) -> Iterator[ColumnElement[bool]]:
    """When the holds were opened that were of one band and are of another."""
    for one, other in zip(edges(before), edges(day), strict=True):
        first, last = sorted((one, other))
        yield and_(Hold.opened_at >= first, Hold.opened_at < last)
