"""Somebody leaves a company: no roles, no teams, and what they had in hand goes back to its teams.

Here: that one act. Not here: joining (`people.py`), whose a hold is (`assignments.py`).
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from holding.assignments import hand_over
from holding.events import record_event
from holding.models import Company, Membership, Person, Team, TeamMember
from holding.models import Session as SignIn
from holding.refusal import Refusal
from holding.roles import Actor


def leave(
    session: Session, actor: Actor, company_id: int, person: Person, now: datetime
) -> int | Refusal:
    """Take all roles and teams of a person in a company; how many holds went back to their teams.

    Who belongs to no company any more cannot sign in.
    """
    if actor.person_id == person.id:
        return Refusal(
            code="person.self",
            message="Nobody takes themselves out.",
            hint="Ask another admin, or use the command line.",
            status=403,
        )
    company = session.get_one(Company, company_id)
    here = select(Membership.person_id).where(
        Membership.company_id == company.id, Membership.person_id == person.id
    )
    if session.scalars(here).first() is None:
        words = f"{person.email} has no role in {company.name}."
        return Refusal("person.stranger", words, status=404)
    mine = select(Team.id).where(Team.company_id == company.id)
    session.execute(
        delete(TeamMember).where(TeamMember.person_id == person.id, TeamMember.team_id.in_(mine))
    )
    session.execute(
        delete(Membership).where(
            Membership.company_id == company.id, Membership.person_id == person.id
        )
    )
    handed = hand_over(session, replace(actor, company_id=company.id), person, now)
    if not session.scalar(select(exists().where(Membership.person_id == person.id))):
        person.active = False
        session.execute(
            update(SignIn)
            .where(SignIn.person_id == person.id, SignIn.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="person.left",
        body={"say": f"{person.name} left {company.name}.", "person": person.id, "holds": handed},
    )
    return handed
