"""Write mapping entries to an Excel workbook, and read an edited workbook back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.kit.workbook import (
    CellError,
    CellValue,
    Limits,
    Row,
    Sheet,
    WorkbookRefusal,
    Written,
    header_of,
    place,
    read_tables,
    write_sheets,
)
from holding.db.models import Company, MappingEntry, MappingTable, Person
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal
from holding.mappings import fixes
from holding.mappings.entries import LONGEST, entry_text
from holding.mappings.fixes import FIRST_DAY, LAST_DAY
from holding.mappings.mapping_lists import tables

MOST_ROWS: Final = 100_000

_DIGITS: Final = 15  # of a revision

ABOUT: Final = "About"

COMPANY: Final = "Company"

REVISION: Final = "Revision"

KEY, VALUE, SINCE = "Key", "Value", "Counts from"

HEAD: Final = (KEY, VALUE, SINCE, "Records waiting", "Changed by", "Reason")

LONGEST_NAME: Final = 31  # of a sheet, in programs for tables

_NOT_IN_A_NAME: Final = str.maketrans(dict.fromkeys("[]:*?/\\", "_"))

_HOW: Final = (
    "Change the column Value, and add rows for keys that are missing. Then upload this file.",
    "A cell of Value that you empty removes the entry. A row that you delete changes nothing.",
    "Counts from: the document date from which a value counts, as 2026-11-01. Blank: all dates.",
    "A conversion of a unit is written as 12 PCS or 1/3 CTN.",
    "The other columns are only for reading.",
)

_IN_FORCE: Final = (
    select(MappingTable.name.label("table"), MappingEntry, Person.name.label("person"))
    .join(MappingTable, MappingTable.id == MappingEntry.table_id)
    .outerjoin(Person, Person.id == MappingEntry.person_id)
    .where(MappingTable.company_id == bindparam("company"))
    .where(MappingEntry.to_revision.is_(None), MappingEntry.value.is_not(None))
    .order_by(MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of the workbook: a key and its value; `cell` holds the value, "" for an empty
    cell.
    """

    table: str
    key: str
    value: str
    since: date
    cell: str


@dataclass(frozen=True, slots=True)
class WrongCell:
    """A cell that cannot be saved as it is, and the reason."""

    cell: str
    words: str


@dataclass(frozen=True, slots=True)
class EditedWorkbook:
    """The contents of a workbook; company and revision are missing without the About sheet."""

    company: str
    revision: int | None
    rows: tuple[SheetRow, ...]
    wrong: tuple[WrongCell, ...]


def read_workbook(name: str, raw: bytes, tables: Iterable[str]) -> EditedWorkbook | Refusal:
    """Return the rows of an uploaded workbook, or why it cannot be read."""
    if not raw:
        return Refusal("mapping.file", "The file is empty.", "Select another file.", 422)
    if not name.lower().endswith(".xlsx"):
        hint = "Download the workbook of mappings, change that, and upload it."
        return Refusal("mapping.file", "The file is not an .xlsx workbook.", hint, 422)
    sheets = read_tables(raw, Limits(rows=MOST_ROWS + 1))
    if isinstance(sheets, WorkbookRefusal):
        return Refusal("mapping.file", sheets.message, sheets.hint, 422)
    company, revision = _about(next((sheet for sheet in sheets if sheet.name == ABOUT), None))
    by_sheet = {sheet.casefold(): table for table, sheet in sheet_names(tables).items()}
    rows: dict[tuple[str, str, date], SheetRow] = {}
    wrong: list[WrongCell] = []
    for sheet in sheets:
        if sheet.name != ABOUT and sheet.rows:
            _read_sheet(sheet, by_sheet.get(sheet.name.casefold()), rows, wrong)
    return EditedWorkbook(company, revision, tuple(rows.values()), tuple(wrong))


def _about(sheet: Sheet | None) -> tuple[str, int | None]:
    """Return the company and the revision that the workbook was made from."""
    fields: Mapping[str, str] = {}
    if sheet is not None:
        fields = {str(row[1]): str(row[2]) for row in sheet.rows.values() if 1 in row and 2 in row}
    revision = fields.get(REVISION, "")
    is_valid = revision.isdecimal() and len(revision) <= _DIGITS
    return fields.get(COMPANY, ""), int(revision) if is_valid else None


def _read_sheet(
    sheet: Sheet,
    table: str | None,
    rows: dict[tuple[str, str, date], SheetRow],
    wrong: list[WrongCell],
) -> None:
    at = {words.casefold(): column for column, words in reversed(header_of(sheet))}
    head = place(sheet.name, 1, 1)
    if table is None:
        wrong.append(WrongCell(head, f"There is no table {sheet.name}; the sheet is left out."))
    elif not {KEY.casefold(), VALUE.casefold()} <= at.keys():
        words = f"The first row has no columns {KEY} and {VALUE}; the sheet is left out."
        wrong.append(WrongCell(head, words))
    else:
        columns = (at[KEY.casefold()], at[VALUE.casefold()], at.get(SINCE.casefold()))
        for number, row in sorted(sheet.rows.items()):
            if number > 1:
                try:
                    _add(rows, _row(sheet.name, table, number, row, columns))
                except _Unfit as found:
                    wrong.append(found.wrong)


def _add(rows: dict[tuple[str, str, date], SheetRow], row: SheetRow | None) -> None:
    if row is None:
        return
    entry_key = (row.table, row.key, row.since)
    if entry_key in rows:
        raise _Unfit(row.cell, f"“{row.key}” stands in {rows[entry_key].cell} already.")
    rows[entry_key] = row


class _Unfit(Exception):  # noqa: N818 - no error: it ends the reading of one row
    def __init__(self, cell: str, words: str) -> None:
        super().__init__(words)
        self.wrong = WrongCell(cell, words)


def _row(
    sheet: str, table: str, number: int, row: Row, columns: tuple[int, int, int | None]
) -> SheetRow | None:
    """Return a row's key and value, or None for an empty row."""
    key_at, value_at, since_at = columns
    cells = [place(sheet, number, column) for column in (key_at, value_at)]
    key = _text(row.get(key_at, ""), cells[0])
    value = _text(row.get(value_at, ""), cells[1]).strip()
    since_value = row.get(since_at, "") if since_at is not None else ""
    since = _day(since_value, place(sheet, number, since_at or 1))
    if not key.strip():
        if value:
            raise _Unfit(cells[0], "There is a value and no key.")
        return None
    if len(key) > LONGEST or not key.isprintable():
        words = f"The key is longer than {LONGEST} characters or has unprintable ones."
        raise _Unfit(cells[0], words)
    return SheetRow(table, key, value, since, cells[1])


def _text(value: CellValue, cell: str) -> str:
    """Return a cell as the text that users see in it."""
    match value:
        case CellError():
            raise _Unfit(cell, f"The cell has no value ({value.words}).")
        case datetime():
            raise _Unfit(cell, "The cell has a date. Write it as text, with an apostrophe first.")
        case bool():
            return "TRUE" if value else "FALSE"
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _day(value: CellValue, cell: str) -> date:
    """Return the date from which a value counts; a blank cell covers all dates."""
    if isinstance(value, datetime):
        day: date | None = value.date()
    else:
        text = _text(value, cell).strip() if not isinstance(value, date) else value.isoformat()
        if not text:
            return ALWAYS
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise _Unfit(cell, f"This is no day from {FIRST_DAY} to {LAST_DAY}, such as 2026-11-01.")
    return day


def sheet_names(names: Iterable[str]) -> dict[str, str]:
    """Return a unique sheet name for each table, regardless of letter case."""
    sheets: dict[str, str] = {}
    used_names = {ABOUT.casefold()}
    for name in sorted(names):
        plain = name.translate(_NOT_IN_A_NAME)
        sheet, no = plain[:LONGEST_NAME], 2
        while sheet.casefold() in used_names:
            tail = f"~{no}"
            sheet, no = f"{plain[: LONGEST_NAME - len(tail)]}{tail}", no + 1
        used_names.add(sheet.casefold())
        sheets[name] = sheet
    return sheets


def mapping_workbook(session: Session, company_id: int, now: datetime) -> bytes:
    """Return an .xlsx file with all current entries by table, and the keys that records wait
    for.
    """
    company = session.get_one(Company, company_id)
    rows = _rows(session, company_id)
    names = sheet_names(table.name for table in tables(session, company_id))
    made_at = now.astimezone(ZoneInfo(company.zone))
    about: list[Sequence[Written]] = [
        (COMPANY, company.code),
        (REVISION, company.revision),
        ("Made at", f"{made_at:%Y-%m-%d %H:%M} {company.zone}"),
        *((line,) for line in _HOW),
    ]
    sheets = {sheet: [HEAD, *rows[name]] for name, sheet in names.items()}
    return write_sheets({ABOUT: about, **sheets}, prefixed=True)


def _rows(session: Session, company_id: int) -> Mapping[str, list[Sequence[Written]]]:
    waits = {
        (row.table, row.key): row.records for row in fixes.missing(session, company_id, most=None)
    }
    rows: defaultdict[str, list[Sequence[Written]]] = defaultdict(list)
    for row in session.execute(_IN_FORCE, {"company": company_id}):
        table, entry, name = row.table, row.MappingEntry, row.person
        since = entry.valid_from if entry.valid_from > ALWAYS else None
        value = entry_text(entry.value, entry.num, entry.den)
        waiting = waits.pop((table, entry.key), None)
        by = name or "the rules"
        rows[table].append((entry.key, value, since, waiting, by, entry.reason))
    for (table, key), records in sorted(waits.items()):
        rows[table].append((key, None, None, records, None, None))
    return rows
