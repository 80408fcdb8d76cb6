"""Money that went back is a refund in AiAccount, once, whatever becomes of the answers.

One company under the rules of the template as it is shipped; NetShop tells of refunds by webhook. A
test moves the clock and lets a worker run.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, days_ago, later
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import (
    ADMIN,
    APPROVER,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
)
from tests.acceptance.quiet import BASE, ask_target, record, rows, work, writes

pytestmark = pytest.mark.slow
DAY = 24 * 3600.0
RETURNED, REFUNDED = "Refunded + Items Returned", "Refunded"


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("refunds")
    product = Product(command, folder, free_environment())
    rules = folder / "refund-rules"
    product.run("init", str(rules), "--template", "netshop-aiaccount-refunds")
    with quiet(product, rules) as opened:
        work(opened)
        yield opened


def deliver(house: House, order: dict[str, Any]) -> None:
    """A webhook of the product's own time, and a worker's pass."""
    clock = house.product.home / "clock"
    shift = float(clock.read_text("ascii")) if clock.exists() else 0.0
    raw = json.dumps({"event": "order.updated", "orders": [order]}).encode()
    event = f"evt_{order['id']}_{order['version']}"
    answer = house.post_hook(raw, event_id=event, at=time.time() + shift)
    assert answer.status_code == 202, answer.text
    work(house)


def sold(house: House, number: int, **changes: Any) -> dict[str, Any]:
    """An order of two glasses, invoiced: RM 11.00 with tax."""
    when = {name: days_ago(2) for name in ("ordered_at", "paid_at", "updated_at")}
    given = clean(number, **{**when, **changes})
    deliver(house, given)
    assert f"NS-{number}" in house.created()
    return given


WAITING = "SELECT number FROM record WHERE number LIKE 'RF-712%' AND state <> 'held'"


def given_back(
    house: House, order: dict[str, Any], words: str, amount: str = "5.50", **items: str
) -> None:
    """One of the two glasses was paid back, or these items (SKU=pieces). NetShop tells no amount of
    an item.
    """
    lines = [{"sku": sku, "qty": qty} for sku, qty in (items or {"CUP-GLASS-20": "1"}).items()]
    back = {"id": f"RF-{order['id']}", "status": words, "amount": amount, "items": lines}
    deliver(house, later(order, refund=back))


def page_of(visitor: Visitor, number: int, tab: str = "seven") -> Part:
    return read(visitor.get(f"{BASE}/records/netshop/refund/RF-{number}?tab={tab}"))


def told(house: House, number: int) -> list[tuple[str, str]]:
    """What the target noted of each call that reached it with the refund: its effect, its key."""
    return [(line["effect"], line["key"]) for line in writes(house, f"RF-{number}")]


def stock(house: House) -> float:
    there = requests.get(f"{house.target}/_sim/stock", timeout=10).json()["stock"]
    return float(there["CMP-1042"]["CUP-GLASS-20"])


def made(house: House, number: int) -> dict[str, Any]:
    documents = requests.get(f"{house.target}/_sim/documents", timeout=10).json()["documents"]
    (found,) = [one for one in documents if one["number"] == f"RF-{number}"]
    assert isinstance(found, dict)
    return found


def goes_by(house: House, seconds: float) -> None:
    house.product.shift_clock(seconds)
    work(house)


def test_only_what_came_back_returns_to_stock_and_the_record_says_which(house: House) -> None:
    """The refund names its invoice; the shop's word decides about the stock, and both are told."""
    finance = house.visitor(FINANCE)
    for number, words, back in ((7101, RETURNED, 1), (7102, REFUNDED, 0)):
        order = sold(house, number)
        before = stock(house)
        given_back(house, order, words)
        document = made(house, number)
        assert (document["type"], document["paid"]) == ("sales_refund", f"NS-{number}")
        assert (document["total"], document["currency"]) == ("5.50", "MYR")
        assert stock(house) - before == back
        assert state(page_of(finance, number)) == "Posted"
        trail = page_of(finance, number, "trace").text
        assert ("Returned to stock there: 1 CUP-GLASS-20." in trail) == bool(back)
        assert ("Nothing was returned to stock." in trail) != bool(back)


def test_the_doctor_names_a_refund_that_returned_nothing_to_stock(house: House) -> None:
    """What AiAccount's own page asks first where a count is wrong: the shop's word for it."""
    given_back(house, sold(house, 7105), REFUNDED)
    asked = ("doctor", "aiaccount", "--company", CURRENT_COMPANY, "--as", ADMIN)
    first, todo, *_ = house.product.run(*asked, code=1).stdout.splitlines()
    assert first.startswith(
        "Inventory count wrong: RF-7105 gave money back for goods and returned none"
    )
    assert "says “Refunded”" in first
    assert todo.startswith("  next: Look at the refund in netshop")


def test_after_a_rejected_invoice_its_refund_is_held_and_can_be_rejected_too(
    house: House,
) -> None:
    """Somebody entered the invoice by hand: the refund would wait for it without end."""
    order = clean(7151, ordered_at=days_ago(2), paid_at=days_ago(2), updated_at=days_ago(2))
    lines = [{"sku": "CUP-GLASS-20", "qty": "1"}]
    back = {"id": "RF-7151", "status": REFUNDED, "amount": "5.50", "items": lines}
    deliver(house, {**later(order, refund=back), "total": "12.34"})
    person = house.visitor(APPROVER)
    assert state(page_of(person, 7151)) == "Waiting"
    act(person, hold_of(person, "order/7151"), "reject", reason="Entered by hand.")
    work(house)
    assert state(page_of(person, 7151)) == "On hold"
    assert "It comes after NS-7151, which is not posted: rejected" in page_of(person, 7151).text
    hold = hold_of(person, "refund/RF-7151")
    assert "Waits for a document that is not posted" in person.get(hold)
    act(person, hold, "reject", reason="Entered by hand, too.")
    assert state(page_of(person, 7151)) == "Not posted (rejected)"
    assert not writes(house, "NS-7151") + writes(house, "RF-7151")


def test_an_answer_that_is_lost_is_asked_for_by_the_same_call(house: House) -> None:
    order = sold(house, 7111)
    ask_target(house, "faults", fault="timeout_after")
    given_back(house, order, RETURNED)
    for at in range(1, 20):
        goes_by(house, at * 60)
    ((first, key), (second, again)) = told(house, 7111)
    assert ((first, second), key) == (("created", "replayed"), again)
    assert state(page_of(house.visitor(FINANCE), 7111)) == "Posted"


def test_without_any_answer_a_person_looks_and_says_what_is_there(house: House) -> None:
    """Three refunds without an answer: one is there and linked, one is not and sent, one is given
    up. Each way is on the page of its hold, and none is taken twice.
    """
    orders = {number: sold(house, number) for number in (7121, 7122, 7123)}
    for number, order in orders.items():
        first = "timeout_after" if number == 7121 else "html_502"
        ask_target(house, "faults", plan=[first, *["html_502"] * 4], number=f"RF-{number}")
        given_back(house, order, REFUNDED)
    for at in range(1, 60):
        goes_by(house, DAY + at * 1200)
        if not rows(house, WAITING):
            break
    finance = house.visitor(APPROVER)
    for number in orders:
        assert "Sent 5 times without a clear answer." in page_of(finance, number).text
        assert len(told(house, number)) == (1 if number == 7121 else 0)

    link, again, skip = (hold_of(finance, f"refund/RF-{number}") for number in orders)
    assert "AiAccount lists no refunds" in finance.get(link)
    assert "Only a person can look for it in AiAccount" in finance.get(link)
    assert "Not there: send RF-7122 again" in finance.get(again)
    act(finance, link, "link", number="RF-7121", reason="It is there, seen on its page.")
    act(finance, again, "look", reason="Its list of refunds, all of November.")
    act(finance, skip, "reject", reason="Paid back in cash.")
    goes_by(house, 2 * DAY)
    finance = house.visitor(FINANCE)
    assert [state(page_of(finance, number)) for number in orders] == [
        "Posted", "Posted", "Not posted (rejected)",
    ]  # fmt: skip
    effects = [[effect for effect, _ in told(house, number)] for number in orders]
    assert effects == [["created"], ["created"], []]


def hold_of(finance: Visitor, place: str) -> str:
    """The page of the open hold of a record."""
    page = finance.get(f"{BASE}/records/netshop/{place}")
    found = re.search(rf'href="({BASE}/holding/\d+)[?"]', page)
    assert found, page[:3000]
    return found[1]


def act(finance: Visitor, hold: str, what: str, **values: str) -> None:
    answer = finance.post(f"{hold}/{what}", finance.get(hold), **values)
    assert answer.ok, answer.text[:1500]


def test_what_the_shop_tells_is_enough_or_a_person_enters_it(house: House) -> None:
    """Items without amounts are refunded as the order has them, which adds up to the total; a text
    that nobody knows, money without items and a sum that does not come out send nothing.
    """
    goods = [item(1, qty="2", uom="BOX"), item(2, sku="POT-GLASS-60", name="Pot", price="60.00")]
    whole = sold(house, 7131, items=goods)
    given_back(house, whole, RETURNED, whole["total"], **{"CUP-GLASS-20": "2", "POT-GLASS-60": "2"})
    lines = made(house, 7131)["document"]["lines"]
    sent = [(line["SKU"], line["Quantity"], line["Amount"]) for line in lines]
    assert sent == [("CUP-GLASS-20", "24", "11.00"), ("POT-GLASS-60", "2", "132.00")]
    finance = house.visitor(FINANCE)
    assert state(record(finance, 7131)) == "Posted"

    held = {
        7132: (("Refunded + items returned", "5.50", {}), "Missing or not valid in the data"),
        7133: (("Refunded", "5.50", {"POT-GLASS-60": "1"}), "Refunded items do not match"),
        7134: (("Refunded", "11.01", {}), "Refund amount does not match"),
    }
    for number, ((words, amount, items), said) in held.items():
        given_back(house, sold(house, number), words, amount, **items)
        assert said in page_of(finance, number).text
    bare = sold(house, 7135)
    money = {"id": "RF-7135", "status": REFUNDED, "amount": "5.50", "items": []}
    deliver(house, later(bare, refund=money))
    assert "Enter refund RF-7135 of RM 5.50 manually." in page_of(finance, 7135).text
    for number in (*held, 7135):
        assert told(house, number) == []


def test_a_sale_that_is_told_with_its_refund_is_invoiced_and_refunded(house: House) -> None:
    """The refund waits for the invoice of its order, which stands for all that was sold."""
    order = clean(7141, ordered_at=days_ago(2), paid_at=days_ago(2), updated_at=days_ago(2))
    given_back(house, order, RETURNED, order["total"], **{"CUP-GLASS-20": "2"})
    work(house)
    invoice, refund = writes(house, "NS-7141"), writes(house, "RF-7141")
    assert [[one["effect"] for one in calls] for calls in (invoice, refund)] == [
        ["created"], ["created"],
    ]  # fmt: skip
    assert made(house, 7141)["total"] == "11.00"


def test_the_test_of_the_connection_says_when_refunds_are_not_taken(house: House) -> None:
    """The rules post refunds, so a person's test tries them; a company may have none there."""
    words = ("connection", "test", "aiaccount", "--company", CURRENT_COMPANY, "--as", ADMIN)
    assert "sales refunds may be written" in house.product.run(*words).stdout
    ask_target(house, "company", refunds_enabled=False)
    answer = house.product.run(*words, code=3)
    assert "AiAccount takes no refunds in this company" in answer.stdout + answer.stderr
    ask_target(house, "company", refunds_enabled=True)
