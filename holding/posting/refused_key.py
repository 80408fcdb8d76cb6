"""A key that the target refuses: one document carries that as an exception, the others wait.

Here: the exception, by the document that met the refusal, or by the first that waits where a
question or a renewal of the key met it. Not here: when nothing goes out any more
(connections/breaker.py), what an answer to a document means (calls.py), the end of it all by a new
key (holding/connections/setup.py).
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from connectors.contract import Answer, Found
from holding.connections import breaker
from holding.connections.channel import Channel, Desk
from holding.journal import retry_policy, target_holds
from holding.journal.posting_claims import QUIET, STOPPED, TOLD, Claim, take
from holding.journal.push_rows import add_look
from holding.journal.returned_claims import put_back, put_back_each
from holding.journal.target_holds import REFUSED, Trouble
from holding.posting import results
from holding.posting.intent import add_pushes, examine
from holding.posting.last_check import Checked, check
from holding.posting.push import Case
from holding.tables import Connection, Posting
from rules.values.posting_states import PostingState

KEY_REFUSED: Final = "authorization_failed"


def met(
    desk: Desk, channel: Channel, claim: Claim, found: Found, story: bytes, waiting: Sequence[Claim]
) -> None:
    """A look at this document met it; the others wait for a key."""
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.keep_key(session, channel.connection_id)
        put_back_each(session, ((other, other.due_at) for other in waiting))
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        breaker.shut(session, channel.connection_id, now, channel.key_id)
        if not isinstance(one, Checked) or not _untold(session, channel):
            put_back(session, claim, claim.due_at)
            return
        stories = {claim.posting_id: story}
        (member,) = add_pushes(session, desk, channel, [one], stories)
        add_look(session, channel, member, found, kind="lookup", key=one.key, now=now)
        case = Case(session, desk, channel, member, now)
        said = Answer(kind="refused", error_class=KEY_REFUSED, words=found.words)
        results.refused(case, said)
        target_holds.settle(session, [member.record_id], case.causes)


def tell(desk: Desk, channel: Channel, words: str = "") -> int:
    """No document has met it yet: the first that waits carries it, and nothing is sent. How many
    were told of it: one, or none.
    """
    with desk.database.read() as session:
        if not _untold(session, channel):
            return 0
    with desk.database.write() as session:
        now = desk.clock.now()
        ids = session.scalars(_first(channel), {"now": now}).all()
        claims = take(session, desk, ids, now)
    told = 0
    for one in examine(desk, channel, claims, in_file=False).good:
        told += _held(desk, channel, one.claim, words)
    return told


def _held(desk: Desk, channel: Channel, claim: Claim, words: str) -> bool:
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.keep_key(session, channel.connection_id)
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        breaker.locked(session, channel.connection_id)  # of many workers, one tells
        if not isinstance(one, Checked) or not _untold(session, channel):
            put_back(session, claim, claim.due_at)
            return False
        posting = one.posting
        untested = session.get_one(Connection, channel.connection_id).untested_since is not None
        found = Trouble(
            code=REFUSED,
            error_class=KEY_REFUSED,
            words=_untested(channel) if untested else words or _refused(channel),
            owner=retry_policy.after(session, posting, KEY_REFUSED, posting.tries + 1).owner,
        )
        results.stopped(session, channel, claim, found, now)
        return True


def _refused(channel: Channel) -> str:
    return f"{channel.name} does not accept the API key."


def _untested(channel: Channel) -> str:
    why = "since its settings were last changed"
    return f"No connection test of {channel.name} has passed {why}, so nothing is sent there."


def _untold(session: Session, channel: Channel) -> bool:
    """Whether the key is refused, and no open exception says so."""
    query = select(Connection.id).where(Connection.id == channel.connection_id, ~TOLD)
    return breaker.refused(session, channel.connection_id) and session.scalar(query) is not None


def _first(channel: Channel) -> Select[int]:
    """The first document that waits: what is due by a clock comes before what a run sends."""
    return (
        select(Posting.id)
        .where(Posting.connection_id == channel.connection_id, Posting.state == PostingState.READY)
        .where(Posting.company_id == channel.company_id, text(f"posting.{Posting.OPEN}"))
        .where(Posting.lease_until.is_(None), QUIET, ~STOPPED)
        .order_by(Posting.due_at.is_(None), Posting.due_at, Posting.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )
