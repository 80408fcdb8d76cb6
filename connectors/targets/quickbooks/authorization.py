"""How a person connects the app to a company of QuickBooks, and how that ends.

Here: the address of Intuit's page, what it brings back, the exchange of its code, the end. Not
here: renewing (tokens.py), what is kept meanwhile (holding/connections/authorization.py).

The code is exchanged for a refresh token, which is kept as if it had been pasted:
`CLIENT_SECRET:REFRESH_TOKEN`. What follows is the one way of tokens.py.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from connectors.contract import Settings
from connectors.contract.authorization import Granted, Returned, Revoked
from connectors.kit.keys.lasting_keys import grant_of
from connectors.targets.quickbooks.tokens import TOKENS_AT, basic
from connectors.transport.http import Http, HttpAnswer, HttpFailure
from connectors.transport.strict_json import loads

AUTHORIZE_AT = "https://appcenter.intuit.com/connect/oauth2"
REVOKE_AT = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"
SCOPE = "com.intuit.quickbooks.accounting"
_DECLINED = "access_denied"


def app_secret(secret: str) -> str:
    """The client secret in a key, whole or alone."""
    text = secret.strip()
    grant = grant_of(text)
    return grant.secret if grant else ("" if ":" in text else text)


def lacks_permission(secret: str) -> bool:
    """Whether a key is the client secret alone."""
    return bool(secret.strip()) and ":" not in secret


def address(settings: Settings, *, state: str, back: str) -> str:
    """Intuit's page for this app."""
    asked = {
        "client_id": str(settings.get("client_id", "")).strip(),
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": back,
        "state": state,
    }
    return f"{settings.get('authorize_url') or AUTHORIZE_AT}?{urlencode(asked)}"


def returned(query: Mapping[str, str]) -> Returned:
    """What Intuit adds to our address; the realm id is the company."""
    error = query.get("error", "")
    return Returned(
        state=query.get("state", ""),
        code=query.get("code", ""),
        company=query.get("realmId", ""),
        error=error,
        denied=error == _DECLINED,
    )


def exchange(settings: Settings, secret: str, *, code: str, back: str, http: Http) -> Granted:
    """Exchange the code for the tokens of the company; only the refresh token is kept."""
    client = app_secret(secret)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    answer = http.request(
        "POST",
        str(settings.get("token_url") or TOKENS_AT),
        headers={
            **basic(settings, client),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Granted(kind="away", words=answer.words)
    content = _content(answer)
    if answer.status == 200:
        refresh = content.get("refresh_token")
        if not isinstance(refresh, str) or not refresh or ":" in refresh:
            return Granted(kind="away", words="Intuit's answer to the code cannot be read.")
        words = "Intuit gave a refresh token for the code."
        return Granted(kind="granted", words=words, secret=f"{client}:{refresh}")
    why = str(content.get("error") or "no reason given")
    words = f"Intuit answered {answer.status} to the code: {why}."
    if answer.status == 401 or why in ("invalid_client", "unauthorized_client"):
        return Granted(kind="app_refused", words=words)
    return Granted(kind="code_refused" if answer.status == 400 else "away", words=words)


def revoke(settings: Settings, secret: str, http: Http) -> Revoked:
    """End the refresh token at Intuit, and with it every access token that it gave."""
    grant = grant_of(secret)
    if grant is None:
        return Revoked(kind="unknown", words="There is no refresh token to end.")
    answer = http.request(
        "POST",
        str(settings.get("revoke_url") or REVOKE_AT),
        headers={**basic(settings, grant.secret), "Content-Type": "application/json"},
        body=json.dumps({"token": grant.refresh}).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Revoked(kind="away", words=answer.words)
    if answer.status == 200:
        return Revoked(kind="revoked", words="Intuit ended the refresh token.")
    why = str(_content(answer).get("error") or "no reason given")
    words = f"Intuit answered {answer.status}: {why}."
    if answer.status == 400:
        return Revoked(kind="unknown", words=words)
    return Revoked(kind="refused" if answer.status in (401, 403) else "away", words=words)


def _content(answer: HttpAnswer) -> Mapping[str, object]:
    told = loads(answer.body)
    return told if isinstance(told, dict) else {}
