"""What the account book makes of a request, when its turn comes: a create, a batch, a list.

Here: deciding, as ledger lines. Not here: when that is (api.py); the books change only when the
lines are applied (books.py).
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.simulators.autocount_aotg.books import (
    DATE_FORMATS,
    AccountBook,
    Books,
    Queued,
)
from connectors.simulators.autocount_aotg.json_words import lacking
from connectors.transport.strict_json import dumps, loads

_SEN = Decimal("0.01")
Line = dict[str, Any]
FAR = date(9999, 12, 30)


def worked(books: Books, one: Queued, now: datetime) -> list[Line]:
    """The ledger lines of a request: what it makes, and how it ends."""
    content = loads(one.content.encode())
    if one.kind == "list":
        asked = content if isinstance(content, dict) else {}
        return [_ended(one, now, "Completed", "", _listed(books, one.book, asked))]
    if one.kind == "debtors":
        return [_ended(one, now, "Completed", "", _debtors(books.books[one.book]))]
    given = content if isinstance(content, list) else [content]
    bodies = [one for one in given if isinstance(one, dict)]
    work = _Work(books, one, now)
    told = [work.made(body) for body in bodies]
    if one.fault.get("twice"):
        told = [work.made(body) for body in bodies]
    bad = [row for row in told if row["Status"] == "Failed"]
    if one.kind == "create":
        return [*work.lines, _of_one(one, now, told[0])]
    if bad and books.books[one.book].whole_batches:
        work.lines.clear()
    state = "Failed" if bad else "Completed"
    message = f"{len(bad)} of {len(told)} failed" if bad else "Created"
    rows = [{name: row[name] for name in row if name != "Id"} for row in told]
    return [*work.lines, _ended(one, now, state, message, rows)]


def _of_one(one: Queued, now: datetime, row: Mapping[str, Any]) -> Line:
    if one.fault.get("denied"):
        return _ended(one, now, "Failed", "Object reference not set to an instance of an object.")
    if row["Status"] == "Failed":
        return _ended(one, now, "Failed", str(row["Message"]))
    return _ended(one, now, "Completed", "Created", {"Id": row["Id"], "DocNo": row["DocNo"]})


def _debtors(book: AccountBook) -> list[Mapping[str, Any]]:
    """All debtors, with those that are not in use any more."""
    return [
        {
            "Id": f"{{[!{b64encode(code.encode()).decode()}!]}}",
            "AccNo": code,
            "CompanyName": f"Customer {code}",
            "RegisterNo": "",
            "CreditTerm": "C.O.D.",
            "IsActive": code not in book.inactive,
            "CurrencyCode": "MYR",
        }
        for code in sorted(book.debtors | book.inactive)
    ]


class _Work:
    """One request; what it has made so far counts for the rest of it."""

    def __init__(self, books: Books, one: Queued, now: datetime) -> None:
        self._books, self._one, self._now = books, one, now
        self._book = books.books[one.book]
        self.lines: list[Line] = []
        self._taken: set[str] = set()

    def made(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What becomes of one invoice."""
        number = str(body.get("DocNo") or "")
        locked = bool(self._one.fault.get("locked"))
        fault = next(_faults(self._book, body, locked=locked), None)
        place = (self._book.key, number.casefold())
        if number and (place in self._books.documents or number.casefold() in self._taken):
            fault = fault or f"Document No. {number} already exists."
        if fault:
            line = self._line(number, body) | {"effect": "refused", "code": fault}
            self.lines.append(line)
            return {"DocNo": number, "Status": "Failed", "Message": fault}
        running = not number
        number = number or f"I-{self._books.last_number + len(self.lines) + 1:06d}"
        stands = self._stands(number, body)
        dropped = bool(self._one.fault.get("drop"))
        line = self._line(number, body) | {
            "effect": "dropped" if dropped else "created",
            "total": str(stands["NetTotal"]),
            "stands": None if dropped else dumps(stands).decode(),
            "running": running,
        }
        self.lines.append(line)
        if not dropped:
            self._taken.add(number.casefold())
        return {"Id": stands["Id"], "DocNo": number, "Status": "Completed"}

    def _stands(self, number: str, body: Mapping[str, Any]) -> dict[str, Any]:
        count = sum(one["effect"] in ("created", "dropped") for one in self.lines)
        day = _day(self._book, body.get("DocDate"))
        return {
            "Id": self._books.last_id + count + 1,
            "DocNo": number,
            "DebtorCode": body["DebtorCode"],
            "DocDate": day.strftime(DATE_FORMATS[self._book.date_format]) if day else "",
            "NetTotal": net_total(self._book, body),
            "Cancelled": False,
            "sent": body,
        }

    def _line(self, number: str, body: Mapping[str, Any]) -> Line:
        return {
            "at": self._now.isoformat(),
            "request_id": self._one.request,
            "call": "work",
            "company": self._book.key[:5],
            "book": self._book.key,
            "type": "ar_invoice",
            "number": number,
            "party": str(body.get("DebtorCode") or ""),
            "body_sha256": self._one.body_sha256,
            "total": None,
            "code": "",
        }


def net_total(book: AccountBook, body: Mapping[str, Any]) -> Decimal:
    """The amounts of all lines with their tax, each rounded."""
    total = Decimal("0.00")
    for row in body["DetailsLine"]:
        amount = Decimal(row["Amount"]).quantize(_SEN, ROUND_HALF_UP)
        rate = book.tax_codes.get(str(row.get("Tax") or ""), Decimal(0))
        tax = (amount * rate / 100).quantize(_SEN, ROUND_HALF_UP)
        total += amount if body.get("InclusiveTax") is True else amount + tax
    return total


def _ended(one: Queued, now: datetime, state: str, message: str, found: object = None) -> Line:
    told: dict[str, Any] = {"RequestId": one.request, "Status": state}
    told |= {"Message": message} if message else {}
    told |= {"Data": found} if found is not None else {}
    return {
        "at": now.isoformat(),
        "request_id": one.request,
        "call": "work",
        "effect": "ended",
        "request": one.request,
        "book": one.book,
        "result": dumps(told).decode(),
    }


def _listed(books: Books, book: str, asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The invoices of some days, without what was sent for them."""
    low, high = (str(asked.get(name) or "")[:10] for name in ("FromDateTime", "ToDateTime"))
    found: list[Mapping[str, Any]] = []
    for (key, _), stands in books.documents.items():
        day = _day(books.books[book], stands["DocDate"])
        if key == book and day is not None and low <= day.isoformat() <= high:
            found.append({name: stands[name] for name in stands if name != "sent"})
    return found


def _faults(book: AccountBook, body: Mapping[str, Any], *, locked: bool) -> Iterator[str]:
    """The objections of the account book, in its words, the first first."""
    lacks = lacking(body)
    if lacks:
        yield lacks
    day = _day(book, body.get("DocDate"))
    if day is None:
        yield "String was not recognized as a valid DateTime."
        return
    through = FAR if locked else book.locked_through
    if through is not None and day <= through:
        unlock = "you can unlock it from Tools > Manage Fiscal Year."
        yield f"Transaction date {day:%d/%m/%Y} is locked, {unlock}"
    yield from _unknown(book, body)


def _unknown(book: AccountBook, body: Mapping[str, Any]) -> Iterator[str]:
    heads = (
        ("DebtorCode", "Debtor", book.debtors),
        ("JournalType", "Journal type", book.journals),
        ("CreditTerm", "Credit term", book.terms),
        ("Agent", "Agent", book.agents),
        ("CurrencyCode", "Currency", book.currencies),
    )
    for word, thing, known in heads:
        if body.get(word) and body[word] not in known:
            yield f"{thing} {body[word]} not exists"
    for row in body.get("DetailsLine") or ():
        if row.get("AccNo") not in book.accounts:
            yield f"Account {row.get('AccNo')} not exists"
        if row.get("Tax") and row["Tax"] not in book.tax_codes:
            yield f"Tax code {row['Tax']} not exists"


def _day(book: AccountBook, text: object) -> date | None:
    try:
        form = DATE_FORMATS[book.date_format]
        return datetime.strptime(str(text), form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
