"""What differs between two contents of a document."""

from holding.worklist.approval_inbox import Change, content_changes

OLD = {"fields": {"Total": "10.00", "Note": "a"}, "lines": [{"Qty": "1"}, {"Qty": "2"}]}
NEW = {"fields": {"Total": "12.00", "Note": "a", "Term": "30"}, "lines": [{"Qty": "3"}]}


def test_fields_come_first_and_what_one_side_lacks_is_blank() -> None:
    assert content_changes(OLD, NEW) == (
        Change("Total", "10.00", "12.00"),
        Change("Term", "", "30"),
        Change("Qty, line 1", "1", "3"),
        Change("Qty, line 2", "2", ""),
    )
    assert content_changes(OLD, OLD) == ()
