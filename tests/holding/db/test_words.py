"""Counting in words."""

import pytest

from holding.db.refusal import plural


@pytest.mark.parametrize(
    ("count", "words", "told"),
    [
        (1, ("record",), "1 record"),
        (0, ("record",), "0 records"),
        (1234, ("record",), "1,234 records"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("record is", "records are"), "1 record is"),
    ],
)
def test_one_is_no_plural(count: int, words: tuple[str, ...], told: str) -> None:
    assert plural(count, *words) == told
