"""The only document type that AutoCount On The Go takes, as data.

Here: fields, limits and which field means what; names are those of the interface. Not here: how a
document becomes bytes (payload.py); the README tells which facts are AutoCount's and which are our
assumptions.
"""

from connectors.contract.schema import Amounts, Books, DocumentSchema, FieldSchema
from connectors.kit.field_meanings import Meanings

NUMBER_MAX, CODE_MAX = 20, 12
TOTAL = "NetTotal"

_MEANINGS = Meanings(
    header={
        "DebtorCode": "Code of the customer, who must exist in AutoCount.",
        "DocNo": "Our number of the invoice, which no other may have.",
        "DocDate": "Day of the invoice, which must lie in an open period.",
        "JournalType": "Code of the journal, such as SALES.",
        "Description": "What the invoice is about, in one line.",
        "RefNo2": "The source's own number, such as that of the order.",
        "InclusiveTax": "Whether the amounts have the tax in them.",
        "Agent": "Code of the salesperson, who must exist in AutoCount.",
        "CreditTerm": "Code of the credit term, exactly as AutoCount has it, such as C.O.D.",
        "CurrencyCode": "Currency of the invoice; blank: that of the customer.",
        TOTAL: "Total with tax; AutoCount computes it, so it is compared and not sent.",
    },
    lines={
        "AccNo": "Code of the account that the line is booked to.",
        "Description": "What the line is for.",
        "Tax": "Tax code as AutoCount has it.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it is not sent.",
        "Amount": "Amount of the line, before tax unless the amounts have it in them.",
    },
)

POSTED = _MEANINGS.on_all(
    (
        DocumentSchema(
            target="autocount_aotg",
            name="ar_invoice",
            title="A/R invoice",
            header=(
                FieldSchema(
                    name="DebtorCode",
                    wire="DebtorCode",
                    required=True,
                    max_length=CODE_MAX,
                    refers="customer",
                ),
                FieldSchema(name="DocNo", wire="DocNo", required=True, max_length=NUMBER_MAX),
                FieldSchema(name="DocDate", wire="DocDate", type="date", required=True),
                FieldSchema(name="JournalType", wire="JournalType", needed=True, max_length=10),
                FieldSchema(name="Description", wire="Description", max_length=80),
                FieldSchema(name="RefNo2", wire="RefNo2", max_length=20),
                FieldSchema(name="InclusiveTax", wire="InclusiveTax", type="yesno"),
                FieldSchema(name="Agent", wire="Agent", max_length=12),
                FieldSchema(name="CreditTerm", wire="CreditTerm", needed=True, max_length=30),
                FieldSchema(
                    name="CurrencyCode", wire="CurrencyCode", max_length=5, refers="currency"
                ),
                FieldSchema(name=TOTAL, wire=TOTAL, type="money", places=2, sent=False),
            ),
            lines=(
                FieldSchema(
                    name="AccNo", wire="AccNo", needed=True, max_length=CODE_MAX, refers="account"
                ),
                FieldSchema(name="Description", wire="Description", max_length=100),
                FieldSchema(name="Tax", wire="Tax", max_length=14, refers="tax"),
                FieldSchema(name="TaxAmount", type="money", places=2, sent=False),
                FieldSchema(name="Amount", wire="Amount", type="money", required=True, places=2),
            ),
            number_field="DocNo",
            number_max=NUMBER_MAX,
            date_field="DocDate",
            party_field="DebtorCode",
            total_field=TOTAL,
            touches_earlier=True,
            amounts=Amounts(
                amount="Amount",
                tax="TaxAmount",
                code="Tax",
                tax_is="beside",
                inclusive=("InclusiveTax", True),
            ),
            books=Books("credit", "Amount"),
        ),
    )
)
"""It has no quantity and no unit, and nothing of it can be changed or made void from outside."""
