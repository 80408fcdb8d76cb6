"""Records for the rule sets to begin with: orders, receipts and purchases that pass as they are."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.acceptance.depot import day
from tests.acceptance.product import Product

AT = ("--at", "2026-11-20T10:00:00")


def begin(product: Product, template: str) -> Path:
    """A folder of rules made from a template."""
    folder = product.folder / "rules"
    product.run("init", str(folder), "--template", template)
    return folder


def order(number: int, /, line: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An order of two cups that the QuickBooks template lets go as it is."""
    cups = {"sku": "CUP-4", "name": "Cup", "uom": "PCS", "qty": "2", "price": "5.00", "tax": "SST"}
    body = {
        "number": f"NS-{number}",
        "status": "paid",
        "version": 1,
        "ordered_on": "2026-11-18",
        "branch": "KL",
        "customer": "C-77",
        "customer_name": "Kedai Maju Sdn Bhd",
        "price_level": "TRADE",
        "currency": "MYR",
        "subtotal": "10.00",
        "tax_total": "1.00",
        "total": "11.00",
        "lines": [{"pos": 1, **cups, **(line or {})}],
        **changes,
    }
    return {"kind": "order", "body": {k: v for k, v in body.items() if v is not None}}


def receipt(number: int, **changes: Any) -> dict[str, Any]:
    """A card payment of that order, which has arrived."""
    body = {
        "number": f"T-{number}",
        "order_number": "NS-1",
        "status": "captured",
        "received_on": "2026-11-18",
        "customer": "C-77",
        "method": "CARD",
        "amount": "11.00",
        **changes,
    }
    facts = {"first_seen": "2026-11-18T06:00:00Z", "links": {"orders": [order(1)["body"]]}}
    return {"kind": "receipt", "body": body, "facts": facts}


def purchase(number: int, /, line: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A purchase that is ready to bill."""
    tea = {"sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "40.00", "tax": "NONE"}
    body = {
        "number": f"PO-{number}",
        "status": "billable",
        "version": 1,
        "approved_version": 1,
        "ordered_on": "2026-11-18",
        "branch": "KL",
        "supplier": "S-01",
        "tax_total": "0.00",
        "total": "40.00",
        "lines": [{"pos": 1, **tea, **(line or {})}],
        **changes,
    }
    return {"kind": "purchase", "body": body}


def written(product: Product, records: Iterable[dict[str, Any]]) -> str:
    """The records as a file, one a line."""
    file = product.folder / "records.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in records), "utf-8")
    return str(file)


def append(file: Path, row: str) -> None:
    with file.open("a", encoding="utf-8") as rows:
        rows.write(row + "\n")


def findings(product: Product, rules: Path, record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What holds one record, by the name of the rule or table."""
    file = product.folder / "record.json"
    file.write_text(json.dumps(record["body"]), "utf-8")
    words = ("try", str(rules), str(file), "--kind", record["kind"], *AT, "--json")
    (decision,) = product.json(*words, code=1)["decisions"]
    assert decision["state"] == "held"
    return {found["rule"]: found for found in decision["findings"]}


def sold(at: int, number: str, **changes: Any) -> dict[str, Any]:
    """An order of a buyer whose key nobody knows; none of them is worth what another is."""
    price = 10 + at
    amounts = {
        "subtotal": f"{price}.00",
        "tax_total": f"{price / 10:.2f}",
        "total": f"{price * 1.1:.2f}",
    }
    body = order(
        0,
        {"qty": "1", "price": f"{price}.00"},
        customer=f"C-9{at:02}",
        customer_name="KM",
        ordered_on=day(3),
        **amounts,
    )["body"]
    return {"kind": "order", **body, "number": number, **changes}
