"""What using a link does: somebody joins a company, or sets a new password, and is signed in.

Here: the one use. Not here: making and opening links (`access_links.py`), what each role may do
(`access/actors.py`), sessions (`access/sessions.py`).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holding.access import enrolment as sign_in_steps
from holding.access import operations as tokens
from holding.access import sessions
from holding.access.actors import OPERATOR, actor_of, role_list
from holding.access.people import MIN_PASSWORD, add_membership, id_of_address, rename
from holding.db.models import AccessLink, Company, Person, TeamMember
from holding.db.refusal import Refusal
from holding.staff.access_links import JOIN, RESET, living, tell, works_somewhere
from holding.staff.source_limits import join_limited


@dataclass(frozen=True, slots=True)
class Used:
    """What using a link came to: a session, or the step before it, and the company to go to."""

    entered: sign_in_steps.Entered
    company: str


def compare(session: Session, token: str, password: str, now: datetime) -> sessions.Compared:
    """What using a link finds about the password of somebody who signs in by it (as
    `sessions.compare`); nothing, where there is nobody to sign in.
    """
    found = living(session, token, now)
    if isinstance(found, Refusal) or not _enters(session, found):
        return sessions.NOT_COMPARED
    return sessions.compare(session, found.email, password, now)


def _enters(session: Session, link: AccessLink) -> bool:
    """Whether the link is for somebody who has a password, and signs in with it."""
    return link.kind == JOIN and works_somewhere(session, link.email)


def use(
    session: Session,
    token: str,
    *,
    name: str,
    password: str,
    now: datetime,
    device: sessions.Device = sessions.NO_DEVICE,
    compared: sessions.Compared = sessions.NOT_COMPARED,
) -> Used | Refusal:
    """Join the company, or set the new password; then signed in, where no second factor is needed:
    neither an invitation nor a new password stands in for one. Commit also after a refusal.

    `compared`: what `compare` found.
    """
    found = living(session, token, now, lock=True)
    if isinstance(found, Refusal):
        return found
    if _enters(session, found):
        person_id = sessions.prove(session, found.email, password, now, compared)
    else:
        person_id = _with_new_password(session, found, name, password, now)
    if isinstance(person_id, Refusal):
        return person_id
    if found.kind == JOIN and (refused := _join(session, found, person_id, now)):
        return refused
    found.used_at, found.person_id = now, person_id
    session.flush()
    entered = sign_in_steps.enter(session, person_id, now, device)
    return Used(entered, session.get_one(Company, found.company_id).code)


def _with_new_password(
    session: Session,
    link: AccessLink,
    name: str,
    password: str,
    now: datetime,
) -> int | Refusal:
    if len(password) < MIN_PASSWORD:
        words = (
            f"The password must have at least {MIN_PASSWORD} characters; this one has "
            f"{len(password)}."
        )
        return Refusal("person.password", words, "", 422)
    if link.kind == JOIN and not name.strip():
        return Refusal("person.name", "Enter your name.", "It is shown beside what you do.", 422)
    person_id = link.person_id if link.kind == RESET else id_of_address(session, link.email)
    if person_id is None:
        person = Person(email=link.email, name=name.strip(), active=True, settings={})
        session.add(person)
        session.flush()
        person_id = person.id
    elif link.kind == JOIN:
        rename(session, session.get_one(Person, person_id), name.strip(), now)
    link.used_at = now
    session.flush()
    sessions.set_password(session, person_id, password, now)
    if link.kind == RESET:
        _tell_reset(session, link, person_id, now)
    return person_id


def _tell_reset(session: Session, link: AccessLink, person_id: int, now: datetime) -> None:
    """Programs of theirs end, too, as after `clearpost user password`."""
    actor = actor_of(session, person_id, link.company_id)
    if actor is None:
        return
    say = f"{actor.name} set a new password by a link."
    tokens.end_all(session, actor, person_id, f"{actor.name} set a new password", now)
    tell(session, actor, link, "person.password", say, now)


def _join(session: Session, link: AccessLink, person_id: int, now: datetime) -> Refusal | None:
    """Give the roles and teams that the invitation named, in the name of who invited."""
    maker = OPERATOR
    if link.made_by_id is not None:
        maker = actor_of(session, link.made_by_id, link.company_id) or OPERATOR
    for role in link.roles:
        refused = add_membership(
            session,
            company_id=link.company_id,
            person_id=person_id,
            role=role,
            actor=maker,
            now=now,
        )
        if refused:
            return refused
    for team_id in link.team_ids:
        session.merge(TeamMember(team_id=team_id, person_id=person_id))
    if link.source_ids:
        join_limited(session, maker, link.company_id, person_id, link.source_ids, now)
    session.flush()
    joined = actor_of(session, person_id, link.company_id)
    if joined is not None:
        say = f"{joined.name} joined as {role_list(link.roles)}."
        tell(session, joined, link, "person.joined", say, now)
    return None
