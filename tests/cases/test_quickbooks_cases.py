"""Cases of documents that QuickBooks refuses or changes, from the record to the stand-in's books.

Each is played against the stand-in as strict as the real system, and against a lenient one.
"""

from decimal import Decimal

import pytest

from tests.cases.company import CaseCompany, Plan, case_path
from tests.cases.conftest import Make

LENIENT = {"fields_by_name": True}


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
