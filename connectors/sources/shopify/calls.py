"""Call Shopify's Admin API, and convert an order of its answers into records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from requests.utils import parse_header_links

from connectors.contract import IncomingRecord, Settings, SourceRefusal
from connectors.contract.pulls import NoPage
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.delivery import Read
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.sources.shopify.kinds import (
    DELIVERY,
    ORDER,
    Line,
    Part,
    lines_of,
    moved,
    numbered,
    sold,
)
from connectors.sources.shopify.refunds import given_back, order_status
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import loads
from grammar.text.characters import in_currency

VERSION: Final = "2025-10"

DOMAIN: Final = "x-shopify-shop-domain"

_AT_SHOPIFY: Final = ".myshopify.com"

_PAUSE: Final = 2.0

Given = Mapping[str, object]

_ADDRESS = ("address1", "address2", "zip", "city", "province", "country")

_TIN = "tin"


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


def order_of(place: str, given: Mapping[str, object], zone: ZoneInfo) -> Read:
    """The order without its refunds and fulfilments, or everything that is wrong with it."""
    order = Part(place, given)
    items, found = order.parts("line_items"), moved(order)
    lines = lines_of(order, found)
    head = {**_head(order, zone), **_buyer(order), **_money(order)}
    edited = any(sold(item, found) < item.whole("quantity") for item in items)
    stated = _stated(order, edited=edited)
    head["total"] = Cell(order.at("total_price"), plain(stated))
    if not items:
        order.wrong("line_items", "The order has no lines.", "Ask Shopify for the whole order.")
    elif not order.stated("total_price"):
        order.wrong("total_price", "The order states no total.", "Ask for the whole order.")
    elif not order.errors:
        _prove(order, lines, stated)
    read = canonical(ORDER, RawRecord(order.cell("id"), head, numbered(lines)), zone)
    if not order.errors:
        return read
    return (*order.errors, *(() if isinstance(read, IncomingRecord) else read))


def _head(order: Part, zone: ZoneInfo) -> dict[str, Cell]:
    dated = "processed_at" if order.value.get("processed_at") else "created_at"
    status = order_status(
        cancelled=bool(order.value.get("cancelled_at")),
        financial=order.text("financial_status"),
        fulfillment=order.text("fulfillment_status"),
    )
    return {
        "number": order.cell("name"),
        "status": Cell(order.at("financial_status"), status),
        "order_id": order.cell("id"),
        **order.cells("financial_status", "fulfillment_status"),
        "ordered_on": order.day(dated, zone),
        "cancelled_at": order.moment("cancelled_at"),
        "updated_at": order.moment("updated_at", "created_at"),
        "channel": order.cell("source_name"),
    }


def _buyer(order: Part) -> dict[str, Cell]:
    customer, billing = order.part("customer"), order.part("billing_address")
    home = billing if billing.value else order.part("shipping_address")
    name = billing.text("company") or _person(home) or _person(customer)
    tin = next(
        (
            note.cell("value")
            for note in order.parts("note_attributes")
            if note.text("name").strip().casefold() == _TIN
        ),
        Cell(order.at("note_attributes"), None),
    )
    return {
        "customer": customer.cell("id"),
        "customer_name": Cell(home.place, name),
        "email": order.cell("email"),
        "phone": order.cell("phone") if order.text("phone") else home.cell("phone"),
        "tin": tin,
        "address": Cell(home.place, ", ".join(_address(home))),
    }


def _person(part: Part) -> str:
    told = part.text("name") or f"{part.text('first_name')} {part.text('last_name')}"
    return told.strip()


def _address(home: Part) -> list[str]:
    """The parts of an address, each once: a city may be its own state."""
    return [text for text in dict.fromkeys(map(home.text, _ADDRESS)) if text]


def _money(order: Part) -> dict[str, Cell]:
    """The amounts as stated; what is not told stays blank."""
    names = {
        "subtotal": "subtotal_price",
        "discount_total": "total_discounts",
        "tax_total": "total_tax",
        "current_total": "current_total_price",
    }
    told = {
        field: Cell(order.at(name), plain(order.amount(name)))
        for field, name in names.items()
        if order.stated(name)
    }
    return {
        **told,
        "currency": order.cell("currency"),
        "buyer_currency": order.cell("presentment_currency"),
        "taxes_included": order.cell("taxes_included"),
    }


def _stated(order: Part, *, edited: bool) -> Decimal:
    """What Shopify says was sold. After an edit took pieces off, `total_price` is still that of
    the first order: what was sold is then what is left and what was given back.
    """
    if not edited:
        return order.amount("total_price")
    inside = order.flag("taxes_included")
    back = sum((given_back(one, inside=inside) for one in order.parts("refunds")), ZERO)
    return order.amount("current_total_price") + back


def _prove(order: Part, lines: Sequence[Line], stated: Decimal) -> None:
    """Add an error with the figures where tax or total are not what the lines come to."""
    currency = order.text("currency")
    tax = sum((line.tax for line in lines), ZERO)
    if order.stated("total_tax") and tax != order.amount("total_tax"):
        words = (
            f"The lines hold {in_currency(tax, currency)} of tax, the order states "
            f"{in_currency(order.amount('total_tax'), currency)}."
        )
        order.wrong("total_tax", words, "Compare the order in Shopify, then send it again.")
    net = sum((line.amount for line in lines), ZERO)
    made = net if order.flag("taxes_included") else net + tax
    if made != stated:
        ours, theirs, rest = (in_currency(one, currency) for one in (made, stated, stated - made))
        words = f"The lines come to {ours}, the order states {theirs}: {rest} is not explained."
        order.wrong("total_price", words, "Compare the order in Shopify, then send it again.")


def delivery_of(place: str, given: Mapping[str, object], zone: ZoneInfo) -> Read:
    """The fulfilment, alone or from inside its order, or what is wrong with it."""
    sent = Part(place, given)
    items = sent.parts("line_items")
    if not items:
        sent.wrong("line_items", "The fulfilment has no lines.", "Ask for the whole fulfilment.")
    lines = [
        {
            "pos": Cell(item.place, at),
            "line_id": item.cell("id"),
            "sku": item.cell("sku"),
            "name": item.cell("name" if item.text("name") else "title"),
            "qty": item.cell("quantity"),
        }
        for at, item in enumerate(items, 1)
    ]
    head = {
        "number": sent.cell("name" if sent.text("name") else "id"),
        "status": sent.cell("status"),
        "order_id": sent.cell("order_id"),
        "delivered_on": sent.day("created_at", zone),
        "updated_at": sent.moment("updated_at", "created_at"),
        "carrier": sent.cell("tracking_company"),
        "tracking_number": sent.cell("tracking_number"),
    }
    read = canonical(DELIVERY, RawRecord(sent.cell("id"), head, lines), zone)
    if not sent.errors:
        return read
    return (*sent.errors, *(() if isinstance(read, IncomingRecord) else read))
