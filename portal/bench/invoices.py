"""The invoices that the bench judges: drawn from a seed, one in ten with something wrong.

Here: bodies (as they are stored) and cents (the same in whole sen and day numbers, for engines that
know no decimals and no dates). Not here: the rules.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

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
