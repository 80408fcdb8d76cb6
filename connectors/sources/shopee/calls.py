"""Sign and send calls to Shopee's Open Platform, read its answers, and page through payouts."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, Settings
from connectors.contract.pulls import NoPage, Pulled
from connectors.contract.targets import Renewed
from connectors.kit.calls import Grant, grant_of, renewed_key
from connectors.kit.delivery_limits import LINES
from connectors.sources.shopee.orders import DETAILS, EACH, INCOME, LISTED, payouts_of
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import dumps, loads

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

ESCROWS: Final = "/api/v2/payment/get_escrow_list"

INCOMES: Final = "/api/v2/payment/get_escrow_detail_batch"

SETTING: Final = "payouts"

FROM: Final = "payouts_from"

CURRENCY: Final = "payout_currency"

WAYS: Final = {"day": "One for each day", "week": "One for each week, Monday to Sunday"}

SIZE: Final = 100

AT_ONCE: Final = 50

_PAGES: Final = 100
"""Pages of one payout, of 100 orders each."""

_SETTLED: Final = timedelta(hours=2)
"""So long after its end nothing is added to a day any more."""

Payload = Mapping[str, object]


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


def _not_shown(told: Mapping[str, object] | NoPage) -> NoPage:
    """An answer that is no error and holds nothing that was asked for."""
    return told if isinstance(told, NoPage) else NoPage(words=f"Shopee answered 200: {why(told)}")


def _is(error: str, words: tuple[str, ...]) -> bool:
    """Whether an error is of this sort; some come as `common.error_auth`."""
    return any(word in error.lower() for word in words)


def _said(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()


def _signed(settings: Settings, secret: str, path: str, http: Http, **own: str) -> dict[str, str]:
    """The part of a query that proves who asks, and when."""
    partner, moment = _said(settings, "partner_id"), str(int(http.now().timestamp()))
    text = "".join((partner, path, moment, *own.values()))
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"partner_id": partner, "timestamp": moment, "sign": sign}


def _base(settings: Settings) -> str:
    return _said(settings, "base_url").rstrip("/")


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
        return renewed_key(grant, told, told.get("expire_in"), http.now())
    away = answer.status >= 500 or answer.status == TOO_MANY or not wrong  # or another page
    away = away or is_busy(wrong) or _is(wrong, _AWAY_WORDS)
    words = f"Shopee gave no access token for the refresh token: {why(told)}"
    hint = SHOP_HINT if is_of_shop(told) else KEY_HINT
    return Renewed(kind="away" if away else "refused", words=words, hint=hint)


def _number(settings: Settings, name: str) -> int | str:
    text = _said(settings, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def is_busy(error: str) -> bool:
    """Whether an error says that it was asked too often."""
    return _is(error, _BUSY_WORDS)


def is_of_shop(told: Mapping[str, object]) -> bool:
    """Whether an error is about the shop, and not about the key."""
    return bool(told.get("error")) and _is(str(told.get("message") or ""), _SHOP_WORDS)


def content(body: bytes) -> Mapping[str, object]:
    """The object of an answer; nothing where it is none."""
    told = loads(body, keep_odd=True)
    return told if isinstance(told, Mapping) else {}


def why(told: Mapping[str, object]) -> str:
    """What Shopee says of an error, as the end of a sentence."""
    return (reason(told) or "no reason given").rstrip(".") + "."


def reason(told: Mapping[str, object]) -> str:
    """The same as it was told; blank where none was."""
    return str(told.get("message") or told.get("error") or "").strip()[:200]


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days that make one payout, by the clock of the shop."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def number(self) -> str:
        """What names the payout: 2026-11-20, or 2026-11-16-22 for several days."""
        name = self.first.isoformat()
        return name if self.first == self.last else f"{name}-{self.last:%d}"

    @property
    def since(self) -> int:
        """The first second, counted from 1970 on."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> int:
        """The second behind them."""
        return _midnight(self.last + timedelta(days=1), self.zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(0), zone).timestamp())


def asked_for(settings: Settings) -> bool:
    """Whether payouts are wanted at all."""
    return settings.get(SETTING) in WAYS


def due(after: int, settings: Settings, zone: ZoneInfo, now: datetime) -> Days | None:
    """The next days that are whole, over and not read yet; None where there are none. A week is
    the same days whoever asks: what begins in the middle of one begins with the next, unless the
    settings name that day.
    """
    local = datetime.fromtimestamp(after, zone)
    told = str(settings.get(FROM) or "")
    start = date.fromisoformat(told) if told else date.min
    first = max(start, local.date() + timedelta(days=0 if local.time() == time(0) else 1))
    last = first
    if settings.get(SETTING) == "week":
        if first.weekday() and first != start:
            first += timedelta(days=7 - first.weekday())
        last = first + timedelta(days=6 - first.weekday())
    found = Days(first, last, zone)
    return found if found.end + _SETTLED.total_seconds() <= now.timestamp() else None


def released(shop: Shop, days: Days) -> tuple[Pulled, ...] | NoPage:
    """The payout of these days; none where nothing was released."""
    listed = _listed(shop, days)
    if isinstance(listed, NoPage):
        return listed
    if not listed:
        return ()
    head: dict[str, object] = {
        "number": days.number,
        "first_day": days.first.isoformat(),
        "last_day": days.last.isoformat(),
        "currency": str(shop.settings.get(CURRENCY) or "") or None,
    }
    if len(listed) * EACH > LINES:  # held without its lines: their incomes are not needed
        return (_read({**head, LISTED: listed}, days.zone),)
    incomes = _incomes(shop, [str(one.get("order_sn")) for one in listed])
    if isinstance(incomes, NoPage):
        return incomes
    whole = {**head, LISTED: listed, DETAILS: incomes}
    return (_read(whole, days.zone),)


def _listed(shop: Shop, days: Days) -> list[Payload] | NoPage:
    """What was released of each order, each once."""
    found: dict[str, Payload] = {}
    for number in range(1, _PAGES + 1):
        asked = {
            "release_time_from": str(days.since),
            "release_time_to": str(days.end - 1),
            "page_size": str(SIZE),
            "page_no": str(number),
        }
        told = shop.get(ESCROWS, asked)
        if isinstance(told, NoPage):
            return told
        part = _objects(told.get(LISTED))
        if part is None:
            return NoPage(words="Shopee answered with something that is not a list of escrows.")
        found |= {json.dumps(one, sort_keys=True, default=str): one for one in part}
        if told.get("more") is not True or not part:
            break
    return list(found.values())


def _objects(found: object) -> list[Payload] | None:
    """A list of objects; None where it is none."""
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None


def incomes_shown(shop: Shop, numbers: Sequence[str]) -> Mapping[str, object] | NoPage:
    """Return the incomes that Shopee shows of at most 50 orders, by order number.

    They say who bears vouchers. An app that may not read payments gets none, and orders are read
    without them: the rules hold those with a discount that nothing explains.
    """
    if not numbers:
        return {}
    told = _ask_incomes(shop, numbers)
    if isinstance(told, NoPage):
        return told if told.pause is not None else {}
    details = _objects([one.get("escrow_detail") for one in _objects(told) or ()]) or ()
    return {str(one.get("order_sn")): one.get(INCOME) for one in details}


def _ask_incomes(shop: Shop, numbers: Sequence[str]) -> list[object] | NoPage:
    return shop.post(INCOMES, {"order_sn_list": list(numbers)})


def _incomes(shop: Shop, numbers: Sequence[str]) -> list[Payload] | NoPage:
    """The income of each order; why not where that of one is not shown."""
    found: list[Payload] = []
    for at in range(0, len(numbers), AT_ONCE):
        some = list(dict.fromkeys(numbers[at : at + AT_ONCE]))
        told = _ask_incomes(shop, some)
        if isinstance(told, NoPage):
            return told
        shown = [one.get("escrow_detail") for one in _objects(told) or ()]
        details = _objects(shown)
        if details is None or not isinstance(told, list):
            return NoPage(words="Shopee answered with something that is not a list of incomes.")
        known = {str(one.get("order_sn")) for one in details}
        missing = [number for number in some if number not in known]
        if missing:
            words = f"Shopee lists order {missing[0][:50]} as released and does not show its income"
            rest = f", nor that of {len(missing) - 1} more." if len(missing) > 1 else "."
            return NoPage(words=words + rest)
        found += details
    return found


def _read(whole: Payload, zone: ZoneInfo) -> Pulled:
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for one in payouts_of("payouts[0]", whole, zone):
        if isinstance(one, RowError):
            errors.append(one)
        else:
            records.append(one)
    return Pulled(raw=dumps(whole), records=tuple(records), errors=tuple(errors))
