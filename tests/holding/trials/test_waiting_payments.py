"""What preflight says of payments that are ready, by the target's list of what is unpaid."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM
from holding.db.database import Database
from holding.db.models import Company, Connection, ListReading, Posting
from holding.db.models.columns import ListKind
from holding.mappings import list_storage
from holding.mappings.list_rows import ListRow
from holding.trials.findings import Finding, findings
from holding.trials.waiting_documents import NOT_UNPAID, TOO_MUCH
from rules.outcomes import Document
from tests.support.factories import connection_named, make_connection
from tests.support.postings import NOW, invoice, make_ready

READ = NOW - timedelta(hours=6)
Row = tuple[str, str, str, str]
NS_1: Row = ("NS-1", "58", "100.00", "MYR")


@pytest.fixture(autouse=True)
def quickbooks(database: Database, company: Company) -> None:
    with database.write() as session:
        make_connection(session, company, "quickbooks", side="target")


def qbo(session: Session, company: Company) -> Connection:
    return connection_named(session, company, "quickbooks")


def told(
    session: Session,
    company: Company,
    rows: Sequence[Row],
    kind: ListKind = ListKind.INVOICE,
    at: datetime = READ,
) -> None:
    """QuickBooks told this list then."""
    target = qbo(session, company)
    listed = [
        ListRow(f"id-{no}", "Ali", "", "", True, sku=number, party=party,
                left=Decimal(left), currency=currency)
        for no, (number, party, left, currency) in enumerate(rows)
    ]  # fmt: skip
    list_storage.store_list(
        session, SYSTEM, target, kind, "the list", "0" * 64, listed, as_of=at.date(), now=at
    )
    session.add(ListReading(connection_id=target.id, kind=kind, done_at=at))
    session.flush()


def pay(
    session: Session,
    company: Company,
    number: str,
    amount: str = "100.00",
    *,
    of: str = "NS-1",
    party: str = "58",
    currency: str = "MYR",
    bill: bool = False,
    action: str = "create",
) -> Posting:
    """A payment that is ready."""
    names = ("bill_payment", "VendorRef", "BillNumber", "DocNumber")
    kind, whose, what, own = (
        names if bill else ("payment", "CustomerRef", "InvoiceNumber", "PaymentRefNum")
    )
    document = Document(
        target="quickbooks",
        document=kind,
        number=number,
        date=date(2026, 11, 19),
        party=party,
        currency=currency,
        amount=Decimal(amount),
        fields={own: number, "TxnDate": "2026-11-19", whose: party, what: of, "TotalAmt": amount},
        lines=(),
    )
    posting = make_ready(session, company, number, document=document)
    posting.connection_id, posting.doc_type = qbo(session, company).id, kind
    posting.action = action
    session.flush()
    return posting


def sold(
    session: Session, company: Company, number: str, posted_at: datetime | None, state: str
) -> Posting:
    """An invoice of ours in QuickBooks, or on its way."""
    document = invoice(number)
    posting = make_ready(session, company, f"order {number}", document=document, state=state)
    posting.connection_id, posting.doc_type = qbo(session, company).id, "invoice"
    posting.posted_at = posted_at
    session.flush()
    return posting


def said(session: Session, company: Company) -> dict[str, Finding]:
    found = findings(session, company.id, NOW, "quickbooks")
    return {one.code: one for one in found if one.code in (NOT_UNPAID, TOO_MUCH)}


def test_a_payment_of_what_is_not_unpaid_is_told_with_the_hour_of_the_list(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        pay(session, company, "R-1", of="NS-9")
        pay(session, company, "R-2", of="NS-8")
        assert said(session, company) == {}, "without a list nothing is known"
        told(session, company, [NS_1])
        (found,) = said(session, company).values()
        assert found.code == NOT_UNPAID
        assert found.words == (
            "The invoice that it pays is not among those of its customer that are unpaid in"
            f" quickbooks, by the list of {READ:%Y-%m-%d %H:%M} UTC. First: R-1."
        )
        assert (found.records, found.connection) == (2, "quickbooks")


def test_a_payment_that_fits_is_not_told_of(database: Database, company: Company) -> None:
    with database.write() as session:
        told(session, company, [NS_1, ("NS-2", "58", "0.01", "MYR")])
        pay(session, company, "R-1")
        pay(session, company, "R-2", "0.01", of="NS-2")
        assert said(session, company) == {}


@pytest.mark.parametrize(("amounts", "records"), [(["100.01"], 1), (["60", "40", "0.01"], 1)])
def test_payments_of_one_invoice_that_are_more_than_is_left(
    database: Database, company: Company, amounts: list[str], records: int
) -> None:
    with database.write() as session:
        told(session, company, [NS_1])
        for no, amount in enumerate(amounts):
            pay(session, company, f"R-{no}", amount)
        (found,) = said(session, company).values()
        assert (found.code, found.records) == (TOO_MUCH, records)
        assert found.words.startswith(
            "More is paid of the invoice than is left to pay in quickbooks, by the list of 20"
        )
        assert found.words.endswith(f"First: R-{len(amounts) - 1}.")


def test_an_invoice_of_another_customer_or_currency_is_not_the_one(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        told(session, company, [NS_1, ("NS-2", "58", "5.00", "SGD")])
        pay(session, company, "R-1", party="60")
        pay(session, company, "R-2", "900.00", of="NS-2")
        found = said(session, company)
        assert set(found) == {NOT_UNPAID}, "another currency is not compared"
        assert found[NOT_UNPAID].words.endswith("First: R-1.")


def test_a_document_may_name_its_customer_by_name(database: Database, company: Company) -> None:
    with database.write() as session:
        told(session, company, [NS_1])
        pay(session, company, "R-1", party="Ali")
        assert said(session, company) == {}
        pay(session, company, "R-2", party="Abu")
        assert set(said(session, company)) == {NOT_UNPAID}


def test_payments_in_two_currencies_are_not_added_up(database: Database, company: Company) -> None:
    with database.write() as session:
        told(session, company, [NS_1])
        pay(session, company, "R-1", "60.00", currency="SGD")
        pay(session, company, "R-2", "50.00")
        assert said(session, company) == {}


def test_two_suppliers_may_give_their_bills_one_number(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        rows = [("ST-1", "77", "10.00", "MYR"), ("ST-1", "78", "900.00", "MYR")]
        told(session, company, rows, ListKind.BILL)
        pay(session, company, "P-1", "11.00", of="ST-1", party="77", bill=True)
        pay(session, company, "P-2", "11.00", of="ST-1", party="78", bill=True)
        (found,) = said(session, company).values()
        assert found.words.startswith("More is paid of the bill than")
        assert found.words.endswith("First: P-1.")


@pytest.mark.parametrize(
    ("posted", "state", "told_of"),
    [
        (None, "ready", False),
        (READ - timedelta(minutes=59), "posted", False),
        (READ + timedelta(minutes=1), "posted", False),
        (READ - timedelta(minutes=61), "posted", True),
        (READ - timedelta(days=3), "reversed", True),
    ],
)
def test_an_invoice_that_the_list_could_not_have_yet_is_no_fault(
    database: Database, company: Company, posted: datetime | None, state: str, told_of: bool
) -> None:
    with database.write() as session:
        told(session, company, [])
        sold(session, company, "NS-1", posted, state)
        pay(session, company, "R-1")
        assert set(said(session, company)) == ({NOT_UNPAID} if told_of else set())


def test_a_payment_that_has_the_number_of_its_invoice_does_not_hide_it(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        told(session, company, [])
        pay(session, company, "NS-1", of="NS-1")
        assert set(said(session, company)) == {NOT_UNPAID}


def test_a_payment_that_is_there_already_and_is_changed_is_not_compared(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        told(session, company, [])
        pay(session, company, "R-1", action="update")
        assert said(session, company) == {}
