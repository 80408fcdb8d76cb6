"""The rule sets to begin with, in force: what they hold, what the books have, and what frees it.

Three companies: orders cleared for AutoCount, for QuickBooks and for AiAccount, each under its
shipped template. Nothing here is told by a rule that stands in a test.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.depot import (
    Body,
    Depot,
    cut_for_the_cloud,
    day,
    opened_depot,
    purchase,
    receipt,
    sale,
    van,
)
from tests.acceptance.gaps_at_work import map_missing
from tests.acceptance.houses import quiet
from tests.acceptance.orders import buyer, clean, later, priced
from tests.acceptance.parts import hold_links, read, state
from tests.acceptance.product import APPROVER, FINANCE, House, Product, free_environment, item
from tests.acceptance.quiet import BASE, approve, record, rows, work
from tests.acceptance.template_records import begin, sold
from tests.acceptance.trader import Trader, opened_trader

HELD = """
SELECT hold.code, team.name, hold.message, hold.clears FROM hold
JOIN record ON record.id = hold.record_id LEFT JOIN team ON team.id = hold.team_id
WHERE hold.state = 'open' AND record.number = ? ORDER BY hold.id
"""


@pytest.fixture(scope="module")
def depot(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    product = Product(command, tmp_path_factory.mktemp("depot"), free_environment())
    with opened_depot(product, cut_for_the_cloud(product, product.folder / "rules")) as found:
        yield found


@pytest.fixture(scope="module")
def trader(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("trader"), free_environment())
    rules, teams = begin(product, "orders-quickbooks"), ("accounts", "sales_admin")
    with opened_trader(product, rules, "quickbooks", teams=teams) as found:
        yield found


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("shop"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def held(house: House, number: str) -> list[tuple[Any, ...]]:
    """Code, team, words and way out of all that holds a record."""
    return rows(house, HELD, number)


# ---- AutoCount ----


def sent(depot: Depot, *words: str) -> list[str]:
    """The calls that named such a document, whatever became of them."""
    numbers = [str(call.get("number")) for call in depot.calls()]
    return [number for number in numbers if any(word in number for word in words)]


def test_B13_documents_go_in_order_and_a_request_needs_its_approval(depot: Depot) -> None:
    """Each waits without a call for the one before it: receipt, invoice, delivery; and a request
    for the approval of exactly this version.
    """
    paid, order = receipt("R-13", "1301", "13.10"), sale("1301", price="1.31")
    depot.take(paid, van("D-1301", "1301", "10", status="open"), order)
    depot.move(minutes=15)
    depot.work()
    for kind, number in (("order", "1301"), ("receipt", "R-13")):
        assert state(depot.page(kind, number)) == "Waiting"
    assert sent(depot, "1301", "R-13") == []
    depot.take(van("D-1301", "1301", "10"))
    assert depot.effects("1301", "R-13") == [("created", "IV-1301-1"), ("created", "RC-R-13")]
    assert depot.document("RC-R-13")["master"]["description"] == "IV-1301-1"

    first = van("D-1302", "1302", "10")  # the delivery comes before its order
    depot.take(first)
    depot.move(minutes=15)
    depot.work()
    assert sent(depot, "1302") == []
    depot.take(sale("1302", price="1.32"))
    assert depot.effects("1302") == [("created", "IV-1302-1")]

    def request(version: int, **changes: Any) -> Body:
        return purchase("1303", "1.33", version=version, **changes)

    depot.take(request(1, status="Requested", approved_version=None, approved_by=None))
    depot.move(minutes=15)
    depot.work()
    assert state(depot.page("purchase", "1303")) == "Waiting"
    depot.take(request(2, approved_version=1))  # changed since
    assert state(depot.page("purchase", "1303")) == "On hold"
    assert (
        held(depot, "1303")[0][2]
        == "Not approved in the source: 1303 is version 2, approved is version 1."
    )
    assert sent(depot, "1303") == []
    depot.take(request(3, approved_version=3))
    assert depot.effects("1303") == [("created", "PO-1303-1")]


def billed(
    number: str, line: Body | None = None, price: str = "2.00", **changes: Any
) -> list[Body]:
    """Ten pieces that were sold and delivered."""
    order = sale(number, price=price, **changes)
    order["lines"] = [{**order["lines"][0], **(line or {})}]
    goods = {"sku": order["lines"][0]["sku"]}
    brought = van(f"D-{number}", number, "10", customer=order["customer"])
    brought["lines"] = [{**brought["lines"][0], **goods}]
    return [brought, order]


def test_T36a_F17_an_unknown_customer_or_supplier_is_held_with_whom_it_may_be(depot: Depot) -> None:
    depot.take(*billed("1701", price="1.71", customer="K210"))
    depot.take(purchase("1702", "1.72", supplier="S14"))
    near = "is known: it differs by special characters."
    for number, who, known, team in (
        ("1701", "Customer K210 is not mapped to a debtor", "K-210", "sales_admin"),
        ("1702", "Supplier S14 is not mapped to a creditor", "S-14", "purchasing"),
    ):
        words = f'{who} in AutoCount. "{known}" {near}'
        assert ("MAP01", team, words, "itself") in held(depot, number)
        assert sent(depot, number) == []
    finance = depot.person("finance")
    map_missing(finance, "debtor", "K210", "300-K211")
    map_missing(finance, "creditor", "S14", "400-S022")
    depot.work_on(2)
    assert depot.document("IV-1701-1")["master"]["debtorCode"] == "300-K211"
    assert depot.document("PO-1702-1")["master"]["creditorCode"] == "400-S022"


def test_T36b_F19_an_unknown_item_is_held_and_no_other_taken(depot: Depot) -> None:
    depot.take(*billed("1901", {"sku": "tissue-3p"}, price="1.91"))
    words = "Item tissue-3p is not mapped to an AutoCount item"
    exact = "(exact match: case, spaces and dashes matter)."
    near = f'{words} {exact} "TISSUE-3P" is known: it differs by case.'
    assert ("MAP01", "sales_admin", near, "itself") in held(depot, "1901")
    assert sent(depot, "1901") == []
    map_missing(depot.person("finance"), "item", "tissue-3p", "TISSUE3")
    depot.work_on(1)
    (line,) = depot.document("IV-1901-1")["details"]
    assert line["productCode"] == "TISSUE3"


def test_T36c_F07_a_default_classification_is_marked_as_one(depot: Depot) -> None:
    """AutoCount takes the code from its item, so what stands in its books says nothing of it."""
    depot.take(*billed("1761", price="7.01"), *billed("1762", {"sku": "NAPKIN"}, price="7.02"))
    map_missing(depot.person("finance"), "item", "NAPKIN", "TISSUE3")
    depot.work_on(1)
    assert depot.effects("1761", "1762") == [("created", "IV-1761-1"), ("created", "IV-1762-1")]
    default = "by default, since item_class(line.sku) is missing"
    for number, marked in (("1761", False), ("1762", True)):
        shown = depot.page("order", number, "lineage").text
        assert "Classification" in shown
        assert "022" in shown
        assert (default in shown) is marked


def test_T36d_F20_tax_of_another_rate_is_held_with_both_sums(depot: Depot) -> None:
    eight: Body = {"tax_total": "1.60", "total": "21.60"}
    depot.take(*billed("2001", {"tax": "SST"}, **eight))
    words = "Tax does not match: calculated RM 2.00, source RM 1.60."
    assert held(depot, "2001") == [("CHK01", "tax_desk", words, "by:tax_desk")]
    assert sent(depot, "2001") == []
    ten: Body = {"tax_total": "2.00", "total": "22.00", "version": 2}
    depot.take(billed("2001", {"tax": "SST"}, **ten)[1])
    master = depot.document("IV-2001-1")["master"]
    assert (master["tax"], master["finalTotal"]) == ("2.00", "22.00")


def test_T36e_F22_the_day_of_the_last_delivery_dates_the_invoice(depot: Depot) -> None:
    depot.take(*billed("2201", price="2.21"))
    assert depot.document("IV-2201-1")["master"]["docDate"][:10] == day(2), "not the order's"


def test_F16_an_unmapped_branch_never_falls_back_to_another_location(depot: Depot) -> None:
    before = depot.stock()
    depot.take(*billed("1601", price="1.61", branch="Klang"))
    assert depot.stock() == before, "nothing moved anywhere"
    depot.take(*billed("1602", price="1.62"))
    assert depot.effects("1601", "1602") == [("created", "IV-1602-1")]
    assert depot.moved(before) == {("HQ", code): -10 for code in sold_in(depot, "IV-1602-1")}
    assert sent(depot, "1601") == [], "no call either"
    words = "Branch Klang is not mapped to a stock location in AutoCount."
    assert ("MAP01", "warehouse", words, "itself") in held(depot, "1601")
    assert {row[0] for row in held(depot, "1601")} == {"MAP01"}
    depot.take(*billed("1603", price="1.63", branch="klang"))  # exactly: no near miss either
    assert sent(depot, "1603") == []
    map_missing(depot.person("finance"), "location", "Klang", "JB01")
    depot.work_on(1)
    places = {n: depot.document(f"IV-{n}-1")["master"]["salesLocation"] for n in ("1601", "1602")}
    assert places == {"1601": "JB01", "1602": "HQ"}
    assert sent(depot, "1603") == []
    assert depot.moved(before) == {
        (place, code): -10 for place in ("HQ", "JB01") for code in sold_in(depot, "IV-1601-1")
    }, "of the one that is mapped now, ten from its own place; of the other still nothing"


def sold_in(depot: Depot, number: str) -> set[str]:
    """The products of a document as it stands in AutoCount."""
    return {str(row["productCode"]) for row in depot.document(number)["details"]}


# ---- QuickBooks ----


def cups(at: int, **changes: Any) -> Body:
    """A cup sold to a customer whom all agree on, at a price of its own."""
    who = {"customer": "C-77", "customer_name": "Kedai Maju Sdn Bhd", **changes}
    return sold(at, f"NS-{at}00", **who)


def test_T36f_F21_a_price_of_another_level_is_held(trader: Trader) -> None:
    trader.take(cups(21, price_level="RETAIL"))
    words = "Price level differs: NS-2100 uses RETAIL; TRADE is agreed."
    assert held(trader, "NS-2100") == [("CHK01", "sales_admin", words, "by:sales_admin")]
    books = trader.books["quickbooks"]
    assert not books.called("NS-2100")
    trader.take(cups(21, version=2))
    assert books.made().count("NS-2100-1") == 1


def three(at: int, tax: str, total: str) -> Body:
    """Three lines of 10.04 with 10 % tax: 33.12 a line at a time, 33.13 at the end."""
    line = {"sku": "CUP-4", "name": "Cup", "uom": "PCS", "qty": "1", "price": "10.04", "tax": "SST"}
    lines = [{"pos": pos, **line} for pos in (1, 2, 3)]
    return cups(at, lines=lines, subtotal="30.12", tax_total=tax, total=total)


def test_T36k_F04_the_sum_of_quickbooks_is_made_first_and_a_sen_is_named(trader: Trader) -> None:
    """It rounds once at the end, and the shipped rules allow a sen, which is rounding by name. The
    tax of a shop that rounds each line is sent with the document, which comes to the shop's total.
    """
    trader.take(three(41, "3.01", "33.13"), three(42, "3.00", "33.12"), three(43, "3.05", "33.17"))
    assert held(trader, "NS-4100") == held(trader, "NS-4200") == []
    books = trader.books["quickbooks"]
    made = {one["DocNumber"]: one["TotalAmt"] for one in books.documents()}
    assert (made["NS-4100-1"], made["NS-4200-1"]) == (33.13, 33.12)
    page = trader.person("finance").get(f"{BASE}/records/intake/order/NS-4200?tab=ruletree")
    assert "total in QuickBooks = 33.13, total of the record = 33.12" in read(page).text
    words = (
        "Total does not match: lines and tax of NS-4300 come to RM 33.17, the total is RM 33.17."
        " Tax of the lines: RM 3.00, stated: RM 3.05."
    )
    assert held(trader, "NS-4300") == [("CHK01", "accounts", words, "by:accounts")]
    assert not books.called("NS-4300")


def test_T36g_F23_an_unknown_salesperson_or_project_is_held(trader: Trader) -> None:
    trader.take(cups(22, agent="ABU"), cups(23, project="EXPO-27"), cups(24))
    books = trader.books["quickbooks"]
    for number, words, team in (
        ("NS-2200", "Agent ABU is not mapped to a QuickBooks sales rep.", "sales_admin"),
        ("NS-2300", "Project EXPO-27 is not mapped to a QuickBooks class.", "accounts"),
    ):
        assert held(trader, number) == [("MAP01", team, words, "itself")]
        assert not books.called(number)
    finance = trader.person("finance")
    map_missing(finance, "sales_rep", "ABU", "Abu Bakar")
    map_missing(finance, "class_of_project", "EXPO-27", "200000000001")
    trader.work()
    found = {one["DocNumber"]: one for one in books.documents()}
    agents = {n: found[n]["CustomField"][0]["StringValue"] for n in ("NS-2200-1", "NS-2400-1")}
    assert agents == {"NS-2200-1": "Abu Bakar", "NS-2400-1": "House"}
    (line, *_) = found["NS-2300-1"]["Line"]
    assert line["SalesItemLineDetail"]["ClassRef"] == {"value": "200000000001"}


# ---- AiAccount ----


def pane(shop: House, number: int) -> str:
    """What the exception of an order says."""
    visitor = shop.visitor(FINANCE)
    holds = hold_links(record(visitor, number))
    return " ".join(read(visitor.get(hold)).one("main").text for hold in holds)


def written(shop: House, number: str) -> list[str]:
    """What was sent of a document, by the ledger of the target."""
    return [str(c.get("effect")) for c in shop.calls() if c.get("number") == number]


def test_T36h_F06_a_tax_number_of_a_wrong_form_is_held_and_told(shop: House) -> None:
    given = {"address": "1 Jalan Ipoh", "tin": "C25845632021"}
    order = clean(601, items=priced("10000.01", tax="NONE"), customer=buyer(601, **given))
    shop.deliver(order)
    work(shop)
    words = (
        "Buyer details missing: an e-Invoice above RM 10,000.00 needs the buyer's TIN and address."
    )
    assert ("CHK01", "tax_desk", words, "itself") in held(shop, "NS-601")
    assert written(shop, "NS-601") == []
    assert "(it ends in 0; perhaps C258456320210)" in pane(shop, 601)
    right = {**given, "tin": "C25845632020"}
    shop.deliver(later(order, customer=buyer(601, **right)))
    work(shop)
    approve(shop.visitor(APPROVER), "NS-601")
    work(shop)
    assert written(shop, "NS-601").count("created") == 1


def test_T36i_F08_above_ten_thousand_the_missing_fields_are_listed(shop: House) -> None:
    below = clean(801, items=priced("10000.00", tax="NONE"))
    above = clean(802, items=priced("10000.01", tax="NONE"))
    shop.deliver(below, above)
    work(shop)
    words = (
        "Buyer details missing: an e-Invoice above RM 10,000.00 needs the buyer's TIN and address."
    )
    assert words not in [row[2] for row in held(shop, "NS-801")]
    assert words in [row[2] for row in held(shop, "NS-802")]
    assert written(shop, "NS-802") == []
    assert "the TIN is filled in; the address is filled in" in pane(shop, 802)
    complete = {"tin": "C10", "address": "1 Jalan Ipoh"}
    shop.deliver(later(above, customer=buyer(802, **complete)))
    work(shop)
    approve(shop.visitor(APPROVER), "NS-801", "NS-802")
    work(shop)
    for number in ("NS-801", "NS-802"):
        assert written(shop, number).count("created") == 1


def test_T36k_F04_a_sen_of_a_shop_that_rounds_once_is_held_for_aiaccount_by_its_name(
    shop: House,
) -> None:
    """Three lines of 10.04 with 10 % tax: AiAccount rounds each. Five sen are no rounding."""
    lines = [item(pos, qty="1", price="10.04", uom="PCS") for pos in (1, 2, 3)]

    def of(number: int, tax: str, total: str) -> Body:
        return clean(number, items=lines, subtotal="30.12", tax_total=tax, total=total)

    shop.deliver(of(401, "3.00", "33.12"), of(402, "3.01", "33.13"), of(403, "3.05", "33.17"))
    work(shop)
    assert held(shop, "NS-401") == []
    assert written(shop, "NS-401").count("created") == 1
    (sen,) = held(shop, "NS-402")
    assert sen[:2] == ("RND01", "accounts")
    assert "Total is RM 33.13, but aiaccount makes RM 33.12 of the lines" in sen[2]
    assert "per line then sum; sum then round makes RM 33.13" in sen[2]
    assert sen[2].endswith("RM 0.01 more, which is rounding.")
    assert [row[0] for row in held(shop, "NS-403")] == ["CHK01"]
    assert written(shop, "NS-402") == written(shop, "NS-403") == []
