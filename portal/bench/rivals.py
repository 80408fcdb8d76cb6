"""The invoices that the bench judges, and what the thirty rules of invoices.rules race against.

Here: bodies, invoices drawn from a seed as they are stored, one in ten with something wrong; cents,
the same in whole sen and day numbers, for engines that know no decimals; failures, ordinary Python
as a colleague would write it, which names each rule that an invoice fails, and on which line, and
keeps no trace; and Zen, the same thirty for zen-engine, the fastest rule engine on PyPI: one
decision of thirty expressions over an invoice in sen, without a trace, too. That engine is a
dependency of the bench alone: Zen.installed is None where it is not there. Not here: the clock.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from random import Random
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


VERSION = "2.1.3"
_HEAD = {
    "total_adds": "subtotal + tax_total + shipping + round_off == total",
    "lines_add": "sum(map(lines, #.net)) == subtotal",
    "taxes_add": "sum(map(lines, #.tax)) == tax_total",
    "paid_in_full": "paid == total",
    "rounded_a_little": "abs(round_off) <= 5",
    "due_later": "due_on >= issued_on",
    "this_year": "issued_on >= 739617",
    "known_currency": 'billed_in in ["MYR", "SGD", "USD"]',
    "shipped_cheaply": "shipping >= 0 and shipping <= 20000",
    "large_buyer_named": "total <= 1000000 or tin != null",
}
_LINE = {
    "some_quantity": "#.qty > 0",
    "no_bulk": "#.qty <= 1000",
    "whole_pieces": "#.qty == floor(#.qty)",
    "some_price": "#.price > 0",
    "sane_price": "#.price <= 500000",
    "no_negative_discount": "#.discount >= 0",
    "discount_below_price": "#.discount <= #.qty * #.price",
    "net_is_right": "#.net == round(#.qty * #.price - #.discount)",
    "known_rate": "#.rate in [0, 6, 10]",
    "tax_is_right": "#.tax == round(#.net * #.rate / 100)",
    "gross_is_right": "#.gross == #.net + #.tax",
    "tax_below_net": "#.tax <= #.net",
    "below_total": "#.net <= $root.total",
    "known_unit": '#.uom in ["PCS", "BOX", "CTN"]',
    "known_account": '#.account in ["40000", "41000", "42000"]',
    "named_article": '#.sku != "" and #.name != ""',
    "some_weight": "#.weight > 0",
    "light_parcel": '#.uom != "CTN" or #.weight * #.qty <= 5000',
    "free_of_tax": "#.rate != 0 or #.tax == 0",
    "numbered_line": "#.pos >= 1 and #.pos <= 99",
}


class Zen:
    """The thirty rules, ready to be asked."""

    def __init__(self, module: Any) -> None:
        rules = {**_HEAD, **{name: f"all(lines, {text})" for name, text in _LINE.items()}}
        expressions = [{"id": k, "key": k, "value": v} for k, v in rules.items()]
        nodes = [
            {"id": "in", "name": "in", "type": "inputNode"},
            {
                "id": "rules",
                "name": "rules",
                "type": "expressionNode",
                "content": {"expressions": expressions},
            },
            {"id": "out", "name": "out", "type": "outputNode"},
        ]
        edges = [
            {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
        ]
        content = json.dumps({"nodes": nodes, "edges": edges})
        self._decision = module.ZenEngine().create_decision(content)

    @staticmethod
    def installed() -> Zen | None:
        """The rival, or None where zen-engine is not installed."""
        try:
            return Zen(importlib.import_module("zen"))
        except ModuleNotFoundError:
            return None

    def failures(self, invoice: Mapping[str, Any]) -> set[str]:
        """The rules that an invoice in sen fails."""
        answers = self._decision.evaluate(invoice)["result"]
        return {name for name, passed in answers.items() if not passed}


# ---- the invoices -------------------------------------------------------------------------------

SEED = 29
LINES = 4
_WRONG: tuple[tuple[str, Any], ...] = (
    ("total", "1.00"),
    ("paid", "0.00"),
    ("billed_in", "XXX"),
    ("due_on", "2025-12-31"),
    ("shipping", "250.00"),
)
_WRONG_LINE: tuple[tuple[str, Any], ...] = (
    ("qty", "0"),
    ("qty", "2.5"),
    ("price", "6000.00"),
    ("net", "1.01"),
    ("tax", "0.07"),
    ("uom", "EACH"),
    ("account", "99999"),
    ("weight", "400"),
    ("rate", "0.08"),
    ("pos", "100"),
)


def bodies(count: int, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """So many invoices; equal seeds give equal ones."""
    dice = Random(seed)  # noqa: S311 - sample data, not a secret
    for number in range(1, count + 1):
        lines = [_line(dice, pos) for pos in range(1, LINES + 1)]
        net, tax = (sum(Decimal(row[f]) for row in lines) for f in ("net", "tax"))
        shipping = Decimal(dice.randrange(0, 20_000)) / 100
        total = net + tax + shipping
        body: dict[str, Any] = {
            "number": f"IV-{number}",
            "status": "paid",
            "issued_on": f"2026-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}",
            "due_on": "2026-12-31",
            "customer": f"C-{dice.randrange(900)}",
            "billed_in": dice.choice(("MYR", "SGD", "USD")),
            "tin": "C25845632020" if dice.random() < 0.9 else None,
            "subtotal": f"{net:.2f}",
            "tax_total": f"{tax:.2f}",
            "shipping": f"{shipping:.2f}",
            "round_off": "0.00",
            "total": f"{total:.2f}",
            "paid": f"{total:.2f}",
            "lines": lines,
        }
        if dice.random() < 0.06:
            body.update([dice.choice(_WRONG)])
        if dice.random() < 0.06:
            dice.choice(lines).update([dice.choice(_WRONG_LINE)])
        yield body


def _line(dice: Random, pos: int) -> dict[str, Any]:
    qty, price = dice.randrange(1, 40), Decimal(dice.randrange(100, 90_000)) / 100
    discount = Decimal(dice.randrange(0, 100)) / 100
    net = qty * price - discount
    rate = dice.choice(("0.00", "0.06", "0.10"))
    tax = _half_up(net * Decimal(rate))
    return {
        "pos": pos,
        "sku": f"SKU-{dice.randrange(5000)}",
        "name": f"Article {dice.randrange(5000)}",
        "uom": dice.choice(("PCS", "BOX", "CTN")),
        "qty": str(qty),
        "price": f"{price:.2f}",
        "discount": f"{discount:.2f}",
        "net": f"{net:.2f}",
        "rate": rate,
        "tax": f"{tax:.2f}",
        "gross": f"{net + tax:.2f}",
        "weight": f"{dice.randrange(1, 120) / 10:.1f}",
        "account": dice.choice(("40000", "41000", "42000")),
    }


def _half_up(value: Decimal) -> Decimal:
    return (value * 100 + Decimal("0.5")).__floor__() / Decimal(100)


def cents(body: Mapping[str, Any]) -> dict[str, Any]:
    """An invoice in whole sen, tenths of weight, percents and day numbers."""
    money = ("subtotal", "tax_total", "shipping", "round_off", "total", "paid")
    return {
        **{k: body[k] for k in ("billed_in", "tin")},
        **{k: _sen(body[k]) for k in money},
        **{k: date.fromisoformat(body[k]).toordinal() for k in ("issued_on", "due_on")},
        "lines": [_cents_of_line(row) for row in body["lines"]],
    }


def _cents_of_line(row: Mapping[str, Any]) -> dict[str, Any]:
    money = ("price", "discount", "net", "tax", "gross")
    return {
        **{k: row[k] for k in ("sku", "name", "uom", "account")},
        **{k: _sen(row[k]) for k in money},
        "pos": int(row["pos"]),
        "qty": float(row["qty"]) if "." in row["qty"] else int(row["qty"]),
        "rate": round(Decimal(row["rate"]) * 100),
        "weight": round(Decimal(row["weight"]) * 10),
    }


def _sen(text: str) -> int:
    return round(Decimal(text) * 100)
