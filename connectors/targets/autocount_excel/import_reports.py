"""What AutoCount tells of an import: its words for a row in Error, and its own listing.

Here: words to class; the columns of a saved listing, with number, party, date and total. Not here:
who enters the words, and the comparison with what was exported (holding/import_files).
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from connectors.contract import SourceRefusal
from connectors.contract.hand_imports import Listed
from connectors.kit.sheet_tables import CellValue, Row, Sheet, WorkbookRefusal
from connectors.kit.workbook import read_tables
from grammar.text.finding_codes import ErrorClass

_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("docno", "documentno", "invoiceno", "no"),
    "party": ("debtorcode", "creditorcode", "accno", "code", "debtor", "creditor"),
    "date": ("docdate", "documentdate", "date"),
    "total": ("finaltotal", "nettotal", "total", "docamt", "paymentamt", "amount"),
}
"""What a column may be called, the clearest first: it is taken wherever it stands."""
_CANCELLED: Final = ("cancelled", "canceled", "void", "voided")
"""Likewise a column that not every listing has, and what it says of a document that is."""
_YES: Final = frozenset({"t", "true", "y", "yes", "1", *_CANCELLED})
_HEAD_WITHIN: Final = 20  # rows: a printed listing has its title above the columns
_DAYS: Final = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y")
_LARGEST: Final = Decimal(10) ** 15
_PLACES: Final = 18  # a workbook may have 118.80 as 118.80000000000001
_WANTED = "Save the listing of AutoCount as .xlsx, with its columns number, code, date and total."


def listed(raw: bytes) -> tuple[Listed, ...] | SourceRefusal:
    """The documents of the first sheet that has the four columns."""
    sheets = read_tables(raw)
    if isinstance(sheets, WorkbookRefusal):
        return SourceRefusal(422, f"listing.{sheets.code}", sheets.message, sheets.hint)
    for sheet in sheets:
        found = _head(sheet)
        if found is not None:
            at, columns = found
            below = sorted((no, row) for no, row in sheet.rows.items() if no > at)
            rows = (_listed(no, row, columns) for no, row in below)
            return tuple(one for one in rows if one.number)
    words = "The workbook has no columns for number, debtor or creditor code, date and total."
    return SourceRefusal(422, "listing.columns", words, _WANTED)


def _head(sheet: Sheet) -> tuple[int, Mapping[str, int]] | None:
    """The row of headings, and the column of each word; None where there is none."""
    for number, row in sorted(sheet.rows.items())[:_HEAD_WITHIN]:
        columns = {_bare(value): column for column, value in sorted(row.items(), reverse=True)}
        found = {
            field: next(columns[word] for word in known if word in columns)
            for field, known in _HEADINGS.items()
            if not columns.keys().isdisjoint(known)
        }
        if found.keys() == _HEADINGS.keys():
            more = next((columns[word] for word in _CANCELLED if word in columns), None)
            return number, found if more is None else {**found, _CANCELLED[0]: more}
    return None


def _bare(value: CellValue) -> str:
    return "".join(sign for sign in str(value).casefold() if sign.isalnum())


def _listed(number: int, row: Row, columns: Mapping[str, int]) -> Listed:
    def text(field: str) -> str:
        value = row.get(columns[field])
        return "" if value is None else str(value).strip()

    return Listed(
        number=text("number"),
        party=text("party"),
        date=_day(row.get(columns["date"])),
        total=_amount(row.get(columns["total"])),
        row=number,
        cancelled=_bare(row.get(columns.get(_CANCELLED[0], -1)) or "") in _YES,
    )


def _day(value: CellValue | None) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    for form in _DAYS:
        try:
            return datetime.strptime(str(value).strip(), form).date()  # noqa: DTZ007 - a day
        except ValueError:
            continue
    return None


def _amount(value: CellValue | None) -> Decimal | None:
    """A total; None for what is none, and for what no document has: a few letters are a number of
    as many digits as they say.
    """
    try:
        found = Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation:
        return None
    places = found.as_tuple().exponent
    if not isinstance(places, int) or places < -_PLACES or found.copy_abs() >= _LARGEST:
        return None
    return found


_LOCKED: Final = re.compile(r"\block(ed)?\b|\bclosed period\b|\bfiscal year\b", re.IGNORECASE)
_UNKNOWN: Final = re.compile(
    r"\bnot found\b|\bdoes(n't| not) exist\b|\bno such\b|\binvalid\b.*\bcode\b|\bunknown\b",
    re.IGNORECASE,
)
_MISSING: Final = re.compile(
    r"\bmandatory\b|\brequired\b|\bmissing\b|\bblank\b|\b(cannot|can't|must not) be empty\b",
    re.IGNORECASE,
)
_TAKEN: Final = re.compile(r"\balready (exists|used)\b|\bduplicate", re.IGNORECASE)
_VALUE: Final = re.compile(
    r"\btoo long\b|\bexceeds?\b|\bnot a (number|date)\b|\binvalid\b|\bformat\b", re.IGNORECASE
)
_CLASSES: Final[tuple[tuple[re.Pattern[str], ErrorClass], ...]] = (
    (_LOCKED, "period_locked"),
    (_TAKEN, "duplicate"),
    (_UNKNOWN, "mapping_missing"),
    (_MISSING, "missing_field"),
    (_VALUE, "bad_value"),
)


def class_of(message: str) -> ErrorClass:
    """The class of a message; what says nothing that is known is a rule of AutoCount's."""
    return next((told for words, told in _CLASSES if words.search(message)), "business_rule")
