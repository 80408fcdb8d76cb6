"""Passwords in the process of the tests: hashed in no time, except where the time is measured.

The processes that tests start take the full time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher

from holding.access import sessions

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
