"""A shop whose first order is posted, and what a push leaves behind."""

from datetime import timedelta

from sqlalchemy.orm import Session

from holding.approvals import approve
from holding.db.models import Attempt, Posting, Request
from holding.mappings import fixes
from rules.values.canonical import PostingState
from tests.holding.shop import Shop, line, order, start
from tests.support.databases import any_move
from tests.support.postings import make_push


@start
def posted_shop(shop: Shop) -> Shop:
    """NS-1: above the limit, with an unknown debtor: mapped by Farah, approved by Lim, posted."""
    shop.publish()
    body = order("NS-1", customer="C-99", total="1920.00", approved_by="Siti", approved_version=1)
    shop.receive(body | {"lines": [line(price="960.00")]})
    shop.judge()
    shop.clock.advance(timedelta(hours=2))
    with shop.database.write() as session:
        farah = shop.actor("farah")
        fixes.fix(session, farah, "debtor", "C-99", "Chong", "a new buyer", shop.now, 9)
    shop.judge()
    shop.clock.advance(timedelta(minutes=31))
    with shop.database.write() as session:
        posting = shop.posting(session, "NS-1")
        approve.approve(session, shop.actor("lim"), [posting.id], "checked", shop.now)
    with shop.database.write() as session:
        send(session, shop, shop.posting(session, "NS-1"))
    return shop


def send(session: Session, shop: Shop, posting: Posting, proof: str | None = None) -> None:
    """What a push leaves behind when the target took the document."""
    now = shop.now
    push = make_push(posting, state="accepted", at=now, key="key-1", closed_at=now)
    request = Request(
        connection_id=posting.connection_id,
        kind="push",
        key="key-1",
        sha256="ab" * 32,
        state="answered",
        made_at=now,
        deadline_at=now,
        status=201,
    )
    session.add_all([push, request])
    session.flush()
    session.add(
        Attempt(
            request_id=request.id,
            push_id=push.id,
            no=1,
            fence=1,
            state="accepted",
            proof=proof,
            at=now,
        )
    )
    with any_move(session):
        posting.state = PostingState.POSTED
    posting.push_id = posting.posted_push_id = push.id
    posting.sent_at = posting.posted_at = now
    session.flush()
