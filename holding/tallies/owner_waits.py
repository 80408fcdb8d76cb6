"""How long the open holds of each owner of a record wait: what the tally counts owners by.

Here: what one owner has of a record, and its text in the tally, which knows moments by their hour,
and back. Pure. Not here: how many records there are of it (folding.py), what pages ask of it
(waiting_figures.py).

An owner is a person, or the team of what nobody took. A record counts once for each owner, from the
oldest of the holds that are theirs.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from holding.tallies.shapes import KEPT_SHAPES, Counted
from rules.values.canonical import dumps

HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class OwnerWait:
    """Records of one owner (`team_id` is 0 where a person took them) that wait since about then and
    are to be answered by about then; `minor` sums those that are not `blank`.
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
        """The same as the tally has it, of one record."""
        owner = (self.person_id, self.team_id)
        text = dumps([*owner, hour_of(self.since), hour_of(self.answer_by), self.refused])
        return Counted(text, self.currency, None if self.blank else self.minor)


def each_owner(rows: Iterable[Any]) -> dict[tuple[int, int], list[OwnerWait]]:
    """Company and record -> what each of its owners has, in one order; of rows of `WAITING`."""
    holds: dict[tuple[int, int], dict[tuple[int | None, int], list[Any]]] = {}
    for row in rows:
        owner = (row.person_id, 0 if row.person_id is not None else row.team_id)
        mine = holds.setdefault((row.company_id, row.record_id), defaultdict(list))
        mine[owner].append(row)
    return {
        record: [_wait(owner, owners[owner]) for owner in sorted(owners, key=_order)]
        for record, owners in holds.items()
    }


def _order(owner: tuple[int | None, int]) -> tuple[int, int]:
    return owner[0] or 0, owner[1]


def _wait(owner: tuple[int | None, int], holds: list[Any]) -> OwnerWait:
    books = [hold.book for hold in holds if hold.book is not None]
    currency, minor = ("", max(books)) if books else (holds[0].currency, holds[0].amount)
    return OwnerWait(
        *owner,
        since=min(hold.opened_at for hold in holds),
        answer_by=min(hold.answer_by for hold in holds),
        refused=any(hold.refused for hold in holds),
        currency=currency or "",
        records=1,
        minor=minor or 0,
        blank=int(minor is None),
    )


def told(text: str, currency: str, records: int, minor: int, blank: int) -> OwnerWait:
    """What a row of the tally says; moments are the beginnings of their hours."""
    person_id, team_id, since, answer_by, refused = _read(text)
    return OwnerWait(person_id, team_id, since, answer_by, refused, currency, records, minor, blank)


@lru_cache(maxsize=KEPT_SHAPES)
def _read(text: str) -> tuple[int | None, int, datetime, datetime, bool]:
    person_id, team_id, since, answer_by, refused = json.loads(text)
    return person_id, team_id, start_of(since), start_of(answer_by), refused


def hour_of(moment: datetime) -> int:
    """The number of its hour since 1970."""
    return int(moment.timestamp()) // HOUR


def start_of(hour: int) -> datetime:
    """When an hour of that number begins."""
    return datetime.fromtimestamp(hour * HOUR, UTC)
