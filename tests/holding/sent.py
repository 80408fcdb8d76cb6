"""A posting that was sent, without a target."""

from sqlalchemy import select

from holding.db.models import Posting
from holding.platform.states import move_posting, refresh_record_states
from rules.values.canonical import PostingState
from tests.support.postings import make_push
from tests.support.shop import Shop


def send(shop: Shop, state: str) -> int:
    """Bring the only posting to a state, as pushing does."""
    with shop.database.write() as session:
        posting = session.scalars(select(Posting)).one()
        push = make_push(posting, state="sending", at=shop.clock.now())
        session.add(push)
        session.flush()
        move_posting(
            session,
            posting.id,
            expected=PostingState.READY,
            to=PostingState.SENDING,
            lock=posting.lock,
            due_at=None,
        )
        if state != "sending":
            session.refresh(posting)
            move_posting(
                session,
                posting.id,
                expected=PostingState.SENDING,
                to=PostingState(state),
                lock=posting.lock,
                posted_push_id=push.id,
            )
        refresh_record_states(session, [posting.record_id])
        return posting.id
