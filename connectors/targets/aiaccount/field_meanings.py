"""What each field of AiAccount's documents means, in a sentence.

Here: the sentences, for people who write rules. Not here: types and lengths (documents.py).
"""

from typing import Final

from connectors.kit.field_meanings import Meanings

MEANINGS: Final = Meanings(
    header={
        "InvoiceNumber": "Number of the sales invoice that is paid.",
        "BillNumber": "Number of the expense bill that is paid.",
        "ReceiptNumber": "Our number of the receipt; with the customer it names it in AiAccount.",
        "PaymentNumber": "Our number of the payment; with the supplier it names it in AiAccount.",
        "InvoiceDate": "Day of the invoice, which must lie in an open period.",
        "ReceiptDate": "Day on which the money came in, which must lie in an open period.",
        "RefundNumber": "Our number of the refund; with the customer it names it in AiAccount.",
        "RefundDate": "Day on which the money went back, which must lie in an open period.",
        "SourceRefundStatus": (
            "The shop's own word. Only Refunded + Items Returned puts the items back into stock."
        ),
        "BillDate": "Day of the bill, which must lie in an open period.",
        "PaymentDate": "Day of the payment, which must lie in an open period.",
        "DueDate": "Day by which it has to be paid.",
        "Customer": "Name of the customer as AiAccount has it; upper and lower case count.",
        "Supplier": "Name of the supplier as AiAccount has it; upper and lower case count.",
        "CustomerTIN": "Tax identification number of the customer, for the e-Invoice.",
        "CustomerIDType": "What the ID number is: NRIC, PASSPORT, BRN or ARMY.",
        "CustomerIDNumber": "Identity or registration number of the customer.",
        "CustomerAddress": "Address of the customer; e-Invoices above RM 10,000 need it.",
        "CustomerEmail": "Email address of the customer.",
        "CustomerPhone": "Telephone number of the customer.",
        "Currency": "Three letters of a currency that is enabled in AiAccount.",
        "ExchangeRate": "How much of the books' currency 1 of the currency is; needed abroad only.",
        "Reference": "The source's own number, such as that of the order.",
        "Total": "Total with tax; AiAccount computes it, so it is compared and not sent.",
        "Notes": "A note for readers of the document.",
        "Amount": "How much was paid, more than 0.",
        "BankAccountCode": "Code of the account that the money came into or left.",
        "PaymentMethod": "How it was paid, such as FPX.",
        "PaymentReference": "The bank's or payment service's reference.",
    },
    lines={
        "LineNo": "Number of the line, from 1; each once in a document.",
        "SKU": "Code of the item in AiAccount, exactly: case, spaces and signs count.",
        "Description": "What was sold or bought.",
        "Quantity": "How many, more than 0, in the unit beside it.",
        "UOM": "Unit of the quantity; AiAccount keeps it as text and converts nothing.",
        "UnitPrice": "Price of one unit before discount and tax.",
        "DiscountAmount": "Discount on the whole line.",
        "AccountCode": "Code of the account that the line is booked to.",
        "TaxCode": "Tax code as it is configured in AiAccount, such as MY-SALES10.",
        "TaxAmount": "Tax of the line, which AiAccount computes again.",
        "LineTotal": "Line with tax, after discount; AiAccount computes it again and tells.",
        "ClassificationCode": "Classification for the e-Invoice; blank: the company's default.",
        "Amount": "Amount of the line; the tax is in it.",
    },
    apart={
        "sales_invoice.InvoiceNumber": "Our number of it; with the customer it names it there.",
        "expense_bill.BillNumber": "Our number of it; with the supplier it names it there.",
        "sales_refund.InvoiceNumber": "Number of the sales invoice of which money goes back.",
        "sales_refund.Currency": "That of the invoice; AiAccount knows it and is not sent it.",
        "sales_refund.Total": "All that goes back, with tax; it is compared and not sent.",
        "sales_invoice.Notes": "A note that AiAccount keeps; rules may name it and never fill it.",
    },
)
