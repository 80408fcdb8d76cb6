"""Orders of a WooCommerce shop go from their signed webhook to a hold or into QuickBooks' books."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import Life
from sandbox.simulators.woocommerce.api import Keys, WooBooks, WooCommerce
from tests.cases.company import NOW, SECRET, CaseCompany, Plan, case_body
from tests.cases.conftest import Make
from tests.cases.shop_line import act, read_and_post
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
ITEMS = ["TEA-JASMIN-80,11,PCS", "CUP-GLASS-20,12,PCS", "SHIPPING,13,PCS", "FEE,13,PCS"]
CUSTOMERS = ["101,59", "102,60", "guest,58"]
WOO = Plan(template="woocommerce-quickbooks", maps={"items": ITEMS, "customers": CUSTOMERS})


def plan(*items: str) -> Plan:
    """Return the plan with further items."""
    return Plan(template=WOO.template, maps={**WOO.maps, "items": [*ITEMS, *items]})


def company_of(make: Make, *items: str) -> CaseCompany:
    """Return the company of the shipped template."""
    return make(plan(*items), "quickbooks")


def deliver(company: CaseCompany, case: str, *files: str) -> list[str]:
    """Deliver files of a case, each worked through; return their numbers."""
    numbers = []
    for file in files:
        body = case_body(case, file)
        assert company.deliver(body).status_code == 202
        company.work()
        numbers.append(str(body["number"]))
    return numbers


def total_of(document: dict[str, Any]) -> Decimal:
    """Return the total of a document in QuickBooks' books."""
    return Decimal(str(document["TotalAmt"]))


@pytest.mark.parametrize(
    ("case", "totals"),
    [
        ("24-woo-negative-fee", {"1-order.json": "38.50"}),
        ("25-woo-gift-card-paid", {"1-order.json": "44.00"}),
        ("29-woo-guest", {"1-order.json": "11.00"}),
        ("31-woo-not-divisible", {"1-order.json": "11.00", "2-order.json": "1468.03"}),
        ("32-woo-zero-lines", {"1-order.json": "11.00", "2-free-order.json": "0.00"}),
        ("49-woo-html-entities", {"1-order.json": "11.00"}),
    ],
)
def test_what_fits_is_invoiced(make: Make, case: str, totals: dict[str, str]) -> None:
    company = company_of(make)
    numbers = deliver(company, case, *totals)
    assert company.holds() == []
    documents = company.documents()
    assert {n: total_of(documents[f"WC-{n}"]) for n in numbers} == {
        n: Decimal(total) for n, total in zip(numbers, totals.values(), strict=True)
    }


def test_an_item_without_an_sku_is_its_product_and_a_deleted_one_its_name(make: Make) -> None:
    company = company_of(make, "88,12,PCS", "Old mug,12,PCS")
    deliver(company, "23-woo-deleted-product", "1-order.json", "2-order-no-sku.json")
    assert company.holds() == []
    totals = {number: total_of(one) for number, one in company.documents().items()}
    assert totals == {"WC-4021": Decimal("16.50"), "WC-4022": Decimal("11.00")}


def test_an_item_that_is_not_mapped_is_held_by_title_line_and_amount(make: Make) -> None:
    company = company_of(make)
    deliver(company, "23-woo-deleted-product", "1-order.json")
    (hold,) = company.holds()
    assert (hold.code, hold.number, hold.amount) == ("MAP01", "4021", Decimal("16.50"))
    assert hold.owner == "sales_admin"
    assert hold.text.count("Line 2 (goods): Old mug, RM 5.00.") == 1, hold


@pytest.mark.parametrize(
    ("case", "code", "owner"),
    [
        ("26-woo-zero-decimals", "CHK01", "tax_desk"),
        ("27-woo-custom-status", "STA01", "sales_admin"),
        ("30-woo-two-rates", "MAP01", "tax_desk"),
        ("34-woo-currency", "CHK01", "accounts"),
        ("51-woo-decimal-quantity", "CHK01", "sales_admin"),
    ],
)
def test_what_a_person_decides_is_held(make: Make, case: str, code: str, owner: str) -> None:
    company = company_of(make)
    deliver(company, case, "1-order.json")
    assert (code, owner) in {(one.code, one.owner) for one in company.holds()}
    assert company.documents() == {}


def test_cash_on_delivery_waits_for_its_payment(make: Make) -> None:
    company = company_of(make)
    deliver(company, "33-woo-cod", "1-order.json")
    assert (company.holds(), company.documents()) == ([], {})
    assert set(company.states().values()) == {"waiting"}


@pytest.fixture
def shop(tmp_path: Path) -> WooCommerce:
    """Return the stand-in of a shop, with order 4071 of the case, of RM 44.00."""
    keys = Keys(hook=SECRET, consumer="ck_1", secret="cs_1")
    books, ledger = WooBooks(withhold=0, seed=0), Ledger(tmp_path / "shop.jsonl")
    clock = SetClock(NOW)
    made = WooCommerce(books, ledger, clock, to="", life=Life(), keys=keys, a_minute=0)
    lines = [{"sku": "TEA-JASMIN-80", "quantity": 2, "price": "20.00"}]
    plain = {"shipping_lines": [], "fee_lines": [], "coupon_lines": [], "customer_id": 101}
    act(made, id=4071, lines=lines, fields=plain)
    return made


AIACCOUNT = Plan(
    template="woocommerce-aiaccount",
    maps={
        "items": [f"{code},{code},PCS" for code in ("TEA-JASMIN-80", "SHIPPING", "ADJUSTMENT")],
        "debtors": ["101,Warung Melati"],
    },
)


def asking(make: Make, connector: str = "quickbooks", template: Plan = WOO) -> CaseCompany:
    """Return the company whose connection asks the shop."""
    key, address = (
        f"{SECRET}:ck_1:cs_1",
        {"base_url": "https://shop.example", "pull_from": "2026-11-20"},
    )
    return make(replace(template, key=key, settings=address), connector)


def test_refunds_are_read_with_their_lines_and_posted_as_credit_memos(
    make: Make, shop: WooCommerce
) -> None:
    company = asking(make)
    read_and_post(company, shop)
    assert {n: total_of(one) for n, one in company.documents().items()} == {
        "WC-4071": Decimal("44.00")
    }
    cast(SetClock, shop._clock).advance(60)
    act(shop, act="refund", id=4071, amount="5.00")
    read_and_post(company, shop)
    cast(SetClock, shop._clock).advance(60)
    act(shop, act="refund", id=4071, amount="39.00")
    read_and_post(company, shop)
    assert company.holds() == []
    assert {n: total_of(one) for n, one in company.documents().items()} == {
        "WC-4071": Decimal("44.00"),
        "WC-R-47710": Decimal("5.00"),
        "WC-R-47711": Decimal("39.00"),
    }


def test_goods_that_are_refunded_are_a_refund_in_aiaccount(make: Make, shop: WooCommerce) -> None:
    company = asking(make, "aiaccount", AIACCOUNT)
    read_and_post(company, shop)
    cast(SetClock, shop._clock).advance(60)
    act(shop, act="refund", id=4071, amount="44.00")  # all of it: the lines of the order
    read_and_post(company, shop)
    assert company.holds() == []
    assert company.postings("R-47710") == [("aiaccount.sales_refund", "posted", Decimal("44.00"))]
    totals = {n: Decimal(str(one["total"])) for n, one in company.documents().items()}
    assert totals == {"WC-4071": Decimal("44.00"), "WC-R-47710": Decimal("44.00")}


def test_a_refund_by_amount_is_held_for_a_person_in_aiaccount(
    make: Make, shop: WooCommerce
) -> None:
    company = asking(make, "aiaccount", AIACCOUNT)
    read_and_post(company, shop)
    cast(SetClock, shop._clock).advance(60)
    act(shop, act="refund", id=4071, amount="5.00")
    read_and_post(company, shop)
    (hold,) = company.holds()
    assert (hold.number, hold.amount, hold.owner, hold.rule) == (
        "R-47710", Decimal("5.00"), "accounts", "items_only",
    )  # fmt: skip
    assert list(company.documents()) == ["WC-4071"]


def test_refunds_of_a_webhook_alone_are_held_in_aiaccount(make: Make) -> None:
    company = make(AIACCOUNT, "aiaccount")
    files = ("1-order.json", "2-order-updated.json", "3-order-updated.json")
    deliver(company, "28-woo-refunds", *files)
    assert {(one.number, one.amount, one.owner) for one in company.holds()} == {
        ("R-8801", Decimal("5.00"), "accounts"),
        ("R-8802", Decimal("39.00"), "accounts"),
    }
    assert "lines_are_known" in {one.rule for one in company.holds()}
    assert list(company.documents()) == ["WC-4071"]


def test_refunds_of_a_webhook_alone_are_held_with_their_amount(make: Make) -> None:
    company = company_of(make)
    files = ("1-order.json", "2-order-updated.json", "3-order-updated.json")
    deliver(company, "28-woo-refunds", *files)
    assert {(one.number, one.amount, one.rule) for one in company.holds()} == {
        ("R-8801", Decimal("5.00"), "lines_are_known"),
        ("R-8802", Decimal("39.00"), "lines_are_known"),
    }
    assert total_of(company.documents()["WC-4071"]) == Decimal("44.00")


def test_a_blank_sku_that_the_rules_require_is_held_by_title_line_and_amount(make: Make) -> None:
    required = {"    sku         text      optional\n": "    sku         text\n"}
    rules = {**required, "line.sku otherwise line.variant_id otherwise line.name": "line.sku"}
    company = make(Plan(template=WOO.template, maps=WOO.maps, rules=rules), "quickbooks")
    deliver(company, "23-woo-deleted-product", "1-order.json")
    (hold,) = company.holds()
    assert hold.text.count("Line 2 (goods): Old mug, RM 5.00.") == 1, hold


def test_an_amount_that_does_not_fit_is_held_with_both_figures(make: Make) -> None:
    company = company_of(make)
    body = case_body("25-woo-gift-card-paid", "1-order.json")
    del body["gift_cards"]
    assert company.deliver(body).status_code == 202
    company.work()
    (hold,) = company.holds()
    assert (hold.code, hold.rule, hold.owner) == ("CHK01", "total_adds", "accounts")
    for figure in ("44.00", "24.00", "20.00"):
        assert figure in hold.text


def test_an_address_is_shortened_to_what_aiaccount_takes(make: Make) -> None:
    maps = {"items": ["TEA-JASMIN-80,TEA-JASMIN-80,PCS"], "debtors": ["guest,Warung Melati"]}
    company = make(Plan(template="woocommerce-aiaccount", maps=maps), "aiaccount")
    order = priced(("20.00", "2.00"), total="22.00", tax="2.00")
    order["billing"] |= {"address_1": "Lot 12, Jalan Contoh " * 20}
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.holds() == []
    answer = requests.get(f"{company.target.url}/_sim/documents", timeout=10).json()
    (posted,) = answer["documents"]
    assert len(company.body(order["number"])["address"]) > 400
    assert 200 < len(posted["document"]["CustomerAddress"]) <= 300


def test_a_text_is_shortened_to_what_the_target_takes_and_whole_in_the_trace(make: Make) -> None:
    company = make(
        Plan(
            template="shopify-autocount",
            maps={"items": ["MUG,MUG,PCS"], "debtors": ["web,300-S001"]},
        ),
        "autocount",
        debtors=["300-S001"],
        products={"MUG": "PCS", "SHIPPING": "PCS"},
    )
    body = case_body("50-long-name", "1-order.json")
    assert company.deliver(body).status_code == 202
    company.work()
    assert company.holds() == []
    (document,) = company.documents().values()
    whole = company.body(body["name"])["lines"][0]["name"]
    (line,) = document["details"]
    assert len(whole) > 100
    assert len(line["description"]) <= 100
    assert whole.startswith(f"{line['description']} ")
    assert line["furtherDescription"] == whole


def priced(*rows: tuple[str, str], total: str, tax: str, **more: Any) -> dict[str, Any]:
    """Return an order of a line for each amount with its tax."""
    order = case_body("29-woo-guest", "1-order.json")
    line, lines = order["line_items"][0], []
    for at, (amount, line_tax) in enumerate(rows, 1):
        taxes = [{"id": 75, "total": line_tax, "subtotal": line_tax}]
        sums = {"subtotal": amount, "total": amount, "total_tax": line_tax, "taxes": taxes}
        lines.append({**line, "id": at, "quantity": 1, **sums})
    return {**order, "line_items": lines, "total": total, "total_tax": tax, **more}


@pytest.mark.parametrize(
    ("rows", "total", "tax", "included"),
    [
        ((("9.95", "0.995"), ("9.95", "0.995")), "21.89", "1.99", False),
        ((("9.081818", "0.908182"),) * 3, "29.97", "2.72", True),
        ((("36.18", "3.62"), ("7.27", "0.73")), "47.79", "4.34", True),
        ((("27.18", "2.72"), ("9.08", "0.91")), "39.89", "3.63", True),
    ],
    ids=["exclusive at subtotal", "inclusive at subtotal", "inclusive off", "inclusive by line"],
)
def test_an_invoice_comes_to_the_money_that_was_due(
    make: Make, rows: Any, total: str, tax: str, included: bool
) -> None:
    company = company_of(make)
    order = priced(*rows, total=total, tax=tax, prices_include_tax=included)
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.holds() == []
    (document,) = company.documents().values()
    assert total_of(document) == Decimal(total)


def test_a_compound_rate_is_charged_on_the_taxes_before_it(make: Make) -> None:
    company = company_of(make)
    order = priced(("100.00", "15.50"), total="115.50", tax="15.50")
    order["line_items"][0]["taxes"] = [{"id": 75, "total": "10.00"}, {"id": 76, "total": "5.50"}]
    rates = [("MY-SST-1", 75, 10, False), ("MY-LEVY-1", 76, 5, True)]
    order["tax_lines"] = [
        {"rate_code": code, "rate_id": key, "rate_percent": rate, "compound": compound}
        for code, key, rate, compound in rates
    ]
    assert company.deliver(order).status_code == 202
    company.work()
    (hold,) = company.holds()
    assert (hold.code, hold.owner) == ("MAP01", "tax_desk")
    assert "MY-LEVY-1+MY-SST-1 15.5%" in hold.text


@pytest.mark.parametrize("change", [{"total": "abc"}, {"refunds": "unreadable"}])
@pytest.mark.parametrize("target", ["quickbooks", "aiaccount"])
def test_a_cancelled_order_whose_kept_money_is_unknown_is_held_without_an_amount(
    make: Make, target: str, change: dict[str, Any]
) -> None:
    template = WOO if target == "quickbooks" else AIACCOUNT
    company = make(template, target)
    order = priced(("20.00", "2.00"), total="22.00", tax="2.00", status="cancelled")
    refunds = [{"id": 8801, "total": "-10.00"}, {"id": 8802, "total": "abc"}]
    order |= {"customer_id": 101, "date_paid_gmt": "2026-11-19T06:04:00"}
    order |= {"refunds": refunds} if "refunds" in change else change
    assert company.deliver(order).status_code == 202
    company.work()
    holds = company.holds(order["number"])
    (gate,) = (hold for hold in holds if hold.rule == "gate")
    assert (gate.code, gate.owner) == ("HLD01", "accounts")
    assert "(missing) kept" in gate.text
    assert company.documents() == {}


def test_an_order_that_was_refunded_and_never_paid_is_held_with_its_refund(make: Make) -> None:
    company = company_of(make)
    order = priced(("20.00", "2.00"), total="22.00", tax="2.00", status="refunded")
    order |= {"customer_id": 101, "date_paid": None, "date_paid_gmt": None}
    refund = {"id": 8801, "amount": "22.00", "date_created_gmt": "2026-11-20T09:00:00"}
    order["refunds"] = [{**refund, "line_items": []}]
    assert company.deliver(order).status_code == 202
    company.work()
    assert {(hold.number, hold.owner, hold.rule) for hold in company.holds()} == {
        (order["number"], "accounts", "refunded_was_paid"),
        ("R-8801", "accounts", "refund_of_a_paid_order"),
    }
    assert company.documents() == {}


def test_a_refund_of_an_order_that_was_cancelled_before_its_invoice_is_left_out(
    make: Make, shop: WooCommerce
) -> None:
    company = asking(make)
    act(shop, act="refund", id=4071, amount="44.00")
    act(shop, act="cancel", id=4071)
    read_and_post(company, shop)
    assert (company.holds(), company.documents()) == ([], {})
    assert company.states() == {"4071": "dropped", "R-47710": "ignored"}


def test_a_refund_that_the_shop_deletes_after_its_credit_memo_is_held(
    make: Make, shop: WooCommerce
) -> None:
    company = asking(make)
    act(shop, act="refund", id=4071, amount="5.00")
    read_and_post(company, shop)
    assert "WC-R-47710" in company.documents()
    cast(SetClock, shop._clock).advance(60)
    act(shop, act="refund", id=4071, delete=True)
    read_and_post(company, shop)
    (hold,) = company.holds()
    assert (hold.number, hold.owner, hold.amount) == ("R-47710", "accounts", Decimal("5.00"))
    assert company.postings("R-47710") == [("quickbooks.credit_memo", "posted", Decimal("5.00"))]


def test_a_refund_that_cannot_be_read_holds_no_other_refund_of_its_order(make: Make) -> None:
    company = company_of(make)
    order = priced(("40.00", "4.00"), total="44.00", tax="4.00")
    good = {"id": 8801, "amount": "4.40", "date_created_gmt": "2026-11-20T09:00:00"}
    line = {**order["line_items"][0], "quantity": -1, "subtotal": "-4.00", "total": "-4.00"}
    line |= {"total_tax": "-0.40", "taxes": [{"id": 75, "total": "-0.40"}]}
    order["refunds"] = [{**good, "line_items": [line]}, {**good, "id": 8802, "amount": "four"}]
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.holds("R-8801") == []
    assert total_of(company.documents()["WC-R-8801"]) == Decimal("4.40")
    assert "VAL04" in {hold.code for hold in company.holds("R-8802")}


@pytest.mark.parametrize(
    ("template", "target", "items"),
    [
        ("woocommerce-quickbooks", "quickbooks", {"items": ["TEA-JASMIN-80,11,PCS"]}),
        ("woocommerce-aiaccount", "aiaccount", {}),  # the shipped items
    ],
)
def test_a_difference_that_a_person_releases_is_a_line_of_its_own(
    make: Make, template: str, target: str, items: dict[str, list[str]]
) -> None:
    table = "customers" if target == "quickbooks" else "debtors"
    guest = "guest,58" if target == "quickbooks" else "guest,Warung Melati"
    company = make(Plan(template=template, maps={**items, table: [guest]}), target)
    order = priced(("20.00", "2.00"), total="27.00", tax="2.00")
    assert company.deliver(order).status_code == 202
    company.work()
    (hold,) = company.holds()
    assert (hold.code, hold.owner, hold.amount) == ("CHK01", "accounts", Decimal("27.00"))
    assert all(figure in hold.text for figure in ("RM 22.00", "RM 27.00", "RM 5.00"))
    company.release(order["number"])
    company.work()
    assert company.holds() == []
    (document,) = company.documents().values()
    total = document.get("TotalAmt") or document["total"]
    assert Decimal(str(total)) == Decimal("27.00")


def test_a_subscription_is_no_order(make: Make) -> None:
    company = company_of(make)
    order = priced(("20.00", "2.00"), total="22.00", tax="2.00", status="on-hold")
    answer = company.deliver({**order, "billing_period": "month", "billing_interval": "1"})
    assert answer.status_code == 422
    assert "a subscription" in str(answer.get_json())
    assert company.states() == {}


def test_a_line_of_no_pieces_with_an_amount_is_held_by_kind_title_and_amount(make: Make) -> None:
    company = company_of(make)
    order = case_body("32-woo-zero-lines", "1-order.json")
    line = {**order["line_items"][0], "quantity": 0, "name": "Jasmine tea"}
    order["line_items"] = [*order["line_items"][1:], line]
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.documents() == {}
    number, amount = len(order["line_items"]), Decimal(line["total"])
    texts = [hold.text for hold in company.holds() if hold.code == "VAL07"]
    assert texts
    for text in texts:
        assert text.startswith(f"Line {number} (goods): Jasmine tea, RM {amount:.2f}: ")
        assert "line." not in text


@pytest.mark.parametrize("target", ["quickbooks", "aiaccount"])
@pytest.mark.parametrize("back", ["44.00", "20.00"])
def test_a_posted_order_that_is_cancelled_is_settled_by_its_refunds_alone(
    make: Make, shop: WooCommerce, target: str, back: str
) -> None:
    company = asking(make, target, WOO if target == "quickbooks" else AIACCOUNT)
    read_and_post(company, shop)
    cast(SetClock, shop._clock).advance(60)
    act(shop, act="refund", id=4071, amount=back)
    act(shop, act="cancel", id=4071)
    read_and_post(company, shop)
    held = {(hold.number, hold.code) for hold in company.holds()}
    by_amount = {("R-47710", "CHK01")} if target == "aiaccount" else set()
    assert held == (set() if back == "44.00" else {("4071", "STL01"), *by_amount})
    assert company.states()["4071"] == ("posted" if back == "44.00" else "held")


@pytest.mark.parametrize("target", ["quickbooks", "aiaccount"])
def test_a_posted_order_that_is_called_refunded_without_its_refund_reaches_a_person(
    make: Make, target: str
) -> None:
    company = make(WOO if target == "quickbooks" else AIACCOUNT, target)
    order = priced(("40.00", "4.00"), total="44.00", tax="4.00", customer_id=101)
    later = {**order, "status": "refunded", "date_modified_gmt": "2026-11-21T09:00:00"}
    refund = {"id": 8801, "amount": "44.00", "date_created_gmt": "2026-11-21T09:00:00"}
    for body in (order, {**later, "refunds": []}):
        assert company.deliver(body).status_code == 202
        company.work()
    (hold,) = company.holds(order["number"])
    assert (hold.code, hold.rule, hold.owner) == ("STL01", "back", "accounts")
    last = {**later, "refunds": [refund], "date_modified_gmt": "2026-11-21T10:00:00"}
    assert company.deliver(last).status_code == 202
    company.work()
    assert company.holds(order["number"]) == []


@pytest.mark.parametrize("target", ["quickbooks", "aiaccount"])
def test_a_refund_of_nothing_is_left_out(make: Make, target: str) -> None:
    company = make(WOO if target == "quickbooks" else AIACCOUNT, target)
    order = priced(("40.00", "4.00"), total="44.00", tax="4.00", customer_id=101)
    refund = {"id": 8801, "amount": "0.00", "date_created_gmt": "2026-11-21T09:00:00"}
    order["refunds"] = [{**refund, "line_items": []}]
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.states() == {order["number"]: "posted", "R-8801": "ignored"}
    assert company.holds() == []


def test_a_discounted_line_of_inclusive_prices_comes_to_the_sen_in_aiaccount(make: Make) -> None:
    """36.363636 less 3.636363 is 32.73, and not 18.1818 times 2 less 3.64."""
    company = make(AIACCOUNT, "aiaccount")
    order = case_body("24-woo-negative-fee", "1-order.json")
    line = order["line_items"][0] | {"subtotal": "36.363636", "total": "32.727273"}
    line |= {"total_tax": "3.272727", "taxes": [{"id": 75, "total": "3.272727"}]}
    sums = {"total": "36.00", "total_tax": "3.27", "discount_total": "3.64", "discount_tax": "0.36"}
    order |= {"line_items": [line], "fee_lines": [], "prices_include_tax": True, **sums}
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.holds() == []
    (document,) = company.documents().values()
    assert Decimal(str(document["total"])) == Decimal("36.00")
