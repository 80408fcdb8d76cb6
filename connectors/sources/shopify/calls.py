"""Call Shopify's Admin API, and convert an order of its answers into records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from requests.utils import parse_header_links

from connectors.contract import Settings, SourceRefusal
from connectors.contract.pulls import NoPage
from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery import Read
from connectors.kit.shops.payload_parts import ZERO, plain, rounded_to_sum
from connectors.sources.shopify.exchanges import EXCHANGE, EXCHANGE_OF
from connectors.sources.shopify.kinds import (
    CENT,
    DELIVERY,
    EDITS,
    ORDER,
    Line,
    Moved,
    Part,
    difference,
    lines_of,
    moved,
    numbered,
    sold,
    unpaid_edits,
)
from connectors.sources.shopify.refunds import (
    given_back,
    money_kept,
    order_status,
    tax_back,
)
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

_ADDRESS = ("address1", "address2", "zip", "city", "province", "country")

_TIN = "tin"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop's address, access token and HTTP client, used to call its Admin API."""

    address: str
    token: str
    http: Http

    def ask(self, what: str) -> HttpAnswer | HttpFailure:
        """Read something of the Admin API, named with its query."""
        url = f"{self.address.rstrip('/')}/admin/api/{VERSION}/{what}"
        headers = {"X-Shopify-Access-Token": self.token, "Accept": "application/json"}
        return self.http.request("GET", url, headers=headers)


def refused(answer: HttpAnswer) -> NoPage | None:
    """Return why an answer holds no data, by its status; None if the status is 200."""
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
    """Return the list of objects under a name of the answer's JSON; None if there is no such
    list.
    """
    content = loads(answer.body, keep_odd=True)
    objects = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(objects, list) or not all(isinstance(entry, Mapping) for entry in objects):
        return None
    return objects


def next_page(answer: HttpAnswer) -> str:
    """Return Shopify's token of the next page (`page_info`); blank on the last page.

    The address around it is not used.
    """
    link = answer.headers.get("link", "")
    for relation in parse_header_links(link) if link else ():
        if relation.get("rel") == "next":
            return parse_qs(urlsplit(relation["url"]).query).get("page_info", [""])[0]
    return ""


def domain_of(settings: Settings) -> str:
    """Return the shop's domain under myshopify.com; blank if the address is missing or another."""
    host = urlsplit(str(settings.get("base_url") or "").strip()).hostname or ""
    return host if host.endswith(_AT_SHOPIFY) else ""


def another_shop(shop: str, headers: Mapping[str, str]) -> SourceRefusal | None:
    """Return a refusal if a webhook comes from another shop, else None.

    An app of several shops signs all their webhooks with a single secret.
    """
    shop_domain = headers.get(DOMAIN, "").strip().casefold()
    if not shop or shop_domain in ("", shop):
        return None
    words = f"It comes from {shop_domain[:100]}, and this connection is of {shop}."
    hint = "Let that shop send to its own connection."
    return SourceRefusal(403, "another_shop", words, hint)


def order_of(place: str, content: Mapping[str, object], zone: ZoneInfo) -> Read:
    """Return the order's record without its refunds and fulfilments, or all its errors."""
    order = Part(place, content)
    items, moved_pieces = order.parts("line_items"), moved(order)
    cancelled = bool(content.get("cancelled_at"))
    total, tax, lines = _sold(order, moved_pieces, cancelled=cancelled)
    if not items:
        order.wrong("line_items", "The order has no lines.", "Ask Shopify for the whole order.")
    elif not order.stated("total_price"):
        order.wrong("total_price", "The order states no total.", "Ask for the whole order.")
    elif not order.errors:
        if order.stated("total_tax"):
            lines = _with_tax(order, lines, total, tax)
        lines += _prove(order, lines, total, tax)
    kept_money = money_kept(order, total) if cancelled else ZERO
    out = any(moved_pieces.sent[name] > moved_pieces.returned[name] for name in moved_pieces.sent)
    head = {
        **_head(order, zone, keeps_money=bool(kept_money) or (cancelled and out)),
        **_buyer(order),
        **_money(order),
        "total": Cell(order.at("total_price"), plain(total)),
    }
    if order.stated("total_tax"):
        head["tax_total"] = Cell(order.at("total_tax"), plain(tax))
    if cancelled:
        head["kept"] = Cell(order.at("cancelled_at"), plain(kept_money))
    raw = RawRecord(order.cell("id"), head, numbered(lines))
    return read_record(ORDER, raw, zone, order.errors)


def _head(order: Part, zone: ZoneInfo, *, keeps_money: bool) -> dict[str, Cell]:
    dated = "processed_at" if order.value.get("processed_at") else "created_at"
    status = order_status(
        cancelled=bool(order.value.get("cancelled_at")),
        keeps_money=keeps_money,
        financial=order.text("financial_status"),
        fulfillment=order.text("fulfillment_status"),
    )
    return {
        "number": order.cell("name"),
        "status": Cell(order.at("financial_status"), status),
        "order_id": order.cell("id"),
        "exchange_of": order.cell(EXCHANGE_OF),
        "exchange": order.cell(EXCHANGE),
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
    name = part.text("name") or f"{part.text('first_name')} {part.text('last_name')}"
    return name.strip()


def _address(home: Part) -> list[str]:
    """Return the parts of an address without repetitions, since a city may also be its state."""
    return [text for text in dict.fromkeys(map(home.text, _ADDRESS)) if text]


def _money(order: Part) -> dict[str, Cell]:
    """Return the order's amounts as stated. Amounts that are missing stay blank."""
    names = {
        "subtotal": "subtotal_price",
        "discount_total": "total_discounts",
        "current_total": "current_total_price",
        "round_off": "total_cash_rounding_payment_adjustment",
    }
    amounts = {
        field: Cell(order.at(name), plain(order.amount(name)))
        for field, name in names.items()
        if order.stated(name)
    }
    return {
        **amounts,
        "currency": order.cell("currency"),
        "buyer_currency": order.cell("presentment_currency"),
        "taxes_included": order.cell("taxes_included"),
        "prices_include_tax": order.cell("taxes_included"),
    }


def _sold(
    order: Part, moved_pieces: Moved, *, cancelled: bool
) -> tuple[Decimal, Decimal, list[Line]]:
    """Return the total and tax of the goods sold, as Shopify states them, and the order's lines.

    After an edit removed pieces, `total_price` still holds the first order's total. The goods sold
    are then the current total plus the refunds. This also holds if goods were added (as by an
    exchange) or shipping was removed, unless the lines add up to `total_price`.
    """
    items, inside = order.parts("line_items"), order.flag("taxes_included")
    if any(
        sold(item, moved_pieces, cancelled=cancelled) < item.whole("quantity") for item in items
    ):
        sums = [] if cancelled else [_left_and_back(order)]
        sums += [_without_edits(order)] if moved_pieces.unpaid else []
        candidates = [
            (total, tax, _fitting(order, moved_pieces, total, tax)) for total, tax in sums
        ]
        return min(
            candidates, key=lambda candidate: abs(candidate[0] - _made(candidate[2], inside))
        )
    lines = lines_of(order, moved_pieces)
    total, tax = order.amount("total_price"), order.amount("total_tax")
    removed = any(line.flag("is_removed") for line in order.parts("shipping_lines"))
    changed = _made(lines, inside) > total or (removed and _made(lines, inside) < total)
    if changed and order.stated("current_total_price"):
        other_total, other_tax = _left_and_back(order)
        if _made(lines, inside) == other_total:
            return other_total, other_tax, lines
    return total, tax, lines


def _without_edits(order: Part) -> tuple[Decimal, Decimal]:
    """Return the first total and tax less what was taken off before the payment. They hold where
    the order is cancelled, and where money alone went back for pieces that another refund lists.
    """
    edits = unpaid_edits(order).values()
    total = order.amount("total_price") - sum((worth for worth, _ in edits), ZERO)
    return total, order.amount("total_tax") - sum((tax for _, tax in edits), ZERO)


def _left_and_back(order: Part) -> tuple[Decimal, Decimal]:
    """Return total and tax of the order's current content plus its refunds."""
    inside = order.flag("taxes_included")
    edits = unpaid_edits(order)
    refunds = [refund for refund in order.parts("refunds") if refund.text("id") not in edits]
    back = sum((given_back(refund, inside=inside) for refund in refunds), ZERO)
    total = order.amount("current_total_price") + back
    if not order.stated("current_total_tax"):
        return total, order.amount("total_tax")
    return total, order.amount("current_total_tax") + sum(map(tax_back, refunds), ZERO)


def _fitting(order: Part, moved_pieces: Moved, total: Decimal, tax: Decimal) -> list[Line]:
    """Return the lines of an edited order that add up to its total and tax, else the closest
    lines.
    """
    candidates = [lines_of(order, moved_pieces, of_all) for of_all in EDITS]
    inside = order.flag("taxes_included")
    return min(
        candidates, key=lambda lines: (abs(total - _made(lines, inside)), abs(tax - _tax(lines)))
    )


def _made(lines: Sequence[Line], inside: bool) -> Decimal:
    """Return the sum of the lines with tax; `inside`: their amounts include tax."""
    net = sum((line.amount for line in lines), ZERO)
    return net if inside else net + _tax(lines)


def _tax(lines: Sequence[Line]) -> Decimal:
    return sum((line.tax for line in lines), ZERO)


def _is_converted(order: Part) -> bool:
    """Check whether the buyer paid in another currency, so that each amount was converted alone."""
    return order.text("presentment_currency") not in ("", order.text("currency"))


def _with_tax(order: Part, lines: list[Line], total: Decimal, tax: Decimal) -> list[Line]:
    """Return the lines with their taxes adjusted to the order's tax, if only rounding separates
    them.

    A shop that rounds its tax at the subtotal is off by up to half a cent a taxed line. A converted
    sum and the tax left after an edit each add half a cent. The largest taxes change by a cent
    each, unless the order's total proves the lines' own taxes.
    """
    taxes, inside = [line.tax for line in lines], order.flag("taxes_included")
    most = CENT / 2 * (sum(map(bool, taxes)) + _is_converted(order) + _edited_items(order))
    settled = rounded_to_sum(taxes, tax, CENT, most)
    if settled == taxes:
        return lines
    taxed_lines = [line.with_tax(new) for line, new in zip(lines, settled, strict=True)]
    rests = [abs(total - _made(some, inside)) for some in (taxed_lines, lines)]
    return taxed_lines if rests[0] <= rests[1] else lines


def _edited_items(order: Part) -> int:
    """Return how many items have fewer pieces now than were ordered at first."""
    items = order.parts("line_items")
    known_items = [item for item in items if item.value.get("current_quantity") is not None]
    return sum(item.whole("current_quantity") < item.whole("quantity") for item in known_items)


def _prove(order: Part, lines: Sequence[Line], total: Decimal, tax: Decimal) -> list[Line]:
    """Compare the lines with tax and total, and return the line of their difference, if any.

    A cent is rounding. Of an order in another currency each amount is converted for itself: a cent
    for each line is. Any other difference holds the order, which is posted with it once it is
    released.
    """
    own_tax = _tax(lines)
    if order.stated("total_tax") and own_tax != tax:
        order.differs("total_tax", tax, own_tax, "The tax of the lines is not the order's tax.")
    lines_total = _made(lines, order.flag("taxes_included"))
    remainder, place = total - lines_total, order.at("total_price")
    if not remainder:
        return []
    if abs(remainder) <= CENT * (len(lines) if _is_converted(order) else 1):
        return [difference(place, "rounding", "Rounding", remainder)]
    order.differs("total_price", total, lines_total, "The lines do not come to the order's total.")
    return [difference(place, "adjustment", "Difference to the total", remainder)]


def delivery_of(place: str, content: Mapping[str, object], zone: ZoneInfo) -> Read:
    """Return the fulfilment's record, or its errors.

    The fulfilment came alone or inside its order.
    """
    sent = Part(place, content)
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
    return read_record(DELIVERY, RawRecord(sent.cell("id"), head, lines), zone, sent.errors)
