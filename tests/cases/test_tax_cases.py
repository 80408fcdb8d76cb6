"""Tax that the target works out itself: what is posted has the shop's tax and total, or is held."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from sqlalchemy import select

from connectors.transport.http import Http, HttpAnswer, HttpFailure
from holding.db.models import Cause
from tests.cases.company import CaseCompany, Plan, case_body

pytestmark = pytest.mark.sqlite
SHOPIFY = Plan(
    template="shopify-autocount",
    maps={"items": ["MUG,MUG,PCS", "SHIPPING,SHIPPING,PCS"], "debtors": ["web,300-S001"]},
)
BOOKS = {
    "debtors": ["300-S001"],
    "products": {"MUG": "PCS", "SHIPPING": "PCS"},
    "tax_codes": {"SV-8": "8", "SV-6": "6"},
}
EIGHT = {
    '"SST 10%"  -> "S-10"': '"SST 10%"  -> "S-10"\n    "SST 8%"  -> "SV-8"',
    '"S-10"  -> 10%': '"S-10"  -> 10%\n    "SV-8"  -> 8%',
}


def shopify_order(
    *lines: tuple[str, str, str, str], included: bool = False, **more: Any
) -> dict[str, Any]:
    """Return an order of mugs: price, tax, name of the tax, and rate of each line."""
    taxes = sum(Decimal(tax) for _, tax, _, _ in lines)
    goods = sum(Decimal(price) for price, _, _, _ in lines)
    total = str(goods if included else goods + taxes)
    return {
        "id": 1031,
        "name": "#S1031",
        "created_at": "2026-11-20T10:00:00+08:00",
        "processed_at": "2026-11-20T10:00:00+08:00",
        "updated_at": "2026-11-20T10:05:00+08:00",
        "financial_status": "paid",
        "fulfillment_status": "fulfilled",
        "source_name": "web",
        "currency": "MYR",
        "presentment_currency": "MYR",
        "taxes_included": included,
        "subtotal_price": str(goods),
        "total_discounts": "0.00",
        "total_tax": str(taxes),
        "total_price": total,
        "current_total_price": total,
        "customer": {"id": 7001, "first_name": "Noor", "last_name": "Contoh"},
        "line_items": [_item(at, *line) for at, line in enumerate(lines)],
        "shipping_lines": [],
        "fulfillments": [],
        "refunds": [],
        **more,
    }


def _item(at: int, price: str, tax: str, title: str, rate: str) -> dict[str, Any]:
    return {
        "id": 7000 + at,
        "sku": "MUG",
        "name": "Mug",
        "title": "Mug",
        "variant_id": 632,
        "quantity": 1,
        "current_quantity": 1,
        "price": price,
        "gift_card": False,
        "taxable": bool(title),
        "total_discount": "0.00",
        "discount_allocations": [],
        "tax_lines": [{"title": title, "price": tax, "rate": float(rate)}] if title else [],
        "duties": [],
    }


def amounts(document: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Return the tax and the total of a document in AutoCount's books."""
    master = document["master"]
    return Decimal(master["tax"]), Decimal(master["finalTotal"])


def deliver(company: CaseCompany, order: Mapping[str, Any]) -> None:
    """Send an order and let the workers do what follows from it."""
    answer = company.deliver(order)
    assert answer.status_code == 202, answer.get_json()
    company.work()


def test_two_rates_under_one_name_are_two_entries_with_a_code_each(make) -> None:
    company = make(replace(SHOPIFY, rules=EIGHT), "autocount", **BOOKS)
    deliver(
        company, shopify_order(("100.00", "10.00", "SST", "0.1"), ("50.00", "4.00", "SST", "0.08"))
    )
    assert company.holds() == []
    document = company.documents()["#S1031"]
    assert amounts(document) == (Decimal("14.00"), Decimal("164.00"))
    assert [row["taxCode"] for row in document["details"]] == ["S-10", "SV-8"]


def test_a_rate_that_is_not_mapped_is_asked_for_with_its_name(make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    deliver(company, shopify_order(("100.00", "8.00", "SST", "0.08")))
    assert company.documents() == {}
    (hold,) = company.holds()
    assert (hold.code, hold.owner) == ("MAP01", "tax_desk")
    assert "SST 8%" in hold.text


def test_a_tax_of_another_rate_than_its_code_has_is_held_with_both_figures(make) -> None:
    wrong = {'"SST 10%"  -> "S-10"': '"SST 10%"  -> "S-10"\n    "SST 8%"  -> "S-10"'}
    company = make(replace(SHOPIFY, rules=wrong), "autocount", **BOOKS)
    deliver(company, shopify_order(("100.00", "8.00", "SST", "0.08")))
    assert company.documents() == {}
    (hold,) = company.holds()
    assert (hold.code, hold.owner, hold.rule) == ("RND06", "tax_desk", "target_tax")
    for words in ("RM 10.00", "RM 8.00", "RM 2.00 more", "Line 1", "S-10", "10%"):
        assert words in hold.text


def test_a_sen_that_the_shop_rounds_otherwise_goes_into_the_tax_of_its_line(make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    deliver(
        company,
        shopify_order(("10.04", "1.01", "SST", "0.1"), ("10.04", "1.00", "SST", "0.1")),
    )
    assert company.holds() == []
    document = company.documents()["#S1031"]
    assert amounts(document) == (Decimal("2.01"), Decimal("22.09"))
    moved = [Decimal(row["taxAdjustment"] or 0) for row in document["details"]]
    assert moved == [Decimal("0.01"), Decimal(0)]


@pytest.mark.parametrize(("tax", "posted"), [("9.09", True), ("9.10", False), ("10.00", False)])
def test_prices_that_hold_their_tax_come_to_the_shops_tax_or_are_held(
    make, tax: str, posted: bool
) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    deliver(company, shopify_order(("100.00", tax, "SST", "0.1"), included=True))
    if posted:
        assert amounts(company.documents()["#S1031"]) == (Decimal("9.09"), Decimal("100.00"))
    else:
        assert company.documents() == {}
        assert [hold.code for hold in company.holds()] == ["RND06"]


def test_a_document_that_came_to_another_tax_there_is_no_possible_duplicate(make) -> None:
    company = make(SHOPIFY, "autocount", **{**BOOKS, "tax_codes": {"S-10": "8"}})
    deliver(company, shopify_order(("100.00", "10.00", "SST", "0.1")))
    company.work(8)
    assert amounts(company.documents()["#S1031"]) == (Decimal("8.00"), Decimal("108.00"))
    holds = company.holds()
    assert holds
    assert all("duplicate" not in hold.text.casefold() for hold in holds)
    assert any("8" in hold.text for hold in holds)
    with company.database.read() as session:
        classes = {one.error_class for one in session.scalars(select(Cause))}
    assert "duplicate" not in classes


def test_woocommerces_two_rates_on_one_fee_wait_for_a_code(make) -> None:
    company = make(
        Plan(template="woocommerce-quickbooks", maps={"items": ["TEA-JASMIN-80,11,PCS"]}),
        "quickbooks",
    )
    answer = company.deliver(case_body("30-woo-two-rates", "1-order.json"))
    assert answer.status_code == 202
    company.work()
    assert company.documents() == {}
    assert ("MAP01", "tax_desk") in {(hold.code, hold.owner) for hold in company.holds()}


def test_quickbooks_lists_the_rate_of_a_code_and_another_one_is_held(make) -> None:
    company = make(
        Plan(
            template="woocommerce-quickbooks",
            maps={"items": ["TEA-JASMIN-80,11,PCS"], "customers": ["12,58"]},
            rules={'"MY-SST-1 10%"  -> "5"': '"MY-SST-1 8%" -> "5"', '"5"  -> 10%': '"5" -> 8%'},
        ),
        "quickbooks",
    )
    order = case_body("30-woo-two-rates", "1-order.json")
    taxed = {
        **order,
        "total": "10.80",
        "total_tax": "0.80",
        "tax_lines": [{**order["tax_lines"][0], "rate_code": "MY-SST-1", "rate_percent": 8}],
        "line_items": [
            {**order["line_items"][0], "total_tax": "0.80", "taxes": [{"id": 3, "total": "0.80"}]}
        ],
        "fee_lines": [],
    }
    assert company.deliver(taxed).status_code == 202
    company.work()
    assert company.documents() == {}
    found = {hold.code: hold for hold in company.holds()}
    assert "RND06" in found, found
    assert found["RND06"].owner == "tax_desk"
    assert "RM 0.20 more" in found["RND06"].text


class OtherTax:
    """The line to AiAccount, which answers an invoice with RM 1.00 more of tax."""

    def __init__(self, line: Http) -> None:
        self.line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)

    def request(self, method: str, url: str, **call: Any) -> HttpAnswer | HttpFailure:
        """Pass the call on, and change the tax of what was taken."""
        answer = self.line.request(method, url, **call)
        if isinstance(answer, HttpFailure) or answer.status != 201:
            return answer
        told = json.loads(answer.body)
        for document in told.get("documents", [told]):
            document["tax"] = str(Decimal(document["tax"]) + 1)
        return replace(answer, body=json.dumps(told).encode())


@pytest.mark.parametrize("other", [True, False])
def test_a_tax_that_only_the_answer_of_the_target_states_is_compared(make, other: bool) -> None:
    company = make(replace(SHOPIFY, template="shopify-aiaccount"), "aiaccount")
    line = cast(Http, OtherTax(company.desk.http)) if other else company.desk.http
    company = replace(company, desk=replace(company.desk, http=line))
    deliver(company, shopify_order(("100.00", "10.00", "SST", "0.1")))
    assert list(company.documents()) == ["#S1031"]
    company.clock.advance(timedelta(hours=1))
    company.work()
    if not other:
        assert company.holds() == []
        return
    (hold,) = company.holds()
    assert (hold.code, hold.owner) == ("STL03", "accounts")
    assert "11.00" in hold.text
    company.clock.advance(timedelta(days=1))
    company.work()
    assert [one.code for one in company.holds()] == ["STL03"]
    company.release("#S1031")
    company.work()
    assert company.holds() == []
