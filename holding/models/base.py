"""What all tables share: naming, column types, the work columns.

Here: Base and small column helpers. Not here: any table. "Pointer" columns that name the current
child of a row (the newest version, the active key) carry no foreign key: the child already points
back, and a cycle would help nobody.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    CheckConstraint,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    bindparam,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from holding.types import Moment

WHOLE = BigInteger().with_variant(Integer, "sqlite")

Id = Annotated[int, mapped_column(WHOLE, primary_key=True)]


class Base(DeclarativeBase):
    """All tables of holding."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: WHOLE,
        str: Text,
        bytes: LargeBinary,
        date: Date,
        datetime: Moment,
    }


def table_of(model: type[Base]) -> Table:
    """The table itself: a statement about it is run without what the ORM does around its own."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(model)
    return table


def ref(column: str, *, primary_key: bool = False, index: bool = False) -> Any:
    """A foreign key to the id of a table, or to `table.column`."""
    target = column if "." in column else f"{column}.id"
    return mapped_column(ForeignKey(target), primary_key=primary_key, index=index)


def one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    """The named check that a state column holds one of its words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f'"{column}" IN ({listed})', name=column)


def words(values: tuple[str, ...]) -> str:
    """Words as an SQL list."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def among_words(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """The condition that a column has one of these words of ours; they stand in the statement."""
    return cast(ColumnElement[bool], column.in_([literal_column(f"'{word}'") for word in values]))


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows where a term holds; a query must repeat the term word for word."""
    term: TextClause = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=term, postgresql_where=term)


DUE = "due_at IS NOT NULL AND lease_until IS NULL"
LEASED = "lease_until IS NOT NULL"


def moment(name: str) -> BindParameter[Any]:
    """A moment that is given when a statement is run: what is asked all day stands ready, for
    making a statement anew costs several times what running it does.
    """
    return bindparam(name, type_=Moment())


NOW = moment("now")


class Work:
    """The columns of a row that is its own queue entry: when due, who works on it, which try may
    write.
    """

    due_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    crashes: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
