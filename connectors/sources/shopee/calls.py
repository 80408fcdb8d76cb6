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
from connectors.sources.shopee.orders import DETAILS, EACH, LISTED, payouts_of
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
"""How long after its end a day can still get entries."""

Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Shop:
    """A client for one shop."""

    settings: Settings
    grant: Grant
    http: Http

    def get(self, path: str, query: Mapping[str, str]) -> Mapping[str, object] | NoPage:
        """Return the `response` of a GET call, or why there is none."""
        content = self._call("GET", path, query)
        response = content if isinstance(content, NoPage) else content.get("response")
        return response if isinstance(response, Mapping | NoPage) else _not_shown(content)

    def post(self, path: str, content: Mapping[str, object]) -> list[object] | NoPage:
        """Return the `response` list of a POST call, or why there is none."""
        answer = self._call("POST", path, {}, json.dumps(content).encode())
        response = answer if isinstance(answer, NoPage) else answer.get("response")
        return response if isinstance(response, list | NoPage) else _not_shown(answer)

    def _call(
        self, method: str, path: str, parameters: Mapping[str, str], body: bytes | None = None
    ) -> Mapping[str, object] | NoPage:
        """Return the whole answer if it is no error."""
        answer = self.answer(method, path, parameters, body)
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        answer_content = content(answer.body)
        error = str(answer_content.get("error") or "")
        if answer.status == TOO_MANY or is_busy(error):
            pause = retry_after(answer.headers, answer.at)
            words = "Shopee was asked more often than it allows."
            return NoPage(words=words, pause=_PAUSE if pause is None else pause)
        if answer.status in KEY_REFUSED or _has_word(error, _KEY_WORDS):
            words = f"Shopee does not accept the key: {why(answer_content)}"
            return NoPage(words=words, hint=KEY_HINT, key_refused=True)
        if error or answer.status != HTTPStatus.OK:
            return NoPage(words=f"Shopee answered {answer.status}: {why(answer_content)}")
        return answer_content

    def answer(
        self, method: str, path: str, parameters: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer | HttpFailure:
        """Send a signed call and return the HTTP answer."""
        shop_parameters = {
            "access_token": self.grant.access,
            "shop_id": _setting(self.settings, "shop_id"),
        }
        query = {
            **_signed(self.settings, self.grant.secret, path, self.http, **shop_parameters),
            **shop_parameters,
        }
        url = f"{_base(self.settings)}{path}?{urlencode({**query, **parameters})}"
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self.http.request(method, url, headers=headers, body=body)


def _not_shown(content: Mapping[str, object] | NoPage) -> NoPage:
    """Return the failure for an answer without an error and without the requested content."""
    return (
        content
        if isinstance(content, NoPage)
        else NoPage(words=f"Shopee answered 200: {why(content)}")
    )


def _has_word(error: str, words: tuple[str, ...]) -> bool:
    """Check whether an error code contains this word; some codes have a prefix, such as
    `common.error_auth`.
    """
    return any(word in error.lower() for word in words)


def _setting(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()


def _signed(
    settings: Settings, secret: str, path: str, http: Http, **parameters: str
) -> dict[str, str]:
    """Return the query parameters that prove the caller and the moment."""
    partner, moment = _setting(settings, "partner_id"), str(int(http.now().timestamp()))
    text = "".join((partner, path, moment, *parameters.values()))
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"partner_id": partner, "timestamp": moment, "sign": sign}


def _base(settings: Settings) -> str:
    return _setting(settings, "base_url").rstrip("/")


def shop_of(settings: Settings, key: str, http: Http) -> Shop | NoPage:
    """Return the client for a shop with this key, or why the key is unusable."""
    grant = grant_of(key)
    if grant is None or not grant.access:
        return NoPage(words="The key does not say how to ask Shopee.", hint=FORM)
    return Shop(settings, grant, http)


def renewed(settings: Settings, key: str, http: Http) -> Renewed:
    """Replace the refresh token; Shopee accepts each token once."""
    grant = grant_of(key)
    if grant is None:
        return Renewed(kind="refused", words=f"The key cannot be used. {FORM}")
    query = _signed(settings, grant.secret, RENEWAL, http)
    request = {
        "shop_id": _number(settings, "shop_id"),
        "partner_id": _number(settings, "partner_id"),
        "refresh_token": grant.refresh,
    }
    answer = http.request(
        "POST",
        f"{_base(settings)}{RENEWAL}?{urlencode(query)}",
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        body=json.dumps(request).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    answer_content = content(answer.body)
    error = str(answer_content.get("error") or "")
    if answer.status == HTTPStatus.OK and not error:
        return renewed_key(grant, answer_content, answer_content.get("expire_in"), http.now())
    away = answer.status >= 500 or answer.status == TOO_MANY or not error  # or another page
    away = away or is_busy(error) or _has_word(error, _AWAY_WORDS)
    words = f"Shopee gave no access token for the refresh token: {why(answer_content)}"
    hint = SHOP_HINT if is_of_shop(answer_content) else KEY_HINT
    return Renewed(kind="away" if away else "refused", words=words, hint=hint)


def _number(settings: Settings, name: str) -> int | str:
    text = _setting(settings, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def is_busy(error: str) -> bool:
    """Check whether an error means that the rate limit was exceeded."""
    return _has_word(error, _BUSY_WORDS)


def is_of_shop(body: Mapping[str, object]) -> bool:
    """Check whether an error is about the shop, and not about the key."""
    return bool(body.get("error")) and _has_word(str(body.get("message") or ""), _SHOP_WORDS)


def content(body: bytes) -> Mapping[str, object]:
    """Return the JSON object of an answer; empty if there is none."""
    body_content = loads(body, keep_odd=True)
    return body_content if isinstance(body_content, Mapping) else {}


def why(body: Mapping[str, object]) -> str:
    """Return Shopee's reason for an error as the end of a sentence."""
    return (reason(body) or "no reason given").rstrip(".") + "."


def reason(body: Mapping[str, object]) -> str:
    """Return Shopee's reason for an error unchanged; blank if there is none."""
    return str(body.get("message") or body.get("error") or "").strip()[:200]


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days that make one payout, by the clock of the shop."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def number(self) -> str:
        """The payout's number, made of its days: 2026-11-20, or 2026-11-16-22 for several days."""
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


def are_payouts_enabled(settings: Settings) -> bool:
    """Check whether the settings include payouts."""
    return settings.get(SETTING) in WAYS


def next_days(after: int, settings: Settings, zone: ZoneInfo, now: datetime) -> Days | None:
    """Return the next complete days that were not read yet, or None.

    Weeks have fixed days: a start in the middle of a week begins with the next week, unless the
    settings name that day.
    """
    local = datetime.fromtimestamp(after, zone)
    first_day = str(settings.get(FROM) or "")
    start = date.fromisoformat(first_day) if first_day else date.min
    first = max(start, local.date() + timedelta(days=0 if local.time() == time(0) else 1))
    last = first
    if settings.get(SETTING) == "week":
        if first.weekday() and first != start:
            first += timedelta(days=7 - first.weekday())
        last = first + timedelta(days=6 - first.weekday())
    days = Days(first, last, zone)
    return days if days.end + _SETTLED.total_seconds() <= now.timestamp() else None


def read_payout(shop: Shop, days: Days) -> tuple[Pulled, ...] | NoPage:
    """Return the payout of these days; empty if nothing was released."""
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
    incomes = _incomes(shop, [str(escrow.get("order_sn")) for escrow in listed])
    if isinstance(incomes, NoPage):
        return incomes
    payout = {**head, LISTED: listed, DETAILS: incomes}
    return (_read(payout, days.zone),)


def _listed(shop: Shop, days: Days) -> list[Payload] | NoPage:
    """Return each released escrow of the days once."""
    escrows: dict[str, Payload] = {}
    for number in range(1, _PAGES + 1):
        query = {
            "release_time_from": str(days.since),
            "release_time_to": str(days.end - 1),
            "page_size": str(SIZE),
            "page_no": str(number),
        }
        answer = shop.get(ESCROWS, query)
        if isinstance(answer, NoPage):
            return answer
        page_escrows = _objects(answer.get(LISTED))
        if page_escrows is None:
            return NoPage(words="Shopee answered with something that is not a list of escrows.")
        escrows |= {
            json.dumps(escrow, sort_keys=True, default=str): escrow for escrow in page_escrows
        }
        if answer.get("more") is not True or not page_escrows:
            break
    return list(escrows.values())


def _objects(rows: object) -> list[Payload] | None:
    """Return the value if it is a list of objects, else None."""
    good = isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)
    return rows if isinstance(rows, list) and good else None


def incomes_shown(shop: Shop, numbers: Sequence[str]) -> Mapping[str, Payload] | NoPage:
    """Return order number -> Shopee's answer with the income, for at most 50 orders.

    The incomes show who bears vouchers. An app without permission for payments gets none, and
    orders are read without them: the rules hold those with an unexplained discount.
    """
    if not numbers:
        return {}
    answer = _ask_incomes(shop, numbers)
    if isinstance(answer, NoPage):
        return answer if answer.pause is not None else {}
    details = _objects([income.get("escrow_detail") for income in _objects(answer) or ()]) or ()
    return {str(income.get("order_sn")): income for income in details}


def _ask_incomes(shop: Shop, numbers: Sequence[str]) -> list[object] | NoPage:
    return shop.post(INCOMES, {"order_sn_list": list(numbers)})


def _incomes(shop: Shop, numbers: Sequence[str]) -> list[Payload] | NoPage:
    """Return the income of each order, or why one is missing."""
    incomes: list[Payload] = []
    for start in range(0, len(numbers), AT_ONCE):
        batch = list(dict.fromkeys(numbers[start : start + AT_ONCE]))
        answer = _ask_incomes(shop, batch)
        if isinstance(answer, NoPage):
            return answer
        rows = [income.get("escrow_detail") for income in _objects(answer) or ()]
        details = _objects(rows)
        if details is None or not isinstance(answer, list):
            return NoPage(words="Shopee answered with something that is not a list of incomes.")
        known_numbers = {str(income.get("order_sn")) for income in details}
        missing = [number for number in batch if number not in known_numbers]
        if missing:
            words = f"Shopee lists order {missing[0][:50]} as released and does not show its income"
            others = f", nor that of {len(missing) - 1} more." if len(missing) > 1 else "."
            return NoPage(words=words + others)
        incomes += details
    return incomes


def _read(payout: Payload, zone: ZoneInfo) -> Pulled:
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for record in payouts_of("payouts[0]", payout, zone):
        if isinstance(record, RowError):
            errors.append(record)
        else:
            records.append(record)
    return Pulled(raw=dumps(payout), records=tuple(records), errors=tuple(errors))
