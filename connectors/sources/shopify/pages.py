"""What changed at Shopify, asked for page by page: orders, then payouts where they are wanted.

Here: the questions for orders, and the cursor between two pages. Not here: one call (calls.py),
payouts (payout_pages.py), when it is asked (holding/intake), what an order is made of (orders.py).

The cursor is JSON: from which change on, the page that Shopify wants asked next, the newest change
that was shown, and from which day on payouts are asked for; `at` says which of the two lists it is
in. Shopify's own name of a page holds for a while only; when it is no longer known, the reading
begins again from the last change that was read whole.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from connectors.contract import Settings
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.kit.shops.payouts import payouts_left
from connectors.sources.shopify import payout_pages
from connectors.sources.shopify.calls import Shop, listed, next_page, refused
from connectors.transport.http import Http, HttpAnswer, HttpFailure

BACK: Final = timedelta(minutes=10)
"""How far the next reading goes back: some changes are stored later than their moment."""
SIZES: Final = (50, 5, 1)
"""How many orders a page has, and how many when such a page is longer than an answer may be."""
_ORDERS, _PAYOUTS = "", "payouts"

Given = Mapping[str, object]
Read = Callable[[str, Given], Pulled]


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A place in the list of changes, or in that of payouts."""

    since: str
    page: str = ""
    newest: str = ""
    paid_since: str = ""
    at: str = _ORDERS
    unpaid: str = ""
    """Why payouts could not be read at the last reading."""

    def text(self) -> str:
        return json.dumps(astuple(self))

    @property
    def wrong(self) -> NoPage | None:
        """The same, for who reads orders meanwhile."""
        return NoPage(words=self.unpaid) if self.unpaid else None


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    return _Cursor(since.isoformat(), paid_since=since.date().isoformat()).text()


def page_after(
    cursor: str, settings: Settings, secret: str, http: Http, read: Read, read_payout: Read
) -> Page | NoPage:
    """What follows a cursor; `read` makes records of an order, `read_payout` of a payout."""
    at = _Cursor(*json.loads(cursor))
    token = secret.partition(":")[2]
    if not token:
        words = "This connection has no token to ask Shopify with."
        return NoPage(words=words, hint="Enter the key again: client secret, colon, access token.")
    shop = Shop(str(settings["base_url"]), token, http)
    if at.at == _PAYOUTS:
        return _payouts(shop, at, read_payout)
    return _orders(shop, at, read, settings.get(payout_pages.SETTING) == payout_pages.ASKED_FOR)


def _orders(shop: Shop, at: _Cursor, read: Read, payouts_too: bool) -> Page | NoPage:
    for size in SIZES:
        answer = _asked(shop, at, size)
        if not (isinstance(answer, HttpFailure) and answer.status == HTTPStatus.OK):
            break  # it answered, or not at all; what began well and broke off may be too long
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if at.page and answer.status == HTTPStatus.BAD_REQUEST:
        after = replace(at, page="", newest="")
        return Page(found=(), after=after.text(), more=True, wrong=at.wrong)
    if told := refused(answer):
        return told
    orders = listed(answer, "orders")
    if orders is None:
        words = "Shopify answered with something that is not a list of orders."
        return NoPage(words=words, hint="Compare the address of the connection with the shop's.")
    found = [read(f"orders[{index}]", one) for index, one in enumerate(orders)]
    return _page(at, found, orders, answer, payouts_too)


def _asked(shop: Shop, at: _Cursor, size: int) -> HttpAnswer | HttpFailure:
    query = {"limit": str(size)}
    if at.page:
        query["page_info"] = at.page
    else:
        query |= {"status": "any", "order": "updated_at asc", "updated_at_min": at.since}
    return shop.ask(f"orders.json?{urlencode(query)}")


def _page(
    at: _Cursor,
    found: Sequence[Pulled],
    orders: Sequence[Given],
    answer: HttpAnswer,
    payouts_too: bool,
) -> Page:
    moments = [told for one in orders if isinstance(told := one.get("updated_at"), str)]
    newest = max((*moments, at.newest), key=_moment) if moments else at.newest
    following = next_page(answer)
    if following:
        after = replace(at, page=following, newest=newest)
        return Page(found=found, after=after.text(), more=True, wrong=at.wrong)
    last = _moment(newest) - BACK if newest else _moment(at.since)
    after = _Cursor(max(last, _moment(at.since)).isoformat(), paid_since=at.paid_since)
    if payouts_too:
        after = replace(after, at=_PAYOUTS, unpaid=at.unpaid)
        return Page(found=found, after=after.text(), more=True, wrong=at.wrong)
    return Page(found=found, after=after.text(), more=False)


def _payouts(shop: Shop, at: _Cursor, read: Read) -> Page | NoPage:
    today = shop.http.now().date()
    since = date.fromisoformat(at.paid_since) if at.paid_since else today - payout_pages.BACK
    told = payout_pages.page_of(shop, since, at.page, read)
    after = _Cursor(at.since, paid_since=since.isoformat())
    if told is None:  # the orders go on; all payouts from that day on are asked for behind them
        return Page(found=(), after=after.text(), more=False)
    if isinstance(told, NoPage):
        wrong = payouts_left(told)
        after = replace(after, unpaid=wrong.words)
        return Page(found=(), after=after.text(), more=False, wrong=wrong)
    found, following = told
    if following:  # a later one may fail yet: until the last, nothing says that all can be read
        after = replace(at, page=following)
        return Page(found=found, after=after.text(), more=True, wrong=at.wrong)
    again = payout_pages.again_from(today, since).isoformat()
    return Page(found=found, after=_Cursor(at.since, paid_since=again).text(), more=False)


def _moment(text: str) -> datetime:
    """A moment; what is none is older than all."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    return found if found is not None and found.tzinfo else datetime.fromisoformat(_FIRST)


_FIRST: Final = "1970-01-01T00:00:00+00:00"
