"""Read NetShop records by signed webhook, from a JSON file, or from its list of changes.

The records are orders with their refunds, deliveries, purchases, settlements and payouts.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from connectors.contract import (
    ConnectionForm,
    ConnectionReport,
    IncomingRecord,
    RowError,
    Settings,
    Source,
    SourceRefusal,
    Step,
    schema,
)
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.calls import quote_answer
from connectors.kit.canonical_record import (
    COMPANY_CODE,
    LINE_FIELDS,
    Cell,
    RawRecord,
    orders_of,
    read_record,
)
from connectors.kit.delivery import (
    Placed,
    Read,
    SignedJson,
    hold_for,
    read_part,
    sign,
    split_results,
    without_long_lists,
)
from connectors.kit.order_sums import complete_order, next_position, own_line, settle_sums
from connectors.kit.shops import payouts
from connectors.kit.shops.payload_parts import Part, part_field, plain
from connectors.kit.shops.payouts import POS, UPDATED, field_schema, shared_kinds
from connectors.transport.http import (
    KEY_REFUSED,
    TOO_MANY,
    Http,
    HttpAnswer,
    HttpFailure,
    retry_after,
)
from connectors.transport.strict_json import JsonRefusal, dumps, loads

FORM = ConnectionForm(
    title="NetShop",
    gives="Orders with their refunds, deliveries, purchases, settlements and payouts, by signed"
    " webhook, from a JSON file, or read from the shop",
    needs="Access to the settings of NetShop",
    settings=(
        schema.address_setting(
            "https://netshop.example",
            "The address at which NetShop lists what changed, so that Clearpost can read what"
            " webhooks missed. Blank: it only waits for webhooks.",
            required=False,
        ),
    ),
    key=schema.generated_key(
        "In NetShop go to Settings > Notifications > Add: order paid, changed, refunded.",
        "Paste the address and the secret, and switch on signing.",
    ),
)

PATH: Final = "/clearpost/changes"

PAGE: Final = 50
"""Changes a page: a hundred large orders could be more than one answer may have."""

TITLE: Final = "NetShop"

_SINCE: Final = "since "

_LONGEST_QUERY: Final = 200

_NO_LIST: Final = NoPage(
    words="NetShop answered something that is not a list of changes.",
    hint="Is the address that of NetShop, without a path behind it?",
)

_Reader = Callable[[str, object, ZoneInfo], Read | tuple[IncomingRecord | RowError, ...]]

_MANY: Final = {
    "order": "orders",
    "delivery": "deliveries",
    "purchase": "purchases",
    "settlement": "settlements",
    "payout": "payouts",
}

_ONE: Final = {plural: singular for singular, plural in _MANY.items()}

_SEPARATE_ORDER_FIELDS: Final = frozenset(
    {"status", "ordered_on", "paid_at", "updated_at", "refunded_total"}
    | {"customer", "customer_name", "tin", "address"}
)

NAME: Final = "netshop"

ORDER: Final = orders_of(
    NAME,
    COMPANY_CODE,
    field_schema("channel_fee", "What the way of paying kept back.", "money"),
    field_schema("refunded_total", "What was given back so far. Blank: nothing.", "money"),
)

_UNCHANGED_FIELDS: Final = tuple(
    field.name for field in ORDER.fields if field.name not in _SEPARATE_ORDER_FIELDS
)

_LINE: Final = tuple(field.name for field in LINE_FIELDS if field.name != "pos")

NOTHING: Final = Decimal(0)

REFUNDED: Final = "Refunded"

RETURNED: Final = "Refunded + Items Returned"

IN_PART: Final = ", in part"

UNKNOWN: Final = "Unknown refund: "

_CANCELLED: Final = "cancelled"

_RESTOCK: Final = {REFUNDED: "none", RETURNED: "returned"}

_LONGEST_REFUND_ID: Final = 100 - len(UNKNOWN)  # of the words: a status has 100 characters

_TOLD: Final = ("status", "deposited_on", "currency", "bank_ref", "deposit", "company_code")

_TOTALS: Final = ("gross", "refunds", "fees", "fee_tax", "adjustments", "net")

_SEPARATE_DOCUMENT_FIELDS: Final = frozenset(
    {"updated_at", "delivered_on", "ordered_on", "order_number", "tin"}
    | {"customer", "customer_name", "supplier", "supplier_name"}
)

_GOODS: Final = ("sku", "name", "uom", "qty")

_MOMENTS: Final = ("paid_at", "updated_at")

REFUND: Final = KindSchema(
    source=NAME,
    kind="refund",
    fields=(
        field_schema(
            "number", "NetShop's number of the refund, else its id.", required=True, longest=50
        ),
        field_schema("status", "NetShop's words for the refund.", required=True, longest=100),
        field_schema("order_id", "NetShop's id of the order."),
        field_schema("order_number", "The number of its order."),
        field_schema(
            "refunded_on", "The shop's day of the refund, else that of its state.", "date"
        ),
        UPDATED,
        COMPANY_CODE,
        field_schema("currency", "The currency of the order. All amounts are in it."),
        field_schema("customer", "NetShop's key of the customer."),
        field_schema("customer_name", "Name of the customer."),
        field_schema("tin", "Tax identification number of the customer."),
        field_schema(
            "restock", "returned where the words say that goods came back, none, or unknown."
        ),
        field_schema("total", "What was given back, with tax.", "money", required=True),
    ),
    lines=(
        POS,
        field_schema("sku", "Article number, exactly as it came."),
        field_schema("name", "Name of the article."),
        field_schema("uom", "Unit of the quantity."),
        field_schema("qty", "Quantity that came back.", "quantity"),
        field_schema("amount", "What was given back for the line.", "money"),
        field_schema("tax", "The source's word for the tax."),
        part_field("goods", "rounding"),
    ),
    total_field="total",
)

_SENT: Final = {kind.kind: kind for kind in shared_kinds(NAME)}

DELIVERY: Final = _SENT["delivery"]

PURCHASE: Final = _SENT["purchase"]

SETTLEMENT: Final = KindSchema(
    source=NAME,
    kind="settlement",
    fields=(
        FieldSchema(name="number", required=True, max_length=50),
        FieldSchema(name="status", required=True, max_length=100),
        FieldSchema(name="blogger"),
        COMPANY_CODE,
        FieldSchema(name="period"),
        FieldSchema(name="settled_on", type="date"),
        FieldSchema(name="paid_at", type="moment"),
        FieldSchema(name="updated_at", type="moment"),
        FieldSchema(name="currency"),
        FieldSchema(name="commission", type="money"),
    ),
)

PAYOUTS: Final = payouts.payout_kinds(NAME, COMPANY_CODE)

KINDS: Final[tuple[KindSchema, ...]] = (ORDER, REFUND, DELIVERY, PURCHASE, SETTLEMENT, *PAYOUTS)


class NetShop(SignedJson):
    """The source `netshop`."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".json",)
    headers = "x-ns16"
    calls_a_minute = 60
    lists_back = None

    def sample(self, now: datetime) -> Mapping[str, object]:
        """Return a paid order of RM 60.00."""
        moment = now.isoformat(timespec="seconds")
        return {
            "order": {
                "id": "TEST-1",
                "number": "NS-TEST-1",
                "status": "paid",
                "currency": "MYR",
                "ordered_at": moment,
                "paid_at": moment,
                "customer": {"id": "C-102", "name": "Boon & Co"},
                "items": [{"pos": 1, "sku": "CUP-30", "name": "Cup", "qty": 4, "price": "15.00"}],
                "total": "60.00",
            }
        }

    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """Return the contents of a delivery: one or many objects of each kind."""
        return find_contents(value)

    def record(
        self, place: str, payload: object, zone: ZoneInfo
    ) -> tuple[IncomingRecord | RowError, ...]:
        """Return the records of the object at this place."""
        return read(place, payload, zone)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the record kinds for which a pull lists every change since its start time."""
        return ("order", "refund", "delivery", "purchase", "settlement")

    def begin(self, since: datetime) -> str:
        """Return the cursor of a moment."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the page that follows a cursor."""
        return page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Test step by step whether NetShop can be read."""
        return test_connection(settings, secret, http)


def begin(since: datetime) -> str:
    """Return the cursor from this moment on."""
    return f"{_SINCE}{since.isoformat(timespec='seconds')}"


def send_query(
    parameters: Mapping[str, str], settings: Settings, secret: str, http: Http
) -> HttpAnswer | HttpFailure:
    """Send a signed query.

    It is signed as a webhook is, over the request line instead of a body.
    """
    path = f"{PATH}?{urlencode({**parameters, 'limit': str(PAGE)})}"
    stamp, event = str(int(http.now().timestamp())), f"ask_{secrets.token_hex(8)}"
    headers = {
        "Accept": "application/json",
        "X-NS16-Timestamp": stamp,
        "X-NS16-Event-Id": event,
        "X-NS16-Signature": sign(secret, stamp, event, f"GET {path}".encode()),
    }
    root = str(settings.get("base_url") or "").strip().rstrip("/")
    return http.request("GET", f"{root}{path}", headers=headers)


def parse_change_list(answer: HttpAnswer) -> Mapping[str, object] | None:
    """Return the content of an answer that is a list of changes, or None."""
    content = loads(answer.body, keep_odd=True)
    if isinstance(content, JsonRefusal) or not isinstance(content, Mapping):
        return None
    is_valid = isinstance(content.get("changes"), list) and isinstance(content.get("more"), bool)
    after = content.get("next")
    return (
        content
        if is_valid and isinstance(after, str) and 0 < len(after) <= _LONGEST_QUERY
        else None
    )


def error_message(answer: HttpAnswer) -> str:
    """Return NetShop's own reason for a refusal."""
    content = loads(answer.body, keep_odd=True)
    fields = content if isinstance(content, Mapping) else {}
    return str(fields.get("error") or "")[:200]


def page(cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """Return the page that follows a cursor."""
    first = cursor.startswith(_SINCE)
    parameters = {"since": cursor.removeprefix(_SINCE)} if first else {"after": cursor}
    answer = send_query(parameters, settings, secret, http)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status != HTTPStatus.OK:
        return _read_refusal(answer, http)
    change_list = parse_change_list(answer)
    if change_list is None:
        return _NO_LIST
    after, more = str(change_list["next"]), change_list["more"] is True
    if more and after == cursor:
        words = "NetShop says that there is more, and gives the same place again."
        return NoPage(words=words, hint="Ask who looks after NetShop.")
    changes = change_list["changes"]
    assert isinstance(changes, list)  # noqa: S101 - parse_change_list checked it
    pulled = [_pulled(f"changes[{index}]", change, zone) for index, change in enumerate(changes)]
    return Page(found=pulled, after=after, more=more)


def _read_refusal(answer: HttpAnswer, http: Http) -> NoPage:
    words = f"NetShop answered {answer.status}: {error_message(answer) or 'no reason given'}"
    pause = retry_after(answer.headers, http.now())
    if answer.status in KEY_REFUSED:
        hint = "Give NetShop the secret of this connection, and compare its clock."
        return NoPage(words=words, hint=hint)
    if answer.status == TOO_MANY:
        return NoPage(words=words, pause=pause if pause is not None else 60.0)
    hint = (
        "Has NetShop put up the list of changes at this address?"
        if answer.status == HTTPStatus.NOT_FOUND
        else ""
    )
    return NoPage(words=words, hint=hint, pause=pause)


def _pulled(place: str, change: object, zone: ZoneInfo) -> Pulled:
    raw = dumps(change)
    placed = find_contents(change)
    if isinstance(placed, SourceRefusal):
        error = RowError(where=place, value="", message=placed.message, hint=placed.hint)
        return Pulled(raw=raw, errors=(error,))
    results = [result for inside, payload in placed for result in read(inside, payload, zone)]
    return Pulled(
        raw=raw,
        records=tuple(result for result in results if isinstance(result, IncomingRecord)),
        errors=tuple(result for result in results if isinstance(result, RowError)),
    )


def test_connection(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """Return the steps of a read-only test."""
    parameters = {"since": http.now().isoformat(timespec="seconds")}
    answer = send_query(parameters, settings, secret, http)
    return payouts.shop_report(
        TITLE, settings, answer, lambda http_answer: _find_fault(settings, http_answer)
    )


def _find_fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    message = error_message(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        words = f"NetShop does not accept the secret. {quote_answer(TITLE, answer.status, message)}"
        hint = "Make a new secret here, enter it in NetShop, and compare NetShop's clock."
        return Step.failed(payouts.KEY, words, hint, "key.refused")
    if answer.status == HTTPStatus.FORBIDDEN:
        words = f"The list of changes is not allowed. {quote_answer(TITLE, answer.status, message)}"
        hint = "In NetShop go to Settings > Notifications and allow the list of changes."
        return Step.failed(payouts.RIGHTS, words, hint, "key.permission")
    if answer.status == HTTPStatus.OK and parse_change_list(answer) is not None:
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        hint = f"Ask who looks after NetShop to put up {PATH} at this address."
        return payouts.no_shop_step(TITLE, settings, hint)
    return payouts.unclear_step(TITLE, answer, message)


def find_contents(value: object) -> list[Placed] | SourceRefusal:
    """Return the contents of a delivery, each with its place: `order`, or `orders[3]`."""
    content = value if isinstance(value, Mapping) else {}
    names = [word for pair in _MANY.items() for word in pair if word in content]
    if not names:
        hint = f'Send {{"order": {{…}}}}, {{"orders": […]}}, or one of {", ".join(_READERS)}.'
        words = "The delivery holds no order, and nothing else that NetShop tells."
        return SourceRefusal(422, "no_order", words, hint)
    placed: list[Placed] = []
    for word in names:
        value_of_name = content[word]
        if word in _READERS:
            placed.append((word, value_of_name))
        elif isinstance(value_of_name, list):
            placed += [(f"{word}[{index}]", row) for index, row in enumerate(value_of_name)]
        else:
            words = f"{word} is not a list."
            return SourceRefusal(422, "no_list", words, "Send a list of objects.")
    return placed


def read(place: str, payload: object, zone: ZoneInfo) -> tuple[IncomingRecord | RowError, ...]:
    """Return the records of the object at this place, and errors for objects without an id."""
    word = place.partition("[")[0]
    short, long_lists = without_long_lists(place, payload)
    return hold_for(_READERS[_ONE.get(word, word)](place, short, zone), long_lists)


def read_order(
    place: str, payload: object, zone: ZoneInfo
) -> tuple[IncomingRecord | RowError, ...]:
    """Return the order and each refund. A refund that cannot be read is held by itself."""
    order_part = part_of(
        place, payload, "This is not an order.", "Send an object with the order's fields."
    )
    if not isinstance(order_part, NetShopPart):
        return order_part
    refund_parts = parts_of(order_part)
    head = {
        **order_part.cells(*_UNCHANGED_FIELDS),
        **order_part.moments("paid_at", "updated_at"),
        **order_part.buyer("customer", "customer"),
        **_refund_cells(order_part, refund_parts),
        "ordered_on": order_part.day("ordered_at", zone),
        "address": order_part.part("customer").cell("address"),
    }
    refunds = read_refunds(order_part, refund_parts, zone)
    raw = RawRecord(order_part.cell("id"), head, order_part.items(*_LINE))
    raw, differences = settle_sums(complete_order(raw))
    order = read_record(ORDER, raw, zone, (*order_part.errors, *differences))
    records, errors = split_results([order, *refunds])
    return (*records, *dict.fromkeys(errors))


class NetShopPart(Part):
    """An object of a delivery of NetShop."""

    __slots__ = ()
    api: ClassVar[str] = "NetShop"

    def moments(self, *names: str) -> dict[str, Cell]:
        """Return moments under their own names.

        Each must name its zone: a guess could be a day off.
        """
        return {name: self.moment(name) for name in names}

    def buyer(self, name: str, key: str) -> dict[str, Cell]:
        """Return the cells of the other party: its key, its name and its TIN."""
        party = self.part(name)
        return {key: party.cell("id"), f"{key}_name": party.cell("name"), "tin": party.cell("tin")}

    def items(self, *names: str) -> list[dict[str, Cell]]:
        """Return the lines with their positions; without positions, the list's order counts."""
        lines = self.parts("items")
        has_positions = any(line.value.get("pos") is not None for line in lines)
        items = []
        for index, line in enumerate(lines, 1):
            pos = line.cell("pos") if has_positions else Cell(line.at("pos"), index)
            items.append({"pos": pos, **line.cells(*names)})
        return items


def _refund_cells(order: NetShopPart, refunds: Sequence[NetShopPart]) -> dict[str, Cell]:
    """Return the cells of an order's status and refunded total."""
    if not refunds:
        return {"status": order.cell("status")}
    refunded = sum((refund.amount("amount") for refund in refunds), start=NOTHING)
    status = status_of(order.text("status"), refunds, refunded, order.amount("total"))
    place = refunds[-1].at("status")
    unread = any(refund.errors or refund.cell("amount").value in (None, "") for refund in refunds)
    return {
        "status": Cell(place, status),
        "refunded_total": Cell(place, None if unread else plain(refunded)),
    }


def parts_of(order: NetShopPart) -> list[NetShopPart]:
    """Return an order's refunds: one `refund`, or several `refunds`, each once.

    A sender may repeat the latest refund beside the complete list. Different contents under one id
    are an error.
    """
    latest = order.value.get("refund")
    parts = [*([order.part("refund")] if latest is not None else []), *order.parts("refunds")]
    refunds_by_id: dict[str, NetShopPart] = {}
    for refund in parts:
        earlier = refunds_by_id.setdefault(refund.text("id") or refund.place, refund.alone())
        if earlier.value != refund.value:
            words = "Another refund of this order has the same id and another content."
            earlier.wrong("id", words, "Give each refund an id of its own.")
    return list(refunds_by_id.values())


def status_of(
    order_status: str, refunds: Sequence[NetShopPart], refunded: Decimal, total: Decimal
) -> str:
    """Return the status of an order with refunds: fully or partly refunded.

    A cancelled order stays cancelled and is not posted. `refunded` is the sum of all refunds and
    `total` the order's total, both in the order's currency.
    """
    if order_status.strip().casefold() == _CANCELLED:
        return order_status
    words = [refund.text("status") for refund in refunds]
    unknown = next((word for word in words if word not in _RESTOCK), None)
    if unknown is not None:
        return f"{UNKNOWN}{unknown[:_LONGEST_REFUND_ID]}"
    status = RETURNED if RETURNED in words else REFUNDED
    return status if refunded >= total else f"{status}{IN_PART}"


def read_refunds(order: NetShopPart, refunds: Sequence[NetShopPart], zone: ZoneInfo) -> list[Read]:
    """Return each refund as a record of its own."""
    return [_record(order, refund, zone) for refund in refunds]


def _record(order: NetShopPart, refund: NetShopPart, zone: ZoneInfo) -> Read:
    status = refund.text("status")
    of_refund = refund.value.get("updated_at") is not None
    updated = (refund if of_refund else order).moment("updated_at")
    on_its_own = refund.value.get("refunded_at") is not None
    day = refund.day("refunded_at", zone) if on_its_own else _state_day(order, refund, zone)
    head = {
        "number": refund.cell("number" if refund.value.get("number") is not None else "id"),
        "status": refund.cell("status"),
        "order_id": order.cell("id"),
        "order_number": order.cell("number"),
        "refunded_on": day,
        "updated_at": updated,
        **order.cells("company_code", "currency"),
        **order.buyer("customer", "customer"),
        "restock": Cell(refund.at("status"), _RESTOCK.get(status, "unknown")),
        "total": refund.cell("amount"),
    }
    items = refund.items("sku", "name", "uom", "qty", "amount", "tax")
    lines = [*items, *_rounded_back(order, refund, items)]
    raw = RawRecord(refund.cell("id"), head, lines)
    raw, differences = settle_sums(raw, amounts_hold_tax=True)
    return read_record(REFUND, raw, zone, (*refund.errors, *differences))


def _rounded_back(
    order: NetShopPart, refund: NetShopPart, lines: Sequence[Mapping[str, Cell]]
) -> list[Mapping[str, Cell]]:
    """Return the line of cash rounding that is refunded with all items of the order."""
    rounding, refunded = order.amount("round_off"), refund.amount("amount")
    if not lines or not rounding or refunded != order.amount("total"):
        return []
    place = order.at("round_off")
    return [own_line("rounding", "Rounding", rounding, next_position(lines), place)]


def _state_day(order: NetShopPart, refund: NetShopPart, zone: ZoneInfo) -> Cell:
    dated_part = refund if refund.value.get("updated_at") is not None else order
    return dated_part.day("updated_at", zone)


def payout_of(place: str, payload: object, zone: ZoneInfo) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and its payment of each order."""
    payout_part = part_of(
        place, payload, "This is not a payout.", "Send an object with the payout's fields."
    )
    if not isinstance(payout_part, NetShopPart):
        return payout_part
    head = {
        **payout_part.cells(*_TOLD),
        "number": payout_part.cell("id"),
        "updated_at": payout_part.moment("updated_at"),
    }
    head |= payout_part.cells(*_TOTALS)
    entries = [_entry(line) for line in payout_part.parts("lines")]
    return payouts.records_of(
        payouts.Payout(
            place=place,
            key=payout_part.cell("id"),
            head=head,
            entries=[entry for entry in entries if entry is not None],
        ),
        PAYOUTS,
        zone,
        payout_part.errors,
    )


def _entry(line: NetShopPart) -> payouts.Entry | None:
    """Return the entry of a payout line; report an unknown kind and return None."""
    part = next((part_name for part_name in payouts.PARTS if part_name == line.text("kind")), None)
    if part is None:
        part_names = ", ".join(payouts.PARTS)
        line.wrong(
            "kind", "This is not a kind of line that a payout has.", f"Send one of {part_names}."
        )
        return None
    if not line.stated("amount"):
        line.wrong("amount", "The line has no amount.", "Send it, with a minus for a fee.")
    return payouts.Entry(
        place=line.place,
        line_id=line.text("id"),
        part=part,
        amount=line.amount("amount"),
        order_id=line.text("order"),
        order_number=line.text("number"),
        name=line.text("name"),
    )


def delivery_of(place: str, payload: object, zone: ZoneInfo) -> Read:
    """Return a delivery order: what left the warehouse for an order, in its units."""
    delivery = part_of(
        place, payload, "This is not a delivery order.", "Send an object with its fields."
    )
    if not isinstance(delivery, NetShopPart):
        return delivery
    head = {
        **delivery.cells(*_unchanged_fields(DELIVERY)),
        **delivery.moments("updated_at"),
        **delivery.buyer("customer", "customer"),
        "order_number": delivery.cell("order"),
        "delivered_on": delivery.day("delivered_at", zone),
    }
    return record_of(DELIVERY, delivery, head, delivery.items(*_GOODS, "order_line"), zone)


def _unchanged_fields(kind: KindSchema) -> tuple[str, ...]:
    return tuple(field.name for field in kind.fields if field.name not in _SEPARATE_DOCUMENT_FIELDS)


def purchase_of(place: str, payload: object, zone: ZoneInfo) -> Read:
    """Return the record of a purchase request."""
    purchase = part_of(place, payload, "This is not a purchase.", "Send an object with its fields.")
    if not isinstance(purchase, NetShopPart):
        return purchase
    head = {
        **purchase.cells(*_unchanged_fields(PURCHASE)),
        **purchase.moments("updated_at"),
        **purchase.buyer("supplier", "supplier"),
        "ordered_on": purchase.day("ordered_at", zone),
    }
    return record_of(PURCHASE, purchase, head, purchase.items(*_GOODS, "price", "tax"), zone)


def settlement_of(place: str, payload: object, zone: ZoneInfo) -> Read:
    """Return the record of a blogger's earnings in a week, and whether they were paid."""
    settlement = part_of(
        place, payload, "This is not a settlement.", "Send an object with the settlement's fields."
    )
    if not isinstance(settlement, NetShopPart):
        return settlement
    head = {
        **settlement.cells("status", "company_code", "blogger", "period", "currency"),
        **settlement.moments("paid_at", "updated_at"),
        "number": settlement.cell("id"),
        "commission": settlement.cell("amount"),
        "settled_on": Cell(settlement.at("period"), _last_day(settlement.value.get("period"))),
    }
    return record_of(SETTLEMENT, settlement, head, (), zone)


def _last_day(period: object) -> object:
    """Return the last day of a period; another value is returned for the reader to report."""
    return period.rpartition("/")[2] if isinstance(period, str) else period


def part_of(
    place: str, payload: object, message: str, hint: str
) -> NetShopPart | tuple[RowError, ...]:
    """Return the object at a place; an error with this message and hint if it is no object."""
    if isinstance(payload, Mapping):
        return NetShopPart(place, payload)
    return (RowError(where=place, value="", message=message, hint=hint),)


def record_of(
    kind: KindSchema,
    part: Part,
    head: Mapping[str, Cell],
    lines: Sequence[Mapping[str, Cell]],
    zone: ZoneInfo,
) -> Read:
    """Return the record of an object, known by its `id` and held for what is wrong with it."""
    return read_part(kind, part, RawRecord(part.cell("id"), head, lines), zone)


_READERS: Final[Mapping[str, _Reader]] = {
    "order": read_order,
    "delivery": delivery_of,
    "purchase": purchase_of,
    "settlement": settlement_of,
    "payout": payout_of,
}

SOURCE: Source = NetShop()
