"""Sign and send calls to Lazada's Open Platform, read its answers, and read payouts."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from connectors.kit.delivery import too_long
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.kit.shops.payouts import EntryPart
from connectors.sources.lazada.orders import PAYOUTS, Part
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

_SALES: Final = "orders-sales"

_REFUNDS: Final = ("refunds-sales", "refunds-claims")

_ORDERS: Final = "orders-"

_OF_ORDERS: Final = (_ORDERS, "refunds-")

_SELLER_VOUCHERS: Final = ("promotional charges", "lazcoin discount", "lazcoins discount")
"""How the names of the seller's own discounts begin. Lazada credits the price before vouchers
(Item Price Credit) and charges the seller's vouchers beside it. A seller who joins LazCoins
Discount bears it, too.
Source: help.graas.ai/en/article/decoding-marketplace-fees-sellers-guide-to-navigating-costs-on-
lazada-shopee-zalora-and-tokopedia (Settlement Seller Discount Amount).
"""

_TAKEN_BACK: Final = tuple(f"reversal {name}" for name in _SELLER_VOUCHERS)

_BUYER_SHIPPING: Final = "shipping fee (paid by customer"

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
    """The way to one seller."""

    settings: Settings
    grant: Grant
    http: Http

    def get(self, path: str, asked: Mapping[str, str]) -> object | NoPage:
        """The `data` of an answer, or why there is none."""
        answer = self.answer(path, asked)
        if isinstance(answer, HttpFailure):
            return NoPage(words=answer.words)
        told = content(answer.body)
        code = str(told.get("code"))
        if answer.status == TOO_MANY or code in BUSY_CODES:
            pause = retry_after(answer.headers, answer.at)
            words = "Lazada was asked more often than it allows."
            return NoPage(words=words, pause=_PAUSE if pause is None else pause)
        if answer.status in KEY_REFUSED or code in _KEY_CODES:
            words = f"Lazada does not accept the key: {why(told)}"
            return NoPage(words=words, hint=KEY_HINT, key_refused=True)
        if code != "0" or answer.status != HTTPStatus.OK:
            return NoPage(words=f"Lazada answered {answer.status}: {why(told)}")
        return told.get("data")

    def answer(self, path: str, asked: Mapping[str, str]) -> HttpAnswer | HttpFailure:
        """What comes back to a signed question."""
        query = {**asked, "access_token": self.grant.access}
        signed = _signed(self.settings, self.grant.secret, path, query, self.http)
        url = f"{_said(self.settings, 'base_url').rstrip('/')}{path}?{urlencode(signed)}"
        return self.http.request("GET", url, headers={"Accept": "application/json"})


def _signed(
    settings: Settings, secret: str, path: str, asked: Mapping[str, str], http: Http
) -> dict[str, str]:
    """The whole query: what is asked, who asks, when, and its signature."""
    query = {
        **asked,
        "app_key": _said(settings, "app_key"),
        "sign_method": "sha256",
        "timestamp": str(int(http.now().timestamp() * 1000)),
    }
    return {**query, "sign": sign(secret, path, query)}


def _said(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()


def shop_of(settings: Settings, key: str, http: Http) -> Shop | NoPage:
    """The way to a seller with this key."""
    grant = grant_of(key)
    if grant is None or not grant.access:
        return NoPage(words="The key does not say how to ask Lazada.", hint=FORM)
    return Shop(settings, grant, http)


def renewed(settings: Settings, key: str, http: Http) -> Renewed:
    """Exchange the refresh token."""
    grant = grant_of(key)
    if grant is None:
        return Renewed(kind="refused", words=f"The key cannot be used. {FORM}")
    base = (_said(settings, "token_url") or RENEWED_AT).rstrip("/")
    asked = {"refresh_token": grant.refresh}
    query = _signed(settings, grant.secret, RENEWAL, asked, http)
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
    told = content(answer.body)
    code = str(told.get("code"))
    if answer.status == HTTPStatus.OK and code == "0":
        return renewed_key(grant, told, told.get("expires_in"), http.now())
    sick = answer.status >= 500 or answer.status == TOO_MANY or "code" not in told  # another page
    away = sick or code in BUSY_CODES or told.get("type") == "SYSTEM"
    words = f"Lazada gave no access token for the refresh token: {why(told)}"
    return Renewed(kind="away" if away else "refused", words=words, hint=KEY_HINT)


def sign(secret: str, path: str, query: Mapping[str, str]) -> str:
    """The signature of a question: names and values by name, with the path in front."""
    text = path + "".join(f"{name}{query[name]}" for name in sorted(query))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def content(body: bytes) -> Mapping[str, object]:
    """The object of an answer; nothing where it is none."""
    told = loads(body, keep_odd=True)
    return told if isinstance(told, Mapping) else {}


def why(told: Mapping[str, object]) -> str:
    """What Lazada says of an error, as the end of a sentence."""
    return (reason(told) or "no reason given").rstrip(".") + "."


def reason(told: Mapping[str, object]) -> str:
    """The same as it was told; blank where none was."""
    return str(told.get("message") or told.get("code") or "").strip()[:200]


def period(told: object) -> tuple[date, date] | None:
    """First and last day of what a transaction calls its statement: 11 May 2016 - 17 May 2016."""
    first, _, last = told.partition(" - ") if isinstance(told, str) else ("", "", "")
    days = _day(first), _day(last)
    return (days[0], days[1]) if days[0] and days[1] else None


def _day(text: str) -> date | None:
    """A day as Lazada writes it there, whatever the language of this machine is."""
    found = _DAY.fullmatch(text.strip())
    try:
        return date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1])) if found else None
    except ValueError:
        return None


def payouts_of(
    place: str, given: Mapping[str, object], zone: ZoneInfo
) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and what it pays of each order."""
    told = Part(place, given)
    rows = told.parts(ROWS)
    long = too_long(f"{told.at(ROWS)}.lines", len(rows))
    stated = _STATED.fullmatch(told.text("payout").strip())
    if stated is None:
        words = "The statement does not say how much is paid out."
        told.wrong(
            "payout", words, "Ask Lazada for it: an amount and a currency, such as 9.50 MYR."
        )
    net = Decimal(stated["amount"]) if stated else ZERO
    entries = [*_sales(rows), *(one for row in rows for one in _others(row))]
    entries += _borne_above_charge(rows)
    if long:  # the whole is held: what some of the lines come to says nothing
        told.errors.append(long)
        entries = []
    unexplained = ZERO if long else net - sum((entry.amount for entry in entries), ZERO)
    if unexplained and stated:
        number = told.text("statement_number")
        entries.append(
            _entry(told, "adjustment", unexplained, line_id=number, at=told.at("payout"), name=REST)
        )
    paid = told.text("paid") == "1"
    days = next((found for row in rows if (found := period(row.value.get("statement")))), None)
    head = {
        "number": told.cell("statement_number"),
        "status": Cell(told.at("paid"), "paid" if paid else "not_paid"),
        "deposited_on": Cell(told.at("updated_at"), told.text("updated_at")[:10] if paid else None),
        "first_day": Cell(told.at(ROWS), days[0].isoformat() if days else None),
        "last_day": Cell(told.at(ROWS), days[1].isoformat() if days else None),
        "currency": Cell(told.at("payout"), stated["currency"] if stated else None),
        "bank_ref": Cell(told.at(ROWS), next(filter(None, _references(rows)), None)),
        "net": Cell(told.at("payout"), plain(net)),
    }
    payout = payouts.Payout(
        place=place, key=told.cell("statement_number"), head=head, entries=entries
    )
    return payouts.records_of(payout, PAYOUTS, zone, told.errors)


def _sales(rows: Sequence[Part]) -> Iterator[payouts.Entry]:
    """One entry for what an order sold in these days, with its shipping. Pieces that arrive in
    another week are in another statement: so it is known by its first transaction.
    """
    mine: dict[str, list[Part]] = {}
    for row in rows:
        if _part(row) == "sale":
            mine.setdefault(row.text("order_no"), []).append(row)
    for order, of in mine.items():
        if not order:
            of[0].wrong("order_no", "This sale names no order.", "Ask Lazada for its transactions.")
        amount = sum((_amount(row) for row in of), ZERO)
        # The order's number would let the second statement replace the payment of the first.
        number = min(row.text("transaction_number") for row in of)
        yield _entry(of[0], "sale", amount, line_id=number, name="Sale")


def _part(row: Part) -> EntryPart:
    """What a transaction is, by its type; what belongs to no order is an adjustment."""
    word = row.text("transaction_type").strip().lower()
    name = row.text("fee_name").strip().lower()
    if word.startswith(_OF_ORDERS) and name.startswith((*_SELLER_VOUCHERS, *_TAKEN_BACK)):
        return "refund" if name.startswith(_TAKEN_BACK) else "sale"
    if word == _SALES or (word.startswith(_ORDERS) and name.startswith(_BUYER_SHIPPING)):
        return "sale"
    if word in _REFUNDS:
        return "refund"
    return "fee" if word.startswith(_OF_ORDERS) else "adjustment"


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


def _others(row: Part) -> Iterator[payouts.Entry]:
    """A refund, or a fee and the tax that it holds, or an adjustment."""
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
        name = row.text("fee_name").strip().lower()
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
    return row.text("fee_name").strip().lower().startswith(_SHIPPING_BORNE)


def _references(rows: Sequence[Part]) -> Iterator[str]:
    for row in rows:
        yield row.text("payment_ref_id")
