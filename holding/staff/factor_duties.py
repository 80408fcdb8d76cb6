"""Second factors of others: a company requires them, and an administrator ends one that was lost.

Here: both acts, each with its event. Not here: one's own (holding/second_factor), who is asked for
one at sign-in (holding/access/sessions.py).
"""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from holding.access import enrolment
from holding.access.actors import Actor
from holding.access.sessions import revoke_all
from holding.db.models import Company, Person, SignInStep
from holding.db.refusal import Refusal
from holding.platform.events import record_event
from holding.staff.access_links import administered, works_elsewhere
from holding.staff.duties import administers

MIN_REASON, MAX_REASON = 3, 500
OTHER_WAY = "Whoever runs this server ends it: clearpost user two-factor-off."


def require(
    session: Session, actor: Actor, company_id: int, *, on: bool, now: datetime
) -> str | Refusal:
    """Ask whoever may approve, publish or administer here for a second factor, or no more; what
    was done, in a sentence. Their sessions that proved none count no more from then on.

    Only who has one of their own asks others for it: nobody shuts themselves out unawares.
    """
    if refused := administers(session, actor, company_id):
        return refused
    if on and enrolment.factor_of(session, actor.person_id or 0).since is None:
        return Refusal(
            "factor.own_first",
            "You cannot require two-factor authentication, because you do not use it yourself.",
            "Set it up on your own page first.",
        )
    company = session.get_one(Company, company_id, with_for_update=True, populate_existing=True)
    if company.needs_second_factor == on:
        return f"Two-factor authentication is {'required' if on else 'optional'} already."
    company.needs_second_factor = on
    session.flush()
    say = f"{actor.name} made two-factor authentication optional."
    if on:
        say = (
            f"{actor.name} requires two-factor authentication of approvers, publishers and"
            " administrators."
        )
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="company.second_factor",
        body={"say": say, "required": on},
    )
    return f"Two-factor authentication is {'required' if on else 'optional'} from now on."


def end(
    session: Session, actor: Actor, company_id: int, person_id: int, reason: str, now: datetime
) -> str | Refusal:
    """End the second factor of somebody who lost it, and all their sessions: their name. Nobody
    does it for themselves, nor for who works in another company, too: it guards that one as well.
    """
    person = administered(session, actor, company_id, person_id)
    if isinstance(person, Refusal):
        return person
    if actor.person_id == person_id:
        hint = "Switch it off on your own page, with your password and a code."
        words = "You cannot end your own two-factor authentication here."
        return Refusal("factor.self", words, hint, 403)
    if elsewhere := works_elsewhere(session, company_id, person_id):
        words = f"{person.name} works in another company, too: {', '.join(elsewhere)}."
        return Refusal("factor.elsewhere", words, OTHER_WAY, 403)
    return end_of(session, actor, person_id, reason, now)


def end_of(
    session: Session, actor: Actor, person_id: int, reason: str, now: datetime
) -> str | Refusal:
    """The same for whoever runs the server, who may end anybody's (`clearpost user`)."""
    why = " ".join(reason.split())
    if not MIN_REASON <= len(why) <= MAX_REASON:
        words = "Enter a short reason. It is recorded in the audit log."
        return Refusal("factor.reason", words, "", 422)
    person = session.get_one(Person, person_id)
    if enrolment.factor_of(session, person_id).since is None:
        words = f"{person.name} does not use two-factor authentication."
        return Refusal("factor.none", words)
    enrolment.forget(session, person_id)
    session.execute(delete(SignInStep).where(SignInStep.person_id == person_id))
    revoke_all(session, person_id, now)
    say = f"The two-factor authentication of {person.name} was ended, and so were their sessions."
    enrolment.tell(session, person_id, "person.factor_ended", say, now, by=actor, reason=why)
    return person.name
