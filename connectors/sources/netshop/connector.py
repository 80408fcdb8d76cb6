"""Read NetShop records by signed webhook, from a JSON file, or by asking for changes.

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
    " webhook, from a JSON file, or by asking for what changed",
    needs="Access to the settings of NetShop",
    settings=(
        schema.address_setting(
            "https://netshop.example",
            "The address at which NetShop lists what changed, so that Clearpost can ask for what"
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

_ONE: Final = {many: one for one, many in _MANY.items()}

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

_AS_TOLD: Final = tuple(one.name for one in ORDER.fields if one.name not in _SEPARATE_ORDER_FIELDS)

_LINE: Final = tuple(one.name for one in LINE_FIELDS if one.name != "pos")

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

_SENT: Final = {one.kind: one for one in shared_kinds(NAME)}

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
        """One paid order of RM 60.00."""
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
        """What a delivery holds: one or many of each kind."""
        return find_contents(value)

    def record(
        self, place: str, given: object, zone: ZoneInfo
    ) -> tuple[IncomingRecord | RowError, ...]:
        """What stands at a place, as records."""
        return read(place, given, zone)

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:  # noqa: ARG002
        """Return the kinds of records whose every change since a moment is listed by a pull."""
        return ("order", "refund", "delivery", "purchase", "settlement")

    def begin(self, since: datetime) -> str:
        """The cursor of a moment."""
        return begin(since)

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """What follows a cursor."""
        return page(cursor, settings, secret, zone, http)

    def test(
        self,
        settings: Settings,
        secret: str,
        zone: ZoneInfo,  # noqa: ARG002
        http: Http,
    ) -> ConnectionReport:
        """Whether NetShop can be asked, a step a line."""
        return tested(settings, secret, http)


def begin(since: datetime) -> str:
    """From this moment on."""
    return f"{_SINCE}{since.isoformat(timespec='seconds')}"


def ask(
    asked: Mapping[str, str], settings: Settings, secret: str, http: Http
) -> HttpAnswer | HttpFailure:
    """One question, signed as webhooks are, over the line that is asked in place of a body."""
    path = f"{PATH}?{urlencode({**asked, 'limit': str(PAGE)})}"
    stamp, event = str(int(http.now().timestamp())), f"ask_{secrets.token_hex(8)}"
    headers = {
        "Accept": "application/json",
        "X-NS16-Timestamp": stamp,
        "X-NS16-Event-Id": event,
        "X-NS16-Signature": sign(secret, stamp, event, f"GET {path}".encode()),
    }
    root = str(settings.get("base_url") or "").strip().rstrip("/")
    return http.request("GET", f"{root}{path}", headers=headers)


def listed(answer: HttpAnswer) -> Mapping[str, object] | None:
    """An answer that is a list of changes."""
    told = loads(answer.body, keep_odd=True)
    if isinstance(told, JsonRefusal) or not isinstance(told, Mapping):
        return None
    good = isinstance(told.get("changes"), list) and isinstance(told.get("more"), bool)
    after = told.get("next")
    return told if good and isinstance(after, str) and 0 < len(after) <= _LONGEST_QUERY else None


def said(answer: HttpAnswer) -> str:
    """NetShop's own words for why it refuses."""
    told = loads(answer.body, keep_odd=True)
    given = told if isinstance(told, Mapping) else {}
    return str(given.get("error") or "")[:200]


def page(cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> Page | NoPage:
    """What follows a cursor."""
    first = cursor.startswith(_SINCE)
    asked = {"since": cursor.removeprefix(_SINCE)} if first else {"after": cursor}
    answer = ask(asked, settings, secret, http)
    if isinstance(answer, HttpFailure):
        return NoPage(words=answer.words)
    if answer.status != HTTPStatus.OK:
        return _refused(answer, http)
    told = listed(answer)
    if told is None:
        return _NO_LIST
    after, more = str(told["next"]), told["more"] is True
    if more and after == cursor:
        words = "NetShop says that there is more, and gives the same place again."
        return NoPage(words=words, hint="Ask who looks after NetShop.")
    changes = told["changes"]
    assert isinstance(changes, list)  # noqa: S101 - listed() has seen to it
    found = [_pulled(f"changes[{at}]", one, zone) for at, one in enumerate(changes)]
    return Page(found=found, after=after, more=more)


def _refused(answer: HttpAnswer, http: Http) -> NoPage:
    words = f"NetShop answered {answer.status}: {said(answer) or 'no reason given'}"
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
    told = [one for inside, given in placed for one in read(inside, given, zone)]
    return Pulled(
        raw=raw,
        records=tuple(one for one in told if isinstance(one, IncomingRecord)),
        errors=tuple(one for one in told if isinstance(one, RowError)),
    )


def tested(settings: Settings, secret: str, http: Http) -> ConnectionReport:
    """The steps of the test, which changes nothing there."""
    asked = {"since": http.now().isoformat(timespec="seconds")}
    answer = ask(asked, settings, secret, http)
    return payouts.shop_report(TITLE, settings, answer, lambda told: _fault(settings, told))


def _fault(settings: Settings, answer: HttpAnswer) -> Step | None:
    told = said(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        words = f"NetShop does not accept the secret. {quote_answer(TITLE, answer.status, told)}"
        hint = "Make a new secret here, enter it in NetShop, and compare NetShop's clock."
        return Step.failed(payouts.KEY, words, hint, "key.refused")
    if answer.status == HTTPStatus.FORBIDDEN:
        words = f"The list of changes is not allowed. {quote_answer(TITLE, answer.status, told)}"
        hint = "In NetShop go to Settings > Notifications and allow the list of changes."
        return Step.failed(payouts.RIGHTS, words, hint, "key.permission")
    if answer.status == HTTPStatus.OK and listed(answer) is not None:
        return None
    if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        hint = f"Ask who looks after NetShop to put up {PATH} at this address."
        return payouts.no_shop_step(TITLE, settings, hint)
    return payouts.unclear_step(TITLE, answer, told)


def find_contents(value: object) -> list[Placed] | SourceRefusal:
    """All that a delivery holds, each with its place: `order`, or `orders[3]`."""
    given = value if isinstance(value, Mapping) else {}
    named = [word for pair in _MANY.items() for word in pair if word in given]
    if not named:
        hint = f'Send {{"order": {{…}}}}, {{"orders": […]}}, or one of {", ".join(_READERS)}.'
        words = "The delivery holds no order, and nothing else that NetShop tells."
        return SourceRefusal(422, "no_order", words, hint)
    placed: list[Placed] = []
    for word in named:
        many = given[word]
        if word in _READERS:
            placed.append((word, many))
        elif isinstance(many, list):
            placed += [(f"{word}[{at}]", one) for at, one in enumerate(many)]
        else:
            words = f"{word} is not a list."
            return SourceRefusal(422, "no_list", words, "Send a list of objects.")
    return placed


def read(place: str, given: object, zone: ZoneInfo) -> tuple[IncomingRecord | RowError, ...]:
    """Return the records of what stands at a place, and errors for what has no id."""
    word = place.partition("[")[0]
    short, long_lists = without_long_lists(place, given)
    return hold_for(_READERS[_ONE.get(word, word)](place, short, zone), long_lists)


def read_order(place: str, given: object, zone: ZoneInfo) -> tuple[IncomingRecord | RowError, ...]:
    """Return the order and each refund. A refund that cannot be read is held by itself."""
    told = part_of(place, given, "This is not an order.", "Send an object with the order's fields.")
    if not isinstance(told, NetShopPart):
        return told
    back = parts_of(told)
    head = {
        **told.cells(*_AS_TOLD),
        **told.moments("paid_at", "updated_at"),
        **told.buyer("customer", "customer"),
        **_refunded(told, back),
        "ordered_on": told.day("ordered_at", zone),
        "address": told.part("customer").cell("address"),
    }
    refunds = read_refunds(told, back, zone)
    raw = RawRecord(told.cell("id"), head, told.items(*_LINE))
    raw, differences = settle_sums(complete_order(raw))
    order = read_record(ORDER, raw, zone, (*told.errors, *differences))
    records, errors = split_results([order, *refunds])
    return (*records, *dict.fromkeys(errors))


class NetShopPart(Part):
    """An object of a delivery of NetShop."""

    __slots__ = ()
    api: ClassVar[str] = "NetShop"

    def moments(self, *names: str) -> dict[str, Cell]:
        """Moments under their own names. Each says its zone: a guess could be a day off."""
        return {name: self.moment(name) for name in names}

    def buyer(self, name: str, key: str) -> dict[str, Cell]:
        """The other party, told as an object of this name: its key, its name and its TIN."""
        told = self.part(name)
        return {key: told.cell("id"), f"{key}_name": told.cell("name"), "tin": told.cell("tin")}

    def items(self, *names: str) -> list[dict[str, Cell]]:
        """The lines, by position; who tells no positions has them in the order of the list."""
        lines = self.parts("items")
        told = any(line.value.get("pos") is not None for line in lines)
        found = []
        for at, line in enumerate(lines, 1):
            pos = line.cell("pos") if told else Cell(line.at("pos"), at)
            found.append({"pos": pos, **line.cells(*names)})
        return found


def _refunded(order: NetShopPart, back: Sequence[NetShopPart]) -> dict[str, Cell]:
    """The status of the order and what was given back of it."""
    if not back:
        return {"status": order.cell("status")}
    given = sum((one.amount("amount") for one in back), start=NOTHING)
    status = status_of(order.text("status"), back, given, order.amount("total"))
    place = back[-1].at("status")
    unread = any(one.errors or one.cell("amount").value in (None, "") for one in back)
    return {
        "status": Cell(place, status),
        "refunded_total": Cell(place, None if unread else plain(given)),
    }


def parts_of(order: NetShopPart) -> list[NetShopPart]:
    """What was given back of an order: one `refund`, or several `refunds`, each once. Who sends the
    latest beside all of them means no second one; two contents under one id are wrong.
    """
    one = order.value.get("refund")
    told = [*([order.part("refund")] if one is not None else []), *order.parts("refunds")]
    found: dict[str, NetShopPart] = {}
    for refund in told:
        known = found.setdefault(refund.text("id") or refund.place, refund.alone())
        if known.value != refund.value:
            words = "Another refund of this order has the same id and another content."
            known.wrong("id", words, "Give each refund an id of its own.")
    return list(found.values())


def status_of(told: str, refunds: Sequence[NetShopPart], given: Decimal, total: Decimal) -> str:
    """The status of an order with refunds: the words of the refund, and whether it is only a part.

    An order that was cancelled stays so: nothing of it is to be posted at all. `given` is what all
    refunds come to, `total` what the order does, both in the order's currency.
    """
    if told.strip().casefold() == _CANCELLED:
        return told
    words = [one.text("status") for one in refunds]
    strange = next((one for one in words if one not in _RESTOCK), None)
    if strange is not None:
        return f"{UNKNOWN}{strange[:_LONGEST_REFUND_ID]}"
    status = RETURNED if RETURNED in words else REFUNDED
    return status if given >= total else f"{status}{IN_PART}"


def read_refunds(order: NetShopPart, refunds: Sequence[NetShopPart], zone: ZoneInfo) -> list[Read]:
    """Each refund as a record of its own."""
    return [_record(order, one, zone) for one in refunds]


def _record(order: NetShopPart, refund: NetShopPart, zone: ZoneInfo) -> Read:
    status = refund.text("status")
    of_refund = refund.value.get("updated_at") is not None
    updated = (refund if of_refund else order).moment("updated_at")
    on_its_own = refund.value.get("refunded_at") is not None
    day = refund.day("refunded_at", zone) if on_its_own else _day_of(order, refund, zone)
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
    """Return the line of cash rounding that goes back with a refund of the whole order's items."""
    rounding, refunded = order.amount("round_off"), refund.amount("amount")
    if not lines or not rounding or refunded != order.amount("total"):
        return []
    place = order.at("round_off")
    return [own_line("rounding", "Rounding", rounding, next_position(lines), place)]


def _day_of(order: NetShopPart, refund: NetShopPart, zone: ZoneInfo) -> Cell:
    told = refund if refund.value.get("updated_at") is not None else order
    return told.day("updated_at", zone)


def payout_of(place: str, given: object, zone: ZoneInfo) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and what it pays of each order."""
    told = part_of(
        place, given, "This is not a payout.", "Send an object with the payout's fields."
    )
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells(*_TOLD),
        "number": told.cell("id"),
        "updated_at": told.moment("updated_at"),
    }
    head |= told.cells(*_TOTALS)
    entries = [_entry(line) for line in told.parts("lines")]
    return payouts.records_of(
        payouts.Payout(
            place=place,
            key=told.cell("id"),
            head=head,
            entries=[one for one in entries if one is not None],
        ),
        PAYOUTS,
        zone,
        told.errors,
    )


def _entry(line: NetShopPart) -> payouts.Entry | None:
    """One line of the payout; None, and told, where its kind is not known."""
    part = next((one for one in payouts.PARTS if one == line.text("kind")), None)
    if part is None:
        known = ", ".join(payouts.PARTS)
        line.wrong("kind", "This is not a kind of line that a payout has.", f"Send one of {known}.")
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


def delivery_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """A delivery order: what left the warehouse for an order, in its units."""
    told = part_of(place, given, "This is not a delivery order.", "Send an object with its fields.")
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells(*_as_told(DELIVERY)),
        **told.moments("updated_at"),
        **told.buyer("customer", "customer"),
        "order_number": told.cell("order"),
        "delivered_on": told.day("delivered_at", zone),
    }
    return record_of(DELIVERY, told, head, told.items(*_GOODS, "order_line"), zone)


def _as_told(kind: KindSchema) -> tuple[str, ...]:
    return tuple(one.name for one in kind.fields if one.name not in _SEPARATE_DOCUMENT_FIELDS)


def purchase_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """A purchase request."""
    told = part_of(place, given, "This is not a purchase.", "Send an object with its fields.")
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells(*_as_told(PURCHASE)),
        **told.moments("updated_at"),
        **told.buyer("supplier", "supplier"),
        "ordered_on": told.day("ordered_at", zone),
    }
    return record_of(PURCHASE, told, head, told.items(*_GOODS, "price", "tax"), zone)


def settlement_of(place: str, given: object, zone: ZoneInfo) -> Read:
    """What a blogger earned in a week, and whether it was paid."""
    told = part_of(
        place, given, "This is not a settlement.", "Send an object with the settlement's fields."
    )
    if not isinstance(told, NetShopPart):
        return told
    head = {
        **told.cells("status", "company_code", "blogger", "period", "currency"),
        **told.moments("paid_at", "updated_at"),
        "number": told.cell("id"),
        "commission": told.cell("amount"),
        "settled_on": Cell(told.at("period"), _last_day(told.value.get("period"))),
    }
    return record_of(SETTLEMENT, told, head, (), zone)


def _last_day(period: object) -> object:
    """The day with which a period ends; what is no period is left to be found wrong."""
    return period.rpartition("/")[2] if isinstance(period, str) else period


def part_of(
    place: str, given: object, message: str, hint: str
) -> NetShopPart | tuple[RowError, ...]:
    """The object at a place; the message and the hint are for what is none."""
    if isinstance(given, Mapping):
        return NetShopPart(place, given)
    return (RowError(where=place, value="", message=message, hint=hint),)


def record_of(
    kind: KindSchema,
    told: Part,
    head: Mapping[str, Cell],
    lines: Sequence[Mapping[str, Cell]],
    zone: ZoneInfo,
) -> Read:
    """Return the record of an object, known by its `id` and held for what is wrong with it."""
    return read_part(kind, told, RawRecord(told.cell("id"), head, lines), zone)


_READERS: Final[Mapping[str, _Reader]] = {
    "order": read_order,
    "delivery": delivery_of,
    "purchase": purchase_of,
    "settlement": settlement_of,
    "payout": payout_of,
}

SOURCE: Source = NetShop()
