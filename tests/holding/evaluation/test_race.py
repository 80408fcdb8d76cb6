"""The race: deliveries, mappings, judging workers and a pushing one at once, and nothing is lost.

Here: the test that model.md's rules were found with; it checks the tables against each other at the
end. The target is a stand-in that refuses one in ten and forgets nothing.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connectors.transport.http import MachineClock
from holding.db.models import Cause, Evaluation, Hold, Posting, Push, Record
from holding.db.models.columns import DUE
from holding.evaluation.evaluate_due import judge_due
from holding.platform.changes import wake_records
from holding.platform.states import move_posting, refresh_record_states, state_of
from rules.values.canonical import PostingState
from tests.support.databases import any_move
from tests.support.postings import make_push
from tests.support.shop import Shop, order

ORDERS = 120
BATCHES = 12
ITEMS = 20


class Race:
    """Everybody who works at once, and what went wrong."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.clock = MachineClock()
        self.seed = seed
        self.sent: Counter[str] = Counter()
        self.feeding = 0
        self.errors: list[BaseException] = []
        self.stop = threading.Event()

    def run(self) -> None:
        feeders = [self.deliver_half, self.deliver_other_half, self.map_items]
        workers = [self.judge("j1"), self.judge("j2"), self.judge("j3"), self.push]
        self.feeding = len(feeders)
        threads = [threading.Thread(target=self.guarded, args=(f,)) for f in feeders + workers]
        for thread in threads:
            thread.start()
        for thread in threads[: len(feeders)]:
            thread.join()
        self.feeding = 0
        for thread in threads:
            thread.join()
        assert self.errors == []

    def guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # every thread's fault is the test's
            self.errors.append(error)
            self.stop.set()

    def deliver_half(self) -> None:
        self.deliver(0)

    def deliver_other_half(self) -> None:
        self.deliver(1)

    def deliver(self, half: int) -> None:
        """Overlapping batches of new orders and edits of older ones."""
        chance = random.Random(self.seed + half)
        size = ORDERS // BATCHES
        for batch in range(half, BATCHES, 2):
            numbers = range(batch * size, (batch + 1) * size)
            bodies = [self.body(n, chance, total="30.00") for n in numbers]
            olds = chance.sample(range(batch * size + 1), min(5, batch * size))
            bodies += [self.body(n, chance, total="40.00") for n in olds if n not in numbers]
            self.shop.arrive(*bodies)

    def body(self, number: int, chance: random.Random, total: str) -> dict[str, object]:
        skus = [f"S{(number * 7 + k) % ITEMS}" for k in range(2)]
        status = "cancelled" if chance.random() < 0.05 else "paid"
        reference = f"R{number // 2}" if number % 50 < 2 else ""
        return order(str(number), *skus, total=total, status=status, reference=reference)

    def map_items(self) -> None:
        for k in range(ITEMS - 2):  # two items stay unknown
            self.shop.map(f"S{k}")

    def judge(self, owner: str) -> Callable[[], None]:
        def work() -> None:
            while not self.stop.is_set():
                done = judge_due(
                    self.shop.database,
                    self.clock,
                    company_id=self.shop.company.id,
                    owner=owner,
                    limit=60,
                    programs=self.shop.programs,
                )
                if done.count == 0 and self.rest():
                    return

        return work

    def rest(self) -> bool:
        """Let the others have the processor; True when all is done."""
        self.stop.wait(0.05)
        return self.over()

    def over(self) -> bool:
        """Whether nobody feeds any more and nothing is due or leased."""
        if self.feeding:
            return False
        busy = Record.due_at.is_not(None) | Record.lease_until.is_not(None)
        with self.shop.database.read() as session:
            left = session.scalar(select(func.count(Record.id)).where(busy)) or 0
            flying = session.scalar(
                select(func.count(Posting.id)).where(Posting.state.in_(("ready", "sending")))
            )
        return left == 0 and not flying

    def push(self) -> None:
        chance = random.Random(self.seed + 2)
        while not self.stop.is_set():
            if not self.push_one(chance) and self.rest():
                return

    def push_one(self, chance: random.Random) -> bool:
        """Intent in one transaction, the effect outside of any, the answer in another."""
        with self.shop.database.write() as session:
            posting_id = self.intend(session)
        if posting_id is None:
            return False
        refused = chance.random() < 0.1
        with self.shop.database.read() as session:
            number = session.scalars(select(Posting.number).where(Posting.id == posting_id)).one()
        if not refused:
            self.sent[number] += 1
        with self.shop.database.write() as session:
            self.settle(session, posting_id, refused=refused)
        return True

    def intend(self, session: Session) -> int | None:
        due = select(Posting.id, Posting.record_id).where(
            Posting.state == "ready", text(DUE), Posting.due_at <= self.clock.now()
        )
        found = session.execute(due.order_by(Posting.due_at, Posting.id).limit(1)).first()
        if found is None:
            return None
        session.get_one(Record, found.record_id, with_for_update={"key_share": True})
        posting = session.get_one(Posting, found.id)
        session.refresh(posting)
        if posting.state != "ready" or posting.content is None:
            return None
        last = select(func.coalesce(func.max(Push.no), 0)).where(Push.posting_id == posting.id)
        no = session.scalars(last).one() + 1
        key = f"{posting.id}-{no}"
        push = make_push(posting, state="sending", at=self.clock.now(), no=no, key=key)
        session.add(push)
        session.flush()
        assert move_posting(
            session,
            posting.id,
            expected=PostingState.READY,
            to=PostingState.SENDING,
            lock=posting.lock,
            due_at=None,
            sent_at=self.clock.now(),
            push_id=push.id,
        )
        refresh_record_states(session, [posting.record_id])
        return posting.id

    def settle(self, session: Session, posting_id: int, *, refused: bool) -> None:
        found = select(Posting.record_id).where(Posting.id == posting_id)
        record_id = session.scalars(found).one()
        session.get_one(Record, record_id, with_for_update={"key_share": True})
        posting = session.get_one(Posting, posting_id)
        session.refresh(posting)
        end = "refused" if refused else "accepted"
        with any_move(session):
            session.execute(update(Push).where(Push.id == posting.push_id).values(state=end))
        later = self.clock.now() + timedelta(milliseconds=1)
        columns = (
            {"due_at": later, "sent_at": None, "push_id": None}
            if refused
            else {"posted_push_id": posting.push_id, "posted_at": later}
        )
        to = PostingState.READY if refused else PostingState.POSTED
        assert move_posting(
            session, posting.id, expected=PostingState.SENDING, to=to, lock=posting.lock, **columns
        )
        refresh_record_states(session, [record_id])
        wake_records(session, [record_id], self.clock.now())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_doubled_or_left(shop: Shop, seed: int) -> None:
    race = Race(shop, seed)
    race.run()
    assert max(race.sent.values()) == 1
    with shop.database.read() as session:
        check_tables(session, race)


def check_tables(session: Session, race: Race) -> None:
    count = session.scalar(select(func.count(Record.id)))
    assert count == ORDERS
    postings = session.scalars(select(Posting)).all()
    posted = {p.number for p in postings if p.state == "posted"}
    assert posted == set(race.sent)
    open_holds = session.scalars(select(Hold).where(Hold.state == "open")).all()
    held = {hold.record_id for hold in open_holds}
    assert {p.record_id for p in postings if p.state == "held"} <= held
    by_record: dict[int, list[PostingState]] = {}
    for posting in postings:
        by_record.setdefault(posting.record_id, []).append(posting.state)
    for record in session.scalars(select(Record)):
        states = by_record.get(record.id, [])
        assert record.state == state_of(states, is_held=record.id in held), record.number
        assert (record.due_at, record.lease_until, record.lease_owner) == (None, None, None)
    live: dict[int, dict[int, int]] = {}
    for hold in open_holds:
        live.setdefault(hold.cause_id, {})[hold.record_id] = hold.book or 0
    for cause in session.scalars(select(Cause)):
        found = live.get(cause.id, {})
        assert (cause.records, cause.book) == (len(found), sum(found.values())), cause.key
    doubled = (
        select(Evaluation.record_id, Evaluation.fence)
        .group_by(Evaluation.record_id, Evaluation.fence)
        .having(func.count() > 1)
    )
    assert session.execute(doubled).all() == []
    unmapped = [p for p in postings if p.state == "ready"]
    assert unmapped == []


def test_the_index_refuses_a_second_create(shop: Shop) -> None:
    """The second line of defence: the intent itself cannot be written twice."""
    shop.map("A")
    shop.arrive(order("1", "A"))
    shop.judge()
    race = Race(shop, 0)
    with shop.database.write() as session:
        posting_id = race.intend(session)
    with shop.database.write() as session, any_move(session):
        session.execute(
            update(Posting)
            .where(Posting.id == posting_id)
            .values(state="ready", due_at=text("sent_at"))
        )
    with pytest.raises(IntegrityError), shop.database.write() as session:
        race.intend(session)
