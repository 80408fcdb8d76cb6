"""Documents of QuickBooks whose prices include tax: sent before tax, with TaxInclusiveAmt."""

from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.registry import targets
from connectors.targets.quickbooks.payload import (
    SCHEMAS,
    Company,
    compare,
    content,
    lines_of,
    preflight,
)
from tests.connectors.quickbooks import bill
from tests.connectors.recorded import Tape, expected, played, recorded
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.sample_documents import quickbooks_invoice, sold_line
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.connectors.targets.test_wire import settings
from tests.support.zones import BOOKS, LISTED

KEY = "cp-204243b6b1eee9e99448b8a93675c486b1322c6b"
COMPANY = Company("MYR", {"SalesRep": "1"})


def inclusive(mode="TaxInclusive", amount="305.46", tax="27.77", quantity="3", price="101.82"):
    row = sold_line(Qty=quantity, UnitPrice=price, Amount=amount, TaxAmount=tax)
    return quickbooks_invoice(
        lines=(row,), GlobalTaxCalculation=mode, Total=amount, amount=amount, CustomerMemo=None
    )


class TestRecorded:
    def call(self):
        (call,) = recorded("quickbooks", "inclusive/invoice.create")["write"]
        return call

    def test_the_client_sends_and_reads_it_as_recorded(self):
        call = self.call()
        (one,) = DOCUMENTS["quickbooks"]["invoice.create"]
        tee, ship = one.lines
        tee = {**tee, "Qty": "3", "UnitPrice": "101.82", "Amount": "305.46", "TaxAmount": "27.77"}
        fields = {**one.fields, "GlobalTaxCalculation": "TaxInclusive", "Total": "315.36"}
        del fields["DueDate"]
        document = replace(one, fields=fields, lines=(tee, {**ship, "TaxAmount": "0.00"}))
        client = targets()["quickbooks"]
        payload = client.build([document], {**BOOKS, **LISTED}, batch=False, batch_name="")
        assert payload.body.decode() == call.body
        secret = SAMPLES["quickbooks"].secret
        sent = client.send(payload, settings("quickbooks"), secret, KEY, Tape([call]))
        (answer,) = sent.answers
        assert (answer.kind, answer.total, answer.kept) == ("accepted", Decimal("315.36"), ())

    def test_the_stand_in_answers_as_recorded(self, emptied):
        assert played(emptied("quickbooks").url, self.call()) == expected(self.call())


@pytest.mark.parametrize(("as_gross", "total"), [(False, "305.46"), (True, None)])
def test_a_company_that_reads_amounts_otherwise_is_found(start, http, as_gross, total):
    """Should QuickBooks take `Amount` as the amount with tax, the answer shows the difference."""
    bench = Bench(targets()["quickbooks"], start(target="quickbooks"), http)
    bench.sim.control("company", inclusive_as_gross=as_gross)
    there = {**bench.sim.settings, **LISTED}
    payload = bench.target.build([inclusive()], there, batch=False, batch_name="")
    sent = bench.target.send(payload, there, bench.sample.secret, "cp-1", bench.http)
    (answer,) = sent.answers
    assert answer.kind == ("uncertain" if as_gross else "accepted")
    assert answer.total == (total and Decimal(total))
    (stands,) = bench.standing()
    assert Decimal(str(stands["TotalAmt"])) == Decimal(total or "277.69")


@pytest.mark.parametrize(
    "change",
    [{"TaxInclusiveAmt": Decimal("305.47")}, {"Qty": Decimal(4)}, {"TaxCodeRef": {"value": "3"}}],
)
def test_a_line_that_a_person_changed_differs(change):
    wanted, stands = (content(inclusive(), blanks=False) for _ in range(2))
    schema = SCHEMAS["invoice"]
    assert compare(schema, wanted, {}, stands, {}).differs == ()
    stands["Line"][0]["SalesItemLineDetail"] |= change
    assert compare(schema, wanted, {}, stands, {}).differs != ()


def test_the_lines_are_read_with_tax():
    (line,) = lines_of(SCHEMAS["invoice"], content(inclusive(), blanks=False))
    assert (line["Amount"], line["UnitPrice"], line["Qty"]) == ("305.46", "101.82", "3")


def test_a_bill_sends_its_amounts_before_tax():
    row = {"AccountRef": "81", "Amount": "110.00", "TaxCodeRef": "5", "TaxAmount": "10.00"}
    document = replace(bill(GlobalTaxCalculation="TaxInclusive"), lines=(row,))
    (line,) = content(document, blanks=False)["Line"]
    assert line["Amount"] == Decimal("100.00")
    assert line["AccountBasedExpenseLineDetail"]["TaxInclusiveAmt"] == Decimal("110.00")


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        (inclusive(), None),
        (inclusive(tax=""), "bad_value"),
        (inclusive(mode="TaxExcluded", tax=""), None),
        (inclusive(amount="110000.00", tax="0.01", quantity="11000000", price="0.01"), "bad_value"),
    ],
)
def test_amounts_before_tax_that_cannot_be_computed_are_refused(document, refused):
    answer = preflight(document, "create", COMPANY, listed=False)
    assert (answer.error_class if answer else None) == refused
