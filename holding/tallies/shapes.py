"""How the open holds of one record look: what the tally counts records by.

Here: the shape of a record's holds as one text, and back. Pure. Not here: how many records have it
(folding.py), what pages ask of it (tally_figures.py).

Records are counted once each, whatever one asks for: those of a class, of a team, of a person. Two
records whose open holds have the same shape answer every such question alike, so one row of the
tally stands for all of them, and there are few shapes.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, cast

from grammar.text.finding_codes import ErrorClass
from rules.values.canonical import dumps

KEPT_SHAPES: Final = 20_000  # taken apart and remembered by a process


class Waits(NamedTuple):
    """One open hold of a record, as the tally looks at it."""

    cause_id: int
    error_class: str
    team_id: int | None
    person_id: int | None
    snoozed: bool
    asks: bool  # for a consent
    book: int | None
    source: int = 0
    target: int = 0  # 0: of no route
    amount: int = 0  # its band (bands.py)
    age: int = 0  # its band


class Look(NamedTuple):
    """The same without what is its own: `cause` numbers the causes of the record alone. `book` is
    given only where the holds of the record do not agree on it; what stands behind it only in a
    fine shape.
    """

    error_class: ErrorClass
    team_id: int | None
    person_id: int | None
    snoozed: bool
    asks: bool
    cause: int
    book: int | None = None
    source: int = 0
    target: int = 0
    amount: int = 0
    age: int = 0


_BOOK: Final = Waits._fields.index("book")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the open holds of a record look. `own`: the record's currency and amount, where its holds
    do not agree on the money of the books.
    """

    looks: tuple[Look, ...]
    own: tuple[str, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What one record adds to the tally; `minor` is None where its amount is not known."""

    shape: str
    currency: str
    minor: int | None


def counted(
    holds: Sequence[Waits], currency: str, amount: int | None, *, fine: bool = False
) -> Counted:
    """What a record adds that has these open holds, at least one, and this amount. `fine`: with
    source, target, and bands of amount and age.
    """
    books = {hold.book for hold in holds}
    if len(books) > 1:
        text = _text(_groups(holds, with_book=True, fine=fine), (currency, amount))
        return Counted(text, "", max(book for book in books if book is not None))
    text = _text(_groups(holds, with_book=False, fine=fine))
    (book,) = books
    return Counted(text, currency, amount) if book is None else Counted(text, "", book)


Groups = tuple[tuple[tuple[object, ...], ...], ...]
"""The looks of a record's holds, those of each cause together."""


def _groups(holds: Iterable[Waits], *, with_book: bool, fine: bool) -> Groups:
    """Each look once."""
    by_cause: dict[int, dict[tuple[object, ...], None]] = {}
    for hold in holds:
        look: tuple[object, ...] = hold[1:_BOOK]
        if with_book or fine:
            look = (*look, hold.book if with_book else None)
        by_cause.setdefault(hold.cause_id, {})[look + hold[_BOOK + 1 :] if fine else look] = None
    return tuple(map(tuple, by_cause.values()))


@lru_cache(maxsize=KEPT_SHAPES)
def _text(groups: Groups, own: tuple[str, int | None] | None = None) -> str:
    """The looks in an order that does not depend on which causes they are of."""
    ordered = sorted((sorted(looks, key=dumps) for looks in groups), key=dumps)
    holds = [
        [*look[:5], number, *look[5:]] for number, looks in enumerate(ordered) for look in looks
    ]
    return dumps({"holds": holds} if own is None else {"holds": holds, "own": [*own]})


@lru_cache(maxsize=KEPT_SHAPES)
def shape(text: str) -> Shape:
    """The shape that a text stands for."""
    told = json.loads(text)
    looks = tuple(Look(*look) for look in told["holds"])
    own = told.get("own")
    return Shape(looks, cast("tuple[str, int | None]", tuple(own)) if own else None)
