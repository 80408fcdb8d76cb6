"""Second factors: set up an authenticator app, check its codes, and issue recovery codes."""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pyotp import TOTP, random_base32
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from holding.access.actors import GUARDED_ROLES, Keys
from holding.access.sessions import (
    HAS_FACTOR,
    MUST_HAVE_FACTOR,
    NO_DEVICE,
    Device,
    digest,
    open_session,
    throttled,
)
from holding.access.sign_in_log import log_person_event, log_signed_in
from holding.db import leases
from holding.db.models import (
    Company,
    Deputy,
    Membership,
    Person,
    RecoveryCode,
    SecondFactor,
    SignInStep,
)
from holding.db.models import Session as SignIn
from holding.db.refusal import Refusal

SET_UP_LASTS: Final = timedelta(hours=1)

STEP_LASTS: Final = timedelta(minutes=15)

STEP_SECONDS: Final = 30

DRIFT: Final = 1  # steps that the clock of a phone may be ahead or behind

DIGITS: Final = 6

ISSUER: Final = "Clearpost"

RECOVERY_CODES: Final = 10

_GROUPS, _GROUP = 4, 4

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"  # five bits each; 80 in all

_READ_AS: Final = str.maketrans("018", "olb")  # digits that no code has, as they were misread


@dataclass(frozen=True, slots=True)
class Factor:
    """A person's second factor: when its app was confirmed (None before), and the number of unused
    recovery codes.
    """

    since: datetime | None
    codes_left: int


@dataclass(frozen=True, slots=True)
class SetUp:
    """An app during set-up: the secret to type, and the URI of the QR code."""

    secret: str
    address: str


def factor_of(session: Session, person_id: int) -> Factor:
    """Return the state of a person's second factor."""
    unused = (
        select(func.count())
        .select_from(RecoveryCode)
        .where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
        .scalar_subquery()
    )
    query = select(SecondFactor.confirmed_at, unused).where(SecondFactor.person_id == person_id)
    row = session.execute(query).first()
    if row is None or row[0] is None:
        return Factor(None, 0)
    return Factor(row[0], row[1])


def requiring(session: Session, person_id: int, now: datetime) -> tuple[str, ...]:
    """Return the names of the companies that require a second factor of this person."""
    roles = select(Membership.company_id).where(
        Membership.person_id == person_id, Membership.role.in_(GUARDED_ROLES)
    )
    lent = select(Deputy.company_id).where(
        Deputy.deputy_id == person_id,
        Deputy.ended_at.is_(None),
        Deputy.from_at <= now,
        Deputy.until_at > now,
    )
    query = select(Company.name).where(Company.needs_second_factor)
    query = query.where(Company.id.in_(roles) | Company.id.in_(lent))
    return tuple(session.scalars(query.order_by(Company.name)))


def begin(
    session: Session, person_id: int, token: str, keys: Keys, now: datetime
) -> Refusal | None:
    """Create a new secret, which counts only after `confirm`.

    `token`: of the session or sign-in step that sets it up. The secret is shown and confirmed only
    there, so that another person with the password cannot learn it first.
    """
    row = session.get(SecondFactor, person_id, with_for_update=True, populate_existing=True)
    if row is not None and row.confirmed_at is not None:
        return _on_already()
    secret, token_hash = keys.encrypt(new_secret(), row=bound(person_id)), digest(token)
    if row is None:
        row = SecondFactor(person_id=person_id, secret=secret, made_at=now, made_in=token_hash)
        session.add(row)
    row.secret, row.made_at, row.made_in, row.last_step = secret, now, token_hash, 0
    session.flush()
    return None


def _on_already() -> Refusal:
    return Refusal("factor.on", "Two-factor authentication is on already.", "", 409)


def being_set_up(
    session: Session, person_id: int, token: str, keys: Keys, now: datetime
) -> SetUp | Refusal:
    """Return the secret to enter into the app, until it is confirmed."""
    row = session.get(SecondFactor, person_id)
    if row is not None and row.confirmed_at is not None:
        return _on_already()
    if row is None or now - row.made_at >= SET_UP_LASTS or row.made_in != digest(token):
        words = "The set-up of two-factor authentication has ended."
        return Refusal("factor.not_begun", words, "Begin it again.", 410)
    secret = keys.decrypt(row.secret, row=bound(person_id))
    if isinstance(secret, Refusal):
        return secret
    email = session.get_one(Person, person_id).email
    return SetUp(in_groups(secret), set_up_address(secret, email))


def confirm(
    session: Session, person_id: int, token: str, entered_code: str, keys: Keys, now: datetime
) -> tuple[str, ...] | Refusal:
    """Confirm the app with its first code and return ten recovery codes, which are shown only now.

    That code is used up: it does not sign in too.
    """
    session.get(SecondFactor, person_id, with_for_update=True, populate_existing=True)
    ready = being_set_up(session, person_id, token, keys, now)
    if isinstance(ready, Refusal):
        return ready
    row = session.get_one(SecondFactor, person_id)
    step = step_fitting(ready.secret.replace(" ", ""), entered_code, now, row.last_step)
    if step is None:
        return wrong()
    row.confirmed_at, row.last_step = now, step
    session.flush()
    codes = _new_codes(session, person_id, now)
    say = f"{_name(session, person_id)} switched on two-factor authentication."
    log_person_event(session, person_id, "person.factor_on", say, now)
    return codes


def _new_codes(session: Session, person_id: int, now: datetime) -> tuple[str, ...]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = tuple(new_recovery_codes())
    session.add_all(
        RecoveryCode(person_id=person_id, code_hash=kept_of(code), made_at=now) for code in codes
    )
    session.flush()
    return codes


def _name(session: Session, person_id: int) -> str:
    return session.get_one(Person, person_id).name


def only_here(session: Session, person_id: int, token: str, now: datetime) -> None:
    """Mark this session as having proved the second factor, and end all other sessions."""
    is_this_session = SignIn.token_hash == digest(token)
    statement = update(SignIn).where(SignIn.person_id == person_id, SignIn.revoked_at.is_(None))
    session.execute(statement.where(is_this_session).values(factor_at=now, step_up_at=now))
    session.execute(statement.where(~is_this_session).values(revoked_at=now))


def prove(
    session: Session, person_id: int, entered_code: str, keys: Keys, now: datetime
) -> Refusal | None:
    """Check a code of the app or an unused recovery code, and use it up; return None if it is
    right.

    Commit also after a refusal, because failures are counted.
    """
    counter = leases.named(leases.Proof.CODE, str(person_id))
    if leases.reached(session, counter, now, lock=True):
        return throttled()
    row = session.get(SecondFactor, person_id, with_for_update=True, populate_existing=True)
    secret: str | Refusal = ""
    if row is not None and row.confirmed_at is not None:
        secret = keys.decrypt(row.secret, row=bound(person_id))
        step = None
        if isinstance(secret, str):
            step = step_fitting(secret, entered_code, now, row.last_step)
        if step is not None:
            row.last_step = step
        if step is not None or _recovered(session, person_id, entered_code, now):
            leases.forget(session, counter)
            session.flush()
            return None
    if leases.add(session, counter, now) == leases.MOST:
        tries, name = leases.MOST, _name(session, person_id)
        say = f"{tries} incorrect codes were entered for {name} after the right password."
        log_person_event(session, person_id, "person.factor_failures", say, now, by_person=False)
    return secret if isinstance(secret, Refusal) else wrong()


def _recovered(session: Session, person_id: int, entered_code: str, now: datetime) -> bool:
    """Use up a recovery code and log it; return whether it was valid."""
    code = session.scalar(
        select(RecoveryCode)
        .where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
        .where(RecoveryCode.code_hash == kept_of(entered_code))
        .with_for_update()
    )
    if code is None:
        return False
    code.used_at = now
    session.flush()
    codes_left = factor_of(session, person_id).codes_left
    name, all_ = _name(session, person_id), RECOVERY_CODES
    say = f"{name} used a recovery code; {codes_left} of {all_} are left."
    log_person_event(session, person_id, "person.factor_recovered", say, now)
    return True


def renew_codes(session: Session, person_id: int, now: datetime) -> tuple[str, ...]:
    """Replace the recovery codes of a person who proved their identity."""
    codes = _new_codes(session, person_id, now)
    say = f"{_name(session, person_id)} made new recovery codes."
    log_person_event(session, person_id, "person.factor_codes", say, now)
    return codes


def switch_off(session: Session, person_id: int, now: datetime) -> Refusal | None:
    """Remove the second factor, unless a company requires it."""
    if companies := ", ".join(requiring(session, person_id, now)):
        words = f"{companies} requires two-factor authentication of you."
        return Refusal("factor.required", words, "An administrator there can change that.")
    forget(session, person_id)
    say = f"{_name(session, person_id)} switched off two-factor authentication."
    log_person_event(session, person_id, "person.factor_off", say, now)
    return None


def forget(session: Session, person_id: int) -> None:
    """Delete the app's secret and the recovery codes."""
    for table in (RecoveryCode, SecondFactor):
        session.execute(
            delete(table)
            .where(table.person_id == person_id)
            .execution_options(synchronize_session="fetch")
        )


def bound(person_id: int) -> str:
    """Return the row name that a secret is encrypted for."""
    return f"second_factor:{person_id}"


def wrong() -> Refusal:
    """Return the refusal for a code that is wrong, too old or already used."""
    return Refusal(
        "factor.wrong",
        "Incorrect code.",
        "Enter the code that your app shows now. Each code works once.",
        422,
    )


@dataclass(frozen=True, slots=True)
class Entered:
    """The token of a session, or of the sign-in step before it."""

    token: str
    signed_in: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person at the sign-in step.

    `sets_up`: a company requires a second factor and they have none.
    """

    person_id: int
    email: str
    sets_up: bool


@dataclass(frozen=True, slots=True)
class SetUpDone:
    """A person who set the second factor up at sign-in: their session, and the codes that are shown
    once.
    """

    token: str
    codes: tuple[str, ...]


def enter(session: Session, person_id: int, now: datetime, device: Device = NO_DEVICE) -> Entered:
    """Open a session for a person who proved their password, or a step if a second factor is
    needed.
    """
    if not any(needs(session, person_id, now)):
        log_signed_in(session, person_id, device, now)
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
    """Return whether a person has a second factor, and whether a company requires one."""
    query = select(HAS_FACTOR, MUST_HAVE_FACTOR).where(Person.id == person_id)
    has, must = session.execute(query, {"now": now}).one()
    return bool(has), bool(must)


def waiting(session: Session, token: str, now: datetime) -> Waiting | None:
    """Return the person at this step, or None if it is unknown, over or not needed."""
    row = session.scalar(_step(token))
    return _whose(session, row, now)


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


def finish(
    session: Session,
    token: str,
    entered_code: str,
    keys: Keys,
    now: datetime,
    device: Device = NO_DEVICE,
) -> str | Refusal:
    """Open a session with a code of the app or a recovery code and end the step; return the token.

    Commit also after a refusal.
    """
    row = session.scalar(_step(token).with_for_update())
    pending = _whose(session, row, now)
    if row is None or pending is None or pending.sets_up:
        return over()
    refused = prove(session, pending.person_id, entered_code, keys, now)
    if refused:
        return refused
    return _signed_in(session, row, now, device)


def _signed_in(session: Session, row: SignInStep, now: datetime, device: Device) -> str:
    session.delete(row)
    session.flush()
    log_signed_in(session, row.person_id, device, now)
    token = open_session(session, row.person_id, now, device, factor_at=now)
    this_session = SignIn.token_hash == digest(token)
    session.execute(update(SignIn).where(this_session).values(step_up_at=now))
    return token


def begin_set_up(session: Session, token: str, keys: Keys, now: datetime) -> Refusal | None:
    """Create a secret for a person who must set up a second factor before signing in."""
    pending = waiting(session, token, now)
    if pending is None or not pending.sets_up:
        return over()
    return begin(session, pending.person_id, token, keys, now)


def finish_set_up(
    session: Session,
    token: str,
    entered_code: str,
    keys: Keys,
    now: datetime,
    device: Device = NO_DEVICE,
) -> SetUpDone | Refusal:
    """Confirm the app that was set up at this step, and sign in. Commit also after a refusal."""
    row = session.scalar(_step(token).with_for_update())
    pending = _whose(session, row, now)
    if row is None or pending is None or not pending.sets_up:
        return over()
    codes = confirm(session, pending.person_id, token, entered_code, keys, now)
    if isinstance(codes, Refusal):
        return codes
    session_token = _signed_in(session, row, now, device)
    only_here(session, pending.person_id, session_token, now)
    return SetUpDone(session_token, codes)


def over() -> Refusal:
    """Return the refusal for a step that ended or never existed."""
    words = "This sign-in has ended, because it took too long or was finished elsewhere."
    return Refusal("signin.over", words, "Sign in again.", 410)


def new_secret() -> str:
    """Return a new app secret: 160 random bits in base 32."""
    return random_base32()


def set_up_address(secret: str, email: str) -> str:
    """Return the URI that an app reads from the QR code."""
    return TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(
        name=email, issuer_name=ISSUER
    )


def in_groups(secret: str) -> str:
    """Return a secret in groups of four characters."""
    return " ".join(secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP))


def step_of(moment: datetime) -> int:
    """Return the time step of a moment: half minutes since 1970."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """Return the six digits of a time step."""
    return TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).generate_otp(step)


def step_fitting(secret: str, entered_code: str, now: datetime, last_step: int) -> int | None:
    """Return the time step of a code if it is current or adjacent and later than `last_step`, else
    None.

    All candidates are compared, so that wrong codes take as long.
    """
    code, current_step = "".join(entered_code.split()).encode(), step_of(now)
    matching_steps = [
        step
        for step in range(current_step - DRIFT, current_step + DRIFT + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), code)
    ]
    return next((step for step in matching_steps if step > last_step), None)


def new_recovery_codes() -> Iterator[str]:
    """Yield ten codes that work once each."""
    for _ in range(RECOVERY_CODES):
        yield "-".join(
            "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
        )


def kept_of(recovery_code: str) -> str:
    """Return the stored hash of a recovery code.

    Case, blanks, hyphens and misread digits are ignored. A code has 80 random bits, so no salt is
    needed.
    """
    signs = "".join(sign for sign in recovery_code.lower() if sign not in "- \t\r\n")
    return hashlib.sha256(f"recovery:{signs.translate(_READ_AS)}".encode()).hexdigest()
