"""Mappings as files: what is missing, what matches exactly, entries, units, lists of codes.

Here: their columns and rows. Not here: the workbook in which entries are changed
(portal/mappings/workbook_pages.py), what the lists hold (holding/mappings, holding/code_lists).
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from flask import abort, g, request

from connectors.kit.workbook import Written
from holding.db.models.columns import moment_text
from holding.mappings import exact_matches, fixes, list_files, list_sources, party_merge
from holding.mappings import file_codes as unpaid_documents
from holding.mappings import mapping_lists as queries
from holding.mappings import mapping_lists as unit_comparison
from holding.mappings.fixes import Missing
from holding.mappings.mapping_lists import EntryRow
from portal.lists.list_file import MOST, ListFile, Table, by_currency, each_page
from portal.mappings import exact_pages, unpaid_page
from portal.web import filters, store
from rules.values.wording import titled

AT_ONCE: Final = 1000
MISSING: Final = ("Table", "Sent by the source", "What waits for it", "Waiting since", "Records",
                  "Currency", "Amount")  # fmt: skip
ENTRIES: Final = ("Sent by the source", "Value", "Counts from", "Revision", "By", "At", "Reason")
UNITS: Final = ("Unit", "Item", "What waits for it", "Records", "Currency", "Amount")
LISTS: Final = (
    "Accounting system",
    "Kind",
    "Codes",
    "Read",
    "File",
    "File of",
    "Given by",
    "Posted before",
)
UNPAID: Final = ("Number", "Name", "Code", "Left to pay", "Currency")
PARTIES: Final = ("Record", "Rule", "Keep", "Gone", "Keys")


def missing() -> ListFile:
    """Every value without a mapping, the most money first."""
    found = fixes.missing(store.reading(), g.company.id, most=None)
    rows = ([one.table, *cells] for one in found for cells in _waiting(one, [one.key]))
    return ListFile("missing mappings", "missing-mappings", [Table("Missing", MISSING, rows)])


def _waiting(one: Missing, first: list[Written]) -> Iterator[list[Written]]:
    """What waits for a value: a row for each currency, the count in the first."""
    count: Written = one.records
    for code, amount in by_currency(one.money, g.company.currency):
        money: list[Written] = [count, code, amount]
        yield [*first, titled(one.label), moment_text(one.since), *money]
        count = None


def entries(table: str) -> ListFile:
    """All entries of a table that are in force, found by either side."""
    if table not in {row.name for row in queries.tables(store.reading(), g.company.id)}:
        abort(404)
    text = request.args.get("q", "").strip()[:100]
    pages = each_page(lambda after: _entries(table, text, after), _place, AT_ONCE)
    rows = (_entry(one) for page in pages for one in page)
    kept = {"search": text} if text else {}
    title, word = f"the mapping table {table}", f"mapping-{table}"
    return ListFile(title, word, [Table("Entries", ENTRIES, rows)], kept, frozenset({"search"}))


def _entries(table: str, text: str, after: tuple[str, date | None] | None) -> tuple[EntryRow, ...]:
    key, since = after or (None, None)
    session, company = store.reading(), g.company.id
    return queries.entries(session, company, table, text=text, after=key, since=since, most=AT_ONCE)


def _place(one: EntryRow) -> tuple[str, date | None]:
    return one.key, one.since


def _entry(one: EntryRow) -> list[Written]:
    return [one.key, one.value, one.since, one.revision, one.by, moment_text(one.at), one.reason]


def exact() -> ListFile:
    """The missing values with exactly one value that fits, and those that are left out."""
    rows = exact_pages.rows(exact_matches.exact_matches(store.reading(), g.company.id))
    table = Table("Missing values", exact_pages.HEADS, rows)
    return ListFile("exact matches of missing mappings", "exact-matches", [table])


def units() -> ListFile:
    """The units that hold records."""
    waiting = unit_comparison.units_on_hold(store.reading(), g.company.id)
    rows = (cells for one in waiting for cells in _unit(one))
    return ListFile("units that hold records", "units", [Table("Units on hold", UNITS, rows)])


def _unit(one: Missing) -> Iterator[list[Written]]:
    unit, _, item = one.key.partition("|")
    for first, second, label, _, *money in _waiting(one, [unit, item]):
        yield [first, second, label, *money]


def code_lists() -> ListFile:
    """Where each list of codes comes from, and how old it is."""
    found = list_sources.list_sources(store.reading(), g.company.id, g.now)
    table = Table("Lists", LISTS, (_source(one) for one in found))
    return ListFile("lists of codes", "code-lists", [table])


def _source(one: list_sources.ListSource) -> list[Written]:
    read = moment_text(one.read_at) if one.read_at else None
    file = (one.file.file_name, one.file.as_of, one.file.by) if one.file else (None, None, None)
    return [one.target, one.kind, one.codes, read, *file, one.posted]


def code_changes(no: int) -> ListFile:
    """What one list has otherwise than the one before it."""
    found = list_files.changes(store.reading(), g.company.id, no, MOST)
    if found is None:
        abort(404)
    show, of_unpaid = filters.sees_personal(), found[0].kind.unpaid
    heads, *rows = list_files.change_rows(found[1], personal=show, unpaid=of_unpaid)
    table = Table("Changes", [str(head) for head in heads], rows)
    return ListFile(f"changes of the list of codes {no}", f"list-{no}", [table])


def unpaid() -> ListFile:
    """What is unpaid in a target, with the letters that were asked for."""
    lists = unpaid_documents.unpaid_lists(store.reading(), g.company.id)
    one, text = unpaid_page.chosen(lists), unpaid_page.letters()
    found = unpaid_page.rows_of(one, MOST + 1) if one else ()
    show = filters.sees_personal()
    rows = (_unpaid(one, show=show) for one in found)
    said = {"List": unpaid_page.title(one)} if one else {}
    said |= {"Search": text} if text else {}
    table = Table("Unpaid", UNPAID, rows)
    return ListFile("unpaid documents", "unpaid", [table], said, frozenset({"Search"}))


def _unpaid(one: unpaid_documents.Unpaid, *, show: bool) -> list[Written]:
    return [one.number, one.name if show else "", one.party, one.left, one.currency]


def parties() -> ListFile:
    """Two keys that seem to be one party, each pair once."""
    found = party_merge.proposals(store.reading(), g.company.id, filters.today())
    rows = (_pair(one) for one in found)
    return ListFile("parties that seem to be one", "parties", [Table("Parties", PARTIES, rows)])


def _pair(one: party_merge.Merge) -> list[Written]:
    return [one.number, one.rule, *map(filters.party, (one.keep, one.gone)), len(one.keys)]
