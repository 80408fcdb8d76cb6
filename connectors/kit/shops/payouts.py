"""Build payout records of a shop, its record kinds, and its connection test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.contract import ConnectionReport, IncomingRecord, RowError, Settings, Step
from connectors.contract.pulls import NoPage
from connectors.contract.schema import MARKETPLACE, FieldSchema, FieldType, KindSchema
from connectors.kit.calls import REACH, quote_answer, reach
from connectors.kit.canonical_record import (
    COMPANY_CODE,
    LINE_FIELDS,
    Cell,
    RawRecord,
    canonical,
    orders_of,
    read_record,
)
from connectors.kit.delivery import Read
from connectors.kit.shops.payload_parts import ZERO, plain
from connectors.transport.http import HttpAnswer, HttpFailure, reached

PAYOUT: Final = "payout"

ORDER_PAYMENT: Final = "order_payment"

EntryPart = Literal["sale", "refund", "fee", "fee_tax", "adjustment"]

PARTS: Final[Mapping[EntryPart, str]] = {
    "sale": "gross",
    "refund": "refunds",
    "fee": "fees",
    "fee_tax": "fee_tax",
    "adjustment": "adjustments",
}
"""What an entry is, and the total of the payout that it counts in."""

TAKEN_OFF: Final = frozenset({"refunds", "fees", "fee_tax"})
"""Totals that are told without a minus and are taken off the gross."""

_OF_PAYOUT: Final = frozenset({*PARTS.values(), "net", "deposit", "deposited_on", "bank_ref"})

_KEY = (
    FieldSchema(name="number", required=True, max_length=50),
    FieldSchema(name="status", required=True, max_length=100),
    FieldSchema(name="updated_at", type="moment"),
    COMPANY_CODE,
)

_OF_ORDER = FieldSchema(name="order_line", type="whole")

_GOODS = tuple(f for f in LINE_FIELDS if f.name in {"pos", "sku", "name", "uom", "qty"})

TEXT, KEY, SHOP, RIGHTS = "Key text", "Key accepted", "Shop", "Permission"

STEPS: Final = (TEXT, REACH, KEY, SHOP, RIGHTS)

Judge = Callable[[HttpAnswer], Step | None]
"""The step that an answer fails; None where it shows what was asked for."""


def payout_kinds(source: str, *more: FieldSchema) -> tuple[KindSchema, KindSchema]:
    """Return the schemas of a source's payouts and of the order payments in them.

    `more` are the source's own fields in both headers.
    """
    payout = (
        field_schema("number", "The shop's number of the payout.", required=True, longest=50),
        _STATUS,
        field_schema(
            "deposited_on", "Day on which the money is at the bank, where the shop is.", "date"
        ),
        UPDATED,
        _CURRENCY,
        field_schema("bank_ref", "What names it on the bank statement."),
        field_schema("gross", "What was sold.", "money"),
        field_schema("refunds", "What was given back to buyers.", "money"),
        field_schema("fees", "What the shop's operator kept back, without the tax on it.", "money"),
        field_schema("fee_tax", "The tax on these fees.", "money"),
        field_schema("adjustments", "All else; with a minus where it was kept back.", "money"),
        field_schema(
            "net",
            "What is paid out: gross less refunds, fees and their tax, and the adjustments.",
            "money",
        ),
        field_schema(
            "deposit",
            "What the bank received, or with a minus paid. Blank: the shop does not know.",
            "money",
        ),
        *more,
    )
    lines = (
        POS,
        field_schema("line_id", "The shop's id of the entry."),
        field_schema("part", "sale, refund, fee, fee_tax (tax on a fee) or adjustment."),
        *_ORDER,
        field_schema("name", "The shop's words for the entry, such as the name of the fee."),
        field_schema(
            "amount", "What it adds to the payout; with a minus where it takes off.", "money"
        ),
    )
    payment = (
        field_schema(
            "number", "The shop's id of the sale in the payout.", required=True, longest=50
        ),
        _STATUS,
        field_schema("payout", "Number of the payout that it is part of."),
        *_ORDER,
        field_schema("paid_on", "Day on which the payout is at the bank.", "date"),
        UPDATED,
        _CURRENCY,
        field_schema("amount", "What the buyer paid, before anything is kept back.", "money"),
        *more,
    )
    return (
        KindSchema(source=source, kind=PAYOUT, fields=payout, lines=lines),
        KindSchema(source=source, kind=ORDER_PAYMENT, fields=payment),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a payout, at its place; `amount` is what it adds to the payout."""

    place: str
    line_id: str
    part: EntryPart
    amount: Decimal
    order_id: str = ""
    order_number: str = ""
    name: str = ""
    sums: tuple[str, ...] = ()
    """Places of further parts that the amount sums up: their faults are faults of it."""

    def has_fault(self, error: RowError) -> bool:
        """Check whether an error is about a part of the entry."""
        places = (self.place, *self.sums)
        return error.where in places or error.where.startswith(tuple(f"{at}." for at in places))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A payout as its shop delivered it.

    `head` maps field names to cells. A total missing there is summed from the entries.
    """

    place: str
    key: Cell
    head: Mapping[str, Cell]
    entries: Sequence[Entry]


def totals_of(entries: Iterable[Entry]) -> dict[str, Decimal]:
    """Return the entries' sums by the totals of a payout; `net` sums all entries.

    Totals in TAKEN_OFF have their sign reversed.
    """
    totals = dict.fromkeys((*PARTS.values(), "net"), ZERO)
    for entry in entries:
        name = PARTS[entry.part]
        totals[name] += -entry.amount if name in TAKEN_OFF else entry.amount
        totals["net"] += entry.amount
    return totals


def payouts_left(failure: NoPage) -> NoPage:
    """Return the failed read with a message that payouts could not be read, while orders
    continue.
    """
    words = f"Payouts could not be read; orders go on. {failure.words} {failure.hint}".strip()
    return NoPage(words=words, pause=failure.pause)


def records_of(
    payout: Payout,
    kinds: tuple[KindSchema, KindSchema],
    zone: ZoneInfo,
    errors: Sequence[RowError] = (),
) -> tuple[IncomingRecord | RowError, ...]:
    """Return the payout and what it pays of each order. An entry that cannot be read holds the
    payout; the payments of the others pass. Errors are left where a record has no id.
    """
    of_payout, of_payment = kinds
    counted = totals_of(payout.entries)
    head = {name: Cell(payout.place, plain(amount)) for name, amount in counted.items()}
    head |= payout.head
    lines = [_line(at, entry) for at, entry in enumerate(payout.entries, 1)]
    repeated = _repeated(payout.entries)
    record = read_record(
        of_payout, RawRecord(payout.key, head, lines), zone, (*errors, *repeated.values())
    )
    sales = {sale.line_id: sale for sale in payout.entries if sale.part == "sale" and sale.line_id}
    shared = {cell.where for cell in payout.head.values()}
    paid = []
    for key, sale in sales.items():
        sale_errors = [error for error in errors if error.where in shared or sale.has_fault(error)]
        sale_errors += [repeated[key]] if key in repeated else []
        raw = RawRecord(Cell(sale.place, key), _payment(head, sale), ())
        paid.append(read_record(of_payment, raw, zone, sale_errors))
    if not isinstance(record, IncomingRecord):  # without an id no payment can name it, either
        return record
    return (
        record,
        *(record for read in paid if isinstance(read, IncomingRecord) for record in (read,)),
    )


def _line(at: int, entry: Entry) -> dict[str, Cell]:
    values = {
        "pos": at,
        "line_id": entry.line_id,
        "part": entry.part,
        "order_id": entry.order_id,
        "order_number": entry.order_number,
        "name": entry.name,
        "amount": plain(entry.amount),
    }
    return {name: Cell(entry.place, value) for name, value in values.items()}


def _payment(head: Mapping[str, Cell], entry: Entry) -> dict[str, Cell]:
    """Return the header cells of an order payment, from the payout's header and one of its
    sales.
    """
    shared = {name: cell for name, cell in head.items() if name not in _OF_PAYOUT}
    return {
        **shared,
        "number": Cell(entry.place, entry.line_id),
        "payout": head.get("number", Cell(entry.place, None)),
        "paid_on": head.get("deposited_on", Cell(entry.place, None)),
        "order_id": Cell(entry.place, entry.order_id),
        "order_number": Cell(entry.place, entry.order_number),
        "amount": Cell(entry.place, plain(entry.amount)),
    }


def _all_or_wrong(
    results: Sequence[Read], errors: list[RowError]
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    for result in results:
        errors += () if isinstance(result, IncomingRecord) else result
    records = tuple(record for record in results if isinstance(record, IncomingRecord))
    return tuple(dict.fromkeys(errors)) if errors else records


def _repeated(entries: Sequence[Entry]) -> dict[str, RowError]:
    """Return an error, by line id, for each sale without an id or with an id that another sale
    has.
    """
    line_ids: set[str] = set()
    errors_by_line = {}
    for entry in entries:
        if entry.part != "sale":
            continue
        if not entry.line_id or entry.line_id in line_ids:
            words = (
                "Two sales of this payout have the same id." if entry.line_id else "It has no id."
            )
            hint = "Give each sale of a payout its own id: it settles an invoice of its own."
            value = entry.line_id[:200]
            errors_by_line[entry.line_id] = RowError(
                where=entry.place, value=value, message=words, hint=hint
            )
        line_ids.add(entry.line_id)
    return errors_by_line


def payments_of(
    head: Mapping[str, Cell], sales: Sequence[Entry], kind: KindSchema, zone: ZoneInfo
) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
    """Return the order payments of a payout with this header, or all errors in them.

    Each sale gives one payment.
    """
    paid = [
        canonical(kind, RawRecord(Cell(sale.place, sale.line_id), _payment(head, sale), ()), zone)
        for sale in sales
    ]
    return _all_or_wrong(paid, list(_repeated(sales).values()))


def shared_kinds(source: str) -> tuple[KindSchema, ...]:
    """Return the schemas of all shared record kinds, for records of this source."""
    return tuple(replace(kind, source=source) for kind in _KINDS)


def field_schema(
    name: str,
    meaning: str,
    type: FieldType = "text",  # noqa: A002
    *,
    required: bool = False,
    longest: int | None = None,
) -> FieldSchema:
    """Return the schema of a field with its meaning.

    `longest` is its maximum length in characters.
    """
    return FieldSchema(name=name, type=type, required=required, max_length=longest, meaning=meaning)


def unusable_key_report(words: str, hint: str) -> ConnectionReport:
    """Return the connection report for a key that is unusable, so that no call was made."""
    return ConnectionReport.stopped(STEPS, Step.failed(TEXT, words, hint, "key.text"))


def shop_report(
    title: str, settings: Settings, answer: HttpAnswer | HttpFailure, judge: Judge
) -> ConnectionReport:
    """Return the connection report that follows from the answer to a request for orders.

    `judge` returns the step that the answer fails, or None.
    """
    reach_step = reach(settings, answer)
    steps = [Step(TEXT, ok=True, words="The key has all parts that asking needs."), reach_step]
    if isinstance(answer, HttpFailure) or reach_step.ok is False:
        return ConnectionReport.stopped(STEPS, *steps, there=reached(answer))
    fault = judge(answer)
    for step in (
        Step(KEY, ok=True, words=f"{title} knows the key."),
        Step(SHOP, ok=True, words=f"The shop at {host_of(settings)} answers."),
        Step(RIGHTS, ok=True, words="It may read orders; Clearpost writes nothing there."),
    ):
        if fault is not None and fault.name == step.name:
            return ConnectionReport.stopped(STEPS, *steps, fault)
        steps.append(step)
    return ConnectionReport(steps=tuple(steps), snapshot=None)


def host_of(settings: Settings) -> str:
    """Return the host of the shop's address, for messages."""
    return urlsplit(str(settings.get("base_url") or "").strip()).hostname or "the address"


def no_shop_step(title: str, settings: Settings, hint: str) -> Step:
    """Return the failed step for an address that answers, but is not a shop of this system."""
    words = f"There is no {title} shop at this address of {host_of(settings)}."
    return Step.failed(SHOP, words, hint, "company.unknown")


def unclear_step(title: str, answer: HttpAnswer, reply_text: str) -> Step:
    """Return the failed step for an answer that shows nothing about key, shop or permission.

    It quotes the shop's message.
    """
    words = quote_answer(title, answer.status, reply_text)
    hint = f"Test again in a few minutes. If it stays so, ask the support of {title}."
    return Step.failed(KEY, words, hint, "answer")


def _texts(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name) for name in names)


def _amounts(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name, type="money") for name in names)


def _dates(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name, type="date") for name in names)


_ORDER = (
    field_schema("order_id", "The shop's id of the order. Blank: the entry belongs to no order."),
    field_schema("order_number", "Number of the order, where the shop tells it with its payouts."),
)

_STATUS = field_schema("status", "The shop's word for the payout.", required=True, longest=100)

_CURRENCY = field_schema("currency", "Three letters, such as MYR. Every amount is in it.")

_MONEY = (_CURRENCY, FieldSchema(name="exchange_rate", type="decimal"))
"""The currency of the amounts, and how much of the company's currency 1 of it is."""

_VERSION = (
    FieldSchema(name="version", type="whole"),
    FieldSchema(name="approved_version", type="whole"),
    *_texts("created_by", "approved_by"),
)

_FAMILY = _texts("order_number")

_PLACE = _texts("branch", "warehouse")

_SALE = _texts("customer", "customer_name", "tin", "registration")

_PURCHASE = _texts("supplier", "supplier_name", "tin", "registration")

_ORDERS = orders_of(
    "",
    COMPANY_CODE,
    *_PLACE,
    *_texts("agent", "project", "price_level", "registration", MARKETPLACE),
)

_KINDS = (
    _ORDERS,
    KindSchema(
        source="",
        kind="delivery",
        fields=(*_KEY, *_FAMILY, *_dates("delivered_on"), *_SALE, *_PLACE, *_VERSION),
        lines=(*_GOODS, _OF_ORDER),
    ),
    KindSchema(
        source="",
        kind="refund",
        fields=(
            *(*_KEY, *_FAMILY, *_dates("refunded_on"), *_SALE, *_PLACE),
            *(*_MONEY, *_amounts("tax_total", "total")),
        ),
        lines=(*_GOODS, _OF_ORDER, *_amounts("amount"), *_texts("tax", "part")),
        total_field="total",
    ),
    KindSchema(
        source="",
        kind="receipt",
        fields=(
            *(*_KEY, *_FAMILY, *_dates("received_on"), *_SALE),
            *(*_texts("method", "bank_ref"), *_MONEY, *_amounts("amount")),
        ),
    ),
    KindSchema(
        source="",
        kind="purchase",
        fields=(
            *(*_KEY, *_dates("ordered_on"), *_PURCHASE, *_PLACE, *_VERSION),
            *_amounts("tax_total", "total"),
        ),
        lines=(*_GOODS, *_amounts("price"), *_texts("tax")),
        total_field="total",
        tax_field="tax_total",
    ),
    KindSchema(
        source="",
        kind="arrival",
        fields=(*_KEY, *_FAMILY, *_dates("arrived_on"), *_PURCHASE, *_PLACE),
        lines=(*_GOODS, _OF_ORDER),
    ),
    KindSchema(
        source="",
        kind="settlement",
        fields=(
            *(*_KEY, *_PURCHASE, *_texts("channel"), *_dates("settled_on"), *_VERSION),
            *_amounts("gross", "fees", "refunds", "net"),
        ),
        lines=(
            FieldSchema(name="pos", type="whole", required=True),
            *_texts("order_number", "tax"),
            *_amounts("gross", "fee", "refund", "net"),
        ),
    ),
    KindSchema(
        source="",
        kind="settlement_payment",
        fields=(
            *(*_KEY, *_PURCHASE, *_texts("settlement", "method", "bank_ref")),
            *(*_dates("paid_on"), *_amounts("amount")),
        ),
    ),
)

POS = field_schema("pos", "Number of the line in the record.", "whole", required=True)

UPDATED = field_schema("updated_at", "Moment of this state. The later one counts.", "moment")
