"""Passwords in the process of the tests: hashed in no time, except where the time is measured.

The processes that tests start take the full time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from holding.access import sessions
from holding.db.refusal import Refusal

_FULL = sessions._hasher
_CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def hash_cheaply() -> None:
    """From now on."""
    sessions._hasher = _CHEAP


@contextmanager
def full_time() -> Iterator[None]:
    """A password takes as long as in the product, as long as the block."""
    sessions._hasher = _FULL
    sessions._nobody.cache_clear()
    try:
        yield
    finally:
        sessions._nobody.cache_clear()
        hash_cheaply()


def sign_in(
    session: Session,
    email: str,
    password: str,
    now: datetime,
    device: sessions.Device = sessions.NO_DEVICE,
    compared: sessions.Compared = sessions.NOT_COMPARED,
) -> str | Refusal:
    """The token of a new session for the right password, as where no second factor is asked for."""
    proved = sessions.prove(session, email, password, now, compared)
    if isinstance(proved, Refusal):
        return proved
    return sessions.open_session(session, proved, now, device)
