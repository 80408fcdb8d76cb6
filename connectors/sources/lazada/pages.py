"""What changed at a Lazada seller, asked for page by page: orders, each with its pieces, then
payouts where they are wanted.

Here: the questions, and the cursor between two. Not here: one call (calls.py), payouts
(payout_pages.py), what an order is made of (orders.py), when it is asked (holding/intake/pulls.py).

Pages that are counted shift while a shop sells: an order that changes moves to the end, and the one
behind it to a page that was read already. So a page is asked for by the moment at which the last
one ended, and counted only among orders of one and the same second.
"""

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import Settings
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.kit.shops.delivery_reading import sorted_out
from connectors.kit.shops.payouts import payouts_left
from connectors.sources.lazada import payout_pages
from connectors.sources.lazada.calls import Shop, shop_of
from connectors.sources.lazada.orders import Part, records_of
from connectors.transport.http import Http
from connectors.transport.strict_json import dumps

LIST: Final = "/orders/get"
ITEMS: Final = "/orders/items/get"
AT_ONCE: Final = 50
BACK: Final = timedelta(minutes=10)
"""How far the next reading goes back: some changes are stored later than their moment."""
Given = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where this reading began, how far it came, and the orders of that second that were read; in
    seconds since 1970. From which day on statements are asked for ("": from when they are wanted),
    which of them is next (none: orders are), and why they could not be read.
    """

    began: int
    since: int
    skip: int = 0
    paid_since: str = ""
    next: int | None = None
    unpaid: str = ""

    def text(self) -> str:
        return json.dumps(astuple(self))

    @property
    def wrong(self) -> NoPage | None:
        """Why payouts could not be read, for who reads orders meanwhile."""
        return NoPage(words=self.unpaid) if self.unpaid else None


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    start = int((since - BACK).timestamp())
    return _Cursor(start, start, paid_since=since.date().isoformat()).text()


def page(cursor: str, settings: Settings, key: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    shop = shop_of(settings, key, http)
    if isinstance(shop, NoPage):
        return shop
    at, wanted = _Cursor(*json.loads(cursor)), payout_pages.asked_for(settings)
    if at.next is not None:
        return _payouts(shop, at, zone)
    if not wanted or not at.paid_since:
        at = replace(at, paid_since=http.now().astimezone(zone).date().isoformat(), unpaid="")
    asked = {
        "update_after": datetime.fromtimestamp(at.since - 1, UTC).isoformat(),
        "sort_by": "updated_at",
        "sort_direction": "ASC",
        "limit": str(AT_ONCE),
        "offset": str(at.skip),
    }
    told = shop.get(LIST, asked)
    if isinstance(told, NoPage):
        return told
    listed = _objects(told.get("orders") if isinstance(told, Mapping) else None)
    if listed is None:
        return NoPage(words="Lazada answered with something that is not a list of orders.")
    pieces = _pieces(shop, [str(one.get("order_id")) for one in listed])
    if isinstance(pieces, NoPage):
        return pieces
    found = [_pulled(f"orders[{n}]", _whole(one, pieces), zone) for n, one in enumerate(listed)]
    after, more = _after(at, listed)
    if wanted and not more:
        after, more = replace(after, next=0), True
    return Page(found=found, after=after.text(), more=more, wrong=at.wrong)


def _payouts(shop: Shop, at: _Cursor, zone: ZoneInfo) -> Page | NoPage:
    """The next payout; behind the last, or where it cannot be read, this reading is over."""
    since, number = date.fromisoformat(at.paid_since), at.next or 0
    listed = payout_pages.statements(shop, since)
    if isinstance(listed, NoPage):
        return _left(at, listed)
    if number >= len(listed):
        today = shop.http.now().astimezone(zone).date()
        again = payout_pages.again_from(listed, since, today).isoformat()
        after = replace(at, next=None, unpaid="", paid_since=again)
        return Page(found=(), after=after.text(), more=False)
    told = payout_pages.whole(shop, listed[number], zone)
    if isinstance(told, NoPage):
        return _left(at, told)
    after = replace(at, next=number + 1)
    return Page(found=(told,), after=after.text(), more=True, wrong=at.wrong)


def _left(at: _Cursor, told: NoPage) -> Page:
    """The orders go on; all statements from that day on are asked for behind them."""
    wrong = payouts_left(told)
    after = replace(at, next=None, unpaid=wrong.words)
    return Page(found=(), after=after.text(), more=False, wrong=wrong)


def _pieces(shop: Shop, ids: list[str]) -> dict[str, list[Given]] | NoPage:
    """The pieces of several orders, by the id of the order."""
    if not ids:
        return {}
    told = shop.get(ITEMS, {"order_ids": f"[{','.join(ids)}]"})
    if isinstance(told, NoPage):
        return told
    orders = _objects(told)
    lists = [_objects(one.get("order_items")) for one in orders or ()]
    if orders is None or None in lists:
        return NoPage(words="Lazada answered with something that is not a list of pieces.")
    return {
        str(one.get("order_id")): many
        for one, many in zip(orders, lists, strict=True)
        if many is not None
    }


def _whole(order: Given, pieces: Mapping[str, list[Given]]) -> Given:
    """An order with its pieces, as a file has it."""
    return {**order, "order_items": pieces.get(str(order.get("order_id")), [])}


def _pulled(place: str, order: Given, zone: ZoneInfo) -> Pulled:
    records, errors = sorted_out(records_of(place, order, zone))
    return Pulled(raw=dumps(order), records=() if errors else records, errors=errors)


def _after(at: _Cursor, listed: list[Given]) -> tuple[_Cursor, bool]:
    """Where to go on, and whether at once."""
    moments = [found for one in listed if (found := Part("", one).when("updated_at"))]
    newest = max([at.since, *(int(one.timestamp()) for one in moments)])
    if len(listed) >= AT_ONCE:
        skip = 0 if newest > at.since else at.skip + len(listed)
        return replace(at, since=newest, skip=skip), True
    start = max(at.began, newest - int(BACK.total_seconds()))
    return replace(at, began=start, since=start, skip=0), False


def _objects(found: object) -> list[Given] | None:
    """A list of objects; None where it is none."""
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None
