"""What a page says of one try: a look-up that was answered is not "no answer"."""

from datetime import UTC, datetime

import pytest

from holding.queries.pushes import AttemptRow

AT = datetime(2026, 11, 20, 9, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [(201, b"{}", "201"), (None, b'{"data": []}', "answered"), (None, None, "no answer")],
)
def test_an_answer_without_a_status_is_an_answer(
    status: int | None, answer: bytes | None, told: str
) -> None:
    row = AttemptRow(
        id=1,
        push_id=1,
        no=2,
        state="equal",
        error_class=None,
        error=None,
        target_ref=None,
        at=AT,
        request_id=1,
        kind="lookup",
        made_at=AT,
        answered_at=AT,
        status=status,
        headers={},
        sha256="",
        answer=answer,
        row=None,
        has_body=False,
    )
    assert row.http == told
