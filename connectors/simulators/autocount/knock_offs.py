"""Receipts knocked off against invoices: what AutoCount refuses to tie, and what is paid then.

Here: the rows of a knock-off beside the documents that they name. Not here: its head (checks.py),
and keeping it (writes.py, books.py). The contract has the rows and their signs; the words of each
refusal, and that all rows come to nothing, are our reading of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Place = tuple[str, str, str]
Shown = Mapping[str, Any]
PATH = "knockoffentry"


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of document that may be tied: where it stands, its name, its sign, and what it is
    called once it is tied in part, and whole.
    """

    path: str
    thing: str
    sign: int
    part: str
    whole: str


_TYPES = {
    "IV": _Type("invoice", "Invoice", 1, "Partially Paid", "Paid"),
    "OR": _Type("receipt", "Receipt", -1, "Partially Applied", "Fully Applied"),
    "CN": _Type("creditnote", "CreditNote", -1, "Partially Applied", "Fully Applied"),
}


def objection(documents: Mapping[Place, Shown], book: str, sent: Shown) -> str:
    """AutoCount's first objection to a new knock-off; blank if it has none."""
    party, rows = str(sent["master"]["accNo"]), sent["details"]
    if not rows:
        return "Details is required."
    now: dict[Place, Decimal] = {}
    for row in rows:
        kind, number = _TYPES.get(str(row.get("docType"))), str(row.get("docNo") or "")
        if kind is None:
            return f"Document type {row.get('docType')} is not valid."
        place = (book, kind.path, number.casefold())
        found, amount = documents.get(place), _amount(row) * kind.sign
        if found is None:
            return f"{kind.thing} ({kind.thing}Key = {number}) not exists"
        if found["master"]["cancelled"]:
            return f"{kind.thing} is already voided."
        if _party(found) != party:
            return f"{kind.thing} {number} is not a document of {party}."
        if amount <= 0:
            return f"Knock off amount of {number} is not valid."
        left = _total(found) - _tied(documents, place) - now.get(place, Decimal(0))
        if amount > left:
            return f"Knock off amount of {number} is more than its outstanding amount {left}."
        now[place] = now.get(place, Decimal(0)) + amount
    return "" if sum(map(_amount, rows)) == 0 else "Knock off amounts are not balanced."


def total_of(made: Shown) -> Decimal:
    """How much a knock-off ties: all of its debits."""
    return sum((_amount(row) for row in made["details"] if _amount(row) > 0), Decimal(0))


def after(documents: Mapping[Place, Shown], book: str, made: Shown) -> dict[Place, Shown]:
    """The documents that a knock-off names, as they stand once it is kept."""
    found: dict[Place, Shown] = {}
    for row in made["details"]:
        kind = _TYPES[row["docType"]]
        place = (book, kind.path, str(row["docNo"]).casefold())
        stands = documents[place]
        status = kind.whole if _tied(documents, place) == _total(stands) else kind.part
        found[place] = {**stands, "master": {**stands["master"], "status": status}}
    return found


def _tied(documents: Mapping[Place, Shown], place: Place) -> Decimal:
    """How much of a document is tied already."""
    kept = (one for (book, path, _), one in documents.items() if (book, path) == (place[0], PATH))
    return sum((abs(_amount(row)) for one in kept for row in _of(one, place)), Decimal(0))


def _of(made: Shown, place: Place) -> Iterable[Mapping[str, Any]]:
    return (
        row
        for row in made["details"]
        if (_TYPES[row["docType"]].path, str(row["docNo"]).casefold()) == place[1:]
    )


def _party(found: Shown) -> str:
    return str(found["master"].get("debtorCode") or found["details"][0].get("accNo"))


def _total(found: Shown) -> Decimal:
    return Decimal(found["master"]["finalTotal"])


def _amount(row: Mapping[str, Any]) -> Decimal:
    return Decimal(row.get("knockOffAmount") or 0)
