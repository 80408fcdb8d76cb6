"""What changed in a Shopee shop, asked for page by page: orders, then returns, then payouts where
they are wanted.

Here: the questions, and the cursor between two. Not here: one call (calls.py), payouts
(payout_pages.py), what an order is made of (orders.py), when it is asked (holding/intake/pulls.py).

A list that is counted shifts while a shop sells: an order that changes leaves the window of moments
that is read, and one behind it moves to a page that was read already. So where a window has more
than one page, a shorter window is asked for. Only the changes of a single second are read by
Shopee's own cursor.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, Settings
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.kit.shops.delivery_reading import Read
from connectors.kit.shops.payouts import payouts_left
from connectors.sources.shopee import payout_pages
from connectors.sources.shopee.calls import Shop, shop_of
from connectors.sources.shopee.orders import order_of, refund_of
from connectors.transport.http import Http
from connectors.transport.strict_json import dumps

LIST: Final = "/api/v2/order/get_order_list"
DETAIL: Final = "/api/v2/order/get_order_detail"
RETURNS: Final = "/api/v2/returns/get_return_list"
FIELDS: Final = (
    "buyer_user_id,buyer_username,item_list,payment_method,pay_time,total_amount,"
    "estimated_shipping_fee,actual_shipping_fee,actual_shipping_fee_confirmed"
)
AT_ONCE: Final = 50
LONGEST: Final = int(timedelta(days=15).total_seconds())
BACK: Final = int(timedelta(minutes=10).total_seconds())
"""How far the next reading goes back: some changes are stored later than their moment."""
Given = Mapping[str, object]
_PAYOUTS: Final = 2
"""The place behind the lists of orders and returns."""
_NOT_SHOWN: Final = "Shopee lists this order and does not show it."


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where this reading began; which list it is at, and the window of it (0: as far as may be);
    Shopee's cursor in a window of one second; how far the list before was read; the second behind
    the days of the last payout (0: none was wanted yet), and why the next could not be read.
    """

    began: int
    since: int
    until: int = 0
    at: int = 0
    token: str = ""
    read: int = 0
    paid: int = 0
    unpaid: str = ""

    def text(self) -> str:
        return json.dumps(astuple(self))

    @property
    def wrong(self) -> NoPage | None:
        """Why payouts could not be read, for who reads orders meanwhile."""
        return NoPage(words=self.unpaid) if self.unpaid else None

    def over(self) -> "_Cursor":
        """Where the next reading begins, a little before the end of this one."""
        start = max(self.began, min(self.read, self.until) - BACK)
        return _Cursor(start, start, paid=self.paid)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of one list: what is in it, and Shopee's cursor to go on from."""

    found: tuple[Pulled, ...]
    token: str
    more: bool


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    start = int(since.timestamp()) - BACK
    return _Cursor(start, start, paid=start + BACK).text()


def page(cursor: str, settings: Settings, key: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    shop = shop_of(settings, key, http)
    if isinstance(shop, NoPage):
        return shop
    at, now = _Cursor(*json.loads(cursor)), int(http.now().timestamp())
    if at.at == _PAYOUTS:
        return _payouts(shop, at, zone)
    if not payout_pages.asked_for(settings) or not at.paid:
        at = replace(at, paid=now, unpaid="")  # from when they are wanted
    until = max(at.since, min(at.until or now, at.since + LONGEST, now))
    at = replace(at, until=until)
    listed = (_orders, _returns)[at.at](shop, at, zone)
    if isinstance(listed, NoPage):
        return listed
    if listed.more and until > at.since + 1 and not at.token:
        half = at.since + (until - at.since) // 2
        after = replace(at, until=half)
        return Page(found=(), after=after.text(), more=True, wrong=at.wrong)
    if listed.more:
        after = replace(at, token=listed.token)
        return Page(found=listed.found, after=after.text(), more=True, wrong=at.wrong)
    after, more = _after(at, now, payout_pages.asked_for(settings))
    return Page(found=listed.found, after=after.text(), more=more, wrong=at.wrong)


def _payouts(shop: Shop, at: _Cursor, zone: ZoneInfo) -> Page | NoPage:
    """The next payout; once there is none, or none that can be read, this reading is over."""
    days = payout_pages.due(at.paid, shop.settings, zone, shop.http.now())
    if days is None:
        return Page(found=(), after=at.over().text(), more=False)
    told = payout_pages.released(shop, days)
    if isinstance(told, NoPage):
        wrong = payouts_left(told)
        after = replace(at.over(), unpaid=wrong.words)
        return Page(found=(), after=after.text(), more=False, wrong=wrong)
    return Page(found=told, after=replace(at, paid=days.end).text(), more=True, wrong=at.wrong)


def _after(at: _Cursor, now: int, payouts_too: bool) -> tuple[_Cursor, bool]:
    """Where to go on: the next window, the next list, or the next reading."""
    if at.until < now:
        wider = at.until + 2 * max(1, at.until - at.since)
        return replace(at, since=at.until, until=wider, token=""), True
    if at.at == 0:
        return replace(at, since=at.began, until=0, at=1, token="", read=at.until), True
    if payouts_too:
        return replace(at, at=_PAYOUTS, token=""), True
    return at.over(), False


def _orders(shop: Shop, at: _Cursor, zone: ZoneInfo) -> _Listed | NoPage:
    asked = {
        "time_range_field": "update_time",
        "time_from": str(at.since),
        "time_to": str(at.until),
        "page_size": str(AT_ONCE),
        **({"cursor": at.token} if at.token else {}),
    }
    told = shop.get(LIST, asked)
    if isinstance(told, NoPage):
        return told
    listed = _objects(told, "order_list")
    if listed is None:
        return NoPage(words="Shopee answered with something that is not a list of orders.")
    numbers = list(dict.fromkeys(str(one.get("order_sn") or "") for one in listed))
    more = told.get("more") is True
    if more and at.until > at.since + 1 and not at.token:
        return _Listed((), "", more=True)  # a shorter window is asked for
    found = _shown(shop, numbers, zone)
    token = str(told.get("next_cursor") or "")
    return found if isinstance(found, NoPage) else _Listed(found, token, more and bool(token))


def _shown(shop: Shop, numbers: list[str], zone: ZoneInfo) -> tuple[Pulled, ...] | NoPage:
    """The orders of these numbers, whole; one that is not shown is told."""
    if not numbers:
        return ()
    asked = {"order_sn_list": ",".join(numbers), "response_optional_fields": FIELDS}
    told = shop.get(DETAIL, asked)
    if isinstance(told, NoPage):
        return told
    orders = _objects(told, "order_list")
    if orders is None:
        return NoPage(words="Shopee answered with something that is not a list of orders.")
    shown = {str(one.get("order_sn")) for one in orders}
    missing = [number for number in numbers if number not in shown]
    return (*_read("order_list", orders, order_of, zone), *(_absent(one) for one in missing))


def _returns(shop: Shop, at: _Cursor, zone: ZoneInfo) -> _Listed | NoPage:
    number = int(at.token or "0")
    asked = {
        "page_no": str(number),
        "page_size": str(AT_ONCE),
        "update_time_from": str(at.since),
        "update_time_to": str(at.until),
    }
    told = shop.get(RETURNS, asked)
    if isinstance(told, NoPage):
        return told
    listed = _objects(told, "return")
    if listed is None:
        return NoPage(words="Shopee answered with something that is not a list of returns.")
    more = told.get("more") is True and bool(listed)
    return _Listed(_read("return", listed, refund_of, zone), str(number + 1), more)


def _read(
    name: str, many: list[Given], make: Callable[[str, Given, ZoneInfo], Read], zone: ZoneInfo
) -> tuple[Pulled, ...]:
    return tuple(_pulled(one, make(f"{name}[{at}]", one, zone)) for at, one in enumerate(many))


def _pulled(given: Given, read: Read) -> Pulled:
    if isinstance(read, IncomingRecord):
        return Pulled(raw=dumps(given), records=(read,))
    return Pulled(raw=dumps(given), errors=read)


def _absent(number: str) -> Pulled:
    hint = "Look it up in the Seller Centre; the nightly sweep asks for it again."
    error = RowError(where="order_sn", value=number[:200], message=_NOT_SHOWN, hint=hint)
    return Pulled(raw=dumps({"order_sn": number}), errors=(error,))


def _objects(told: Given, name: str) -> list[Given] | None:
    """The list of that name; None where it is none."""
    found = told.get(name, [])
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None
