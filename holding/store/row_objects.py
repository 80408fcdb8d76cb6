"""Rows of the database as objects, field by field and by name.

Here: which column each field of a dataclass is read from, said once; a select, and a returning, of
just these columns; the objects of what came back; rows as named tuples. Not here: any statement.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnClause, Label, Result, Row, Select, select
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.expression import SQLColumnExpression
from sqlalchemy.sql.operators import ColumnOperators

Made = TypeVar("Made")
T = TypeVar("T")


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
