"""What an event seals of the rows that it tells of: the hash of their content.

Here: which columns are the content of a row, and their hash; events carry it in their own insert.
Not here: comparing what stands with what was sealed (holding/integrity/contents.py).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from holding.tables.columns import moment_text
from rules.values.canonical import dumps, sha256_hex

SEALED: Final = "sealed"
"""The hash of the posting, push or approval that an event tells of."""
REQUEST: Final = "request"
"""The hash of the bytes that are about to be sent."""
CALL: Final = "call"
"""A call that was answered: the id of its request, the hashes of what was sent and answered."""

SealedCall = tuple[int, str, str]

PUSH: Final = (
    "posting_id",
    "no",
    "connection_id",
    "action",
    "hash",
    "number",
    "key",
    "content",
    "evaluation_id",
)
APPROVAL: Final = (
    "posting_id",
    "hash",
    "content",
    "level",
    "person_id",
    "for_person_id",
    "reason",
    "at",
    "operation_id",
)


def seal(columns: tuple[str, ...], row: Mapping[str, Any]) -> str:
    """The hash of these columns of a row, whether it comes from the database or goes there."""
    return sha256_hex(dumps(sealed_row(columns, row)))


def sealed_row(columns: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row is sealed, as plain JSON: the hash is that of its canonical text."""
    return {name: _plain(row[name]) for name in columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    return value.isoformat() if isinstance(value, date) else value
