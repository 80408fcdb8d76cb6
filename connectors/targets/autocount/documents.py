"""Define, as data, the document types of AutoCount and the meaning of their fields."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema
from connectors.kit.preflight import Meanings

NUMBER_MAX = 50
"""Of `docNo` in the vendor's models (documentation/models/invoice/inputmodels of its interface)."""

_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "invoice": ("update", "void"),
    "credit_note": ("update",),
    "purchase_order": ("update", "void"),
    "purchase_invoice": (),
    "knock_off": (),
}  # what the interface offers; of documents that it does not take, what AutoCount can do

_BOOKS: Mapping[str, Books] = {
    "invoice": Books("credit", "SubTotal"),
    "cash_sale": Books("credit", "SubTotal"),
    "credit_note": Books("debit", "SubTotal"),
    "purchase_invoice": Books("debit", "SubTotal"),
    "ap_invoice": Books("debit", "Amount"),
    "ar_payment": Books("debit", "PaymentAmt"),
    "ap_payment": Books("credit", "PaymentAmt"),
}

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

_MOVED = replace(_TRADED, moves=Decimal("0.01"))
"""Of a document whose rows take `taxAdjustment`: a sen goes into the tax of each taxed line."""

_TIED = Amounts(amount="Amount", tax_is="inside")

_BILLED = Amounts(amount="Amount", tax="TaxAmount", code="TaxCode", rate="TaxRate", tax_is="beside")

_ON_PAYMENTS = frozenset({"DocNo", "DocDate", "Description"})

_ON_BILLS = _ON_PAYMENTS | {"DisplayTerm", "CurrencyCode", "CurrencyRate", "FinalTotal"}

_HEAD = (
    FieldSchema(name="DocNo", wire="docNo", required=True, max_length=NUMBER_MAX),
    FieldSchema(name="DocDate", wire="docDate", type="date", required=True),
    FieldSchema(name="Ref", wire="ref", max_length=40, shortened=True),
    FieldSchema(name="Description", wire="description", max_length=80, shortened=True),
    FieldSchema(name="DisplayTerm", wire="creditTerm", needed=True, max_length=30),
    FieldSchema(
        name="Location",
        title="SalesLocation",
        wire="salesLocation",
        max_length=8,
        refers="warehouse",
    ),
    FieldSchema(
        name="CurrencyCode", wire="currencyCode", max_length=5, sent=False, refers="currency"
    ),
    FieldSchema(name="CurrencyRate", wire="currencyRate", type="decimal", places=12),
    FieldSchema(name="InclusiveTax", wire="inclusiveTax", type="yesno"),
    FieldSchema(name="FinalTotal", wire="finalTotal", type="money", places=2, sent=False),
    *(
        FieldSchema(name=f"Remark{number}", wire=f"remark{number}", max_length=40, shortened=True)
        for number in (1, 2, 3, 4)
    ),
)

_DEBTOR = (
    FieldSchema(
        name="DebtorCode", wire="debtorCode", required=True, max_length=12, refers="customer"
    ),
    FieldSchema(name="DebtorName", wire="debtorName", needed=True, max_length=100, shortened=True),
    FieldSchema(name="SalesAgent", wire="salesAgent", max_length=12),
)

_CREDITOR = (
    FieldSchema(
        name="CreditorCode", wire="creditorCode", required=True, max_length=12, refers="vendor"
    ),
    FieldSchema(
        name="CreditorName", wire="creditorName", needed=True, max_length=100, shortened=True
    ),
)

_SUPPLIER_NUMBER = FieldSchema(name="SupplierInvoiceNo", wire="supplierInvoiceNo", max_length=50)

_ACCOUNT = FieldSchema(name="AccNo", wire="accNo", needed=True, max_length=12, refers="account")

_TEXT = FieldSchema(name="DtlDescription", wire="description", max_length=100, shortened=True)

_TAX = FieldSchema(name="TaxCode", wire="taxCode", max_length=14, refers="tax")

_TAX_AMOUNT = FieldSchema(name="TaxAmount", wire="tax", type="money", places=2, sent=False)
"""AutoCount works the tax out itself: what the rules expect of it makes the total, unsent."""

_TAX_RATE = FieldSchema(name="TaxRate", type="decimal", sent=False)
"""AutoCount takes the rate of the code: with it, its tax is worked out before it is sent."""

_LINES = (
    FieldSchema(name="ItemCode", wire="productCode", max_length=20, refers="item"),
    replace(_TEXT, whole="FurtherDescription"),
    FieldSchema(name="FurtherDescription", wire="furtherDescription"),
    _ACCOUNT,
    FieldSchema(name="Location", max_length=8, refers="warehouse", sent=False),
    FieldSchema(name="UOM", wire="unit", max_length=8),
    FieldSchema(name="Qty", wire="qty", type="quantity", required=True, places=4),
    FieldSchema(name="UnitPrice", wire="unitPrice", type="money", places=4),
    FieldSchema(name="Discount", wire="discount", max_length=20),
    _TAX,
    _TAX_AMOUNT,
    _TAX_RATE,
    FieldSchema(name="Classification", max_length=3, sent=False),
    FieldSchema(name="SubTotal", wire="subTotal", type="money", places=2, sent=False),
)

_CREDITED = (
    FieldSchema(
        name="OurInvoice", title="OurInvoiceNo", wire="ourInvoiceNo", max_length=NUMBER_MAX
    ),
    FieldSchema(name="Reason", wire="reason", max_length=80, shortened=True),
)

_ROUNDING = FieldSchema(name="RoundingAdjustment", type="money", places=2, sent=False)
"""What rounding leaves between the total and the lines: it goes into the tax of the lines."""

_GOODS_RETURN = FieldSchema(name="GoodsReturn", wire="goodsReturn", type="yesno")

_BILL = (
    *(_SUPPLIER_NUMBER, *(f for f in _HEAD if f.name in _ON_BILLS)),
    replace(_ACCOUNT, required=True),
    _TEXT,
    _TAX,
    _TAX_AMOUNT,
    _TAX_RATE,
    FieldSchema(name="Amount", wire="unitPrice", type="money", required=True, places=2),
)

_PAYMENT = (
    *(f for f in _HEAD if f.name in _ON_PAYMENTS),
    FieldSchema(
        name="PaymentMethod",
        wire="paymentMethod",
        required=True,
        max_length=20,
        refers="payment_method",
    ),
    FieldSchema(name="PaymentAmt", wire="paymentAmt", type="money", required=True, places=2),
    FieldSchema(name="ChequeNo", wire="paymentBy", max_length=40),
    FieldSchema(name="KnockOffDocNo", max_length=NUMBER_MAX),
    FieldSchema(name="KnockOffAmt", type="money", places=2),
)

_KNOCK_OFF = (
    *(f for f in _HEAD if f.name in {"DocNo", "DocDate"}),
    replace(_DEBTOR[0], wire="accNo"),
    FieldSchema(name="ReceiptNo", required=True, max_length=NUMBER_MAX),
    FieldSchema(name="Total", type="money", required=True, places=2, sent=False),
)

_TIES = (
    FieldSchema(name="InvoiceNo", wire="docNo", required=True, max_length=NUMBER_MAX),
    FieldSchema(name="Amount", wire="knockOffAmount", type="money", required=True, places=2),
)

_NAMES = {
    "invoice",
    "credit_note",
    "purchase_order",
    "purchase_invoice",
    "ar_payment",
    "ap_invoice",
    "ap_payment",
    "knock_off",
}

MEANINGS: Final = Meanings(
    header={
        "DocNo": "Our number of the document, which no other of its type may have.",
        "DocDate": "Day of the document, in an open period and a fiscal year of the book.",
        "Ref": "The source's own number, such as that of the order.",
        "Description": "What the document is about, in one line.",
        "DisplayTerm": "Code of the credit term, exactly as AutoCount has it, such as C.O.D.",
        "Location": "Code of the location that sells or takes in.",
        "CurrencyCode": "Currency of the party in AutoCount; it is compared and not sent.",
        "CurrencyRate": "How much of the book's currency 1 of the party's currency is.",
        "InclusiveTax": "Whether the prices have the tax in them.",
        "FinalTotal": "Total with tax and rounding; AutoCount computes it, so it is compared.",
        "Remark1": "First free remark.",
        "Remark2": "Second free remark.",
        "Remark3": "Third free remark.",
        "Remark4": "Fourth free remark.",
        "DebtorCode": "Code of the customer, who must exist in AutoCount.",
        "DebtorName": "Name of the customer as the document shows it.",
        "SalesAgent": "Code of the salesperson, who must exist in AutoCount.",
        "CreditorCode": "Code of the supplier, who must exist in AutoCount.",
        "CreditorName": "Name of the supplier as the document shows it.",
        "SupplierInvoiceNo": "The supplier's own number of the bill.",
        "OurInvoice": "Number of the invoice that is credited.",
        "Reason": "Why it is credited.",
        "RoundingAdjustment": "What rounding leaves; it is put into the tax of the lines.",
        "PaymentMethod": "Way of paying, which must exist in AutoCount.",
        "PaymentAmt": "How much was paid, more than 0.",
        "ChequeNo": "Number of the cheque, or the bank's reference.",
        "KnockOffDocNo": "Number of the document that it pays; here that is a knock-off.",
        "KnockOffAmt": "How much of that document it pays.",
        "ReceiptNo": "Number of the A/R payment that pays the invoices.",
        "Total": "How much of the receipt the invoices take, which is what the lines come to.",
        "AccNo": "Code of the account that the bill is booked to.",
        "DtlDescription": "What was bought.",
        "TaxCode": "Tax code as AutoCount has it.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it is not sent.",
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
        "Amount": "Amount of the bill before tax, or with it where prices have the tax in them.",
    },
    lines={
        "ItemCode": "Code of the item in AutoCount, exactly.",
        "DtlDescription": "What was sold or bought; a longer text ends at a word.",
        "FurtherDescription": "A longer text; without one, the whole text of a shortened line.",
        "AccNo": "Code of the account that the line is booked to.",
        "Location": "Code of the line's own location; the interface has no place for it.",
        "UOM": "Unit of the quantity; AutoCount keeps it as text and converts nothing.",
        "Qty": "How many, more than 0, in the unit beside it.",
        "UnitPrice": "Price of one unit before discount.",
        "Discount": "Discount on the line: an amount, or per cent as 5%.",
        "TaxCode": "Tax code as AutoCount has it.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it is not sent.",
        "TaxRate": "Rate of the tax code there: 0.1 is 10%. It is compared and not sent.",
        "Classification": "Classification for the e-Invoice; AutoCount takes that of the item.",
        "SubTotal": "Amount of the line; AutoCount computes it, so it is compared.",
        "InvoiceNo": "Number of an invoice that the receipt pays.",
        "Amount": "How much of that invoice is paid; a line of 0 is left out.",
        "GoodsReturn": "Whether the goods came back: only then stock goes up again.",
    },
)


def _document(
    name: str,
    title: str,
    header: tuple[FieldSchema, ...],
    party: FieldSchema,
    total: str,
    lines: tuple[FieldSchema, ...] = (),
    amounts: Amounts | None = None,
) -> DocumentSchema:
    """Return the schema of a document type."""
    return DocumentSchema(
        target="autocount",
        name=name,
        title=title,
        header=header,
        lines=lines,
        number_field="DocNo",
        number_max=NUMBER_MAX,
        date_field="DocDate",
        party_field=party.name,
        total_field=total,
        reckons=amounts in (_TRADED, _MOVED),
        amounts=amounts,
        books=_BOOKS.get(name),
        touches_earlier=True,
        credits=name == "credit_note",
        actions=_ACTIONS.get(name, ("update", "void") if lines else ()),
    )


def _ordered(document: DocumentSchema) -> DocumentSchema:
    """Return the schema of a document that posts to no account, so that its lines need no
    account.
    """
    return replace(
        document,
        lines=tuple(replace(f, needed=False) if f is _ACCOUNT else f for f in document.lines),
    )


def _trade(
    name: str,
    title: str,
    party: tuple[FieldSchema, ...],
    *more: FieldSchema,
    line: tuple[FieldSchema, ...] = (),
) -> DocumentSchema:
    """Return the schema of a trading document, whose lines have items and quantities.

    Sales need a location.
    """
    sold = party is _DEBTOR
    head = (replace(f, needed=f.needed or (sold and f.name == "Location")) for f in _HEAD)
    header = (*head, *party, *more)
    amounts = _MOVED if _ROUNDING in more else _TRADED
    return _document(name, title, header, party[0], "FinalTotal", (*_LINES, *line), amounts)


def _paid(name: str, title: str, party: FieldSchema) -> DocumentSchema:
    """Return the schema of a payment to or from a party, whose account is the account of its
    row.
    """
    header = (*_PAYMENT, replace(party, wire="accNo"))
    return _document(name, title, header, party, "PaymentAmt")


DOCUMENTS = MEANINGS.on_all(
    (
        _trade("sales_order", "Sales order", _DEBTOR),
        _trade("delivery_order", "Delivery order", _DEBTOR),
        _trade("invoice", "Invoice", _DEBTOR, _ROUNDING),
        _trade("cash_sale", "Cash sale", _DEBTOR),
        _trade("credit_note", "Credit note", _DEBTOR, *_CREDITED, _ROUNDING, line=(_GOODS_RETURN,)),
        _ordered(_trade("purchase_order", "Purchase order", _CREDITOR)),
        _trade("goods_received_note", "Goods received note", _CREDITOR),
        _trade("purchase_invoice", "Purchase invoice", _CREDITOR, _SUPPLIER_NUMBER),
        _paid("ar_payment", "A/R payment", _DEBTOR[0]),
        _document(
            "ap_invoice",
            "A/P invoice",
            (*_BILL, *_CREDITOR),
            _CREDITOR[0],
            "FinalTotal",
            amounts=_BILLED,
        ),
        _paid("ap_payment", "A/P payment", _CREDITOR[0]),
        _document("knock_off", "Knock-off", _KNOCK_OFF, _DEBTOR[0], "Total", _TIES, _TIED),
    )
)
"""All of them."""

POSTED = tuple(document for document in DOCUMENTS if document.name in _NAMES)
"""Those that AutoCount's interface takes."""

UNPOSTED = tuple(document for document in DOCUMENTS if document.name not in _NAMES)
"""Those of which rules may speak, and which nothing posts."""
