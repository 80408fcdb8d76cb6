"""People with a second factor, for tests: whom the app of a phone answers for."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from holding.access import enrolment
from holding.access.actors import Keys
from holding.db.refusal import Refusal

KEYS = Keys((Fernet.generate_key(),))
HERE = "the session in which it is set up"


@dataclass(frozen=True)
class Phone:
    """The app on a phone, and the recovery codes that were handed over with it."""

    secret: str
    recovery: tuple[str, ...] = ()

    def code(self, now: datetime, off: int = 0) -> str:
        """What it shows, `off` half minutes from now."""
        return enrolment.code_at(self.secret, enrolment.step_of(now) + off)

    def wrong(self, now: datetime) -> str:
        """Six digits that it does not show about now."""
        shown = {self.code(now, off) for off in range(-3, 4)}
        return next(one for one in ("000000", "111111", "222222", "333333") if one not in shown)


def begun(session: Session, person_id: int, now: datetime, keys: Keys = KEYS) -> Phone:
    """Set up, and not confirmed yet."""
    assert enrolment.begin(session, person_id, HERE, keys, now) is None
    app = enrolment.being_set_up(session, person_id, HERE, keys, now)
    assert isinstance(app, enrolment.SetUp), app
    return Phone(app.secret.replace(" ", ""))


def enrolled(session: Session, person_id: int, now: datetime, keys: Keys = KEYS) -> Phone:
    """Switched on, by the code of the half minute before: that of now is still good."""
    phone = begun(session, person_id, now, keys)
    made = enrolment.confirm(session, person_id, HERE, phone.code(now, -1), keys, now)
    assert not isinstance(made, Refusal), made
    return Phone(phone.secret, made)
