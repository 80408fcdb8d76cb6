"""The companies and keys a simulator starts with.

Here: what a new AiAccount account would hold. Not here: what happens to it (books.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

ALL_PERMISSIONS = (
    "sales.write",
    "inventory.write",
    "einvoice.submit",
    "refund.write",
    "sales.read",
    "expense.write",
    "imports.read",
)
DEMO_KEY = "aia_live_demo_7Qk2"


@dataclass(slots=True, kw_only=True)
class Company:
    """One company and its settings; control calls change them."""

    id: str
    name: str
    base_currency: str = "MYR"
    currencies: tuple[str, ...] = ("MYR", "SGD")
    tax_codes: Mapping[str, Decimal]
    accounts: tuple[str, ...]
    locked_through: date | None = None
    default_classification_code: str | None = "022"
    rounding: str = "per_line"
    excel_import_enabled: bool = False
    einvoice_enabled: bool = True
    inventory_enabled: bool = True
    whole_files: bool = False
    quota: int | None = None
    quota_used_before: int = 0


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key: what it may do, where, and whether it is alive."""

    text: str
    id: str
    status: str = "active"
    permissions: tuple[str, ...] = ALL_PERMISSIONS
    companies: tuple[str, ...] = field(default=("CMP-1042",))


def default_companies(
    *, name: str, locked_through: date | None, quota: int | None, rounding: str
) -> dict[str, Company]:
    """The intended company, and a second one that the same key reaches."""
    first = Company(
        id="CMP-1042",
        name=name,
        tax_codes={"NT": Decimal(0), "MY-SALES10": Decimal("0.10")},
        accounts=("12000", "40000", "61001"),
        locked_through=locked_through,
        rounding=rounding,
        quota=quota,
    )
    second = Company(
        id="CMP-2001",
        name="Kedai Lain Sdn Bhd",
        currencies=("MYR",),
        tax_codes={"NT": Decimal(0)},
        accounts=("40000",),
        default_classification_code=None,
    )
    return {company.id: company for company in (first, second)}


def default_keys() -> dict[str, ApiKey]:
    """One key that may do all, and one for each way in which a key can fail."""
    readonly = ("sales.read", "imports.read")
    no_einvoice = tuple(name for name in ALL_PERMISSIONS if name != "einvoice.submit")
    no_bills = tuple(name for name in ALL_PERMISSIONS if name != "expense.write")
    no_stock = tuple(name for name in ALL_PERMISSIONS if name != "inventory.write")
    keys = (
        ApiKey(text=DEMO_KEY, id="key_31", companies=("CMP-1042", "CMP-2001")),
        ApiKey(text="aia_live_paused_4Rt8", id="key_32", status="paused"),
        ApiKey(text="aia_live_disabled_9Zx1", id="key_33", status="disabled"),
        ApiKey(text="aia_live_deleted_0Aa0", id="key_34", status="deleted"),
        ApiKey(text="aia_live_readonly_2Lm5", id="key_35", permissions=readonly),
        ApiKey(text="aia_live_noeinvoice_6Pq3", id="key_36", permissions=no_einvoice),
        ApiKey(text="aia_live_nostock_8Vb7", id="key_37", permissions=no_stock),
        ApiKey(text="aia_live_nobills_3Yd6", id="key_38", permissions=no_bills),
    )
    return {key.text: key for key in keys}
