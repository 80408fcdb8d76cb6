"""The workbook of mappings: out, changed, compared, saved as it was shown."""

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from holding.db.database import Database
from holding.db.models import Company, Event, MappingEntry, Record, Revision
from holding.db.refusal import Refusal
from holding.mappings import workbook_changes
from holding.mappings.edited_workbook import (
    EditedWorkbook,
    mapping_workbook,
    read_workbook,
    sheet_names,
)
from holding.mappings.fixes import Fixed
from holding.mappings.mapping_lists import tables
from holding.mappings.workbook_changes import AT_ONCE, Change, Saved, WorkbookChanges
from holding.mappings.workbook_changes import workbook_changes as compare
from tests.holding.fixing import blocked_shop, due, fix, rev
from tests.holding.shop import Shop, open_shop
from tests.support.clock import SetClock

Sheets = Any


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return blocked_shop(open_shop(database, company, clock))


def download(shop: Shop) -> bytes:
    with shop.database.read() as session:
        return mapping_workbook(session, shop.company.id, shop.now)


def changed(raw: bytes, change: Callable[[Sheets], None]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(raw))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(shop: Shop, raw: bytes) -> EditedWorkbook:
    with shop.database.read() as session:
        names = [one.name for one in tables(session, shop.company.id)]
    found = read_workbook("mappings.xlsx", raw, names)
    assert isinstance(found, EditedWorkbook), found
    return found


def compared(shop: Shop, raw: bytes, who: str = "farah") -> WorkbookChanges:
    with shop.database.read() as session:
        found = compare(session, shop.actor(who), read(shop, raw))
    assert isinstance(found, WorkbookChanges), found
    return found


def save(
    shop: Shop, found: WorkbookChanges, *, who: str = "farah", ready: int | None = None, **more: Any
) -> Saved | Refusal:
    actor = shop.actor(who)
    with shop.database.write() as session:
        if ready is None:
            ready = workbook_changes.effect_of(
                session, shop.company.id, found.changes, shop.now
            ).ready
        return workbook_changes.save_changes(
            session,
            actor,
            found.changes,
            ready,
            "month end",
            shop.now,
            **{"rev": found.rev, **more},
        )


def at(sheet: Any, key: str) -> int:
    """The row of a key."""
    return next(int(row[0].row) for row in sheet.iter_rows(min_row=2) if row[0].value == key)


def entries(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.count()).select_from(MappingEntry)) or 0


def told(found: WorkbookChanges) -> list[tuple[str, str, str, str, str]]:
    return [(one.what, one.table, one.key, one.before, one.value) for one in found.changes]


def test_it_has_every_table_and_what_is_missing_and_comes_back_without_a_change(shop: Shop) -> None:
    book = openpyxl.load_workbook(io.BytesIO(download(shop)))
    assert book.sheetnames == ["About", "debtor", "discount", "item", "units"]
    rows = [[cell.value for cell in row] for row in book["item"].iter_rows(max_col=5)]
    assert rows[0] == ["Key", "Value", "Counts from", "Records waiting", "Changed by"]
    assert ["CUP-4", "CUP-4", None, None] in [row[:4] for row in rows]
    assert ["AB-100", None, None, 4, None] in rows
    found = compared(shop, download(shop))
    assert (found.changes, found.wrong, found.meanwhile, found.not_in_file) == ((), (), (), 0)
    assert found.same > 5
    assert found.known


def test_new_changed_and_removed_are_told_by_cell_and_nothing_is_stored(shop: Shop) -> None:
    def change(book: Sheets) -> None:
        item, units = book["item"], book["units"]
        item.cell(at(item, "AB-100"), 2).value = "AB-100"
        item.append(["OLD-1", "CUP-4", "2026-11-01"])
        item.cell(at(item, "CUP-4"), 2).value = None
        units.cell(at(units, "BOX"), 2).value = "10 PCS"

    before = entries(shop)
    found = compared(shop, changed(download(shop), change))
    assert sorted(told(found)) == [
        ("changed", "units", "BOX", "12 PCS", "10 PCS"),
        ("new", "item", "AB-100", "", "AB-100"),
        ("new", "item", "OLD-1", "", "CUP-4"),
        ("removed", "item", "CUP-4", "CUP-4", ""),
    ]
    assert (found.count("new"), found.count("changed"), found.count("removed")) == (2, 1, 1)
    [new] = [one for one in found.changes if one.key == "OLD-1"]
    assert (str(new.since), new.cell) == ("2026-11-01", "item!B5")
    assert entries(shop) == before


def test_saving_does_what_the_preview_says_as_one_change_that_people_can_read(shop: Shop) -> None:
    def change(book: Sheets) -> None:
        item = book["item"]
        item.cell(at(item, "AB-100"), 2).value = "AB-100"
        item.cell(at(item, "CUP-4"), 2).value = None

    found = compared(shop, changed(download(shop), change))
    with shop.database.read() as session:
        does = workbook_changes.effect_of(session, shop.company.id, found.changes, shop.now)
        count = select(func.count()).select_from(Record).where(Record.state == "ready")
        before = session.scalar(count) or 0
    assert (does.records, does.ready, [stay.records for stay in does.stays]) == (4, 3, [1])
    done = save(shop, found, ready=3)
    assert isinstance(done, Saved), done
    assert (done.keys, done.woken) == (2, 4)
    assert due(shop) == ["NS-1", "NS-2", "NS-3", "NS-4"]
    with shop.database.read() as session:
        reasons = session.scalars(select(Revision.reason).where(Revision.no >= done.first))
        assert set(reasons) == {"month end"}
        say = select(Event.body).where(Event.act == "mapping.uploaded")
        assert "saved 2 mappings from a workbook" in session.scalars(say).one()["say"]
    shop.judge()
    with shop.database.read() as session:
        assert session.scalar(count) == before + 3
    assert compared(shop, download(shop)).changes == ()


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("sheet", "cells", "cell", "words"),
    [
        ("units", ("BAG", "many"), "units!B", "is not a conversion"),
        ("units", ("BAG", "12 BAG"), "units!B", "cannot be counted in itself"),
        ("discount", ("friend", "lots"), "discount!B", "is no percent"),
        ("item", ("X-1", "x" * 201), "item!B", "empty, too long"),
        ("item", (None, "CUP-4"), "item!A", "no key"),
        ("item", ("X" * 201, "CUP-4"), "item!A", "longer than 200"),
        ("item", ("X-1", "CUP-4", "soon"), "item!C", "no day from 2000-01-01"),
        ("item", ("X-1", "CUP-4", "1999-12-31"), "item!C", "no day from 2000-01-01"),
        ("item", ("TEA-1", "CUP-4"), "item!B", "“TEA-1” stands in item!B"),
        ("item", ("X-1", "=1+1"), "item!B", "formula without a result"),
    ],
)
def test_what_is_wrong_is_told_by_its_cell(
    shop: Shop, sheet: str, cells: tuple[str | None, ...], cell: str, words: str
) -> None:
    found = compared(shop, changed(download(shop), lambda book: book[sheet].append(cells)))
    [wrong] = found.wrong
    assert wrong.cell.startswith(cell)
    assert words in wrong.words
    assert found.changes == ()


def test_a_sheet_that_is_no_table_or_has_no_columns_is_told(shop: Shop) -> None:
    def change(book: Sheets) -> None:
        book.create_sheet("notes").append(["Key", "Value"])
        book["item"].cell(1, 1).value = "Code"

    words = {one.cell: one.words for one in compared(shop, changed(download(shop), change)).wrong}
    assert "There is no table notes" in words["notes!A1"]
    assert "no columns Key and Value" in words["item!A1"]


def test_an_entry_that_records_used_is_not_removed(shop: Shop) -> None:
    def change(book: Sheets) -> None:
        item = book["item"]
        item.cell(at(item, "TEA-1"), 2).value = None

    found = compared(shop, changed(download(shop), change))
    assert found.changes == ()
    assert "You cannot remove the item “TEA-1”, because" in found.wrong[0].words


def test_a_deleted_row_changes_nothing_and_is_counted(shop: Shop) -> None:
    found = compared(shop, changed(download(shop), lambda book: book["item"].delete_rows(2, 9)))
    assert (found.changes, found.wrong, found.not_in_file) == ((), (), 2)


def test_what_somebody_else_changed_after_the_download_stays_and_is_shown(shop: Shop) -> None:
    def change(book: Sheets) -> None:
        debtor, item = book["debtor"], book["item"]
        debtor.cell(at(debtor, "C-78"), 2).value = "Boon Trading"
        item.cell(at(item, "AB-100"), 2).value = "CUP-4"

    raw = changed(download(shop), change)
    for value in ("Boon and Co", "Boon Partners"):
        assert isinstance(fix(shop, "debtor", "C-78", value, who="adam"), Fixed)
    assert isinstance(fix(shop, "debtor", "C-77", "Aisyah R", who="adam"), Fixed)
    found = compared(shop, raw)
    assert told(found) == [("new", "item", "AB-100", "", "CUP-4")]  # C-77 was left as downloaded
    [one] = found.meanwhile
    assert (one.was, one.change.before, one.change.value) == (
        "Boon & Co",
        "Boon Partners",
        "Boon Trading",
    )
    assert one.by == "Adam"


def test_what_changes_between_preview_and_confirm_is_refused_with_the_difference(
    shop: Shop,
) -> None:
    def change(book: Sheets) -> None:
        debtor, item = book["debtor"], book["item"]
        debtor.cell(at(debtor, "C-78"), 2).value = "Boon Trading"
        item.cell(at(item, "AB-100"), 2).value = "CUP-4"

    found = compared(shop, changed(download(shop), change))
    assert isinstance(fix(shop, "debtor", "C-78", "Boon Partners", who="adam"), Fixed)
    before = entries(shop)
    refused = save(shop, found)
    assert isinstance(refused, Refusal)
    assert refused.status == 409
    words = "had Boon & Co, Adam set it to Boon Partners, and the file has Boon Trading"
    assert words in refused.message
    assert entries(shop) == before
    refused = save(shop, found, rev=rev(shop))  # a form that says it had seen that
    assert isinstance(refused, Refusal)
    assert refused.status == 409


def test_other_records_than_shown_are_refused(shop: Shop) -> None:
    change = changed(download(shop), lambda book: book["item"].append(["OLD-1", "CUP-4"]))
    refused = save(shop, compared(shop, change), ready=7)
    assert isinstance(refused, Refusal)
    assert "0 records would become ready, not 7" in refused.message


def test_it_is_all_or_nothing(shop: Shop) -> None:
    found = compared(shop, changed(download(shop), lambda book: book["item"].append(["O", "CUP"])))
    unread = Change("units", "BAG", found.changes[0].since, "", "many")
    before = entries(shop)
    both = WorkbookChanges((*found.changes, unread), (), (), 0, 0, 0, found.rev, known=True)
    refused = save(shop, both)
    assert isinstance(refused, Refusal)
    assert refused.code == "unit.value"
    assert entries(shop) == before


def test_who_may_not_change_mappings_saves_nothing(shop: Shop) -> None:
    raw = changed(download(shop), lambda book: book["item"].append(["OLD-1", "CUP-4"]))
    refused = save(shop, compared(shop, raw), who="vera")
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    shown = compared(shop, raw, "vera")
    assert shown.changes == ()
    assert refused.message in shown.wrong[0].words


def test_the_same_click_saves_once(shop: Shop) -> None:
    raw = changed(download(shop), lambda book: book["item"].append(["OLD-1", "CUP-4"]))
    found = compared(shop, raw)
    first = save(shop, found, ready=0, op="one")
    before = entries(shop)
    assert save(shop, found, ready=0, op="one") == first
    assert entries(shop) == before


def test_so_many_are_saved_together_and_the_rest_is_counted(shop: Shop) -> None:
    def change(book: Sheets) -> None:
        for no in range(AT_ONCE + 3):
            book["item"].append([f"N-{no:04}", "CUP-4"])

    found = compared(shop, changed(download(shop), change))
    assert (len(found.changes), found.more) == (AT_ONCE, 3)
    too_many = WorkbookChanges(found.changes * 2, (), (), 0, 0, 0, found.rev, known=True)
    refused = save(shop, too_many, ready=0)
    assert isinstance(refused, Refusal)
    assert refused.code == "mapping.many"


def test_a_workbook_of_another_company_is_refused_and_one_without_a_date_is_told(
    shop: Shop,
) -> None:
    def of_another(book: Sheets) -> None:
        book["About"].cell(1, 2).value = "other"

    with shop.database.read() as session:
        raw = changed(download(shop), of_another)
        refused = compare(session, shop.actor("farah"), read(shop, raw))
    assert isinstance(refused, Refusal)
    assert "of other, not of" in refused.message
    bare = compared(shop, changed(download(shop), lambda book: book.remove(book["About"])))
    assert (bare.known, bare.changes, bare.meanwhile) == (False, (), ())


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("m.xlsx", b"", "empty"),
        ("m.csv", b"Key,Value\n", "not an .xlsx"),
        ("m.xlsx", b"PK nonsense", "not an .xlsx"),
    ],
)
def test_what_is_no_workbook_is_refused(name: str, raw: bytes, words: str) -> None:
    refused = read_workbook(name, raw, ["item"])
    assert isinstance(refused, Refusal)
    assert words in refused.message


def test_each_table_has_a_sheet_of_its_own() -> None:
    names = sheet_names(["a" * 40, "a" * 41, "About", "about_", "x/y"])
    assert len({name.casefold() for name in names.values()}) == 5
    assert all(len(name) <= 31 for name in names.values())
    assert names["About"] == "About~2"
    assert names["x/y"] == "x_y"


def test_a_key_that_begins_as_a_formula_does_comes_back_as_text(shop: Shop) -> None:
    for key in ("=1+1", "@SUM(A1)", " C 1 "):
        assert isinstance(fix(shop, "item", key, "CUP-4"), Fixed)
    raw = download(shop)
    item = openpyxl.load_workbook(io.BytesIO(raw))["item"]
    row = at(item, "=1+1")
    assert item.cell(row, 1).data_type != "f"
    assert item.cell(row, 1).quotePrefix
    found = compared(shop, changed(raw, lambda book: None))
    assert (found.changes, found.wrong, found.not_in_file) == ((), (), 0)
