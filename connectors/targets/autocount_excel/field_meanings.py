"""What each column of AutoCount's import means, in a sentence.

Here: the sentences, for people who write rules. Not here: types and lengths (documents.py).
"""

from typing import Final

from connectors.kit.field_meanings import Meanings

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
