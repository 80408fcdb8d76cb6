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

from holding.access.actors import GUARDED_ROLES, Actor, Keys, actor_of
from holding.access.people import companies_of
from holding.access.sessions import (
    HAS_FACTOR,
    MUST_HAVE_FACTOR,
    NO_DEVICE,
    Device,
    digest,
    open_session,
    throttled,
)
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
from holding.platform.events import record_event

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
    """Since when an app counts, None where none does, and how many recovery codes are unused."""

    since: datetime | None
    codes_left: int


@dataclass(frozen=True, slots=True)
class SetUp:
    """An app that is being set up: the secret as it is typed, and the address of the picture."""

    secret: str
    address: str


def factor_of(session: Session, person_id: int) -> Factor:
    """Whether a second factor counts for a person."""
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
    """The names of the companies that require one of this person, by name."""
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
    """A new secret, which counts for nothing until a code of it was given (`confirm`).

    `token`: of the session, or of the step of a sign-in, in which it is set up. Only there it is
    shown and confirmed: who knows the password as well must not learn the secret beforehand.
    """
    row = session.get(SecondFactor, person_id, with_for_update=True, populate_existing=True)
    if row is not None and row.confirmed_at is not None:
        return _on_already()
    secret, place = keys.encrypt(new_secret(), row=bound(person_id)), digest(token)
    if row is None:
        row = SecondFactor(person_id=person_id, secret=secret, made_at=now, made_in=place)
        session.add(row)
    row.secret, row.made_at, row.made_in, row.last_step = secret, now, place, 0
    session.flush()
    return None


def _on_already() -> Refusal:
    return Refusal("factor.on", "Two-factor authentication is on already.", "", 409)


def being_set_up(
    session: Session, person_id: int, token: str, keys: Keys, now: datetime
) -> SetUp | Refusal:
    """The secret to be put into the app, while it does not count yet; afterwards never again."""
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
    session: Session, person_id: int, token: str, given: str, keys: Keys, now: datetime
) -> tuple[str, ...] | Refusal:
    """Let the app count from now on, as this code proves that it works; ten recovery codes, handed
    over now and never again. That code is taken: it does not sign in, too.
    """
    session.get(SecondFactor, person_id, with_for_update=True, populate_existing=True)
    ready = being_set_up(session, person_id, token, keys, now)
    if isinstance(ready, Refusal):
        return ready
    row = session.get_one(SecondFactor, person_id)
    step = step_fitting(ready.secret.replace(" ", ""), given, now, row.last_step)
    if step is None:
        return wrong()
    row.confirmed_at, row.last_step = now, step
    session.flush()
    made = _new_codes(session, person_id, now)
    say = f"{_name(session, person_id)} switched on two-factor authentication."
    tell(session, person_id, "person.factor_on", say, now)
    return made


def _new_codes(session: Session, person_id: int, now: datetime) -> tuple[str, ...]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    made = tuple(new_recovery_codes())
    session.add_all(
        RecoveryCode(person_id=person_id, code_hash=kept_of(one), made_at=now) for one in made
    )
    session.flush()
    return made


def _name(session: Session, person_id: int) -> str:
    return session.get_one(Person, person_id).name


def only_here(session: Session, person_id: int, token: str, now: datetime) -> None:
    """The session of this token has proved the second factor; every other one ends."""
    here = SignIn.token_hash == digest(token)
    mine = update(SignIn).where(SignIn.person_id == person_id, SignIn.revoked_at.is_(None))
    session.execute(mine.where(here).values(factor_at=now))
    session.execute(mine.where(~here).values(revoked_at=now))


def prove(
    session: Session, person_id: int, given: str, keys: Keys, now: datetime
) -> Refusal | None:
    """None when this is a code of the person's app, or one of their recovery codes, that was not
    taken before; then it is. Commit also after a refusal: failures are counted, as of passwords.
    """
    counted = leases.named(leases.Proof.CODE, str(person_id))
    if leases.reached(session, counted, now, lock=True):
        return throttled()
    row = session.get(SecondFactor, person_id, with_for_update=True, populate_existing=True)
    secret: str | Refusal = ""
    if row is not None and row.confirmed_at is not None:
        secret = keys.decrypt(row.secret, row=bound(person_id))
        step = None
        if isinstance(secret, str):
            step = step_fitting(secret, given, now, row.last_step)
        if step is not None:
            row.last_step = step
        if step is not None or _recovered(session, person_id, given, now):
            leases.forget(session, counted)
            session.flush()
            return None
    if leases.add(session, counted, now) == leases.MOST:
        tries, name = leases.MOST, _name(session, person_id)
        say = f"{tries} incorrect codes were entered for {name} after the right password."
        tell(session, person_id, "person.factor_failures", say, now, by_person=False)
    return secret if isinstance(secret, Refusal) else wrong()


def _recovered(session: Session, person_id: int, given: str, now: datetime) -> bool:
    """Whether this is an unused recovery code; then it is used, and the audit log knows."""
    code = session.scalar(
        select(RecoveryCode)
        .where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
        .where(RecoveryCode.code_hash == kept_of(given))
        .with_for_update()
    )
    if code is None:
        return False
    code.used_at = now
    session.flush()
    left = factor_of(session, person_id).codes_left
    name, all_ = _name(session, person_id), RECOVERY_CODES
    say = f"{name} used a recovery code; {left} of {all_} are left."
    tell(session, person_id, "person.factor_recovered", say, now)
    return True


def renew_codes(session: Session, person_id: int, now: datetime) -> tuple[str, ...]:
    """Ten new recovery codes, for who has proved who they are; the old ones count no more."""
    made = _new_codes(session, person_id, now)
    say = f"{_name(session, person_id)} made new recovery codes."
    tell(session, person_id, "person.factor_codes", say, now)
    return made


def switch_off(session: Session, person_id: int, now: datetime) -> Refusal | None:
    """The password is enough again for who proved themselves, unless a company requires more."""
    if companies := ", ".join(requiring(session, person_id, now)):
        words = f"{companies} requires two-factor authentication of you."
        return Refusal("factor.required", words, "An administrator there can change that.")
    forget(session, person_id)
    say = f"{_name(session, person_id)} switched off two-factor authentication."
    tell(session, person_id, "person.factor_off", say, now)
    return None


def forget(session: Session, person_id: int) -> None:
    """Keep nothing of the app and of the recovery codes."""
    for table in (RecoveryCode, SecondFactor):
        session.execute(
            delete(table)
            .where(table.person_id == person_id)
            .execution_options(synchronize_session="fetch")
        )


def tell(
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
    """An event in each company of the person: done by them, or `by` another one."""
    for company in companies_of(session, person_id):
        own = actor_of(session, person_id, company.id) if by_person else None
        record_event(
            session,
            company_id=company.id,
            at=now,
            actor=by or own,
            act=act,
            body={"say": say, "person": person_id, **more},
        )


def bound(person_id: int) -> str:
    """What a secret is encrypted for."""
    return f"second_factor:{person_id}"


def wrong() -> Refusal:
    """The same words for a code that is wrong, too old, or was taken before."""
    return Refusal(
        "factor.wrong",
        "Incorrect code.",
        "Enter the code that your app shows now. Each code works once.",
        422,
    )


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
    refused = prove(session, who.person_id, given, keys, now)
    if refused:
        return refused
    return _signed_in(session, row, now, device)


def _signed_in(session: Session, row: SignInStep, now: datetime, device: Device) -> str:
    session.delete(row)
    session.flush()
    return open_session(session, row.person_id, now, device, factor_at=now)


def begin_set_up(session: Session, token: str, keys: Keys, now: datetime) -> Refusal | None:
    """A secret for whoever has to set a second factor up before they are signed in."""
    who = waiting(session, token, now)
    if who is None or not who.sets_up:
        return over()
    return begin(session, who.person_id, token, keys, now)


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
    made = confirm(session, who.person_id, token, given, keys, now)
    if isinstance(made, Refusal):
        return made
    fresh = _signed_in(session, row, now, device)
    only_here(session, who.person_id, fresh, now)
    return SetUpDone(fresh, made)


def over() -> Refusal:
    """Where the step has ended, or never was."""
    words = "This sign-in has ended, because it took too long or was finished elsewhere."
    return Refusal("signin.over", words, "Sign in again.", 410)


def new_secret() -> str:
    """What an app makes its codes of: 160 random bits, in base 32."""
    return random_base32()


def set_up_address(secret: str, email: str) -> str:
    """What an app reads from a picture: whose codes it makes, and of what."""
    return TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(
        name=email, issuer_name=ISSUER
    )


def in_groups(secret: str) -> str:
    """A secret as people type it: four signs at a time."""
    return " ".join(secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP))


def step_of(moment: datetime) -> int:
    """The step of time at a moment: so many half minutes since 1970."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """The six digits of a step of time."""
    return TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).generate_otp(step)


def step_fitting(secret: str, given: str, now: datetime, last_step: int) -> int | None:
    """The step of time whose code was given: that of now, the one before or the one after, if it is
    later than `last_step`. None for any other code; that takes as long.
    """
    code, here = "".join(given.split()).encode(), step_of(now)
    fits = [
        step
        for step in range(here - DRIFT, here + DRIFT + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), code)
    ]
    return next((step for step in fits if step > last_step), None)


def new_recovery_codes() -> Iterator[str]:
    """Ten codes, each good once."""
    for _ in range(RECOVERY_CODES):
        yield "-".join(
            "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
        )


def kept_of(recovery_code: str) -> str:
    """The hash that is stored of a recovery code, however it is typed: case, blanks, hyphens and
    digits that no code has do not count. It has 80 random bits, so no salt is needed.
    """
    signs = "".join(sign for sign in recovery_code.lower() if sign not in "- \t\r\n")
    return hashlib.sha256(f"recovery:{signs.translate(_READ_AS)}".encode()).hexdigest()
