"""The one counter of a company that numbers every change of its world.

Here: taking the next revision, and the lock on the company under which that is done. Not here: the
changes themselves. Whoever changes rules, mappings, units or what is known of a target takes the
revision first and wakes records afterwards.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.models import Company, Revision


def locked_company(session: Session, company_id: int) -> Company:
    """The company as it stands under our lock: who publishes, fixes or sets waits for us."""
    return session.get_one(
        Company, company_id, with_for_update={"key_share": True}, populate_existing=True
    )


def next_revision(
    session: Session,
    company_id: int,
    kind: str,
    what: str,
    *,
    person_id: int | None,
    reason: str | None,
    now: datetime,
) -> int:
    """Lock the company's row, count up and note what changed."""
    lock = select(Company.revision).where(Company.id == company_id)
    number = session.execute(lock.with_for_update(key_share=True)).scalar_one() + 1
    session.execute(update(Company).where(Company.id == company_id).values(revision=number))
    session.add(
        Revision(
            company_id=company_id,
            no=number,
            kind=kind,
            at=now,
            person_id=person_id,
            reason=reason,
            what=what,
        )
    )
    session.flush()
    return number
