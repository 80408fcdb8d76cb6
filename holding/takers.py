"""Who of a company can be given a hold.

Here: that one question. Not here: giving (`assignments.py`), putting back (`putting_back.py`).
"""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import bulk
from holding.models import Membership, Person
from holding.roles import ACTS

ACT: Final = "hold.assign"


def takers(session: Session, company_id: int, person_ids: Collection[int]) -> Mapping[int, str]:
    """Those of these people who are in the company with a role that takes holds, by name."""
    query = (
        select(Person.id, Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(
            Membership.company_id == company_id,
            Membership.role.in_(sorted(ACTS[ACT])),
            bulk.among(Person.id, sorted(person_ids)),
            Person.active,
        )
    )
    return dict(session.execute(query).all())
