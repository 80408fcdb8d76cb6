"""Holds that stand open again when the release that closed them is taken back.

Here: the holds that no judging opens anew, because a reading of the target opened them. Not here:
voiding the release (`undo.py`), opening the hold for the first time
(holding/reconciliation/totals_mismatch.py).
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, aliased

from holding.lifecycle.causes import TOTALS, recount
from holding.store import bulk
from holding.tables import Hold, Posting, Release
from holding.tables.decisions import is_open
from holding.tables.row_states import HoldState
from rules.values.posting_states import PostingState

_NEW: Final = {
    "state": HoldState.OPEN,
    "snoozed_until": None,
    "closed_at": None,
    "closed_by_id": None,
    "closed_why": None,
    "closed_evaluation_id": None,
    "lock": 0,
}
_other = aliased(Hold)
_OPEN = exists().where(  # a reading was faster
    _other.record_id == Hold.record_id,
    _other.route == Hold.route,
    _other.seq == Hold.seq,
    _other.code == Hold.code,
    is_open(_other.state),
)
_THEIRS = and_(
    Hold.record_id == Release.record_id,
    Hold.route == Release.route,
    Hold.seq == Release.seq,
    Hold.code == Release.code,
    Hold.cause_id == Release.cause_id,
    Hold.closed_at == Release.at,
)


def open_again(session: Session, release_ids: Collection[int], now: datetime) -> None:
    """Open what these releases let pass and only the target can clear; as it was, with its words
    and its owner. The states of the records are set by whoever asks.
    """
    query = (
        select(Hold)
        .join(Release, _THEIRS)
        .join(Posting, Posting.id == Hold.posting_id)
        .where(bulk.among(Release.id, release_ids), Hold.code == TOTALS)
        .where(Hold.state == HoldState.RELEASED, Posting.state == PostingState.POSTED, ~_OPEN)
        .order_by(Hold.id)
    )
    found = session.scalars(query).all()
    session.add_all(_again(hold, now) for hold in found)
    recount(session, sorted({hold.cause_id for hold in found}))


def _again(hold: Hold, now: datetime) -> Hold:
    names = [one.key for one in Hold.__mapper__.column_attrs if one.key != "id"]
    kept: dict[str, Any] = {name: getattr(hold, name) for name in names}
    return Hold(**kept | _NEW | {"opened_at": now})
