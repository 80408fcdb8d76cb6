"""A report whose rows are not those of the file: their numbers name other documents than ours."""

from holding.db.models.columns import ImportFileState
from holding.reconciliation.open_files import Outcome
from tests.holding.reconciliation.desktop import Desktop

NONE: frozenset[int] = frozenset()


def _edited(desk: Desktop) -> None:
    """Somebody deletes the row of A-1 and mistypes the customer of A-3; AutoCount counts the rows
    that are left, so the one that it refuses is the third for who imports, and our fourth.
    """
    desk.at_once("A-1", "A-2", "A-3")
    (file,) = desk.files
    desk.sim.control(
        "edit_before_import",
        rows=[{"row": 2, "delete": True}, {"row": 4, "column": "DebtorCode", "value": "300-X999"}],
    )
    rows = desk.imports(desk.download(file))
    assert [(row["doc_no"], row["state"]) for row in rows] == [("A-2", "New"), ("A-3", "Error")]


def _third_in_error(new: int) -> Outcome:
    words = "Debtor code 300-X999 not found"
    return Outcome(new=new, update=0, error=1, updated=NONE, errors={3: words})


def test_no_row_of_such_a_report_says_that_a_document_was_not_taken(desk: Desktop) -> None:
    _edited(desk)
    (file,) = desk.files
    assert desk.tell(file, _third_in_error(new=1)) is ImportFileState.MISMATCH
    assert set(desk.posting_states().values()) == {"awaiting"}
    assert desk.files[0].verdicts == {}
    for number in ("A-1", "A-2", "A-3"):
        assert desk.held(number) == ["TGT08"]
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.posting_states() == {"A-1": "awaiting", "A-2": "posted", "A-3": "awaiting"}
    desk.withdraw(file)
    assert desk.posting_states() == {"A-1": "failed", "A-2": "posted", "A-3": "failed"}


def test_a_report_that_was_miscounted_is_entered_again(desk: Desktop) -> None:
    desk.at_once("A-1", "A-2", "A-3")
    (file,) = desk.files
    desk.sim.control(
        "edit_before_import", rows=[{"row": 3, "column": "DebtorCode", "value": "300-X999"}]
    )
    desk.imports(desk.download(file))
    assert desk.tell(file, _third_in_error(new=1)) is ImportFileState.MISMATCH
    assert desk.tell(file, _third_in_error(new=2)) is ImportFileState.IMPORTED
    assert desk.posting_states() == {"A-1": "awaiting", "A-2": "failed", "A-3": "awaiting"}
    assert desk.held("A-2") == ["TGT01"]
    assert not desk.held("A-1")
    assert desk.files[0].note == ""


def test_an_update_is_an_alarm_in_such_a_report_too(desk: Desktop) -> None:
    """It sends nothing again: a person looks which document was there."""
    desk.sim.control(
        "by_hand", type="invoice", number="A-2", date="2026-11-01", party="300-W001", total="5.00"
    )
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    desk.sim.control("edit_before_import", rows=[{"row": 2, "delete": True}])
    desk.imports(desk.download(file))
    update = Outcome(new=0, update=1, error=0, updated=frozenset({3}), errors={})
    assert desk.tell(file, update) is ImportFileState.MISMATCH
    assert desk.held("A-2") == ["TGT02"]
