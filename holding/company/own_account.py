"""Let users change their own name, password, sessions and display settings."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.access import operations, sessions
from holding.access.actors import actor_of
from holding.access.people import companies_of, rename
from holding.access.sessions import password_fault
from holding.db.bulk import Columns, of
from holding.db.models import Person
from holding.db.models import Session as SignIn
from holding.db.refusal import Refusal
from holding.platform.events import record_event

LANGUAGES: Final = ("en", "ms", "zh")
THEMES: Final = ("auto", "light", "dark")
RULE_LINES: Final = "rule_lines"  # key of person.settings
LINE_READERS: Final = frozenset({"consultant", "auditor"})
KEY: Final = 20  # so many signs of its hash name a session on its owner's page


@dataclass(frozen=True, slots=True)
class Taste:
    """A person's preferences: look, language, returned-work mail, undo time, row height, UTC."""

    theme: str = THEMES[0]
    keys: bool = True
    language: str = ""  # "" = as the browser says
    mails: bool = True
    long_undo: bool = False
    compact: bool = False
    utc: bool = False


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session for display; `key` names it."""

    token_hash: str
    device: str
    address: str
    created_at: datetime
    seen_at: datetime

    @property
    def key(self) -> str:
        """Return the session's name in a form, which cannot be used to sign in."""
        return self.token_hash[:KEY]


_OPEN = Columns(
    OpenSession(
        token_hash=of(SignIn.token_hash),
        device=of(SignIn.device),
        address=of(SignIn.address),
        created_at=of(SignIn.created_at),
        seen_at=of(SignIn.seen_at),
    )
)


def taste(settings: Mapping[str, Any]) -> Taste:
    """Return the preferences in a person's settings, with defaults."""
    theme, language = settings.get("theme"), settings.get("language")
    return Taste(
        theme=theme if theme in THEMES else THEMES[0],
        keys=settings.get("keys") is not False,
        language=language if language in LANGUAGES else "",
        mails=settings.get("mails") is not False,
        long_undo=settings.get("long_undo") is True,
        compact=settings.get("compact") is True,
        utc=settings.get("utc") is True,
    )


def languages(session: Session) -> frozenset[str]:
    """Return the languages that people chose for their pages."""
    rows = session.scalars(select(Person.settings).where(Person.active))
    return frozenset(filter(None, (taste(settings or {}).language for settings in rows)))


def key_of(token: str) -> str:
    """Return the name of a token's session."""
    return sessions.digest(token)[:KEY]


def open_sessions(session: Session, person_id: int, now: datetime) -> tuple[OpenSession, ...]:
    """Return the active sessions, the last used first."""
    query = (
        _OPEN.select()
        .where(
            SignIn.person_id == person_id,
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now,
            SignIn.seen_at > now - sessions.IDLE,
        )
        .order_by(SignIn.seen_at.desc(), SignIn.token_hash)
    )
    return _OPEN.each(session.execute(query))


def save(
    session: Session, person_id: int, *, name: str, taste: Taste, now: datetime
) -> Refusal | None:
    """Store the name shown beside the person's acts, and how pages look."""
    person = session.get_one(Person, person_id, with_for_update=True, populate_existing=True)
    new_name = " ".join(name.split())
    if not new_name or len(new_name) > 100:
        return Refusal("person.name", "Enter your name, of 100 letters at most.", "", 422)
    old = person.name
    rename(session, person, new_name, now)
    person.settings = {**person.settings, **asdict(taste)}
    session.flush()
    if new_name != old:
        _tell(session, person_id, "person.renamed", f"{old} is called {new_name} now.", now)
    return None


def show_utc(session: Session, person_id: int, *, on: bool) -> None:
    """Set whether each time on the person's pages has its UTC, too."""
    person = session.get_one(Person, person_id, with_for_update=True, populate_existing=True)
    person.settings = {**person.settings, "utc": on}


def rule_lines(settings: Mapping[str, Any], roles: Collection[str]) -> bool:
    """Check whether pages name a rule by file and line: as the person chose, else by role."""
    chosen = settings.get(RULE_LINES)
    return chosen if isinstance(chosen, bool) else not LINE_READERS.isdisjoint(roles)


def show_rule_lines(session: Session, person_id: int, *, on: bool) -> None:
    """Set whether the person's pages name a rule by file and line."""
    person = session.get_one(Person, person_id, with_for_update=True, populate_existing=True)
    person.settings = {**person.settings, RULE_LINES: on}


def change_password(
    session: Session,
    person_id: int,
    *,
    present: str,
    new_password: str,
    now: datetime,
    device: sessions.Device,
    compared: sessions.Compared = sessions.NOT_COMPARED,
    factor_at: datetime | None = None,
) -> str | Refusal:
    """Set a new password and return the token of a new session.

    Every session and token of the person ends. A wrong current password is refused and counted as
    at sign-in: commit also then. `compared`: the result of `sessions.compare`. `factor_at`: when
    the current session proved a second factor, which the new session inherits.
    """
    if fault := password_fault(new_password, session.get_one(Person, person_id).email):
        return fault
    if new_password == present:
        words = "The new password is the same as the current one."
        return Refusal("person.password", words, "Choose another.", 422)
    if refused := wrong_password(session, person_id, present, now, compared):
        return refused
    person = session.get_one(Person, person_id)
    sessions.set_password(session, person_id, new_password, now)
    why = f"{person.name} set a new password"
    for company in companies_of(session, person_id):
        if actor := actor_of(session, person_id, company.id):
            operations.end_all(session, actor, person_id, why, now, company_id=company.id)
    say = f"{person.name} changed their password. Their other sessions and their tokens ended."
    _tell(session, person_id, "person.password_changed", say, now)
    return sessions.open_session(session, person_id, now, device, factor_at)


def wrong_password(
    session: Session,
    person_id: int,
    present: str,
    now: datetime,
    compared: sessions.Compared = sessions.NOT_COMPARED,
) -> Refusal | None:
    """Return why this is not the signed-in person's password, or None.

    It is counted as at sign-in: commit also then. `compared`: the result of `sessions.compare`.
    """
    email = session.get_one(Person, person_id).email
    proved = sessions.prove(session, email, present, now, compared)
    if not isinstance(proved, Refusal) or proved.code == "signin.throttled":
        return proved if isinstance(proved, Refusal) else None
    return Refusal("person.present", "The current password is incorrect.", "", 422)


def end_session(session: Session, person_id: int, key: str, now: datetime) -> Refusal | None:
    """Sign the person out in one place."""
    matches = [sign_in for sign_in in open_sessions(session, person_id, now) if sign_in.key == key]
    if not matches:
        return Refusal("session.over", "That session has ended already.", status=404)
    session.execute(
        update(SignIn).where(SignIn.token_hash == matches[0].token_hash).values(revoked_at=now)
    )
    where = matches[0].device or "an unknown device"
    say = f"{_name(session, person_id)} signed out on {where}."
    _tell(session, person_id, "person.session_ended", say, now)
    return None


def sign_out_everywhere(session: Session, person_id: int, now: datetime) -> None:
    """End every session of the person, this one too."""
    sessions.revoke_all(session, person_id, now)
    say = f"{_name(session, person_id)} signed out everywhere."
    _tell(session, person_id, "person.signed_out", say, now)


def _name(session: Session, person_id: int) -> str:
    return session.scalars(select(Person.name).where(Person.id == person_id)).one()


def _tell(session: Session, person_id: int, act: str, say: str, now: datetime) -> None:
    for company in companies_of(session, person_id):
        record_event(
            session,
            company_id=company.id,
            at=now,
            actor=actor_of(session, person_id, company.id),
            act=act,
            body={"say": say, "person": person_id},
        )
