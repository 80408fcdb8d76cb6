"""Sign and send calls to Lazada's Open Platform, read its answers, and read payouts."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, Settings
from connectors.contract.pulls import NoPage
from connectors.contract.targets import Renewed
from connectors.kit.calls import Grant, grant_of, renewed_key
from connectors.kit.canonical_record import Cell
from connectors.kit.delivery import record_of, too_long
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import ZERO, one_of, plain
from connectors.kit.shops.payouts import EntryPart
from connectors.sources.lazada.orders import PAYOUTS, REFUND, Part
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import loads

LASTS: Final = timedelta(days=7)

RENEWAL: Final = "/auth/token/refresh"

RENEWED_AT: Final = "https://auth.lazada.com/rest"

_PAUSE: Final = 60.0

_KEY_CODES: Final = frozenset(
    {"IllegalAccessToken", "IllegalRefreshToken", "InvalidAppKey", "AppKeyInvalid", "E007"}
)

BUSY_CODES: Final = frozenset({"ApiCallLimit", "AppCallLimit", "SellerCallLimit", "E901"})

KEY_HINT: Final = (
    "At open.lazada.com authorize the app for the seller again, and enter the key again."
)

FORM: Final = "Write the key as APP_SECRET:REFRESH_TOKEN."

ROWS: Final = "transactions"
"""Under this word a statement keeps what it is made of."""

REST: Final = "Not told apart by Lazada"

_SALES: Final = ("orders-sales", "orders-item charges")

_REFUNDS: Final = ("refunds-sales", "refunds-item charges")

_ORDERS: Final = "orders-"

_OF_ORDERS: Final = (_ORDERS, "refunds-")

_SERVICES: Final = ("other services-", "3p services-")
"""How the types begin of what Lazada or its partners charge beside orders, such as advertising."""

_NO_FEES: Final = ("orders-claims", "refunds-claims", "other services-sales")
"""Types of compensations, incentives and taxes: none is a fee, or a fee that was given back."""

_BONUS: Final = "lazada bonus"
"""How the names begin of what Lazada adds to a sale beside its vouchers.
Source: help.bigseller.com/en_US/detailPage/10/1/2786/content (types and names of transactions).
"""

_SELLER_VOUCHERS: Final = ("promotional charges", "lazcoin discount", "lazcoins discount")
"""How the names of the seller's own discounts begin. Lazada credits the price before vouchers
(Item Price Credit) and charges the seller's vouchers beside it. A seller who joins LazCoins
Discount bears it, too.
Source: help.graas.ai/en/article/decoding-marketplace-fees-sellers-guide-to-navigating-costs-on-
lazada-shopee-zalora-and-tokopedia (Settlement Seller Discount Amount).
"""

_TAKEN_BACK: Final = tuple(f"reversal {name}" for name in _SELLER_VOUCHERS)

_BUYER_SHIPPING: Final = "shipping fee (paid by customer"

_SHIPPING_RETURNED: Final = (
    "reversal shipping fee (paid by customer",
    "shipping fee refund to customer",
)
"""How the names begin of shipping that goes back to the buyer (type Refunds-Logistics).
Source: help.bigseller.com/en_US/detailPage/10/1/2786/content (types and names of transactions).
"""

_ITEM: Final = "item price"

_ITEM_RETURNED: Final = f"reversal {_ITEM}"

_SHIPPING_PROGRAMME: Final = "free shipping max fee"
"""A charge of Lazada's own that it also lists among the sales; same source."""

_SHIPPING_BORNE: Final = (
    "shipping fee voucher by lazada",
    "shipping fee voucher (by lazada",
    "auto shipping fee subsidy",
)
"""How the names begin of what Lazada bears of the carrier's charge (Settlement Shipping Fee Rebate
From Channel in the same source). It lessens that charge and is never a fee below zero.
"""

_SHIPPING: Final = "shipping fee"

_STATED: Final = re.compile(r"(?P<amount>-?\d{1,15}(\.\d{1,6})?) (?P<currency>[A-Z]{3})", re.ASCII)

_CENT: Final = Decimal("0.01")

_DAY: Final = re.compile(r"(\d\d?) ([A-Z][a-z]{2}) (\d{4})", re.ASCII)

_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]


@dataclass(frozen=True, slots=True)
class Shop:
    """A client for one seller."""

    settings: Settings
    grant: Grant
    http: Http

    def get(self, path: str, parameters: Mapping[str, str]) -> object | NoPage:
        """Return the `data` of an answer, or why there is none."""
        answer = self.answer(path, parameters)
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        body = content(answer.body)
        code = str(body.get("code"))
        if answer.status == TOO_MANY or code in BUSY_CODES:
            pause = retry_after(answer.headers, answer.at)
            words = "Lazada was asked more often than it allows."
            return NoPage(words=words, pause=_PAUSE if pause is None else pause)
        if answer.status in KEY_REFUSED or code in _KEY_CODES:
            words = f"Lazada does not accept the key: {why(body)}"
            return NoPage(words=words, hint=KEY_HINT, key_refused=True)
        if code != "0" or answer.status != HTTPStatus.OK:
            return NoPage(words=f"Lazada answered {answer.status}: {why(body)}")
        return body.get("data")

    def answer(self, path: str, parameters: Mapping[str, str]) -> HttpAnswer | HttpFailure:
        """Send a signed call and return the HTTP answer."""
        query = {**parameters, "access_token": self.grant.access}
        signed = _signed(self.settings, self.grant.secret, path, query, self.http)
        url = f"{_setting(self.settings, 'base_url').rstrip('/')}{path}?{urlencode(signed)}"
        return self.http.request("GET", url, headers={"Accept": "application/json"})


def _signed(
    settings: Settings, secret: str, path: str, parameters: Mapping[str, str], http: Http
) -> dict[str, str]:
    """Return the complete query: the parameters, the app, the moment and the signature."""
    query = {
        **parameters,
        "app_key": _setting(settings, "app_key"),
        "sign_method": "sha256",
        "timestamp": str(int(http.now().timestamp() * 1000)),
    }
    return {**query, "sign": sign(secret, path, query)}


def _setting(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()


def shop_of(settings: Settings, key: str, http: Http) -> Shop | NoPage:
    """Return the client for a seller with this key, or why the key is unusable."""
    grant = grant_of(key)
    if grant is None or not grant.access:
        return NoPage(words="The key does not say how to ask Lazada.", hint=FORM)
    return Shop(settings, grant, http)


def renewed(settings: Settings, key: str, http: Http) -> Renewed:
    """Replace the refresh token by the next pair."""
    grant = grant_of(key)
    if grant is None:
        return Renewed(kind="refused", words=f"The key cannot be used. {FORM}")
    base = (_setting(settings, "token_url") or RENEWED_AT).rstrip("/")
    refresh = {"refresh_token": grant.refresh}
    query = _signed(settings, grant.secret, RENEWAL, refresh, http)
    answer = http.request(
        "POST",
        f"{base}{RENEWAL}",
        headers={
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(query).encode(),
    )
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    body = content(answer.body)
    code = str(body.get("code"))
    if answer.status == HTTPStatus.OK and code == "0":
        return renewed_key(grant, body, body.get("expires_in"), http.now())
    is_failing = (
        answer.status >= 500 or answer.status == TOO_MANY or "code" not in body
    )  # another page
    away = is_failing or code in BUSY_CODES or body.get("type") == "SYSTEM"
    words = f"Lazada gave no access token for the refresh token: {why(body)}"
    return Renewed(kind="away" if away else "refused", words=words, hint=KEY_HINT)


def sign(secret: str, path: str, query: Mapping[str, str]) -> str:
    """Return the signature of a call: the path, then names and values sorted by name."""
    text = path + "".join(f"{name}{query[name]}" for name in sorted(query))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def content(body: bytes) -> Mapping[str, object]:
    """Return the JSON object of an answer; empty if there is none."""
    body_content = loads(body, keep_odd=True)
    return body_content if isinstance(body_content, Mapping) else {}


def why(body: Mapping[str, object]) -> str:
    """Return Lazada's reason for an error as the end of a sentence."""
    return (reason(body) or "no reason given").rstrip(".") + "."


def reason(body: Mapping[str, object]) -> str:
    """Return Lazada's reason for an error unchanged; blank if there is none."""
    return str(body.get("message") or body.get("code") or "").strip()[:200]


def period(text: object) -> tuple[date, date] | None:
    """Return first and last day of a transaction's statement, such as 11 May 2016 - 17 May 2016."""
    first, _, last = text.partition(" - ") if isinstance(text, str) else ("", "", "")
    days = _day(first), _day(last)
    return (days[0], days[1]) if days[0] and days[1] else None


def _day(text: str) -> date | None:
    """Parse a day with an English month name, whatever the language of this machine is."""
    match = _DAY.fullmatch(text.strip())
    try:
        return date(int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1])) if match else None
    except ValueError:
        return None


def payouts_of(
    place: str, payload: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and its payment of each order."""
    statement = Part(place, payload)
    rows = statement.parts(ROWS)
    too_many_lines = too_long(f"{statement.at(ROWS)}.lines", len(rows))
    stated = _STATED.fullmatch(statement.text("payout").strip())
    if stated is None:
        words = "The statement does not say how much is paid out."
        statement.wrong(
            "payout", words, "Ask Lazada for it: an amount and a currency, such as 9.50 MYR."
        )
    net = Decimal(stated["amount"]) if stated else ZERO
    entries = [*_sales(rows), *(other_entry for row in rows for other_entry in _other_entries(row))]
    entries += _borne_above_charge(rows)
    if too_many_lines:  # the whole is held: what some of the lines come to says nothing
        statement.errors.append(too_many_lines)
        entries = []
    unexplained = net - sum((entry.amount for entry in entries), ZERO)
    if unexplained and stated and not statement.has_unread():
        number = statement.text("statement_number")
        entries.append(
            _entry(
                statement,
                "adjustment",
                unexplained,
                line_id=number,
                at=statement.at("payout"),
                name=REST,
            )
        )
    paid = statement.text("paid") == "1"
    days = next(
        (days_of_row for row in rows if (days_of_row := period(row.value.get("statement")))), None
    )
    head = {
        "number": statement.cell("statement_number"),
        "status": Cell(statement.at("paid"), "paid" if paid else "not_paid"),
        "deposited_on": Cell(
            statement.at("updated_at"), statement.text("updated_at")[:10] if paid else None
        ),
        "first_day": Cell(statement.at(ROWS), days[0].isoformat() if days else None),
        "last_day": Cell(statement.at(ROWS), days[1].isoformat() if days else None),
        "currency": Cell(statement.at("payout"), stated["currency"] if stated else None),
        "bank_ref": Cell(statement.at(ROWS), next(filter(None, _references(rows)), None)),
        "net": Cell(statement.at("payout"), plain(net)),
    }
    payout = payouts.Payout(
        place=place, key=statement.cell("statement_number"), head=head, entries=entries
    )
    returned = [] if too_many_lines else _shipping_refunds(rows, head, zone)
    return (*payouts.records_of(payout, PAYOUTS, zone, statement.errors), *returned)


def _shipping_refunds(
    rows: Sequence[Part], head: Mapping[str, Cell], zone: ZoneInfo
) -> Iterator[IncomingRecord]:
    """Yield a refund for each transaction that gives the buyer's shipping back.

    Lazada's orders show only returned pieces. Without a credit note the debtor would keep the
    shipping.
    """
    for row in rows:
        amount = -_amount(row)
        if not _fee_name(row).startswith(_SHIPPING_RETURNED) or _part(row) != "refund":
            continue
        key, place = row.text("transaction_number"), row.at("amount")
        day = _day(row.text("transaction_date"))
        cells = {
            "number": Cell(row.at("transaction_number"), f"R-{key}" if key else None),
            "status": Cell(row.place, "refunded"),
            "shop_status": row.cell("fee_name"),
            "order_id": row.cell("order_no"),
            "refunded_on": Cell(
                row.at("transaction_date"), day.isoformat() if day else head["last_day"].value
            ),
            "currency": head["currency"],
            "restock": Cell(row.place, "none"),
            "total": Cell(place, plain(amount)),
        }
        line = one_of("shipping", "Shipping", place, amount)
        read = record_of(REFUND, row.alone(), row.cell("transaction_number"), cells, [line], zone)
        if amount > 0 and isinstance(read, IncomingRecord):
            yield read


def _sales(rows: Sequence[Part]) -> Iterator[payouts.Entry]:
    """Yield one entry per order for what it sold in these days, with its shipping.

    Pieces that arrive in another week are in another statement. The entry is therefore identified
    by its first transaction.
    """
    by_order: dict[str, list[Part]] = {}
    for row in rows:
        if _part(row) == "sale":
            by_order.setdefault(row.text("order_no"), []).append(row)
    for order, sale_rows in by_order.items():
        if not order:
            sale_rows[0].wrong(
                "order_no", "This sale names no order.", "Ask Lazada for its transactions."
            )
        amount = sum((_amount(row) for row in sale_rows), ZERO)
        # The order's number would let the second statement replace the payment of the first.
        number = min(row.text("transaction_number") for row in sale_rows)
        entry = _entry(sale_rows[0], "sale", amount, line_id=number, name="Sale")
        yield replace(entry, sums=tuple(row.place for row in sale_rows))


def _fee_name(row: Part) -> str:
    """Return the name in small letters, without the full stop of `Auto. Shipping fee subsidy`."""
    return row.text("fee_name").strip().lower().replace(".", "")


def _part(row: Part) -> EntryPart:
    """Return what a transaction is, by its type and name; what is not known is an adjustment."""
    word = row.text("transaction_type").strip().lower()
    name = _fee_name(row)
    if word in _NO_FEES or name.startswith(_BONUS):
        return "adjustment"
    if not word.startswith(_OF_ORDERS):
        return "fee" if word.startswith(_SERVICES) else "adjustment"
    part = _part_of_order(word, name)
    # Transfers between a seller's balances are listed among the sales, and name no order.
    is_transfer = part != "fee" and not row.text("order_no") and _ITEM not in name
    return "adjustment" if is_transfer else part


def _part_of_order(word: str, name: str) -> EntryPart:
    """Return what a transaction of this type and name is, if it belongs to an order."""
    if name.startswith((*_TAKEN_BACK, *_SHIPPING_RETURNED, _ITEM_RETURNED)):
        return "refund"
    if name.startswith(_SHIPPING_PROGRAMME):
        return "fee"
    if name.startswith(_SELLER_VOUCHERS) or word in _SALES:
        return "sale"
    if word.startswith(_ORDERS) and name.startswith(_BUYER_SHIPPING):
        return "sale"
    return "refund" if word in _REFUNDS else "fee"


def _amount(row: Part) -> Decimal:
    if not row.stated("amount"):
        row.wrong("amount", "The transaction has no amount.", "Ask Lazada for the statement again.")
    return row.amount("amount")


def _entry(
    row: Part, part: EntryPart, amount: Decimal, *, line_id: str = "", at: str = "", name: str = ""
) -> payouts.Entry:
    order = row.text("order_no")
    return payouts.Entry(
        place=at or row.place,
        line_id=line_id or row.text("transaction_number"),
        part=part,
        amount=amount,
        order_id=order,
        order_number=order,
        name=name or row.text("fee_name") or row.text("transaction_type"),
    )


def _other_entries(row: Part) -> Iterator[payouts.Entry]:
    """Yield a refund, or a fee and its tax, or an adjustment."""
    part, amount = _part(row), _amount(row)
    if part == "sale":
        return
    tax = abs(row.amount("VAT_in_amount")).quantize(_CENT) if part == "fee" else ZERO
    tax = -tax if amount < 0 else tax
    yield _entry(row, part, amount - tax)
    if tax:
        yield _entry(row, "fee_tax", tax, at=row.at("VAT_in_amount"))


def _borne_above_charge(rows: Sequence[Part]) -> Iterator[payouts.Entry]:
    """Yield what Lazada bears of an order's shipping above the carrier's charge: it is taken from
    the fees, where it would be a fee below zero, and is an adjustment.
    """
    orders: dict[str, list[Part]] = {}
    for row in rows:
        name = _fee_name(row)
        if _part(row) == "fee" and name.startswith((_SHIPPING, *_SHIPPING_BORNE)):
            orders.setdefault(row.text("order_no"), []).append(row)
    for shipping_rows in orders.values():
        borne = [row for row in shipping_rows if _is_borne(row)]
        above = sum((_amount(row) for row in shipping_rows), ZERO)
        if borne and above > 0:
            key = borne[0].text("transaction_number")
            words = "Shipping borne by Lazada above the carrier's charge"
            yield _entry(borne[0], "fee", -above, line_id=f"{key}-fee", name=words)
            yield _entry(borne[0], "adjustment", above, line_id=f"{key}-above", name=words)


def _is_borne(row: Part) -> bool:
    return _fee_name(row).startswith(_SHIPPING_BORNE)


def _references(rows: Sequence[Part]) -> Iterator[str]:
    for row in rows:
        yield row.text("payment_ref_id")
