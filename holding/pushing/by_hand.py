"""Documents that somebody typed into the target by hand: looked for before one is made.

Here: the search, what of it was not sent from here, and the hold that shows it. Not here: what a
person then decides (holding/manual_entries.py).
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.kit.contract import Found, Stands
from connectors.kit.standing import Searchable
from connectors.kit.through import Remembering
from holding.models import Posting, Record, Release, Version
from holding.pushing import breaker, limits, results
from holding.pushing.check import Checked, check
from holding.pushing.claim import Claim, give_back, put_back
from holding.pushing.desk import Channel, Desk
from holding.pushing.rows import keep_alike
from holding.pushing.trouble import MANUAL, Trouble


def clear(desk: Desk, channel: Channel, one: Checked, reads: Remembering) -> bool | Found:
    """Whether a document may be made: nothing like it stands there, or a person knows of it. Where
    the target refuses our key, what it said. `reads` are those of the pass: where all documents are
    for one party, one list serves them all.
    """
    target = channel.target
    if one.action != "create" or not isinstance(target, Searchable) or _let_pass(desk, one):
        return True
    before = reads.calls
    found = target.alike(one.document, channel.settings, channel.secret, reads)
    _charge(desk, channel, reads.calls - before - 1)  # one is part of what a document costs
    if isinstance(found, Found):
        if found.key_refused:
            return found
        if found.kind == "different":
            _hold(desk, channel, one, (), found.words)
        else:
            unclear(desk, channel, one.claim, found)
        return False
    with desk.database.read() as session:
        others = _not_ours(session, channel, one, found)
    if others:
        _hold(desk, channel, one, others, _perhaps_by_hand(channel, others))
    return not others


def _charge(desk: Desk, channel: Channel, calls: int) -> None:
    """A long list takes more calls than one."""
    if calls > 0:
        with desk.database.write() as session:
            limits.spend(session, channel, calls)


def unclear(desk: Desk, channel: Channel, claim: Claim, found: Found) -> None:
    """Nobody can say what stands there: the posting is tried again a little later."""
    give_back(desk, [claim], after=desk.lease)
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.failed(session, channel.connection_id, now, desk.pace)
        limits.heard(session, channel, [found], now)


def stands(desk: Desk, channel: Channel, one: Checked, found: Found) -> bool:
    """Whether another document stands under the number of one that was never sent; it is held."""
    never = one.action == "create" and one.no == 1 and found.kind == "different"
    if not never or found.stands is None or _let_pass(desk, one):
        return False
    _hold(desk, channel, one, [found.stands], _perhaps_by_hand(channel, [found.stands]))
    return True


def _let_pass(desk: Desk, one: Checked) -> bool:
    """Whether a person has seen what stands there, and wants this content made all the same."""
    posting = one.posting
    query = (
        select(Release.id)
        .join(Record, Record.id == Release.record_id)
        .join(Version, Version.id == Record.version_id)
        .where(Release.record_id == posting.record_id, Release.route == posting.route)
        .where(Release.seq == posting.seq, Release.code == MANUAL, Release.kind == "release")
        .where(Release.voided_at.is_(None), Release.content_sha256 == Version.sha256)
    )
    with desk.database.read() as session:
        return session.scalar(query.limit(1)) is not None


def _not_ours(
    session: Session, channel: Channel, one: Checked, found: Sequence[Stands]
) -> list[Stands]:
    """Those that no other posting stands for; one under its own number is none of ours yet."""
    query = select(Posting.number).where(
        Posting.connection_id == channel.connection_id,
        Posting.doc_type == one.document.document,
        Posting.number.in_([other.number for other in found]),
        Posting.sent_at.is_not(None),
        Posting.id != one.claim.posting_id,
    )
    ours = {number.casefold() for number in session.scalars(query)}
    return [other for other in found if other.number.casefold() not in ours]


def _hold(desk: Desk, channel: Channel, one: Checked, found: Sequence[Stands], words: str) -> None:
    """Nothing is sent; the hold says what stands there, and the reading shows it."""
    with desk.database.write() as session:
        now = desk.clock.now()
        still = check(session, channel, [one.claim], lock=True, now=now)[one.claim.posting_id]
        if not isinstance(still, Checked):
            put_back(session, one.claim, now)
            return
        keep_alike(session, one.claim.posting_id, found, now)
        trouble = Trouble(code=MANUAL, error_class="duplicate", words=words, decided=True)
        results.stopped(session, channel, one.claim, trouble, now)


def _perhaps_by_hand(channel: Channel, found: Sequence[Stands]) -> str:
    told = "; ".join(_told(other) for other in found)
    return f"In {channel.name} stands {told}. It was not sent from here: perhaps by hand."


def _told(other: Stands) -> str:
    amount = "" if other.amount is None else f" over {other.currency} {other.amount}"
    return f"{other.number} for {other.party}{amount}, dated {other.date}"
