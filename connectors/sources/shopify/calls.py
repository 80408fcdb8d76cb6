"""One call to Shopify's Admin API, and what its answer says.

Here: address, token, refusals, lists, the name of the next page, and of which shop a call is. Not
here: which questions are
asked (pages.py, payout_pages.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from requests.utils import parse_header_links

from connectors.contract import Settings, SourceRefusal
from connectors.contract.pulls import NoPage
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
DOMAIN: Final = "x-shopify-shop-domain"
_AT_SHOPIFY: Final = ".myshopify.com"
_PAUSE: Final = 2.0
Given = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that may be asked."""

    address: str
    token: str
    http: Http

    def ask(self, what: str) -> HttpAnswer | HttpFailure:
        """Read something of the Admin API, named with its query."""
        url = f"{self.address.rstrip('/')}/admin/api/{VERSION}/{what}"
        headers = {"X-Shopify-Access-Token": self.token, "Accept": "application/json"}
        return self.http.request("GET", url, headers=headers)


def refused(answer: HttpAnswer) -> NoPage | None:
    """Why an answer shows nothing; None where it does."""
    if answer.status == HTTPStatus.OK:
        return None
    if answer.status in KEY_REFUSED:
        words = "Shopify does not accept the access token."
        hint = "Let the app read orders (read_orders, read_all_orders), and enter its token again."
        return NoPage(words=words, hint=hint)
    if answer.status == TOO_MANY:
        pause = retry_after(answer.headers, answer.at)
        words = "Shopify was asked more often than it allows."
        return NoPage(words=words, pause=_PAUSE if pause is None else pause)
    if answer.status == HTTPStatus.NOT_FOUND:
        words = "There is no shop of Shopify's at this address."
        return NoPage(words=words, hint="Enter it as https://your-shop.myshopify.com.")
    return NoPage(words=f"Shopify answered with the status {answer.status}.")


def listed(answer: HttpAnswer, name: str) -> list[Given] | None:
    """The objects of an answer under a name; None where there is no such list."""
    told = loads(answer.body)
    found = told.get(name) if isinstance(told, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        return None
    return found


def next_page(answer: HttpAnswer) -> str:
    """Shopify's name of the next page; only the name is used, never the address around it."""
    link = answer.headers.get("link", "")
    for one in parse_header_links(link) if link else ():
        if one.get("rel") == "next":
            return parse_qs(urlsplit(one["url"]).query).get("page_info", [""])[0]
    return ""


def domain_of(settings: Settings) -> str:
    """The domain of the shop at Shopify; blank where its address is not known, or is none there."""
    host = urlsplit(str(settings.get("base_url") or "").strip()).hostname or ""
    return host if host.endswith(_AT_SHOPIFY) else ""


def another_shop(shop: str, headers: Mapping[str, str]) -> SourceRefusal | None:
    """Why a webhook is not of this shop: an app of several shops signs all of theirs alike."""
    told = headers.get(DOMAIN, "").strip().casefold()
    if not shop or told in ("", shop):
        return None
    words = f"It comes from {told[:100]}, and this connection is of {shop}."
    hint = "Let that shop send to its own connection."
    return SourceRefusal(403, "another_shop", words, hint)
