"""The secret of a connection, and its exchange for an access token of about an hour.

Here: how it is written, when it is due, the exchange. Not here: where it is kept.

A person gives `CLIENT_SECRET:REFRESH_TOKEN`, or the secret alone and then the app its permission
(authorization.py); after the first exchange it is kept as
`CLIENT_SECRET:REFRESH_TOKEN:ACCESS_TOKEN:END`, END in seconds since 1970. Each exchange gives
another refresh token; the one before is good for another day, so that an exchange whose answer got
lost can be asked for again.
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from connectors.contract import Settings
from connectors.contract.targets import Renewed
from connectors.transport.http import Http, HttpFailure
from connectors.transport.strict_json import loads

TOKENS_AT = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
EARLY = timedelta(minutes=5)
FRESH = timedelta(minutes=50)  # so much is left of a token in its first ten minutes
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Grant:
    """The parts of the secret."""

    client: str
    refresh: str
    access: str = ""
    until: int = 0

    def __repr__(self) -> str:
        return f"Grant(until {self.until})"


def grant_of(secret: str) -> Grant | None:
    """The parts; None when it is not written so."""
    parts = secret.strip().split(":")
    if len(parts) not in (2, 4) or not all(parts):
        return None
    if len(parts) == 2:
        return Grant(parts[0], parts[1])
    good = parts[3].isascii() and parts[3].isdecimal()
    return Grant(parts[0], parts[1], parts[2], int(parts[3])) if good else None


def is_due(secret: str, now: datetime) -> bool:
    """Whether the access token is missing, or ends within a few minutes."""
    grant = grant_of(secret)
    return grant is not None and (not grant.access or now + EARLY >= _end(grant, now))


def may_be_over(secret: str, now: datetime) -> bool:
    """Whether the access token is so old that a refusal may mean that it ended early."""
    grant = grant_of(secret)
    return grant is not None and _end(grant, now) - now < FRESH


def basic(settings: Settings, client: str) -> dict[str, str]:
    """The headers by which Intuit knows the app: its id, and its secret."""
    who = f"{str(settings.get('client_id', '')).strip()}:{client}"
    told = base64.b64encode(who.encode()).decode()
    return {"Authorization": f"Basic {told}", "Accept": "application/json"}


def renew(settings: Settings, secret: str, http: Http) -> Renewed:
    """Exchange the refresh token."""
    grant = grant_of(secret)
    if grant is None:
        words = "The key is not written as CLIENT_SECRET:REFRESH_TOKEN."
        return Renewed(kind="refused", words=words)
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh}
    answer = http.request(
        "POST",
        str(settings.get("token_url") or TOKENS_AT),
        headers={
            **basic(settings, grant.client),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    told = loads(answer.body)
    content = told if isinstance(told, dict) else {}
    if answer.status == 200:
        return _kept(grant, content, http.now())
    why = str(content.get("error") or "no reason given")
    words = f"Intuit answered {answer.status} to the refresh token: {why}."
    return Renewed(kind="refused" if answer.status in _REFUSED else "away", words=words)


def _kept(grant: Grant, content: dict[str, object], now: datetime) -> Renewed:
    access, refresh = content.get("access_token"), content.get("refresh_token")
    seconds = content.get("expires_in")
    texts = [one for one in (access, refresh) if isinstance(one, str) and one and ":" not in one]
    if len(texts) != 2 or not isinstance(seconds, int):
        return Renewed(kind="away", words="Intuit's answer to the refresh token cannot be read.")
    until = int((now + timedelta(seconds=seconds)).timestamp())
    secret = f"{grant.client}:{texts[1]}:{texts[0]}:{until}"
    return Renewed(kind="renewed", words="The access token was renewed.", secret=secret)


def _end(grant: Grant, now: datetime) -> datetime:
    return datetime.fromtimestamp(grant.until, now.tzinfo)
