"""Which version of Clearpost works with this database, and that it is another than before.

Here: noting it when a program starts, and the event by which each company is told of a change. Not
here: whether a program may work with the schema (schema_version.py).
"""

from datetime import datetime
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from grammar.version import __version__
from holding.audit.events import Fact, record_events
from holding.runtime.schema_version import VERSION
from holding.store import bulk
from holding.store.database import Database
from holding.tables import Company, ProgramVersion

ONLY: Final = 1
CHANGED: Final = "program.changed"


def note(
    database: Database, now: datetime, *, version: str = __version__, schema: str = VERSION
) -> bool:
    """Note that this version runs; whether another ran before. Of many that start at once one
    finds the change, and tells it.
    """
    with database.read() as session:
        if _known(session) == (version, schema):
            return False
    with database.write() as session:
        first = {"id": ONLY, "version": version, "schema": schema}
        bulk.insert(session, ProgramVersion, [first], ignore=True)
        before = _known(session, lock=True)
        if before is None or before == (version, schema):
            return False
        session.execute(
            update(ProgramVersion)
            .where(ProgramVersion.id == ONLY)
            .where(or_(ProgramVersion.version != version, ProgramVersion.schema != schema))
            .values(version=version, schema=schema)
        )
        _tell(session, now, before, (version, schema))
    return True


def _known(session: Session, *, lock: bool = False) -> tuple[str, str] | None:
    """Version and schema that were noted last."""
    query = select(ProgramVersion.version, ProgramVersion.schema).where(ProgramVersion.id == ONLY)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return (row.version, row.schema) if row else None


def _tell(session: Session, now: datetime, before: tuple[str, str], after: tuple[str, str]) -> None:
    """One event for each company."""
    earlier = f"version {before[0]}" if before[0] else "an earlier version"
    body = {
        "say": f"Clearpost was changed from {earlier} (schema {before[1]})"
        f" to version {after[0]} (schema {after[1]}).",
        "from": list(before),
        "to": list(after),
    }
    companies = session.scalars(select(Company.id).order_by(Company.id)).all()
    record_events(
        session,
        [
            Fact(company_id=one, at=now, act=CHANGED, object=f"company:{one}", body=body)
            for one in companies
        ],
    )
