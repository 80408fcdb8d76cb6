"""The account books and keys a simulator starts with.

Here: what a new subscription would hold. Not here: what happens to it (books.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

DEMO_KEY = ("cp-demo", "acc_demo_9Tq4Lx")
BOOK, OTHER_BOOK = "1042", "2001"


@dataclass(slots=True, kw_only=True)
class AccountBook:
    """One account book and its master data; control calls change them."""

    number: str
    debtors: set[str]
    creditors: set[str]
    accounts: set[str]
    terms: set[str] = field(default_factory=lambda: {"C.O.D.", "Net 30 days"})
    locations: set[str] = field(default_factory=lambda: {"HQ", "JB01"})
    agents: set[str] = field(default_factory=lambda: {"LIWEI"})
    payment_methods: set[str] = field(default_factory=lambda: {"BANK", "FPX", "CASH", "CLEARING"})
    tax_codes: dict[str, Decimal]
    products: dict[str, str]
    fiscal_from: date = date(2020, 1, 1)
    fiscal_to: date = date(2099, 12, 31)
    locked_through: date | None = None
    decimals: dict[str, int] = field(default_factory=lambda: {"qty": 4, "unitPrice": 4})


@dataclass(slots=True, kw_only=True)
class ApiKey:
    """One key of one book; `methods` are what it may call, None is everything."""

    id: str
    secret: str
    book: str = BOOK
    methods: frozenset[str] | None = None


def default_books(*, locked_through: date | None) -> dict[str, AccountBook]:
    """The intended book, and another one."""
    first = AccountBook(
        number=BOOK,
        debtors={"300-W001", "300-K210", "300-K211", "300-K305"},
        creditors={"400-B012", "400-S014", "400-S022", "400-M001"},
        accounts={"500-0000", "510-0000", "610-0001", "905-0000"},
        tax_codes={"S-10": Decimal(10), "NT": Decimal(0)},
        products={"TEE-BLK-M": "PCS", "SOAP90": "PCS", "RICE5": "BAG", "TISSUE3": "PCS"},
        locked_through=locked_through,
    )
    second = AccountBook(
        number=OTHER_BOOK, debtors=set(), creditors=set(), accounts=set(), tax_codes={}, products={}
    )
    return {book.number: book for book in (first, second)}


def default_keys() -> Mapping[str, ApiKey]:
    """A key that may do all, and one for each way in which a key can be too weak."""
    reads = frozenset({"GET invoice", "GET creditNote"})
    keys = (
        ApiKey(id=DEMO_KEY[0], secret=DEMO_KEY[1]),
        ApiKey(id="cp-reader", secret="acc_reader_1Hs7", methods=reads),  # noqa: S106
        ApiKey(id="cp-blind", secret="acc_blind_5Vn2", methods=frozenset()),  # noqa: S106
        ApiKey(id="cp-other", secret="acc_other_8Gd3", book=OTHER_BOOK),  # noqa: S106
    )
    return {key.id: key for key in keys}
