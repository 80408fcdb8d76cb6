"""Rules whose change moves many documents, or much money."""

import re
import shutil
from pathlib import Path

from tests.acceptance.checking import without
from tests.acceptance.conftest import STARTER
from tests.acceptance.impact import (
    ACCOUNT,
    CHECKS,
    MAJU,
    MAJU_TIN,
    MAJU_TOO,
    NO_LELONG,
    NUMBERS,
    REGISTRATION,
    TIN,
    change,
    send,
)
from tests.acceptance.orders import clean
from tests.acceptance.pages import until_head, words
from tests.acceptance.parts import read
from tests.acceptance.product import (
    CURRENT_COMPANY,
    House,
    Visitor,
    item,
    until,
)

STOPS = f"/c/{CURRENT_COMPANY}/stops/"


def written_rules(folder: Path) -> Path:
    """Rules in which channels have sales accounts, and a customer has two spellings."""
    rules = folder / "impact-rules"
    shutil.copytree(STARTER, rules)
    change(rules / "posting.rules", "= sales_account(line.kind)", "= account(channel)")
    change(rules / "orders_test.rules", 'AccountCode = "90600", ', "")
    change(rules / "names.rules", "map tax_code\n", f"{ACCOUNT}\nmap tax_code\n")
    words_of = rules / "shop.rules"
    change(words_of, "source netshop", "source intake")
    change(words_of, "order from netshop", "order from intake")
    change(words_of, "    address             text    optional", REGISTRATION)
    change(rules / "names.rules", "map item\n", f"{NUMBERS}\nmap item\n")
    change(
        rules / "clearing.rules", "check whole_pieces", f"{CHECKS}{NO_LELONG}\ncheck whole_pieces"
    )
    change(rules / "changes.rules", "tin, address", "tin, registration, address")
    shutil.copy(Path(__file__).parent / "suppliers.rules", rules)
    debtors = f"C-300,Warung Lama\nC-501,{MAJU}\nC-502,{MAJU_TOO}"
    for name, row in (("debtors", debtors), ("tins", f"{TIN},Warung Baru\n{MAJU_TIN},{MAJU}")):
        path = rules / "maps" / f"{name}.csv"
        path.write_text(f"{path.read_text('utf-8').rstrip()}\n{row}\n", "utf-8")
    tests = rules / "orders_test.rules"
    told = tests.read_text("utf-8").replace(
        'with  item("TEA-EARL-100")', 'with  account("FPX") = "40000", item("TEA-EARL-100")', 1
    )
    tests.write_text(told, "utf-8")
    return rules


def a_rule_that_moves_too_much_money_stops_it_too(house: House, approver: Visitor) -> None:
    """Forty orders are few, and more than RM 100,000: a rule that held them is taken out."""
    orders = [
        clean(n, channel="LELONG", items=[item(1, qty="1", price="2900.00", tax="NONE")])
        for n in range(1600, 1640)
    ]
    house.deliver(*orders)
    numbers = {order["number"] for order in orders}
    until_head(approver, 1639, "On hold")
    rules = house.product.folder / "impact-rules"
    file = rules / "clearing.rules"  # another test may have changed what the check compares
    file.write_text(without(file.read_text("utf-8"), "check no_lelong on order"), "utf-8")
    company = ("--company", CURRENT_COMPANY)
    push = ("rules", "push", str(rules), *company, "--as", "consultant@kedai.example")
    pushed = re.search(r"Change (\d+) saved", house.product.run(*push).stdout)
    assert pushed
    house.product.run("publish", pushed[1], *company, "--as", "publisher@kedai.example")
    until(lambda: "40 records" in words(approver.get(STOPS)), "all judged")
    told = words(approver.get(STOPS))
    assert "A single change affects 40 records, RM 116,000.00." in told
    assert "Allowed for one change: 100 records and RM 100,000.00." in told
    assert "by publisher" in told
    assert "correct the rules" in told
    assert not numbers & set(house.created())
    path = re.search(r'action="(/c/[^"]+/stops/\d+)/resume"', approver.get(STOPS))
    assert path
    form = read(approver.get(STOPS)).one("form", cls="stack").fields()
    went = send(approver, f"{path[1]}/resume", form, reason="LELONG was agreed")
    assert "goes on" in words(went.text)
    until(lambda: numbers <= set(house.created()), "all of them")
