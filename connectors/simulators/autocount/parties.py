"""Debtors and creditors: made by a call, read by their code, listed.

Here: the words of one and their lengths, what AutoCount objects to, a page of them. By the contract
(3, 4.3) and the vendor's pages that it names: "Debtor Data Model", "Creditor Data Model", "Get
Creditor Listing". Not here: who may call (api.py), documents (checks.py, writes.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.simulators.autocount.books import MADE, AccountBook, ApiKey, Books
from connectors.simulators.base.scripted import Fault
from connectors.simulators.base.server import Reply, Request
from connectors.transport.strict_json import dumps, loads

A_PAGE = 100
_LONGEST = {
    **dict.fromkeys(("companyName", "desc2"), 100),
    **dict.fromkeys(("registerNo", "phone1", "phone2", "fax1", "fax2"), 25),
    **dict.fromkeys(("address", "deliverAddress"), 200),
    **dict.fromkeys(("postCode", "deliverPostCode"), 10),
    **dict.fromkeys(("attention", "natureOfBusiness"), 40),
    "accNo": 12,
    "emailAddress": 255,
    "webURL": 80,
    "taxRegisterNo": 20,
}
_WORDS = {*_LONGEST, "currencyCode", "creditTerm", "parentAccNo", "isActive", "areaCode"} | {
    "salesAgent",
    "taxCode",
    "note",
}
_REQUIRED = ("companyName", "currencyCode", "creditTerm")
_ALWAYS = ("accNo", "companyName", "currencyCode")
_CURRENCIES = frozenset({"MYR", "SGD", "USD"})


@dataclass(frozen=True, slots=True)
class PartyWay:
    """Where a request goes: the debtors or creditors of a book, and what it does with them."""

    book: str
    path: str
    verb: str

    @property
    def thing(self) -> str:
        """What messages call one of them."""
        return self.path.capitalize()

    def shut(self, key: ApiKey) -> int:
        """The status with which this key is turned away, or 0."""
        if key.book != self.book:
            return 401
        method = "POST" if self.verb == "create" else "GET"
        return 403 if key.methods is not None and f"{method} {self.path}" not in key.methods else 0


_VERBS = {("POST", ""): "create", ("GET", ""): "read", ("GET", "listing"): "listing"}


def way_of(request: Request) -> PartyWay | None:
    """The way of a request that is about parties; paths are the same in any case of letters."""
    book, path, word = [*request.path.strip("/").casefold().split("/"), "", ""][:3]
    verb = _VERBS.get((request.method, word))
    return PartyWay(book, path, verb) if verb and path in ("debtor", "creditor") else None


def answered(
    books: Books, way: PartyWay, request: Request, fault: Fault
) -> tuple[Reply, dict[str, Any]]:
    """What a request gets, and what its ledger line says of it."""
    told = {"call": f"party {way.verb}", "company": way.book, "path": way.path, "answer": "sent"}
    if fault.instead is not None:
        return fault.instead, {**told, "effect": "refused", "code": str(fault.instead.status)}
    if way.verb == "listing":
        return _page(books, way, request), {**told, "effect": "read", "code": "200"}
    if way.verb == "read":
        reply = _read(books, way, request.query.get("accno", ""))
        return reply, {**told, "effect": "read", "code": str(reply.status)}
    sent = loads(request.body)
    if not isinstance(sent, dict):
        return _refused(400, "The request body is not valid."), {**told, "effect": "refused"}
    sent = {**sent, "accNo": sent.get("accNo") or _next(books, way, sent)}
    told = {**told, "number": str(sent["accNo"]), "party": str(sent["accNo"])}
    objection = next(_objections(books.books[way.book], way, sent), "")
    if objection:
        return _refused(400, objection), {**told, "effect": "refused", "code": objection}
    effect = "dropped" if fault.drop else MADE
    where = f"http://{request.headers.get('host', '')}/{way.book}/{way.path}?accNo={sent['accNo']}"
    reply = fault.sent(Reply(status=201, content=b"", headers={"location": where}))
    answer = "withheld" if reply.cut else "sent"
    return reply, {**told, "effect": effect, "answer": answer, "stands": dumps(sent).decode()}


def _refused(status: int, message: str) -> Reply:
    return Reply(status=status, content={"statusCode": status, "message": message})


def _next(books: Books, way: PartyWay, sent: Mapping[str, Any]) -> str:
    """The code that AutoCount gives to one that comes without: it looks at no format."""
    head = ("300" if way.path == "debtor" else "400") + f"-{str(sent.get('companyName'))[:1]}"
    taken = books.books[way.book].parties(way.path)
    return next(code for code in (f"{head}{at:03}" for at in range(1, 1000)) if code not in taken)


def _read(books: Books, way: PartyWay, code: str) -> Reply:
    if code not in books.books[way.book].parties(way.path):
        return _refused(404, f"{way.thing} ({way.thing}Key = {code}) not exists")
    return Reply(status=200, content={way.path: _shown(books, way, code)})


def _page(books: Books, way: PartyWay, request: Request) -> Reply:
    """Names of fields are asked in any case of letters, and answered with a capital one."""
    asked = {
        value.casefold()
        for name, value in parse_qsl(urlsplit(request.target).query)
        if name.casefold() == "field"
    }
    asked |= {name.casefold() for name in _ALWAYS}
    every = [_shown(books, way, code) for code in sorted(books.books[way.book].parties(way.path))]
    if request.query.get("activeonly") == "true":
        every = [one for one in every if one["isActive"]]
    page = request.query.get("page", "1")
    start = (int(page) - 1) * A_PAGE if page.isdecimal() else 0
    data = [
        {f"{name[:1].upper()}{name[1:]}": one[name] for name in one if name.casefold() in asked}
        for one in every[max(0, start) : start + A_PAGE]
    ]
    return Reply(status=200, content={"data": data, "totalCount": len(data)})


def _shown(books: Books, way: PartyWay, code: str) -> dict[str, Any]:
    """One with all that is known of it; of those that were there from the start little is."""
    usual = {"accNo": code, "companyName": code, "currencyCode": "MYR", "registerNo": ""}
    return {**usual, "isActive": True, **books.parties.get((way.book, way.path, code), {})}


def _objections(book: AccountBook, way: PartyWay, sent: Mapping[str, Any]) -> Iterator[str]:
    for name in sent:
        if name not in _WORDS or (way.path == "creditor" and name.startswith("deliver")):
            yield f"Could not find member '{name}' on object of type '{way.thing}'."
    for name in _REQUIRED:
        if sent.get(name) in (None, ""):
            yield f"{name[0].upper()}{name[1:]} is required."
    for name, longest in _LONGEST.items():
        if len(str(sent.get(name) or "")) > longest:
            yield f"{name[0].upper()}{name[1:]} exceeds maximum length of {longest}."
    if sent.get("creditTerm") not in book.terms:
        yield f"CreditTerm (CreditTermKey = {sent.get('creditTerm')}) not exists"
    if sent.get("currencyCode") not in _CURRENCIES:
        yield f"Currency (CurrencyKey = {sent.get('currencyCode')}) not exists"
    taken = {code.casefold() for code in book.accounts | book.debtors | book.creditors}
    if str(sent.get("accNo") or "").casefold() in taken:
        yield f"Account No. {sent.get('accNo')} already exists."
