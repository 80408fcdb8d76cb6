"""The JSON of AutoCount, word by word, as its contract has it.

Here: the stand-in's own reading of the contract: which words each part of a document has, their
form and length. Not here: anything of the client, which states the same once more; only the
recorded calls under tests/connectors/wire hold the two together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """One word: the form of its value, and how many signs a text may have."""

    form: Literal["text", "number", "yesno"] = "text"
    longest: int | None = None


Fields = Mapping[str, Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The words of each part of one document type; `fills` are those of `autoFillOption`."""

    master: Fields
    details: Fields
    payments: Fields
    fills: tuple[str, ...]


def _texts(words: str, longest: int | None = None) -> dict[str, Field]:
    return dict.fromkeys(words.split(), Field("text", longest))


def _numbers(words: str) -> dict[str, Field]:
    return dict.fromkeys(words.split(), Field("number"))


def _yesno(words: str) -> dict[str, Field]:
    return dict.fromkeys(words.split(), Field("yesno"))


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
_SOLD: Fields = {**_TRADE, **_texts("debtorCode"), **_texts("debtorName", 100)}
_BOUGHT: Fields = {
    **_TRADE,
    **_texts("creditorCode orgDocDate"),
    **_texts("creditorName", 100),
    **_texts("supplierInvoiceNo", 50),
}
_ROW: Fields = {
    **_texts("accNo productVariant furtherDescription taxCode tariffCode yourPODate deptNo"),
    **_texts("productCode discount taxPermitNo", 20),
    **_texts("description", 100),
    **_texts("unit", 8),
    **_texts("taxExportCountry yourPONo", 50),
    **_numbers("qty unitPrice taxAdjustment localTaxAdjustment localTotalCost"),
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
_KNOCK_OFF: Fields = {**_texts("docNo", 50), **_texts("accNo docDate docNoFormatName deptNo")}
_KNOCKED: Fields = {**_texts("docNo", 50), **_texts("docType"), **_numbers("knockOffAmount")}
_PAYMENT: Fields = {
    **_texts("paymentMethod paymentBy chequeNo"),
    **_numbers("floatDay bankCharge toBankRate paymentAmt"),
}


def _parts(master: Fields, details: Fields, fills: str, payments: Fields | None = None) -> Parts:
    return Parts(
        master=master, details=details, payments=payments or {}, fills=tuple(fills.split())
    )


PARTS: Mapping[str, Parts] = {
    "invoice": _parts(_SOLD, _ROW, "accNo taxCode tariffCode localTotalCost"),
    "credit_note": _parts(
        {**_SOLD, **_texts("ourInvoiceNo reason")},
        {**_ROW, **_numbers("unitCost"), **_yesno("goodsReturn")},
        "accNo taxCode tariffCode",
    ),
    "purchase_order": _parts(_BOUGHT, _ROW, "accNo taxCode tariffCode"),
    "purchase_invoice": _parts(_BOUGHT, _ROW, "accNo taxCode tariffCode"),
    "ar_payment": _parts(_VOUCHER, _VOUCHER_ROW, "taxCode tariffCode", _PAYMENT),
    "ap_payment": _parts(_VOUCHER, _VOUCHER_ROW, "taxCode tariffCode", _PAYMENT),
    "knock_off": _parts(_KNOCK_OFF, _KNOCKED, ""),
}
"""By the type of the document."""


def strange(parts: Parts, body: Mapping[str, object]) -> str | None:
    """What AutoCount says to a word that it does not have."""
    known: Mapping[str, Iterable[str]] = {
        "master": parts.master,
        "details": parts.details,
        "paymentDetails": parts.payments,
        "autoFillOption": parts.fills,
    }
    for place, part in body.items():
        if place not in known or not known[place]:
            return _unknown(place, "document")
        for one in part if isinstance(part, list) else (part,):
            for word in one if isinstance(one, Mapping) else ():
                if word not in known[place]:
                    return _unknown(word, place)
    return None


def _unknown(word: str, place: str) -> str:
    return f"Could not find member '{word}' on object of type '{place}'."
