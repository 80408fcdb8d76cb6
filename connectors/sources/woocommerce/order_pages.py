"""Asking WooCommerce for orders that changed: its key, its cursor, one page.

Here: the call, what its answer means, and where to go on. Not here: what an order becomes
(orders.py), when it is asked (holding/intake/pulls.py).

Pages that are counted shift while a shop sells: an order that is changed moves to the end, and the
one behind it to a page that was read already. So a page is asked for by the moment at which the
last one ended, and counted only among orders of one and the same second. Orders in the trash are a
list of their own there; each reading goes through both.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import Settings
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.sources.woocommerce.orders import TRASH, records_of, wrong
from connectors.transport.http import KEY_REFUSED, TOO_MANY, Http, HttpFailure, retry_after
from connectors.transport.strict_json import JsonRefusal, dumps, loads

PATH: Final = "/wp-json/wc/v3/orders"
PAGE: Final = 50
"""Orders a page: a hundred large ones could be more than one answer may have."""
OVERLAP: Final = timedelta(minutes=10)
SECOND: Final = timedelta(seconds=1)
LISTS: Final = ("any", TRASH)
FORM: Final = "SECRET:ck_…:cs_…"
_KEY = re.compile(r"(?P<hook>.*):(?P<consumer>ck_[^:]+):(?P<secret>cs_[^:]+)", re.DOTALL)


def hook_secret(key: str) -> str:
    """The part of a connection's key that signs webhooks."""
    found = _KEY.fullmatch(key.strip())
    return found["hook"] if found else key.strip()


def identity(key: str) -> dict[str, str] | None:
    """The headers that ask with a connection's key; None where it has no part to ask with."""
    found = _KEY.fullmatch(key.strip())
    if found is None:
        return None
    who = base64.b64encode(f"{found['consumer']}:{found['secret']}".encode()).decode()
    return {"Authorization": f"Basic {who}", "Accept": "application/json"}


def root_of(settings: Settings) -> str:
    """The address of the shop, without a slash at its end."""
    return str(settings.get("base_url") or "").strip().rstrip("/")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where this reading of each list began and how far it came, which list is read now, and the
    page among equal moments.
    """

    began: tuple[datetime, ...]
    moments: tuple[datetime, ...]
    at: int = 0
    page: int = 1

    def __str__(self) -> str:
        told = (one.astimezone(UTC).strftime(_WRITTEN) for one in (*self.began, *self.moments))
        return f"{' '.join(told)} {self.at} {self.page}"

    @staticmethod
    def of(text: str) -> "Cursor":
        """The cursor behind its text."""
        *told, at, page = text.split()
        moments = tuple(datetime.strptime(one, _WRITTEN).replace(tzinfo=UTC) for one in told)
        return Cursor(moments[: len(LISTS)], moments[len(LISTS) :], int(at), int(page))


_WRITTEN: Final = "%Y-%m-%dT%H:%M:%S"


def begin(since: datetime) -> str:
    """From this moment on."""
    moments = (since.replace(microsecond=0),) * len(LISTS)
    return str(Cursor(moments, moments))


def page(cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    place, headers = Cursor.of(cursor), identity(secret)
    if headers is None:
        words = "The key does not say how to ask the shop."
        return NoPage(words=words, hint=f"Give it as {FORM}, the webhook's secret first.")
    asked = {
        "modified_after": (place.moments[place.at] - SECOND).strftime(_WRITTEN),
        "dates_are_gmt": "true",
        "orderby": "modified",
        "order": "asc",
        "status": LISTS[place.at],
        "per_page": str(PAGE),
        "page": str(place.page),
    }
    answer = http.request("GET", f"{root_of(settings)}{PATH}?{urlencode(asked)}", headers=headers)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status != 200:
        return _refused(answer.status, answer.body, retry_after(answer.headers, http.now()))
    orders = loads(answer.body)
    if not isinstance(orders, list):
        words = "The shop answered something that is not a list of orders."
        hint = "Is the address that of the shop, without a path behind it?"
        return NoPage(words=words, hint=hint)
    found = [_pulled(f"orders[{at}]", one, zone) for at, one in enumerate(orders)]
    after, more = _after(place, orders)
    return Page(found=found, after=str(after), more=more)


def _pulled(place: str, order: object, zone: ZoneInfo) -> Pulled:
    if not isinstance(order, Mapping):
        hint = "Ask who looks after the shop."
        return Pulled(
            raw=dumps(order), errors=(wrong(place, order, "This is not an order.", hint),)
        )
    records, errors = records_of(place, order, zone)
    return Pulled(raw=dumps(order), records=records, errors=errors)


def _after(place: Cursor, orders: Sequence[object]) -> tuple[Cursor, bool]:
    """Where to go on, and whether at once. The next reading begins a little before the newest order
    that this one saw, but never before where this one began.
    """
    here = place.moments[place.at]
    newest = max([here, *(moment for one in orders if (moment := _modified(one)))])
    came = tuple(newest if n == place.at else one for n, one in enumerate(place.moments))
    if len(orders) >= PAGE:
        page = 1 if newest > here else place.page + 1
        return replace(place, moments=came, page=page), True
    if place.at + 1 < len(LISTS):
        return replace(place, moments=came, at=place.at + 1, page=1), True
    again = tuple(max(began, far - OVERLAP) for began, far in zip(place.began, came, strict=True))
    return Cursor(again, again), False


def _modified(order: object) -> datetime | None:
    told = order.get("date_modified_gmt") if isinstance(order, Mapping) else None
    try:
        return datetime.fromisoformat(str(told)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _refused(status: int, body: bytes, pause: float | None) -> NoPage:
    told = loads(body)
    given = told if isinstance(told, Mapping) and not isinstance(told, JsonRefusal) else {}
    said = str(given.get("message") or "no reason given")[:200]
    words = f"The shop answered {status}: {said}"
    if status in KEY_REFUSED:
        hint = "Make a key with read access in WooCommerce > Settings > Advanced > REST API."
        return NoPage(words=words, hint=hint)
    if status == TOO_MANY:
        return NoPage(words=words, pause=pause if pause is not None else 60.0)
    hint = "Is the address that of the shop?" if status == 404 else ""
    return NoPage(words=words, hint=hint, pause=pause)
