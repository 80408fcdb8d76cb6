# ruff: noqa: S608 - the texts are made of names of our own tables and columns
"""Insert, update and read many rows with one statement whose text never changes.

The rows travel as one JSON parameter, so the database can reuse the statement's plan.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, Generic, Self, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnClause,
    ColumnElement,
    CursorResult,
    Date,
    Executable,
    Label,
    Result,
    Row,
    Select,
    Table,
    Text,
    TextClause,
    bindparam,
    func,
    insert,
    inspect,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy import update as update_table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Mapper, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import SQLColumnExpression
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import ColumnOperators, OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from holding.db.models import Base
from holding.db.models.columns import AsText, Json, Moment, moment_text, table_of
from rules.values.canonical import dumps, json_text

Rows = Sequence[Mapping[str, Any]]

Words = tuple[tuple[str, tuple[str, ...]], ...]
"""Columns, each with the words of ours that it may have."""

MOVED = "moved under our lock"

Made = TypeVar("Made")

T = TypeVar("T")

FEWEST = 8
"""Fewer rows are quicker in one statement with them all."""

Told = Sequence[Mapping[str, Any]]
"""Rows whose values the driver takes as they are, all with the same columns."""


class Encoded(str):
    """A value of a JSON column that is already canonical text."""

    __slots__ = ()


class _Among(FunctionElement[bool]):
    """The condition `column IN (list)` with the list as one parameter."""

    type = Boolean()
    inherit_cache = True
    name = "among"

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002
        """Return itself; SQLAlchemy would add `= 1` for SQLite, which no index supports."""
        return self


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = list(element.clauses)
    column_sql, right = compiler.process(column, **options), compiler.process(values, **options)
    if compiler.dialect.name == "sqlite":
        return f"{column_sql} IN (SELECT value FROM json_each({right}))"
    return f"{column_sql} = ANY({right})"


def among(column: InstrumentedAttribute[Any], values: Collection[int] | Collection[str]) -> _Among:
    """Return the condition that a column's value is in a list."""
    return _Among(column, bindparam(None, list(values), type_=_list_of(column), unique=True))


class _Words(TypeDecorator[Any]):
    """A list of integers or texts as one parameter."""

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
        return json_text(list(value)) if dialect.name == "sqlite" else list(value)


def _list_of(column: InstrumentedAttribute[Any] | Column[Any]) -> _Words:
    return _Words("int" if isinstance(column.type, BigInteger) else "text")


def among_given(column: InstrumentedAttribute[Any] | Column[Any], name: str) -> _Among:
    """Return the condition that a column's value is in the list passed as this parameter."""
    return _Among(column, bindparam(name, type_=_list_of(column)))


class json_rows(FunctionElement[str]):  # noqa: N801 - it stands in a select as a function does
    """Many rows in one value: a JSON list of lists as text, in no order.

    It is empty or NULL without rows.
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


def insert_rows(
    session: Session,
    model: type[Base],
    rows: Rows,
    *,
    returning: tuple[str, ...] = (),
    ignore: bool = False,
) -> list[tuple[Any, ...]]:
    """Insert rows with equal keys and return the requested columns.

    `ignore` skips existing rows.
    """
    if not rows:
        return []
    table = table_of(model)
    columns, dialect = tuple(rows[0]), _dialect(session)
    has_id = not returning or "id" in table.columns
    # Binding values costs SQLite less than extracting each column from JSON text.
    if dialect == "sqlite" and len(rows) >= FEWEST and has_id:
        driver_rows = _told(table, rows)
        return insert_each(session, table, driver_rows, returning=returning, ignore=ignore)
    statement = _insert_text(dialect, table, columns, returning, ignore)
    result = session.execute(statement, {"rows": rows_text(table, rows)})
    return [tuple(row) for row in result] if returning else []


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _told(table: Table, rows: Rows) -> Rows:
    """Return the rows with texts and numbers as values."""
    texts = [(name, make) for name, make in _texts(table).items() if name in rows[0]]
    cells = []
    for row in rows:
        texts_of_row = {name: make(row[name]) for name, make in texts if row[name] is not None}
        cells.append({**row, **texts_of_row} if texts_of_row else row)
    return cells


@cache
def _texts(table: Table) -> dict[str, Callable[[Any], str]]:
    """Return how the values of some columns become text; other columns need no conversion."""
    kinds: tuple[tuple[Any, Callable[[Any], str]], ...] = (
        (Json, lambda value: value if isinstance(value, Encoded) else dumps(value)),
        (Moment, moment_text),
        (AsText, str),
        (Date, date.isoformat),
    )
    return {
        column.name: make
        for column in table.columns
        for kind, make in kinds
        if isinstance(column.type, kind)
    }


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


def _given(dialect: str, name: str, columns: Iterable[tuple[str, str]]) -> str:
    if dialect == "sqlite":
        cells = ", ".join(f"json_extract(value, '$.{c}') AS \"{c}\"" for c, _ in columns)
        return f"{name} AS (SELECT {cells} FROM json_each(:rows))"
    cells = ", ".join(f'"{c}" {kind}' for c, kind in columns)
    return f"{name} AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({cells}))"


def insert_once(session: Session, model: type[Base], values: Mapping[str, Any]) -> int | None:
    """Insert one row and return its key, or None if a unique key exists already."""
    key: int | None = session.scalar(_inserting(_dialect(session), table_of(model)), values)
    return key


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
    """Update rows by `id` with the given columns. `bump` names a column to increment."""
    if not rows:
        return
    table = table_of(model)
    columns = tuple(rows[0])
    statement = _update_text(_dialect(session), table, columns, bump, ("id",))
    session.execute(statement, {"rows": rows_text(table, rows)})


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
    quoted_table = f'"{table.name}"'
    sets = [f'"{c}" = v."{c}"' for c in columns if c not in keys]
    if bump:
        sets.append(f'"{bump}" = {quoted_table}."{bump}" + 1')
    terms = [f'{quoted_table}."{c}" = v."{c}"' for c in keys]
    statement = (
        f"WITH {_given(dialect, 'v', kinds)} "
        f"UPDATE {quoted_table} SET {', '.join(sets)} FROM v WHERE {' AND '.join(terms)}"
    )
    if returning:
        statement += f' RETURNING {quoted_table}."{returning}"'
    return text(statement)


def update_seen(
    session: Session, model: type[Base], rows: Rows, *, version_column: str
) -> set[int]:
    """Update rows whose `version_column` is unchanged, and increment it.

    Return the updated ids.
    """
    if not rows:
        return set()
    table = table_of(model)
    statement = _update_text(
        _dialect(session), table, tuple(rows[0]), version_column, ("id", version_column), "id"
    )
    return set(session.scalars(statement, {"rows": rows_text(table, rows)}))


def forget(session: Session, model: type[Base], ids: Iterable[int]) -> None:
    """Expire loaded objects of these rows, because a bulk statement changed them."""
    changed_ids = set(ids)
    for row in list(session.identity_map.values()):
        if isinstance(row, model) and (inspect(row).identity or (None,))[0] in changed_ids:
            session.expire(row)


def given(session: Session, name: str, columns: Mapping[str, str]) -> str:
    """Return the start of a statement over the `:rows` parameter: `WITH name(columns) AS (…)`."""
    return f"WITH {_given(_dialect(session), name, tuple(columns.items()))}"


def rows_text(table: Table, rows: Rows) -> str:
    """Return rows of a table as one JSON parameter."""
    return json_text(_told(table, rows))


def kind_of(table: Table, column: str) -> str:
    """Return the PostgreSQL type of a column in such rows."""
    kind = table.c[column].type
    if isinstance(kind, Moment):
        return "timestamptz"
    if isinstance(kind, Date):
        return "date"
    if isinstance(kind, Boolean):
        return "boolean"
    return "bigint" if isinstance(kind, BigInteger) else "text"


class JointWrites:
    """Inserts and updates of one transaction, collected first and written in their order.

    Collecting the rows of a batch by table costs one statement a table instead of one a row. Call
    `write` before anything that reads these rows.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._inserts_and_updates: list[tuple[Table, Executable, Rows, bool]] = []

    def insert(self, model: type[Base], rows: Rows) -> None:
        """Add rows to insert, all with equal keys."""
        table = table_of(model)
        self._add(table, insert(table), rows, require_all=False)

    def update(
        self,
        model: type[Base],
        rows: Rows,
        *,
        keys: tuple[str, ...] = ("id",),
        still: Words = (),
        bump: str | None = None,
        require_all: bool = False,
    ) -> None:
        """Add rows to update by their keys.

        `still`: columns that must have one of these values. `bump`: a column to increment. With
        `require_all`, a missing row makes `write` raise.
        """
        if not rows:
            return
        table = table_of(model)
        statement = _update_by_keys(table, tuple(rows[0]), keys, still, bump)
        parameters = [
            {f"where_{name}" if name in keys else f"set_{name}": row[name] for name in row}
            for row in rows
        ]
        self._add(table, statement, parameters, require_all=require_all)

    def _add(self, table: Table, statement: Executable, rows: Rows, *, require_all: bool) -> None:
        if rows:
            self._inserts_and_updates.append((table, statement, rows, require_all))

    def write(self) -> None:
        """Write the collected changes. Raises RuntimeError if a required row changed meanwhile."""
        pending, self._inserts_and_updates = self._inserts_and_updates, []
        for table, statement, rows, require_all in pending:
            result = self._session.execute(statement, list(rows))
            if require_all and cast(CursorResult[Any], result).rowcount != len(rows):
                raise RuntimeError(f"a {table.name} {MOVED}")


@lru_cache(maxsize=256)
def _update_by_keys(
    table: Table,
    columns: tuple[str, ...],
    keys: tuple[str, ...],
    still: Words,
    bump: str | None,
) -> Executable:
    """Return an UPDATE with the parameters `where_…` for keys and `set_…` for the other columns.

    SQLAlchemy reserves parameters named like a column for its own use in SET.
    """
    conditions = [table.c[name] == bindparam(f"where_{name}") for name in keys]
    # Not IN: SQLAlchemy expands its list for each row, which it refuses for many rows at once.
    conditions += [or_(*(table.c[name] == word for word in allowed)) for name, allowed in still]
    values: dict[str, Any] = {
        name: bindparam(f"set_{name}") for name in columns if name not in keys
    }
    if bump:
        values[bump] = table.c[bump] + 1
    return update_table(table).where(*conditions).values(values)


def next_id(model: type[Base], *, shared: bool = False) -> FunctionElement[int]:
    """Return an SQL expression for the id of a row about to be written.

    Each selected row gets its own id, or all share one with `shared`. In SQLite the caller must
    hold the write lock.
    """
    named: ColumnClause[str] = literal_column(f"'{table_of(model).name}'")
    return _OneNextId(named) if shared else _NextId(named)


class _NextId(FunctionElement[int]):
    """The next id of a table, another one for each row of the select."""

    type = BigInteger()
    inherit_cache = True
    name = "next_id"


class _OneNextId(_NextId):
    """The next id of a table, shared by all rows of the select."""

    inherit_cache = True
    name = "one_next_id"


@compiles(_NextId)
def _next_id(element: _NextId, compiler: SQLCompiler, **options: Any) -> str:
    named: str = compiler.process(element.clauses, **options)
    is_shared = isinstance(element, _OneNextId)
    if compiler.dialect.name == "sqlite":
        last = f"(SELECT coalesce(max(id), 0) FROM {named.strip(chr(39))})"
        return f"({last} + 1)" if is_shared else f"({last} + row_number() OVER ())"
    drawn = f"nextval(pg_get_serial_sequence({named}, 'id'))"
    return f"(SELECT {drawn})" if is_shared else drawn


def whole_sum(amount: Any) -> ColumnElement[int]:
    """Return the sum of whole numbers as a whole number.

    PostgreSQL's own type for the sum of bigint is numeric, which the driver reads as Decimal.
    """
    return sql_cast(func.sum(amount), BigInteger)


def named(result: Result[Any]) -> list[Any]:
    """Return the rows as named tuples, whose attributes are much faster to read than SQLAlchemy's
    rows.
    """
    return list(map(_tuple_of(tuple(result.keys()))._make, result.all()))


@lru_cache(maxsize=256)
def _tuple_of(names: tuple[str, ...]) -> Any:
    return namedtuple("Found", names)


def of(column: SQLColumnExpression[T]) -> T:
    """Return the column, typed as its value, so that a dataclass field checks the type."""
    return cast(T, column)


def known(column: SQLColumnExpression[T | None]) -> T:
    """Return a nullable column, typed as never empty, where the select excludes NULL."""
    return cast(T, column)


class Columns(Generic[Made]):
    """The columns from which a dataclass is read.

    `pattern` is an object with a column in each field (`of`). Fields with a plain value keep it in
    every object. A column must have the field's name (`state`), or its table and name
    (`record_state`). Other names are given in `renamed`: field -> "table.column". An expression is
    labelled with the field's name. ValueError for any other name, so that two columns of one type
    are not swapped unnoticed.
    """

    def __init__(self, pattern: Made, renamed: Mapping[str, str] | None = None) -> None:
        self._make = cast(Callable[..., Made], type(pattern))
        values_by_name = {
            field.name: getattr(pattern, field.name) for field in fields(cast(Any, pattern))
        }
        columns: dict[str, Any] = {
            name: value
            for name, value in values_by_name.items()
            if isinstance(value, ColumnOperators)
        }
        _refuse_strange(type(pattern).__name__, columns, dict(renamed or {}))
        self.labelled: tuple[Label[Any], ...] = tuple(columns[name].label(name) for name in columns)
        self._names = tuple(columns)
        self._rest = {name: values_by_name[name] for name in values_by_name if name not in columns}

    def select(self, *extra_columns: Any) -> Select[Any]:
        """Return a select of the columns, with additional columns that are not read into the
        object.
        """
        return select(*self.labelled, *extra_columns)

    def each(self, result: Result[Any]) -> tuple[Made, ...]:
        """Return one object for each row."""
        read = self.reader(result)
        return tuple([read(row) for row in result.all()])  # at once: one by one takes twice as long

    def first(self, result: Result[Any]) -> Made | None:
        """Return the object of the first row, or None."""
        read, row = self.reader(result), result.first()
        return read(row) if row is not None else None

    def reader(self, result: Result[Any]) -> Callable[[Row[Any]], Made]:
        """Return a function that makes the object of a row; ValueError if a column is missing."""
        keys = list(result.keys())
        places = [(name, keys.index(name)) for name in self._names]
        make, constants = self._make, self._rest
        return lambda row: make(**{name: row[place] for name, place in places}, **constants)


def _refuse_strange(class_name: str, columns: Mapping[str, Any], renamed: dict[str, str]) -> None:
    for field, column in columns.items():
        table, name = _origin(column)
        renamed_to = renamed.pop(field, None)
        fits = f"{table}.{name}" == renamed_to if renamed_to else field in (name, f"{table}_{name}")
        if not fits:
            expectation = (
                renamed_to or "a column or label of that name; any other is named in `renamed`"
            )
            raise ValueError(
                f"{class_name}.{field} reads {table}.{name}, which is not {expectation}"
            )
    if renamed:
        raise ValueError(f"{class_name} has no column in {', '.join(sorted(renamed))}")


def _origin(column: Any) -> tuple[str, str]:
    """Return a column's table (or alias) and name. A label has only a name."""
    if isinstance(column, Label) and isinstance(column.element, ColumnClause):
        column = column.element  # a label gives a column no other name than `renamed` does
    parent = getattr(column, "parent", None)  # of an attribute: its model, or an alias of it
    table = getattr(parent, "local_table", None) if isinstance(parent, Mapper) else parent
    table = table if table is not None else getattr(column, "table", None)
    return getattr(table, "name", ""), column.key or ""


def insert_each(
    session: Session,
    table: Table,
    rows: Told,
    *,
    returning: tuple[str, ...] = (),
    ignore: bool = False,
) -> list[tuple[Any, ...]]:
    """Insert rows with the driver's executemany and return columns of the inserted rows.

    SQLite only: the writer holds the lock, so all rows behind the last id are ours.
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
    """Return the insert, the query for the last id, and the query for the rows behind it."""
    quoted_table = f'"{table.name}"'
    names, marks = _listed(columns), ", ".join("?" * len(columns))
    into = f"INSERT INTO {quoted_table} ({names}) VALUES ({marks})"
    return (
        f"{into} ON CONFLICT DO NOTHING" if ignore else into,
        f"SELECT coalesce(max(id), 0) FROM {quoted_table}",
        f"SELECT {_listed(returning)} FROM {quoted_table} WHERE id > ? ORDER BY id",
    )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
