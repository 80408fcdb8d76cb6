"""Cases of documents that QuickBooks refuses or changes, from the record to the stand-in's books.

Each is played against the stand-in as strict as the real system, and against a lenient one.
"""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from holding.db.database import Database
from tests.cases.company import CaseCompany, Plan, case_path, make_company
from tests.cases.conftest import Make
from tests.connectors.simulator_processes import Simulator

LENIENT = {
    "fields_by_name": True,
    "names_inactive": True,
    "negative_totals": True,
    "any_currency": True,
}


def play(make: Make, case: str, *, rules: dict[str, str] | None = None, **books) -> CaseCompany:
    company = make(Plan(template="orders-quickbooks", rules=rules or {}), "quickbooks", **books)
    company.ingest(case_path(case, "books") / "input.records.json")
    assert company.errors == []
    company.work()
    return company


@pytest.mark.parametrize("books", [{}, LENIENT])
def test_01_a_salesperson_is_stored_in_its_custom_field(make: Make, books: dict) -> None:
    company = play(make, "01-qb-salesrep-custom-field", **books)
    (invoice,) = company.documents().values()
    assert Decimal(str(invoice["TotalAmt"])) == Decimal("41.25")
    (field,) = invoice["CustomField"]
    assert (field["DefinitionId"], field["Name"], field["StringValue"]) == (
        "1",
        "SalesRep",
        "House",
    )
    assert company.states() == {"NS-1": "posted"}
    assert company.holds() == []


def test_25_numbers_that_quickbooks_gives_itself_stop_the_connection(make: Make) -> None:
    with pytest.raises(AssertionError, match=r"numbers\.own"):
        make(Plan(template="orders-quickbooks"), "quickbooks", custom_numbers=False)


@pytest.mark.parametrize("hours", ["0", "24"])
def test_25_numbers_that_were_switched_off_since_double_nothing(
    case_database: Database, tmp_path: Path, hours: str
) -> None:
    """QuickBooks gives the document a number of its own, which no look-up by ours finds."""
    simulator = Simulator("quickbooks", tmp_path / "ledger.jsonl", "--remember-hours", hours)
    try:
        company = make_company(case_database, simulator, Plan(template="orders-quickbooks"))
        simulator.control("company", custom_numbers=False)
        company.ingest(case_path("25-qb-custom-numbers-off", "books") / "input.records.json")
        for _ in range(4):
            company.work(8)
            company.clock.advance(timedelta(hours=2))
        assert len(simulator.show("documents")) == 1
        (hold,) = company.holds("NS-2")
        assert hold.code == "TGT05"
        assert "sent by Clearpost as NS-2-1: quickbooks gave it another number" in hold.text
    finally:
        simulator.kill()


def test_rules_that_fill_a_field_which_is_not_there_are_not_published(make: Make) -> None:
    with pytest.raises(AssertionError, match="has no custom field SalesRep"):
        make(Plan(template="orders-quickbooks"), "quickbooks", custom_fields={"1": "Crew"})


def test_01_a_field_that_was_removed_since_holds_the_document(make: Make) -> None:
    """The list is read again every quarter of an hour; until then the old one counts."""
    company = make(Plan(template="orders-quickbooks"), "quickbooks")
    company.target.control("company", custom_fields={"1": ""})
    company.test_target()
    company.ingest(case_path("01-qb-salesrep-custom-field", "books") / "input.records.json")
    company.work()
    (hold,) = company.holds("NS-1")
    assert "SalesRep" in hold.text
    assert "NS-1" in hold.text
    assert company.documents() == {}


@pytest.mark.parametrize("named", [False, True])
def test_19_an_inactive_item_is_named_before_anything_is_sent(make: Make, named: bool) -> None:
    """The fault of the real system says that something is inactive, and not what."""
    company = make(
        Plan(template="orders-quickbooks"),
        "quickbooks",
        skus={"12": "CUP-4"},
        inactive={"Item": ["12"]},
        names_inactive=named,
    )
    company.ingest(case_path("19-qb-inactive-item", "books") / "input.records.json")
    company.work()
    (hold,) = company.holds("S-5")
    assert hold.code == "TGT06"
    assert "roduct 12 Tea cup (CUP-4) was made inactive in quickbooks" in hold.text
    assert company.documents() == {}
    company.target.control("company", active={"Item": ["12"]})


STRICT_AND_LENIENT = pytest.mark.parametrize("books", [{}, LENIENT])
RATE = {
    "    CurrencyRef           = currency\n": "    CurrencyRef           = currency\n"
    "    ExchangeRate          = 3.3\n"
}


@STRICT_AND_LENIENT
def test_03_a_rate_in_the_currency_of_the_books_is_held(make: Make, books: dict) -> None:
    company = play(make, "03-qb-rate-on-home-currency", rules=RATE, **books)
    (hold,) = company.holds("S-3")
    assert "3.3" in hold.text
    assert company.documents() == {}


SOLD_ABROAD = {
    **RATE,
    '    require  currency = "MYR"\n': '    require  currency = "MYR" or currency = "SGD"\n',
}


@STRICT_AND_LENIENT
def test_05_an_order_in_another_currency_than_its_customer_is_held(make: Make, books: dict) -> None:
    company = play(make, "05-qb-customer-has-one-currency", rules=SOLD_ABROAD, **books)
    (hold,) = company.holds("S-1")
    assert hold.code == "TGT13"
    assert "Customer 58 is in MYR in quickbooks" in hold.text
    assert "is in SGD" in hold.text
    assert company.documents() == {}


@STRICT_AND_LENIENT
def test_05_an_order_in_the_currency_of_its_customer_is_posted(make: Make, books: dict) -> None:
    abroad = {"Customer": {"58": "SGD"}}
    company = play(
        make,
        "05-qb-customer-has-one-currency",
        rules=SOLD_ABROAD,
        currencies=abroad,
        **books,
    )
    (invoice,) = company.documents().values()
    assert invoice["CurrencyRef"]["value"] == "SGD"
    assert company.holds() == []


@STRICT_AND_LENIENT
def test_07_a_payment_is_found_where_its_reference_cannot_be_searched(
    make: Make, books: dict
) -> None:
    company = play(
        make, "07-qb-field-not-queryable", not_queryable={"Payment": ["PaymentRefNum"]}, **books
    )
    company.work()
    payments = [one for one in company.documents().values() if "PaymentRefNum" in one]
    assert [Decimal(str(one["TotalAmt"])) for one in payments] == [Decimal("34.10")]
    assert set(company.states().values()) == {"posted"}
    assert company.holds() == []


@STRICT_AND_LENIENT
def test_08_a_negative_total_is_held_with_its_amount(make: Make, books: dict) -> None:
    company = play(make, "08-qb-negative-total", **books)
    (hold,) = [one for one in company.holds("A-NEG") if one.code == "VAL03"]
    assert "-5.50" in hold.text
    assert company.documents() == {}


@STRICT_AND_LENIENT
def test_09_an_invoice_of_nothing_is_posted(make: Make, books: dict) -> None:
    company = play(make, "09-qb-zero-value", **books)
    (invoice,) = company.documents().values()
    assert Decimal(str(invoice["TotalAmt"])) == 0


@STRICT_AND_LENIENT
def test_18_more_lines_than_quickbooks_takes_are_held(make: Make, books: dict) -> None:
    company = play(make, "18-qb-751-lines", **books)
    (hold,) = company.holds("J-751")
    assert "751" in hold.text
    assert "750" in hold.text
    assert company.documents() == {}


@pytest.mark.parametrize("hours", ["0", "24"])
def test_21_a_request_id_that_is_not_honoured_doubles_nothing(
    case_database: Database, tmp_path: Path, hours: str
) -> None:
    simulator = Simulator("quickbooks", tmp_path / "ledger.jsonl", "--remember-hours", hours)
    try:
        company = make_company(case_database, simulator, Plan(template="orders-quickbooks"))
        for number in ("P-1-1", "RC-91"):
            simulator.control("faults", fault="timeout_after", number=number)
        company.ingest(case_path("21-qb-request-id-not-honoured", "books") / "input.records.json")
        company.work(8)
        documents = simulator.show("documents")
        totals = [(one["entity"], Decimal(str(one["TotalAmt"]))) for one in documents]
        assert sorted(totals) == [("Invoice", Decimal("33.00")), ("Payment", Decimal("33.00"))]
        assert set(company.states().values()) == {"posted"}
    finally:
        simulator.kill()


@STRICT_AND_LENIENT
def test_27_odd_characters_arrive_whole(make: Make, books: dict) -> None:
    company = play(make, "27-qb-odd-characters", **books)
    assert set(company.documents()) == {"G'9\\-1", "G&<b>-1"}
    totals = [Decimal(str(one["TotalAmt"])) for one in company.documents().values()]
    assert sorted(totals) == [Decimal("19.80"), Decimal("20.90")]
    names = {one["Line"][0]["Description"] for one in company.documents().values()}
    assert "شاي أخضر 茶" in names
    assert company.holds() == []
