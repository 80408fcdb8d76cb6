"""A key of an app: its secret, and tokens that are exchanged for each other.

Here: how it is written, and when the access token is due. Not here: the exchange (each connector),
where it is kept (holding/connections/channel.py).

A person gives `SECRET:REFRESH_TOKEN`; after the first exchange it is kept as
`SECRET:REFRESH_TOKEN:ACCESS_TOKEN:END`, END in seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.contract.targets import Renewed

EARLY = timedelta(minutes=10)
JUST_MADE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Grant:
    """The parts of a key; without an access token nothing can be asked yet."""

    secret: str
    refresh: str
    access: str = ""
    until: int = 0

    def __repr__(self) -> str:
        return f"Grant(until {self.until})"


def grant_of(key: str) -> Grant | None:
    """The parts; None when it is not written so."""
    parts = key.strip().split(":")
    if len(parts) not in (2, 4) or not all(parts):
        return None
    if len(parts) == 2:
        return Grant(parts[0], parts[1])
    good = parts[3].isascii() and parts[3].isdecimal() and len(parts[3]) <= 11
    return Grant(parts[0], parts[1], parts[2], int(parts[3])) if good else None


def secret_in(key: str) -> str:
    """The part that signs."""
    return key.strip().partition(":")[0]


def is_due(key: str, now: datetime, early: timedelta = EARLY) -> bool:
    """Whether the access token is missing, or ends as soon as that."""
    grant = grant_of(key)
    return grant is not None and (not grant.access or now + early >= _end(grant))


def may_be_over(key: str, now: datetime, lasts: timedelta) -> bool:
    """Whether a token that `lasts` so long is old enough for a refusal to mean that it ended."""
    grant = grant_of(key)
    return grant is not None and bool(grant.access) and now > _end(grant) - lasts + JUST_MADE


def exchanged(grant: Grant, told: Mapping[str, object], seconds: object, now: datetime) -> Renewed:
    """The next key, from an answer that names both tokens; it is good for so many seconds."""
    access, refresh = told.get("access_token"), told.get("refresh_token")
    texts = [one for one in (refresh, access) if isinstance(one, str) and one and ":" not in one]
    if len(texts) != 2 or not isinstance(seconds, int) or not 0 < seconds < 10**9:
        return Renewed(kind="away", words="The answer to the refresh token cannot be read.")
    until = int(now.timestamp()) + seconds
    key = f"{grant.secret}:{texts[0]}:{texts[1]}:{until}"
    return Renewed(kind="renewed", words="The access token was renewed.", secret=key)


def _end(grant: Grant) -> datetime:
    return datetime.fromtimestamp(grant.until, UTC)
