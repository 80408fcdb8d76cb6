"""Tie people to their accounts at a sign-in provider, by the account's issuer and subject."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.sessions import revoke_all
from holding.access.sign_in_log import log_person_event
from holding.db.bulk import insert_once
from holding.db.models import Identity, Person
from holding.db.refusal import Refusal

Way = Literal["email", "self"]


@dataclass(frozen=True, slots=True)
class Subject:
    """An account at the provider, as a checked ID token names it."""

    issuer: str
    subject: str
    email: str
    email_verified: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account as pages show it: its address when it was tied, and since when."""

    email: str
    tied_at: datetime


def sign_in(session: Session, account: Subject, now: datetime) -> int | Refusal:
    """Return the person of an account.

    An unknown account is tied to the active person with its verified email address, unless that
    person is or was tied to another account of this provider. Later only the subject counts, so
    that a changed email address leads to no other person.
    """
    row = _row(session, account)
    if row is None:
        return _tie_by_email(session, account, now)
    person = session.get_one(Person, row.person_id)
    if row.ended_at is not None:
        return _unknown("This account was disconnected from Clearpost.")
    if not person.active:
        return _unknown("This account belongs to a person who can no longer sign in.")
    return person.id


def _row(session: Session, account: Subject) -> Identity | None:
    query = select(Identity).where(
        Identity.issuer == account.issuer, Identity.subject == account.subject
    )
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def _unknown(words: str) -> Refusal:
    hint = "Sign in with your password, or ask an administrator of your company."
    return Refusal("identity.unknown", words, hint, 403)


def _tie_by_email(session: Session, account: Subject, now: datetime) -> int | Refusal:
    if not account.email_verified:
        words = "Your sign-in provider has not verified your email address."
        hint = "Sign in with your password, and connect the account on your own page."
        return Refusal("identity.unverified", words, hint, 403)
    query = select(Person).where(Person.email == account.email.strip().lower(), Person.active)
    person = session.scalar(query)
    if person is None:
        return _unknown("Nobody in Clearpost has the email address of this account.")
    if _latest_of(session, person.id, account.issuer) is not None:
        words = "Another account of this provider is, or was, connected with your email address."
        hint = "Sign in with your password, and connect this account on your own page."
        return Refusal("identity.other", words, hint, 403)
    refusal = _tie(session, account, person, "email", now)
    return refusal or person.id


def _latest_of(session: Session, person_id: int, issuer: str) -> Identity | None:
    query = select(Identity).where(Identity.person_id == person_id, Identity.issuer == issuer)
    return session.scalars(query.order_by(Identity.tied_at.desc()).limit(1)).first()


def _tie(
    session: Session, account: Subject, person: Person, method: Way, now: datetime
) -> Refusal | None:
    values: dict[str, object] = {"issuer": account.issuer, "subject": account.subject}
    values |= {"person_id": person.id, "email": account.email, "tied_at": now}
    insert_once(session, Identity, values)
    row = _row(session, account)
    if row is None or row.person_id != person.id or row.ended_at is not None:
        return taken()
    log_person_event(
        session, person.id, "person.identity_tied", _tied_words(person, account, method), now
    )
    return None


def _tied_words(person: Person, account: Subject, method: Way) -> str:
    name, email = person.name, account.email
    if method == "self":
        return f"{name} connected a sign-in account ({email}) while signed in with a password."
    return (
        f"{name} connected a sign-in account ({email}) at the first sign-in, by a verified email"
        " address."
    )


def taken() -> Refusal:
    """Return the refusal of an account that belongs to another person."""
    words = "This account is connected with another person."
    hint = "An administrator can disconnect it there."
    return Refusal("identity.taken", words, hint, 409)


def connect(session: Session, person_id: int, account: Subject, now: datetime) -> Refusal | None:
    """Connect an account with a signed-in person who proved their password, whatever its email
    address.

    An account that was disconnected can be connected again in this way only.
    """
    present = _open_row(session, person_id, account.issuer)
    if present is not None and present.subject != account.subject:
        words = "Another account is connected with you."
        return Refusal("identity.other", words, "Disconnect it first.", 409)
    row, person = _row(session, account), session.get_one(Person, person_id)
    if row is None:
        return _tie(session, account, person, "self", now)
    if row.ended_at is None:
        return None if row.person_id == person_id else taken()
    row.person_id, row.email, row.tied_at, row.ended_at = person_id, account.email, now, None
    log_person_event(
        session, person_id, "person.identity_tied", _tied_words(person, account, "self"), now
    )
    return None


def account_of(session: Session, person_id: int, issuer: str) -> Account | None:
    """Return the account of this provider that a person signs in with, or None."""
    row = _open_row(session, person_id, issuer)
    return Account(row.email, row.tied_at) if row else None


def _open_row(session: Session, person_id: int, issuer: str) -> Identity | None:
    query = select(Identity).where(Identity.person_id == person_id, Identity.issuer == issuer)
    return session.scalar(query.where(Identity.ended_at.is_(None)))


def disconnect(
    session: Session, person_id: int, issuer: str, now: datetime, *, by: Actor | None = None
) -> Refusal | None:
    """End a person's account of this provider; `by`: the administrator, if the person did not.

    The row stays, so that the account is not tied again by its email address. After an
    administrator ended it, the person's sessions end too.
    """
    row = _open_row(session, person_id, issuer)
    if row is None:
        return Refusal("identity.none", "No sign-in account is connected.", "", 409)
    row.ended_at = now
    name = session.get_one(Person, person_id).name
    say = f"The sign-in account of {name} ({row.email}) was disconnected."
    if by is not None:
        revoke_all(session, person_id, now)
    log_person_event(session, person_id, "person.identity_untied", say, now, by=by)
    return None
