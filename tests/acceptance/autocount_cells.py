"""What happens to each posted document of the AutoCount template, cell by cell, in a table of ours.

Here: the cases, the one answer of each, and the test in which a record comes into that case.
"""

import itertools
from collections.abc import Iterator

FIVE = {
    "update": "update",
    "credit note and new": "create new",
    "block": "block",
    "void": "reverse",
    "credit note": "reverse",
    "review": "manual review",
}
CHANGES = ("amounts", "party", "fell back", "cancelled")
LOCKS, AGES, GOODS = ("open", "locked"), ("71h", "73h"), ("none", "partly", "whole")
ROUTES = {
    "order to invoice": ("soap", "invoice"),
    "order to sales order": ("soap", "sales_order"),
    "purchase": ("rice", "purchase_order"),
    "delivery": ("second_van", "delivery_order"),
    "arrival": ("lorry", "goods_received_note"),
    "refund": ("one_bag_back", "credit_note"),
    "receipt": ("paid", "ar_payment"),
    "settlement": ("week_46", "ap_invoice"),
    "settlement payment": ("withheld", "ap_payment"),
}
APPROVED = "version = 4, approved_version = 4"
WHAT = {
    "soap": {
        "amounts": f"line 2.price = 20.00, total = 411.20, {APPROVED}",
        "party": f'branch = "JB", {APPROVED}',
        "fell back": "status = draft",
    },
    "rice": {
        "amounts": f"line 1.price = 18.00, total = 1800.00, {APPROVED}",
        "party": f'branch = "JB", {APPROVED}',
        "fell back": "status = draft",
    },
    "second_van": {
        "amounts": "line 1.qty = 40",
        "party": 'branch = "JB"',
        "fell back": "status = open",
    },
    "lorry": {"amounts": "line 1.qty = 58", "party": 'branch = "JB"', "fell back": "status = open"},
    "one_bag_back": {
        "amounts": "line 1.amount = 20.00, total = 20.00",
        "party": 'customer = "K-305", debtor("K-305") = "300-K305"',
        "fell back": "status = open",
    },
    "paid": {
        "amounts": "amount = 400.00",
        "party": 'customer = "K-305", debtor("K-305") = "300-K305"',
        "fell back": "status = pending",
    },
    "week_46": {
        "amounts": "fees = -300.00, net = 4680.00",
        "party": 'supplier = "S-22", creditor("S-22") = "400-M001"',
        "fell back": "status = open",
    },
    "withheld": {
        "amounts": "amount = 300.00",
        "party": 'supplier = "S-22", creditor("S-22") = "400-S022"',
        "fell back": "status = pending",
    },
}
LINKED = {
    "soap": ("deliveries", {"partly": "first_van", "whole": "first_van, second_van"}),
    "rice": ("arrivals", {"partly": "lorry", "whole": "lorry, second_lorry"}),
}
SECOND_LORRY = """
sample second_lorry of arrival at 2026-11-20 10:00
    number        = "89"
    order_number  = "310"
    status        = confirmed
    arrived_on    = 2026-11-20
    supplier      = "S-14"
    branch        = "KL"
    line  pos = 1, order_line = 1, sku = "RICE-5", uom = "BAG", qty = 40
    with  purchases = (rice), period = open
"""
EVERY_MONEY = [
    ("amounts, party, fell back, cancelled", "open", "-", "-", "review by accounts"),
    ("amounts, party, fell back, cancelled", "locked", "-", "-", "block"),
]
EVERY_MOVE = [
    ("amounts, party", "open", "-", "-", "update"),
    ("amounts, party", "locked", "-", "-", "review by accounts"),
    ("fell back", "-", "-", "-", "review by warehouse"),
    ("cancelled", "open", "-", "-", "review by warehouse"),
    ("cancelled", "locked", "-", "-", "block"),
]
TABLE = {
    "order to invoice": [
        ("amounts", "open", "-", "none", "credit note"),
        ("amounts", "open", "-", "partly, whole", "credit note and new"),
        ("party", "open", "-", "none", "credit note"),
        ("party", "open", "71h", "partly, whole", "update"),
        ("party", "open", "73h", "partly, whole", "credit note and new"),
        ("amounts, party", "locked", "-", "-", "review by accounts"),
        ("fell back", "-", "-", "-", "review by accounts"),
        ("cancelled", "locked", "-", "-", "block"),
        ("cancelled", "open", "71h", "none", "void"),
        ("cancelled", "open", "73h", "none", "credit note"),
        ("cancelled", "open", "-", "partly, whole", "review by accounts"),
    ],
    "order to sales order": [
        ("amounts", "open", "-", "none", "update"),
        ("amounts", "open", "-", "partly, whole", "review by sales_admin"),
        ("party", "open", "-", "-", "update"),
        ("amounts, party", "locked", "-", "-", "review by sales_admin"),
        ("fell back", "-", "-", "-", "review by sales_admin"),
        ("cancelled", "locked", "-", "-", "block"),
        ("cancelled", "open", "-", "none", "void"),
        ("cancelled", "open", "-", "partly, whole", "review by sales_admin"),
    ],
    "purchase": [
        ("amounts, party", "open", "-", "none", "update"),
        ("amounts, party", "open", "-", "partly, whole", "review by purchasing"),
        ("amounts, party", "locked", "-", "-", "review by purchasing"),
        ("fell back", "-", "-", "-", "review by purchasing"),
        ("cancelled", "locked", "-", "-", "block"),
        ("cancelled", "open", "-", "none", "void"),
        ("cancelled", "open", "-", "partly, whole", "review by purchasing"),
    ],
    "delivery": EVERY_MOVE,
    "arrival": EVERY_MOVE,
    "refund": EVERY_MONEY,
    "receipt": EVERY_MONEY,
    "settlement": EVERY_MONEY,
    "settlement payment": EVERY_MONEY,
}
Cell = tuple[str, str, str, str]


def cells(kind: str) -> Iterator[tuple[Cell, str]]:
    """Every case of a kind, with the one answer that the table above gives it."""
    goods = GOODS if ROUTES[kind][0] in LINKED else ("-",)
    for cell in itertools.product(CHANGES, LOCKS, AGES, goods):
        rows = [row for row in TABLE[kind] if all(map(fits, row, cell))]
        assert len(rows) == 1, (kind, cell)
        yield cell, rows[0][4]


def fits(wanted: str, value: str) -> bool:
    return wanted == "-" or value == "-" or value in wanted.split(", ")


def story(kind: str, cell: Cell) -> str:
    """The record is posted; then it changes, in a world of that lock, age and goods."""
    sample, _ = ROUTES[kind]
    change, lock, age, goods = cell
    what = WHAT[sample].get(change, "status = cancelled")
    given = f"    given    {sample}"
    if goods != "-":
        link, lists = LINKED[sample]
        if goods == "none":
            what += f", {link} is missing"
        else:
            given += f" with {link} = ({lists[goods]})"
    return f"{given}\n    then     {what}\n    and      period = {lock}, e_invoice_age = {age}\n"


def expectation(kind: str, answer: str) -> str:
    return f"    expect   autocount.{ROUTES[kind][1]} {answer}\n"
