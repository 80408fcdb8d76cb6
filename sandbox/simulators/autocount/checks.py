"""Check one document as AutoCount does, calculate its amounts, and write it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from connectors.transport.strict_json import loads
from sandbox.simulators.autocount.books import AccountBook, Books, Shown, objection, place_of

_SEN = Decimal("0.01")

FAR = date(9999, 12, 31)

_CONVERTED: Mapping[str, tuple[Any, str]] = {
    "number": (int | Decimal, "System.Decimal"),
    "yesno": (bool, "System.Boolean"),
}

_DISCOUNT = re.compile(r"\d+(\.\d+)?%?", re.ASCII)

_LISTED = frozenset({"create", "read", "update", "listing"})

_REQUIRED_SALE_FIELDS = ("docDate", "debtorCode", "debtorName", "creditTerm", "salesLocation")

_REQUIRED_PURCHASE_FIELDS = ("docDate", "creditorCode", "creditorName", "creditTerm")

_PAID = ("docDate", "docType", "dealWith")

LOCAL = timedelta(hours=8)

USER = "lastModifiedUserID"

USUAL_USER = "ADMIN"


@dataclass(frozen=True, slots=True)
class Field:
    """One word: the form of its value, and how many signs a text may have."""

    form: Literal["text", "number", "yesno"] = "text"
    longest: int | None = None


Fields = Mapping[str, Field]


def kept_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that are created.

    A row without product, text and price is dropped without an error, and so is a voucher's row
    without an amount.
    """
    return [row for row in rows if any(row.get(name) for name in _meaning(row))]


def _meaning(row: Mapping[str, Any]) -> tuple[str, ...]:
    return ("amount",) if "amount" in row else ("productCode", "description", "unitPrice")


def worked_out(book: AccountBook, document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the document with its numbers rounded to the book's decimals, and all amounts.

    An invoice is rounded to 5 sen where the book's setting is on and `isRoundAdj` is set, or where
    the book enforces it; `finalTotal` is `netTotal` and `roundAdj` (the vendor's pages of the
    invoice model and of the setting "Invoice 5 Cents Rounding Option").
    """
    master = dict(document["master"])
    if path == "invoice" and book.five_sen == "enforced":
        master["isRoundAdj"] = True
    rows = [_row(book, row, master) for row in document["details"]]
    parts = {
        name: sum((row[name] for row in rows), Decimal(0)) for name in ("subTotalExTax", "tax")
    }
    net = parts["subTotalExTax"] + parts["tax"]
    rounds = path == "invoice" and book.five_sen != "off" and master.get("isRoundAdj") is True
    final = _round(net * 20, Decimal(1)) / 20 if rounds else net
    totals = {
        "totalExTax": parts["subTotalExTax"],
        "taxableAmt": parts["subTotalExTax"],
        "tax": parts["tax"],
        "netTotal": net,
        "roundAdj": _round(final - net, _SEN),
        "total": parts["subTotalExTax"],
        "finalTotal": _round(final, _SEN) if rounds else net,
    }
    return {**document, "master": {**master, **totals}, "details": rows}


def _row(book: AccountBook, row: Mapping[str, Any], master: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(row)
    for name, places in book.decimals.items():
        if isinstance(result.get(name), int | Decimal):
            result[name] = _round(Decimal(result[name]), Decimal(1).scaleb(-places))
    rate = book.tax_codes.get(str(result.get("taxCode") or ""), Decimal(0))
    if "amount" in result:
        gross = Decimal(result["amount"] or 0)
    else:
        gross = Decimal(result.get("qty") or 0) * Decimal(result.get("unitPrice") or 0)
        gross = _round(gross, _SEN) - _discount(str(result.get("discount") or ""), gross)
    if result.get("inclusiveTax", master.get("inclusiveTax")) is True:
        tax = _round(gross * rate / (100 + rate), _SEN)
        ex = gross - tax
    else:
        ex, tax = gross, _round(gross * rate / 100, _SEN)
    tax += Decimal(result.get("taxAdjustment") or 0)
    return {**result, "taxRate": rate, "subTotalExTax": ex, "tax": tax, "subTotal": ex + tax}


def _round(value: Decimal, to: Decimal) -> Decimal:
    return value.quantize(to, ROUND_HALF_UP)


def _discount(formula: str, gross: Decimal) -> Decimal:
    if not formula:
        return Decimal(0)
    if formula.endswith("%"):
        return _round(gross * Decimal(formula[:-1]) / 100, _SEN)
    return _round(Decimal(formula), _SEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The field names of a document type's parts; `fills` are the names in `autoFillOption`."""

    master: Fields
    details: Fields
    payments: Fields
    fills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One document type: its path, its name in messages, and its required fields.

    `moves`: its rows move accounts, so that each names one; `ties`: its rows refer to other
    documents.
    """

    path: str
    thing: str
    type: str
    required: tuple[str, ...]
    verbs: frozenset[str] = frozenset({"create", "read"})
    voucher: bool = False
    moves: bool = True
    ties: bool = False

    @property
    def parts(self) -> Parts:
        """The words of its JSON."""
        return PARTS[self.type]


def fault(
    book: AccountBook, kind: Kind, document: Mapping[str, Any], *, locked: bool
) -> str | None:
    """Return AutoCount's first objection in its words, or None."""
    return next(_faults(book, kind, document, locked=locked), None)


def _faults(
    book: AccountBook, kind: Kind, document: Mapping[str, Any], *, locked: bool
) -> Iterator[str]:
    master, rows = document["master"], document["details"]
    payments = document.get("paymentDetails") or []
    for name in kind.required:
        if master.get(name) in (None, ""):
            yield f"{name[0].upper()}{name[1:]} is required."
    yield from _forms(master, kind.parts.master)
    if len(str(master.get("docNo") or "")) > book.number_length:
        yield f"DocNo exceeds maximum length of {book.number_length}."
    for row in rows:
        yield from _forms(row, kind.parts.details)
    for payment in payments:
        yield from _forms(payment, kind.parts.payments)
    if message := date_fault(book, master.get("docDate"), locked=locked):
        yield message
    yield from _codes(book, master, rows, payments, kind)
    for row in rows:
        if not kind.voucher and not kind.ties and not _positive(row.get("qty")):
            yield "Qty must be a positive number."
    if kind.voucher and _sum(payments, "paymentAmt") != _sum(rows, "amount"):
        yield "Payment amount is not equal to the total amount."


def _forms(part: Mapping[str, Any], fields: Fields) -> Iterator[str]:
    for name, value in part.items():
        field = fields.get(name)
        if field is None or value is None:
            continue
        if field.form in _CONVERTED and not isinstance(value, _CONVERTED[field.form][0]):
            kind = _CONVERTED[field.form][1]
            yield f"Error converting value \"{value}\" to type '{kind}'. Path '{name}'."
        if name == "discount" and value and not _DISCOUNT.fullmatch(str(value)):
            yield f"Discount {value} is not valid."
        if field.longest and isinstance(value, str) and len(value) > field.longest:
            yield f"{name[0].upper()}{name[1:]} exceeds maximum length of {field.longest}."


def _codes(
    book: AccountBook,
    master: Mapping[str, Any],
    rows: list[Mapping[str, Any]],
    payments: list[Mapping[str, Any]],
    kind: Kind,
) -> Iterator[str]:
    heads: tuple[tuple[str, str, Any], ...] = (
        ("debtorCode", "Debtor", book.debtors),
        ("creditorCode", "Creditor", book.creditors),
        ("accNo", "Account", book.debtors),
        ("creditTerm", "CreditTerm", book.terms),
        ("salesLocation", "Location", book.locations),
        ("salesAgent", "SalesAgent", book.agents),
    )
    lines: tuple[tuple[str, str, Any], ...] = (
        ("productCode", "Product", book.products),
        ("taxCode", "TaxCode", book.tax_codes),
    )
    yield from _unknown_codes(master, heads)
    accounts = book.accounts | book.debtors | book.creditors if kind.voucher else book.accounts
    for row in rows:
        if kind.moves and row.get("accNo") in (None, ""):
            yield "AccNo is required."
        yield from _unknown_codes(row, (("accNo", "Account", accounts), *lines))
    for payment in payments:
        methods = (("paymentMethod", "PaymentMethod", book.payment_methods),)
        yield from _unknown_codes(payment, methods)


def _unknown_codes(
    part: Mapping[str, Any], fields: tuple[tuple[str, str, Any], ...]
) -> Iterator[str]:
    """Yield unknown codes; codes are compared exactly, with case and punctuation."""
    for name, thing, valid_codes in fields:
        code = part.get(name)
        if code not in (None, "") and code not in valid_codes:
            yield f"{thing} ({thing}Key = {code}) not exists"


def _positive(value: object) -> bool:
    return isinstance(value, int | Decimal) and value > 0


def _sum(rows: list[Mapping[str, Any]], name: str) -> Decimal:
    values = (row.get(name) for row in rows)
    return sum((Decimal(v) for v in values if isinstance(v, int | Decimal)), Decimal(0))


def date_fault(book: AccountBook, text: object, *, locked: bool = False) -> str | None:
    """Return why no document may have this date or be changed while it does, or None."""
    try:
        day = date.fromisoformat(str(text)[:10])
    except ValueError:
        return f"Could not convert string to DateTime: {text}."
    if not book.fiscal_from <= day <= book.fiscal_to:
        return "Document date is not within the range of fiscal year."
    through = FAR - timedelta(days=1) if locked else book.locked_through
    if through is not None and day <= through:
        return f"Transaction date {day:%d/%m/%Y} is locked."
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One write that was let in. `number` is the one it names in its address."""

    verb: str  # create update void unvoid
    kind: Kind
    book: str
    number: str
    content: bytes
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a write: an effect and the resulting document, or a refusal."""

    status: int
    message: str = ""
    effect: str = "refused"
    number: str = ""
    stands: Shown | None = None


def decide(books: Books, job: Job, now: datetime) -> Outcome:
    """Decide about one write."""
    place = place_of(job.book, job.kind.path, job.number)
    stands = books.documents.get(place)
    if job.verb == "create":
        return _create(books, job, now)
    if stands is None:
        thing = job.kind.thing
        return Outcome(404, f"{thing} ({thing}Key = {job.number}) not exists", number=job.number)
    book = books.books[job.book]
    refused = _may_change(book, job, stands)
    if job.verb != "update" and not book.void_without_body and not job.content:
        refused = "A non-empty request body is required."
    if refused:
        return Outcome(400, refused, number=job.number)
    if job.verb == "update":
        return _update(book, job, stands, now)
    document = _touched(
        {**stands, "master": {**stands["master"], "cancelled": job.verb == "void"}}, now
    )
    return Outcome(204, effect=f"{job.verb}ed", number=job.number, stands=document)


def _create(books: Books, job: Job, now: datetime) -> Outcome:
    book, sent = books.books[job.book], _opened(job.content)
    if sent is None:
        return Outcome(400, "The request body is not valid.")
    number = str(sent["master"].get("docNo") or f"#{books.last_key + 1}")
    if message := strange(job.kind.parts, sent):
        return Outcome(400, message, number=number)
    sent.pop("autoFillOption", None)
    sent = {**sent, "details": sent["details"] if job.kind.ties else kept_rows(sent["details"])}
    if message := fault(book, job.kind, sent, locked=job.locked):
        return Outcome(400, message, number=number)
    stands = books.documents.get(place_of(job.book, job.kind.path, number))
    if stands is not None and (books.existing == "refuse" or stands["master"]["cancelled"]):
        return Outcome(400, f"Document No. {number} already exists.", number=number)
    if job.kind.ties:
        return _tie(books, job, number, sent, now)
    master = {
        "docKey": books.last_key + 1,
        **sent["master"],
        "docNo": number,
        "cancelled": False,
        "status": "Unpaid",
        "currencyCode": books.currency(job.book, sent["master"]),
        "createdTimeStamp": _stamp(now),
    }
    document = _touched(worked_out(book, {**sent, "master": master}, job.kind.path), now)
    return Outcome(201, effect="created", number=number, stands=document)


def _opened(content: bytes) -> dict[str, Any] | None:
    body = loads(content)
    if not isinstance(body, dict):
        return None
    body.setdefault("master", {})
    lists = [body.get(name) for name in ("details", "paymentDetails") if name in body]
    good = isinstance(body["master"], dict) and all(_are_rows(rows) for rows in lists)
    return body if good else None


def _are_rows(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _tie(books: Books, job: Job, number: str, sent: Mapping[str, Any], now: datetime) -> Outcome:
    if message := objection(books.documents, job.book, sent):
        return Outcome(400, message, number=number)
    head = {"docKey": books.last_key + 1, **sent["master"], "docNo": number, "cancelled": False}
    document = _touched({**sent, "master": {**head, "createdTimeStamp": _stamp(now)}}, now)
    return Outcome(201, effect="created", number=number, stands=document)


def _touched(document: Mapping[str, Any], now: datetime, user: str = "") -> Shown:
    """Return a changed document: renumbered rows, days as moments, and the time of the change.

    As in the recorded replies, the user is shown only for a change by hand.
    """
    head = {name: value for name, value in document["master"].items() if name != USER}
    by = {USER: user} if user else {}
    day = f"{str(document['master']['docDate'])[:10]}T00:00:00"
    rows = [{**row, "seq": at} for at, row in enumerate(document["details"])]
    return {
        **document,
        "master": {**head, **by, "docDate": day, "lastModified": _stamp(now)},
        "details": rows,
    }


def _stamp(now: datetime) -> str:
    """Return local time, without a zone."""
    return (now + LOCAL).replace(tzinfo=None).isoformat()


def _may_change(book: AccountBook, job: Job, stands: Shown) -> str:
    master = stands["master"]
    if master["cancelled"] and job.verb != "unvoid":
        return f"{job.kind.thing} is already voided."
    if job.verb == "unvoid" and not master["cancelled"]:
        return f"{job.kind.thing} is not voided."
    if master["status"] in ("Paid", "Partially Paid"):
        return f"{job.kind.thing} has been knocked off."
    return date_fault(book, master["docDate"], locked=job.locked) or ""


def _update(book: AccountBook, job: Job, stands: Shown, now: datetime) -> Outcome:
    sent = _opened(job.content)
    if sent is None:
        return Outcome(400, "The request body is not valid.", number=job.number)
    if message := strange(job.kind.parts, sent):
        return Outcome(400, message, number=job.number)
    merged = {**stands, "master": {**stands["master"], **sent["master"]}}
    if "details" in sent:
        merged["details"] = kept_rows(_by_place(stands["details"], sent["details"]))
    if message := fault(book, job.kind, merged, locked=job.locked):
        return Outcome(400, message, number=job.number)
    document = _touched(worked_out(book, merged, job.kind.path), now)
    return Outcome(204, effect="updated", number=job.number, stands=document)


def _by_place(stored: list[dict[str, Any]], sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the merged rows: row N overwrites row N, `{}` keeps it, further rows end."""
    return [{**(stored[at] if at < len(stored) else {}), **row} for at, row in enumerate(sent)]


def by_hand(
    book: AccountBook, path: str, stands: Shown, changes: Mapping[str, Any], now: datetime
) -> Shown:
    """Return a document after a change in AutoCount's own pages.

    The change sets fields of the head and of rows, or removes a row.
    """
    document = deepcopy(dict(stands))
    document["master"].update(changes.get("master", {}))
    for at, fields in enumerate(changes.get("details", ())):
        document["details"][at].update(fields)
    del document["details"][int(changes.get("rows", len(document["details"]))) :]
    return _touched(worked_out(book, document, path), now, str(changes.get("by", USUAL_USER)))


def strange(parts: Parts, body: Mapping[str, object]) -> str | None:
    """Return AutoCount's reply to an unknown field, or None."""
    known_fields: Mapping[str, Iterable[str]] = {
        "master": parts.master,
        "details": parts.details,
        "paymentDetails": parts.payments,
        "autoFillOption": parts.fills,
    }
    for place, part in body.items():
        if place not in known_fields or not known_fields[place]:
            return _unknown_member(place, "document")
        for item in part if isinstance(part, list) else (part,):
            for word in item if isinstance(item, Mapping) else ():
                if word not in known_fields[place]:
                    return _unknown_member(word, place)
    return None


def _unknown_member(word: str, place: str) -> str:
    return f"Could not find member '{word}' on object of type '{place}'."


def _texts(words: str, longest: int | None = None) -> dict[str, Field]:
    return dict.fromkeys(words.split(), Field("text", longest))


def _numbers(words: str) -> dict[str, Field]:
    return dict.fromkeys(words.split(), Field("number"))


def _yesno(words: str) -> dict[str, Field]:
    return dict.fromkeys(words.split(), Field("yesno"))


def _parts(master: Fields, details: Fields, fills: str, payments: Fields | None = None) -> Parts:
    return Parts(
        master=master, details=details, payments=payments or {}, fills=tuple(fills.split())
    )


_TRADE: Fields = {
    **_texts("docNo", 50),
    **_texts("docNoFormatName docDate taxDate creditTerm salesLocation salesAgent note"),
    **_texts("email emailCC emailBCC", 255),
    **_texts("address deliverAddress", 200),
    **_texts("attention deliverContact ref remark1 remark2 remark3 remark4", 40),
    **_texts("phone1 fax1 deliverPhone1 deliverFax1", 25),
    **_texts("description", 80),
    **_texts("taxExemptionNo", 60),
    **_texts("paymentMethod paymentRef"),
    **_numbers("currencyRate toBankRate paymentAmt"),
    **_yesno("inclusiveTax isRoundAdj"),
}

_SALE_FIELDS: Fields = {**_TRADE, **_texts("debtorCode"), **_texts("debtorName", 100)}

_ROW: Fields = {
    **_texts("accNo productVariant furtherDescription taxCode tariffCode yourPODate deptNo"),
    **_texts("productCode discount taxPermitNo", 20),
    **_texts("description", 100),
    **_texts("unit", 8),
    **_texts("taxExportCountry yourPONo", 50),
    **_numbers("qty unitPrice taxAdjustment localTaxAdjustment localTotalCost"),
}

_PURCHASE_FIELDS: Fields = {
    **_TRADE,
    **_texts("creditorCode orgDocDate"),
    **_texts("creditorName", 100),
    **_texts("supplierInvoiceNo", 50),
}

_VOUCHER: Fields = {
    **_texts("docNo", 50),
    **_texts("docType docDate taxDate currencyCode journalType dealWith note"),
    **_texts("description", 80),
    **_numbers("currencyRate"),
}

_VOUCHER_ROW: Fields = {
    **_texts("accNo taxCode"),
    **_texts("description taxBName", 100),
    **_texts("taxExportCountry", 50),
    **_texts("taxRefNo", 30),
    **_texts("taxBRNo", 25),
    **_texts("taxPermitNo taxRegisterNo", 20),
    **_numbers("toAccountRate amount"),
    **_yesno("inclusiveTax"),
}

_PAYMENT: Fields = {
    **_texts("paymentMethod paymentBy chequeNo"),
    **_numbers("floatDay bankCharge toBankRate paymentAmt"),
}

_KNOCK_OFF: Fields = {**_texts("docNo", 50), **_texts("accNo docDate docNoFormatName deptNo")}

_KNOCKED: Fields = {**_texts("docNo", 50), **_texts("docType"), **_numbers("knockOffAmount")}

PARTS: Mapping[str, Parts] = {
    "invoice": _parts(_SALE_FIELDS, _ROW, "accNo taxCode tariffCode localTotalCost"),
    "credit_note": _parts(
        {**_SALE_FIELDS, **_texts("ourInvoiceNo reason")},
        {**_ROW, **_numbers("unitCost"), **_yesno("goodsReturn")},
        "accNo taxCode tariffCode",
    ),
    "purchase_order": _parts(_PURCHASE_FIELDS, _ROW, "accNo taxCode tariffCode"),
    "purchase_invoice": _parts(_PURCHASE_FIELDS, _ROW, "accNo taxCode tariffCode"),
    "ar_payment": _parts(_VOUCHER, _VOUCHER_ROW, "taxCode tariffCode", _PAYMENT),
    "ap_payment": _parts(_VOUCHER, _VOUCHER_ROW, "taxCode tariffCode", _PAYMENT),
    "knock_off": _parts(_KNOCK_OFF, _KNOCKED, ""),
}
"""By the type of the document."""

KINDS: Mapping[str, Kind] = {
    kind.path.casefold(): kind
    for kind in (
        Kind("invoice", "Invoice", "invoice", _REQUIRED_SALE_FIELDS, _LISTED | {"void", "unvoid"}),
        Kind("creditNote", "CreditNote", "credit_note", _REQUIRED_SALE_FIELDS, _LISTED),
        Kind(
            "purchaseOrder",
            "PurchaseOrder",
            "purchase_order",
            _REQUIRED_PURCHASE_FIELDS,
            _LISTED | {"void", "unvoid"},
            moves=False,
        ),
        Kind("purchaseInvoice", "PurchaseInvoice", "purchase_invoice", _REQUIRED_PURCHASE_FIELDS),
        Kind("receipt", "Receipt", "ar_payment", _PAID, voucher=True),
        Kind("payment", "Payment", "ap_payment", _PAID, voucher=True),
        Kind(
            "knockOffEntry",
            "KnockOffEntry",
            "knock_off",
            ("docDate", "accNo"),
            moves=False,
            ties=True,
        ),
    )
}
