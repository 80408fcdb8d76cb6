"""The one counter of a company that numbers every change of its world.

Here: taking the next revision, and the lock on the company under which that is done. Not here: the
changes themselves. Whoever changes rules, mappings, units or what is known of a target takes the
revision first and wakes records afterwards.
"""

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from holding.models import Company, Revision


def locked_company(session: Session, company_id: int) -> Company:
    """The company as it stands under our lock: who publishes, fixes or sets waits for us."""
    return session.get_one(
        Company, company_id, with_for_update={"key_share": True}, populate_existing=True
    )


_OF_COMPANY = Company.id == bindparam("company")
_LAST = select(Company.revision).where(_OF_COMPANY).with_for_update(key_share=True)
_COUNT_UP = update(Company).where(_OF_COMPANY).values(revision=bindparam("next"))


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
    number = session.execute(_LAST, {"company": company_id}).scalar_one() + 1
    session.execute(_COUNT_UP, {"company": company_id, "next": number})
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
