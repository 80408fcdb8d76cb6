"""Derive the shape of a record's open holds, by which the tally groups records."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from grammar.text.finding_codes import ErrorClass
from rules.values.canonical import dumps

KEPT_SHAPES: Final = 20_000  # taken apart and remembered by a process


Money = tuple[str, int | None]
"""The currency of an amount ("" is the company's) and its minor units, None if it is unknown."""


def counted_money(amounts: Iterable[Money]) -> Money:
    """Return the amount that a record with several counts: the greatest of the company's currency,
    else the greatest of the first other currency.
    """
    known_amounts = [money for money in amounts if money[1] is not None]
    return min(
        known_amounts or amounts, key=lambda money: (money[0], -(money[1] or 0)), default=("", None)
    )


class Waits(NamedTuple):
    """One open hold of a record, as the tally counts it."""

    cause_id: int
    error_class: str
    team_id: int | None
    person_id: int | None
    snoozed: bool
    asks: bool  # for a consent
    money: "Money"
    source: int = 0
    target: int = 0  # 0: of no route
    amount: int = 0  # its band (bands.py)
    age: int = 0  # its band


_MONEY: Final = Waits._fields.index("money")

Groups = tuple[tuple[tuple[object, ...], ...], ...]
"""The looks of a record's holds, grouped by cause."""

HOUR: Final = 3_600


class Look(NamedTuple):
    """A hold as it appears in a shape, without its ids.

    `cause` numbers the causes within the record. `money` is set only if the record's holds differ
    in it. The fields after `money` are set only in a fine shape.
    """

    error_class: ErrorClass
    team_id: int | None
    person_id: int | None
    snoozed: bool
    asks: bool
    cause: int
    money: Money | None = None
    source: int = 0
    target: int = 0
    amount: int = 0
    age: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """How the open holds of a record look.

    `differs` if its holds have several amounts, so that each look has its own.
    """

    looks: tuple[Look, ...]
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """What one record adds to the tally; `minor` is None if its amount is unknown."""

    shape: str
    currency: str
    minor: int | None


def count_record(holds: Sequence[Waits], *, fine: bool = False) -> Counted:
    """Return what a record with these open holds (at least one) adds.

    With `fine`, the shape includes source, target, and bands of amount and age.
    """
    amounts = {hold.money for hold in holds}
    text = _text(_groups(holds, with_money=len(amounts) > 1, fine=fine))
    return Counted(text, *counted_money(amounts))


@lru_cache(maxsize=KEPT_SHAPES)
def _text(groups: Groups) -> str:
    """Return the shape as text, in an order that does not depend on the cause ids."""
    ordered = sorted((sorted(looks, key=dumps) for looks in groups), key=dumps)
    holds = [
        [*look[:5], number, *look[5:]] for number, looks in enumerate(ordered) for look in looks
    ]
    return dumps({"holds": holds})


def _groups(holds: Iterable[Waits], *, with_money: bool, fine: bool) -> Groups:
    """Group the holds of a record by cause, and return the distinct field values of each group."""
    by_cause: dict[int, dict[tuple[object, ...], None]] = {}
    for hold in holds:
        look: tuple[object, ...] = hold[1:_MONEY]
        if with_money or fine:
            look = (*look, hold.money if with_money else None)
        by_cause.setdefault(hold.cause_id, {})[look + hold[_MONEY + 1 :] if fine else look] = None
    return tuple(map(tuple, by_cause.values()))


@lru_cache(maxsize=KEPT_SHAPES)
def parse_shape(text: str) -> Shape:
    """Return the shape that a text encodes."""
    looks = tuple(Look(*look) for look in json.loads(text)["holds"])
    if not any(look.money for look in looks):
        return Shape(looks)
    return Shape(tuple(map(_with_money, looks)), differs=True)


def _with_money(look: Look) -> Look:
    """Return a look with its amount as a tuple, because JSON has lists."""
    return look._replace(money=(look.money[0], look.money[1])) if look.money else look


@dataclass(frozen=True, slots=True)
class OwnerWait:
    """Records of one owner that wait since about `since`, with an answer due about `answer_by`.

    `team_id` is 0 if a user owns them. `minor` sums the records that are not `blank`.
    """

    person_id: int | None
    team_id: int
    since: datetime
    answer_by: datetime
    refused: bool
    currency: str
    records: int
    minor: int
    blank: int

    @property
    def counted(self) -> Counted:
        """The tally entry of one such record."""
        owner = (self.person_id, self.team_id)
        text = dumps([*owner, hour_of(self.since), hour_of(self.answer_by), self.refused])
        return Counted(text, self.currency, None if self.blank else self.minor)


def each_owner(rows: Iterable[Any]) -> dict[tuple[int, int], list[OwnerWait]]:
    """Return by company and record each owner's entries in stable order, from rows of `WAITING`."""
    holds: dict[tuple[int, int], dict[tuple[int | None, int], list[Any]]] = {}
    for row in rows:
        owner = (row.person_id, 0 if row.person_id is not None else row.team_id)
        by_owner = holds.setdefault((row.company_id, row.record_id), defaultdict(list))
        by_owner[owner].append(row)
    return {
        record: [_wait(owner, owners[owner]) for owner in sorted(owners, key=_order)]
        for record, owners in holds.items()
    }


def _wait(owner: tuple[int | None, int], holds: list[Any]) -> OwnerWait:
    currency, minor = counted_money([money_of_row(hold) for hold in holds])
    return OwnerWait(
        *owner,
        since=min(hold.opened_at for hold in holds),
        answer_by=min(hold.answer_by for hold in holds),
        refused=any(hold.refused for hold in holds),
        currency=currency,
        records=1,
        minor=minor or 0,
        blank=int(minor is None),
    )


def money_of_row(row: Any) -> Money:
    """Return the amount of a hold from a row of `HELD`."""
    return ("", row.book) if row.book is not None else (row.currency or "", row.amount)


def _order(owner: tuple[int | None, int]) -> tuple[int, int]:
    return owner[0] or 0, owner[1]


def parse_owner_wait(text: str, currency: str, records: int, minor: int, blank: int) -> OwnerWait:
    """Parse a tally row of an owner. Times are rounded down to the hour."""
    person_id, team_id, since, answer_by, refused = _read(text)
    return OwnerWait(person_id, team_id, since, answer_by, refused, currency, records, minor, blank)


@lru_cache(maxsize=KEPT_SHAPES)
def _read(text: str) -> tuple[int | None, int, datetime, datetime, bool]:
    person_id, team_id, since, answer_by, refused = json.loads(text)
    return person_id, team_id, start_of(since), start_of(answer_by), refused


def hour_of(moment: datetime) -> int:
    """Return the number of hours since 1970."""
    return int(moment.timestamp()) // HOUR


def start_of(hour: int) -> datetime:
    """Return when the hour of that number begins."""
    return datetime.fromtimestamp(hour * HOUR, UTC)
