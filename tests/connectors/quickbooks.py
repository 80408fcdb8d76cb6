"""What the tests of QuickBooks send besides invoices, and what exists there."""

from decimal import Decimal

from tests.connectors.sample_documents import Posted


def stands(bench, at=0):
    return bench.sim.show("documents")[at]


def money(number="RC-1", pays="NS-1", amount="118.80", **changed):
    fields = {
        "PaymentRefNum": number,
        "TxnDate": "2026-11-20",
        "CustomerRef": "58",
        "InvoiceNumber": pays,
        "TotalAmt": amount,
        "PaymentMethodRef": "3",
        "DepositToAccountRef": "35",
        **changed,
    }
    return Posted(
        document="payment", number=number, party="58", amount=Decimal(amount), fields=fields
    )


def bill(**changed):
    fields = {
        "DocNumber": "B-1",
        "TxnDate": "2026-11-18",
        "VendorRef": "77",
        "DepartmentRef": "1",
        "GlobalTaxCalculation": "TaxExcluded",
        "Total": "880.00",
        **changed,
    }
    line = {"AccountRef": "81", "Description": "Tea", "Amount": "800.00", "TaxCodeRef": "5"}
    return Posted(
        document="bill",
        number="B-1",
        party="77",
        amount=Decimal("880.00"),
        fields=fields,
        lines=(line,),
    )
