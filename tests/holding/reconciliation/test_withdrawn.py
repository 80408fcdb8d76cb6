"""What was in a withdrawn file goes again only when a person has it retried."""

from datetime import timedelta

import pytest

from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal
from holding.holds import retries
from holding.holds.holds import Done
from holding.reconciliation.open_files import Outcome
from tests.holding.operations.test_contents import edited, said, said_in
from tests.holding.reconciliation.desktop import Desktop, rules

OFTEN = """
retry autocount_excel
    | error                          | do                                          |
    | temporary                      | try 2 times from 60s then hold for accounts |
    | uncertain                      | look up first                               |
    | business_rule                  | try 3 times from 60s then hold for accounts |
    | authorization_failed           | hold for accounts                           |
    | duplicate, stale_version       | hold for accounts                           |
    | period_locked, bad_value       | hold for accounts                           |
    | missing_field, mapping_missing | hold for accounts                           |
"""


def _often() -> dict[str, str]:
    files = rules()
    return files | {"shop.rules": files["shop.rules"] + OFTEN}


def _withdrawn(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.download(file)
    desk.withdraw(file)


def _try_again(desk: Desktop) -> Done | Refusal:
    with desk.shop.database.write() as session:
        (hold,) = desk.shop.holds(session, "A-1")
        told = retries.retry(session, desk.shop.actor("tan"), hold.id, desk.shop.now)
    desk.work()
    return told


def test_its_hold_says_that_the_file_was_withdrawn(desk: Desktop) -> None:
    _withdrawn(desk)
    with desk.shop.database.read() as session:
        (hold,) = desk.shop.holds(session, "A-1")
    assert (hold.code, hold.error_class) == ("TGT09", "business_rule")
    assert "never imported" in hold.message
    assert hold.would_pass == "a person retries it; it is then put in another file"


def test_other_rules_do_not_send_it(desk: Desktop) -> None:
    _withdrawn(desk)
    desk.shop.clock.advance(60)
    desk.shop.publish(_often())
    desk.work()
    assert len(desk.files) == 1
    assert desk.posting_states() == {"A-1": "failed"}
    assert desk.held("A-1") == ["TGT09"]


def test_an_edit_of_its_record_does_not_send_it(desk: Desktop) -> None:
    _withdrawn(desk)
    desk.arrive("A-1", total="96.00", lines=[_line()])
    assert len(desk.files) == 1
    assert desk.posting_states() == {"A-1": "failed"}
    assert desk.held("A-1") == ["TGT09"]


def test_the_retry_table_does_not_send_it(desk: Desktop) -> None:
    desk.shop.publish(_often())
    _withdrawn(desk)
    for _ in range(4):
        desk.shop.clock.advance(timedelta(hours=1).total_seconds())
        desk.work()
    assert len(desk.files) == 1
    assert desk.posting_states() == {"A-1": "failed"}


@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "edited"])
def test_a_person_has_it_sent_in_another_file(desk: Desktop, *, edited: bool) -> None:
    _withdrawn(desk)
    if edited:
        desk.arrive("A-1", total="96.00", lines=[_line()])
    told = _try_again(desk)
    assert isinstance(told, Done), told
    first, second = desk.files
    assert first.state is ImportFileState.WITHDRAWN
    assert second.totals == {"MYR": 9600 if edited else 19200}
    assert not desk.held("A-1")
    rows = desk.imports(desk.download(second))
    assert [row["state"] for row in rows] == ["New"]
    assert desk.compare(second) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted"}


def test_each_file_is_a_cause_of_its_own(desk: Desktop) -> None:
    """So a person may try the same content again after each file that is withdrawn."""
    _withdrawn(desk)
    assert isinstance(_try_again(desk), Done)
    desk.shop.clock.advance(60)
    desk.withdraw(desk.files[1])
    assert desk.held("A-1") == ["TGT09"]
    assert isinstance(_try_again(desk), Done)
    assert len(desk.files) == 3


def test_a_file_whose_outcome_was_entered_is_not_withdrawn(desk: Desktop) -> None:
    """It was imported: only the listing tells what of it exists there."""
    desk.at_once("A-1")
    (file,) = desk.files
    desk.imports(desk.download(file))
    new = Outcome(new=1, update=0, error=0, updated=frozenset(), errors={})
    assert desk.tell(file, new) is ImportFileState.IMPORTED
    refused = desk.withdraw(file)
    assert isinstance(refused, Refusal)
    assert "its outcome was entered already" in refused.message
    assert "Compare the listing" in refused.hint
    assert desk.posting_states() == {"A-1": "awaiting"}
    assert desk.compare(file) is ImportFileState.RECONCILED


def _line() -> dict[str, object]:
    return {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "96.00"}


@pytest.mark.slow
def test_T30e_what_was_told_of_a_file_is_sealed(desk: Desktop) -> None:
    """Each act seals the file anew; what SQL makes of it afterwards is named."""
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    assert said(desk) == []
    desk.tell(file, desk.outcome(rows))
    assert said(desk) == []
    desk.compare(file)
    assert said(desk) == []
    for change in ("verdicts = '{}'", "state = 'withdrawn'", "note = 'x'", "imported_by_id = 1"):
        with edited(desk.shop.database, f"UPDATE import_file SET {change}") as session:
            (one,) = said_in(session, desk)
        assert one.startswith(f"Table import_file, row {file.id}: its content is not what event ")
