"""A call to Shopee's Open Platform: its signature, what its answer means, and the exchange of the
key.

Here: one call. Not here: which calls make a page (pages.py), when the key is due
(kit/keys/lasting_keys.py).

Shopee answers 200 to what it refuses; `error` in the body says so.
"""

import hashlib
import hmac
import json
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

LASTS: Final = timedelta(hours=4)
RENEWAL: Final = "/api/v2/auth/access_token/get"
_PAUSE: Final = 60.0
_KEY_WORDS: Final = ("auth", "access_token", "acceess_token", "permission")
_SHOP_WORDS: Final = ("shop_id", "shopid", "shop id", "linked")
_BUSY_WORDS: Final = ("limit", "too_many", "frequen")
_AWAY_WORDS: Final = ("server", "network", "inner", "system", "timeout")
KEY_HINT: Final = (
    "At open.shopee.com authorize the app for the shop again, and enter the key again."
)
SHOP_HINT: Final = "Correct the shop ID: it stands in the address that authorizing leads to."
FORM: Final = "Write the key as PARTNER_KEY:REFRESH_TOKEN."


@dataclass(frozen=True, slots=True)
class Shop:
    """The way to one shop."""

    settings: Settings
    grant: Grant
    http: Http

    def get(self, path: str, asked: Mapping[str, str]) -> Mapping[str, object] | NoPage:
        """The `response` to a question, or why there is none."""
        told = self._asked("GET", path, asked)
        found = told if isinstance(told, NoPage) else told.get("response")
        return found if isinstance(found, Mapping | NoPage) else _not_shown(told)

    def post(self, path: str, asked: Mapping[str, object]) -> list[object] | NoPage:
        """The same for a question in a body, whose response is a list."""
        told = self._asked("POST", path, {}, json.dumps(asked).encode())
        found = told if isinstance(told, NoPage) else told.get("response")
        return found if isinstance(found, list | NoPage) else _not_shown(told)

    def _asked(
        self, method: str, path: str, asked: Mapping[str, str], body: bytes | None = None
    ) -> Mapping[str, object] | NoPage:
        """The whole answer that is no error."""
        answer = self.answer(method, path, asked, body)
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        told = content(answer.body)
        wrong = str(told.get("error") or "")
        if answer.status == TOO_MANY or is_busy(wrong):
            pause = retry_after(answer.headers, answer.at)
            words = "Shopee was asked more often than it allows."
            return NoPage(words=words, pause=_PAUSE if pause is None else pause)
        if answer.status in KEY_REFUSED or _is(wrong, _KEY_WORDS):
            words = f"Shopee does not accept the key: {why(told)}"
            return NoPage(words=words, hint=KEY_HINT, key_refused=True)
        if wrong or answer.status != HTTPStatus.OK:
            return NoPage(words=f"Shopee answered {answer.status}: {why(told)}")
        return told

    def answer(
        self, method: str, path: str, asked: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer | HttpFailure:
        """What comes back to a signed question."""
        own = {"access_token": self.grant.access, "shop_id": _said(self.settings, "shop_id")}
        query = {**_signed(self.settings, self.grant.secret, path, self.http, **own), **own}
        url = f"{_base(self.settings)}{path}?{urlencode({**query, **asked})}"
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self.http.request(method, url, headers=headers, body=body)


def shop_of(settings: Settings, key: str, http: Http) -> Shop | NoPage:
    """The way to a shop with this key."""
    grant = grant_of(key)
    if grant is None or not grant.access:
        return NoPage(words="The key does not say how to ask Shopee.", hint=FORM)
    return Shop(settings, grant, http)


def renewed(settings: Settings, key: str, http: Http) -> Renewed:
    """Exchange the refresh token; Shopee takes each of them once."""
    grant = grant_of(key)
    if grant is None:
        return Renewed(kind="refused", words=f"The key cannot be used. {FORM}")
    query = _signed(settings, grant.secret, RENEWAL, http)
    asked = {
        "shop_id": _number(settings, "shop_id"),
        "partner_id": _number(settings, "partner_id"),
        "refresh_token": grant.refresh,
    }
    answer = http.request(
        "POST",
        f"{_base(settings)}{RENEWAL}?{urlencode(query)}",
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        body=json.dumps(asked).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    told = content(answer.body)
    wrong = str(told.get("error") or "")
    if answer.status == HTTPStatus.OK and not wrong:
        return exchanged(grant, told, told.get("expire_in"), http.now())
    away = answer.status >= 500 or answer.status == TOO_MANY or not wrong  # or another page
    away = away or is_busy(wrong) or _is(wrong, _AWAY_WORDS)
    words = f"Shopee gave no access token for the refresh token: {why(told)}"
    hint = SHOP_HINT if is_of_shop(told) else KEY_HINT
    return Renewed(kind="away" if away else "refused", words=words, hint=hint)


def _signed(settings: Settings, secret: str, path: str, http: Http, **own: str) -> dict[str, str]:
    """The part of a query that proves who asks, and when."""
    partner, moment = _said(settings, "partner_id"), str(int(http.now().timestamp()))
    text = "".join((partner, path, moment, *own.values()))
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"partner_id": partner, "timestamp": moment, "sign": sign}


def is_busy(error: str) -> bool:
    """Whether an error says that it was asked too often."""
    return _is(error, _BUSY_WORDS)


def is_of_shop(told: Mapping[str, object]) -> bool:
    """Whether an error is about the shop, and not about the key."""
    return bool(told.get("error")) and _is(str(told.get("message") or ""), _SHOP_WORDS)


def _is(error: str, words: tuple[str, ...]) -> bool:
    """Whether an error is of this sort; some come as `common.error_auth`."""
    return any(word in error.lower() for word in words)


def _not_shown(told: Mapping[str, object] | NoPage) -> NoPage:
    """An answer that is no error and holds nothing that was asked for."""
    return told if isinstance(told, NoPage) else NoPage(words=f"Shopee answered 200: {why(told)}")


def content(body: bytes) -> Mapping[str, object]:
    """The object of an answer; nothing where it is none."""
    told = loads(body)
    return told if isinstance(told, Mapping) else {}


def why(told: Mapping[str, object]) -> str:
    """What Shopee says of an error, as the end of a sentence."""
    return (reason(told) or "no reason given").rstrip(".") + "."


def reason(told: Mapping[str, object]) -> str:
    """The same as it was told; blank where none was."""
    return str(told.get("message") or told.get("error") or "").strip()[:200]


def _base(settings: Settings) -> str:
    return _said(settings, "base_url").rstrip("/")


def _said(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()


def _number(settings: Settings, name: str) -> int | str:
    text = _said(settings, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text
