"""Cases of known limits and of values written otherwise: judged, named, and never sent to fail.

Each is played against the stand-in as strict as the real system, and against a lenient one.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM
from holding.db.models import Connection
from holding.evaluation.target_limits import LIMITS_RULE
from holding.rulesets.new_connections import change_settings
from tests.cases.company import CaseCompany, Plan, case_body, case_path
from tests.cases.conftest import Make

LENIENT = {"fields_by_name": True, "names_inactive": True, "negative_totals": True}
STRICT_AND_LENIENT = pytest.mark.parametrize("books", [{}, LENIENT])
NETSHOP = Plan(template="netshop-autocount", maps={"items": ["TEE-BLK-M,TEE-BLK-M,PCS"]})
BOOKS = {"debtors": ["300-N001"], "products": {"TEE-BLK-M": "PCS"}}


def play(make: Make, case: str, books: dict[str, Any]) -> CaseCompany:
    company = make(Plan(template="orders-quickbooks"), "quickbooks", **books)
    company.ingest(case_path(case, "books") / "input.records.json")
    assert company.errors == []
    company.work()
    return company


@STRICT_AND_LENIENT
def test_10_a_number_that_the_rules_lengthen_is_held_before_it_is_sent(
    make: Make, books: dict[str, Any]
) -> None:
    company = play(make, "10-qb-own-number-too-long", books)
    number = "F-1234567890123456789"
    (hold,) = company.holds(number)
    assert (hold.code, hold.rule) == ("VAL05", LIMITS_RULE)
    assert hold.text == f"{number}-1 has 23 characters, quickbooks takes 21; the rules add -1."
    assert [state for _, state, _ in company.postings(number)] == ["held"]
    assert company.documents() == {}


@STRICT_AND_LENIENT
def test_16_a_tin_without_its_last_zero_is_named_with_the_right_one(
    make: Make, books: dict[str, Any]
) -> None:
    company = play(make, "16-tin-without-its-last-zero", books)
    (hold,) = company.holds("K-OLD")
    assert (hold.code, hold.rule, hold.owner) == ("CHK01", "order_tin_of_another", "tax_desk")
    for word in ("C2233445566 ", "ends in 0", "C22334455660", "mapped to 58"):
        assert word in hold.text
    assert company.documents() == {}


@STRICT_AND_LENIENT
def test_15_ringgit_written_otherwise_is_held_with_its_code(
    make: Make, books: dict[str, Any]
) -> None:
    company = play(make, "15-currency-written-RM", books)
    for number, word in (("C-RM", "RM"), ("C-low", "myr")):
        holds = company.holds(number)
        assert {one.code for one in holds} == {"VAL06"}
        assert all(f"{word} is no currency code; MYR?" in one.text for one in holds)
    assert company.documents() == {}


@STRICT_AND_LENIENT
def test_13_a_sold_out_line_is_left_out(make: Make, books: dict[str, Any]) -> None:
    company = play(make, "13-zero-quantity-line", books)
    assert company.holds() == []
    assert [amount for _, state, amount in company.postings("S-9") if state == "posted"] == [
        Decimal("119.90")
    ]
    (invoice,) = company.documents().values()
    assert "Sold out" not in str(invoice)


@pytest.mark.parametrize("more", [0, 3])
def test_24_a_long_title_ends_at_a_word_and_is_whole_beside(
    make: Make, tmp_path: Path, more: int
) -> None:
    body = case_body("24-long-product-title", "input.json", "books")
    item = body["orders"][0]["items"][0]
    item["name"] += "sangat panjang " * more
    company = make(NETSHOP, "autocount", **BOOKS)
    company.ingest(write(tmp_path, body))
    company.work()
    assert company.holds() == []
    (line,) = company.documents()["NS-LONGNAME"]["details"]
    assert len(line["description"]) <= 100
    assert item["name"].startswith(f"{line['description']} ")
    assert line["furtherDescription"] == item["name"]
    assert company.postings("NS-LONGNAME")[0][2] == Decimal("56.65")


def test_13_a_line_of_nothing_is_left_out_of_an_autocount_invoice(
    make: Make, tmp_path: Path
) -> None:
    body = case_body("24-long-product-title", "input.json", "books")
    items = body["orders"][0]["items"]
    items[0]["name"] = "Kemeja"
    items.append(items[0] | {"pos": 2, "name": "Sold out", "qty": 0})
    company = make(NETSHOP, "autocount", **BOOKS)
    company.ingest(write(tmp_path, body))
    company.work()
    assert company.holds() == []
    (line,) = company.documents()["NS-LONGNAME"]["details"]
    assert line["description"] == "Kemeja"
    assert line.get("furtherDescription", "") == ""


@pytest.mark.parametrize("length", [40, 41, 50])
def test_a_number_as_long_as_autocount_takes_is_posted(
    make: Make, tmp_path: Path, length: int
) -> None:
    """Ref repeats the number and is shorter there; the whole number is DocNo."""
    number = f"NS-{'7' * (length - 3)}"
    company = make(NETSHOP, "autocount", **BOOKS)
    company.ingest(write(tmp_path, netshop_order(number)))
    company.work()
    assert company.holds() == []
    assert company.documents()[number]["master"]["ref"] == number[:40]


def test_an_order_of_nothing_has_an_invoice_and_no_receipt(make: Make, tmp_path: Path) -> None:
    """AiAccount takes no receipt of 0.00, so one would be held with no way out but a rejection."""
    body = netshop_order("NS-FREE", price="0.00")
    body["orders"][0] |= {"subtotal": "0.00", "tax_total": "0.00", "total": "0.00"}
    plan = Plan(
        template="netshop-aiaccount-daily",
        maps={"items": ["TEE-BLK-M,TEA-EARL-100"], "debtors": ["C-88,,Warung Melati"]},
        rules={"daily    at 02:00 by paid_at": "immediately"},
    )
    company = make(plan, "aiaccount")
    company.ingest(write(tmp_path, body))
    company.work(rounds=6)
    assert company.holds() == []
    assert set(company.documents()) == {"NS-FREE"}


def test_the_answers_of_a_record_with_two_documents_name_theirs(make: Make, tmp_path: Path) -> None:
    """Its invoice was never held, its receipt is: "It was never put on hold" is of the invoice."""
    plan = Plan(
        template="netshop-aiaccount-daily",
        maps={"items": ["TEE-BLK-M,TEA-EARL-100"], "debtors": ["C-88,,Warung Melati"]},
        rules={"daily    at 02:00 by paid_at": "immediately"},
    )
    company = make(plan, "aiaccount")
    company.ingest(write(tmp_path, netshop_order("NS-PAID")))
    company.work()
    assert [one.code for one in company.holds("NS-PAID")] == ["LST01"]
    page = company.visit("vera").text("/c/kedai/records/netshop/order/2401")
    heading = page.partition('id="seven"')[2].partition("</header>")[0]
    assert "NS-PAID</span>" in heading
    assert "AiAccount, sales invoice" in heading


ABROAD = {
    "    rest     = status, paid_at, created_by\n": (
        "    rest     = status, paid_at, created_by, exchange_rate\n"
    ),
    '    require  currency = "MYR"\n    else     hold for accounts\n': (
        "    require  exchange_rate is known\n    else     hold for accounts\n"
    ),
    "    currency            text              completed by accounts\n": (
        "    currency            text\n    exchange_rate       decimal  optional\n"
    ),
    "    CurrencyRef           = currency\n": (
        "    CurrencyRef           = currency\n"
        "    ExchangeRate          = exchange_rate otherwise 1\n"
    ),
    '    CurrencyRef          = currency otherwise "MYR"\n': (
        '    CurrencyRef          = currency otherwise "MYR"\n'
        "    ExchangeRate         = latest(orders.exchange_rate)\n"
    ),
}


@STRICT_AND_LENIENT
def test_26_a_receipt_of_an_order_abroad_is_posted_in_its_currency(
    make: Make, tmp_path: Path, books: dict[str, Any]
) -> None:
    body = case_body("26-foreign-receipt-has-no-currency", "input.records.json", "books")
    body["records"][1] |= {"currency": "SGD"}
    abroad = {"Customer": {"58": "SGD"}}
    plan = Plan(template="orders-quickbooks", rules=ABROAD)
    company = make(plan, "quickbooks", currencies=abroad, **books)
    company.ingest(write(tmp_path, body, "input.records.json"))
    assert company.errors == []
    company.work(rounds=8)
    assert company.holds() == []
    (payment,) = [one for one in company.documents().values() if "PaymentRefNum" in one]
    assert Decimal(str(payment["TotalAmt"])) == Decimal("110.00")
    assert payment["CurrencyRef"]["value"] == "SGD"


@pytest.mark.parametrize(("total", "codes"), [("1250.50", ["VAL05"]), ("1250.00", [])])
def test_26_an_amount_finer_than_its_currency_is_held(
    make: Make, tmp_path: Path, total: str, codes: list[str]
) -> None:
    """Pages, sums and approvals would show JPY 1,251 for a document of 1,250.50."""
    body = case_body("26-foreign-receipt-has-no-currency", "input.records.json", "books")
    order = body["records"][0]
    order |= {"currency": "JPY", "exchange_rate": "0.0295"}
    order |= {"subtotal": total, "tax_total": "0.00", "total": total}
    order["lines"][0] |= {"price": total, "tax": "NONE"}
    body["records"] = [order]
    company = make(
        Plan(template="orders-quickbooks", rules=ABROAD),
        "quickbooks",
        currencies={"Customer": {"58": "JPY"}},
        lists={"Currency": {"JPY": "Yen"}},
    )
    company.ingest(write(tmp_path, body, "input.records.json"))
    company.work()
    assert [one.code for one in company.holds("S-1")] == codes
    assert all("1250.50" in one.text and "JPY" in one.text for one in company.holds("S-1"))
    assert len(company.documents()) == 1 - len(codes)


@STRICT_AND_LENIENT
def test_26_a_receipt_without_its_currency_is_held_and_not_posted_in_ringgit(
    make: Make, tmp_path: Path, books: dict[str, Any]
) -> None:
    body = case_body("26-foreign-receipt-has-no-currency", "input.records.json", "books")
    company = make(Plan(template="orders-quickbooks", rules=ABROAD), "quickbooks", **books)
    company.ingest(write(tmp_path, body, "input.records.json"))
    company.work(rounds=8)
    assert "CUR01" in {one.code for one in company.holds("1")}
    assert not [one for one in company.documents().values() if "PaymentRefNum" in one]


def write(folder: Path, body: dict[str, Any], name: str = "input.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(body), "utf-8")
    return path


def netshop_order(number: str, **item: Any) -> dict[str, Any]:
    body = case_body("24-long-product-title", "input.json", "books")
    order = body["orders"][0]
    order["number"] = number
    order["items"][0] |= {"name": "Kemeja", **item}
    return body


def set_up(company: CaseCompany, **values: str) -> None:
    """Change settings of the target as an administrator does."""
    with company.database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        changed = change_settings(session, SYSTEM, target.id, values, now=company.clock.now())
        assert changed == tuple(values)


def test_a_limit_of_a_setting_ends_when_the_setting_changes(make: Make, tmp_path: Path) -> None:
    company = make(NETSHOP, "autocount", **BOOKS)
    set_up(company, price_decimals="0")
    company.ingest(write(tmp_path, netshop_order("NS-SEN")))
    company.work()
    assert [one.code for one in company.holds("NS-SEN")] == ["VAL05"]
    set_up(company, price_decimals="2")
    company.work()
    assert company.holds("NS-SEN") == []
    assert list(company.documents()) == ["NS-SEN"]


def test_a_limit_is_named_beside_a_missing_mapping(make: Make, tmp_path: Path) -> None:
    company = make(NETSHOP, "autocount", **BOOKS)
    set_up(company, price_decimals="0")
    company.ingest(write(tmp_path, netshop_order("NS-TWO", sku="UNKNOWN")))
    company.work()
    holds = company.holds("NS-TWO")
    assert sorted(one.code for one in holds) == ["MAP01", "VAL05"]
    (limit,) = [one.text for one in holds if one.code == "VAL05"]
    assert "51.50" in limit


def test_what_is_missing_alone_is_beyond_no_limit(make: Make, tmp_path: Path) -> None:
    company = make(NETSHOP, "autocount", **BOOKS)
    company.ingest(write(tmp_path, netshop_order("NS-ONE", sku="UNKNOWN")))
    company.work()
    assert [one.code for one in company.holds("NS-ONE")] == ["MAP01"]
