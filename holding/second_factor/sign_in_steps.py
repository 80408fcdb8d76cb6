"""Signing in after the password: at once, or by a step at which the second factor is proved.

Here: whether there is such a step, its row, and the session that follows from it; the step is no
session and opens no page. Not here: passwords and which sessions count
(holding/access/sessions.py), the codes themselves (enrolment.py).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from holding.access.secrets import Keys
from holding.access.sessions import (
    HAS_FACTOR,
    MUST_HAVE_FACTOR,
    NO_DEVICE,
    Device,
    digest,
    open_session,
)
from holding.db.models import Person, SignInStep
from holding.db.refusal import Refusal
from holding.second_factor import enrolment

STEP_LASTS: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Entered:
    """Whoever proved their password: a session's token, or that of the step that comes before."""

    token: str
    signed_in: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody at the step; `sets_up`: a company requires a second factor, and they have none."""

    person_id: int
    email: str
    sets_up: bool


@dataclass(frozen=True, slots=True)
class SetUpDone:
    """Somebody who set it up at sign-in: their session, and the codes that are shown this once."""

    token: str
    codes: tuple[str, ...]


def enter(session: Session, person_id: int, now: datetime, device: Device = NO_DEVICE) -> Entered:
    """What follows for somebody who has proved their password: a session, where that is enough."""
    if not any(needs(session, person_id, now)):
        return Entered(open_session(session, person_id, now, device), signed_in=True)
    session.execute(
        delete(SignInStep)
        .where(SignInStep.expires_at <= now)
        .execution_options(synchronize_session=False)
    )
    token = secrets.token_urlsafe(32)
    session.add(
        SignInStep(
            token_hash=digest(token),
            person_id=person_id,
            made_at=now,
            expires_at=now + STEP_LASTS,
        )
    )
    session.flush()
    return Entered(token, signed_in=False)


def needs(session: Session, person_id: int, now: datetime) -> tuple[bool, bool]:
    """Whether a person has switched a second factor on, and whether a company requires one."""
    query = select(HAS_FACTOR, MUST_HAVE_FACTOR).where(Person.id == person_id)
    has, must = session.execute(query, {"now": now}).one()
    return bool(has), bool(must)


def waiting(session: Session, token: str, now: datetime) -> Waiting | None:
    """Who is at the step of this token; None when it is unknown, over or used, or not needed."""
    row = session.scalar(_step(token))
    return _whose(session, row, now)


def finish(
    session: Session,
    token: str,
    given: str,
    keys: Keys,
    now: datetime,
    device: Device = NO_DEVICE,
) -> str | Refusal:
    """The token of a new session, for a code of the app or a recovery code; the step is used then.
    Commit also after a refusal.
    """
    row = session.scalar(_step(token).with_for_update())
    who = _whose(session, row, now)
    if row is None or who is None or who.sets_up:
        return over()
    refused = enrolment.prove(session, who.person_id, given, keys, now)
    if refused:
        return refused
    return _signed_in(session, row, now, device)


def begin_set_up(session: Session, token: str, keys: Keys, now: datetime) -> Refusal | None:
    """A secret for whoever has to set a second factor up before they are signed in."""
    who = waiting(session, token, now)
    if who is None or not who.sets_up:
        return over()
    return enrolment.begin(session, who.person_id, token, keys, now)


def finish_set_up(
    session: Session,
    token: str,
    given: str,
    keys: Keys,
    now: datetime,
    device: Device = NO_DEVICE,
) -> SetUpDone | Refusal:
    """Let the app count that was set up at this step, and sign in. Commit also after a refusal."""
    row = session.scalar(_step(token).with_for_update())
    who = _whose(session, row, now)
    if row is None or who is None or not who.sets_up:
        return over()
    made = enrolment.confirm(session, who.person_id, token, given, keys, now)
    if isinstance(made, Refusal):
        return made
    fresh = _signed_in(session, row, now, device)
    enrolment.only_here(session, who.person_id, fresh, now)
    return SetUpDone(fresh, made)


def over() -> Refusal:
    """Where the step has ended, or never was."""
    words = "This sign-in has ended, because it took too long or was finished elsewhere."
    return Refusal("signin.over", words, "Sign in again.", 410)


def _signed_in(session: Session, row: SignInStep, now: datetime, device: Device) -> str:
    session.delete(row)
    session.flush()
    return open_session(session, row.person_id, now, device, factor_at=now)


def _step(token: str) -> Select[SignInStep]:
    return select(SignInStep).where(SignInStep.token_hash == digest(token))


def _whose(session: Session, row: SignInStep | None, now: datetime) -> Waiting | None:
    if row is None or not row.made_at <= now < row.expires_at:
        return None
    person = session.get_one(Person, row.person_id)
    has, must = needs(session, person.id, now)
    if not person.active or not (has or must):
        return None
    return Waiting(person.id, person.email, sets_up=not has)
