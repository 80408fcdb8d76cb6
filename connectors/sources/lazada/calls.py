"""A call to Lazada's Open Platform: its signature, what its answer means, and the exchange of the
key.

Here: one call. Not here: which calls make a page (pages.py), when the key is due
(kit/keys/lasting_keys.py).

Lazada answers 200 to what it refuses; a `code` other than "0" says so.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from connectors.contract import Settings
from connectors.contract.pulls import NoPage
from connectors.contract.targets import Renewed
from connectors.kit.keys.lasting_keys import Grant, exchanged, grant_of
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import loads

LASTS: Final = timedelta(days=7)
RENEWAL: Final = "/auth/token/refresh"
RENEWED_AT: Final = "https://auth.lazada.com/rest"
_PAUSE: Final = 60.0
_KEY_CODES: Final = frozenset(
    {"IllegalAccessToken", "IllegalRefreshToken", "InvalidAppKey", "AppKeyInvalid", "E007"}
)
BUSY_CODES: Final = frozenset({"ApiCallLimit", "AppCallLimit", "SellerCallLimit", "E901"})
KEY_HINT: Final = (
    "At open.lazada.com authorize the app for the seller again, and enter the key again."
)
FORM: Final = "Write the key as APP_SECRET:REFRESH_TOKEN."


@dataclass(frozen=True, slots=True)
class Shop:
    """The way to one seller."""

    settings: Settings
    grant: Grant
    http: Http

    def get(self, path: str, asked: Mapping[str, str]) -> object | NoPage:
        """The `data` of an answer, or why there is none."""
        answer = self.answer(path, asked)
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        told = content(answer.body)
        code = str(told.get("code"))
        if answer.status == TOO_MANY or code in BUSY_CODES:
            pause = retry_after(answer.headers, answer.at)
            words = "Lazada was asked more often than it allows."
            return NoPage(words=words, pause=_PAUSE if pause is None else pause)
        if answer.status in KEY_REFUSED or code in _KEY_CODES:
            words = f"Lazada does not accept the key: {why(told)}"
            return NoPage(words=words, hint=KEY_HINT, key_refused=True)
        if code != "0" or answer.status != HTTPStatus.OK:
            return NoPage(words=f"Lazada answered {answer.status}: {why(told)}")
        return told.get("data")

    def answer(self, path: str, asked: Mapping[str, str]) -> HttpAnswer | HttpFailure:
        """What comes back to a signed question."""
        query = {**asked, "access_token": self.grant.access}
        signed = _signed(self.settings, self.grant.secret, path, query, self.http)
        url = f"{_said(self.settings, 'base_url').rstrip('/')}{path}?{urlencode(signed)}"
        return self.http.request("GET", url, headers={"Accept": "application/json"})


def shop_of(settings: Settings, key: str, http: Http) -> Shop | NoPage:
    """The way to a seller with this key."""
    grant = grant_of(key)
    if grant is None or not grant.access:
        return NoPage(words="The key does not say how to ask Lazada.", hint=FORM)
    return Shop(settings, grant, http)


def renewed(settings: Settings, key: str, http: Http) -> Renewed:
    """Exchange the refresh token."""
    grant = grant_of(key)
    if grant is None:
        return Renewed(kind="refused", words=f"The key cannot be used. {FORM}")
    base = (_said(settings, "token_url") or RENEWED_AT).rstrip("/")
    asked = {"refresh_token": grant.refresh}
    query = _signed(settings, grant.secret, RENEWAL, asked, http)
    answer = http.request(
        "POST",
        f"{base}{RENEWAL}",
        headers={
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(query).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    told = content(answer.body)
    code = str(told.get("code"))
    if answer.status == HTTPStatus.OK and code == "0":
        return exchanged(grant, told, told.get("expires_in"), http.now())
    sick = answer.status >= 500 or answer.status == TOO_MANY or "code" not in told  # another page
    away = sick or code in BUSY_CODES or told.get("type") == "SYSTEM"
    words = f"Lazada gave no access token for the refresh token: {why(told)}"
    return Renewed(kind="away" if away else "refused", words=words, hint=KEY_HINT)


def _signed(
    settings: Settings, secret: str, path: str, asked: Mapping[str, str], http: Http
) -> dict[str, str]:
    """The whole query: what is asked, who asks, when, and its signature."""
    query = {
        **asked,
        "app_key": _said(settings, "app_key"),
        "sign_method": "sha256",
        "timestamp": str(int(http.now().timestamp() * 1000)),
    }
    return {**query, "sign": sign(secret, path, query)}


def sign(secret: str, path: str, query: Mapping[str, str]) -> str:
    """The signature of a question: names and values by name, with the path in front."""
    text = path + "".join(f"{name}{query[name]}" for name in sorted(query))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def content(body: bytes) -> Mapping[str, object]:
    """The object of an answer; nothing where it is none."""
    told = loads(body)
    return told if isinstance(told, Mapping) else {}


def why(told: Mapping[str, object]) -> str:
    """What Lazada says of an error, as the end of a sentence."""
    return (reason(told) or "no reason given").rstrip(".") + "."


def reason(told: Mapping[str, object]) -> str:
    """The same as it was told; blank where none was."""
    return str(told.get("message") or told.get("code") or "").strip()[:200]


def _said(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()
