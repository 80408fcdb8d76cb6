"""Every column that is the content of a row is part of its seal."""

from datetime import UTC, date, datetime

import pytest

from holding.platform.events import APPROVAL, PUSH, seal_row


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (
            APPROVAL,
            "posting_id hash content level person_id for_person_id reason at operation_id",
        ),
        (PUSH, "posting_id no connection_id action hash number key content evaluation_id"),
    ],
    ids=["approval", "push"],
)
def test_each_column_changes_the_seal(columns: tuple[str, ...], names: str) -> None:
    row: dict[str, object] = dict.fromkeys(names.split(), "as given")
    given = seal_row(columns, row)
    assert [name for name in row if seal_row(columns, {**row, name: "another"}) == given] == []


def test_a_moment_and_a_day_are_sealed_as_their_text() -> None:
    moment, day = datetime(2026, 11, 20, 1, tzinfo=UTC), date(2026, 11, 20)
    assert seal_row(("at",), {"at": day}) == seal_row(("at",), {"at": "2026-11-20"})
    assert seal_row(("at",), {"at": moment}) != seal_row(("at",), {"at": moment.replace(hour=2)})
