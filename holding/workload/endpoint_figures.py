"""What a target is used for: of each type of document what is ready, on hold, and posted lately.

Here: these figures. Not here: the target itself (holding/connections/connection_rows.py), its pill
(holding/runs/status.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
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

from holding.store.together import Question
from holding.tables import Posting
from holding.tables.columns import among_words, is_word
from holding.tables.postings import ENDED
from holding.words import Sums, added, by_key
from rules.values.posting_states import PostingState

_OPEN: Final = f"posting.{Posting.OPEN}"
_GROUPS: Final = {
    PostingState.READY: "ready",
    PostingState.POSTED: "posted",
    PostingState.HELD: "held",
    PostingState.FAILED: "held",
    PostingState.UNCERTAIN: "held",
}
_COUNTED: Final = tuple(one for one in _GROUPS if one != PostingState.POSTED)
_ON_THE_WAY: Final = tuple(one for one in PostingState if one not in (*ENDED, *_COUNTED))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One document type that a target is used for: how many are ready and held now, and how many of
    the latest document days are posted.
    """

    doc_type: str
    route: str
    ready: int
    ready_money: Sums
    posted: int
    posted_money: Sums
    held: int
    held_money: Sums


def endpoints(
    company_id: int, connection_id: int, doc_types: Sequence[str], since: date
) -> Question[tuple[Endpoint, ...]]:
    """One line for each of these types of which something is open or, of the document days from one
    on, posted.
    """
    each = union_all(*_figures(connection_id, doc_types, since)).subquery()
    other = aliased(Posting)
    route = select(other.route).where(
        other.company_id == company_id,
        other.connection_id == connection_id,
        other.doc_type == each.c.doc_type,
    )
    newest = route.order_by(other.doc_date.desc()).limit(1).scalar_subquery().label("route")
    rows = yield select(each, newest).order_by(each.c.doc_type, each.c.state)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
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


def _figures(
    connection_id: int, doc_types: Sequence[str], since: date
) -> list[Select[*tuple[Any, ...]]]:
    """What is open is counted in an index that has it by type and state, without what only waits
    for its gate: of that there are many, and no figure is of it, but that there is any.
    """
    in_own = case((Posting.book.is_(None), Posting.amount))
    figures = (
        select(Posting.doc_type, Posting.state, Posting.currency, func.count().label("postings"))
        .add_columns(func.sum(Posting.book).label("book"), func.sum(in_own).label("minor"))
        .where(Posting.connection_id == connection_id)
        .group_by(Posting.doc_type, Posting.state, Posting.currency)
    )
    booked = (text(f"posting.{Posting.BOOKED}"), Posting.doc_date >= since)
    waiting = (text(_OPEN), among_words(Posting.state, _COUNTED))
    return [
        figures.where(*booked, is_word(Posting.state, PostingState.POSTED)),
        figures.where(*waiting, Posting.doc_type.in_(doc_types)),
        *(_of_the_rest(connection_id, doc_type) for doc_type in doc_types),
    ]


def _of_the_rest(connection_id: int, doc_type: str) -> Select[*tuple[Any, ...]]:
    """A line without figures where something of this type is open in another state."""
    some = select(Posting.id).where(Posting.connection_id == connection_id, text(_OPEN))
    some = some.where(Posting.doc_type == doc_type, among_words(Posting.state, _ON_THE_WAY))
    waiting = literal(PostingState.WAITING, Posting.state.type)
    name, nothing, none = literal(doc_type, Text), literal("", Text), cast(null(), BigInteger)
    found: Select[*tuple[Any, ...]] = select(name, waiting, nothing, literal(0), none, none)
    return found.where(exists(some))
