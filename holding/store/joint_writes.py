# ruff: noqa: S608 - the texts are made of names of our own tables and columns
"""Rows of several tables in one statement, and the ids of rows that are yet to be written.

Here: collecting inserts and updates whose rows travel as in bulk.py, and writing them at once. Not
here: what is written; a write whose answer decides about the next.

PostgreSQL writes them as parts of one WITH. SQLite has no such statement: there it is an insert
into a view of the connection's own, which a trigger carries out table by table. On neither does a
part see what another writes, and none returns anything: ids are known before (`next_id`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    LargeBinary,
    Table,
    TextClause,
    literal_column,
    text,
)
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from holding.store.bulk import Rows, kind_of, rows_text
from holding.tables import Base
from holding.tables.columns import table_of, words
from rules.values.canonical import sha256_hex

Words = tuple[tuple[str, tuple[str, ...]], ...]
"""Columns, each with the words of ours that it may have."""
MOVED = "moved under our lock"


@dataclass(frozen=True, slots=True)
class _Part:
    """What is written to one table; an insert where no keys are named. See JointWrites.update."""

    table: Table
    columns: tuple[str, ...]
    keys: tuple[str, ...] = ()
    still: Words = ()
    bump: str | None = None
    every: bool = False

    def said(self, source: str, reads: Sequence[str]) -> str:
        """The statement: `source` has a row for each, `reads` says each column."""
        mine = f'"{self.table.name}"'
        names = ", ".join(f'"{name}"' for name in self.columns)
        told = ", ".join(
            f'{read} AS "{name}"' for name, read in zip(self.columns, reads, strict=True)
        )
        rows = f"SELECT {told} FROM {source}"
        if not self.keys:
            return f"INSERT INTO {mine} ({names}) {rows}"
        sets = [f'"{name}" = v."{name}"' for name in self.columns if name not in self.keys]
        if self.bump:
            sets.append(f'"{self.bump}" = {mine}."{self.bump}" + 1')
        terms = [f'{mine}."{name}" = v."{name}"' for name in self.keys]
        terms += [f'{mine}."{name}" IN {words(sorted(known))}' for name, known in self.still]
        return f"UPDATE {mine} SET {', '.join(sets)} FROM ({rows}) AS v WHERE {' AND '.join(terms)}"

    @property
    def in_bytes(self) -> frozenset[str]:
        """The columns whose values travel encoded."""
        return frozenset(
            name for name in self.columns if isinstance(self.table.c[name].type, LargeBinary)
        )


class JointWrites:
    """Writes of one transaction that are made by one statement, in the order they were added.

    No row is written by two of them. `write` comes before anything that has to see their rows.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._parts: list[_Part] = []
        self._rows: list[str] = []

    def insert(self, model: type[Base], rows: Rows) -> None:
        """Add rows, all with the same keys."""
        self._add(table_of(model), rows)

    def update(
        self,
        model: type[Base],
        rows: Rows,
        *,
        keys: tuple[str, ...] = ("id",),
        still: Words = (),
        bump: str | None = None,
        every: bool = False,
    ) -> None:
        """Set the other columns of the rows that have these keys and, in each column named in
        `still`, one of its words; `bump` names a column that goes up by 1. With `every`, one that
        is not found is a fault of ours, and `write` raises.
        """
        self._add(table_of(model), rows, keys=keys, still=still, bump=bump, every=every)

    def _add(self, table: Table, rows: Rows, **how: Any) -> None:
        if rows:
            self._parts.append(_Part(table, tuple(rows[0]), **how))
            self._rows.append(rows_text(table, rows))

    def write(self) -> None:
        """Write what was added since the last time; RuntimeError where a row moved."""
        parts, given = tuple(self._parts), {f"rows{at}": one for at, one in enumerate(self._rows)}
        self._parts, self._rows = [], []
        if not parts:
            return
        if self._session.get_bind().dialect.name == "sqlite":
            _write_through_a_view(self._session, parts, given)
            return
        statement, counted = _one_with(parts)
        found = self._session.execute(statement, given).one()
        for at, count in zip(counted, found, strict=False):
            if count:
                raise RuntimeError(f"a {parts[at].table.name} {MOVED}")


@cache
def _one_with(parts: tuple[_Part, ...]) -> tuple[TextClause, tuple[int, ...]]:
    """The one statement, and of which parts it says how many rows were not found."""
    told = []
    for at, part in enumerate(parts):
        kinds = ", ".join(f'"{name}" {kind_of(part.table, name)}' for name in part.columns)
        reads = [
            f"decode(\"{name}\", 'base64')" if name in part.in_bytes else f'"{name}"'
            for name in part.columns
        ]
        given = f"jsonb_to_recordset(CAST(:rows{at} AS jsonb)) AS r({kinds})"
        told.append(f"w{at} AS ({part.said(given, reads)} RETURNING 1)")
    counted = tuple(at for at, part in enumerate(parts) if part.every)
    counts = [
        f"jsonb_array_length(CAST(:rows{at} AS jsonb)) - (SELECT count(*) FROM w{at})"
        for at in counted
    ]
    return text(f"WITH {', '.join(told)} SELECT {', '.join(counts) or '0'}"), counted


def _write_through_a_view(
    session: Session, parts: tuple[_Part, ...], given: dict[str, str]
) -> None:
    insert, *made = _view(parts)
    try:
        try:
            session.execute(insert, given)
        except OperationalError as missing:  # the first time on this connection, or it rolled back
            if "no such table" not in str(missing.orig):
                raise
            for one in made:
                session.execute(one)
            session.execute(insert, given)
    except IntegrityError as refused:
        if MOVED in str(refused.orig):
            raise RuntimeError(str(refused.orig)) from refused
        raise


@cache
def _view(parts: tuple[_Part, ...]) -> tuple[TextClause, TextClause, TextClause]:
    """The insert, and the temporary view and its trigger that it goes through."""
    steps = []
    for at, part in enumerate(parts):
        cells = {name: f"json_extract(value, '$.{name}')" for name in part.columns}
        cells |= {name: f"from_base64({cells[name]})" for name in part.in_bytes}
        steps.append(part.said(f"json_each(NEW.rows{at})", [cells[name] for name in part.columns]))
        if part.every:
            said = f"'a {part.table.name} {MOVED}'"
            lost = f"changes() <> json_array_length(NEW.rows{at})"
            steps.append(f"SELECT RAISE(ABORT, {said}) WHERE {lost}")
    names = [f"rows{at}" for at in range(len(parts))]
    body = "; ".join(steps)
    called = f'"joint_{sha256_hex(body)[:16]}"'
    columns = ", ".join(f"NULL AS {name}" for name in names)
    values = ", ".join(f":{name}" for name in names)
    return (
        text(f"INSERT INTO {called} ({', '.join(names)}) VALUES ({values})"),
        text(f"CREATE TEMP VIEW {called} AS SELECT {columns}"),
        text(f"CREATE TEMP TRIGGER {called} INSTEAD OF INSERT ON {called} BEGIN {body}; END"),
    )


class _NextId(FunctionElement[int]):
    """The id of a row of a table, another for each row of the select."""

    type = BigInteger()
    inherit_cache = True
    name = "next_id"


class _OneNextId(_NextId):
    """The same id for all rows of the select."""

    inherit_cache = True
    name = "one_next_id"


def next_id(model: type[Base], *, once: bool = False) -> FunctionElement[int]:
    """In a select: the id of a row that is about to be written, another for each row found, or with
    `once` the same for all. Who asks in SQLite has locked the whole file.
    """
    named: ColumnClause[str] = literal_column(f"'{table_of(model).name}'")
    return _OneNextId(named) if once else _NextId(named)


@compiles(_NextId)
def _next_id(element: _NextId, compiler: SQLCompiler, **options: Any) -> str:
    named: str = compiler.process(element.clauses, **options)
    once = isinstance(element, _OneNextId)
    if compiler.dialect.name == "sqlite":
        last = f"(SELECT coalesce(max(id), 0) FROM {named.strip(chr(39))})"
        return f"({last} + 1)" if once else f"({last} + row_number() OVER ())"
    drawn = f"nextval(pg_get_serial_sequence({named}, 'id'))"
    return f"(SELECT {drawn})" if once else drawn
