"""The kinds of transaction: what each needs, names and may become.

Here: one table. Not here: whether a document keeps to it (checks.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entity: its path, the word of ours for the ledger, what a new one must say. `detail` is
    the shape of its lines; without one it is money that is applied to others.
    """

    entity: str
    path: str
    type: str
    party: str
    required: tuple[str, ...] = ()
    detail: str = ""
    number: str = "DocNumber"
    voids: bool = False
    balance: bool = False
    due: bool = False  # it has terms, and a day by which it is paid


_SALES, _BOUGHT = "SalesItemLineDetail", "AccountBasedExpenseLineDetail"

KINDS: Mapping[str, Kind] = {
    kind.path: kind
    for kind in (
        Kind(
            entity="Invoice",
            path="invoice",
            type="invoice",
            party="CustomerRef",
            detail=_SALES,
            voids=True,
            balance=True,
            due=True,
        ),
        Kind(
            entity="CreditMemo",
            path="creditmemo",
            type="credit_memo",
            party="CustomerRef",
            detail=_SALES,
        ),
        Kind(
            entity="RefundReceipt",
            path="refundreceipt",
            type="refund_receipt",
            party="CustomerRef",
            required=("DepositToAccountRef",),
            detail=_SALES,
        ),
        Kind(
            entity="SalesReceipt",
            path="salesreceipt",
            type="sales_receipt",
            party="CustomerRef",
            required=("DepositToAccountRef",),
            detail=_SALES,
        ),
        Kind(
            entity="Payment",
            path="payment",
            type="payment",
            party="CustomerRef",
            required=("TotalAmt",),
            number="PaymentRefNum",
        ),
        Kind(
            entity="Bill",
            path="bill",
            type="bill",
            party="VendorRef",
            detail=_BOUGHT,
            balance=True,
            due=True,
        ),
        Kind(
            entity="BillPayment",
            path="billpayment",
            type="bill_payment",
            party="VendorRef",
            required=("TotalAmt", "PayType"),
        ),
    )
}
BY_ENTITY: Mapping[str, Kind] = {kind.entity: kind for kind in KINDS.values()}

PARTY_LISTS: Mapping[str, str] = {"CustomerRef": "Customer", "VendorRef": "Vendor"}
HEAD_REFS: Mapping[str, str] = {
    **PARTY_LISTS,
    "DepartmentRef": "Department",
    "PaymentMethodRef": "PaymentMethod",
    "SalesTermRef": "Term",
    "DepositToAccountRef": "Account",
    "BankAccountRef": "Account",
    "CurrencyRef": "Currency",
}
LINE_REFS: Mapping[str, str] = {
    "ItemRef": "Item",
    "TaxCodeRef": "TaxCode",
    "ClassRef": "Class",
    "AccountRef": "Account",
}
LENGTHS: Mapping[str, int] = {"DocNumber": 21, "PaymentRefNum": 21, "PrivateNote": 4000}
TAX_MODES = frozenset({"TaxExcluded", "TaxInclusive", "NotApplicable"})
