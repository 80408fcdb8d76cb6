"""What rows of lists say of their state, for pages that only ask them."""

from dataclasses import fields
from typing import Any, TypeVar

import pytest

from holding.db.models.columns import HoldState, PostingWait, PushState
from holding.records.record_rows import PostingRow
from holding.runs.run_history import PushLine
from holding.worklist.ageing import LateRow
from holding.worklist.open_holds import ClosedHold
from rules.values.canonical import PostingState

T = TypeVar("T")
P = PostingState


def row(kind: type[T], **given: Any) -> T:
    """A row of which only this matters."""
    names: Any = fields(kind)  # type: ignore[arg-type]
    return kind(**dict.fromkeys((one.name for one in names), None) | given)


@pytest.mark.parametrize(
    ("state", "error_class", "failure"),
    [
        (PushState.UNCERTAIN, None, "uncertain"),
        (PushState.UNCERTAIN, "temporary", "temporary"),
        (PushState.REFUSED, "bad_value", "bad_value"),
        (PushState.SENDING, None, None),
    ],
)
def test_a_push_says_what_is_wrong_with_it(
    state: PushState, error_class: str | None, failure: str | None
) -> None:
    assert row(PushLine, state=state, error_class=error_class).failure == failure


def test_only_a_released_change_after_posting_is_accepted() -> None:
    def accepted(state: HoldState, error_class: str) -> bool:
        return row(ClosedHold, state=state, error_class=error_class).accepted

    assert accepted(HoldState.RELEASED, "stale_version")
    assert not accepted(HoldState.CLEARED, "stale_version")
    assert not accepted(HoldState.RELEASED, "duplicate")


def test_a_late_document_waits_to_be_sent_or_decided_or_for_an_answer() -> None:
    waits = {state: row(LateRow, state=state) for state in PostingState}
    assert [state for state, one in waits.items() if one.ready] == [P.READY]
    anew = {state for state, one in waits.items() if one.decided_anew}
    assert anew == {P.HELD, P.WAITING, P.FAILED}


def test_a_posting_tells_why_where_its_state_leaves_it_open() -> None:
    telling = {
        state
        for state in PostingState
        if row(PostingRow, state=state, reason="too much", waits=None).why
    }
    assert telling == {P.WAITING, P.HELD, P.IGNORED, P.DROPPED}
    waits = PostingWait.ITEM_SETUP
    assert row(PostingRow, state=P.READY, reason="until it is told", waits=waits).why
