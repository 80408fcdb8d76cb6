"""What a target is used for: of each type of document what is ready, on hold, and posted lately.

Here: these figures. Not here: the target itself (holding/connections/connections.py), its pill
(holding/runs/status.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Label,
    Select,
    Text,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import aliased

from holding.db.models import Posting
from holding.db.models.columns import among_words
from holding.db.models.postings import ENDED
from holding.db.refusal import Sums, added, by_key
from holding.db.together import Question
from rules.values.posting_states import PostingState

_OPEN: Final = f"posting.{Posting.OPEN}"
_GROUPS: Final = {
    PostingState.READY: "ready",
    PostingState.POSTED: "posted",
    PostingState.HELD: "held",
    PostingState.FAILED: "held",
    PostingState.UNCERTAIN: "held",
}
_COUNTED: Final = tuple(
    tuple(state for state, group in _GROUPS.items() if group == name) for name in ("ready", "held")
)
_ON_THE_WAY: Final = tuple(one for one in PostingState if one not in (*ENDED, *_GROUPS))
MOST: Final = 10_000
"""Of a type so many that are ready are counted, and so many on hold: there may be a million."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One document type that a target is used for: how many are ready and held now, and how many of
    the latest document days are posted. Of what is open at most MOST are counted; where there is
    `more`, its money is not that of all and not said.
    """

    doc_type: str
    route: str
    ready: int
    ready_money: Sums
    posted: int
    posted_money: Sums
    held: int
    held_money: Sums

    @property
    def more_ready(self) -> bool:
        """Whether more are ready than were counted."""
        return self.ready > MOST

    @property
    def more_held(self) -> bool:
        """Whether more are held than were counted."""
        return self.held > MOST


def endpoints(
    company_id: int, connection_id: int, doc_types: Sequence[str], since: date
) -> Question[tuple[Endpoint, ...]]:
    """One line for each of these types of which something is open or, of the document days from one
    on, posted.
    """
    rows = yield _of_target(company_id, connection_id, tuple(doc_types), since)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.state == PostingState.REVERSED:
            continue
        line = found.setdefault(row.doc_type, {"route": row.route})
        if group := _GROUPS.get(row.state):
            line[group] = line.get(group, 0) + row.postings
            both = [(None, "", row.book), (None, row.currency, row.minor)]
            row_money = by_key(both).get(None, {})
            money = f"{group}_money"
            line[money] = added([line.get(money, {}), row_money])
    names = dict.fromkeys(_GROUPS.values())
    return tuple(
        Endpoint(
            doc_type=doc_type,
            route=line["route"],
            **{name: line.get(name, 0) for name in names},
            **{f"{name}_money": line.get(f"{name}_money", {}) for name in names},
        )
        for doc_type, line in found.items()
    )


@lru_cache(maxsize=256)
def _of_target(
    company_id: int, connection_id: int, doc_types: tuple[str, ...], since: date
) -> Select[*tuple[Any, ...]]:
    """The statement: it takes longer to make than to run, and leaves much to be cleared away."""
    each = union_all(*_figures(connection_id, doc_types, since)).subquery()
    other = aliased(Posting)
    route = select(other.route).where(
        other.company_id == company_id,
        other.connection_id == connection_id,
        other.doc_type == each.c.doc_type,
    )
    newest = route.order_by(other.doc_date.desc()).limit(1).scalar_subquery().label("route")
    return select(each, newest).order_by(each.c.doc_type, each.c.state)


def _figures(
    connection_id: int, doc_types: Sequence[str], since: date
) -> list[Select[*tuple[Any, ...]]]:
    """What is open is counted in an index that has it by type and state, without what only waits
    for its gate: of that there are many, and no figure is of it, but that there is any. What is
    booked is added up day by day, in the order of its index: to choose what is posted before that,
    SQLite sorts all of it.
    """
    columns = (Posting.doc_type, Posting.state, Posting.currency, Posting.book, Posting.amount)
    mine = select(*columns).where(Posting.connection_id == connection_id)
    keys = (Posting.doc_type, Posting.state, Posting.currency)
    booked = select(*keys, *_sums(Posting)).where(Posting.connection_id == connection_id)
    booked = booked.where(text(f"posting.{Posting.BOOKED}"), Posting.doc_date >= since)
    return [
        booked.group_by(Posting.doc_date, *keys),
        *(
            _summed(
                mine.where(text(_OPEN), Posting.doc_type == doc_type)
                .where(among_words(Posting.state, states))
                .limit(MOST + 1),
                doc_type,
            )
            for doc_type in doc_types
            for states in _COUNTED
        ),
        *(_of_the_rest(connection_id, doc_type) for doc_type in doc_types),
    ]


def _summed(documents: Select[*tuple[Any, ...]], doc_type: str) -> Select[*tuple[Any, ...]]:
    """How many of these, all of a type, there are of each state and currency, and their money."""
    one = documents.subquery().c
    keys = (one.state, one.currency)
    return select(literal(doc_type, Text).label("doc_type"), *keys, *_sums(one)).group_by(*keys)


def _sums(one: Any) -> tuple[Label[Any], ...]:
    """How many documents there are, and their money."""
    in_own = func.sum(case((one.book.is_(None), one.amount))).label("minor")
    return func.count().label("postings"), func.sum(one.book).label("book"), in_own


def _of_the_rest(connection_id: int, doc_type: str) -> Select[*tuple[Any, ...]]:
    """A line without figures where something of this type is open in another state."""
    some = select(Posting.id).where(Posting.connection_id == connection_id, text(_OPEN))
    some = some.where(Posting.doc_type == doc_type, among_words(Posting.state, _ON_THE_WAY))
    waiting = literal(PostingState.WAITING, Posting.state.type)
    name, nothing, none = literal(doc_type, Text), literal("", Text), cast(null(), BigInteger)
    found: Select[*tuple[Any, ...]] = select(name, waiting, nothing, literal(0), none, none)
    return found.where(exists(some))
