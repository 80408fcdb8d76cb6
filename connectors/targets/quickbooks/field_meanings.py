"""What each field of QuickBooks' documents means, in a sentence.

Here: the sentences, for people who write rules. Not here: types and lengths (documents.py).
"""

from typing import Final

from connectors.kit.field_meanings import Meanings

MEANINGS: Final = Meanings(
    header={
        "DocNumber": "Our number of the document.",
        "TxnDate": "Day of the document, after the closing date of the books.",
        "SalesTermRef": "Id of the payment terms.",
        "DueDate": "Day by which it has to be paid; blank: the day that the terms come to.",
        "CustomerRef": "Id of the customer in QuickBooks, never the name.",
        "VendorRef": "Id of the supplier in QuickBooks, never the name.",
        "DepartmentRef": "Id of the location.",
        "CurrencyRef": "Three letters of the currency; blank: that of the company.",
        "ExchangeRate": "How much of the company's currency 1 of that currency is.",
        "GlobalTaxCalculation": "TaxExcluded, TaxInclusive or NotApplicable: what amounts hold.",
        "SalesRep": "Salesperson, in the custom field of that name.",
        "PrivateNote": "A note that the other party does not see.",
        "CustomerMemo": "A message that the customer reads.",
        "Total": "Total with tax; QuickBooks computes it, so it is compared and not sent.",
        "PaymentMethodRef": "Id of the way of paying.",
        "PaymentRefNum": "Reference of the payment, such as the bank's.",
        "DepositToAccountRef": "Id of the account that the money comes into or leaves.",
        "TotalAmt": "How much was paid.",
        "InvoiceNumber": "Our number of the invoice that is paid; its id is looked up.",
        "BillNumber": "Our number of the bill that is paid; its id is looked up.",
        "PayType": "How it was paid, such as Check.",
        "BankAccountRef": "Id of the bank account that paid.",
    },
    lines={
        "ItemRef": "Id of the product or service.",
        "Description": "What the line is for.",
        "Qty": "How many; QuickBooks knows no units.",
        "UnitPrice": "Price of one before tax, or with it where amounts are inclusive.",
        "Amount": "Amount of the line: quantity times price.",
        "TaxCodeRef": "Id of the tax code.",
        "TaxAmount": "Tax that the rules expect; QuickBooks computes it, so it is not sent.",
        "ClassRef": "Id of the class.",
        "AccountRef": "Id of the account that the line is booked to.",
        "PaymentMethodRef": "Id of the way of paying.",
        "PostingType": "Debit or Credit.",
    },
    apart={
        "payment.PaymentRefNum": "Our number of the payment: it has no other number there.",
        "bill.Amount": "Amount of the line.",
        "deposit.Amount": "Amount of the line.",
        "journal_entry.Amount": "Amount of the line.",
    },
)
