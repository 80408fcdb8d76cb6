"""Read an uploaded file of customers, vendors, items or unpaid documents as rows, or refuse it."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from connectors.kit.workbook import (
    CellError,
    CellValue,
    Limits,
    Sheet,
    WorkbookRefusal,
    column_name,
    header_of,
    read_csv,
    read_tables,
)
from holding.db.models.columns import ListKind, is_currency
from holding.db.refusal import Refusal
from rules.values.cause_keys import GENERAL_TINS, match_key

MOST: Final = 100_000
LONGEST: Final = 200
ENDINGS: Final = (".xlsx", ".csv")
TOLD: Final = 5  # faults of a file that are named
DIGITS: Final = 18  # of a rate
_CODES: Final[Mapping[ListKind, tuple[str, ...]]] = {
    ListKind.CUSTOMER: ("customer code", "debtor code", "account no", "acc no", "customer id"),
    ListKind.VENDOR: ("supplier code", "vendor code", "creditor code", "account no", "supplier id"),
    ListKind.ITEM: ("item code", "sku", "stock code", "product code", "item no"),
    ListKind.INVOICE: ("invoice number", "invoice no", "document no", "doc no"),
    ListKind.BILL: ("bill number", "bill no", "document no", "doc no"),
}
_CUSTOMER: Final = ("customer name", "customer", "company name", "debtor name")
_SUPPLIER: Final = ("supplier name", "vendor name", "supplier", "company name", "creditor name")
_NAMES: Final[Mapping[ListKind, tuple[str, ...]]] = {
    ListKind.CUSTOMER: _CUSTOMER,
    ListKind.VENDOR: _SUPPLIER,
    ListKind.ITEM: ("item name", "description", "item description", "product name"),
    ListKind.INVOICE: _CUSTOMER,
    ListKind.BILL: _SUPPLIER,
}
_PARTIES: Final[Mapping[ListKind, tuple[str, ...]]] = {
    ListKind.INVOICE: _CODES[ListKind.CUSTOMER],
    ListKind.BILL: _CODES[ListKind.VENDOR],
}
_LEFT: Final = ("balance", "outstanding", "outstanding amount", "amount due")
_CURRENCY: Final = ("currency", "currency code")
_TIN: Final = ("tin", "tax identification number", "customer tin", "supplier tin")
_REGISTRATION: Final = ("registration number", "registration no", "ssm no", "brn", "registration")
_ACTIVE: Final = ("active", "is active", "status")
_UNIT: Final = ("uom", "unit", "unit of measure", "base uom")
_RATE: Final = ("rate", "uom rate", "conversion rate")
_NO: Final = frozenset({"no", "n", "false", "0", "inactive", "f", "disabled"})
_YES: Final = frozenset({"", "yes", "y", "true", "1", "active", "t", "enabled"})
_FORMS: Final = re.compile(r"(?:\b(?:sendirian|sdn)\b\W*)?\b(?:berhad|bhd)\b\W*$", re.IGNORECASE)
_AMOUNT: Final = re.compile(r"-?(?:\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(?:\.\d{1,4})?")
_NEXT_TO_NOTHING: Final = re.compile(r"-?\d(?:\.\d{1,16})?E-\d{1,3}")  # what subtracting leaves
_NEW_NUMBER: Final = re.compile(r"(?<!\d)\d{12}(?!\d)")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One entry of a list; blank fields are unknown.

    `units` of an item are (unit, num, den), with the base unit first. They are stored with the
    target's item data, so they are not compared. `sku` is the users' name of an entry whose code is
    an id of the target. Of an unpaid document `name` and `party` describe the customer or supplier,
    and `left` is the amount left to pay.
    """

    code: str
    name: str
    tin: str
    registration: str
    active: bool
    sku: str = ""
    units: tuple[tuple[str, int, int], ...] = field(default=(), compare=False)
    party: str = ""
    left: Decimal | None = None
    currency: str = ""


def name_key(name: str) -> str:
    """Return a key that all spellings of a name share."""
    return match_key(name) if name.strip() else ""


def short_name_key(name: str) -> str:
    """Return the name key without Sdn Bhd, Bhd or their long forms.

    >>> short_name_key("Maju Jaya Sdn. Bhd.") == short_name_key("MAJU JAYA")
    True
    """
    return name_key(_FORMS.sub("", name.strip()) or name)


def name_keys(name: str) -> frozenset[str]:
    """Return a name's keys with each company suffix and without; none for a blank name."""
    short = short_name_key(name)
    ends = ("", "sdnbhd", "sendirianberhad", "bhd", "berhad")
    return frozenset(f"{short}{end}" for end in ends) if short else frozenset()


def tin_key(tin: str) -> str:
    """Return a key that all spellings of a tax number share; blank for general numbers."""
    key = match_key(tin).upper() if tin.strip() else ""
    return "" if key in GENERAL_TINS else key


def registration_key(number: str) -> str:
    """Return a key that all spellings of a registration number share: the new number, if any.

    >>> registration_key("201801012345 (1267890-X)")
    '201801012345'
    """
    new_number = _NEW_NUMBER.search(number)
    if new_number:
        return new_number[0]
    return match_key(number) if number.strip() else ""


def read_list(name: str, raw: bytes, kind: ListKind) -> tuple[ListRow, ...] | Refusal:
    """Return the rows of the first sheet; one unreadable row refuses the whole file."""
    if not name.lower().endswith(ENDINGS):
        hint = "Save it as .xlsx or as CSV UTF-8, then upload that."
        return Refusal("list.ending", "This is no .xlsx and no .csv file.", hint, 422)
    if not raw:
        return Refusal("list.empty", "The file is empty.", "Select another file.", 422)
    limits = Limits(rows=MOST)
    csv = name.lower().endswith(".csv")
    sheets = read_csv("list", raw, limits) if csv else read_tables(raw, limits)
    if isinstance(sheets, WorkbookRefusal):
        return Refusal(f"list.{sheets.code}", sheets.message, sheets.hint, 422)
    sheet = next((table for table in sheets if table.rows), None)
    if sheet is None:
        return Refusal("list.empty", "The file has no rows.", "Select another file.", 422)
    return _rows(sheet, kind)


def _rows(sheet: Sheet, kind: ListKind) -> tuple[ListRow, ...] | Refusal:
    at = _columns(sheet, kind)
    if refusal := _lacking_column(at, kind):
        return refusal
    rows: dict[str, ListRow] = {}
    units: dict[str, dict[str, Decimal]] = {}
    faults: list[str] = []
    for number, cells in sorted(sheet.rows.items()):
        if number == 1:
            continue
        fault = next(_faults(number, cells, at), "")
        row = _row(cells, at, kind)
        unit, rate = _unit(cells, at)
        added = "rate" in at and unit and unit not in units.get(row.code, {unit: rate})
        if not fault and row.code in rows and not added:
            fault = f"row {number}: {row.code} is there twice"
        if fault:
            faults.append(fault)
        elif unit:
            units.setdefault(row.code, {})[unit] = rate
        if row.left is None or row.left > 0:
            rows.setdefault(row.code, row)
    faults += _without_base(units)
    if faults:
        more = f" and {len(faults) - TOLD} more" if len(faults) > TOLD else ""
        message = f"The list cannot be read: {'; '.join(faults[:TOLD])}{more}."
        return Refusal("list.rows", message, "Correct the file, then upload it again.", 422)
    if not rows and not kind.unpaid:
        return Refusal("list.empty", "The list has headings and no rows.", "Check the file.", 422)
    return tuple(replace(row, units=_by_base(units.get(row.code, {}))) for row in rows.values())


def _lacking_column(at: Collection[str], kind: ListKind) -> Refusal | None:
    """Refuse a list without a required column."""
    required = _CODES[kind][:2] if kind.unpaid else (_CODES[kind][0], _NAMES[kind][0])
    headings = () if "code" in at else required
    if not headings and kind.unpaid and "left" not in at:
        headings = _LEFT[:2]
    if not headings:
        return None
    words = " or ".join(f"“{word.capitalize()}”" for word in headings)
    message = f"The first row has no column {words}."
    return Refusal("list.headings", message, "Give the columns these headings.", 422)


def _unit(cells: Mapping[int, CellValue], at: Mapping[str, int]) -> tuple[str, Decimal]:
    """Return a row's unit and rate; without a rate column the unit is the only one."""
    unit = str(cells.get(at["unit"], "")).strip() if "unit" in at else ""
    rate_text = str(cells.get(at["rate"], "")).strip() if "rate" in at else "1"
    return unit, _number(rate_text) or Decimal(0)


def _number(text: str) -> Decimal | None:
    """Parse a rate above zero; return None for anything else."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    is_valid = number.is_finite() and number > 0 and abs(number.adjusted()) < DIGITS
    return number if is_valid and len(text) <= DIGITS else None


def _amount(text: str) -> Decimal | None:
    """Parse an amount as users or workbooks write it; return None for anything else."""
    is_valid = _AMOUNT.fullmatch(text) or _NEXT_TO_NOTHING.fullmatch(text)
    return Decimal(text.replace(",", "")) if is_valid else None


def _without_base(units: Mapping[str, Mapping[str, Decimal]]) -> Iterator[str]:
    """Yield a fault for each item without a base unit, because its rates have no meaning."""
    for code, rates in units.items():
        if 1 not in rates.values():
            yield f"{code} has no unit of rate 1"


def _by_base(rates_by_unit: Mapping[str, Decimal]) -> tuple[tuple[str, int, int], ...]:
    """Return the units with their rates, the base unit (first with rate 1) first."""
    base = next((unit for unit, rate in rates_by_unit.items() if rate == 1), None)
    if base is None:
        return ()
    others = (
        (unit, *rate.as_integer_ratio()) for unit, rate in rates_by_unit.items() if unit != base
    )
    return ((base, 1, 1), *others)


def _columns(sheet: Sheet, kind: ListKind) -> dict[str, int]:
    """Return each field's column. A list without codes uses the names as codes."""
    headings: dict[str, int] = {}
    for column, words in header_of(sheet):
        headings.setdefault(re.sub(r"[\s._-]+", " ", words).strip().casefold(), column)
    fields = {
        "code": (*_CODES[kind], "code"),
        "name": (*_NAMES[kind], "name"),
        "tin": _TIN,
        "registration": _REGISTRATION,
        "active": _ACTIVE,
    }
    if kind == ListKind.ITEM:
        fields |= {"unit": _UNIT, "rate": _RATE}
    if kind.unpaid:
        fields |= {"party": _PARTIES[kind], "left": _LEFT, "currency": _CURRENCY}
    columns = {
        name: next(headings[word] for word in words if word in headings)
        for name, words in fields.items()
        if any(word in headings for word in words)
    }
    if "code" not in columns and "name" in columns and not kind.unpaid:
        columns["code"] = columns["name"]
    return columns


def _faults(number: int, cells: Mapping[int, CellValue], at: Mapping[str, int]) -> Iterator[str]:
    """Yield the faults of a row, by cell."""
    for name, column in at.items():
        cell, value = f"{column_name(column)}{number}", cells.get(column, "")
        text = str(value).strip()
        if isinstance(value, CellError):
            yield f"{cell} has no value ({text})"
        elif name == "code" and not text:
            yield f"{cell} has no code"
        elif len(text) > LONGEST or not text.isprintable():
            yield f"{cell} is longer than {LONGEST} characters or has unprintable ones"
        elif name == "active" and text.casefold() not in _YES | _NO:
            yield f"{cell} says neither yes nor no: “{text}”"
        elif name == "rate" and _unit(cells, at)[0] and _number(text) is None:
            yield f"{cell} is not a rate above 0: “{text}”"
        elif name == "left" and _amount(text) is None:
            yield f"{cell} is not an amount: “{text}”"
        elif name == "currency" and text and not is_currency(text):
            yield f"{cell} is not a currency: “{text}”"


def _row(cells: Mapping[int, CellValue], at: Mapping[str, int], kind: ListKind) -> ListRow:
    """Return a readable row. Bill numbers are unique per supplier only, so the code includes the
    supplier.
    """
    fields = {name: str(cells.get(column, "")).strip() for name, column in at.items()}
    code, party = fields["code"], fields.get("party", "")
    name = fields.get("name", "") or code
    of_supplier = kind == ListKind.BILL and (party or name) != code
    return ListRow(
        code=f"{party or name} {code}" if of_supplier else code,
        sku=code if of_supplier else "",
        name=name,
        tin=fields.get("tin", ""),
        registration=fields.get("registration", ""),
        active=fields.get("active", "").casefold() not in _NO,
        party=party,
        left=_amount(fields["left"]) if "left" in fields else None,
        currency=fields.get("currency", ""),
    )
