"""A listing of which a cell cannot be read says nothing of that document: it waits on."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from connectors.contract.pulls import Listed
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal
from holding.reconciliation import listings
from tests.holding.reconciliation.desktop import Desktop

THERE = Listed(
    number="A-1", party="300-W001", date=date(2026, 11, 18), total=Decimal("192.00"), row=3
)


def _compare(desk: Desktop, seen: Listed) -> ImportFileState | Refusal:
    file = desk.files[0]
    with desk.shop.database.write() as session:
        told = listings.compare_listing(
            session, desk.siti, desk.shop.company.id, file.id, (seen,), desk.shop.now
        )
    desk.work()
    return told


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(THERE, total=None), "its total"),
        (replace(THERE, date=None), "its date"),
        (replace(THERE, date=None, total=None), "its date and its total"),
    ],
)
def test_it_waits_on_with_a_note(desk: Desktop, seen: Listed, words: str) -> None:
    desk.at_once("A-1")
    desk.imports(desk.download(desk.files[0]))
    assert _compare(desk, seen) is ImportFileState.MISMATCH
    (file,) = desk.files
    assert file.note == f"Row 3 of the listing cannot be read: {words} of A-1"
    assert desk.posting_states() == {"A-1": "awaiting"}
    assert desk.held("A-1") == ["TGT08"]
    assert _compare(desk, THERE) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted"}
    assert not desk.held("A-1")


def test_what_can_be_read_and_differs_is_told_all_the_same(desk: Desktop) -> None:
    desk.at_once("A-1")
    desk.imports(desk.download(desk.files[0]))
    seen = replace(THERE, total=None, party="300-K210")
    assert _compare(desk, seen) is ImportFileState.MISMATCH
    assert desk.held("A-1") == ["TGT02"]
    assert desk.posting_states() == {"A-1": "failed"}
