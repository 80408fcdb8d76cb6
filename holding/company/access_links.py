"""Create and use single-use links: invitations, password resets and second-factor resets."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holding.access import enrolment, operations, sessions
from holding.access.actors import OPERATOR, Actor, actor_of, may, role_list, roles_of
from holding.access.people import (
    add_membership,
    companies_of,
    id_of_address,
    rename,
    who_may,
)
from holding.access.sessions import password_fault, revoke_all
from holding.access.sign_in_log import log_person_event
from holding.company.directory import join_limited, unfit
from holding.company.duties import ACT, administers, not_possible
from holding.db.models import AccessLink, Company, Membership, Person, SignInStep, Team, TeamMember
from holding.db.refusal import Refusal
from holding.platform.events import record_event

JOIN: Final = "join"

RESET: Final = "reset"

LASTS: Final = timedelta(days=7)

RESET_LINK_HINT: Final = "Whoever runs this server sets a new one: clearpost user password."

MIN_REASON, MAX_REASON = 3, 500

FACTOR_RESET_HINT = "Whoever runs this server ends it: clearpost user two-factor-off."


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link just made: its token is handed over now and never again."""

    id: int
    token: str
    email: str
    name: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenLink:
    """The content of a link; with `knows_password` the person enters the current one."""

    kind: str
    company: str
    zone: str
    email: str
    name: str
    roles: str
    maker: str
    expires_at: datetime
    knows_password: bool


def invite(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    email: str,
    name: str,
    roles: Collection[str],
    team_ids: Collection[int],
    source_ids: Collection[int] = (),
    now: datetime,
) -> NewLink | Refusal:
    """Invite a person without a role here, to see records of these sources only, or of all.

    An earlier invitation of the person ends.
    """
    address = email.strip().lower()
    refused = (
        administers(session, actor, company_id)
        or not_possible(address, roles)
        or _no_address(address)
        or unfit(session, company_id, address, roles, source_ids)
    )
    if refused:
        return refused
    person_id = id_of_address(session, address)
    if person_id is not None and roles_of(session, company_id, person_id):
        words, hint = f"{address} is here already.", "Change their roles instead."
        return Refusal("person.here", words, hint, 409)
    team_query = select(Team.id).where(Team.company_id == company_id, Team.id.in_(list(team_ids)))
    return _make(
        session,
        actor,
        AccessLink(
            kind=JOIN,
            company_id=company_id,
            email=address,
            name=name.strip(),
            roles=sorted(set(roles)),
            team_ids=sorted(session.scalars(team_query)),
            source_ids=sorted(set(source_ids)),
        ),
        f"{address} was invited as {role_list(roles)}.",
        now,
    )


def _no_address(address: str) -> Refusal | None:
    name, _, place = address.partition("@")
    if name and "." in place and not any(sign.isspace() or sign in '<>,;"' for sign in address):
        return None
    hint = "Write it as aisyah@company.com."
    return Refusal("person.email", f"“{address}” is not an email address.", hint, 422)


def _make(session: Session, actor: Actor, link: AccessLink, say: str, now: datetime) -> NewLink:
    """Store the link and end an earlier one of its kind for the person."""
    session.execute(
        update(AccessLink)
        .where(
            AccessLink.company_id == link.company_id,
            AccessLink.kind == link.kind,
            AccessLink.email == link.email,
            AccessLink.used_at.is_(None),
            AccessLink.ended_at.is_(None),
        )
        .values(ended_at=now)
    )
    token = secrets.token_urlsafe(32)
    link.token_hash, link.made_at, link.made_by_id = _digest(token), now, actor.person_id
    link.expires_at = now + LASTS
    session.add(link)
    session.flush()
    tell(session, actor, link, f"link.{link.kind}", say, now)
    return NewLink(link.id, token, link.email, link.name, link.expires_at)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def administered(
    session: Session, actor: Actor, company_id: int, person_id: int
) -> Person | Refusal:
    """Return a person of the company for an administrator, or the refusal."""
    if refused := administers(session, actor, company_id):
        return refused
    person = session.get(Person, person_id)
    if person is None or not roles_of(session, company_id, person_id):
        return Refusal("person.unknown", "There is no such person here.", status=404)
    return person


def reset(
    session: Session, actor: Actor, *, company_id: int, person_id: int, now: datetime
) -> NewLink | Refusal:
    """Return a link by which a person of the company sets a new password."""
    person = administered(session, actor, company_id, person_id)
    if isinstance(person, Refusal):
        return person
    if actor.person_id == person_id:
        hint = "Change it on your own page."
        return Refusal("reset.self", "You cannot make a link for your own password.", hint, 403)
    elsewhere = works_elsewhere(session, company_id, person_id)
    if elsewhere:
        return Refusal(
            "reset.elsewhere",
            f"{person.name} works in another company, too: {', '.join(elsewhere)}.",
            RESET_LINK_HINT,
            403,
        )
    say = f"A link was made with which {person.name} sets a new password."
    link = AccessLink(
        kind=RESET,
        company_id=company_id,
        person_id=person_id,
        email=person.email,
        name=person.name,
        roles=[],
        team_ids=[],
    )
    return _make(session, actor, link, say, now)


def cancel(session: Session, actor: Actor, link_id: int, now: datetime) -> str | Refusal:
    """End an unused link and return whose it was."""
    if refused := administers(session, actor, actor.company_id or 0):
        return refused
    row = session.get(AccessLink, link_id, with_for_update=True, populate_existing=True)
    if row is None or row.company_id != actor.company_id:
        return Refusal("link.unknown", "There is no such invitation.", status=404)
    if row.used_at is not None or row.ended_at is not None:
        return Refusal("link.over", f"The link for {row.email} was used or has ended already.")
    row.ended_at = now
    session.flush()
    what = "invitation of" if row.kind == JOIN else "password link for"
    tell(session, actor, row, "link.cancelled", f"The {what} {row.email} was cancelled.", now)
    return row.email


def opened(session: Session, token: str, now: datetime) -> OpenLink | Refusal:
    """Return a link's content for its page, before it is used."""
    link = living(session, token, now)
    if isinstance(link, Refusal):
        return link
    maker = session.get(Person, link.made_by_id or 0)
    company = session.get_one(Company, link.company_id)
    return OpenLink(
        kind=link.kind,
        company=company.name,
        zone=company.zone,
        email=link.email,
        name=link.name,
        roles=role_list(link.roles),
        maker=maker.name if maker else "whoever runs this server",
        expires_at=link.expires_at,
        knows_password=link.kind == JOIN and works_somewhere(session, link.email),
    )


def living(
    session: Session, token: str, now: datetime, *, lock: bool = False
) -> AccessLink | Refusal:
    """Return a token's link while it works: unused, in time, its maker still an administrator."""
    query = select(AccessLink).where(AccessLink.token_hash == _digest(token))
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        return _gone("This link is not known.", "It may be incomplete: copy all of it.")
    company = session.get_one(Company, row.company_id)
    contacts = ", ".join(who_may(session, company.id, ACT)) or "whoever runs this server"
    ask = f"Ask for a new one: {contacts}."
    if row.used_at is not None:
        return _gone("This link was used already. It works once.", f"Sign in, or ask {contacts}.")
    if row.ended_at is not None:
        return _gone(f"This link was cancelled or replaced by {company.name}.", ask)
    if row.expires_at <= now:
        return _gone(f"This link ended after {LASTS.days} days.", ask)
    if row.made_by_id is not None:
        maker = actor_of(session, row.made_by_id, company.id)
        if maker is None or may(maker, ACT):
            words = "This link ended, because who made it does not manage users any more."
            return _gone(words, ask)
    return _reset_over(session, row, company, ask) or row


def _gone(words: str, hint: str) -> Refusal:
    return Refusal("link.gone", words, hint, 410)


def _reset_over(session: Session, row: AccessLink, company: Company, ask: str) -> Refusal | None:
    """Return why the link sets no new password any more, or None.

    Its person left, or joined another company since, which the link's maker does not manage.
    """
    if row.kind != RESET:
        return None
    person_id = row.person_id or 0
    if not roles_of(session, company.id, person_id):
        return _gone(f"This link ended, because you left {company.name}.", ask)
    if works_elsewhere(session, company.id, person_id):
        words = "This link ended, because you joined another company since it was made."
        return _gone(words, RESET_LINK_HINT)
    return None


def works_somewhere(session: Session, email: str) -> bool:
    """Check whether the address is a person with a password and a role in any company.

    An invitation never sets such a person's password, because it would open the other company to
    the inviter.
    """
    query = (
        select(Person.id)
        .join(Membership, Membership.person_id == Person.id)
        .where(Person.email == email, Person.password_hash.is_not(None), Person.active)
    )
    return session.scalar(query.limit(1)) is not None


def works_elsewhere(session: Session, company_id: int, person_id: int) -> list[str]:
    """Return the names of a person's other companies, because a password opens every company."""
    return [
        company.name for company in companies_of(session, person_id) if company.id != company_id
    ]


def tell(
    session: Session, actor: Actor, link: AccessLink, act: str, say: str, now: datetime
) -> None:
    """Record an event about a link."""
    record_event(
        session,
        company_id=link.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"access_link:{link.id}",
        body={"say": say, "person": link.person_id},
    )


@dataclass(frozen=True, slots=True)
class Used:
    """The result of using a link: a session or the step before it, and the company to open."""

    entered: enrolment.Entered
    company: str


def compare(
    session: Session,
    token: str,
    password: str,
    now: datetime,
    device: sessions.Device = sessions.NO_DEVICE,
) -> sessions.Compared:
    """Compare an invited user's password with their existing account's password.

    Return the result of `sessions.compare`, which `use` needs. Return NOT_COMPARED for an invalid
    link, and for a link whose user sets a new password.
    """
    link = living(session, token, now)
    if isinstance(link, Refusal) or not _enters(session, link):
        return sessions.NOT_COMPARED
    return sessions.compare(session, link.email, password, now, device)


def _enters(session: Session, link: AccessLink) -> bool:
    """Check whether the link invites a person who already has a password and signs in with it."""
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
    """Join the company, or set the new password, and sign in if no second factor is needed.

    Neither an invitation nor a new password replaces a second factor. Commit also after a refusal.
    `compared`: the result of `compare`.
    """
    link = living(session, token, now, lock=True)
    if isinstance(link, Refusal):
        return link
    if _enters(session, link):
        person_id = sessions.prove(session, link.email, password, now, compared, device)
    else:
        person_id = _with_new_password(session, link, name, password, now)
    if isinstance(person_id, Refusal):
        return person_id
    if link.kind == JOIN and (refused := _join(session, link, person_id, now)):
        return refused
    link.used_at, link.person_id = now, person_id
    session.flush()
    entered = enrolment.enter(session, person_id, now, device)
    return Used(entered, session.get_one(Company, link.company_id).code)


def _with_new_password(
    session: Session,
    link: AccessLink,
    name: str,
    password: str,
    now: datetime,
) -> int | Refusal:
    if fault := password_fault(password, link.email):
        return fault
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
    """Record the reset and end the person's programs, as after `clearpost user password`."""
    actor = actor_of(session, person_id, link.company_id)
    if actor is None:
        return
    say = f"{actor.name} set a new password by a link."
    operations.end_all(session, actor, person_id, f"{actor.name} set a new password", now)
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


def require(
    session: Session, actor: Actor, company_id: int, *, on: bool, now: datetime
) -> str | Refusal:
    """Require a second factor from people who approve, publish or administer, or stop it.

    Return the result in a sentence. Sessions without a second factor end. Only a person with a
    second factor may require it, so that no administrator locks themselves out.
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
    """End the second factor and all sessions of a person who lost it, and return the name.

    A user may not do it for themselves, or for a person with a role in another company.
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
        return Refusal("factor.elsewhere", words, FACTOR_RESET_HINT, 403)
    return end_of(session, actor, person_id, reason, now)


def end_of(
    session: Session, actor: Actor, person_id: int, reason: str, now: datetime
) -> str | Refusal:
    """End a person's second factor for the server's operator (`clearpost user`), without further
    permission checks.
    """
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
    log_person_event(session, person_id, "person.factor_ended", say, now, by=actor, reason=why)
    return person.name
