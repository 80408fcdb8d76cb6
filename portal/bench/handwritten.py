"""The thirty rules of invoices.rules by hand: ordinary Python, as a colleague would write it.

Here: failures, which names each rule that an invoice fails, and on which line. It keeps no trace of
what passed or of the values it saw. Not here: the invoices, the clock.
"""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

SEN = Decimal("0.01")
NOTHING = Decimal("0.00")
MOST_ROUNDING = Decimal("0.05")
MOST_SHIPPING = Decimal("200.00")
NAMED_FROM = Decimal("10000.00")
MOST_PIECES = Decimal(1000)
MOST_PRICE = Decimal("5000.00")
MOST_WEIGHT = Decimal(500)
LAST_LINE = Decimal(99)
FIRST_DAY = date(2026, 1, 1)
CURRENCIES = ("MYR", "SGD", "USD")
RATES = (Decimal("0.00"), Decimal("0.06"), Decimal("0.10"))
UNITS = ("PCS", "BOX", "CTN")
ACCOUNTS = ("40000", "41000", "42000")


def failures(invoice: Mapping[str, Any]) -> list[tuple[str, int | None]]:  # noqa: C901
    """The rules that an invoice fails, with the number of the line; `tin` may be None."""
    failed: list[tuple[str, int | None]] = []
    parts = invoice["subtotal"] + invoice["tax_total"] + invoice["shipping"]
    if parts + invoice["round_off"] != invoice["total"]:
        failed.append(("total_adds", None))
    if sum(line["net"] for line in invoice["lines"]) != invoice["subtotal"]:
        failed.append(("lines_add", None))
    if sum(line["tax"] for line in invoice["lines"]) != invoice["tax_total"]:
        failed.append(("taxes_add", None))
    if invoice["paid"] != invoice["total"]:
        failed.append(("paid_in_full", None))
    if abs(invoice["round_off"]) > MOST_ROUNDING:
        failed.append(("rounded_a_little", None))
    if invoice["due_on"] < invoice["issued_on"]:
        failed.append(("due_later", None))
    if invoice["issued_on"] < FIRST_DAY:
        failed.append(("this_year", None))
    if invoice["billed_in"] not in CURRENCIES:
        failed.append(("known_currency", None))
    if invoice["shipping"] < NOTHING or invoice["shipping"] > MOST_SHIPPING:
        failed.append(("shipped_cheaply", None))
    if invoice["total"] > NAMED_FROM and invoice["tin"] is None:
        failed.append(("large_buyer_named", None))
    for number, line in enumerate(invoice["lines"], start=1):
        failed += [(rule, number) for rule in failures_of_line(line, invoice["total"])]
    return failed


def failures_of_line(line: Mapping[str, Any], total: Decimal) -> list[str]:  # noqa: C901 - rule by rule
    """The rules that a line fails."""
    failed: list[str] = []
    if line["qty"] <= 0:
        failed.append("some_quantity")
    if line["qty"] > MOST_PIECES:
        failed.append("no_bulk")
    if line["qty"] != line["qty"].to_integral_value():
        failed.append("whole_pieces")
    if line["price"] <= NOTHING:
        failed.append("some_price")
    if line["price"] > MOST_PRICE:
        failed.append("sane_price")
    if line["discount"] < NOTHING:
        failed.append("no_negative_discount")
    if line["discount"] > line["qty"] * line["price"]:
        failed.append("discount_below_price")
    net = line["qty"] * line["price"] - line["discount"]
    if line["net"] != net.quantize(SEN, ROUND_HALF_UP):
        failed.append("net_is_right")
    if line["rate"] not in RATES:
        failed.append("known_rate")
    if line["tax"] != (line["net"] * line["rate"]).quantize(SEN, ROUND_HALF_UP):
        failed.append("tax_is_right")
    if line["gross"] != line["net"] + line["tax"]:
        failed.append("gross_is_right")
    if line["tax"] > line["net"]:
        failed.append("tax_below_net")
    if line["net"] > total:
        failed.append("below_total")
    if line["uom"] not in UNITS:
        failed.append("known_unit")
    if line["account"] not in ACCOUNTS:
        failed.append("known_account")
    if line["sku"] == "" or line["name"] == "":
        failed.append("named_article")
    if line["weight"] <= 0:
        failed.append("some_weight")
    if line["uom"] == "CTN" and line["weight"] * line["qty"] > MOST_WEIGHT:
        failed.append("light_parcel")
    if line["rate"] == NOTHING and line["tax"] != NOTHING:
        failed.append("free_of_tax")
    if line["pos"] < 1 or line["pos"] > LAST_LINE:
        failed.append("numbered_line")
    return failed
