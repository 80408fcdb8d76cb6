"""The secret of a connection, and its exchange for an access token of about an hour.

Here: when it is due, the exchange. Not here: how it is written (kit/keys/lasting_keys.py), where it
is kept.

A person gives `CLIENT_SECRET:REFRESH_TOKEN`, or the secret alone and then the app its permission
(authorization.py); after the first exchange it is kept as
`CLIENT_SECRET:REFRESH_TOKEN:ACCESS_TOKEN:END`, END in seconds since 1970. Each exchange gives
another refresh token; the one before is good for another day, so that an exchange whose answer got
lost can be asked for again.
"""

import base64
from datetime import datetime, timedelta
from urllib.parse import urlencode

from connectors.contract import Settings
from connectors.contract.targets import Renewed
from connectors.kit.keys import lasting_keys
from connectors.transport.http import Http, HttpFailure
from connectors.transport.strict_json import loads

TOKENS_AT = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
EARLY = timedelta(minutes=5)
LASTS = timedelta(hours=1)
_REFUSED = frozenset({400, 401, 403})
_OF_APP = frozenset({"invalid_client", "unauthorized_client"})


def is_due(secret: str, now: datetime) -> bool:
    """Whether the access token is missing, or ends within a few minutes."""
    return lasting_keys.is_due(secret, now, EARLY)


def may_be_over(secret: str, now: datetime) -> bool:
    """Whether the access token is so old that a refusal may mean that it ended early."""
    return lasting_keys.may_be_over(secret, now, LASTS)


def basic(settings: Settings, client: str) -> dict[str, str]:
    """The headers by which Intuit knows the app: its id, and its secret."""
    who = f"{str(settings.get('client_id', '')).strip()}:{client}"
    told = base64.b64encode(who.encode()).decode()
    return {"Authorization": f"Basic {told}", "Accept": "application/json"}


def renew(settings: Settings, secret: str, http: Http) -> Renewed:
    """Exchange the refresh token."""
    grant = lasting_keys.grant_of(secret)
    if grant is None:
        words = "The key is not written as CLIENT_SECRET:REFRESH_TOKEN."
        return Renewed(kind="refused", words=words)
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh}
    answer = http.request(
        "POST",
        str(settings.get("token_url") or TOKENS_AT),
        headers={
            **basic(settings, grant.secret),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    told = loads(answer.body)
    content = told if isinstance(told, dict) else {}
    if answer.status == 200:
        return lasting_keys.exchanged(grant, content, content.get("expires_in"), http.now())
    why = str(content.get("error") or "no reason given")
    words = f"Intuit answered {answer.status} to the refresh token: {why}."
    hint = (
        "Compare client ID and client secret at developer.intuit.com, under Keys and credentials."
        if why in _OF_APP
        else "Press Connect to QuickBooks once more."
    )
    refused = answer.status in _REFUSED
    return Renewed(kind="refused" if refused else "away", words=words, hint=hint)
