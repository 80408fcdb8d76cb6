"""What other records of a family have posted, and somebody decides about.

Here: reading those holds, as a fact of the records that come after them. Not here: what then waits
(rules/weighing.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, select, text
from sqlalchemy.orm import Session

from holding import bulk
from holding.judging.batch import PostingRow
from holding.models import Hold, Posting, Team

Decided = Mapping[int, Mapping[str, str]]  # record id -> route -> who decides, by which rule


def of_families(session: Session, rows: Sequence[PostingRow]) -> dict[int, Decided]:
    """Family -> the open holds on what is posted, of families of several records."""
    members: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        members[row.family].add(row.record_id)
    posted = [r.id for r in rows if r.state == "posted" and len(members[r.family]) > 1]
    found: dict[int, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    if not posted:
        return {}
    for hold in session.execute(_HELD, {"ids": posted}):
        found[hold.family][hold.record_id][hold.route] = f"held for {hold.team} ({hold.rule})"
    return {family: dict(records) for family, records in found.items()}


_HELD = (
    select(Posting.family, Posting.record_id, Posting.route, Team.name.label("team"), Hold.rule)
    .join(
        Hold,
        and_(
            Hold.record_id == Posting.record_id,
            Hold.route == Posting.route,
            Hold.seq == Posting.seq,
        ),
    )
    .join(Team, Team.id == Hold.team_id)
    .where(bulk.among_given(Posting.id, "ids"), text(f"hold.{Hold.OPEN}"))
    .where(Hold.severity != "warn")
    .order_by(Hold.id.desc())
)


def by_others(decided: Decided, record_id: int) -> dict[str, str]:
    """Route -> who decides about it, of all records but this one."""
    found: dict[str, str] = {}
    for other_id in sorted(decided, reverse=True):
        if other_id != record_id:
            found.update(decided[other_id])
    return found
