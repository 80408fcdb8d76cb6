"""Sign-ins, sign-outs, failed sign-ins and refused access: in the audit trail and in the log."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from holding.access.actors import ACT_LABELS, Actor, actor_of
from holding.access.people import companies_of
from holding.access.reach import within
from holding.access.sessions import Device, digest, is_locked_out
from holding.db.models import Hold, Person, Posting
from holding.db.models import Session as OpenSession
from holding.db.refusal import Refusal
from holding.platform.events import record_event
from holding.platform.settings import SIGN_IN_LOG, logger

log = logger(SIGN_IN_LOG)

MOST_NAMED = 20
"""So many documents of a refused request are named in its event."""


def log_person_event(
    session: Session,
    person_id: int,
    act: str,
    say: str,
    now: datetime,
    *,
    by: Actor | None = None,
    by_person: bool = True,
    **more: object,
) -> None:
    """Record an event in each company of the person, by them or by another actor."""
    for company in companies_of(session, person_id):
        own_actor = actor_of(session, person_id, company.id) if by_person else None
        record_event(
            session,
            company_id=company.id,
            at=now,
            actor=by or own_actor,
            act=act,
            body={"say": say, "person": person_id, **more},
        )


def log_signed_in(session: Session, person_id: int, device: Device, now: datetime) -> None:
    """Record that a person signed in."""
    name, place = session.get_one(Person, person_id).name, _place(device)
    log_person_event(session, person_id, "person.signed_in", f"{name} signed in from {place}.", now)
    log.info("Signed in.", person=person_id, address=device.address, device=device.name)


def log_signed_out(session: Session, token: str, device: Device, now: datetime) -> None:
    """Record that the person of this session signed out."""
    person = session.scalar(
        select(Person)
        .join(OpenSession, OpenSession.person_id == Person.id)
        .where(OpenSession.token_hash == digest(token))
    )
    if person is None:
        return
    log_person_event(session, person.id, "person.signed_out", f"{person.name} signed out.", now)
    log.info("Signed out.", person=person.id, address=device.address, device=device.name)


def log_failed_sign_in(
    session: Session, email: str, device: Device, refusal: Refusal, now: datetime
) -> None:
    """Record a refused sign-in.

    Attempts at unknown accounts, and attempts that a lock-out ends before any check, are only in
    the log. Anyone can cause these without limit.
    """
    person = session.scalar(select(Person).where(Person.email == email.strip().lower()))
    log.info(
        "Sign-in refused.",
        code=refusal.code,
        person=person.id if person else None,
        address=device.address,
        device=device.name,
    )
    if person is None or refusal.code == "signin.throttled":
        return
    say = f"A sign-in as {person.name} from {_place(device)} was refused."
    log_person_event(
        session, person.id, "person.signin_refused", say, now, by_person=False, code=refusal.code
    )
    if is_locked_out(session, email, device, now):
        log.info("Locked out.", person=person.id, address=device.address)
        say = f"Too many failed sign-ins as {person.name} from {_place(device)}: locked for a time."
        log_person_event(session, person.id, "person.locked_out", say, now, by_person=False)


def load_refused_documents(
    session: Session,
    actor: Actor,
    company_id: int,
    posting_ids: Collection[int],
    hold_id: int | None = None,
) -> Sequence[Posting]:
    """Return the documents of a refused request that the person may see, by ids or by a hold."""
    ids = sorted(posting_ids)[:MOST_NAMED]
    of_hold = select(Hold.posting_id).where(Hold.id == hold_id)
    query = select(Posting).where(
        Posting.company_id == company_id,
        or_(Posting.id.in_(ids), Posting.id.in_(of_hold)),
        *within(actor.reach, Posting),
    )
    is_named = bool(ids) or hold_id is not None
    return session.scalars(query.order_by(Posting.id)).all() if is_named else ()


def log_refused_access(
    session: Session,
    actor: Actor,
    company_id: int,
    act: str,
    now: datetime,
    postings: Sequence[Posting] = (),
) -> None:
    """Record that a person tried something that their role does not include.

    `postings` are the documents of the request.
    """
    numbers = ", ".join(posting.number for posting in postings)
    only = postings[0] if len(postings) == 1 else None
    say = f"{actor.name} may not {ACT_LABELS[act]}."
    if numbers:
        say = f"{actor.name} may not {ACT_LABELS[act]}: {numbers}."
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="person.access_refused",
        body={"say": say, "refused": act},
        record_id=only.record_id if only else None,
        posting_id=only.id if only else None,
    )
    log.info("Access refused.", person=actor.person_id, company=company_id, act=act)


def _place(device: Device) -> str:
    return ", ".join(part for part in (device.name, device.address) if part) or "an unknown device"
