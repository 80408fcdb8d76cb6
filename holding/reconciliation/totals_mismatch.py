"""A retry succeeded, and the target still shows another total than was sent: that is escalated.

Here: opening and ending the hold after a reading. Not here: the reading (read_back.py), the sums of
the day (daily_totals.py), what the rules say of a field that somebody changed there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract import Found
from holding.connections.channel import Channel
from holding.db import bulk
from holding.db import refusal as words
from holding.db.models import Attempt, Hold, Posting, Push, Request
from holding.db.models.columns import to_minor
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import money
from holding.platform.states import TOTALS
from holding.posting import holds as target_holds
from holding.posting.holds import Trouble

RETRIED: Final = 2
"""So often it was sent at least, where a retry brought it there."""
SHOWN_AGAIN = "The accounting system shows the total that was sent."


@dataclass(frozen=True, slots=True)
class Seen:
    """A posting, and what was just read of it beside what was sent; `agreed`: the last reading of
    it showed no difference, so that whatever differs now was changed there since.
    """

    posting: Posting
    found: Found
    agreed: bool


def follow(
    session: Session, channel: Channel, seen: Sequence[Seen], now: datetime
) -> tuple[list[int], list[int]]:
    """Open a hold where a document that was retried has another total there, and close those whose
    document shows its total again; the records and causes that were touched, to be settled last.
    """
    shown = {one.posting.id: total for one in seen
             if (total := _shown(channel, one)) is not None}  # fmt: skip
    sends = _sends(
        session, [one.posting.id for one in seen if _amiss(one, shown.get(one.posting.id))]
    )
    records: list[int] = []
    causes: list[int] = []
    open_ones = _open(session, [one.posting.id for one in seen])
    for one in seen:
        posting, total = one.posting, shown.get(one.posting.id)
        if total is None:
            continue  # an open one stays open
        if not _amiss(one, total):
            if posting.id in open_ones:
                causes += target_holds.close_holds(
                    session, [posting.id], (TOTALS,), now, why=SHOWN_AGAIN
                )
                records.append(posting.record_id)
        elif posting.id in open_ones or (not one.agreed and sends.get(posting.id, 0) >= RETRIED):
            trouble = _trouble(channel, posting, total, sends.get(posting.id, RETRIED))
            causes.append(target_holds.open_hold(session, posting, trouble, now))
            records.append(posting.record_id)
    return records, causes


def _amiss(one: Seen, total: int | None) -> bool:
    return total is not None and total != one.posting.amount


def _shown(channel: Channel, one: Seen) -> int | None:
    """The total that the target shows in minor units, 0 where the document is gone or void; None
    where nobody can say: there are two of its number, or what is shown is no amount.
    """
    found, posting = one.found, one.posting
    if found.kind == "unknown" or posting.amount is None:
        return None
    if found.kind == "equal":
        return posting.amount
    if found.kind == "absent" or found.void:
        return 0
    if not found.differs:
        return None
    field = channel.total_field(posting.doc_type)
    told = [kept.value for kept in found.differs if (kept.line, kept.field) == (0, field)]
    try:
        return to_minor(Decimal(told[0]), posting.currency) if told else posting.amount
    except (InvalidOperation, OverflowError):
        return None


def _sends(session: Session, posting_ids: Sequence[int]) -> dict[int, int]:
    """Posting id -> how often its creation was sent."""
    if not posting_ids:
        return {}
    query = (
        select(Push.posting_id, func.count())
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(bulk.among(Push.posting_id, posting_ids), Request.kind == "push")
        .where(Push.action == "create")
        .group_by(Push.posting_id)
    )
    return {posting_id: int(count) for posting_id, count in session.execute(query)}


def _open(session: Session, posting_ids: Sequence[int]) -> set[int]:
    query = select(Hold.posting_id).where(
        bulk.among(Hold.posting_id, posting_ids), Hold.code == TOTALS, HOLD_OPEN
    )
    return {found for found in session.scalars(query) if found is not None}


def _trouble(channel: Channel, posting: Posting, there: int, sends: int) -> Trouble:
    sent, kept = money(posting.amount, posting.currency), money(there, posting.currency)
    off = (posting.amount or 0) - there
    kind, day = posting.doc_type.replace("_", " "), posting.doc_date
    told = f"{posting.number} was sent {words.plural(sends, 'time')} before {channel.name} took it."
    shows = f"It shows {kept} there and was sent with {sent}."
    short = "short" if off > 0 else "too high"
    sums = f"The {kind} total of {day} is {money(abs(off), posting.currency)} {short} there."
    return Trouble(
        code=TOTALS, error_class="stale_version", words=f"{told} {shows} {sums}", decided=True
    )
