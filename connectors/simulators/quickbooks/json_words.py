"""The JSON of QuickBooks, word by word, as its contract has it.

Here: the stand-in's own reading of the contract: the words of each entity and the form of their
values. Not here: what must be said (kinds.py), whether it is good (checks.py), anything of the
client, which states the same once more; only the recorded calls under tests/connectors/wire hold
the two together.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

Form = Literal["text", "number", "yesno", "any"]
Shape = Mapping[str, "Form | Shape"]
"""The words of an object, or of each object of a list; `any` is never looked into."""

_FORMS: Mapping[str, Any] = {"text": str, "number": int | Decimal, "yesno": bool, "any": object}


def _of(form: Form, words: str) -> dict[str, "Form | Shape"]:
    return dict.fromkeys(words.split(), form)


def _refs(words: str) -> dict[str, "Form | Shape"]:
    return {word: _of("text", "value name") for word in words.split()}


_SALES_LINE: Shape = {
    **_of("text", "Id DetailType Description"),
    **_of("number", "LineNum Amount"),
    **_of("any", "SubTotalLineDetail LinkedTxn"),
    "SalesItemLineDetail": {
        **_refs("ItemRef TaxCodeRef ClassRef"),
        **_of("number", "Qty UnitPrice"),
    },
}
_BILL_LINE: Shape = {
    **_of("text", "Id DetailType Description"),
    **_of("number", "LineNum Amount"),
    **_of("any", "LinkedTxn"),
    "AccountBasedExpenseLineDetail": _refs("AccountRef TaxCodeRef ClassRef CustomerRef"),
}
_PAID_LINE: Shape = {
    **_of("text", "Id"),
    **_of("number", "LineNum Amount"),
    **_of("any", "LineEx"),
    "LinkedTxn": _of("text", "TxnId TxnType TxnLineId"),
}
_ENTITY: Shape = {
    **_of("text", "Id SyncToken TxnDate PrivateNote domain"),
    **_of("number", "ExchangeRate TotalAmt"),
    **_of("yesno", "sparse"),
    **_of("any", "MetaData TxnTaxDetail"),
    **_refs("CurrencyRef DepartmentRef"),
    "CustomField": _of("text", "DefinitionId Name Type StringValue"),
}
_SALES: Shape = {
    **_ENTITY,
    **_of("text", "DocNumber GlobalTaxCalculation"),
    **_of("number", "Balance"),
    **_of(
        "any", "BillAddr ShipAddr BillEmail EmailStatus PrintStatus ShipDate ApplyTaxAfterDiscount"
    ),
    **_refs("CustomerRef ClassRef SalesTermRef ShipMethodRef"),
    "CustomerMemo": _of("text", "value"),
    "Line": _SALES_LINE,
}
_MONEY: Shape = {
    **_ENTITY,
    **_of("number", "UnappliedAmt"),
    "Line": _PAID_LINE,
}

SHAPES: Mapping[str, Shape] = {
    "Invoice": {**_SALES, **_of("text", "DueDate"), **_of("any", "LinkedTxn Deposit")},
    "SalesReceipt": {
        **_SALES,
        **_of("text", "PaymentRefNum"),
        **_refs("PaymentMethodRef DepositToAccountRef"),
    },
    "CreditMemo": {**_SALES, **_of("number", "RemainingCredit")},
    "RefundReceipt": {
        **_SALES,
        **_of("text", "PaymentRefNum"),
        **_refs("PaymentMethodRef DepositToAccountRef"),
    },
    "Payment": {
        **_MONEY,
        **_of("text", "PaymentRefNum"),
        **_refs("CustomerRef PaymentMethodRef DepositToAccountRef"),
    },
    "Bill": {
        **_ENTITY,
        **_of("text", "DocNumber DueDate GlobalTaxCalculation"),
        **_of("number", "Balance"),
        **_of("any", "VendorAddr LinkedTxn"),
        **_refs("VendorRef APAccountRef SalesTermRef"),
        "Line": _BILL_LINE,
    },
    "BillPayment": {
        **_MONEY,
        **_of("text", "DocNumber PayType"),
        **_refs("VendorRef APAccountRef"),
        "CheckPayment": {**_refs("BankAccountRef"), **_of("any", "PrintStatus")},
    },
}
"""By the name of the entity."""


def strange(shape: Shape, sent: Mapping[str, object]) -> str | None:
    """The first word that QuickBooks does not have there, or has in another form."""
    return next(_strange(shape, sent), None)


def _strange(shape: Shape, sent: Mapping[str, object]) -> Iterator[str]:
    for word, value in sent.items():
        form = shape.get(word)
        if form is None:
            yield word
        elif isinstance(form, str):
            good = value is None or isinstance(value, _FORMS[form])
            if not good or (form == "number" and isinstance(value, bool)):
                yield word
        else:
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, Mapping):
                    yield from _strange(form, one)
                elif one is not None:
                    yield word
