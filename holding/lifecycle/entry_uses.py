"""The documents that mapping entries were used for, the newest first and so many of each entry.

Here: the one way to read them that reads no more than it is asked for: of a tax rate there may be
millions. Not here: the entries of a key, and what becomes of it (holding/mappings).
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ScalarSelect, Subquery, func, select
from sqlalchemy.orm import aliased

from holding.store import bulk
from holding.store.together import Question
from holding.tables import MappingEntry, Posting, PostingUse
from holding.tables.postings import IN_FLIGHT_STATES
from rules.values.posting_states import PostingState

MOST: Final = 1_000
"""Of an entry so many documents are looked at in a request, and of a cause so many holds."""
SENT: Final = (PostingState.POSTED, PostingState.REVERSED, *IN_FLIGHT_STATES)
END: Final = 1 << 62
"""Above every id."""


def newest_uses(entry_ids: Collection[int], most: int, below: int = END) -> Subquery:
    """Entry and document of its newest `most` uses `below` a document, of each of these entries.

    It has a limit, so that no planner reads all of them to join them otherwise.
    """
    from_here = func.coalesce(edge(most - 1, below), 0)
    return (
        select(PostingUse.entry_id, PostingUse.posting_id)
        .join(MappingEntry, MappingEntry.id == PostingUse.entry_id)
        .where(bulk.among(MappingEntry.id, sorted(entry_ids)))
        .where(PostingUse.posting_id >= from_here, PostingUse.posting_id < below)
        .limit(most * max(1, len(entry_ids)))
        .subquery()
    )


def edge(most: int, below: int = END) -> ScalarSelect[int]:
    """The newest document of an entry of a row behind its `most` newest; NULL where it has no more
    than these.
    """
    other = aliased(PostingUse)
    return (
        select(other.posting_id)
        .where(other.entry_id == MappingEntry.id, other.posting_id < below)
        .correlate(MappingEntry)
        .order_by(other.posting_id.desc())
        .offset(most)
        .limit(1)
        .scalar_subquery()
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """Documents in the books or on their way, the newest first; `below` a document there are older
    ones that were not looked at, if it is not None.
    """

    documents: tuple[int, ...]
    below: int | None


def sent_with(
    company_id: int, entry_ids: Collection[int], most: int, below: int = END
) -> Question[Sent]:
    """Those among the newest `most` documents of each entry `below` a document: down to one down to
    which all entries were read.
    """
    some = newest_uses(entry_ids, most + 1, below)
    rows = yield (
        select(some.c.entry_id, some.c.posting_id, Posting.state.in_(SENT).label("sent"))
        .join(Posting, Posting.id == some.c.posting_id)
        .where(Posting.company_id == company_id)
    )
    of_entry: dict[int, list[int]] = defaultdict(list)
    sent: set[int] = set()
    for row in rows:
        of_entry[row.entry_id].append(row.posting_id)
        sent |= {row.posting_id} if row.sent else set()
    edges = [sorted(ids)[-most] for ids in of_entry.values() if len(ids) > most]
    last = max(edges, default=None)
    seen = sorted((one for one in sent if one >= (last or 0)), reverse=True)
    return Sent(tuple(seen), last)
