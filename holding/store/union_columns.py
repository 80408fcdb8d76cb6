"""The columns of a union that several selects share: which of a select's stands in which of these.

Here: that two columns of one type may stand in the same one, and what is done to a column of which
the database alone knows the type. Not here: the selects and their union (together.py).

A union is planned, and read, column by column and select by select: one in which each select has
columns of its own takes PostgreSQL several times as long as those selects take alone. And where a
select has another type than those before, it goes through all rows so far once more: so no column
of a union has two.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, String, Text, cast, null
from sqlalchemy.sql.cache_key import NO_CACHE
from sqlalchemy.types import TypeEngine

_WHOLE_NUMBERS: Final = (Integer, BigInteger, SmallInteger)
_TEXTS: Final = (String, Text)


@dataclass(frozen=True, slots=True)
class Shared:
    """The columns of a union: their types, and for each select which of its own stands where."""

    types: Sequence[TypeEngine[Any]]
    places: Sequence[Sequence[int]]

    def filled(self, select: int, columns: Sequence[Any]) -> list[Any]:
        """A row of the union with the columns of one select, empty where it has none."""
        row: list[Any] = [null()] * len(self.types)
        for place, column in zip(self.places[select], columns, strict=True):
            row[place] = column if _is_exact(column) else cast(column, self.types[place])
        return row


def shared(selects: Sequence[tuple[Sequence[Any], Collection[int]]]) -> Shared:
    """Columns for the union of these selects, each told by its columns and by the places of those
    that stand alone: the rows of other tables are found by them.
    """
    types: list[TypeEngine[Any]] = []
    known: dict[Hashable, list[int]] = {}
    places = []
    for columns, alone in selects:
        taken, mine = Counter[Hashable](), list[int]()
        for nth, column in enumerate(columns):
            kind = None if nth in alone else _kind(column.type)
            room = known.setdefault(kind, []) if kind is not None else []
            if taken[kind] == len(room) or kind is None:
                room.append(len(types))
                types.append(_type(column.type))
            mine.append(room[taken[kind]] if kind is not None else room[-1])
            taken[kind] += 1
        places.append(mine)
    return Shared(types, places)


def _kind(of: TypeEngine[Any]) -> Hashable:
    """What two types have alike that may share a column; None of one that shares with none."""
    either = {type(of), *map(type, of._variant_mapping.values())}
    if either.issubset(_WHOLE_NUMBERS):
        return BigInteger
    if either.issubset(_TEXTS):
        return Text
    own = of._static_cache_key  # as SQLAlchemy itself tells types apart
    return None if own is NO_CACHE or of._variant_mapping else own


def _type(of: TypeEngine[Any]) -> TypeEngine[Any]:
    kind = _kind(of)
    if kind is BigInteger:
        return BigInteger()
    return Text() if kind is Text else of


def _is_exact(column: Any) -> bool:
    """Whether it has the type of its column of the union already: a sum of whole numbers may be of
    any type of numbers, and a table may hold shorter ones.
    """
    if type(column.type) not in (*_WHOLE_NUMBERS, *_TEXTS):
        return True
    if type(column.type) not in (BigInteger, Text):
        return False
    return all(isinstance(one, Column) for one in column.base_columns)
