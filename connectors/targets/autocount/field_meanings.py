"""What each field of AutoCount's documents means, in a sentence.

Here: the sentences, for people who write rules. Not here: types and lengths (documents.py).
"""

from typing import Final

from connectors.kit.field_meanings import Meanings

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
        "Amount": "Amount of the bill before tax, or with it where prices have the tax in them.",
    },
    lines={
        "ItemCode": "Code of the item in AutoCount, exactly.",
        "DtlDescription": "What was sold or bought.",
        "AccNo": "Code of the account that the line is booked to.",
        "Location": "Code of the line's own location; the interface has no place for it.",
        "UOM": "Unit of the quantity; AutoCount keeps it as text and converts nothing.",
        "Qty": "How many, more than 0, in the unit beside it.",
        "UnitPrice": "Price of one unit before discount.",
        "Discount": "Discount on the line: an amount, or per cent as 5%.",
        "TaxCode": "Tax code as AutoCount has it.",
        "TaxAmount": "Tax that the rules expect; AutoCount computes it, so it is not sent.",
        "Classification": "Classification for the e-Invoice; AutoCount takes that of the item.",
        "SubTotal": "Amount of the line; AutoCount computes it, so it is compared.",
        "InvoiceNo": "Number of an invoice that the receipt pays.",
        "Amount": "How much of that invoice is paid; a line of 0 is left out.",
        "GoodsReturn": "Whether the goods came back: only then stock goes up again.",
    },
)
