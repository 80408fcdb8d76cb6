"""Convert a WooCommerce order into records: the order itself and each of its refunds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, DecimalException
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, has_binary_error, read_record
from connectors.kit.delivery import Read, split_results, without_long_lists
from connectors.kit.shops.payload_parts import ZERO, LineKind, plain, rounded_to_sum
from connectors.sources.woocommerce.kinds import ORDER, REFUND

Given = Mapping[str, object]

GUEST: Final = "guest"

CANCELLED: Final = "cancelled"

MONEY_KEPT: Final = "cancelled, money kept"
"""The status of a cancelled order whose money is not known to have gone back whole."""

ROUNDING: Final[LineKind] = "rounding"

ADJUSTMENT: Final[LineKind] = "adjustment"

_PRICE_PLACES: Final = Decimal("0.00000001")

_SEN: Final = Decimal("0.01")

_ROUNDED: Final = ("amount", "discount", "tax_amount")

_MOST_DIGITS: Final = 18

_MOST_DECIMALS: Final = 10
"""A number with more decimals was kept in binary: nobody was charged such an amount."""

_LISTS: Final = ("line_items", "shipping_lines", "fee_lines", "tax_lines", "refunds")

_PARTS: Final[tuple[tuple[str, LineKind], ...]] = (
    ("line_items", "goods"),
    ("shipping_lines", "shipping"),
    ("fee_lines", "fee"),
)
"""The lists of an order and of a refund that hold money, with what their lines stand for."""


def records_of(
    place: str, order: Given, zone: ZoneInfo
) -> tuple[tuple[IncomingRecord, ...], tuple[RowError, ...]]:
    """Return the order and its refunds, each held for what is wrong with it, and errors for what
    has no id.
    """
    short, long_lists = without_long_lists(place, order)
    if isinstance(short, Mapping):
        order = short
    errors = (*_no_lists(place, order), *long_lists)
    first = _order(place, order, zone)
    if isinstance(first, IncomingRecord):
        first = first.with_faults(errors)
    return split_results([first, *_refunds(place, order, zone, first)])


def _no_lists(place: str, order: Given) -> tuple[RowError, ...]:
    errors = []
    for name in _LISTS:
        rows = order.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            where = f"{place}.{name}"
            errors.append(wrong(where, rows, "This is not a list of objects.", "Send one."))
    if "line_items" not in order:
        where = f"{place}.line_items"
        errors.append(wrong(where, "", "The order has no lines.", "Send the whole order."))
    return tuple(errors)


def _order(place: str, order: Given, zone: ZoneInfo) -> Read:
    billing = order.get("billing")
    names = {"number", "currency", "discount_total", "prices_include_tax"}
    head = _cells(place, order, ORDER.fields, names)
    lines = list(_lines(place, order, _tax_codes(order)))
    tax = _round_lines(order, lines)
    cards, total = _gift_cards(order), _sold(order, lines)
    refunded = _refunded(_maps(order, "refunds"))
    rounding, difference = _rounding(total, lines), _unexplained(total, lines)
    if rounding:
        lines.append(_own_line(place, ROUNDING, "Rounding", rounding))
    if difference:
        lines.append(_own_line(place, ADJUSTMENT, "Difference to the total", difference))
    head |= {
        "order_id": Cell(f"{place}.id", order.get("id")),
        "status": Cell(f"{place}.status", _status(order, total, refunded)),
        "ordered_on": _day(place, order, zone),
        "paid_at": _moment(place, order, "date_paid"),
        "updated_at": _moment(place, order, "date_modified"),
        "channel": Cell(f"{place}.payment_method", order.get("payment_method")),
        "tax_total": Cell(f"{place}.total_tax", tax),
        "total": Cell(f"{place}.total", total),
        "subtotal": Cell(f"{place}.total", _less(total, tax)),
        "difference": Cell(f"{place}.total", difference),
        "gift_card_paid": Cell(f"{place}.gift_cards", cards),
        "refund_ids": Cell(f"{place}.refunds", _refund_ids(order)),
        "refunded_total": Cell(f"{place}.refunds", refunded),
        **_buyer(place, order, billing if isinstance(billing, Mapping) else {}),
    }
    key = Cell(f"{place}.id", order.get("id"))
    return _read_kind(ORDER, RawRecord(key, head, _numbered(lines)), zone)


def _gift_cards(order: Given) -> object:
    """Return what gift cards paid, as the extension Gift Cards lists it; the first amount that is
    no number.
    """
    total = ZERO
    for card in _maps(order, "gift_cards"):
        amount = _number(card.get("amount"))
        if amount is None:
            return card.get("amount")
        total += amount
    return total


def _sold(order: Given, lines: Sequence[Mapping[str, Cell]]) -> object:
    """Return the order's total before gift cards, with tax.

    `total` is the amount that remained to pay, which gift cards reduce without a line. If the lines
    already add up to `total`, no card reduced it.
    """
    total, cards = _number(order.get("total")), _number(_gift_cards(order))
    if total is None or not cards or _rounding(total, lines) is not None:
        return order.get("total") if total is None else total
    return total + cards


def _rounding(total: object, lines: Sequence[Mapping[str, Cell]]) -> Decimal | None:
    """Return what the shop's rounding leaves between the total and its lines: at most a sen a
    line. None where they differ by more, which is for a person, or cannot be compared.
    """
    remainder = _remainder(total, lines)
    return remainder if remainder is not None and abs(remainder) <= _SEN * len(lines) else None


def _remainder(total: object, lines: Sequence[Mapping[str, Cell]]) -> Decimal | None:
    """Return what the lines with their tax leave of the total; None where a value is unknown."""
    stated = _number(total)
    amounts = [_number(line[name].value) for line in lines for name in ("amount", "tax_amount")]
    if stated is None or None in amounts:
        return None
    return stated - sum((amount for amount in amounts if amount is not None), ZERO)


def _unexplained(total: object, lines: Sequence[Mapping[str, Cell]]) -> Decimal | None:
    """Return the difference between total and lines beyond rounding, or None if there is none or it
    is unknown. The rules hold it. A person who releases the hold posts it as a separate line.
    """
    remainder = _remainder(total, lines) if lines and _rounding(total, lines) is None else None
    return remainder or None


def _round_lines(order: Given, lines: Sequence[dict[str, Cell]]) -> object:
    """Round the amounts of the lines as the shop rounds its total; return the order's tax.

    A shop that rounds its tax at the subtotal keeps six decimals of each line. The rounded taxes
    of the lines come to their rounded sum, as the tax of such a shop does.
    """
    unit = Decimal(1).scaleb(-max(2, _decimals(order.get("total"))))
    amounts = [[_number(line[name].value) for line in lines] for name in _ROUNDED]
    for name, column in zip(_ROUNDED, amounts, strict=True):
        amounts_known = [amount for amount in column if amount is not None]
        if len(amounts_known) < len(column):
            continue
        rounded_sum = sum(amounts_known, ZERO).quantize(unit, ROUND_HALF_UP)
        most = unit / 2 * len(amounts_known) if name == "tax_amount" else ZERO
        rounded_amounts = rounded_to_sum(amounts_known, rounded_sum, unit, most)
        for line, amount in zip(lines, rounded_amounts, strict=True):
            line[name] = replace(line[name], value=amount)
    tax = _number(order.get("total_tax"))
    return order.get("total_tax") if tax is None else tax.quantize(unit, ROUND_HALF_UP)


def _decimals(value: object) -> int:
    """Return how many decimals an amount is written with."""
    number = _number(value)
    exponent = 0 if number is None else number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _own_line(place: str, part: LineKind, name: str, amount: Decimal) -> dict[str, Cell]:
    """Return a line that the shop has no list for, without tax; its position follows."""
    cells: dict[str, object] = {
        "part": part,
        "sku": part.upper(),
        "name": name,
        "qty": 1,
        "price": amount,
        "discount": ZERO,
        "amount": amount,
        "tax": "none",
        "tax_amount": ZERO,
    }
    return {name: Cell(place, value) for name, value in cells.items()}


def _status(order: Given, total: object, refunded: object) -> object:
    """Return WooCommerce's word, or `MONEY_KEPT` for a paid, cancelled order. An unknown total or
    refund counts as money kept.
    """
    word, sold, back = order.get("status"), _number(total), _number(refunded)
    paid = bool(order.get("date_paid_gmt"))
    paid_back = sold is not None and back is not None and back >= sold
    return MONEY_KEPT if word == CANCELLED and paid and not paid_back else word


def _cells(
    place: str, payload: Given, fields: Sequence[FieldSchema], names: set[str]
) -> dict[str, Cell]:
    return {
        f.name: Cell(f"{place}.{f.name}", payload.get(f.name)) for f in fields if f.name in names
    }


def _day(place: str, order: Given, zone: ZoneInfo, name: str = "date_created") -> Cell:
    """Return the shop's day: WooCommerce writes the moment in UTC, without its zone."""
    cell = _moment(place, order, name)
    try:
        when = datetime.fromisoformat(str(cell.value))
        return Cell(cell.where, when.astimezone(zone).date().isoformat())
    except (ValueError, OverflowError):
        return cell


def _moment(place: str, order: Given, name: str) -> Cell:
    where, text = f"{place}.{name}_gmt", order.get(f"{name}_gmt")
    if not isinstance(text, str) or not text:
        return Cell(where, text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return Cell(where, text)
    return Cell(where, when.replace(tzinfo=UTC).isoformat() if when.tzinfo is None else text)


def _less(amount: object, other: object) -> object:
    first, second = _number(amount), _number(other)
    if first is None or second is None:
        return amount if first is None else other
    return first - second


def _number(value: object) -> Decimal | None:
    """Return an amount that came as text or as a number; None if it is unusable."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
    except DecimalException:
        return None
    if not number.is_finite() or abs(number.adjusted()) >= _MOST_DIGITS:
        return None
    exponent = number.as_tuple().exponent
    is_short = isinstance(exponent, int) and exponent >= -_MOST_DECIMALS
    return number if is_short and not has_binary_error(number) else None


def _refunded(refunds: Sequence[Given]) -> Decimal | None:
    """Return the sum of refunds, or None if any amount cannot be read."""
    amounts = [_refund_amount(refund) for refund in refunds]
    if None in amounts:
        return None
    return sum((amount for amount in amounts if amount is not None), ZERO)


def _refund_ids(order: Given) -> str | None:
    """Return the ids of the refunds that an order lists; None where it has no such list."""
    if not isinstance(order.get("refunds"), list):
        return None
    return ", ".join(str(refund.get("id")) for refund in _maps(order, "refunds")) or "none"


def _refund_amount(refund: Given) -> Decimal | None:
    """Return what went back, positive: an order names it `total`, negative, and the list of its
    refunds `amount`.
    """
    amount, total = _number(refund.get("amount")), _number(refund.get("total"))
    return amount if amount is not None or total is None else -total


def _maps(payload: Given, name: str) -> list[Given]:
    rows = payload.get(name)
    row_list = rows if isinstance(rows, list) else []
    return [row for row in row_list if isinstance(row, Mapping)]


def _buyer(place: str, order: Given, billing: Given) -> dict[str, Cell]:
    inside, customer_id = f"{place}.billing", order.get("customer_id")
    names = [_text(billing, word) for word in ("first_name", "last_name")]
    person = " ".join(name for name in names if name)
    town = " ".join(t for t in (_text(billing, "postcode"), _text(billing, "city")) if t)
    lines = [_text(billing, word) for word in ("address_1", "address_2")]
    parts = [*lines, town, _text(billing, "state"), _text(billing, "country")]
    return {
        "customer": Cell(
            f"{place}.customer_id", GUEST if customer_id in (0, "0", None, "") else customer_id
        ),
        "customer_name": Cell(f"{inside}.company", _text(billing, "company") or person),
        "email": Cell(f"{inside}.email", billing.get("email")),
        "phone": Cell(f"{inside}.phone", billing.get("phone")),
        "address": Cell(inside, ", ".join(part for part in parts if part)),
    }


def _text(payload: Given, name: str) -> str:
    value = payload.get(name)
    return value.strip() if isinstance(value, str) else ""


def _tax_codes(*orders: Given) -> dict[str, Given]:
    """Return the tax line of each rate by the rate's id: its code, and its rate in per cent."""
    return {
        str(line.get("rate_id")): line for order in orders for line in _maps(order, "tax_lines")
    }


def _lines(place: str, order: Given, codes: Mapping[str, Given]) -> Iterator[dict[str, Cell]]:
    """Yield goods first, then shipping and fees.

    Lines without pieces and costs are left out: an edited order keeps its removed lines.
    """
    for name, part in _PARTS:
        for at, line in enumerate(_maps(order, name)):
            empty = part != "goods" or _number(line.get("quantity")) == 0
            if not (empty and _costs_nothing(line)):
                yield _line(f"{place}.{name}[{at}]", part, line, codes)


def _costs_nothing(line: Given) -> bool:
    amounts = (line.get("total"), line.get("total_tax", "0"))
    return all(_number(amount) == 0 for amount in amounts)


def _line(inside: str, part: LineKind, line: Given, codes: Mapping[str, Given]) -> dict[str, Cell]:
    goods = part == "goods"
    total = line.get("total")
    before = line.get("subtotal", total) if goods else total
    quantity = line.get("quantity") if goods else 1
    name = "method_title" if part == "shipping" else "name"
    return {
        "line_id": Cell(f"{inside}.id", line.get("id")),
        "part": Cell(inside, part),
        "sku": Cell(f"{inside}.sku", line.get("sku") if goods else part.upper()),
        "variant_id": Cell(f"{inside}.product_id", _product(line) if goods else None),
        "name": Cell(f"{inside}.{name}", line.get(name)),
        "qty": Cell(f"{inside}.quantity", quantity),
        "price": Cell(f"{inside}.subtotal", _unit_price(before, quantity)),
        "discount": Cell(f"{inside}.total", _less(before, total)),
        "amount": Cell(f"{inside}.total", total),
        "tax": Cell(f"{inside}.taxes", _tax(line, codes)),
        "tax_rate": Cell(f"{inside}.taxes", _tax_rate(line, codes)),
        "tax_amount": Cell(f"{inside}.total_tax", line.get("total_tax")),
    }


def _product(line: Given) -> object:
    """Return the variation's id, otherwise the product's; 0 means that it was deleted."""
    return line.get("variation_id") or line.get("product_id") or None


def _unit_price(amount: object, quantity: object) -> object:
    """Return the price of a piece; an unreadable amount is returned for the reader to report."""
    total, pieces = _number(amount), _number(quantity)
    if total is None or not pieces:
        return amount
    try:
        return (total / pieces).quantize(_PRICE_PLACES)
    except DecimalException:
        return amount


def _is_charged(tax_entry: Given) -> bool:
    """Check whether a line bears a tax; an amount that cannot be read is one."""
    total = tax_entry.get("total")
    return total not in (None, "") and _number(total) != 0


def _tax(line: Given, codes: Mapping[str, Given]) -> str:
    """Return the codes of the charged rates; without any, `none` and a non-standard tax class."""
    charged = [tax_entry for tax_entry in _maps(line, "taxes") if _is_charged(tax_entry)]
    names = [codes.get(str(tax_entry.get("id")), {}).get("rate_code") for tax_entry in charged]
    rate_names = [
        str(name or f"rate {tax_entry.get('id')}")
        for name, tax_entry in zip(names, charged, strict=True)
    ]
    if rate_names:
        return "+".join(sorted(rate_names))
    return " ".join(word for word in ("none", _text(line, "tax_class")) if word)


def _tax_rate(line: Given, codes: Mapping[str, Given]) -> str | None:
    """Return the sum of the charged rates: 0.1 is 10%. None if any rate is unknown.

    A compound rate is charged on the price with the taxes before it.
    """
    charged = [tax_entry for tax_entry in _maps(line, "taxes") if _is_charged(tax_entry)]
    rates = [
        _number(codes.get(str(tax_entry.get("id")), {}).get("rate_percent"))
        for tax_entry in charged
    ]
    if not charged or None in rates:
        return None
    together, on_top = ZERO, Decimal(1)
    for tax_entry, rate in zip(charged, rates, strict=True):
        if codes[str(tax_entry.get("id"))].get("compound") is True:
            on_top *= 1 + (rate or ZERO) / 100
        else:
            together += (rate or ZERO) / 100
    return plain(((1 + together) * on_top - 1).normalize())


def _read_kind(kind: KindSchema, raw: RawRecord, zone: ZoneInfo) -> Read:
    return read_record(kind, raw, zone)


def _with_order_stamp(order: Read, refund: Read) -> Read:
    """Return the refund with its order's stamp: it has no moment, and a delivery may come late."""
    if isinstance(order, IncomingRecord) and isinstance(refund, IncomingRecord):
        return replace(refund, stamp=order.stamp)
    return refund


def _refunds(place: str, order: Given, zone: ZoneInfo, first: Read) -> Iterator[Read]:
    for at, refund in enumerate(_maps(order, "refunds")):
        yield _with_order_stamp(
            first, _refund(f"{place}.refunds[{at}]", refund, place, order, zone)
        )


def _refund(inside: str, refund: Given, place: str, order: Given, zone: ZoneInfo) -> Read:
    """Return a refund. An order names its amount alone; the list of its refunds has the lines."""
    billing, key = order.get("billing"), refund.get("id")
    buyer = _buyer(place, order, billing if isinstance(billing, Mapping) else {})
    amount = _refund_amount(refund)
    dated = refund if refund.get("date_created_gmt") else None
    lines, lines_known = _refund_lines(inside, refund, place, order)
    total = refund.get("total", refund.get("amount")) if amount is None else amount
    head = {
        "number": Cell(f"{inside}.id", f"R-{key}" if key not in (None, "") else None),
        "status": Cell(inside, "refunded"),
        "order_id": Cell(f"{place}.id", order.get("id")),
        "order_number": Cell(f"{place}.number", order.get("number")),
        "refunded_on": (
            _day(inside, dated, zone) if dated else _day(place, order, zone, "date_modified")
        ),
        "currency": Cell(f"{place}.currency", order.get("currency")),
        "reason": Cell(f"{inside}.reason", refund.get("reason")),
        "restock": Cell(inside, "unknown"),
        "lines_known": Cell(inside, lines_known),
        "total": Cell(f"{inside}.{'total' if 'total' in refund else 'amount'}", total),
        "customer": buyer["customer"],
        "customer_name": buyer["customer_name"],
    }
    return _read_kind(REFUND, RawRecord(Cell(f"{inside}.id", key), head, _numbered(lines)), zone)


def _refund_lines(
    inside: str, refund: Given, place: str, order: Given
) -> tuple[list[dict[str, Cell]], bool]:
    """Return the lines of a refund, and whether the shop listed them.

    The refund's amount is authoritative: its difference to the lines becomes a separate line. A
    refund of the whole order has the order's lines.
    """
    codes, amount = _tax_codes(order, refund), _refund_amount(refund)
    listed = isinstance(refund.get("line_items"), list)
    lines = [
        _given_back(f"{inside}.{name}[{index}]", part, line, codes)
        for name, part in _PARTS
        for index, line in enumerate(_maps(refund, name))
        if not _costs_nothing(line)
    ]
    if amount is None:
        return lines, listed
    _round_lines({"total": order.get("total")}, lines)
    sold = list(_lines(place, order, codes))
    _round_lines(order, sold)
    if (
        not lines
        and amount == _sold(order, sold)
        and (rounding := _rounding(amount, sold)) is not None
    ):
        return [
            *sold,
            *([_own_line(inside, ROUNDING, "Rounding", rounding)] if rounding else []),
        ], True
    amounts = [_number(line[name].value) for line in lines for name in ("amount", "tax_amount")]
    remainder = amount - sum((value for value in amounts if value is not None), ZERO)
    if remainder:
        lines.append(_remainder_line(inside, refund, remainder, len(lines)))
    return lines, listed


def _remainder_line(inside: str, refund: Given, remainder: Decimal, lines: int) -> dict[str, Cell]:
    """Return a line for the part of a refund's amount that its lines do not cover.

    Up to 0.01 per line is rounding. `lines`: the number of lines.
    """
    if abs(remainder) <= _SEN * lines:
        return _own_line(inside, ROUNDING, "Rounding", remainder)
    name = "Difference" if lines else _text(refund, "reason") or "Refund of an amount"
    return _own_line(inside, ADJUSTMENT, name, remainder)


def _given_back(
    inside: str, part: LineKind, line: Given, codes: Mapping[str, Given]
) -> dict[str, Cell]:
    """Return a line of a refund with its numbers made positive.

    A refund of money for goods that the buyer keeps becomes an adjustment, so that no pieces return
    to stock.
    """
    names = ("quantity", "total", "total_tax")
    turned = {name: _less("0", line[name]) for name in names if name in line}
    turned["subtotal"] = turned.get("total")
    cells = _line(inside, part, {**line, **turned}, codes)
    if part == "goods" and _number(turned.get("quantity")) == 0:
        cells |= {
            "part": Cell(inside, ADJUSTMENT),
            "sku": Cell(inside, ADJUSTMENT.upper()),
            "variant_id": Cell(inside, None),
            "qty": Cell(inside, 1),
            "price": cells["amount"],
        }
    metas = {str(meta.get("key")): meta.get("value") for meta in _maps(line, "meta_data")}
    sold_line = metas.get("_refunded_item_id")
    return cells | ({"line_id": Cell(f"{inside}.meta_data", sold_line)} if sold_line else {})


def _numbered(lines: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    return [{"pos": Cell("", at), **line} for at, line in enumerate(lines, 1)]


def wrong(where: str, value: object, message: str, hint: str) -> RowError:
    """Return an error at a place of the delivery."""
    text = value if isinstance(value, str) else ""
    return RowError(where=where, value=text[:200], message=message, hint=hint)
