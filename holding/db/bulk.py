# ruff: noqa: S608 - the texts are made of names of our own tables and columns
"""Insert, update and read many rows with one statement whose text never changes.

The rows travel as one JSON parameter, so the database can reuse the statement's plan.
"""

from base64 import b64encode
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, Generic, Self, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnClause,
    Date,
    Executable,
    Label,
    LargeBinary,
    Result,
    Row,
    Select,
    Table,
    Text,
    TextClause,
    bindparam,
    inspect,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Mapper, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import SQLColumnExpression
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import ColumnOperators, OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from holding.db.models import Base
from holding.db.models.columns import AsText, Json, Moment, moment_text, table_of, words
from rules.values.canonical import dumps, sha256_hex, text_of

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
    """A value of a JSON column that is canonical text already."""

    __slots__ = ()


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


def _list_of(column: InstrumentedAttribute[Any] | Column[Any]) -> _Words:
    return _Words("int" if isinstance(column.type, BigInteger) else "text")


def among_given(column: InstrumentedAttribute[Any] | Column[Any], name: str) -> _Among:
    """The same in a statement that stands ready: the list is given by this name when it runs."""
    return _Among(column, bindparam(name, type_=_list_of(column)))


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


def insert_rows(
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
    if dialect == "sqlite" and len(rows) >= FEWEST and known:
        told = _told(table, rows)
        return insert_each(session, table, told, returning=returning, ignore=ignore)
    statement = _insert_text(dialect, table, columns, returning, ignore)
    result = session.execute(statement, {"rows": rows_text(table, rows)})
    return [tuple(row) for row in result] if returning else []


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def _told(table: Table, rows: Rows) -> Rows:
    """Rows, all with the same columns, with texts and numbers for their values."""
    texts = [(name, make) for name, make in _texts(table).items() if name in rows[0]]
    cells = []
    for row in rows:
        told = {name: make(row[name]) for name, make in texts if row[name] is not None}
        cells.append({**row, **told} if told else row)
    return cells


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


def rows_text(table: Table, rows: Rows) -> str:
    """Rows of a table as the one parameter that carries them."""
    return text_of(_told(table, rows))


def base64_text(value: bytes) -> str:
    """Bytes as they travel; who reads such rows has to decode them (joint_writes.py)."""
    return b64encode(value).decode()


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


def next_id(model: type[Base], *, once: bool = False) -> FunctionElement[int]:
    """In a select: the id of a row that is about to be written, another for each row found, or with
    `once` the same for all. Who asks in SQLite has locked the whole file.
    """
    named: ColumnClause[str] = literal_column(f"'{table_of(model).name}'")
    return _OneNextId(named) if once else _NextId(named)


class _NextId(FunctionElement[int]):
    """The id of a row of a table, another for each row of the select."""

    type = BigInteger()
    inherit_cache = True
    name = "next_id"


class _OneNextId(_NextId):
    """The same id for all rows of the select."""

    inherit_cache = True
    name = "one_next_id"


@compiles(_NextId)
def _next_id(element: _NextId, compiler: SQLCompiler, **options: Any) -> str:
    named: str = compiler.process(element.clauses, **options)
    once = isinstance(element, _OneNextId)
    if compiler.dialect.name == "sqlite":
        last = f"(SELECT coalesce(max(id), 0) FROM {named.strip(chr(39))})"
        return f"({last} + 1)" if once else f"({last} + row_number() OVER ())"
    drawn = f"nextval(pg_get_serial_sequence({named}, 'id'))"
    return f"(SELECT {drawn})" if once else drawn


def named(found: Result[Any]) -> list[Any]:
    """The rows as named tuples. Whoever looks through many of them reads each attribute in a tenth
    of the time that SQLAlchemy's own row takes, which looks for it elsewhere first.
    """
    return list(map(_tuple_of(tuple(found.keys()))._make, found.all()))


@lru_cache(maxsize=256)
def _tuple_of(names: tuple[str, ...]) -> Any:
    return namedtuple("Found", names)


def of(column: SQLColumnExpression[T]) -> T:
    """A column where a value of its type is expected: a field of another type refuses it."""
    return cast(T, column)


def known(column: SQLColumnExpression[T | None]) -> T:
    """The same of a column that may be empty, but not in the rows that the select finds."""
    return cast(T, column)


class Columns(Generic[Made]):
    """What the fields of a dataclass are read from.

    `pattern` is one such object with a column in each field (`of`); what stands in a field without
    one stands in every object. A column is read into the field of its own name (`state`), or of its
    table and name (`record_state`); any other is named in `renamed`: field -> "table.column". An
    expression has the field's name as its label. Raises ValueError where a column stands in a field
    of another name: so two columns of one type are not exchanged unseen.
    """

    def __init__(self, pattern: Made, renamed: Mapping[str, str] | None = None) -> None:
        self._make = cast(Callable[..., Made], type(pattern))
        held = {one.name: getattr(pattern, one.name) for one in fields(cast(Any, pattern))}
        columns: dict[str, Any] = {
            name: one for name, one in held.items() if isinstance(one, ColumnOperators)
        }
        _refuse_strange(type(pattern).__name__, columns, dict(renamed or {}))
        self.labelled: tuple[Label[Any], ...] = tuple(columns[name].label(name) for name in columns)
        self._names = tuple(columns)
        self._rest = {name: held[name] for name in held if name not in columns}

    def select(self, *beside: Any) -> Select[Any]:
        """A select of the columns; what stands beside them is not read into the object."""
        return select(*self.labelled, *beside)

    def each(self, found: Result[Any]) -> tuple[Made, ...]:
        """One object a row."""
        read = self.reader(found)
        return tuple([read(row) for row in found.all()])  # at once: one by one takes twice as long

    def first(self, found: Result[Any]) -> Made | None:
        """The object of the first row, or None where there is none."""
        read, row = self.reader(found), found.first()
        return read(row) if row is not None else None

    def reader(self, found: Result[Any]) -> Callable[[Row[Any]], Made]:
        """What makes the object of one row of this result; ValueError where a column is missing."""
        keys = list(found.keys())
        places = [(name, keys.index(name)) for name in self._names]
        make, rest = self._make, self._rest
        return lambda row: make(**{name: row[place] for name, place in places}, **rest)


def _refuse_strange(whose: str, columns: Mapping[str, Any], renamed: dict[str, str]) -> None:
    for field, column in columns.items():
        table, name = _origin(column)
        told = renamed.pop(field, None)
        fits = f"{table}.{name}" == told if told else field in (name, f"{table}_{name}")
        if not fits:
            wanted = told or "a column or label of that name; any other is named in `renamed`"
            raise ValueError(f"{whose}.{field} reads {table}.{name}, which is not {wanted}")
    if renamed:
        raise ValueError(f"{whose} has no column in {', '.join(sorted(renamed))}")


def _origin(column: Any) -> tuple[str, str]:
    """The table, or its alias, and the name of a column; of a label the name, of others nothing."""
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
