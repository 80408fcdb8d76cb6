# ruff: noqa: S608 - the texts are made of names of our own tables and columns
"""Many rows in one statement whose text never changes: the rows travel as one JSON parameter.

Here: insert, update and look-ups by a list, for both databases. Not here: what is written; bytes,
which travel encoded (joint_writes.py); many rows in SQLite, which go one by one (row_by_row.py).
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Self

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Executable,
    LargeBinary,
    Table,
    Text,
    TextClause,
    bindparam,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import BigInteger, TypeDecorator, TypeEngine

from holding.store import row_by_row
from holding.tables import Base
from holding.tables.columns import AsText, Json, Moment, moment_text, table_of
from rules.values.canonical import dumps, text_of

Rows = Sequence[Mapping[str, Any]]


class Encoded(str):
    """A value of a JSON column that is canonical text already."""

    __slots__ = ()


class _Words(TypeDecorator[Any]):
    """A list of whole numbers or texts as one parameter."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(BigInteger() if self.kind == "int" else Text()))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return text_of(list(value)) if dialect.name == "sqlite" else list(value)


class _Among(FunctionElement[bool]):
    """`column IN (list)`, the list being one parameter."""

    type = Boolean()
    inherit_cache = True
    name = "among"

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002
        """Itself: SQLAlchemy would ask SQLite for `… = 1`, and no index answers that."""
        return self


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = list(element.clauses)
    left, right = compiler.process(column, **options), compiler.process(values, **options)
    if compiler.dialect.name == "sqlite":
        return f"{left} IN (SELECT value FROM json_each({right}))"
    return f"{left} = ANY({right})"


def among(column: InstrumentedAttribute[Any], values: Collection[int] | Collection[str]) -> _Among:
    """The condition that a column's value is one of a list."""
    return _Among(column, bindparam(None, list(values), type_=_list_of(column), unique=True))


def among_given(column: InstrumentedAttribute[Any] | Column[Any], name: str) -> _Among:
    """The same in a statement that stands ready: the list is given by this name when it runs."""
    return _Among(column, bindparam(name, type_=_list_of(column)))


def _list_of(column: InstrumentedAttribute[Any] | Column[Any]) -> _Words:
    return _Words("int" if isinstance(column.type, BigInteger) else "text")


class json_rows(FunctionElement[str]):  # noqa: N801 - it stands in a select as a function does
    """Many rows in one value of another's row: a JSON list of lists as text, empty or NULL where
    there are none, in no order.
    """

    type = Text()
    inherit_cache = True
    name = "json_rows"


@compiles(json_rows)
def _json_rows(element: json_rows, compiler: SQLCompiler, **options: Any) -> str:
    cells = compiler.process(element.clauses, **options)
    if compiler.dialect.name == "sqlite":
        return f"json_group_array(json_array({cells}))"
    return f"CAST(json_agg(json_build_array({cells})) AS text)"


def insert(
    session: Session,
    model: type[Base],
    rows: Rows,
    *,
    returning: tuple[str, ...] = (),
    ignore: bool = False,
) -> list[tuple[Any, ...]]:
    """Insert rows; all have the same keys. `ignore` leaves out those that are there already."""
    if not rows:
        return []
    table = table_of(model)
    columns, dialect = tuple(rows[0]), _dialect(session)
    known = not returning or "id" in table.columns
    if dialect == "sqlite" and len(rows) >= row_by_row.FEWEST and known:
        told = _told(table, rows)
        return row_by_row.insert(session, table, told, returning=returning, ignore=ignore)
    statement = _insert_text(dialect, table, columns, returning, ignore)
    result = session.execute(statement, {"rows": rows_text(table, rows)})
    return [tuple(row) for row in result] if returning else []


def insert_once(session: Session, model: type[Base], values: Mapping[str, Any]) -> int | None:
    """Insert one row; its key, or None when a unique key says that it is there already."""
    made: int | None = session.scalar(_inserting(_dialect(session), table_of(model)), values)
    return made


@cache
def _inserting(dialect: str, table: Table) -> Executable:
    make = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return make(table).on_conflict_do_nothing().returning(*table.primary_key)


def update(
    session: Session,
    model: type[Base],
    rows: Rows,
    *,
    bump: str | None = None,
) -> None:
    """Set the given columns of the rows known by `id`; `bump` names a column that goes up by 1."""
    if not rows:
        return
    table = table_of(model)
    columns = tuple(rows[0])
    statement = _update_text(_dialect(session), table, columns, bump, ("id",))
    session.execute(statement, {"rows": rows_text(table, rows)})


def update_seen(session: Session, model: type[Base], rows: Rows, *, seen: str) -> set[int]:
    """The same for those rows alone whose column `seen` is still what is given for it, and goes up
    by 1; their ids.
    """
    if not rows:
        return set()
    table = table_of(model)
    statement = _update_text(_dialect(session), table, tuple(rows[0]), seen, ("id", seen), "id")
    return set(session.scalars(statement, {"rows": rows_text(table, rows)}))


def forget(session: Session, model: type[Base], ids: Iterable[int]) -> None:
    """Let loaded objects of these rows be read again: a bulk statement went past them."""
    gone = set(ids)
    for row in list(session.identity_map.values()):
        if isinstance(row, model) and (inspect(row).identity or (None,))[0] in gone:
            session.expire(row)


def given(session: Session, name: str, columns: Mapping[str, str]) -> str:
    """The start of a statement over rows given as `:rows`: `WITH name(columns) AS (…)`."""
    return f"WITH {_given(_dialect(session), name, tuple(columns.items()))}"


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def rows_text(table: Table, rows: Rows) -> str:
    """Rows of a table as the one parameter that carries them."""
    return text_of(_told(table, rows))


def _told(table: Table, rows: Rows) -> Rows:
    """Rows, all with the same columns, with texts and numbers for their values."""
    texts = [(name, make) for name, make in _texts(table).items() if name in rows[0]]
    cells = []
    for row in rows:
        told = {name: make(row[name]) for name, make in texts if row[name] is not None}
        cells.append({**row, **told} if told else row)
    return cells


def base64_text(value: bytes) -> str:
    """Bytes as they travel; who reads such rows has to decode them (joint_writes.py)."""
    return b64encode(value).decode()


@cache
def _texts(table: Table) -> dict[str, Callable[[Any], str]]:
    """How the values of some columns become text; those of the others travel as they are."""
    kinds: tuple[tuple[Any, Callable[[Any], str]], ...] = (
        (Json, lambda value: value if isinstance(value, Encoded) else dumps(value)),
        (Moment, moment_text),
        (AsText, str),
        (Date, date.isoformat),
        (LargeBinary, base64_text),
    )
    return {
        column.name: make
        for column in table.columns
        for kind, make in kinds
        if isinstance(column.type, kind)
    }


def kind_of(table: Table, column: str) -> str:
    """How PostgreSQL calls the type of a column in such rows."""
    kind = table.c[column].type
    if isinstance(kind, Moment):
        return "timestamptz"
    if isinstance(kind, Date):
        return "date"
    if isinstance(kind, Boolean):
        return "boolean"
    return "bigint" if isinstance(kind, BigInteger) else "text"


@cache
def _insert_text(
    dialect: str, table: Table, columns: tuple[str, ...], returning: tuple[str, ...], ignore: bool
) -> TextClause:
    names = ", ".join(f'"{c}"' for c in columns)
    kinds = tuple((c, kind_of(table, c)) for c in columns)
    statement = (
        f"WITH {_given(dialect, 'v', kinds)} "
        f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM v WHERE true'
    )
    if ignore:
        statement += " ON CONFLICT DO NOTHING"
    if returning:
        statement += " RETURNING " + ", ".join(f'"{c}"' for c in returning)
    return text(statement)


@cache
def _update_text(
    dialect: str,
    table: Table,
    columns: tuple[str, ...],
    bump: str | None,
    keys: tuple[str, ...],
    returning: str | None = None,
) -> TextClause:
    kinds = tuple((c, kind_of(table, c)) for c in columns)
    mine = f'"{table.name}"'
    sets = [f'"{c}" = v."{c}"' for c in columns if c not in keys]
    if bump:
        sets.append(f'"{bump}" = {mine}."{bump}" + 1')
    terms = [f'{mine}."{c}" = v."{c}"' for c in keys]
    statement = (
        f"WITH {_given(dialect, 'v', kinds)} "
        f"UPDATE {mine} SET {', '.join(sets)} FROM v WHERE {' AND '.join(terms)}"
    )
    if returning:
        statement += f' RETURNING {mine}."{returning}"'
    return text(statement)


def _given(dialect: str, name: str, columns: Iterable[tuple[str, str]]) -> str:
    if dialect == "sqlite":
        cells = ", ".join(f"json_extract(value, '$.{c}') AS \"{c}\"" for c, _ in columns)
        return f"{name} AS (SELECT {cells} FROM json_each(:rows))"
    cells = ", ".join(f'"{c}" {kind}' for c, kind in columns)
    return f"{name} AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({cells}))"
