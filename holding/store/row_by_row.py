# ruff: noqa: S608 - the texts are made of names of our own tables and columns
"""Many rows one after the other through one statement that stands ready: SQLite alone.

Here: inserting rows whose values are texts and numbers already. Not here: which rows those are, how
values become texts, PostgreSQL (bulk.py); updates, which are no quicker so.

SQLite runs inside this process, so a row costs no way to a server; taking it out of a JSON text,
column by column, costs ten times what giving its values does.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Table
from sqlalchemy.orm import Session

FEWEST = 8
"""Fewer rows are quicker in one statement with them all."""
Told = Sequence[Mapping[str, Any]]
"""Rows whose values the driver takes as they are, all with the same columns."""


def insert(
    session: Session,
    table: Table,
    rows: Told,
    *,
    returning: tuple[str, ...] = (),
    ignore: bool = False,
) -> list[tuple[Any, ...]]:
    """Insert rows, two or more columns each; of those that were written these columns, `id` among
    the table's. Who writes has locked the whole file, so that rows behind its last are ours.
    """
    connection = session.connection()
    columns = tuple(rows[0])
    into, last, behind = _insert_texts(table, columns, returning, ignore)
    before = connection.exec_driver_sql(last).scalar_one() if returning else 0
    connection.exec_driver_sql(into, list(map(itemgetter(*columns), rows)))
    if not returning:
        return []
    return [tuple(row) for row in connection.exec_driver_sql(behind, (before,))]


@cache
def _insert_texts(
    table: Table, columns: tuple[str, ...], returning: tuple[str, ...], ignore: bool
) -> tuple[str, str, str]:
    """The insert, what the last id is, and the question for what is behind it."""
    mine = f'"{table.name}"'
    names, marks = _listed(columns), ", ".join("?" * len(columns))
    into = f"INSERT INTO {mine} ({names}) VALUES ({marks})"
    return (
        f"{into} ON CONFLICT DO NOTHING" if ignore else into,
        f"SELECT coalesce(max(id), 0) FROM {mine}",
        f"SELECT {_listed(returning)} FROM {mine} WHERE id > ? ORDER BY id",
    )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
