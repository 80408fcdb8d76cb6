"""Orders of Shopify that changed, asked for page by page.

Here: the question, its answer, and the cursor between two. Not here: when it is asked
(holding/intake), what an order is made of (orders.py).

The cursor is JSON: from which change on, the page that Shopify wants asked next, and the newest
change that was shown. Shopify's own name of a page holds for a while only; when it is no longer
known, the reading begins again from the last change that was read whole.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from requests.utils import parse_header_links

from connectors.contract import Settings
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import loads

VERSION: Final = "2025-10"
BACK: Final = timedelta(minutes=10)
"""How far the next reading goes back: some changes are stored later than their moment."""
SIZES: Final = (50, 5, 1)
"""How many orders a page has, and how many when such a page is longer than an answer may be."""
_PAUSE: Final = 2.0

Order = Mapping[str, object]
ReadOrder = Callable[[str, Order], Pulled]


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A place in the list of changes."""

    since: str
    page: str = ""
    newest: str = ""

    def text(self) -> str:
        return json.dumps([self.since, self.page, self.newest])


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    return _Cursor(since.isoformat()).text()


def page_after(
    cursor: str, settings: Settings, secret: str, http: Http, read: ReadOrder
) -> Page | NoPage:
    """What follows a cursor; `read` makes records of an order."""
    at = _Cursor(*json.loads(cursor))
    token = secret.partition(":")[2]
    if not token:
        words = "This connection has no token to ask Shopify with."
        return NoPage(words=words, hint="Enter the key anew: client secret, colon, access token.")
    for size in SIZES:
        answer = _asked(at, str(settings["base_url"]), token, http, size)
        if not (isinstance(answer, HttpFailure) and answer.status == HTTPStatus.OK):
            break  # it answered, or not at all; what began well and broke off may be too long
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if at.page and answer.status == HTTPStatus.BAD_REQUEST:
        return Page(found=(), after=_Cursor(at.since).text(), more=True)
    refused = _refused(answer)
    if refused:
        return refused
    told = loads(answer.body)
    orders = told.get("orders") if isinstance(told, Mapping) else None
    if not isinstance(orders, list) or not all(isinstance(one, Mapping) for one in orders):
        words = "Shopify answered with something that is no list of orders."
        return NoPage(words=words, hint="Compare the address of the connection with the shop's.")
    found = [read(f"orders[{index}]", one) for index, one in enumerate(orders)]
    return _page(at, found, orders, answer)


def _asked(
    at: _Cursor, address: str, token: str, http: Http, size: int
) -> HttpAnswer | HttpFailure:
    query = {"limit": str(size)}
    if at.page:
        query["page_info"] = at.page
    else:
        query |= {"status": "any", "order": "updated_at asc", "updated_at_min": at.since}
    url = f"{address.rstrip('/')}/admin/api/{VERSION}/orders.json?{urlencode(query)}"
    headers = {"X-Shopify-Access-Token": token, "Accept": "application/json"}
    return http.request("GET", url, headers=headers)


def _refused(answer: HttpAnswer) -> NoPage | None:
    if answer.status == HTTPStatus.OK:
        return None
    if answer.status in KEY_REFUSED:
        words = "Shopify does not accept the access token."
        hint = "Let the app read orders (read_orders, read_all_orders), and enter its token anew."
        return NoPage(words=words, hint=hint)
    if answer.status == TOO_MANY:
        pause = retry_after(answer.headers, answer.at)
        words = "Shopify was asked more often than it allows."
        return NoPage(words=words, pause=_PAUSE if pause is None else pause)
    if answer.status == HTTPStatus.NOT_FOUND:
        words = "There is no shop of Shopify's at this address."
        return NoPage(words=words, hint="Enter it as https://your-shop.myshopify.com.")
    return NoPage(words=f"Shopify answered with the status {answer.status}.")


def _page(
    at: _Cursor, found: Sequence[Pulled], orders: Sequence[Order], answer: HttpAnswer
) -> Page:
    moments = [told for one in orders if isinstance(told := one.get("updated_at"), str)]
    newest = max((*moments, at.newest), key=_moment) if moments else at.newest
    following = _next(answer.headers.get("link", ""))
    if following:
        return Page(found=found, after=_Cursor(at.since, following, newest).text(), more=True)
    last = _moment(newest) - BACK if newest else _moment(at.since)
    after = max(last, _moment(at.since)).isoformat()
    return Page(found=found, after=_Cursor(after).text(), more=False)


def _moment(text: str) -> datetime:
    """A moment; what is none is older than all."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    return found if found is not None and found.tzinfo else datetime.fromisoformat(_FIRST)


_FIRST: Final = "1970-01-01T00:00:00+00:00"


def _next(link: str) -> str:
    """Shopify's name of the next page; only the name is used, never the address around it."""
    for one in parse_header_links(link) if link else ():
        if one.get("rel") == "next":
            return parse_qs(urlsplit(one["url"]).query).get("page_info", [""])[0]
    return ""
