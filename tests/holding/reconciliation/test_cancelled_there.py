"""A document that AutoCount lists as cancelled is in no sum of the books: it is not posted."""

import io
from datetime import date

import openpyxl
import pytest

from connectors import registry
from connectors.contract import SourceRefusal
from connectors.contract.pulls import ImportedByHand
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal
from holding.reconciliation import listings
from tests.holding.reconciliation.desktop import Desktop

HEAD = ["Doc No", "Doc Date", "Debtor Code", "Net Total"]
ROW = ["A-1", date(2026, 11, 18), "300-W001", 192]


def _listing(*rows: list[object], head: str | None = "Cancelled") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([*HEAD, *([head] if head else [])])
    for row in rows:
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _compare(desk: Desktop, raw: bytes) -> ImportFileState | Refusal:
    target = registry.targets()["autocount_excel"]
    assert isinstance(target, ImportedByHand)
    listed = target.listed(raw)
    assert not isinstance(listed, SourceRefusal), listed
    with desk.shop.database.write() as session:
        told = listings.compare_listing(
            session, desk.siti, desk.shop.company.id, desk.files[0].id, listed, desk.shop.now
        )
    desk.work()
    return told


def _imported(desk: Desktop) -> None:
    desk.at_once("A-1")
    desk.imports(desk.download(desk.files[0]))


@pytest.mark.parametrize("word", ["T", "Yes", "true", True, "Cancelled", 1])
@pytest.mark.parametrize("head", ["Cancelled", "Canceled", "Void"])
@pytest.mark.sqlite
def test_what_is_cancelled_there_is_a_conflict(desk: Desktop, head: str, word: object) -> None:
    _imported(desk)
    assert _compare(desk, _listing([*ROW, word], head=head)) is ImportFileState.MISMATCH
    assert desk.posting_states() == {"A-1": "failed"}
    with desk.shop.database.read() as session:
        (hold,) = desk.shop.holds(session, "A-1")
    assert (hold.code, hold.error_class) == ("TGT02", "business_rule")
    assert hold.message.startswith("In AutoCount it is cancelled: ")


@pytest.mark.parametrize("word", ["F", "No", "", None, False, 0])
@pytest.mark.sqlite
def test_what_is_not_cancelled_is_posted(desk: Desktop, word: object) -> None:
    _imported(desk)
    assert _compare(desk, _listing([*ROW, word])) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted"}


@pytest.mark.sqlite
def test_a_listing_without_that_column_is_compared_as_before(desk: Desktop) -> None:
    _imported(desk)
    assert _compare(desk, _listing(ROW, head=None)) is ImportFileState.RECONCILED
