"""The workbook of a company's mappings: a sheet for each table, and one that says when it was made.

Here: its sheets, columns and rows. Not here: reading one that came back (edited_workbook.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.kit.workbook import Written, write_sheets
from holding.db.models import Company, MappingEntry, MappingTable, Person
from holding.db.models.rules import ALWAYS
from holding.mappings import fixes
from holding.mappings.entries import shown
from holding.mappings.mapping_lists import tables

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


def sheet_names(names: Iterable[str]) -> dict[str, str]:
    """Table -> the name of its sheet, which no other has, whatever its letters' case."""
    found: dict[str, str] = {}
    taken = {ABOUT.casefold()}
    for name in sorted(names):
        plain = name.translate(_NOT_IN_A_NAME)
        sheet, no = plain[:LONGEST_NAME], 2
        while sheet.casefold() in taken:
            tail = f"~{no}"
            sheet, no = f"{plain[: LONGEST_NAME - len(tail)]}{tail}", no + 1
        taken.add(sheet.casefold())
        found[name] = sheet
    return found


def mapping_workbook(session: Session, company_id: int, now: datetime) -> bytes:
    """All entries in force by table, below them the keys that records wait for, as .xlsx."""
    company = session.get_one(Company, company_id)
    rows = _rows(session, company_id)
    names = sheet_names(one.name for one in tables(session, company_id))
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
        (one.table, one.key): one.records for one in fixes.missing(session, company_id, most=None)
    }
    rows: defaultdict[str, list[Sequence[Written]]] = defaultdict(list)
    for row in session.execute(_IN_FORCE, {"company": company_id}):
        table, entry, name = row.table, row.MappingEntry, row.person
        since = entry.valid_from if entry.valid_from > ALWAYS else None
        value = shown(entry.value, entry.num, entry.den)
        waiting = waits.pop((table, entry.key), None)
        by = name or "the rules"
        rows[table].append((entry.key, value, since, waiting, by, entry.reason))
    for (table, key), records in sorted(waits.items()):
        rows[table].append((key, None, None, records, None, None))
    return rows


_IN_FORCE: Final = (
    select(MappingTable.name.label("table"), MappingEntry, Person.name.label("person"))
    .join(MappingTable, MappingTable.id == MappingEntry.table_id)
    .outerjoin(Person, Person.id == MappingEntry.person_id)
    .where(MappingTable.company_id == bindparam("company"))
    .where(MappingEntry.to_revision.is_(None), MappingEntry.value.is_not(None))
    .order_by(MappingTable.name, MappingEntry.key, MappingEntry.valid_from)
)
