"""Codes that prove a second factor: six digits of an app for half a minute, and recovery codes.

Here: secrets, what fits at a moment, how a recovery code is written and what is kept of it. No
database. Not here: which codes were taken before (enrolment.py).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pyotp import TOTP, random_base32

STEP_SECONDS: Final = 30
DRIFT: Final = 1  # steps that the clock of a phone may be ahead or behind
DIGITS: Final = 6
ISSUER: Final = "Clearpost"
RECOVERY_CODES: Final = 10
_GROUPS, _GROUP = 4, 4
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"  # five bits each; 80 in all
_READ_AS: Final = str.maketrans("018", "olb")  # digits that no code has, as they were misread


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
