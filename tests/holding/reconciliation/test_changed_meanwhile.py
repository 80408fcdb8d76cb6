"""An order that is cancelled or edited while its document is in a file that a person carries."""

from typing import Any

import pytest

from holding.db.models import Hold
from holding.db.models.columns import ImportFileState
from holding.holds import retries
from holding.holds.holds import Done
from holding.operations.invariants import check
from holding.reconciliation import file_list
from tests.holding.reconciliation.desktop import Desktop

CANCELLED: dict[str, Any] = {"status": "cancelled"}
LESS: dict[str, Any] = {
    "total": "96.00",
    "lines": [
        {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "96.00"}
    ],
}
CHANGES = {"cancelled": CANCELLED, "edited": LESS}
VERBS = {"cancelled": "cancelled", "edited": "changed"}
NOW = {"cancelled": "RM 192.00", "edited": "RM 96.00"}
WORDS = {"cancelled": "version 2, status cancelled", "edited": "version 2, status paid"}


def _holds(desk: Desktop, number: str) -> list[Hold]:
    with desk.shop.database.read() as session:
        return list(desk.shop.holds(session, number))


def _changed(desk: Desktop) -> dict[str, str]:
    """Number of each document of the first file that was changed since -> the status it has now."""
    with desk.shop.database.read() as session:
        file = desk.files[0]
        rows = file_list.file_documents(session, desk.shop.company.id, file.id)
        return {one.number: one.news.status for one in rows if one.news}


def _is_sound(desk: Desktop) -> None:
    with desk.shop.database.read() as session:
        told = check(session, desk.shop.company.id, now=desk.shop.now, settings=desk.desk.settings)
    assert [one for one in told.breaches if one.invariant != "I11"] == []  # nobody seals here


@pytest.mark.parametrize("how", CHANGES)
def test_who_carries_the_file_is_told_at_once(desk: Desktop, how: str) -> None:
    """Downloaded or not: once it is imported, it is too late."""
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    assert _changed(desk) == {}
    desk.shop.clock.advance(60)
    desk.arrive("A-1", **CHANGES[how])
    assert desk.posting_states() == {"A-1": "awaiting", "A-2": "awaiting"}
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT08", "stale_version")
    assert hold.message == (
        f"A-1 was {VERBS[how]} in the source after {file.name} was made ({WORDS[how]}):"
        " withdraw the file if it was not imported, or tell how its import ended."
        f" RM 192.00 is in the file, and the record now comes to {NOW[how]}."
    )
    assert not _holds(desk, "A-2")
    assert _changed(desk) == {"A-1": CHANGES[how].get("status", "paid")}
    assert len(desk.files) == 1
    _is_sound(desk)


@pytest.mark.parametrize("how", CHANGES)
def test_what_was_imported_is_posted_and_then_the_rules_decide(desk: Desktop, how: str) -> None:
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    desk.shop.clock.advance(60)
    desk.arrive("A-1", **CHANGES[how])
    assert desk.held("A-1") == ["TGT08"]
    assert desk.tell(file, desk.outcome(rows)) is ImportFileState.IMPORTED
    assert not desk.held("A-1")
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted", "A-2": "posted"}
    desk.shop.clock.advance(60)
    desk.work()
    assert desk.held("A-1") == ["STL01"], "the rules have it reviewed, at once"
    assert not desk.held("A-2")
    assert _changed(desk) == {}
    assert len(desk.files) == 1
    _is_sound(desk)


def _retried(desk: Desktop, number: str) -> None:
    (hold,) = _holds(desk, number)
    assert hold.code == "TGT09"
    with desk.shop.database.write() as session:
        told = retries.retry(session, desk.shop.actor("tan"), hold.id, desk.shop.now)
    assert isinstance(told, Done), told
    desk.shop.clock.advance(60)
    desk.work()


def test_a_cancelled_order_of_a_withdrawn_file_goes_nowhere(desk: Desktop) -> None:
    """A person says once more that it was not imported; then it is over."""
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    desk.download(file)
    desk.shop.clock.advance(60)
    desk.arrive("A-1", **CANCELLED)
    desk.withdraw(file, "A-1 was cancelled")
    desk.shop.clock.advance(60)
    desk.work()
    assert desk.posting_states() == {"A-1": "failed", "A-2": "failed"}
    assert (desk.held("A-1"), desk.held("A-2")) == (["TGT09"], ["TGT09"])
    _retried(desk, "A-1")
    _retried(desk, "A-2")
    assert desk.posting_states() == {"A-1": "dropped", "A-2": "awaiting"}
    assert not desk.held("A-1")
    _, second = desk.files
    assert second.documents == 1
    _is_sound(desk)


def test_an_edited_order_of_a_withdrawn_file_goes_again_as_it_is_now(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.shop.clock.advance(60)
    desk.arrive("A-1", **LESS)
    desk.withdraw(file, "A-1 has one carton less")
    desk.shop.clock.advance(60)
    desk.work()
    _retried(desk, "A-1")
    _, second = desk.files
    assert second.totals == {"MYR": 9600}
    rows = desk.imports(desk.download(second))
    assert desk.tell(second, desk.outcome(rows)) is ImportFileState.IMPORTED
    assert desk.compare(second) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted"}
    assert not desk.held("A-1")
    _is_sound(desk)


def test_what_is_put_back_as_it_was_needs_nobody(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.shop.clock.advance(60)
    desk.arrive("A-1", **LESS)
    assert desk.held("A-1") == ["TGT08"]
    rows = desk.imports(desk.download(file))
    desk.shop.clock.advance(60)
    desk.arrive("A-1")
    desk.tell(file, desk.outcome(rows))
    assert desk.compare(file) is ImportFileState.RECONCILED
    desk.shop.clock.advance(60)
    desk.work()
    assert desk.posting_states() == {"A-1": "posted"}
    assert not desk.held("A-1")
