"""Define, as data, the document types of AutoCount's Excel import and their fields."""

from dataclasses import replace
from typing import Final

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema
from connectors.kit.preflight import Meanings

TARGET = "autocount_excel"

NUMBER_MAX = 20

_TRADED = Amounts(
    amount="SubTotal",
    tax="TaxAmount",
    code="TaxCode",
    quantity="Qty",
    price="UnitPrice",
    discount="Discount",
    rate="TaxRate",
    tax_is="beside",
    inclusive=("InclusiveTax", True),
)

_BILLED = Amounts(amount="Amount", tax="TaxAmount", code="TaxCode", rate="TaxRate", tax_is="beside")

MEANINGS: Final = Meanings(
    header={
        "DocNo": "Our number of the document; an import overwrites a number that is taken.",
        "DocDate": "Day of the document, which must lie in an open period.",
        "DebtorCode": "Code of the customer, who must exist in AutoCount.",
        "DebtorName": "Name of the customer as the document shows it.",
        "CreditorName": "Name of the supplier as the document shows it.",
        "CreditorCode": "Code of the supplier, who must exist in AutoCount.",
        "Ref": "The source's own number, such as that of the order.",
        "Description": "What the document is about, in one line.",
        "DisplayTerm": "Code of the credit term, exactly as AutoCount has it, such as C.O.D.",
        "SalesAgent": "Code of the salesperson.",
        "Location": "Code of the location that sells.",
        "CurrencyCode": "Currency of the document.",
        "CurrencyRate": "How much of the book's currency 1 of that currency is.",
        "InclusiveTax": "Whether the prices have the tax in them: written as T or F.",
        "FinalTotal": "Total with tax; no column, it is compared with AutoCount's listing.",
        "OurInvoice": "Number of the invoice that is credited.",
        "Reason": "Why it is credited.",
        "PaymentMethod": "Way of paying, which must exist in AutoCount.",
        "PaymentAmt": "How much was paid, more than 0.",
        "ChequeNo": "Number of the cheque, or the bank's reference.",
        "KnockOffDocNo": "Number of the document that it pays.",
        "KnockOffAmt": "How much of that document it pays.",
        "SupplierInvoiceNo": "The supplier's own number of the bill.",
        "AccNo": "Code of the account that the bill is booked to.",
        "DtlDescription": "What was bought.",
        "TaxCode": "Tax code as AutoCount has it.",
        "Amount": "Amount of the bill before tax.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it has no column.",
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
    },
    lines={
        "ItemCode": "Code of the item in AutoCount, exactly; needed where stock moves.",
        "DtlDescription": "What was sold.",
        "AccNo": "Code of the account that the line is booked to; needed without an item.",
        "Location": "Code of the location that the line's goods leave.",
        "UOM": "One of the item's units of measure; the price is per that unit.",
        "Qty": "How many, in that unit.",
        "UnitPrice": "Price of one such unit before discount.",
        "Discount": "Discount on the line: an amount, or per cent as 5%.",
        "TaxCode": "Tax code as AutoCount has it.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it has no column.",
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
        "Classification": "Classification for the e-Invoice.",
        "SubTotal": "Amount of the line; AutoCount computes it, so it has no column.",
        "GoodsReturn": "Whether the goods came back: written as T or F.",
    },
    apart={
        "cash_sale.PaymentAmt": "How much was paid at once; AutoCount leaves the rest unpaid.",
        "sales_order.DtlDescription": "What is ordered.",
        "delivery_order.DtlDescription": "What is delivered.",
        "goods_received_note.Location": "Code of the location that the goods come to.",
        "goods_received_note.DtlDescription": "What was received.",
    },
)


def _column(name: str, title: str = "", **more: object) -> FieldSchema:
    """Return a column of the sheet. Its title is the rule's field name unless `title` is given."""
    return replace(FieldSchema(name=name, title=title or name), **more)  # type: ignore[arg-type]


def _document(
    name: str,
    title: str,
    header: tuple[FieldSchema, ...],
    *,
    party: FieldSchema,
    total: str,
    books: Books | None = None,
    lines: tuple[FieldSchema, ...] = (),
    amounts: Amounts | None = None,
) -> DocumentSchema:
    return DocumentSchema(
        target=TARGET,
        name=name,
        title=title,
        header=header,
        lines=lines,
        number_field="DocNo",
        number_max=NUMBER_MAX,
        date_field="DocDate",
        party_field=party.name,
        total_field=total,
        reckons=amounts is _TRADED,
        amounts=amounts,
        books=books,
        touches_earlier=True,
    )


def _goods(name: str, title: str, party: FieldSchema) -> DocumentSchema:
    """Return the schema of a document of ordered or moved goods, which posts no money."""
    return _document(
        name,
        title,
        _SOLD if party is _DEBTOR else _BOUGHT,
        party=party,
        total="FinalTotal",
        lines=tuple(field for field in _LINES if field.name != "Classification"),
        amounts=_TRADED,
    )


_NUMBER = _column("DocNo", required=True, max_length=NUMBER_MAX)

_DATE = _column("DocDate", type="date", required=True)

_TERM = _column("DisplayTerm", needed=True, max_length=30)

_DESCRIPTION = _column("Description", max_length=80, shortened=True)

_CURRENCY = (
    _column("CurrencyCode", needed=True, max_length=5, refers="currency"),
    _column("CurrencyRate", type="decimal", needed=True, places=12),
)

_DEBTOR = _column("DebtorCode", required=True, max_length=12, refers="customer")

_CREDITOR = _column("CreditorCode", required=True, max_length=12, refers="vendor")

_TOTAL = _column("FinalTotal", type="money", places=2, sent=False)

_TAX = _column("TaxCode", max_length=14, refers="tax")

_TAX_AMOUNT = _column("TaxAmount", type="money", places=2, sent=False)
"""AutoCount works the tax out itself: what the rules expect of it makes the total, unsent."""

_TAX_RATE = _column("TaxRate", type="decimal", sent=False)
"""AutoCount takes the rate of the code: with it, its tax is worked out before the import."""

_ACCOUNT = _column("AccNo", max_length=12, refers="account")

_TEXT = _column("DtlDescription", max_length=100, shortened=True)

_REF = _column("Ref", max_length=40, shortened=True)

_INCLUSIVE = _column("InclusiveTax", type="yesno", needed=True)

_SOLD = (
    _NUMBER,
    _DATE,
    _DEBTOR,
    _column("DebtorName", max_length=100, shortened=True),
    _REF,
    _DESCRIPTION,
    _TERM,
    _column("SalesAgent", max_length=12),
    _column("Location", "SalesLocation", max_length=8, refers="warehouse"),
    *_CURRENCY,
    _INCLUSIVE,
    _TOTAL,
)

_BOUGHT = (
    _NUMBER,
    _DATE,
    _CREDITOR,
    _column("CreditorName", max_length=100, shortened=True),
    _REF,
    _DESCRIPTION,
    _TERM,
    _column("Location", "PurchaseLocation", max_length=8, refers="warehouse"),
    *_CURRENCY,
    _INCLUSIVE,
    _TOTAL,
)

_LINES = (
    _column("ItemCode", max_length=30, refers="item"),
    replace(_TEXT, needed=True),
    _ACCOUNT,
    _column("Location", max_length=8, refers="warehouse"),
    _column("UOM", max_length=8),
    _column("Qty", type="quantity", required=True, places=4),
    _column("UnitPrice", type="money", required=True, places=4),
    _column("Discount", max_length=20),
    _TAX,
    _TAX_AMOUNT,
    _TAX_RATE,
    _column("Classification", max_length=3),
    _column("SubTotal", type="money", places=2, sent=False),
)

_CREDITED = (
    _column("OurInvoice", "OurInvoiceNo", max_length=NUMBER_MAX),
    _column("Reason", max_length=80, shortened=True),
)

_RETURNED = _column("GoodsReturn", type="yesno")

_PAYMENT = (
    _column("PaymentMethod", required=True, max_length=20, refers="payment_method"),
    _column("PaymentAmt", type="money", required=True, places=2),
    _column("ChequeNo", max_length=40),
)

_PAID_AT_ONCE = (
    _column("PaymentMethod", required=True, max_length=20, refers="payment_method"),
    _column("PaymentAmt", type="money", required=True, places=2),
    _column("ChequeNo", max_length=20),
)
"""The payment of a cash sale, named as the columns of its payment table on AutoCount's own page:
wiki.autocountsoft.com/wiki/Programmer:Cash_Sale_with_Payment.
"""

_KNOCK_OFF = (
    _column("KnockOffDocNo", max_length=NUMBER_MAX),
    _column("KnockOffAmt", type="money", places=2),
)

_BILL = (
    _NUMBER,
    _column("SupplierInvoiceNo", max_length=50),
    _DATE,
    _CREDITOR,
    _DESCRIPTION,
    _TERM,
    *_CURRENCY,
    replace(_ACCOUNT, required=True),
    _TEXT,
    _TAX,
    _column("Amount", type="money", required=True, places=2),
    _TAX_AMOUNT,
    _TAX_RATE,
    _TOTAL,
)

DOCUMENTS = MEANINGS.on_all(
    (
        _document(
            "invoice",
            "Invoice",
            _SOLD,
            party=_DEBTOR,
            total="FinalTotal",
            books=Books("credit", "SubTotal"),
            lines=_LINES,
            amounts=_TRADED,
        ),
        _document(
            "credit_note",
            "Credit note",
            (*_SOLD, *_CREDITED),
            party=_DEBTOR,
            total="FinalTotal",
            books=Books("debit", "SubTotal"),
            lines=(*_LINES, _RETURNED),
            amounts=_TRADED,
        ),
        _document(
            "cash_sale",
            "Cash sale",
            (*_SOLD, *_PAID_AT_ONCE),
            party=_DEBTOR,
            total="FinalTotal",
            books=Books("credit", "SubTotal"),
            lines=_LINES,
            amounts=_TRADED,
        ),
        _goods("sales_order", "Sales order", _DEBTOR),
        _goods("delivery_order", "Delivery order", _DEBTOR),
        _goods("goods_received_note", "Goods received note", _CREDITOR),
        _document(
            "ar_payment",
            "A/R payment",
            (_NUMBER, _DATE, _DEBTOR, *_PAYMENT, _DESCRIPTION, *_KNOCK_OFF),
            party=_DEBTOR,
            total="PaymentAmt",
            books=Books("debit", "PaymentAmt"),
        ),
        _document(
            "ap_invoice",
            "A/P invoice",
            _BILL,
            party=_CREDITOR,
            total="FinalTotal",
            books=Books("debit", "Amount"),
            amounts=_BILLED,
        ),
        _document(
            "ap_payment",
            "A/P payment",
            (_NUMBER, _DATE, _CREDITOR, *_PAYMENT, *_KNOCK_OFF),
            party=_CREDITOR,
            total="PaymentAmt",
            books=Books("credit", "PaymentAmt"),
        ),
    )
)
"""What is imported. What is corrected afterwards is corrected in AutoCount: it has no actions."""
