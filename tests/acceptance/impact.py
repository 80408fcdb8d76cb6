"""A shop in which mappings change, parties have two spellings and orders come twice."""

import json
import re
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.orders import days_ago
from tests.acceptance.pages import head, words
from tests.acceptance.parts import read
from tests.acceptance.product import (
    CURRENT_COMPANY,
    House,
    Visitor,
    until,
)

MAPPINGS = f"/c/{CURRENT_COMPANY}/mappings"
TIN = "C29988776650"
MAJU, MAJU_TOO = "Kedai Maju Sdn Bhd", "KEDAI-MAJU SDN. BHD. (PJ)"
MAJU_TIN = "C22334455660"
LADANG, LADANG_TOO = "Ladang Teh Sdn Bhd", "LADANG-TEH SDN. BHD. (CH)"
KNOWN_BILLS = ((30, "S-501", 5), (45, "S-501", 45), (50, "S-502", 75))
"""Of each purchase its number, which is its total, too, the supplier, and how many days ago."""
REGISTRATION = """\
    address           text    optional
    registration      text    optional"""
NUMBERS = f"""
map debtor_of_registration
    match    any case, any punctuation
    "201801012345 (1267890-X)"  -> "{MAJU}"
    missing  hold for sales_admin  say "No debtor has the number {{key}}."

map debtor_of_name
    match    any case, any punctuation
    "{MAJU}"  -> "{MAJU}"
    missing  hold for sales_admin  say "Nobody is called {{key}}."
"""
CHECKS = """
check duplicate_party on order
    when     debtor_of_registration(registration) is known
    require  debtor_of_registration(registration) = debtor(customer)
    else     hold for sales_admin
    say      "One number, two debtors: {registration} is {debtor_of_registration(registration)}."
    clears   when it passes

check duplicate_name on order
    when     debtor_of_name(customer_name) is known
    require  debtor_of_name(customer_name) = debtor(customer)
    else     hold for sales_admin
    say      "One name, two debtors: {customer_name} is {debtor_of_name(customer_name)}."
    clears   when it passes
"""
NO_LELONG = """
check no_lelong on order
    require  channel <> "LELONG"
    else     hold for accounts
    say      "Nobody knows yet what LELONG takes for itself."
    clears   when it passes
"""
ACCOUNT = """
map account
    match    exact
    "FPX"     -> "40000"
    "SHOPEE"  -> "40000"
    "LELONG"  -> "40000"
    missing  hold for accounts  say "Channel {key} has no sales account."
"""


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def buyer(number: int, code: str, **changes: Any) -> dict[str, Any]:
    return {"id": code, "name": f"Buyer {number}", "tin": None, "address": None} | changes


def sent(house: House, numbers: set[str]) -> list[dict[str, Any]]:
    """The calls that told the target something about these documents, beside reading them."""
    return [c for c in house.calls() if c.get("number") in numbers and c["call"] != "lookup"]


def change_entry(visitor: Visitor, table: str, key: str, value: str) -> tuple[str, str]:
    """Preview another value of a key, then save it: the words of both pages."""
    address = f"{MAPPINGS}/{table}/entry"
    asked = visitor.get(f"{address}?key={key}&other={value}")
    form = read(asked).one("form", cls="map-form")
    wish = {"other": value, "reason": "the accountant said so"}
    done = send(visitor, address, form.fields(), **wish)
    assert done.ok, words(done.text)[:500]
    return words(asked), done.url.removeprefix(visitor.address)


def send(visitor: Visitor, path: str, form: dict[str, str], /, **values: str) -> requests.Response:
    """Send a form that stands on a page."""
    headers = {"Referer": visitor.address + path}
    return visitor.session.post(
        visitor.address + path, {**form, **values}, headers=headers, timeout=60
    )


def by_file(house: House, *orders: dict[str, Any]) -> None:
    """The same orders as the shop's, as another system gives them in a file."""
    in_file(house, *(as_record(order) for order in orders))


def in_file(house: House, *records: dict[str, Any]) -> None:
    """Records in the canonical form, given in a file."""
    file = house.product.folder / f"{records[0]['number']}.records.json"
    file.write_text(json.dumps({"records": records}), "utf-8")
    words_ = ("ingest", str(file), "--company", CURRENT_COMPANY, "--source", "intake")
    house.product.run(*words_)


def as_record(order: dict[str, Any]) -> dict[str, Any]:
    """An order in the canonical form."""
    customer, lines = order["customer"], order["items"]
    names = [
        *("number", "status", "paid_at", "updated_at", "channel", "currency", "created_by"),
        *("version", "round_off", "subtotal", "tax_total", "total", "registration"),
    ]
    line = ("pos", "sku", "name", "uom", "qty", "price", "tax")
    return {
        **{name: order[name] for name in names if name in order},
        "kind": "order",
        "id": f"file-{order['id']}",
        "ordered_on": order["ordered_at"][:10],
        "customer": customer["id"],
        "customer_name": customer["name"],
        "tin": customer["tin"],
        "lines": [{name: each[name] for name in line} for each in lines],
    }


def bought(number: int, supplier: str, days: int, **changes: str) -> dict[str, Any]:
    """A purchase of so many days ago that is ready to bill."""
    return {
        "kind": "purchase",
        "id": f"PO-{number}",
        "number": f"PO-{number}",
        "status": "billable",
        "ordered_on": days_ago(days)[:10],
        "supplier": supplier,
        "supplier_name": f"Seller {number}",
        **changes,
    }


def until_page(visitor: Visitor, path: str, state: str) -> None:
    """The record of this page is in this state."""
    until(lambda: head(visitor.get(path)).startswith(state), f"{path} {state}")


def hold_of(visitor: Visitor, path: str) -> str:
    """The address of the page of the one hold of a record."""
    found = re.search(r'href="(/c/[^"]+/holding/\d+)"', visitor.get(path))
    assert found
    return found[1]
