"""What was told as Error or withdrawn, and stands in AutoCount all the same, is found out."""

from typing import Any

import pytest

from holding.db.models import Hold, ImportFile
from holding.db.models.columns import ImportFileState
from holding.holds.holds import Done
from holding.operations.invariants import check
from holding.reconciliation import manual_entries
from holding.reconciliation.open_files import Outcome
from tests.holding.reconciliation.desktop import Desktop, rules


def _told_wrong(desk: Desktop, *numbers: str) -> ImportFile:
    """All rows are imported; the person names the first as Error."""
    desk.at_once(*numbers)
    (file,) = desk.files
    desk.imports(desk.download(file))
    none: frozenset[int] = frozenset()
    told = Outcome(
        new=len(numbers) - 1, update=0, error=1, updated=none, errors={2: "Debtor not found"}
    )
    desk.tell(file, told)
    assert desk.posting_states()["A-1"] == "failed"
    assert desk.held("A-1") == ["TGT01"]
    return file


def _hold(desk: Desktop) -> Hold:
    with desk.shop.database.read() as session:
        (hold,) = desk.shop.holds(session, "A-1")
    return hold


@pytest.mark.slow
def test_what_was_told_as_error_and_is_listed_is_a_mismatch(desk: Desktop) -> None:
    file = _told_wrong(desk, "A-1", "A-2")
    assert desk.compare(file) is ImportFileState.MISMATCH
    (file,) = desk.files
    assert file.note == "1 document was told as Error and stands in the listing: A-1"
    hold = _hold(desk)
    assert (hold.code, hold.error_class) == ("TGT02", "duplicate")
    assert "It was told as Error, and stands in row 3 of AutoCount's listing" in hold.message
    assert desk.posting_states() == {"A-1": "failed", "A-2": "posted"}
    assert file.verdicts["A-1"]["became"] == "differs"
    with desk.shop.database.read() as session:
        assert desk.shop.posting(session, "A-1").sent_at is not None
    _is_sound(desk)


@pytest.mark.slow
def test_a_file_told_as_error_altogether_still_takes_a_listing(desk: Desktop) -> None:
    file = _told_wrong(desk, "A-1")
    assert desk.files[0].state is ImportFileState.RECONCILED
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.held("A-1") == ["TGT02"]
    assert desk.compare(file) is ImportFileState.MISMATCH  # told once
    assert desk.held("A-1") == ["TGT02"]
    assert len(desk.told("posting.contradicted")) == 1


def test_what_was_withdrawn_and_is_listed_is_a_mismatch(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.imports(desk.download(file))
    desk.withdraw(file)
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.files[0].note == "1 document was withdrawn and stands in the listing: A-1"
    assert _hold(desk).code == "TGT02"
    assert "It was withdrawn, and stands in row 3" in _hold(desk).message


def test_a_withdrawn_file_of_which_nothing_is_listed_stays_so(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.download(file)
    desk.withdraw(file)
    assert desk.compare(file) is ImportFileState.WITHDRAWN
    assert desk.held("A-1") == ["TGT09"]


def test_what_was_refused_and_is_not_listed_stays_reconciled(desk: Desktop) -> None:
    desk.at_once("A-1")
    desk.sim.control("lock", through="2026-11-30")
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    desk.tell(file, desk.outcome(rows))
    ended = desk.files[0].ended_at
    desk.shop.clock.advance(60)
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert desk.held("A-1") == ["TGT01"]
    assert desk.files[0].ended_at == ended


@pytest.mark.parametrize("how", ["edited", "cancelled", "new rules"])
def test_it_waits_for_a_person_whatever_changes(desk: Desktop, how: str) -> None:
    file = _told_wrong(desk, "A-1")
    desk.compare(file)
    desk.shop.clock.advance(60)
    if how == "new rules":
        files = rules()
        desk.shop.publish(files | {"shop.rules": files["shop.rules"] + "\n"})
        desk.work()
    else:
        changes: dict[str, Any] = {"edited": {"created_by": "x"}, "cancelled": _CANCELLED}[how]
        desk.arrive("A-1", **changes)
    assert desk.held("A-1") == ["TGT02"]
    assert len(desk.files) == 1


def test_a_cancelled_order_that_stands_there_is_held(desk: Desktop) -> None:
    file = _told_wrong(desk, "A-1")
    desk.arrive("A-1", **_CANCELLED)
    assert not desk.held("A-1")
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.held("A-1") == ["TGT02"]
    desk.work()
    assert desk.held("A-1") == ["TGT02"]


def test_a_person_links_it(desk: Desktop) -> None:
    file = _told_wrong(desk, "A-1")
    desk.compare(file)
    with desk.shop.database.write() as session:
        (hold,) = desk.shop.holds(session, "A-1")
        told = manual_entries.link_document(
            session, desk.shop.actor("tan"), hold.id, "A-1", "It is ours there", desk.shop.now
        )
    assert isinstance(told, Done), told
    desk.work()
    assert desk.posting_states() == {"A-1": "posted"}
    assert not desk.held("A-1")
    assert len(desk.files) == 1
    _is_sound(desk)


@pytest.mark.slow
def test_what_another_file_brought_there_is_no_contradiction(desk: Desktop) -> None:
    desk.at_once("A-1")
    desk.sim.control("lock", through="2026-11-30")
    (first,) = desk.files
    rows = desk.imports(desk.download(first))
    desk.tell(first, desk.outcome(rows))
    desk.sim.control("lock")
    desk.arrive("A-1", created_by="somebody", total="96.00", lines=[_LINE])
    _, second = desk.files
    desk.imports(desk.download(second))
    assert desk.compare(first) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "awaiting"}
    assert desk.compare(second) is ImportFileState.RECONCILED
    assert desk.compare(first) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted"}


def _is_sound(desk: Desktop) -> None:
    with desk.shop.database.read() as session:
        told = check(session, desk.shop.company.id, now=desk.shop.now, settings=desk.desk.settings)
    assert not told.breaches


_CANCELLED = {"status": "cancelled"}
_LINE = {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "96.00"}
