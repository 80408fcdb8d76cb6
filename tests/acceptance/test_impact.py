"""What one change moves: told before it is saved, and kept apart from what is posted already."""

import io
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import opened
from tests.acceptance.orders import clean, priced
from tests.acceptance.pages import rows, until_head, words
from tests.acceptance.parts import read
from tests.acceptance.product import (
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
    until,
)
from tests.acceptance.quiet import fix_mapping

pytestmark = pytest.mark.slow
MAPPINGS = f"/c/{CURRENT_COMPANY}/mappings"
TIN = "C29988776650"
ACCOUNT = """
map account
    match    exact
    "FPX"     -> "40000"
    "SHOPEE"  -> "40000"
    missing  hold for accounts  say "Channel {key} has no sales account."
"""


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running company whose channels have sales accounts, and a customer with two spellings."""
    folder = tmp_path_factory.mktemp("house")
    rules = folder / "impact-rules"
    shutil.copytree(STARTER, rules)
    change(rules / "posting.rules", "= sales_account", "= account(channel)")
    change(rules / "names.rules", "map tax_code", f"{ACCOUNT}\nmap tax_code")
    change(rules / "orders_test.rules", '"FPX"', '"FPX"')
    for name, row in (("debtors", "C-300,Warung Lama"), ("tins", f"{TIN},Warung Baru")):
        path = rules / "maps" / f"{name}.csv"
        path.write_text(f"{path.read_text('utf-8').rstrip()}\n{row}\n", "utf-8")
    tests = rules / "orders_test.rules"
    told = tests.read_text("utf-8").replace(
        'with  item("TEA-EARL-100")', 'with  account("FPX") = "40000", item("TEA-EARL-100")', 1
    )
    tests.write_text(told, "utf-8")
    with opened(Product(command, folder, free_environment()), rules) as found:
        yield found


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def buyer(number: int, code: str, **changes: Any) -> dict[str, Any]:
    return {"id": code, "name": f"Buyer {number}", "tin": None, "address": None} | changes


def change_entry(visitor: Visitor, table: str, key: str, value: str) -> tuple[str, str]:
    """Preview another value of a key, then save it: the words of both pages."""
    address = f"{MAPPINGS}/{table}/entry"
    asked = visitor.get(f"{address}?key={key}&other={value}")
    form = read(asked).one("form", cls="map-form")
    wish = {"other": value, "reason": "the accountant said so"}
    done = send(visitor, address, form.fields(), **wish)
    assert done.ok, words(done.text)[:500]
    return words(asked), done.url.removeprefix(visitor.address)


def send(visitor: Visitor, path: str, form: dict[str, str], **values: str) -> requests.Response:
    """Send a form that stands on a page."""
    headers = {"Referer": visitor.address + path}
    return visitor.session.post(
        visitor.address + path, {**form, **values}, headers=headers, timeout=60
    )


def test_B24_a_value_says_what_it_frees_and_contradicts_and_exactly_that_happens(
    house: House,
) -> None:
    finance = house.visitor(FINANCE)
    posted = [clean(n, customer=buyer(n, "C-300"), items=priced("10.00")) for n in range(1, 4)]
    house.deliver(*posted)
    until(lambda: set(house.created()) >= {"NS-1", "NS-2", "NS-3"}, "3 posted")
    two_names = [
        clean(
            n,
            customer=buyer(n, "C-300", tin=TIN),
            items=priced("340.00" if n == 100 else "335.00", tax="NONE"),
        )
        for n in range(100, 137)
    ]
    other = clean(137, customer=buyer(137, "C-300", tin=TIN), items=[item(1, sku="NOBODYS")])
    house.deliver(*two_names, other)
    listing = f"/c/{CURRENT_COMPANY}/holding"
    until(lambda: "One TIN, two debtors" in words(finance.get(listing)), "held ones")
    until_head(finance, 137, "Held")

    preview, _ = change_entry(finance, "debtor", "C-300", "Warung Baru")
    assert "frees 37 RM 12,400.00" in preview
    assert "1 stays held: item" in preview
    assert "Contradicts 3 posted documents, RM 33.00" in preview
    freed = {f"NS-{n}" for n in range(100, 137)}
    until(lambda: set(house.created()) >= freed, "37 documents", 40)
    until_head(finance, 137, "Held")
    assert set(house.created()) == freed | {"NS-1", "NS-2", "NS-3"}
    parties = {
        c["number"]: c["document"]["Customer"] for c in house.calls() if c["effect"] == "created"
    }
    assert {parties[number] for number in freed} == {"Warung Baru"}
    assert {parties[order["number"]] for order in posted} == {"Warung Lama"}


def test_F29_a_changed_account_lists_what_was_posted_and_gives_its_journal(house: House) -> None:
    finance = house.visitor(FINANCE)
    orders = [
        clean(n, channel="SHOPEE", items=[item(1, qty=str(n - 199)), item(2, price="7.77")])
        for n in range(200, 223)
    ]
    house.deliver(*orders)
    numbers = {order["number"] for order in orders}
    until(lambda: set(house.created()) >= numbers, "23 documents", 40)
    before = [call for call in house.calls() if call.get("number") in numbers]
    preview, shown = change_entry(finance, "account", "SHOPEE", "40010")
    assert "Contradicts 23 posted documents" in preview
    assert "frees" not in preview

    page = finance.get(shown)
    assert "Nothing in the accounts was changed" in words(page)
    listed = {row[0].split()[0]: row for row in rows(page) if row[0].startswith("NS-")}
    assert set(listed) == numbers
    nets = {order["number"]: Decimal(order["subtotal"]) for order in orders}
    assert all(listed[n][-1] == f"RM {net:,.2f}" for n, net in nets.items())

    sheet = re.search(r'id="reclasssheet" href="([^"]+)"', page)
    assert sheet
    answer = finance.session.get(finance.address + sheet[1], timeout=60)
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    head, *lines, total = list(book["Journal"].values)
    at = {name: head.index(name) for name in head}
    moved: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        assert (line[at["Debit"]] is None) != (line[at["Credit"]] is None)
        side = "Debit" if line[at["Debit"]] is not None else "Credit"
        account = (line[at["Document"]], f"{side} {line[at['Account']]}")
        moved[account] = moved.get(account, Decimal()) + Decimal(str(line[at[side]]))
    assert {n for n, _ in moved} == numbers
    for number, net in nets.items():
        assert moved[number, "Debit 40000"] == moved[number, "Credit 40010"] == net
    assert (
        Decimal(str(total[at["Debit"]])) == Decimal(str(total[at["Credit"]])) == sum(nets.values())
    )
    assert len(moved) == 2 * len(numbers)
    assert [call for call in house.calls() if call.get("number") in numbers] == before
    until_head(finance, 200, "Posted")


def test_C36_one_change_that_moves_four_hundred_stops_its_route_and_asks(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor("approver@kedai.example")
    orders = [clean(n, channel="TIKTOK", items=priced("20.00")) for n in range(1000, 1400)]
    house.deliver(*orders)
    numbers = {order["number"] for order in orders}

    def blocked() -> bool:
        listed = rows(finance.get(f"{MAPPINGS}/missing"))
        return any(row[0] == "TIKTOK" and "400" in row for row in listed)

    until(blocked, "400 held orders", 40)
    assert "400 records are judged again" in fix_mapping(
        finance, "TIKTOK", "40000", "a new channel"
    )
    stops = f"/c/{CURRENT_COMPANY}/stops/"
    until(lambda: "400 documents" in words(approver.get(stops)), "all judged", 40)
    told = words(approver.get(stops))
    assert "400 records, RM 8,800.00, move at once." in told
    assert "Allowed for one change: 100 records and RM 100,000.00." in told
    assert "account: TIKTOK" in told
    assert "by finance: a new channel" in told
    assert "has stopped" in words(finance.get(f"/c/{CURRENT_COMPANY}/"))
    house.deliver(clean(1500))
    until_head(finance, 1500, "Ready")
    assert not numbers & set(house.created())
    assert "NS-1500" not in house.created()

    form = read(approver.get(stops)).one("form", cls="stack").fields()
    path = re.search(r'action="(/c/[^"]+/stops/\d+)/resume"', approver.get(stops))
    assert path
    mine = read(finance.get(stops)).one("form", cls="stack").fields()
    refused = send(finance, f"{path[1]}/resume", mine, reason="let them go")
    assert refused.status_code == 403
    kept = send(approver, f"{path[1]}/keep", form, reason="asking the channel first")
    assert "asking the channel first" in words(kept.text)
    assert not numbers & set(house.created())
    went = send(approver, f"{path[1]}/resume", form, reason="the channel is real")
    assert "goes on" in words(went.text)
    until(lambda: numbers & set(house.created()), "the first of them", 40)
