"""The documents of all recorded calls, by target and file, and what must exist there first."""

from tests.connectors.recorded_aiaccount import AIACCOUNT
from tests.connectors.recorded_aotg import AOTG
from tests.connectors.recorded_autocount import AUTOCOUNT
from tests.connectors.recorded_quickbooks import QUICKBOOKS

DOCUMENTS = {
    "aiaccount": AIACCOUNT,
    "autocount": AUTOCOUNT,
    "autocount_aotg": AOTG,
    "quickbooks": QUICKBOOKS,
}
BEFORE = {
    "aiaccount": {
        "sales_receipt": ("sales_invoice.batch",),
        "expense_payment": ("expense_bill",),
        "sales_refund.alone": ("sales_invoice.batch",),
    },
    "autocount": {"knock_off.create": ("invoice.create", "ar_payment.create")},
    "autocount_aotg": {},
    "quickbooks": {"payment.create": ("invoice.create",), "bill_payment.create": ("bill.create",)},
}
"""What must exist there first; a change or a void comes after the create of its document."""


def before(target: str, name: str) -> list[str]:
    """The files whose calls are made first, the earliest first."""
    kind, _, action = name.partition(".")
    changed = (f"{kind}.create",) if action in ("update", "void") else ()
    first = BEFORE[target].get(name, changed)
    return [one for found in first for one in (*before(target, found), found)]
