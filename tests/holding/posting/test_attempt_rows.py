"""What a page says of one try: whether it was answered, what was called."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holding.db.models.columns import AttemptState, PushState
from holding.posting.push_history import AttemptRow, PushRow

AT = datetime(2026, 11, 20, 9, 58, tzinfo=UTC)


def attempt(**given: Any) -> AttemptRow:
    plain: dict[str, Any] = {
        "id": 1,
        "push_id": 1,
        "no": 2,
        "state": "equal",
        "error_class": None,
        "error": None,
        "target_ref": None,
        "at": AT,
        "request_id": 1,
        "kind": "lookup",
        "key_tail": "7Qk2",
        "made_at": AT,
        "answered_at": AT,
        "status": None,
        "headers": {},
        "sha256": "",
        "answer": None,
        "row": None,
        "has_body": False,
        "body_removed_at": None,
    }
    return AttemptRow(**plain | given)


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [(201, b"{}", "201"), (None, b'{"data": []}', "answered"), (None, None, "no answer")],
)
def test_an_answer_without_a_status_is_an_answer(
    status: int | None, answer: bytes | None, told: str
) -> None:
    assert attempt(status=status, answer=answer).http == told


def test_our_own_notes_beside_the_headers_are_told_in_words() -> None:
    notes = {":method": "POST", ":path": "/v1/imports", ":batch": "run-7"}
    file = attempt(headers={**notes, "Prefer": "wait=10"})
    assert file.call == "POST /v1/imports, a file of the batch run-7"
    assert file.sent_headers == {"Prefer": "wait=10"}
    assert attempt(headers={**notes, ":batch": ""}).call == "POST /v1/imports"


@pytest.mark.parametrize(
    ("status", "answer", "answered"), [(201, b"", True), (None, b"{}", True), (None, None, False)]
)
def test_an_empty_body_is_an_answer(
    status: int | None, answer: bytes | None, answered: bool
) -> None:
    assert attempt(kind="push", status=status, answer=answer).answered is answered


def test_how_long_a_look_up_took_was_never_measured() -> None:
    assert attempt().seconds == "not recorded"
    took = attempt(kind="push", answered_at=AT + timedelta(seconds=1.25))
    assert took.seconds == "1.2\u00a0s"
    assert attempt(kind="push", answered_at=None).seconds == "no answer"


@pytest.mark.parametrize(
    ("calls", "state", "temporary"),
    [
        ([AttemptState.REFUSED, AttemptState.TEMPORARY], PushState.REFUSED, True),
        ([AttemptState.TEMPORARY, AttemptState.REFUSED], PushState.REFUSED, False),
        ([AttemptState.TEMPORARY], PushState.ACCEPTED, False),
        ([], PushState.REFUSED, False),
    ],
)
def test_the_last_call_says_whether_a_push_met_what_passes(
    calls: list[AttemptState], state: PushState, temporary: bool
) -> None:
    tried = tuple(attempt(kind="push", state=one) for one in calls)
    looked = attempt(state=AttemptState.ABSENT)
    blank: dict[str, Any] = dict.fromkeys(one.name for one in fields(PushRow))
    push = PushRow(**blank | {"state": state, "attempts": (*tried, looked)})
    assert push.temporary is temporary
