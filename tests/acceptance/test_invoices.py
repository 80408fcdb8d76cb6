"""Orders become sales invoices: these and no others, line by line."""
# ruff: noqa: N802 - tests of a row carry its id

from tests.acceptance.orders import clean
from tests.acceptance.product import House, item, until

PAID, UNPAID = range(5001, 5013), range(5013, 5016)


def test_E01_paid_orders_become_invoices_and_unpaid_ones_wait(house: House) -> None:
    orders = [clean(number, items=_items(number)) for number in PAID]
    orders += [clean(number, status="pending", paid_at=None) for number in UNPAID]
    assert house.deliver(*orders).status_code == 202

    until(lambda: len(house.created()) >= len(PAID), "12 invoices in the target")
    for number in UNPAID:
        house.until_state(f"NS-{number}", "waiting")
    made = {line["number"]: line["document"] for line in house.calls() if line["number"]}
    assert sorted(house.created()) == [f"NS-{number}" for number in PAID]
    for order in orders[: len(PAID)]:
        document = made[order["number"]]
        assert document["Customer"] == "Warung Melati"
        assert document["InvoiceDate"] == order["ordered_at"][:10]
        sent = [(i["sku"], i["qty"], i["price"]) for i in order["items"]]
        there = [(i["SKU"], i["Quantity"], i["UnitPrice"]) for i in document["lines"]]
        assert [_plain(line) for line in there] == [_plain(line) for line in sent]


def _items(number: int) -> list[dict[str, object]]:
    """One to three lines, with other quantities in each order."""
    skus = ("CUP-GLASS-20", "TEA-OOLONG-50", "GFT-TIN-S")
    return [
        item(pos, sku=sku, qty=str(number % 5 + pos), price=f"{4 + pos}.50")
        for pos, sku in enumerate(skus[: number % 3 + 1], start=1)
    ]


def _plain(line: tuple[str, str, str]) -> tuple[str, float, float]:
    return line[0], float(line[1]), float(line[2])
