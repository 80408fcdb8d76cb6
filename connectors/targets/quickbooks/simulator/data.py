"""The company that a simulator starts with, and the app that may call it.

Here: what a new subscription would hold. Not here: what happens to it (books.py).
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

REALM, OTHER_REALM = "9130347", "9130999"
CLIENT_ID, CLIENT_SECRET = "AB-clearpost-app", "qbo-client-3Rk9"
ACCESS, REFRESH = "qbo-access-7Wd2", "qbo-refresh-5Mx8"
"""How a token begins; its number follows."""

Names = dict[str, str]


@dataclass(slots=True, kw_only=True)
class Company:
    """One company and its lists by entity, each from id to name; control calls change them."""

    realm: str
    name: str = "Kedai Contoh Sdn Bhd"
    home_currency: str = "MYR"
    lists: dict[str, Names]
    rates: dict[str, Decimal] = field(default_factory=dict)
    inactive: set[tuple[str, str]] = field(default_factory=set)
    not_queryable: set[tuple[str, str]] = field(default_factory=set)
    closed_through: date | None = None
    duplicate_check: bool = True
    taxed: bool = True  # outside the US each line says its tax code
    language: str = "en"
    ended: bool = False  # the subscription


def default_companies(*, closed_through: date | None) -> dict[str, Company]:
    """The intended company, and another one."""
    first = Company(
        realm=REALM,
        lists={
            "Customer": {
                "58": "Kedai Maju Sdn. Bhd.",
                "59": "Warung Melati Enterprise",
                "60": "Restoran Serai Wangi",
            },
            "Vendor": {"77": "Ladang Teh Sdn. Bhd.", "78": "Kilang Beras"},
            "Item": {"11": "Tea, loose", "12": "Tea cup", "13": "Rice", "901": "Refund"},
            "Account": {
                "35": "Bank",
                "36": "Card clearing",
                "37": "Cash",
                "81": "Cost of goods",
                "82": "Rice bought",
            },
            "TaxCode": {"3": "NONE", "5": "SST 10%"},
            "Department": {"1": "KL", "2": "JB"},
            "Class": {"200000000001": "None", "200000000002": "Expo"},
            "PaymentMethod": {"1": "Cash", "3": "FPX", "4": "Card"},
            "Currency": {"MYR": "Ringgit", "SGD": "Singapore dollar"},
        },
        rates={"3": Decimal(0), "5": Decimal(10)},
        closed_through=closed_through,
    )
    second = Company(realm=OTHER_REALM, name="Somebody else", lists={})
    return {one.realm: one for one in (first, second)}
