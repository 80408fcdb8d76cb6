"""What a business says in its rules about people and prices, and what the product makes of it.

One company on QuickBooks under the shipped template, its people with teams of their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.paid_by_hand import CUPS, ORDER
from tests.acceptance.parts import read, state
from tests.acceptance.product import Product, free_environment
from tests.acceptance.quiet import BASE, rows, send
from tests.acceptance.trader import Trader, opened_trader

HELD = "FROM hold h JOIN record r ON r.id = h.record_id WHERE h.state = 'open' AND r.number = ?"
PEOPLE = {"clerk": ("sales_admin",), "controller": ("accounts", "sales_admin", "tax_desk")}
"""All with the role of finance: what tells them apart are their teams."""


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("said"), free_environment())
    rules = product.folder / "rules"
    product.run("init", str(rules), "--template", "orders-quickbooks")
    _makes_no_e_invoices(rules)
    teams = ("accounts", "sales_admin", "tax_desk")
    with opened_trader(product, rules, "quickbooks", teams=teams) as found:
        for name, own in PEOPLE.items():
            email, of = f"{name}@kedai.example", [word for team in own for word in ("--team", team)]
            added = ("user", "add", email, *COMPANY, "--role", "finance", *of)
            found.passwords[email] = product.run(*added).stdout.split("only now: ")[1].split()[0]
        yield found


def _makes_no_e_invoices(rules: Path) -> None:
    """As the template says it: one row with "-" stands for both ages."""
    file = rules / "changes.rules"
    young = r"(\| prices, heading +\| open +\| )<= cancel_window( \| no +\| update +\|\n)"
    old = r" +\| prices, heading +\| open +\| > cancel_window +\| no .*\n"
    text, found = re.subn(rf"{young}{old}", r"\1-               \2", file.read_text("utf-8"))
    assert found == 1
    file.write_text(text, "utf-8")
    for tests in rules.glob("*_test.rules"):  # they tell of the age
        tests.unlink()


def cups(number: str, qty: int, price: int) -> dict[str, Any]:
    """An order of cups; a tenth of it is tax."""
    line = {**CUPS, "tax": "SST", "qty": str(qty), "price": f"{price}.00"}
    sums = {"subtotal": qty * price, "tax_total": qty * price / 10, "total": qty * price * 1.1}
    return {**ORDER, "number": number, "lines": [line], **{k: f"{v:.2f}" for k, v in sums.items()}}


def effects(trader: Trader, number: str) -> list[str]:
    """What was done in QuickBooks to the invoice of an order, by its own ledger."""
    told = trader.books["quickbooks"].lines()
    done = ("created", "updated", "voided")
    return [one["effect"] for one in told if one["effect"] in done and one["number"] == number]


def test_T21c_a_new_price_updates_the_invoice_and_a_new_quantity_is_looked_at(
    trader: Trader,
) -> None:
    trader.take(cups("NS-31", 2, 5))
    trader.take(cups("NS-31", 2, 6))
    assert effects(trader, "NS-31-1") == ["created", "updated"]
    documents = trader.books["quickbooks"].documents()
    (stands,) = (one for one in documents if one.get("DocNumber") == "NS-31-1")
    assert stands["TotalAmt"] == 13.2
    assert state(trader.page("order", "NS-31")) == "Posted"

    book = read(trader.person("finance").get(f"{BASE}/rules/book?q=price+level")).text
    assert (
        "its prices (line price, line discount, subtotal, tax total, round off, prices include tax,"
        " total or price level)" in book
    )

    trader.take(cups("NS-31", 3, 6))
    assert effects(trader, "NS-31-1") == ["created", "updated"], "a quantity is not updated"
    page = trader.page("order", "NS-31")
    assert state(page) == "On hold"
    assert "goods changed: lines" in page.text
    assert rows(trader, f"SELECT h.code {HELD}", "NS-31") == [("STL01",)]


def test_T21b_only_the_team_that_keeps_a_map_changes_its_entries(trader: Trader) -> None:
    order = cups("NS-21", 2, 8)
    order["lines"][0]["tax"] = "SST-NEW"
    trader.take(order)
    assert {code for (code,) in rows(trader, f"SELECT h.code {HELD}", "NS-21")} == {"MAP01"}
    clerk, controller = trader.person("clerk"), trader.person("controller")

    listing = read(clerk.get(f"{BASE}/mappings/tax_ref"))
    assert "Kept by Tax desk: admin, controller, finance" in listing.text
    missing = read(clerk.get(f"{BASE}/mappings/missing"))
    row = next(r for r in missing.all("tr", role="row") if "Tax ref" in r.text)
    opened = row.all("a", cls="btn")[0].attributes["href"].partition("#")[0]
    page = read(clerk.get(opened))
    why = "You cannot change tax ref, because Tax desk keeps its entries."
    assert why in page.text
    form = page.one("form", cls="map-form")
    fields = {**form.fields(), "other": "5", "reason": "as the shop writes it now"}
    before = rows(trader, "SELECT count(*) FROM mapping_entry")
    told = send(clerk, form, fields, code=403)
    assert why in told
    assert "controller" in told
    assert rows(trader, "SELECT count(*) FROM mapping_entry") == before

    (hold,) = rows(trader, f"SELECT h.id {HELD} AND h.rule = 'tax_ref'", "NS-21")
    pane = f"{BASE}/holding/{hold[0]}"
    assert (
        "Tax desk keeps the entries of tax ref: the next move is theirs."
        in read(clerk.get(pane)).text
    )
    assert "the next move is theirs" not in read(controller.get(pane)).text

    entry = f"{BASE}/mappings/tax_ref/entry?key=SST"
    change = read(clerk.get(entry)).one("form", cls="map-form")
    assert why in send(
        clerk, change, {**change.fields(), "other": "X", "reason": "to try"}, code=403
    )
    own = read(clerk.get(f"{BASE}/mappings/item_ref/entry?key=TEA-1")).one("form", cls="map-form")
    assert send(clerk, own, {**own.fields(), "other": "77", "reason": "a table of the clerk's own"})

    for key, value in (("tax_ref", "5"), ("tax_rate", "10%")):
        missing = read(controller.get(f"{BASE}/mappings/missing"))
        row = next(
            r for r in missing.all("tr", role="row") if key.replace("_", " ").capitalize() in r.text
        )
        opened = row.all("a", cls="btn")[0].attributes["href"].partition("#")[0]
        form = read(controller.get(opened)).one("form", cls="map-form")
        send(
            controller, form, {**form.fields(), "other": value, "reason": "a new word of the shop"}
        )
    trader.work()
    assert state(trader.page("order", "NS-21")) == "Posted"


def only_hold(trader: Trader, number: str) -> str:
    """The address of the one open hold of an order."""
    ((hold,),) = rows(trader, f"SELECT h.id {HELD}", number)
    return f"{BASE}/holding/{hold}"


def fill_in(visitor: Any, hold: str, path: str, value: str, *, code: int = 200) -> str:
    """Send the form of a correction, whether the page offers it or not; what is answered."""
    token = read(visitor.get(hold)).all("input", name="csrf_token")[0].attributes["value"]
    values = {"rev": "1", "path": path, "value": value, "reason": "as on the paper order"}
    address = f"{visitor.address}{hold}/correct"
    form, headers = {"csrf_token": token, **values}, {"Referer": address}
    answer = visitor.session.post(address, form, headers=headers, timeout=30)
    assert answer.status_code == code, f"{answer.status_code} {read(answer.text).text[:800]}"
    return str(read(answer.text).text)


def offered(visitor: Any, hold: str) -> list[str]:
    """The fields that the page of a hold lets somebody set."""
    selects = read(visitor.get(hold)).all("select")
    chosen = [one for one in selects if one.attributes.get("name") == "path"]
    return [o.attributes["value"] for one in chosen for o in one.all("option")]


def test_T21a_nobody_fills_in_a_blank_total(trader: Trader) -> None:
    blank = cups("NS-11", 2, 7)
    del blank["total"]
    trader.take(blank)
    hold = only_hold(trader, "NS-11")
    for who in ("clerk", "controller"):
        person = trader.person(who)
        page = read(person.get(hold))
        assert offered(person, hold) == []
        told = "It cannot be filled in here: Sales administration has it corrected in intake"
        assert told in page.text
        refusal = fill_in(person, hold, "total", "15.40", code=403)
        assert "You cannot correct total here, because the rules do not allow it." in refusal
        assert told in refusal
    trader.work()
    versions = "SELECT v.no FROM version v JOIN record r ON r.id = v.record_id WHERE r.number = ?"
    assert rows(trader, versions, "NS-11") == [(1,)]
    assert effects(trader, "NS-11-1") == []

    trader.take(cups("NS-11", 2, 7))
    assert state(trader.page("order", "NS-11")) == "Posted"


def test_T21a_the_team_that_a_field_names_fills_it_in_and_no_other(trader: Trader) -> None:
    trader.take(cups("NS-12", 10, 2000))
    hold = only_hold(trader, "NS-12")
    clerk, controller = trader.person("clerk"), trader.person("controller")
    page = read(clerk.get(hold))
    assert offered(clerk, hold) == []
    assert "Tax desk may set it: controller or finance." in page.text
    refusal = fill_in(clerk, hold, "tin", "C20880050010", code=403)
    assert "You cannot set TIN because it is with Tax desk." in refusal
    assert "controller or finance" in refusal

    assert offered(controller, hold) == ["tin"]
    fill_in(controller, hold, "tin", "C20880050010")
    trader.work()
    assert state(trader.page("order", "NS-12")) == "Posted"
    assert effects(trader, "NS-12-1") == ["created"]
