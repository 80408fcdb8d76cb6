"""An order, a refund and a gift card of a Shopify shop go to the books of QuickBooks and AiAccount.

The rules about the shop are those of `shopify-autocount`; only what is booked is the target's own.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Posting
from tests.cases.company import CaseCompany, Plan, case_body
from tests.cases.conftest import Make
from tests.cases.test_shopify_cases import both, exchanged, feed, refund, returned

pytestmark = pytest.mark.sqlite
KINDS = ("MUG", "GIFTCARD", "SHIPPING", "FEE", "ADJUSTMENT", "ROUNDING")
QUICKBOOKS = Plan(
    template="shopify-quickbooks",
    maps={
        "items": ["MUG,12,PCS", "GIFTCARD,14,PCS", "SHIPPING,13,PCS", "FEE,901,PCS"],
        "debtors": ["web,58"],
    },
)
AIACCOUNT = Plan(
    template="shopify-aiaccount",
    maps={
        "items": [f"{code},{code},PCS" for code in KINDS],
        "debtors": ["web,Online buyers"],
    },
    rules={'"gift_card"   -> "21000"': '"gift_card"   -> "61001"'},  # an account of its books
)


@pytest.fixture
def quickbooks(make: Make) -> CaseCompany:
    """The company with QuickBooks, where 14 is the product of gift cards sold."""
    return make(QUICKBOOKS, "quickbooks", lists={"Item": {"14": "Gift cards sold"}})


@pytest.fixture
def aiaccount(make: Make) -> CaseCompany:
    """The company with AiAccount."""
    return make(AIACCOUNT, "aiaccount")


def order() -> dict[str, Any]:
    """Return an order of two mugs of RM 50.00."""
    return case_body("09-restocking-fee", "1-order.json")


def deliver(company: CaseCompany, *bodies: dict[str, Any]) -> None:
    """Deliver orders one after the other, with the work behind each."""
    for body in bodies:
        assert company.deliver(body).status_code == 202
        company.work()


def test_a_gift_card_is_sold_as_a_product_of_its_own_in_quickbooks(
    quickbooks: CaseCompany,
) -> None:
    feed(quickbooks, "04-gift-card-sold", "1-order")
    assert quickbooks.holds() == []
    document = quickbooks.documents()["#S1031"]
    details = [line for line in document["Line"] if "SalesItemLineDetail" in line]
    lines = {
        line["SalesItemLineDetail"]["ItemRef"]["value"]: Decimal(str(line["Amount"]))
        for line in details
    }
    assert lines == {"12": Decimal("20.00"), "14": Decimal("50.00")}
    assert Decimal(str(document["TotalAmt"])) == Decimal("70.00")


def test_an_order_and_its_refund_are_an_invoice_and_a_credit_memo_in_quickbooks(
    quickbooks: CaseCompany,
) -> None:
    body = order()
    deliver(
        quickbooks, body, refund(body, refund_line_items=[returned(body, "20.00")], money="20.00")
    )
    assert quickbooks.holds() == []
    documents = quickbooks.documents()
    totals = {number: Decimal(str(one["TotalAmt"])) for number, one in documents.items()}
    assert totals == {body["name"]: Decimal("100.00"), "R-5990": Decimal("20.00")}
    assert documents["R-5990"]["PrivateNote"] == body["name"]


def test_a_gift_card_is_owed_to_its_holder_in_aiaccount(aiaccount: CaseCompany) -> None:
    feed(aiaccount, "04-gift-card-sold", "1-order")
    assert aiaccount.holds() == []
    assert Decimal(str(aiaccount.documents()["#S1031"]["total"])) == Decimal("70.00")
    with aiaccount.database.read() as session:
        (content,) = session.scalars(select(Posting.content).where(Posting.number == "#S1031"))
    lines = {
        line["SKU"]: (line["AccountCode"], Decimal(line["LineTotal"])) for line in content["lines"]
    }
    assert lines == {
        "MUG": ("40000", Decimal("20.00")),
        "GIFTCARD": ("61001", Decimal("50.00")),
    }


def test_goods_that_come_back_are_refunded_in_aiaccount(aiaccount: CaseCompany) -> None:
    body = order()
    deliver(
        aiaccount, body, refund(body, refund_line_items=[returned(body, "20.00")], money="20.00")
    )
    assert aiaccount.holds() == []
    assert aiaccount.postings("R-5990") == [("aiaccount.sales_refund", "posted", Decimal("20.00"))]
    assert Decimal(str(aiaccount.documents()["R-5990"]["total"])) == Decimal("20.00")


@pytest.mark.parametrize("money", ["20.01", "20.40"])
def test_a_difference_of_refunded_goods_is_an_amount_of_the_item_in_aiaccount(
    aiaccount: CaseCompany, money: str
) -> None:
    """A sen goes by itself; more is held, and is posted once a person releases it."""
    body = order()
    told = refund(body, refund_line_items=[returned(body, "20.00")], money=money)
    deliver(aiaccount, body, told)
    codes = {(hold.code, hold.owner) for hold in aiaccount.holds("R-5990")}
    assert codes == (set() if money == "20.01" else {("SUM01", "accounts")})
    aiaccount.release("R-5990")
    aiaccount.work()
    assert aiaccount.holds("R-5990") == []
    (line,) = aiaccount.documents()["R-5990"]["document"]["lines"]
    assert (line["SKU"], Decimal(line["Quantity"]), Decimal(line["Amount"])) == (
        "MUG",
        1,
        Decimal(money),
    )


def test_a_refund_of_shipping_is_held_for_a_person_in_aiaccount(aiaccount: CaseCompany) -> None:
    body = order()
    shipping = {
        "id": 3,
        "subtotal_amount_set": both("8.00"),
        "tax_amount_set": both("0.00"),
        "shipping_line": {"id": 31, "title": "Standard shipping", "code": "STANDARD"},
    }
    goods = [returned(body, "20.00")]
    told = refund(body, refund_line_items=goods, refund_shipping_lines=[shipping], money="28.00")
    deliver(aiaccount, body, told)
    (hold,) = aiaccount.holds("R-5990")
    assert (hold.rule, hold.owner, hold.amount) == ("items_only", "accounts", Decimal("28.00"))
    assert "R-5990" not in aiaccount.documents()


def test_money_without_goods_is_held_for_a_person_in_aiaccount(aiaccount: CaseCompany) -> None:
    feed(aiaccount, "19-goodwill-refund", "1-order-updated")
    (hold,) = aiaccount.holds("R-5191")
    assert (hold.rule, hold.owner, hold.amount) == ("items_only", "accounts", Decimal("5.00"))


def test_an_exchange_is_a_credit_memo_and_a_second_invoice_in_quickbooks(make: Make) -> None:
    maps = {**QUICKBOOKS.maps, "items": [*QUICKBOOKS.maps["items"], "TEE-BLK-M,13,PCS"]}
    company = make(replace(QUICKBOOKS, maps=maps), "quickbooks")
    deliver(company, order(), exchanged(order(), "60.00", "40.00"))
    assert company.holds() == []
    totals = {number: Decimal(str(one["TotalAmt"])) for number, one in company.documents().items()}
    assert totals == {
        "#S1081": Decimal("100.00"),
        "#S1081-A": Decimal("60.00"),
        "R-5990": Decimal("100.00"),
    }


def test_an_even_exchange_is_a_refund_and_a_second_invoice_in_aiaccount(make: Make) -> None:
    maps = {**AIACCOUNT.maps, "items": [*AIACCOUNT.maps["items"], "TEE-BLK-M,TEE-BLK-M,PCS"]}
    company = make(replace(AIACCOUNT, maps=maps), "aiaccount")
    deliver(company, order(), exchanged(order(), "100.00", ""))
    assert company.holds() == []
    assert company.states() == {"#S1081": "posted", "#S1081-A": "posted", "R-5990": "posted"}
