"""Rows without an order, in any order: what a database may do any day, it does on purpose here.

`CLEARPOST_SHUFFLE=1 make tests` finds who relies on the order in which rows happen to lie. SQLite
gives them backwards, PostgreSQL at random. Only statements of this process are turned.
"""

import os
import re
from typing import Any

from sqlalchemy import Engine, event

ON = os.environ.get("CLEARPOST_SHUFFLE") == "1"
_KEPT = re.compile(r"\bORDER BY\b|\bFOR (NO KEY )?(UPDATE|SHARE)\b|\bnextval\b|pg_")
_INNER = re.compile(r"\([^()]*\)")


def shuffle() -> None:
    """From now on, for all engines of this process."""
    event.listen(Engine, "connect", _backwards)
    event.listen(Engine, "before_cursor_execute", _at_random, retval=True)


def _backwards(connection: Any, _record: object) -> None:
    if "sqlite" in type(connection).__module__:
        connection.execute("PRAGMA reverse_unordered_selects = ON")


def _at_random(
    connection: Any, _cursor: object, statement: str, parameters: object, *_rest: object
) -> tuple[str, object]:
    if connection.dialect.name == "postgresql" and _has_no_order(statement):
        statement = f"SELECT * FROM ({statement}) AS shuffled ORDER BY random()"
    return statement, parameters


def _has_no_order(statement: str) -> bool:
    if not statement.lstrip().startswith("SELECT"):
        return False
    outer, found = statement, 1
    while found:  # what stands in brackets has its own order
        outer, found = _INNER.subn("", outer)
    return not _KEPT.search(outer) and "FOR UPDATE" not in statement
