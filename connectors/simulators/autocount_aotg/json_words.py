"""The JSON of AutoCount On The Go, word by word, as its contract has it.

Here: the stand-in's own reading of the contract: which words each body has, their form and length.
Not here: anything of the client, which states the same once more; only the recorded calls under
tests/connectors/wire hold the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class Word:
    """One word: the form of its value, how long a text may be, whether it must be there."""

    form: Literal["text", "number", "yesno", "rows"] = "text"
    longest: int | None = None
    must: bool = False


Words = Mapping[str, Word]
INVOICE: Words = {
    "DebtorCode": Word(longest=12, must=True),
    "DocNo": Word(longest=20),
    "DocDate": Word(must=True),
    "JournalType": Word(longest=10, must=True),
    "Description": Word(longest=80),
    "RefNo2": Word(longest=20),
    "InclusiveTax": Word("yesno"),
    "Agent": Word(longest=12),
    "CreditTerm": Word(longest=30, must=True),
    "CurrencyCode": Word(longest=5),
    "DetailsLine": Word("rows", must=True),
}
LINE: Words = {
    "LineState": Word("number", must=True),
    "AccNo": Word(longest=12, must=True),
    "Description": Word(longest=100),
    "Tax": Word(longest=14),
    "Amount": Word("number", must=True),
}
TABLES: dict[str, Words] = {"ARInvoice": INVOICE, "DetailsLine": LINE}
_FORMS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "number": (int, Decimal),
    "yesno": bool,
    "rows": list,
}


def misread(body: object) -> str | None:
    """Why the relay cannot read an invoice: a word that it does not have, or another form."""
    found = _misread(body, "ARInvoice")
    if found or not isinstance(body, dict):
        return found
    rows = body.get("DetailsLine") or ()
    return next((told for row in rows if (told := _misread(row, "DetailsLine"))), None)


def lacking(body: Mapping[str, object]) -> str | None:
    """What the account book misses in an invoice, or finds too long."""
    rows = body.get("DetailsLine")
    parts = [(INVOICE_NAME, body)]
    parts += [("DetailsLine", row) for row in rows] if isinstance(rows, list) else []
    for table, part in parts:
        for word, form in TABLES[table].items():
            value = part.get(word)
            if form.must and value in (None, "", []):
                return f"{word} is required."
            if form.longest and isinstance(value, str) and len(value) > form.longest:
                return f"{word} exceeds maximum length of {form.longest}."
    return None


INVOICE_NAME = "ARInvoice"


def _misread(part: object, table: str) -> str | None:
    if not isinstance(part, dict):
        return f"Cannot deserialize the value into type '{table}'."
    for word, value in part.items():
        form = TABLES[table].get(word)
        if form is None:
            return f"Could not find member '{word}' on object of type '{table}'."
        wrong = form.form != "yesno" and isinstance(value, bool)
        if value is not None and (wrong or not isinstance(value, _FORMS[form.form])):
            return f"Error converting value of '{word}' on object of type '{table}'."
    return None
