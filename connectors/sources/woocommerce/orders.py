"""An order of WooCommerce as canonical records: itself, and each refund of it.

Here: where the values lie, and what makes the lines add up to the total. Not here: who delivers
(connector.py), the fields (kinds.py).

Sums of the shop are taken as they are. Only what it does not say is worked out: the total less its
tax, and the price of a piece. Whether lines and total agree is for the rules to judge.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.shops.delivery_reading import Read, sorted_out
from connectors.sources.woocommerce.kinds import ORDER, REFUND

Given = Mapping[str, object]
TRASH: Final = "trash"
GUEST: Final = "guest"
_PRICE_PLACES: Final = Decimal("0.00000001")
_LISTS: Final = ("line_items", "shipping_lines", "fee_lines", "tax_lines", "refunds")


def records_of(
    place: str, order: Given, zone: ZoneInfo
) -> tuple[tuple[IncomingRecord, ...], tuple[RowError, ...]]:
    """The order and its refunds, and what is wrong with any of them."""
    errors = _no_lists(place, order)
    if errors:
        return (), errors
    first = _order(place, order, zone)
    found = [first, *(_as_of(first, one) for one in _refunds(place, order, zone))]
    records, wrong = sorted_out(found)
    return ((), wrong) if wrong else (records, ())


def wrong(where: str, value: object, message: str, hint: str) -> RowError:
    """An error at a place of the delivery."""
    shown = value if isinstance(value, str) else ""
    return RowError(where=where, value=shown[:200], message=message, hint=hint)


def _no_lists(place: str, order: Given) -> tuple[RowError, ...]:
    errors = []
    for name in _LISTS:
        given = order.get(name, [])
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            where = f"{place}.{name}"
            errors.append(wrong(where, given, "This is not a list of objects.", "Send one."))
    if "line_items" not in order:
        where = f"{place}.line_items"
        errors.append(wrong(where, "", "The order has no lines.", "Send the whole order."))
    return tuple(errors)


def _order(place: str, order: Given, zone: ZoneInfo) -> Read:
    billing = order.get("billing")
    head = _cells(
        place, order, ORDER.fields, {"number", "status", "currency", "total", "discount_total"}
    )
    head |= {
        "order_id": Cell(f"{place}.id", order.get("id")),
        "ordered_on": _day(place, order, zone),
        "paid_at": _moment(place, order, "date_paid"),
        "updated_at": _moment(place, order, "date_modified"),
        "channel": Cell(f"{place}.payment_method", order.get("payment_method")),
        "tax_total": Cell(f"{place}.total_tax", order.get("total_tax")),
        "subtotal": Cell(f"{place}.total", _less(order.get("total"), order.get("total_tax"))),
        "refunded_total": Cell(f"{place}.refunds", _given_back(_maps(order, "refunds"))),
        **_buyer(place, order, billing if isinstance(billing, Mapping) else {}),
    }
    lines = list(_lines(place, order))
    return _read(ORDER, RawRecord(Cell(f"{place}.id", order.get("id")), head, lines), zone)


def _as_of(order: Read, refund: Read) -> Read:
    """The refund as its order had it: it has no moment of its own, and a delivery may come late."""
    if isinstance(order, IncomingRecord) and isinstance(refund, IncomingRecord):
        return replace(refund, stamp=order.stamp)
    return refund


def _refunds(place: str, order: Given, zone: ZoneInfo) -> Iterator[Read]:
    billing = order.get("billing")
    buyer = _buyer(place, order, billing if isinstance(billing, Mapping) else {})
    for at, refund in enumerate(_maps(order, "refunds")):
        inside, key = f"{place}.refunds[{at}]", refund.get("id")
        number = f"R-{key}" if key not in (None, "") else None
        head = {
            "number": Cell(f"{inside}.id", number),
            "status": Cell(inside, "refunded"),
            "order_id": Cell(f"{place}.id", order.get("id")),
            "order_number": Cell(f"{place}.number", order.get("number")),
            "currency": Cell(f"{place}.currency", order.get("currency")),
            "reason": Cell(f"{inside}.reason", refund.get("reason")),
            "restock": Cell(inside, "unknown"),
            "total": Cell(f"{inside}.total", _less("0", refund.get("total"))),
            "customer": buyer["customer"],
            "customer_name": buyer["customer_name"],
        }
        yield _read(REFUND, RawRecord(Cell(f"{inside}.id", key), head, ()), zone)


def _read(kind: KindSchema, raw: RawRecord, zone: ZoneInfo) -> Read:
    return canonical(kind, raw, zone)


def _buyer(place: str, order: Given, billing: Given) -> dict[str, Cell]:
    inside, who = f"{place}.billing", order.get("customer_id")
    names = [_text(billing, word) for word in ("first_name", "last_name")]
    person = " ".join(name for name in names if name)
    town = " ".join(t for t in (_text(billing, "postcode"), _text(billing, "city")) if t)
    lines = [_text(billing, word) for word in ("address_1", "address_2")]
    parts = [*lines, town, _text(billing, "state"), _text(billing, "country")]
    return {
        "customer": Cell(f"{place}.customer_id", GUEST if who in (0, "0", None, "") else who),
        "customer_name": Cell(f"{inside}.company", _text(billing, "company") or person),
        "email": Cell(f"{inside}.email", billing.get("email")),
        "phone": Cell(f"{inside}.phone", billing.get("phone")),
        "address": Cell(inside, ", ".join(part for part in parts if part)),
    }


def _lines(place: str, order: Given) -> Iterator[dict[str, Cell]]:
    """Goods first, then shipping and fees that cost something."""
    codes = {str(one.get("rate_id")): one.get("rate_code") for one in _maps(order, "tax_lines")}
    pos = 0
    for name, part in (
        ("line_items", "goods"),
        ("shipping_lines", "shipping"),
        ("fee_lines", "fee"),
    ):
        for at, line in enumerate(_maps(order, name)):
            if part == "goods" or not _costs_nothing(line):
                pos += 1
                yield _line(f"{place}.{name}[{at}]", pos, part, line, codes)


def _line(
    inside: str, pos: int, part: str, line: Given, codes: Mapping[str, object]
) -> dict[str, Cell]:
    goods = part == "goods"
    total = line.get("total")
    before = line.get("subtotal", total) if goods else total
    quantity = line.get("quantity") if goods else 1
    name = "method_title" if part == "shipping" else "name"
    product = line.get("variation_id") or line.get("product_id")
    return {
        "pos": Cell(inside, pos),
        "line_id": Cell(f"{inside}.id", line.get("id")),
        "part": Cell(inside, part),
        "sku": Cell(f"{inside}.sku", line.get("sku") if goods else part.upper()),
        "variant_id": Cell(f"{inside}.product_id", product if goods else None),
        "name": Cell(f"{inside}.{name}", line.get(name)),
        "qty": Cell(f"{inside}.quantity", quantity),
        "price": Cell(f"{inside}.subtotal", _each(before, quantity)),
        "discount": Cell(f"{inside}.total", _less(before, total)),
        "amount": Cell(f"{inside}.total", total),
        "tax": Cell(f"{inside}.taxes", _tax(line, codes)),
        "tax_amount": Cell(f"{inside}.total_tax", line.get("total_tax")),
    }


def _tax(line: Given, codes: Mapping[str, object]) -> str:
    """The codes of the rates that were charged; without any `none`, with the class that is not the
    standard one.
    """
    charged = [one for one in _maps(line, "taxes") if _number(one.get("total"))]
    found = [str(codes.get(str(one.get("id"))) or f"rate {one.get('id')}") for one in charged]
    if found:
        return "+".join(sorted(found))
    return " ".join(word for word in ("none", _text(line, "tax_class")) if word)


def _costs_nothing(line: Given) -> bool:
    told = (line.get("total"), line.get("total_tax", "0"))
    return all(_number(one) == 0 for one in told)


def _each(amount: object, quantity: object) -> object:
    """The price of a piece; what is no number is left to be found wrong."""
    told, pieces = _number(amount), _number(quantity)
    if told is None or not pieces:
        return amount
    try:
        return (told / pieces).quantize(_PRICE_PLACES)
    except DecimalException:
        return amount


def _less(amount: object, other: object) -> object:
    first, second = _number(amount), _number(other)
    if first is None or second is None:
        return amount if first is None else other
    return first - second


def _given_back(refunds: Sequence[Given]) -> object:
    """The sum of refunds, which are told as negative amounts; the first that is no number."""
    total = Decimal()
    for one in refunds:
        told = _number(one.get("total"))
        if told is None:
            return one.get("total")
        total -= told
    return total


def _number(value: object) -> Decimal | None:
    """An amount, given as text or as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        found = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except DecimalException:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 18 else None


def _day(place: str, order: Given, zone: ZoneInfo) -> Cell:
    """The shop's day: WooCommerce tells the moment in UTC, without its zone."""
    cell = _moment(place, order, "date_created")
    try:
        when = datetime.fromisoformat(str(cell.value))
        return Cell(cell.where, when.astimezone(zone).date().isoformat())
    except (ValueError, OverflowError):
        return cell


def _moment(place: str, order: Given, name: str) -> Cell:
    where, told = f"{place}.{name}_gmt", order.get(f"{name}_gmt")
    if not isinstance(told, str) or not told:
        return Cell(where, told)
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        return Cell(where, told)
    return Cell(where, when.replace(tzinfo=UTC).isoformat() if when.tzinfo is None else told)


def _cells(
    place: str, given: Given, fields: Sequence[FieldSchema], names: set[str]
) -> dict[str, Cell]:
    return {f.name: Cell(f"{place}.{f.name}", given.get(f.name)) for f in fields if f.name in names}


def _maps(given: Given, name: str) -> list[Given]:
    found = given.get(name)
    many = found if isinstance(found, list) else []
    return [one for one in many if isinstance(one, Mapping)]


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    return value.strip() if isinstance(value, str) else ""
