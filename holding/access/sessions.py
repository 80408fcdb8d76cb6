"""Passwords and sign-in sessions.

Passwords are hashed with argon2id, and failed attempts are throttled for each account. A session
row keeps only the hash of its token.
"""

import functools
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from holding.access.actors import GUARDED_ROLES
from holding.db import kept_plans, leases, models
from holding.db.models import Company, Deputy, Membership, Person, SecondFactor
from holding.db.models.columns import NOW
from holding.db.refusal import Refusal

IDLE: Final = timedelta(minutes=60)
ABSOLUTE: Final = timedelta(hours=12)
KEPT: Final = timedelta(days=366)  # who was signed in when: no event tells it
TOUCH_AFTER: Final = timedelta(minutes=5)
DEVICE_KNOWN: Final = timedelta(days=180)
"""A device counts as the account's own for so long after a sign-in."""
MOST_FROM_ANYWHERE: Final = 100
"""Failures at an account from all unknown devices together, in the window of `leases`."""

MIN_PASSWORD: Final = 12

FEWEST_CHARACTERS: Final = 5
"""A password with fewer different characters, such as `111111111111`, is easily guessed."""

COMMON_WORDS: Final = frozenset(
    resources.files("holding.access").joinpath("common_words.txt").read_text("utf-8").split()
)
"""Words that passwords are made of most often, here also those of this product's users."""

_LETTERS: Final = str.maketrans("014357@$!", "oiaestasi")
"""What people write instead of a letter."""

_ROWS: Final = ("0123456789" * 3, "qwertyuiopasdfghjklzxcvbnm", "abcdefghijklmnopqrstuvwxyz")

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


@dataclass(frozen=True, slots=True)
class Device:
    """The device and network address of a sign-in, as the person would recognise them.

    `key`: the value of the browser's device cookie, which proves an earlier sign-in from it.
    """

    name: str
    address: str
    key: str = ""


NO_DEVICE: Final = Device("", "")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a session.

    It ends at `ends_at` when unused, and at `expires_at` in any case. `stale`: its last use is old
    enough to be stored again. `factor_at`: when it proved a second factor, or None. `step_up_at`:
    when it last did so with a code.
    """

    person_id: int
    name: str
    email: str
    stale: bool
    ends_at: datetime
    expires_at: datetime
    settings: Mapping[str, Any]
    factor_at: datetime | None = None
    step_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The stored hash that a password was compared with, and whether it matches."""

    stored: str = ""
    fits: bool = False


NOT_COMPARED: Final = Compared()


def password_fault(password: str, email: str = "") -> Refusal | None:
    """Return why this is refused as the new password of an account, or None."""
    if len(password) < MIN_PASSWORD:
        words = (
            f"The password must have at least {MIN_PASSWORD} characters; this one has "
            f"{len(password)}."
        )
        return Refusal("person.password", words, "", 422)
    if is_easily_guessed(password, email):
        words = "This password is easily guessed."
        hint = "Use several words that do not belong together, or let a password manager make one."
        return Refusal("person.password", words, hint, 422)
    return None


def is_easily_guessed(password: str, email: str = "") -> bool:
    """Check whether a password is a common word, the account's own name, a row of keys, or one of
    these repeated or with digits and signs added.
    """
    text = password.lower()
    if len(set(text)) < FEWEST_CHARACTERS or any(text in row or text[::-1] in row for row in _ROWS):
        return True
    guessed = COMMON_WORDS | set(re.findall(r"[a-z]{3,}", email.lower()))
    core = re.sub(r"^[^a-z]+|[^a-z]+$", "", text)
    return any(
        _consists_of(re.sub(r"[^a-z]", "", version), guessed)
        for version in (core, core.translate(_LETTERS))
    )


def _consists_of(letters: str, words: set[str] | frozenset[str]) -> bool:
    """Check whether the letters are nothing but these words, one after another."""
    reachable = {0}
    for end in range(1, len(letters) + 1):
        if any(letters[start:end] in words for start in reachable):
            reachable.add(end)
    return bool(letters) and len(letters) in reachable


def hash_password(password: str) -> str:
    """Return the argon2id hash to store."""
    return _hasher.hash(password)


def compare(
    session: Session, email: str, password: str, now: datetime, device: Device = NO_DEVICE
) -> Compared:
    """Compare the password before the write transaction, because hashing is slow and SQLite would
    block other writers.

    The result alone decides nothing. A throttled account is not compared.
    """
    address = _address(email)
    person = _person(session, address)
    if any(counter.is_full(session, now) for counter in _counters(session, address, device, now)):
        return NOT_COMPARED
    stored = _stored(person)
    return Compared(stored, _matches(stored, password))


def prove(
    session: Session,
    email: str,
    password: str,
    now: datetime,
    compared: Compared = NOT_COMPARED,
    device: Device = NO_DEVICE,
) -> int | Refusal:
    """Return the id of the person with this password, or one refusal that does not reveal the
    reason.

    `compared`: the result of `compare`, used unless the password changed since. Commit also after a
    refusal, because failures are counted, for unknown accounts too.
    """
    address = _address(email)
    counters = _counters(session, address, device, now)
    if any(counter.is_full(session, now, lock=True) for counter in counters):
        return throttled()
    person = _person(session, address)
    stored = _stored(person)
    fits = compared.fits if compared.stored == stored else _matches(stored, password)
    if not fits or person is None or not person.active:
        for counter in counters:
            leases.add(session, counter.name, now)
        return Refusal(
            code="signin.refused", message="Incorrect email or password.", hint="", status=422
        )
    for counter in counters:
        leases.forget(session, counter.name)
    if _hasher.check_needs_rehash(stored):
        person.password_hash = hash_password(password)
    return person.id


def is_locked_out(session: Session, email: str, device: Device, now: datetime) -> bool:
    """Check whether the account accepts no further attempt from this device for now."""
    counters = _counters(session, _address(email), device, now)
    return any(counter.is_full(session, now) for counter in counters)


def throttled() -> Refusal:
    """Return the refusal for too many failed attempts of an account."""
    return Refusal(
        code="signin.throttled",
        message="Too many attempts for this account.",
        hint=f"Wait {int(leases.WINDOW.total_seconds() // 60)} minutes, or ask an admin.",
        status=429,
    )


def _address(email: str) -> str:
    return email.strip().lower()


@dataclass(frozen=True, slots=True)
class _Counter:
    """A counter of failures, and how many it allows."""

    name: str
    most: int

    def is_full(self, session: Session, now: datetime, *, lock: bool = False) -> bool:
        return leases.reached(session, self.name, now, most=self.most, lock=lock)


def _counters(
    session: Session, address: str, device: Device, now: datetime
) -> tuple[_Counter, ...]:
    """Return the counters for failures at an account.

    A device from which the account signed in before has its own counter, so that a stranger cannot
    lock the owner out. Everywhere else failures count by network address, and together.
    """
    if _is_known(session, address, device, now):
        return (_Counter(_counted_as(address, "device", digest(device.key)), leases.MOST),)
    return (
        _Counter(_counted_as(address, "address", device.address), leases.MOST),
        _Counter(_counted_as(address), MOST_FROM_ANYWHERE),
    )


def _counted_as(*place: str) -> str:
    """Return the counter name for failures at a place. It does not show the account."""
    return leases.named(leases.Proof.SIGN_IN, digest("|".join(place))[:40])


def _is_known(session: Session, address: str, device: Device, now: datetime) -> bool:
    """Check whether the account signed in from this device in the last months."""
    if not device.key:
        return False
    earlier_session = exists().where(
        models.Session.person_id == Person.id,
        models.Session.device_key == digest(device.key),
        models.Session.created_at > now - DEVICE_KNOWN,
    )
    query = select(Person.id).where(Person.email == address, earlier_session)
    return session.scalar(query) is not None


def _person(session: Session, address: str) -> Person | None:
    return session.scalar(select(Person).where(Person.email == address))


def _stored(person: Person | None) -> str:
    # An unknown address is compared with a hash that nothing matches, so that it takes as long.
    return person.password_hash if person and person.password_hash else _nobody()


def person_of(session: Session, token: str, now: datetime) -> SignedIn | None:
    """Return the person of this session, or None if it is unknown, over or revoked, its person
    disabled, or a required second factor missing.
    """
    active_session = _going_on(session, token, now)
    if active_session is None or active_session[2]:
        return None
    row, person, _ = active_session
    return SignedIn(
        person_id=person.id,
        name=person.name,
        email=person.email,
        stale=now - row.seen_at >= TOUCH_AFTER,
        ends_at=min(row.seen_at + IDLE, row.expires_at),
        expires_at=row.expires_at,
        settings=person.settings,
        factor_at=row.factor_at,
        step_up_at=row.step_up_at,
    )


def lacks_factor(session: Session, token: str, now: datetime) -> bool:
    """Check whether a session is active but lacks a required second factor."""
    active_session = _going_on(session, token, now)
    return active_session is not None and active_session[2]


def _going_on(
    session: Session, token: str, now: datetime
) -> tuple[models.Session, Person, bool] | None:
    """Return an active session, its person, and whether a second factor is missing."""
    result = session.execute(_SIGNED_IN, {"token_hash": digest(token), "now": now}).first()
    if result is None:
        return None
    row, person, needs = result
    if row.revoked_at is not None or not person.active:
        return None
    if now >= row.expires_at or now - row.seen_at >= IDLE:
        return None
    return row, person, needs and row.factor_at is None


HAS_FACTOR: Final = (
    exists()
    .where(SecondFactor.person_id == Person.id, SecondFactor.confirmed_at.is_not(None))
    .correlate(Person)
)
"""Whether a person (of the statement around it) has switched a second factor on."""
_MEMBER = (
    exists()
    .where(Membership.person_id == Person.id, Membership.role.in_(GUARDED_ROLES))
    .where(Company.id == Membership.company_id, Company.needs_second_factor)
    .correlate(Person)
)
_DEPUTY = (
    exists()
    .where(Deputy.deputy_id == Person.id, Deputy.ended_at.is_(None))
    .where(Deputy.from_at <= NOW, Deputy.until_at > NOW)
    .where(Company.id == Deputy.company_id, Company.needs_second_factor)
    .correlate(Person)
)
MUST_HAVE_FACTOR: Final = or_(_MEMBER, _DEPUTY)
"""Whether a company requires one of them: for their roles, or because they approve in the place of
somebody at this moment (`now` of the statement).
"""
_SIGNED_IN = (
    select(models.Session, Person, or_(HAS_FACTOR, MUST_HAVE_FACTOR))
    .join(Person, Person.id == models.Session.person_id)
    .where(models.Session.token_hash == bindparam("token_hash"))
).execution_options(**kept_plans.KEPT)


def touch(session: Session, token: str, now: datetime) -> None:
    """Store that the session was used, so that it does not expire."""
    session.execute(
        update(models.Session)
        .where(models.Session.token_hash == digest(token), models.Session.seen_at < now)
        .values(seen_at=now)
    )


def sign_out(session: Session, token: str, now: datetime) -> None:
    """End this session."""
    session.execute(
        update(models.Session)
        .where(models.Session.token_hash == digest(token), models.Session.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_all(session: Session, person_id: int, now: datetime) -> None:
    """End every session of a person, after a new password or when the person is disabled."""
    session.execute(
        update(models.Session)
        .where(models.Session.person_id == person_id, models.Session.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def forget_ended(session: Session, now: datetime) -> None:
    """Delete sessions that ended long ago."""
    session.execute(
        delete(models.Session)
        .where(models.Session.expires_at < now - KEPT)
        .execution_options(synchronize_session=False)
    )


def set_password(session: Session, person_id: int, password: str, now: datetime) -> None:
    """Set a new password; end the person's sessions, sign-in steps and password links."""
    session.execute(
        update(models.Person)
        .where(models.Person.id == person_id)
        .values(password_hash=hash_password(password))
    )
    link = models.AccessLink
    session.execute(
        update(link)
        .where(link.person_id == person_id, link.kind == "reset")
        .where(link.used_at.is_(None), link.ended_at.is_(None))
        .values(ended_at=now)
    )
    session.execute(delete(models.SignInStep).where(models.SignInStep.person_id == person_id))
    revoke_all(session, person_id, now)


def open_session(
    session: Session,
    person_id: int,
    now: datetime,
    device: Device = NO_DEVICE,
    factor_at: datetime | None = None,
) -> str:
    """Open a session for a person who proved their identity, and return its token.

    `factor_at`: when they proved a second factor.
    """
    token = secrets.token_urlsafe(32)
    session.add(
        models.Session(
            token_hash=digest(token),
            person_id=person_id,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE,
            device=device.name,
            address=device.address,
            device_key=digest(device.key) if device.key else None,
            factor_at=factor_at,
        )
    )
    session.flush()
    return token


def digest(token: str) -> str:
    """Return the stored hash of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@functools.cache
def _nobody() -> str:
    """Return a hash that no password matches, so that unknown accounts take as long as
    known ones.
    """
    return _hasher.hash(secrets.token_urlsafe(32))


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
